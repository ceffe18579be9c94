"""The law against leaks: what happens after a cutoff never changes a forecast made at it."""

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.data.step import Step
from penchant.interest.forecast import Forecast
from penchant.interest.history import History, build_history
from penchant.interest.model import Recipe
from penchant.interest.task import Task
from penchant.interest.topics import choose_topics


def check_blind_to_future(recipe: Recipe, events: pa.Table, task: Task, cutoff: int) -> None:
    """Assert that a forecast at `cutoff` is the same, to the bit, with and without later events.

    Some event must fall in the last step before the cutoff, so that both histories reach it.
    """
    whole, alone = histories(events, task.step, cutoff)
    assert len(whole.interest.user_N) > len(alone.interest.user_N), "No event after the cutoff."
    knowing = forecast_at(recipe, whole, task, cutoff)
    ignorant = forecast_at(recipe, alone, task, cutoff)
    assert knowing.users_U.tolist() == ignorant.users_U.tolist()
    for name in ("chance_UTW", "volume_UTW", "topic_shock_W", "user_shock_W"):
        np.testing.assert_array_equal(
            getattr(knowing, name),
            getattr(ignorant, name),
            err_msg=f"{recipe!r} changed its {name} when events after the cutoff were added.",
        )


def histories(events: pa.Table, step: Step, cutoff: int) -> tuple[History, History]:
    """The history of all events, and that of the events in the first `cutoff` steps."""
    topics = choose_topics(ibis.memtable(events), None, floor=0)
    whole = build_history(ibis.memtable(events), topics, step=step)
    end = np.datetime64(step.start(whole.interest.origin + cutoff), "us")
    past = events.filter(pc.less(events[c.TIME], pa.scalar(end, events[c.TIME].type)))
    return whole, build_history(ibis.memtable(past), topics, step=step)


def forecast_at(recipe: Recipe, history: History, task: Task, cutoff: int) -> Forecast:
    """Fit and forecast at a cutoff of a history."""
    past = history.until(cutoff)
    return recipe.fit(past, task).predict(past)
