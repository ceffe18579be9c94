"""A head makes chances come true as often as they say, and totals scatter as they should."""

import numpy as np
import pytest

from models.shops import TASK, lopsided
from penchant.interest import counts
from penchant.models.heads import fit_head, shocks_W, untrained_head

SHAPE = (20_000, 3, 2)


def drawn(excess, seed=0):
    """Volumes, and negative binomial counts around them."""
    rng = np.random.default_rng(seed)
    volume_UTW = rng.gamma(1.0, 0.8, size=SHAPE)
    shape_UTW = np.maximum(volume_UTW / excess, 1e-9)
    return volume_UTW, rng.negative_binomial(shape_UTW, 1 / (1 + excess))


@pytest.mark.parametrize("excess", [0.3, 1.0, 4.0])
def test_the_excess_of_the_counts_is_found(excess):
    head = fit_head(*drawn(excess))
    np.testing.assert_allclose(head.excess_TW, excess, rtol=0.25)


def test_chances_come_true_as_often_as_they_say():
    volume_UTW, count_UTW = drawn(2.0)
    head = fit_head(volume_UTW, count_UTW)
    chance_UTW = counts.chance_of(volume_UTW, head.excess_TW)
    came_TW = (count_UTW > 0).mean(axis=0)
    np.testing.assert_allclose(chance_UTW.mean(axis=0), came_TW, atol=0.01)


def test_topics_keep_their_own_excess_when_they_have_customers_to_tell():
    even, odd = drawn(0.2, seed=1), drawn(6.0, seed=2)
    volume_UTW = np.concatenate([even[0], odd[0]], axis=1)
    count_UTW = np.concatenate([even[1], odd[1]], axis=1)
    excess_TW = fit_head(volume_UTW, count_UTW).excess_TW
    assert excess_TW[:3].max() < 0.5
    assert excess_TW[3:].min() > 3


@pytest.mark.parametrize("shock", [0.0, 0.15, 0.4])
def test_the_shock_that_users_of_a_topic_share_is_found(shock):
    """Each topic of a window is off by one factor for all its users, as in a week of snow."""
    rng = np.random.default_rng(0)
    volume_UTW = np.full((400, 300, 1), 1.0)
    factor_T = np.maximum(1 + shock * rng.standard_normal(300), 0)
    count_UTW = rng.poisson(volume_UTW * factor_T[:, None])
    topic_shock_W, _ = shocks_W(volume_UTW, np.zeros((300, 1)), count_UTW)
    assert topic_shock_W[0] == pytest.approx(shock, rel=0.15, abs=0.03)


def test_totals_too_small_to_tell_have_no_shock():
    shocks = shocks_W(np.full((3, 3, 1), 0.1), np.zeros((3, 1)), np.full((3, 3, 1), 9.0))
    assert [float(shock_W[0]) for shock_W in shocks] == pytest.approx([0, 0], abs=1e-3)


def test_an_untrained_head_is_poisson():
    history = lopsided()
    volume_UTW = np.full((40, 5, 2), 0.7, dtype=np.float32)
    forecast = untrained_head(5, TASK).forecast(history, TASK, volume_UTW)
    np.testing.assert_allclose(forecast.chance_UTW, 1 - np.exp(-0.7), rtol=1e-5)
    np.testing.assert_allclose(forecast.excess_UTW, 0, atol=1e-5)
    assert not forecast.topic_shock_W.any()
