"""A history too short to learn from gives a forecast, or a refusal that says why."""

import ibis
import numpy as np
import pyarrow as pa
import pytest

from laws.trial import TASK, quick
from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import PenchantError
from penchant.interest.history import build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models import RECIPES

ONE_STEP = Task(windows=(Window(0, 1),))
SHORT = {  # weeks of each event; users, topics, kinds and items take turns
    "one event": ([0], 1, 1, TASK),
    "one week": ([0, 0, 0, 0], 2, 2, ONE_STEP),
    "two weeks": ([0, 1], 2, 1, ONE_STEP),
    "one topic, two users": ([0, 1, 2, 3, 5, 8, 11, 12], 2, 1, TASK),
    "windows longer than the past": ([0, 1, 2, 2, 3], 2, 2, TASK),
    "as long as the windows": ([0, 2, 4, 5, 7], 2, 2, TASK),
    "one step longer than the windows": ([0, 2, 4, 5, 8], 2, 2, TASK),
    "two users, two topics": (list(range(30)), 2, 2, TASK),
    "then a long silence": ([0, 0, 1, 40], 2, 2, TASK),
    "a single user": (list(range(0, 40, 2)), 1, 3, TASK),
}


def history_of(weeks, users, topics, kind="purchase"):
    size = len(weeks)
    start = np.datetime64(Step.WEEK.start(2600), "us")
    events = ibis.memtable(
        pa.table(
            {
                c.USER: [f"u{i % users}" for i in range(size)],
                c.ITEM: [f"i{i // users % topics}" for i in range(size)],
                c.TIME: start + (np.array(weeks) * 7).astype("timedelta64[D]"),
                c.KIND: [kind] * size,
                c.VALUE: np.ones(size),
            }
        )
    )
    return build_history(events, choose_topics(events, None, floor=0))


def assert_served_or_refused(recipe, history, task):
    try:
        forecast = recipe.fit(history, task).predict(history)
    except PenchantError:
        return
    assert forecast.chance_UTW.shape == (*history.interest.shape[:2], len(task.windows))
    assert (forecast.quantile(0.9) >= 0).all()
    np.testing.assert_allclose(forecast.share().sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("case", SHORT)
def test_a_short_history_is_served_or_refused(name, case):
    weeks, users, topics, task = SHORT[case]
    assert_served_or_refused(quick(name), history_of(weeks, users, topics), task)


@pytest.mark.parametrize("name", RECIPES)
def test_a_history_without_the_target_kind_is_served_or_refused(name):
    history = history_of(list(range(30)), 2, 2, kind="view")
    assert_served_or_refused(quick(name), history, TASK)
