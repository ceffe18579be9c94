"""Stages told by rule, from a history and forecasts made by hand, and in a shop people leave."""

from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.lifecycle import (
    FADING,
    FREQUENT,
    GROWING,
    LOST,
    LOYAL,
    NEW,
    OCCASIONAL,
    STAGES,
    Lifecycle,
    expected_spend,
)
from penchant.decisions.whole import whole
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.model import make_forecast
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson
from penchant.segmentation import grouped

START = datetime(2023, 1, 2)
KNOWN, AHEAD = 24, 8
TASK = Task(windows=(Window(0, 4), Window(4, AHEAD)))
ACTIVE = Task(windows=(Window(0, AHEAD),))
# Weeks with purchases, what one week costs, visits expected of 8, purchases expected over usual.
CUSTOMERS = {
    "a champion": (range(24), 90.0, 8.0, 1.0),
    "b steady": (range(24), 9.0, 7.0, 1.0),
    "c steady": (range(0, 24, 2), 9.0, 6.0, 1.1),
    "d rare": (range(1, 24, 5), 9.0, 1.5, 1.0),
    "e rare": (range(2, 24, 6), 9.0, 1.4, 1.0),
    "f gone": (range(4), 9.0, 0.1, 1.0),
    "g fading": (range(24), 9.0, 5.5, 0.4),
    "h growing": (range(23, 0, -2), 9.0, 5.0, 1.9),
    "i new": (range(20, 24), 9.0, 5.0, 1.0),
}


def history_of(*, money=True):
    rows = [(user, week, paid) for user, (weeks, paid, *_) in CUSTOMERS.items() for week in weeks]
    columns = {field.name: pa.nulls(len(rows), field.type) for field in EVENT_SCHEMA}
    columns |= {
        c.USER: pa.array([user for user, _, _ in rows]),
        c.ITEM: pa.array(["tea" if week % 2 else "jam" for _, week, _ in rows]),
        c.TIME: pa.array([START + timedelta(weeks=week) for _, week, _ in rows]),
        c.KIND: pa.array(["purchase"] * len(rows)),
        c.EVENT: pa.array([str(row) for row in range(len(rows))]),
    }
    if money:
        columns[c.VALUE] = pa.array([paid for *_, paid in rows])
    events = ibis.memtable(pa.table(columns).cast(EVENT_SCHEMA))
    return build_history(events, choose_topics(events, None, floor=0))


def forecasts(history):
    """The forecast of topics and that of visits, as the table above has them."""
    visits_U = np.array([visits for *_, visits, _ in CUSTOMERS.values()])
    times_U = np.array([times for *_, times in CUSTOMERS.values()])
    weeks = [weeks for weeks, *_ in CUSTOMERS.values()]
    lately = [max(8, min(16, KNOWN - min(some))) for some in weeks]
    usual_U = np.array(
        [
            sum(week >= KNOWN - span for week in some) * AHEAD / span
            for some, span in zip(weeks, lately, strict=True)
        ]
    )
    volume_UTW = np.broadcast_to((usual_U * times_U)[:, None, None] / 4, (len(usual_U), 2, 2))
    made = make_forecast(history, TASK, np.minimum(0.5, volume_UTW / 2), volume_UTW)
    visits_UTW = visits_U[:, None, None]
    active = make_forecast(whole(history), ACTIVE, 1 - np.exp(-visits_UTW), visits_UTW)
    return made, active


def stages_of(history, **rules):
    made, active = forecasts(history)
    return Lifecycle(top=0.1, **rules).stages(history, made, active, TASK.target)


def test_everyone_is_in_the_stage_that_the_rules_say():
    found = stages_of(history_of())
    told = {user: STAGES[code] for user, code in zip(found.users_U, found.stage_U, strict=True)}
    assert told == {
        "a champion": FREQUENT,
        "b steady": LOYAL,
        "c steady": LOYAL,
        "d rare": OCCASIONAL,
        "e rare": OCCASIONAL,
        "f gone": LOST,
        "g fading": FADING,
        "h growing": GROWING,
        "i new": NEW,
    }
    assert found.size_G.sum() == len(CUSTOMERS)
    assert found.notes == ()


