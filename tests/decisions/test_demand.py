"""Demand of a planted shop: what must add up, what series tell, and where little can be said."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from models.shops import history_of
from penchant import columns as c
from penchant.data.step import Step
from penchant.decisions.almanac import almanac
from penchant.decisions.demand import SHOP_WEIGHT, TOPICS_WEIGHT, Users, Weights, demand, drawn
from penchant.decisions.direct import Direct
from penchant.decisions.remainder import remainder_TH
from penchant.decisions.spread import learn_spread
from penchant.decisions.tree import LEVELS, Tree, reconcile
from penchant.errors import HistoryError
from penchant.interest.calendar import Calendar
from penchant.interest.task import Task, Window
from penchant.models.gamma_poisson import GammaPoisson

USERS, TOPICS, STEPS, AHEAD = 60, 5, 36, 8
TASK = Task(windows=(Window(0, 4), Window(4, 8)))
PARENTS = ["food", "food", "food", "toys", "toys"]


@pytest.fixture(scope="module")
def shop():
    """Topics of two departments at rates of their own, half as much again at a month's start."""
    random = np.random.default_rng(0)
    rate_T = np.array([0.5, 0.2, 0.1, 0.3, 0.02])
    days = almanac(Step.WEEK, 2609, STEPS + AHEAD, 0, Calendar(np.zeros((1, 0)), np.zeros(0)))
    early_S = days.feature_NF[:, 0] - days.feature_NF[:, 0].min()
    mean_TS = rate_T[:, None] * np.exp(0.4 * early_S)
    count_UTS = random.poisson(np.broadcast_to(mean_TS, (USERS, *mean_TS.shape)))
    return history_of(count_UTS, PARENTS), count_UTS.sum(axis=0)


@pytest.fixture(scope="module")
def made(shop):
    past = shop[0].until(STEPS)
    told = GammaPoisson().fit(past, TASK).predict(past)
    users = Users.of(STEPS, TASK.windows, told.total("users").mean)
    return demand(past, users, TASK), told


def test_topics_add_up_to_departments_and_these_to_the_shop(made):
    found = made[0]
    tree = found.tree
    assert tree.departments_D.tolist() == ["food", "toys"]
    for value_NH in (found.mean_NH, found.users_NH, found.remainder_NH):
        assert (value_NH >= 0).all()
        assert value_NH[1] == pytest.approx(value_NH[3:6].sum(axis=0))
        assert value_NH[2] == pytest.approx(value_NH[6:].sum(axis=0))
        assert value_NH[0] == pytest.approx(value_NH[1:3].sum(axis=0))


def test_users_sums_in_the_table_are_those_of_the_forecast(made):
    found, told = made
    rows = found.to_table().to_pylist()
    assert {row[c.TREE_LEVEL] for row in rows} == set(LEVELS)
    for t, topic in enumerate(told.topics_T.tolist()):
        for w, window in enumerate(TASK.windows):
            days = {Step.WEEK.start(found.origin + h) for h in range(window.start, window.end)}
            mine = sum(
                row[c.USERS_SUM] for row in rows if row[c.TOPIC] == topic and row[c.START] in days
            )
            assert mine == pytest.approx(told.total("users").mean[t, w], rel=1e-12)


def test_a_months_start_and_the_level_are_foreseen(made, shop):
    came_TH = shop[1][:, STEPS:]
    found = made[0]
    assert found.mean_NH[0].sum() == pytest.approx(came_TH.sum(), rel=0.1)
    flat_H = np.full(AHEAD, shop[1][:, STEPS - 12 : STEPS].sum(axis=0).mean())
    came_H = came_TH.sum(axis=0)
    assert ((found.mean_NH[0] - came_H) ** 2).sum() < ((flat_H - came_H) ** 2).sum()
    low_NH, high_NH = found.quantile_NH(0.1), found.quantile_NH(0.9)
    assert (low_NH <= found.mean_NH + 1).all()
    inside = (low_NH[3:] <= came_TH) & (came_TH <= high_NH[3:])
    assert 0.65 < inside.mean() <= 1


def test_a_promotion_seen_before_is_foreseen():
    random = np.random.default_rng(1)
    promotion_TC = np.zeros((TOPICS, STEPS + AHEAD))
    promotion_TC[0, 3::5] = 1.0
    mean_TS = 0.5 * np.exp(0.9 * promotion_TC)
    history = history_of(random.poisson(np.broadcast_to(mean_TS, (USERS, *mean_TS.shape))), PARENTS)
    tree, count_TS = Tree.of(history.topics), history.topic_count_TS(TASK.target).astype(float)
    nothing = Calendar(np.zeros((1, 0)), np.zeros(0))
    days = almanac(Step.WEEK, 2609, STEPS, AHEAD, nothing)
    told_NH = Direct(effect=(1.0, 0.5, 0.5)).forecast(tree, count_TS[:, :STEPS], promotion_TC, days)
    promoted = promotion_TC[0, STEPS:] > 0
    assert told_NH[3, promoted].mean() > 1.5 * told_NH[3, ~promoted].mean()
    assert told_NH[7, promoted].mean() < 1.3 * told_NH[7, ~promoted].mean()


