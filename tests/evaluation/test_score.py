"""Scores under weights: equal to scikit-learn's, and to leaving users out or doubling them."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation.toy import random_case
from penchant.evaluation.metrics import METRICS, scores
from penchant.evaluation.score import Binned, Ranked, Ranking, Ratio, Whole

CELLS, USERS = 4000, 50


def pooled(seed, digits):
    rng = np.random.default_rng(seed)
    chance_N = rng.random(CELLS) ** 3
    hit_N = rng.random(CELLS) < chance_N
    if digits is not None:
        chance_N = np.round(chance_N, digits)
    user_N = rng.integers(USERS, size=CELLS)
    weight_U = rng.integers(0, 4, size=USERS).astype(float)
    return chance_N.astype(np.float32), hit_N, user_N, weight_U


@pytest.mark.parametrize("digits", [None, 2, 1, 0])
@pytest.mark.parametrize(
    ("statistic", "reference"),
    [("average_precision", average_precision_score), ("auc", roc_auc_score)],
)
def test_a_pooled_ranking_equals_sklearns_with_ties_and_weights(statistic, reference, digits):
    chance_N, hit_N, user_N, weight_U = pooled(3, digits)
    score = Ranked(Ranking.of(chance_N, hit_N, user_N, USERS), statistic)
    assert score.value() == pytest.approx(reference(hit_N, chance_N), abs=1e-12)
    weighted = reference(hit_N, chance_N, sample_weight=weight_U[user_N])
    assert score.value(weight_U) == pytest.approx(weighted, abs=1e-12)


def test_many_weightings_give_what_each_gives_alone():
    weight_DU = np.random.default_rng(0).integers(0, 3, size=(120, 60)).astype(float)
    for name, score in scores(random_case(digits=2)).items():
        if isinstance(score, Whole):
            continue
        alone = [score.value(weight_U) for weight_U in weight_DU]
        np.testing.assert_allclose(score.values(weight_DU), alone, rtol=1e-9, err_msg=name)


def test_a_ratio_leaves_out_whom_the_weights_leave_out():
    score = Ratio(np.array([1.0, 6.0, 100.0]), np.array([1.0, 2.0, 1.0]))
    assert score.value(np.array([1.0, 1.0, 0.0])) == pytest.approx(7 / 3)
    assert Ratio(np.array([9.0]), np.array([1.0]), root=True).value() == 3


def test_what_cant_be_computed_is_nan_and_no_warning():
    empty = Ratio(np.zeros(3), np.zeros(3))
    assert np.isnan(empty.value())
    cells = (np.array([0.1, 0.2], np.float32), np.zeros(2, bool), np.array([0, 1]))
    nothing = tuple(array[:0] for array in cells)
    for statistic in ("average_precision", "auc"):
        assert np.isnan(Ranked(Ranking.of(*cells, 2), statistic).value())
        assert np.isnan(Ranked(Ranking.of(*nothing, 2), statistic).value())


def test_calibration_error_is_the_mean_gap_of_the_bins():
    chance_UT = np.array([[0.02, 0.04, 0.52, 0.54], [0.02, 0.04, 0.52, 1.0]], np.float32)
    hit_UT = np.array([[0, 1, 0, 1], [0, 0, 0, 1]], bool)
    # Bin 0: 0.12 forecast, 1 hit; bin 10: 1.58 forecast, 1 hit; bin 19: 1 forecast, 1 hit.
    expected = (abs(0.12 - 1) + abs(1.58 - 1) + 0) / 8
    assert Binned.of(chance_UT, hit_UT).value() == pytest.approx(expected, abs=1e-6)


def test_a_number_about_the_whole_shop_has_no_weighting():
    score = Whole(0.8, 3)
    assert score.value() == 0.8
    assert np.isnan(score.value(np.ones(3)))


def test_every_metric_names_its_perfect_value():
    assert len(METRICS) == 28
    assert all(not np.isnan(metric.best) for metric in METRICS.values())
