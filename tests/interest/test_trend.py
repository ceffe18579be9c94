"""Changes of level are found when they are there, and not in noise, seasons or growth.

Shapes: N series, S steps.
"""

import numpy as np
import pytest

from penchant.errors import HistoryError
from penchant.interest.trend import trend, trends

STEPS = 104
YEAR_S = 1 + 0.7 * np.cos(2 * np.pi * np.arange(STEPS) / 52)
POISSON, SPREAD, WILD = 1e6, 5.0, 2.0  # shapes of the gamma that counts' means are drawn from


def counts(mean, shape=POISSON, series=300, seed=0) -> np.ndarray:
    """Negative binomial counts around `mean`, a number or one a step."""
    rng = np.random.default_rng(seed)
    rate_NS = np.broadcast_to(np.asarray(mean, dtype=np.float64), (series, STEPS))
    return rng.poisson(rate_NS * rng.gamma(shape, 1 / shape, size=rate_NS.shape)).astype(float)


def doubled(step: int, mean: float = 20.0) -> np.ndarray:
    return mean * np.where(np.arange(STEPS) >= step, 2.0, 1.0)


@pytest.mark.parametrize("shape", [POISSON, SPREAD, WILD])
@pytest.mark.parametrize("mean", [0.1, 1.0, 20.0, 200.0])
def test_noise_has_no_change_in_19_of_20_series(mean: float, shape: float) -> None:
    found = trends(counts(mean, shape))
    assert np.mean([len(one.changes) > 0 for one in found]) < 0.05
    assert np.mean([one.direction != "level" for one in found]) < 0.07


@pytest.mark.parametrize("shape", [POISSON, SPREAD, WILD])
def test_a_known_season_is_no_change(shape: float) -> None:
    factor_NS = np.tile(YEAR_S, (300, 1))
    found = trends(counts(20 * YEAR_S, shape), factor_NS)
    assert np.mean([len(one.changes) > 0 for one in found]) < 0.06
    unaware = trends(counts(20 * YEAR_S, POISSON))
    assert np.mean([len(one.changes) > 0 for one in unaware]) > 0.95


@pytest.mark.parametrize("seasonal", [False, True])
def test_a_doubling_is_found_within_two_steps(seasonal: bool) -> None:
    factor_S = YEAR_S if seasonal else np.ones(STEPS)
    for step in (30, 52, 75):
        found = trends(counts(doubled(step) * factor_S, seed=step), np.tile(factor_S, (300, 1)))
        single = [one for one in found if len(one.changes) == 1]
        assert len(single) >= 0.95 * len(found)
        near = [abs(one.changes[0].step - step) <= 2 for one in single]
        assert np.mean(near) > 0.9
        assert np.mean([one.changes[0].before for one in single]) == pytest.approx(20, rel=0.03)
        assert np.mean([one.changes[0].after for one in single]) == pytest.approx(40, rel=0.03)
        assert max(one.changes[0].chance for one in single) < 1e-6


def test_up_and_down_again_is_two_changes() -> None:
    mean_S = np.where((np.arange(STEPS) >= 30) & (np.arange(STEPS) < 60), 60.0, 20.0)
    found = trends(counts(mean_S))
    assert np.mean([[c.step for c in one.changes] == [30, 60] for one in found]) > 0.9


def test_neither_a_closed_week_nor_a_huge_order_is_a_level() -> None:
    value_NS = counts(20.0, SPREAD)
    value_NS[:, 50], value_NS[:, 70] = 0.0, 2000.0
    found = trends(value_NS)
    assert np.mean([len(one.changes) > 0 for one in found]) < 0.05
    assert max(one.level_S.max() for one in found) < 60


def test_growth_is_a_slope_and_its_interval_holds_the_truth() -> None:
    rate = 0.01
    found = trends(counts(20 * np.exp(rate * np.arange(STEPS))))
    assert np.mean([len(one.changes) == 0 for one in found]) > 0.95
    grown = [one for one in found if not one.changes]
    covered = [one.low <= np.expm1(rate) <= one.high for one in grown]
    assert np.mean(covered) > 0.9
    assert {one.direction for one in grown} == {"rising"}
    level_S = np.mean([one.level_S for one in grown], axis=0)
    np.testing.assert_allclose(level_S, 20 * np.exp(rate * np.arange(STEPS)), rtol=0.03)
    assert {one.direction for one in trends(counts(40 * np.exp(-rate * np.arange(STEPS))))} == {
        "falling"
    }


def test_a_slope_is_that_since_the_last_change() -> None:
    after_S = np.arange(STEPS) - 40
    mean_S = np.where(after_S < 0, 100.0, 30 * np.exp(0.015 * np.maximum(after_S, 0)))
    found = trends(counts(mean_S, series=100))
    assert np.mean([one.direction == "rising" for one in found]) > 0.9
    assert np.mean([one.changes[0].step == 40 for one in found]) > 0.95


def test_a_topic_that_begins_starts_from_nothing() -> None:
    value_S = np.where(np.arange(STEPS) < 50, 0.0, 3.0)
    found = trend(value_S)
    assert [(c.step, c.before, c.after) for c in found.changes] == [(50, 0.0, 3.0)]
    np.testing.assert_allclose(found.level_S, value_S)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1])
def test_a_constant_series_is_level(value: float) -> None:
    found = trend(np.full(8, value))
    assert (found.direction, found.changes) == ("level", ())
    np.testing.assert_allclose(found.level_S, value)
    assert found.slope == pytest.approx(0.0, abs=1e-9)
    assert found.low - 1e-9 <= 0 <= found.high + 1e-9


def test_many_at_once_are_as_one_by_one() -> None:
    value_NS = counts(doubled(40), SPREAD, series=5)
    for value_S, together in zip(value_NS, trends(value_NS), strict=True):
        alone = trend(value_S)
        assert [c.step for c in alone.changes] == [c.step for c in together.changes]
        np.testing.assert_allclose(alone.level_S, together.level_S)


@pytest.mark.parametrize("value_S", [[1.0] * 7, [1.0] * 9 + [-1.0], [1.0] * 9 + [np.nan], []])
def test_what_is_no_series_of_counts_is_refused(value_S: list[float]) -> None:
    with pytest.raises(HistoryError, match="at least 8 counts, none of them negative"):
        trend(value_S)
