"""The counting recipes expect what their formulas say, on shops small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pytest

from models.shops import TASK, history_of, lopsided
from penchant.interest.task import Task, Window
from penchant.models.activity import PRIOR_STEPS, activity_U, exposure_U, mean_rate, popularity_T
from penchant.models.decayed_share import DecayedShare
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.naive import LastWindow, SeasonalNaive
from penchant.models.popularity import Popularity, RecentPopularity

TARGET = ("purchase",)


def test_activity_is_a_rate_smoothed_by_two_steps_of_the_shops_mean():
    count_UTS = np.zeros((3, 2, 10))
    count_UTS[0, :, :] = 1  # two events a step
    count_UTS[1, 0, 9] = 4  # new: four events in his only step
    history = history_of(count_UTS)
    rate = 24 / 30
    assert mean_rate(history, TARGET, np.inf) == pytest.approx(rate)
    np.testing.assert_allclose(exposure_U(history, np.inf), [10, 1, 0])
    expected = [
        (20 + PRIOR_STEPS * rate) / (10 + PRIOR_STEPS),
        (4 + PRIOR_STEPS * rate) / (1 + PRIOR_STEPS),
        rate,  # nothing is known of him, so he is like everyone
    ]
    np.testing.assert_allclose(activity_U(history, TARGET, np.inf), expected, rtol=1e-5)


def test_popularity_is_never_quite_nothing():
    count_UTS = np.zeros((2, 3, 4))
    count_UTS[:, 0, :] = 1
    share_T = popularity_T(history_of(count_UTS), TARGET)
    np.testing.assert_allclose(share_T, [8.5 / 9.5, 0.5 / 9.5, 0.5 / 9.5], rtol=1e-5)


@pytest.mark.parametrize("recipe", [Popularity(), RecentPopularity(steps=4)])
def test_popularity_gives_everyone_the_same_shares(recipe):
    history = lopsided()
    share_UTW = recipe.fit(history, TASK).predict(history).share()
    np.testing.assert_allclose(
        share_UTW, np.broadcast_to(share_UTW[:1], share_UTW.shape), atol=1e-5
    )


def test_recent_popularity_forgets_what_is_long_ago():
    count_UTS = np.zeros((4, 2, 20))
    count_UTS[:, 0, :12] = 1
    count_UTS[:, 1, 12:] = 1
    history = history_of(count_UTS)
    for recipe, order in ((Popularity(), [0, 1]), (RecentPopularity(steps=8), [1, 0])):
        volume_TW = recipe.fit(history, TASK).predict(history).volume_UTW.sum(axis=0)
        assert np.argsort(-volume_TW[:, 0]).tolist() == order


def test_the_last_window_repeats():
    history = lopsided()
    volume_UTW = LastWindow(smoothing=0.0).volume_UTW(history, TASK)
    for w, window in enumerate(TASK.windows):
        expected = history.interest.count_UT(TARGET, history.cutoff - window.length, history.cutoff)
        np.testing.assert_allclose(volume_UTW[:, :, w], expected, rtol=1e-5)


def test_the_same_weeks_of_last_year_repeat():
    rng = np.random.default_rng(0)
    history = history_of(rng.poisson(0.5, size=(6, 3, 60)))
    volume_UTW = SeasonalNaive(smoothing=0.0).volume_UTW(history, TASK)
    for w, window in enumerate(TASK.windows):
        span = (60 + window.start - 52, 60 + window.end - 52)
        np.testing.assert_allclose(
            volume_UTW[:, :, w], history.interest.count_UT(TARGET, *span), rtol=1e-5
        )


def test_without_a_last_year_the_last_window_repeats():
    history = lopsided()
    np.testing.assert_array_equal(
        SeasonalNaive().volume_UTW(history, TASK), LastWindow().volume_UTW(history, TASK)
    )


def test_decayed_shares_are_smoothed_by_popularity():
    history = lopsided()
    recipe = DecayedShare(half_life=5.0, prior_strength=10.0, popularity_half_life=9.0)
    own_UT = history.interest.decayed_UT(TARGET, 5.0)
    prior_T = popularity_T(history, TARGET, 9.0)
    expected = (own_UT + 10 * prior_T) / (own_UT.sum(axis=1, keepdims=True) + 10)
    np.testing.assert_allclose(recipe.share_UT(history, TASK), expected, rtol=1e-5)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-5)


def test_tuning_gives_steady_tastes_a_long_memory_and_fading_ones_a_short_one():
    rng = np.random.default_rng(1)
    rate_UT = rng.dirichlet([0.5] * 6, size=80) * 3
    steady = rng.poisson(np.repeat(rate_UT[:, :, None], 60, axis=2))
    turned = np.repeat(rate_UT[:, :, None], 60, axis=2)
    for step in range(6, 60, 6):  # everyone's tastes turn round every six weeks
        turned[:, :, step:] = np.roll(turned[:, :, step:], 1, axis=1)
    near = Task(windows=(Window(0, 2),))
    lives = {
        name: DecayedShare().fit(history_of(counts), near).counter.half_life
        for name, counts in (("steady", steady), ("turned", rng.poisson(turned)))
    }
    assert lives["steady"] >= 26
    assert lives["turned"] <= 6


def test_no_half_lives_means_no_tuning():
    recipe = DecayedShare(half_lives=(), half_life=7.0)
    assert recipe.fit(lopsided(), TASK).counter == recipe


def test_gamma_poisson_believes_long_histories_and_smooths_short_ones():
    """Users who bought the same share of a topic differ by how much they ever bought."""
    rng = np.random.default_rng(0)
    rate_UT = rng.dirichlet([1.0] * 4, size=200) * 2
    count_UTS = rng.poisson(rate_UT[:, :, None], size=(200, 4, 40))
    count_UTS[0] = count_UTS[1] = 0
    count_UTS[0, 0, :] = 2  # a long habit
    count_UTS[1, 0, 38:] = 2  # two weeks of it
    history = history_of(count_UTS)
    share_UT = GammaPoisson().fit(history, TASK).predict(history).share()[:, :, 0]
    popular_T = popularity_T(history, TARGET)
    assert popular_T[0] < share_UT[1, 0] < share_UT[0, 0]
    assert share_UT[0, 0] > 0.85


def test_gamma_poisson_finds_the_spread_of_tastes():
    """Where everyone is alike, a user's own counts say little; where they differ, much."""
    rng = np.random.default_rng(0)
    trust = {}
    for name, concentration in (("alike", 1000.0), ("different", 0.5)):
        rate_UT = rng.dirichlet([concentration] * 4, size=300) * 2
        history = history_of(rng.poisson(rate_UT[:, :, None], size=(300, 4, 40)))
        tastes = GammaPoisson().fit(history, TASK).counter
        trust[name] = 1 / tastes.rate_T.mean()
    assert trust["different"] > 20 * trust["alike"]


@pytest.mark.parametrize("recipe", [Popularity(), LastWindow(), DecayedShare(), GammaPoisson()])
def test_a_block_is_forecast_beside_the_whole_shop(recipe):
    """A model may look at everyone's totals, and a block carries them."""
    history = lopsided()
    model = recipe.fit(history, TASK)
    block = history.only(np.array([5]))
    np.testing.assert_allclose(
        model.predict(block).volume_UTW, model.predict(history).volume_UTW[[5]], rtol=1e-6
    )
    alone = replace(block, population=replace(block.population, users=1))
    assert (model.predict(alone).volume_UTW != model.predict(block).volume_UTW).any()
