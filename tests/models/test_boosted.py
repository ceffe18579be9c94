"""Boosted trees use what no counting recipe can: cadence, and promotions known ahead."""

from dataclasses import replace

import numpy as np
import pytest

from models.shops import history_of, lopsided
from penchant.errors import HistoryError
from penchant.interest.calendar import Calendar
from penchant.interest.history import population_of
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.models.boosted import Boosted
from penchant.models.gamma_poisson import GammaPoisson

NEXT = Task(windows=(Window(0, 1),))
QUICK = Boosted(threads=1, cutoffs=6, spacing=1)


def log_loss(recipe, history, cutoff):
    past = history.until(cutoff, panel=True)
    chance_UT = recipe.fit(past, NEXT).predict(past).chance_UTW[:, :, 0].astype(float)
    count_UT = outcome(history, past.interest.users_U, cutoff, NEXT).count_UTW[:, :, 0]
    return -np.log(np.where(count_UT > 0, chance_UT, 1 - chance_UT).clip(1e-6)).mean()


def test_it_knows_a_cadence():
    """Everyone buys each topic every fourth week, from a week of his own."""
    rng = np.random.default_rng(0)
    phase_UT = rng.integers(4, size=(80, 4))
    count_UTS = (np.arange(40) % 4 == phase_UT[:, :, None]).astype(int)
    history = history_of(count_UTS)
    assert log_loss(QUICK, history, 36) < 0.2 * log_loss(GammaPoisson(), history, 36)


def test_it_looks_at_promotions_ahead():
    """Topics sell only in weeks they are promoted, which the calendar tells in advance."""
    rng = np.random.default_rng(0)
    promotion_TC = (rng.random((8, 48)) < 0.3).astype(np.float32)
    count_UTS = rng.poisson(0.05 + 0.9 * promotion_TC, size=(60, 8, 48))
    history = history_of(count_UTS)
    known = replace(history, calendar=Calendar(promotion_TC, np.zeros(48, np.float32)))
    past = known.until(44, panel=True)
    volume_T = QUICK.fit(past, NEXT).predict(past).volume_UTW[:, :, 0].mean(axis=0)
    promoted_T = promotion_TC[:, 44] > 0
    assert promoted_T.any()
    assert volume_T[promoted_T].min() > 3 * volume_T[~promoted_T].max()


def test_windows_that_reach_past_the_history_are_refused():
    history = lopsided(steps=8)
    with pytest.raises(HistoryError, match=r"8 steps are known.*reach 12 steps"):
        QUICK.fit(history, Task(windows=(Window(8, 12),)))


def test_a_shop_where_nobody_buys_twice_in_a_window_is_served():
    """Sofas: at most one engagement a cell and window, so none goes further."""
    rng = np.random.default_rng(0)
    count_UTS = np.zeros((50, 3, 30), dtype=int)
    count_UTS[np.arange(50), rng.integers(3, size=50), rng.integers(30, size=50)] = 1
    history = history_of(count_UTS)
    forecast = QUICK.fit(history, NEXT).predict(history)
    np.testing.assert_allclose(forecast.volume_UTW, forecast.chance_UTW, rtol=0.02)
    assert 0.2 < forecast.volume_UTW.mean() / count_UTS.mean() < 2


def test_it_reads_views_where_purchases_are_forecast():
    """Each purchase is viewed the week before; the views of the last week tell who buys next."""
    rng = np.random.default_rng(0)
    bought = history_of(rng.poisson(0.3, size=(80, 5, 40)))
    interest = bought.interest
    viewed_N = interest.step_N >= 1
    seen = {
        "user_N": interest.user_N[viewed_N],
        "topic_N": interest.topic_N[viewed_N],
        "step_N": interest.step_N[viewed_N] - 1,
    }
    order = np.lexsort(
        [np.concatenate([getattr(interest, name), rows]) for name, rows in reversed(seen.items())]
    )
    both = replace(
        interest,
        kinds_K=("purchase", "view"),
        count_NK=np.concatenate(
            [
                np.pad(interest.count_NK, ((0, 0), (0, 1))),
                np.pad(interest.count_NK[viewed_N], ((0, 0), (1, 0))),
            ]
        )[order],
        money_N=np.concatenate([interest.money_N, interest.money_N[viewed_N]])[order],
        **{
            name: np.concatenate([getattr(interest, name), rows])[order]
            for name, rows in seen.items()
        },
    )
    with_views = replace(bought, interest=both, population=population_of(both))
    assert log_loss(QUICK, with_views, 36) < 0.5 * log_loss(QUICK, bought, 36)


def test_promotions_unknown_ahead_are_not_read_as_none():
    """A calendar that ends at the cutoff tells the trees nothing, also not at earlier cutoffs."""
    rng = np.random.default_rng(0)
    promotion_TC = (rng.random((8, 48)) < 0.5).astype(np.float32)
    history = history_of(rng.poisson(0.05 + 0.9 * promotion_TC, size=(60, 8, 48)))
    none_C = np.zeros(48, dtype=np.float32)
    known = replace(history.until(44), calendar=Calendar(promotion_TC[:, :44], none_C))
    blind = replace(known, calendar=Calendar(promotion_TC[:, :0], none_C))
    volumes = [QUICK.fit(past, NEXT).predict(past).volume_UTW.sum() for past in (known, blind)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)
