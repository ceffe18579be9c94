"""Churn on a shop whose customers' true chances are planted, and where little can be said."""

from dataclasses import replace
from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from penchant import churning
from penchant import columns as c
from penchant.churning import warn
from penchant.data.events import EVENT_SCHEMA
from penchant.decisions.churn import CHURN_SCHEMA, NO_ACTION, Survival, churn
from penchant.decisions.lifetime import Lifetime
from penchant.decisions.whole import whole
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.model import make_forecast
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson

START = datetime(2023, 1, 2)
USERS, KNOWN, AHEAD = 3000, 40, 20
TASK = Task(windows=(Window(0, AHEAD),))


def history_of(rows, *, money=True):
    """A history of (user, item, week) rows, each bought at 10."""
    columns = {field.name: pa.nulls(len(rows), field.type) for field in EVENT_SCHEMA}
    columns |= {
        c.USER: pa.array([user for user, _, _ in rows]),
        c.ITEM: pa.array([item for _, item, _ in rows]),
        c.TIME: pa.array([START + timedelta(weeks=week) for _, _, week in rows]),
        c.KIND: pa.array(["purchase"] * len(rows)),
        c.EVENT: pa.array([str(row) for row in range(len(rows))]),
    }
    if money:
        columns[c.VALUE] = pa.array([10.0] * len(rows))
    events = ibis.memtable(pa.table(columns).cast(EVENT_SCHEMA))
    return build_history(events, choose_topics(events, None, floor=0))


@pytest.fixture(scope="module")
def planted():
    """Customers who buy and leave by chances of their own, and a clock that marks the last week."""
    random = np.random.default_rng(3)
    buy_U, leave_U = random.beta(1.0, 5.0, USERS), random.beta(1.0, 20.0, USERS)
    left_U = random.geometric(leave_U)
    first_U = random.integers(0, 8, USERS)
    weeks = np.arange(KNOWN + AHEAD)
    bought_US = random.random((USERS, len(weeks))) < buy_U[:, None]
    bought_US &= weeks < (first_U + left_U)[:, None]
    bought_US &= weeks > first_U[:, None]
    bought_US[np.arange(USERS), first_U] = True
    rows = [(f"u{user:04}", "tea", int(week)) for user, week in np.argwhere(bought_US)]
    clock = [("u0000", "tea", KNOWN + AHEAD - 1)] * (not bought_US[0, -1])
    return history_of([*rows, *clock]).until(KNOWN), bought_US, first_U + left_U


def test_chances_and_totals_of_a_planted_shop_come_true(planted):
    past, bought_US, left_U = planted
    found = Lifetime().fit(whole(past), TASK)
    made = found.predict(whole(past))
    came_US = bought_US[:, KNOWN:]
    chance_U = made.chance_UTW[:, 0, 0]
    assert chance_U.sum() == pytest.approx(came_US.any(axis=1).sum(), rel=0.1)
    assert made.volume_UTW.sum() == pytest.approx(came_US.sum(), rel=0.1)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        some_U = (chance_U >= low) & (chance_U < high)
        assert abs(chance_U[some_U].mean() - came_US[some_U].any(axis=1).mean()) < 0.08
    alive_U = found.alive_UJ(whole(past), 1)[:, 0]
    assert alive_U.sum() == pytest.approx((left_U > KNOWN).sum(), rel=0.15)


def test_a_warning_has_a_row_for_everyone_the_most_at_risk_first(planted):
    past, *_ = planted
    table = warn(past, TASK).to_table()
    assert table.schema == CHURN_SCHEMA
    assert len(table) == USERS
    risk = table[c.AT_RISK].to_numpy()
    assert (np.diff(risk) <= 0).all()
    assert set(np.unique(table[c.GONE].to_numpy() < 0.3)) == {True, False}
    safe = [row for row in table.to_pylist() if row[c.GONE] < 0.3]
    assert {row[c.ADVICE] for row in safe} == {NO_ACTION}


def test_the_chance_of_halved_spend_comes_true(planted):
    past, bought_US, _ = planted
    found = warn(past, TASK)
    before_U = bought_US[:, KNOWN - AHEAD : KNOWN].sum(axis=1)
    halved_U = bought_US[:, KNOWN:].sum(axis=1) <= before_U / 2
    told_U = before_U > 0
    assert np.isnan(found.halved_U[~told_U]).all()
    assert found.halved_U[told_U].mean() == pytest.approx(halved_U[told_U].mean(), abs=0.07)