def test_without_values_nobody_is_called_frequent_high_value_and_it_says_so():
    found = stages_of(history_of(money=False))
    assert STAGES.index(FREQUENT) not in found.stage_U
    assert found.spend_U is None
    assert "No event has a value" in found.notes[0]
    assert STAGES[found.stage_U[0]] == LOYAL


def test_a_small_baskets_noise_moves_nobody():
    history = history_of()
    made, active = forecasts(history)
    fewer = make_forecast(history, TASK, made.chance_UTW, made.volume_UTW * 0.7)
    stages = Lifecycle().stages(history, fewer, active, TASK.target)
    rare = [stages.users_U.tolist().index(user) for user in ("d rare", "e rare")]
    assert {STAGES[code] for code in stages.stage_U[rare]} == {OCCASIONAL}


def test_spend_expected_follows_what_a_customer_pays():
    history = history_of()
    made, _ = forecasts(history)
    spend_U = dict(zip(CUSTOMERS, expected_spend(history, made, TASK.target), strict=True))
    assert spend_U["a champion"] > 4 * spend_U["b steady"]
    assert spend_U["g fading"] < spend_U["b steady"]


def test_a_short_past_has_only_new_customers_and_it_says_so():
    history = history_of().until(AHEAD)
    task = Task(windows=(Window(0, AHEAD),))
    chance_UTW = np.full((len(history.interest.users_U), 2, 1), 0.4)
    made = make_forecast(history, task, chance_UTW, 2 * chance_UTW)
    found = Lifecycle().stages(history, made, None, task.target)
    assert set(found.stage_U.tolist()) == {STAGES.index(NEW)}
    assert any("so everyone is new" in note for note in found.notes)
    assert any("Too few came back" in note for note in found.notes)


def test_forecasts_of_others_or_from_another_day_are_refused():
    history = history_of()
    made, active = forecasts(history)
    with pytest.raises(HistoryError, match="in their order"):
        Lifecycle().stages(history, made.only(np.arange(3)), active, TASK.target)
    with pytest.raises(HistoryError, match="where the history ends"):
        Lifecycle().stages(history.until(20, panel=True), made, active, TASK.target)


def test_windows_that_overlap_are_counted_once():
    history = history_of()
    made, active = forecasts(history)
    overlap = Task(windows=(Window(0, 4), Window(0, AHEAD), Window(4, AHEAD)))
    parts = [made.volume_UTW[:, :, 0], made.volume_UTW.sum(axis=2), made.volume_UTW[:, :, 1]]
    volume_UTW = np.stack(parts, axis=2)
    again = make_forecast(history, overlap, np.minimum(0.5, volume_UTW / 2), volume_UTW)
    found = Lifecycle(top=0.1).stages(history, again, active, TASK.target)
    np.testing.assert_allclose(found.ahead.mean, stages_of(history).ahead.mean, rtol=1e-5)
    np.testing.assert_array_equal(found.stage_U, stages_of(history).stage_U)


def test_who_left_for_good_is_lost_and_who_stayed_is_not():
    world = WORLDS["churning"](Shop(users=200, topics=4, steps=60, seed=3))
    events = ibis.memtable(world.log.events)
    topics = choose_topics(events, ibis.memtable(world.log.catalog), level=2, floor=0)
    history = build_history(events, topics)
    model = GammaPoisson().fit(history, TASK)
    found = grouped(history, model.predict(history), model, TASK)
    place = {user: row for row, user in enumerate(world.truth.users_U.tolist())}
    churn_U = world.truth.churn_step_U[[place[user] for user in found.now.made.users_U]]
    stage_U = np.array(STAGES)[found.now.stages.stage_U]
    long_gone_U = (churn_U >= 0) & (churn_U < 40)
    assert np.isin(stage_U[long_gone_U], (LOST, FADING)).mean() > 0.9
    assert (stage_U[churn_U < 0] == LOST).mean() < 0.1
    assert set(found.now.stages.size_G[: len(STAGES)]) != {0}
