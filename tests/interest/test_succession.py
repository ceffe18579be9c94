"""Succession against hand-computed chances, simulation, and brute force over all pairs."""

import numpy as np
import pytest

from models.shops import TASK, history_of
from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.counts import least_volume
from penchant.interest.forecast import Forecast
from penchant.interest.model import make_forecast
from penchant.interest.outcome import Outcome, outcome
from penchant.interest.succession import (
    SUCCESSION_SCHEMA,
    Succession,
    fit_bond,
    learn_bond,
    succession,
)
from penchant.interest.task import Task, Window

NEAR, FAR = Window(0, 4), Window(4, 8)


def first(*values):
    return tuple(np.array([value]) for value in values)


def given(chance_UTW, recent_UT, bond=0.0, windows=(NEAR, FAR)):
    chance_UTW, recent_UT = np.array(chance_UTW, dtype=float), np.array(recent_UT)
    users, topics = recent_UT.shape
    past = history_of(np.ones((users, topics, 30), dtype=int))
    forecast = make_forecast(past, Task(windows=windows), chance_UTW, least_volume(chance_UTW))
    return Succession(forecast, recent_UT, bond)


def simulated(chance_TW, bond, customers=400_000, seed=0):
    """First engagements, in windows, of topics whose hazards share a Gamma factor."""
    rng = np.random.default_rng(seed)
    factor_N = rng.gamma(1 / bond, bond, customers) if bond else np.ones(customers)
    time_TN = np.full((len(chance_TW), customers), np.inf)
    for t, chance_W in enumerate(chance_TW):
        for w, chance in enumerate(chance_W):
            idle = 1 - chance
            hazard = (idle**-bond - 1) / bond if bond else -np.log(idle)
            wait_N = rng.exponential(size=customers) / (hazard * factor_N)
            time_TN[t] = np.minimum(time_TN[t], np.where(wait_N < 1, w + wait_N, np.inf))
    return time_TN


def test_giving_way_by_hand():
    found = given([[[0.2, 0.5], [0.3, 0.6]]], [[True, False]])
    assert found.give_way(*first(0, 0, 1), NEAR) == pytest.approx(0.8 * 0.3, abs=1e-6)
    assert found.give_way(*first(0, 0, 1), FAR) == pytest.approx(0.5 * 0.6, abs=1e-6)
    assert found.give_way(*first(0, 1, 0), NEAR) == 0  # the other way round nothing is left


def test_bound_topics_by_hand():
    found = given([[[0.2, 0.5], [0.3, 0.6]]], [[True, False]], bond=1.0)
    both_idle = 1 / (1 / 0.8 + 1 / 0.7 - 1)
    assert found.give_way(*first(0, 0, 1), NEAR) == pytest.approx(0.8 - both_idle, abs=1e-6)


def test_order_by_hand():
    found = given([[[0.0, 0.5], [0.2, 0.5]]], [[True, False]]).order(*first(0, 0, 1))
    assert found.b_first_N == pytest.approx(0.2 + 0.8 * 0.75 / 2, abs=1e-6)
    assert found.neither_N == pytest.approx(0.8 * 0.25, abs=1e-6)
    assert found.b_first_N + found.a_first_N + found.neither_N == pytest.approx(1)
    assert found.b_first_given_either_N == pytest.approx(0.5 / 0.8, abs=1e-6)


def test_hazards_weigh_and_not_chances():
    found = given([[[0.99], [0.5]]], [[True, False]], windows=(NEAR,)).order(*first(0, 0, 1))
    a, b = np.log(100), np.log(2)
    assert found.b_first_N == pytest.approx(b / (a + b) * (1 - 0.01 * 0.5), abs=1e-6)


def test_what_can_never_happen_comes_in_no_order():
    found = given([[[0, 0], [0, 0]]], [[True, False]]).order(*first(0, 0, 1))
    assert (found.b_first_N, found.a_first_N, found.neither_N) == (0, 0, 1)
    assert found.b_first_given_either_N == 0.5


@pytest.mark.parametrize("bond", [0.0, 0.6, 2.0])
def test_chances_come_true_in_simulation(bond):
    chance_TW = np.array([[0.4, 0.1], [0.15, 0.35]])
    time_A, time_B = simulated(chance_TW, bond)
    model = given([chance_TW], [[True, False]], bond)
    gave_way = (time_A > 1) & (time_B < 1)
    assert model.give_way(*first(0, 0, 1), NEAR) == pytest.approx(gave_way.mean(), abs=0.003)
    order = model.order(*first(0, 0, 1))
    assert order.b_first_N == pytest.approx((time_B < time_A).mean(), abs=0.003)
    assert order.neither_N == pytest.approx(np.isinf(np.minimum(time_A, time_B)).mean(), abs=0.003)


def test_windows_may_be_asked_for_in_any_order():
    chance = np.array([[[0.1, 0.6], [0.3, 0.2]]])
    there = given(chance, [[True, False]]).order(*first(0, 0, 1))
    back = given(chance[:, :, ::-1], [[True, False]], windows=(FAR, NEAR)).order(*first(0, 0, 1))
    assert there.b_first_N == back.b_first_N


@pytest.mark.parametrize(
    "windows", [(NEAR, Window(8, 12)), (FAR, Window(8, 12)), (NEAR, Window(0, 8))]
)
def test_order_refuses_windows_with_gaps_or_overlaps(windows):
    found = given([[[0.1, 0.2], [0.3, 0.4]]], [[True, False]], windows=windows)
    with pytest.raises(HistoryError, match="follow each other from the cutoff"):
        found.order(*first(0, 0, 1))