def test_without_an_earlier_forecast_usual_weights_are_taken_and_it_is_said(made, shop):
    found = made[0]
    assert (found.weights.shop, found.weights.topics) == (SHOP_WEIGHT, TOPICS_WEIGHT)
    assert any("No earlier forecast" in note for note in found.notes)
    past = shop[0].until(STEPS)
    earlier = past.until(STEPS - AHEAD)
    told = GammaPoisson().fit(earlier, TASK).predict(earlier)
    tested = (Users.of(STEPS - AHEAD, TASK.windows, told.total("users").mean),)
    now = Users.of(STEPS, TASK.windows, made[1].total("users").mean)
    learned = demand(past, now, TASK, tested=tested)
    assert 0 <= learned.weights.topics <= 1
    assert not any("No earlier forecast" in note for note in learned.notes)


def test_users_sums_that_are_twice_too_high_dont_move_a_shop_that_was_learned(made, shop):
    past, cutoff = shop[0].until(STEPS), STEPS - AHEAD
    came_TW = shop[1][:, cutoff:STEPS].reshape(TOPICS, 2, 4).sum(axis=2)
    tested = (Users.of(cutoff, TASK.windows, 2.0 * came_TW),)
    now = Users.of(STEPS, TASK.windows, 2.0 * made[1].total("users").mean)
    found = demand(past, now, TASK, tested=tested)
    assert found.weights.shop < 0.2
    assert found.mean_NH[0].sum() == pytest.approx(made[0].mean_NH[0].sum(), rel=0.15)


def test_a_lift_multiplies_a_topic_and_all_above_it(made, shop):
    past = shop[0].until(STEPS)
    now = Users.of(STEPS, TASK.windows, made[1].total("users").mean)
    lift_TH = np.ones((TOPICS, AHEAD))
    lift_TH[0, 2] = 2.0
    found, plain = demand(past, now, TASK, lift_TH=lift_TH), made[0]
    assert found.mean_NH[3, 2] == pytest.approx(2 * plain.mean_NH[3, 2])
    assert found.mean_NH[0, 2] - plain.mean_NH[0, 2] == pytest.approx(plain.mean_NH[3, 2])
    with pytest.raises(HistoryError, match="lift"):
        demand(past, now, TASK, lift_TH=-lift_TH)


def test_windows_that_overlap_or_leave_a_gap_are_told_apart():
    sum_TW = np.arange(6.0).reshape(2, 3)
    users = Users.of(20, (Window(0, 4), Window(0, 12), Window(8, 12)), sum_TW)
    assert [window.name for window in users.windows_W] == ["1-4", "9-12"]
    assert users.sum_TW.tolist() == [[0.0, 2.0], [3.0, 5.0]]


def test_a_step_in_no_window_is_told_by_series_and_said(made, shop):
    past = shop[0].until(STEPS)
    task = Task(windows=(Window(0, 2), Window(4, 8)))
    now = Users.of(STEPS, task.windows, made[1].total("users").mean)
    found = demand(past, now, task)
    assert np.isnan(found.users_NH[:, 2:4]).all()
    assert (found.mean_NH > 0).all()
    assert any("in no window" in note for note in found.notes)
    assert found.to_table()[c.USERS_SUM].null_count == 2 * len(found.mean_NH)


def test_too_short_a_history_and_other_cutoffs_are_refused(made, shop):
    now = Users.of(STEPS, TASK.windows, made[1].total("users").mean)
    with pytest.raises(HistoryError, match="at least 8 steps after the first"):
        demand(shop[0].until(6), replace(now, cutoff=6), TASK)
    with pytest.raises(HistoryError, match="after 36 steps"):
        demand(shop[0].until(STEPS - 1), now, TASK)


def test_reconciled_topics_are_never_negative_and_nearest():
    tree = Tree(np.array(["a", "b", "c"]), np.array(["d"]), np.array([0, 0, -1]))
    told_N1 = np.array([[10.0], [1.0], [5.0], [0.5], [9.0]])
    variance_N1 = np.array([[0.01], [0.01], [1.0], [1.0], [1.0]])
    value_T1 = reconcile(tree, told_N1, variance_N1)
    assert (value_T1 >= 0).all()
    assert value_T1[1, 0] == 0  # the department asks for less than its topics
    assert value_T1.sum() == pytest.approx(10.0, abs=0.1)
    agreed_T1 = np.array([[1.0], [2.0], [3.0]])
    assert reconcile(tree, tree.summed(agreed_T1), variance_N1) == pytest.approx(agreed_T1)