def test_who_buys_oftener_and_later_is_likelier_to_return(planted):
    past, *_ = planted
    rows = [("often", "tea", week) for week in range(20, 40)]
    rows += [("gone", "tea", week) for week in range(20)] + [("once", "tea", 1)]
    fitted = Lifetime().fit(whole(past), TASK)
    often, gone, once = (
        fitted.predict(whole(history_of(rows).of(np.array([name])))).chance_UTW[0, 0, 0]
        for name in ("often", "gone", "once")
    )
    assert often > once
    assert often > gone


def test_a_block_or_one_customer_is_told_the_same_and_a_stranger_nothing(planted):
    past = whole(planted[0])
    fitted = Lifetime().fit(past, TASK)
    everyone = fitted.predict(past)
    alone = fitted.predict(past.only(np.array([7])))
    np.testing.assert_allclose(alone.chance_UTW[0], everyone.chance_UTW[7], rtol=1e-5)
    stranger = fitted.predict(past.of(np.array(["nobody"])))
    assert stranger.chance_UTW.item() == stranger.volume_UTW.item() == 0
    assert len(fitted.predict(past.only(np.empty(0, dtype=np.int64))).users_U) == 0


def test_too_few_who_came_back_are_refused():
    history = history_of([("one", "tea", week) for week in range(0, 30, 3)])
    with pytest.raises(HistoryError, match="longer past"):
        warn(history, TASK)
    with pytest.raises(HistoryError, match="one topic"):
        Lifetime().fit(history_of([("a", "tea", 0), ("a", "jam", 1)]), TASK)


def test_without_values_it_says_that_money_cannot_be_told():
    random = np.random.default_rng(1)
    rows = [
        (f"u{user:02}", "tea", int(week))
        for user in range(40)
        for week in np.flatnonzero(random.random(40) < 0.2)
    ]
    found = warn(history_of(rows, money=False), TASK)
    assert "neither spend nor value at risk" in found.notes[0]
    row = found.to_table().to_pylist()[0]
    assert row[c.AT_RISK] is row[c.SPEND] is row[c.HALVED] is row[c.WORTH] is None
    assert row[c.GONE] == pytest.approx(found.gone_U.max())


def test_the_reasons_name_the_topic_that_went_quiet_and_when():
    random = np.random.default_rng(2)
    rows = [
        (f"u{user:02}", "tea", int(week))
        for user in range(60)
        for week in np.flatnonzero(random.random(40) < 0.3)
    ]
    rows += [("lost", "jam", week) for week in range(0, 21, 2)]
    rows += [("lost", "tea", week) for week in (0, 1, 39)] + [("once", "jam", 5)]
    history = history_of(rows)
    found = warn(history, replace(TASK, windows=(Window(0, 4),)))
    reasons = dict(zip(found.users_U.tolist(), found.reasons_U, strict=True))
    assert reasons["lost"][0] == "jam: every 2 weeks until 2023-05-22, quiet since then"
    assert reasons["once"] == ("bought in one week only, 2023-02-06",)


def test_a_regular_topic_that_is_due_is_the_action_of_who_may_be_gone():
    random = np.random.default_rng(2)
    rows = [
        (f"u{user:02}", "tea", int(week))
        for user in range(60)
        for week in np.flatnonzero(random.random(60) < 0.1)
    ]
    rows += [("due", "jam", week) for week in range(0, 60, 19)] + [("u00", "tea", 59)]
    history, task = history_of(rows), replace(TASK, windows=(Window(0, 20),))
    half = np.full((len(history.interest.users_U), 1, 1), 0.5)
    found = churn(history, make_forecast(whole(history), task, half, 2 * half), None, task)
    actions = dict(zip(found.users_U.tolist(), found.action_U, strict=True))
    assert actions["due"] == "reminder: jam"


def test_forecasts_of_other_users_are_refused(planted):
    past = planted[0]
    year = replace(TASK, windows=(Window(0, 52),))
    fitted = Lifetime().fit(whole(past), year)
    made, alive_UJ = fitted.predict(whole(past)), fitted.alive_UJ(whole(past), 52)
    with pytest.raises(HistoryError, match="in their order"):
        churn(past.only(np.arange(3)), made, Survival(made, alive_UJ), TASK)


def test_what_would_contradict_the_chances_is_not_told(planted, monkeypatch):
    monkeypatch.setattr(churning, "better", lambda *_: GammaPoisson())
    found = warn(planted[0], TASK)
    assert np.isfinite(found.gone_U).all()
    assert np.isnan(found.alive_U).all()
    assert np.isnan(found.worth_U).all()
    assert "survival and the year's spend are left out" in found.notes[0]
    row = found.to_table().to_pylist()[0]
    assert (row["alive"], row["year_spend"]) == (None, None)
