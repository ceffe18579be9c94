"""A forecast made at a cutoff doesn't change when the future is added to the log."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

from evaluation.toy import TASK, SmoothedShare, Steady
from laws.leak import check_blind_to_future
from penchant import columns as c
from penchant.data.step import Step
from penchant.interest.history import History
from penchant.interest.model import make_forecast

RECIPES = {
    "popularity": SmoothedShare(strength=float("inf")),
    "smoothed": SmoothedShare(),
    "steady": Steady(),
}


@pytest.fixture(scope="module")
def events():
    """Sixty weeks; some users, and one kind of event, come only after the cutoff."""
    rng = np.random.default_rng(0)
    size = 6000
    week = rng.integers(60, size=size)
    user = rng.integers(40, size=size) + np.where(week >= 40, 10, 0)
    start = np.datetime64(Step.WEEK.start(2000), "us")
    return pa.table(
        {
            c.USER: np.char.add("user ", user.astype(str)),
            c.ITEM: np.char.add("item ", rng.integers(9, size=size).astype(str)),
            c.TIME: start + (week * 7 + 2).astype("timedelta64[D]"),
            c.KIND: np.where((week > 45) & (rng.random(size) < 0.2), "view", "purchase"),
            c.VALUE: rng.random(size),
        }
    )


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("cutoff", [20, 40, 52])
def test_the_future_changes_no_forecast(name, cutoff, events):
    check_blind_to_future(RECIPES[name], events, TASK, cutoff)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Expects the more of everyone, the more users the shop is known to have."""

    def fit(self, history, task):
        return self

    def predict(self, history):
        users, topics, _ = history.interest.shape
        volume_UTW = np.full((users, topics, 2), history.population.users / 1000)
        return make_forecast(history, TASK, volume_UTW / 2, volume_UTW)


def test_a_cut_that_leaves_something_of_the_future_is_caught(events, monkeypatch):
    check_blind_to_future(Crowd(), events, TASK, 40)
    until = History.until
    monkeypatch.setattr(
        History,
        "until",
        lambda self, cutoff: replace(until(self, cutoff), population=self.population),
    )
    with pytest.raises(AssertionError, match="changed its chance_UTW"):
        check_blind_to_future(Crowd(), events, TASK, 40)
