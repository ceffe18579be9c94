"""Correlograms agree with the reference implementation, and with processes known by formula."""

import numpy as np
import pytest

from penchant.errors import HistoryError
from penchant.interest.correlation import (
    autocorrelations,
    correlogram,
    partial_autocorrelations,
)


def walks(series: int = 20, steps: int = 120, seed: int = 0) -> np.ndarray:
    """Noise, autoregressions and counts with many zeros."""
    rng = np.random.default_rng(seed)
    value_NS = rng.normal(size=(series, steps))
    for s in range(1, steps):
        value_NS[5:10, s] += 0.8 * value_NS[5:10, s - 1]
    value_NS[10:] = rng.poisson(0.2, size=(series - 10, steps))
    return value_NS


def test_agrees_with_statsmodels() -> None:
    stattools = pytest.importorskip("statsmodels.tsa.stattools")
    value_NS = walks()
    acf_NL = autocorrelations(value_NS, 30)
    pacf_NL = partial_autocorrelations(acf_NL)
    for value_S, acf_L, pacf_L in zip(value_NS, acf_NL, pacf_NL, strict=True):
        np.testing.assert_allclose(acf_L, stattools.acf(value_S, nlags=30)[1:], atol=1e-9)
        expected_L = stattools.pacf(value_S, nlags=30, method="ldbiased")[1:]
        np.testing.assert_allclose(pacf_L, expected_L, atol=1e-9)


def test_an_autoregression_of_order_two_shows_two_partial_autocorrelations() -> None:
    rng = np.random.default_rng(1)
    value_S = rng.normal(size=4000)
    for s in range(2, 4000):
        value_S[s] += 0.5 * value_S[s - 1] + 0.3 * value_S[s - 2]
    found = correlogram(value_S, 10)
    assert found.acf_L[0] == pytest.approx(0.5 / (1 - 0.3), abs=0.05)
    assert found.pacf_L[1] == pytest.approx(0.3, abs=0.05)
    assert np.abs(found.pacf_L[2:]).max() < 0.06


def test_noise_keeps_within_the_bound_in_19_of_20_cases() -> None:
    rng = np.random.default_rng(2)
    inside = []
    for value_S in rng.poisson(3.0, size=(200, 104)):
        found = correlogram(value_S, 5)
        inside.append(np.abs(found.pacf_L) < found.bound)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_a_constant_series_has_no_correlation() -> None:
    found = correlogram(np.full(40, 0.1))
    assert (found.acf_L == 0).all()
    assert (found.pacf_L == 0).all()


def test_lags_end_at_a_third_of_the_series_unless_asked_for() -> None:
    value_S = walks()[0]
    assert len(correlogram(value_S).acf_L) == 40
    assert len(correlogram(value_S, 52).pacf_L) == 52
    assert len(correlogram([1, 2, 4]).acf_L) == 1


@pytest.mark.parametrize("value_S", [[1.0, 2.0], [1.0, np.nan, 3.0, 4.0], [[1.0, 2.0, 3.0]]])
def test_what_is_no_series_is_refused(value_S: list[float]) -> None:
    with pytest.raises(HistoryError, match="at least 3 finite numbers; found"):
        correlogram(value_S)


@pytest.mark.parametrize("lags", [0, 12])
def test_lags_past_the_series_are_refused(lags: int) -> None:
    with pytest.raises(HistoryError, match=f"has lags 1 to 11; found {lags}"):
        correlogram(np.arange(12), lags)