def test_weights_of_one_follow_users_sums_of_both_level_and_shares():
    tree = Tree(np.array(["a", "b"]), np.array([], dtype=str), np.array([-1, -1]))
    direct_NH = tree.summed(np.full((2, 4), 100.0))
    users = Users.of(20, (Window(0, 4),), np.array([[1200.0], [400.0]]))
    followed = drawn(tree, direct_NH, users, np.zeros((2, 4)), Weights(1.0, 1.0))
    assert followed[1:].sum(axis=1) == pytest.approx([1200, 400], rel=0.01)
    kept = drawn(tree, direct_NH, users, np.zeros((2, 4)), Weights(0.0, 0.0))
    assert kept == pytest.approx(direct_NH)


def test_newcomers_come_as_they_did_and_engage_more_the_longer_they_are_there():
    count_UTS = np.zeros((STEPS, TOPICS, STEPS))
    for user in range(STEPS):  # one newcomer a step, who buys of one topic in every step since
        count_UTS[user, 1, user:] = 1
    found = remainder_TH(history_of(count_UTS, PARENTS), TASK, 4)
    assert found.sum(axis=0) == pytest.approx([1, 2, 3, 4], rel=0.05)
    assert found[1].sum() == pytest.approx(found.sum(), rel=0.05)
    closed = np.zeros((3, TOPICS, STEPS))
    closed[:, 0, 0] = closed[:, 0, 20] = 1
    assert remainder_TH(history_of(closed, PARENTS), TASK, 4).sum() == 0


def test_who_looked_before_they_bought_is_no_newcomer():
    count_UTS = np.zeros((20, TOPICS, STEPS))
    count_UTS[:, 0, 0] = 1
    count_UTS[np.arange(20), 1, np.arange(20) + 10] = 1
    history = history_of(count_UTS, PARENTS)
    past, looked_N = history.interest, history.interest.step_N == 0
    count_NK = np.stack([past.count_NK[:, 0] * ~looked_N, looked_N], axis=1).astype(np.float32)
    looking = replace(past, kinds_K=("purchase", "view"), count_NK=count_NK)
    assert remainder_TH(replace(history, interest=looking), TASK, 4).sum() == 0


@pytest.mark.parametrize("excess", [0.0, 2.0])
def test_intervals_are_learned_to_hold_what_they_say(excess):
    random = np.random.default_rng(4)
    mean_KNH = np.broadcast_to(np.geomspace(0.2, 200, 40)[None, :, None], (10, 40, 6)).copy()
    shape = mean_KNH / max(excess, 1e-6)
    count_KNH = random.poisson(random.gamma(shape, max(excess, 1e-6))).astype(float)
    spread = learn_spread(mean_KNH[:8], count_KNH[:8], np.zeros(40, dtype=np.int64))
    ratio = spread.variance_NH(mean_KNH[0])[:, 0] / mean_KNH[0][:, 0]
    assert np.median(ratio) == pytest.approx(1 + excess, rel=0.5)
    low_NH, high_NH = (spread.quantile_NH(q, mean_KNH[0]) for q in (0.1, 0.9))
    busy_N = mean_KNH[0][:, 0] > 5
    inside = (low_NH <= count_KNH[8:]) & (count_KNH[8:] <= high_NH)
    assert 0.72 < inside[:, busy_N].mean() < 0.95


@pytest.mark.parametrize(("step", "features"), [(Step.DAY, 10), (Step.MONTH, 2)])
def test_days_of_the_week_and_seasons_are_told_where_there_are_any(step, features):
    nothing = Calendar(np.zeros((1, 0)), np.zeros(0))
    short = almanac(step, 100, 10, 2, nothing).feature_NF
    assert short.shape == (12, features)
    long = almanac(step, 100, 2 * step.per_year, 2, nothing)
    assert long.feature_NF.shape == (2 * step.per_year + 2, features + 4)
    assert long.seldom_F.sum() == 2


def test_an_almanac_knows_a_months_start_and_holidays():
    calendar = Calendar(np.zeros((1, 0)), np.array([0, 0, 1 / 7, 0]))
    origin = Step.WEEK.index_of(date(2023, 1, 2))
    days = almanac(Step.WEEK, origin, 6, 2, calendar)
    assert days.feature_NF.shape == (8, 4)
    assert days.feature_NF[:6].mean(axis=0) == pytest.approx(np.zeros(4))
    assert days.feature_NF[:, 0].argmax() == 0  # 2 to 8 January
    assert days.feature_NF[:, 2].argmax() == 2
    assert days.feature_NF[:, 3].argmax() == 1
    assert days.seldom_F.tolist() == [False, False, True, True]
