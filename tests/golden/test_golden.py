"""Forecasts stay what they were, unless a change means to move them."""

import json

import numpy as np
import pytest

from golden.renew import FOLDER, numbers_of, path_of
from penchant.models import RECIPES

TOLERANCE = {"boosted": 1e-4, "ensemble": 1e-4, "arima": 1e-4}  # sums differ between CPUs
OF_NETWORKS = 1e-2  # training enlarges such differences
SIX_DIGITS = 1e-5
RENEW = "If this was meant, run: PYTHONPATH=src python -m tests.golden.renew"


@pytest.mark.parametrize("name", RECIPES)
def test_a_forecast_is_what_it_was(name):
    assert path_of(name).exists(), f"{name} has no golden numbers yet. {RENEW} {name}"
    golden, found = json.loads(path_of(name).read_text()), numbers_of(name)
    assert list(found) == list(golden)
    for part, numbers in golden.items():
        np.testing.assert_allclose(
            found[part],
            numbers,
            rtol=tolerance_of(name),
            atol=1e-6,
            err_msg=f"The {part} of {name} moved. {RENEW} {name}",
        )


def tolerance_of(name):
    trained = hasattr(RECIPES[name](), "training")
    return TOLERANCE.get(name, OF_NETWORKS if trained else SIX_DIGITS)


def test_every_golden_file_is_of_a_recipe():
    assert {path.stem for path in FOLDER.glob("*.json")} <= set(RECIPES)
