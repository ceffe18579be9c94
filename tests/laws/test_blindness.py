"""No recipe sees what happens after the cutoff: more events, new users, new kinds of event."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from laws.leak import check_blind_to_future, histories
from laws.trial import TASK, quick
from penchant import columns as c
from penchant.data.step import Step
from penchant.models import RECIPES

CUTOFF = 36
WEEKS = 52


@cache
def events() -> pa.Table:
    """Thirty users and, from the cutoff on, ten more, who also view and give back."""
    rng = np.random.default_rng(0)
    size = 4000
    week = rng.integers(WEEKS, size=size)
    late = week >= CUTOFF
    kind = np.where(late & (rng.random(size) < 0.3), "view", "purchase")
    kind = np.where(late & (rng.random(size) < 0.1), "return", kind)
    user = (rng.random(size) ** 2 * 30).astype(int) + np.where(late, rng.integers(11, size=size), 0)
    start = np.datetime64(Step.WEEK.start(2600), "us")
    return pa.table(
        {
            c.USER: np.char.add("user ", user.astype(str)),
            c.ITEM: np.char.add("item ", (rng.random(size) ** 2 * 6).astype(int).astype(str)),
            c.TIME: start + (week * 7 + rng.integers(7, size=size)).astype("timedelta64[D]"),
            c.KIND: kind,
            c.VALUE: rng.random(size),
        }
    )


def test_the_future_tried_holds_new_users_and_new_kinds():
    whole, alone = histories(events(), Step.WEEK, CUTOFF)
    assert len(whole.interest.users_U) > len(alone.interest.users_U)
    assert whole.interest.kinds_K == ("purchase", "return", "view")
    assert alone.interest.kinds_K == ("purchase",)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("cutoff", [14, CUTOFF])
def test_the_future_changes_no_forecast(name, cutoff):
    check_blind_to_future(quick(name), events(), TASK, cutoff)