def test_giving_way_names_the_windows_it_knows():
    found = given([[[0.1, 0.2], [0.3, 0.4]]], [[True, False]])
    with pytest.raises(HistoryError, match=r"no window 9-12, only 1-4, 5-8"):
        found.give_way(*first(0, 0, 1), Window(8, 12))


@pytest.mark.parametrize("bond", [0.0, 0.8])
def test_the_top_pairs_are_those_of_all_pairs(bond):
    rng = np.random.default_rng(3)
    users, topics, k = 20, 9, 6
    found = given(rng.random((users, topics, 2)), rng.random((users, topics)) < 0.5, bond)
    table = found.top(k, FAR)
    assert table.schema == SUCCESSION_SCHEMA
    row, a, b = np.indices((users, topics, topics)).reshape(3, -1)
    chance_UN = found.give_way(row, a, b, FAR).reshape(users, -1)
    best_UN = -np.sort(-chance_UN, axis=1)[:, :k]
    assert np.array(table[c.CHANCE]) == pytest.approx(best_UN[best_UN > 0], rel=1e-6)
    rows = table.to_pylist()
    names = found.forecast.topics_T.tolist()
    place = {user: u for u, user in enumerate(found.forecast.users_U.tolist())}
    for one in rows:
        u, a, b = place[one[c.USER]], names.index(one[c.FROM]), names.index(one[c.TO])
        assert found.give_way(*first(u, a, b), FAR) == pytest.approx(one[c.CHANCE], rel=1e-6)
        assert (one[c.WINDOW], one[c.START] < one[c.END]) == ("5-8", True)


def test_who_has_nothing_to_leave_has_no_row():
    found = given(np.full((2, 3, 2), 0.5), [[False, False, False], [True, True, True]])
    assert len(found.top(5, NEAR)) == 0


@pytest.mark.parametrize("bond", [0.0, 0.7])
def test_a_planted_bond_is_found(bond):
    rng = np.random.default_rng(1)
    users, topics = 3000, 12
    chance_UTW = rng.uniform(0.02, 0.6, (users, topics, 2))
    factor_U11 = rng.gamma(1 / bond, bond, (users, 1, 1)) if bond else np.ones((users, 1, 1))
    idle_UTW = 1 - chance_UTW
    hazard_UTW = (idle_UTW**-bond - 1) / bond if bond else -np.log(idle_UTW)
    came_UTW = rng.random(chance_UTW.shape) < -np.expm1(-hazard_UTW * factor_U11)
    model = given(chance_UTW, rng.random((users, topics)) < 0.5)
    forecast = model.forecast
    truth = Outcome(forecast.users_U, forecast.topics_T, (NEAR, FAR), came_UTW.astype(np.float32))
    assert fit_bond(model, truth) == pytest.approx(bond, abs=0.06)


class Knowing:
    """Knows every cell's rate, and that months are busier or quieter by a Gamma of variance 1."""

    def __init__(self, rate_UT):
        self.rate_UT = rate_UT

    def fit(self, history, task):
        self.task = task
        return self

    def predict(self, history) -> Forecast:
        row_U = [int(user.removeprefix("user ")) for user in history.interest.users_U]
        volume_UTW = np.repeat(self.rate_UT[row_U][:, :, None], 2, axis=2)
        return make_forecast(history, self.task, volume_UTW / (1 + volume_UTW), volume_UTW)


def test_with_the_bond_learned_earlier_giving_way_comes_true():
    rng = np.random.default_rng(5)
    rate_UT = rng.gamma(0.3, 1.0, (1500, 10))
    busy_US = rng.gamma(1.0, 1.0, (1500, 12)).repeat(4, axis=1)
    history = history_of(rng.poisson(rate_UT[:, :, None] * busy_US[:, None, :] / 4))
    past, recipe = history.until(40), Knowing(rate_UT)
    bond = learn_bond(recipe, past, TASK)
    assert bond == pytest.approx(1, abs=0.1)
    forecast = recipe.fit(past, TASK).predict(past)
    came_UT = outcome(history, past.interest.users_U, 40, TASK).count_UTW[:, :, 0] > 0
    row, a, b = np.indices((len(came_UT), 10, 10)).reshape(3, -1)
    free, bound = (succession(past, forecast, TASK.target, s) for s in (0.0, bond))
    pair = free.recent_UT[row, a] & ~free.recent_UT[row, b]
    gave_way = (~came_UT[row, a] & came_UT[row, b])[pair].mean()
    said, freely = (s.give_way(row, a, b, NEAR)[pair].mean() for s in (bound, free))
    assert said == pytest.approx(gave_way, rel=0.1)
    assert freely > 1.2 * gave_way


def test_what_does_not_fit_is_refused():
    history = history_of(np.ones((3, 2, 30), dtype=int))
    past = history.until(20)
    recipe = Knowing(np.full((3, 2), 0.5))
    forecast = recipe.fit(past, TASK).predict(past)
    with pytest.raises(HistoryError, match="cutoff differ"):
        succession(history, forecast, TASK.target)
    with pytest.raises(HistoryError, match="users differ"):
        succession(past.only(np.array([0, 1])), forecast, TASK.target)
    with pytest.raises(HistoryError, match="topics differ"):
        succession(history_of(np.ones((3, 1, 20), dtype=int)), forecast, TASK.target)
    with pytest.raises(HistoryError, match="A bond lies"):
        succession(past, forecast, TASK.target, bond=-1.0)
    with pytest.raises(HistoryError, match="learned from windows that have passed"):
        learn_bond(recipe, history.until(8), TASK)
