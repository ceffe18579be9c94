"""The negative binomial agrees with SciPy's, and scores agree with their definitions."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from penchant.interest import counts

volumes = st.floats(1e-4, 60)
excesses = st.one_of(st.just(0.0), st.floats(1e-3, 30))
levels = st.floats(0.01, 0.99)


def reference(volume, excess):
    """The same distribution, from SciPy."""
    if excess == 0:
        return stats.poisson(volume)
    return stats.nbinom(volume / excess, 1 / (1 + excess))


def support(volume, excess, count=0):
    """Counts 0, 1, … until nothing is left of the tail."""
    widest = 20 * np.sqrt(volume * (1 + excess)) + 40 * (1 + excess)
    return np.arange(int(max(volume, count) + widest) + 10)


@given(volumes, excesses)
def test_the_chance_is_that_of_more_than_none(volume, excess):
    expected = reference(volume, excess).sf(0)
    assert counts.chance_of(volume, excess) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.floats(1e-3, 15), st.one_of(st.just(0.0), st.floats(1e-2, 1e3)))
def test_a_chance_and_a_volume_pin_down_the_excess(volume, excess):
    found = counts.excess(counts.chance_of(volume, excess), volume)
    assert found == pytest.approx(excess, rel=1e-3, abs=1e-6)


def test_impossible_pairs_of_chance_and_volume_are_taken_for_poisson():
    assert counts.excess(0.9, 0.1) == 0
    assert counts.excess(0.0, 0.0) == 0
    assert counts.excess(1.0, 5.0) == 0


def test_the_least_volume_is_the_poissons():
    chance = np.array([0.0, 0.2, 0.9, 1.0])
    volume = counts.least_volume(chance)
    np.testing.assert_allclose(counts.chance_of(volume, 0.0), chance, atol=2e-7)
    assert np.isfinite(volume).all()


@given(volumes, excesses, st.integers(-2, 120))
def test_cumulative_is_scipys(volume, excess, count):
    expected = reference(volume, excess).cdf(count)
    assert counts.cumulative(count, volume, excess) == pytest.approx(expected, abs=1e-9)


@given(volumes, excesses, levels)
def test_a_quantile_is_the_smallest_count_that_reaches_it(volume, excess, level):
    found = int(counts.quantile(level, volume, excess))
    assert reference(volume, excess).cdf(found) >= level - 1e-9
    assert found == 0 or reference(volume, excess).cdf(found - 1) < level + 1e-9


@given(volumes, excesses, levels, levels)
def test_quantiles_rise(volume, excess, one, other):
    low, high = sorted((one, other))
    assert counts.quantile(low, volume, excess) <= counts.quantile(high, volume, excess)


@pytest.mark.parametrize("q", [-0.1, 1.0, 1.5])
def test_a_quantile_lies_below_one(q):
    with pytest.raises(ValueError, match="found"):
        counts.quantile(q, 1.0, 1.0)


@given(volumes, excesses, st.integers(0, 100))
def test_crps_is_its_definition(volume, excess, count):
    k = support(volume, excess, count)
    expected = ((reference(volume, excess).cdf(k) - (count <= k)) ** 2).sum()
    assert counts.crps(count, volume, excess) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("volume", [1e-3, 0.5, 20.0, 400.0])
@pytest.mark.parametrize("excess", [100.0, 5000.0])
def test_crps_is_its_definition_under_a_long_tail(volume, excess):
    for count in (0, 1, 50, 2000):
        k = support(volume, excess, count)
        expected = ((counts.cumulative(k, volume, excess) - (count <= k)) ** 2).sum()
        assert counts.crps(count, volume, excess) == pytest.approx(expected, abs=1e-6, rel=1e-7)


def test_crps_of_a_sure_forecast_is_the_absolute_error():
    count = np.array([0, 1, 7])
    np.testing.assert_allclose(counts.crps(count, np.zeros(3), np.zeros(3)), count)


def test_crps_keeps_the_shape():
    assert counts.crps(np.ones((2, 3)), np.ones((2, 3)), 0.5).shape == (2, 3)
    assert counts.crps(1, 1.0, 0.5).shape == ()


def test_crps_takes_no_longer_for_longer_tails():
    def seconds(excess):
        started = time.perf_counter()
        counts.crps(np.ones(50_000), np.full(50_000, 0.3), np.full(50_000, excess))
        return time.perf_counter() - started

    seconds(1.0)
    assert seconds(1e6) < 5 * seconds(0.1) + 0.05


@given(volumes, excesses, st.sampled_from([0.5, 0.8, 0.95]))
def test_an_interval_covers_what_it_says_when_the_forecast_is_true(volume, excess, level):
    k = support(volume, excess)
    probability = reference(volume, excess).pmf(k)
    below, upto = counts.cumulative(k - 1, volume, excess), counts.cumulative(k, volume, excess)
    expected = (probability * counts.covered(below, upto, level)).sum()
    assert expected == pytest.approx(level, abs=1e-6)
