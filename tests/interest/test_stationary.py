"""The stationary null against enumeration, simulation and planted concentrations."""

import numpy as np
import pytest
from scipy.stats import betabinom

from models.shops import history_of
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.counts import least_volume
from penchant.interest.outcome import outcome
from penchant.interest.stationary import fit_concentration, lookback, stationary_forecast
from penchant.interest.task import Task, Window

TASK = Task(windows=(Window(0, 4), Window(4, 17)))


def polya_shop(concentration=8.0, users=1500, topics=6, steps=43, seed=0, purchases=3):
    """Everybody draws `purchases` a step from shares that never change."""
    rng = np.random.default_rng(seed)
    share_T = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])[:topics]
    taste_UT = rng.dirichlet(concentration * share_T, users)
    count_SUT = np.stack([rng.multinomial(purchases, taste_UT) for _ in range(steps)])
    return history_of(count_SUT.transpose(1, 2, 0)), share_T


def test_the_look_back_is_half_a_year():
    assert [lookback(step) for step in (Step.DAY, Step.WEEK, Step.MONTH)] == [182, 26, 6]


@pytest.mark.parametrize("concentration", [2.0, 8.0, 50.0])
def test_a_planted_concentration_is_found(concentration):
    history, share_T = polya_shop(concentration)
    count_UT = history.interest.count_UT(TASK.target, 0, 26)
    assert fit_concentration(count_UT, share_T) == pytest.approx(concentration, rel=0.08)


def test_customers_who_are_all_alike_weigh_only_the_shop():
    count_UT = np.full((50, 4), 5, dtype=np.float32)
    assert fit_concentration(count_UT, np.full(4, 0.25)) > 1e4


def test_chances_are_beta_binomial():
    history, _ = polya_shop(users=200)
    past = history.until(26)
    found = stationary_forecast(past, TASK)
    count_UT = past.interest.count_UT(TASK.target, 0, 26).astype(float)
    share_T = (count_UT.sum(axis=0) + 0.5) / (count_UT.sum(axis=0) + 0.5).sum()
    strength = fit_concentration(count_UT, share_T)
    a_UT = strength * share_T + count_UT
    b_UT = strength + 78 - a_UT
    for w, expected in enumerate((12, 39)):  # 3 a step
        assert found.chance_UTW[:, :, w] == pytest.approx(
            1 - betabinom.pmf(0, expected, a_UT, b_UT), abs=1e-5
        )
        least_UT = least_volume(found.chance_UTW[:, :, w])
        volume_UT = np.maximum(expected * a_UT / (a_UT + b_UT), least_UT)
        assert found.volume_UTW[:, :, w] == pytest.approx(volume_UT, rel=1e-3)


def test_where_nothing_changes_the_null_keeps_its_word():
    history, _ = polya_shop(users=3000)
    past = history.until(26)
    chance_UTW = stationary_forecast(past, TASK).chance_UTW
    active_UTW = outcome(history, past.interest.users_U, 26, TASK).count_UTW > 0
    recent_UT = past.interest.count_UT(TASK.target, 0, 26) > 0
    for among_UT in (recent_UT, ~recent_UT):
        said_W, came_W = chance_UTW[among_UT].mean(axis=0), active_UTW[among_UT].mean(axis=0)
        assert said_W == pytest.approx(came_W, rel=0.06)


def test_only_the_look_back_counts():
    count_UTS = np.zeros((4, 3, 60), dtype=int)
    count_UTS[:, 0, :30] = 2
    count_UTS[:3, 1, 40:] = 1
    found = stationary_forecast(history_of(count_UTS), TASK)
    assert (found.chance_UTW[:3, 1] > 0.8).all()
    assert (found.chance_UTW[:3, 0] < 0.1).all()
    assert (found.chance_UTW[3] == 0).all()  # idle for half a year


def test_a_short_history_is_its_own_look_back():
    history, _ = polya_shop(users=100)
    found, there = (stationary_forecast(history.until(cutoff), TASK) for cutoff in (5, 26))
    for one in (found, there):
        assert one.volume_UTW.sum(axis=1).mean(axis=0) == pytest.approx([12, 39], rel=0.2)
    assert found.chance_UTW.std(axis=0).mean() < there.chance_UTW.std(axis=0).mean()


def test_silence_is_refused():
    count_UTS = np.zeros((2, 2, 60), dtype=int)
    count_UTS[:, :, 3] = 1
    with pytest.raises(HistoryError, match="in the last 26 weeks; found none"):
        stationary_forecast(history_of(count_UTS), TASK)
