"""Calibration and skill among the cells that can be adopted or abandoned, by plain sums."""

import numpy as np
import pytest

from evaluation.toy import oracle_case, random_case
from penchant.evaluation.bootstrap import draw_weights
from penchant.evaluation.metrics import METRICS
from penchant.evaluation.migration import (
    abandonment_ece,
    adoption_ece,
    binned,
    skill_over,
    stationary_chance_T,
)

CASE = random_case(seed=11, users=200)


def plain_ece(chance_N, hit_N, bins=20):
    bin_N = np.minimum((chance_N * bins).astype(int), bins - 1)
    gap = sum(abs((chance_N - hit_N)[bin_N == b].sum()) for b in range(bins))
    return gap / len(chance_N)


@pytest.mark.parametrize(("metric", "of_recent"), [(adoption_ece, False), (abandonment_ece, True)])
def test_calibration_is_that_of_the_cells_in_question(metric, of_recent):
    among_UT = CASE.recent_UT == of_recent
    expected = plain_ece(CASE.chance_UT[among_UT], CASE.active_UT[among_UT].astype(float))
    assert metric(CASE).value() == pytest.approx(expected, abs=1e-6)
    assert metric(oracle_case(right=True)).value() == pytest.approx(0, abs=1e-5)


def test_calibration_of_drawn_users_is_that_of_their_cells():
    weight_U = draw_weights(200, draws=1)[0]
    row_N = np.repeat(np.arange(200), weight_U.astype(int))
    among_NT = ~CASE.recent_UT[row_N]
    expected = plain_ece(
        CASE.chance_UT[row_N][among_NT], CASE.active_UT[row_N][among_NT].astype(float)
    )
    assert adoption_ece(CASE).value(weight_U) == pytest.approx(expected, abs=1e-6)


def test_a_hit_may_count_in_part():
    halves = binned(np.array([0, 0, 1]), np.full(3, 0.5), np.array([0.5, 0.5, 0.5]), users=2)
    assert halves.value() == 0


@pytest.mark.parametrize("of_recent", [False, True])
def test_skill_over_any_null(of_recent):
    among_UT = CASE.recent_UT == of_recent
    active_N = CASE.active_UT[among_UT].astype(float)
    null_UT = np.full(CASE.chance_UT.shape, 0.3)
    mine = ((CASE.chance_UT[among_UT] - active_N) ** 2).mean()
    expected = 1 - mine / ((0.3 - active_N) ** 2).mean()
    found = skill_over(CASE, null_UT, of_recent=of_recent).value()
    assert found == pytest.approx(expected, abs=1e-6)
    assert skill_over(CASE, CASE.chance_UT, of_recent=of_recent).value() == 0


def test_the_skill_in_the_table_of_metrics_is_over_the_null_of_frequencies():
    null_T = stationary_chance_T(CASE, of_recent=True)
    expected = METRICS["abandonment_brier_skill"].score(CASE).value()
    assert skill_over(CASE, null_T, of_recent=True).value() == expected
