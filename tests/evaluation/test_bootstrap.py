"""Intervals that cover what they should, and comparisons that gain from pairing."""

import numpy as np
import pytest

from evaluation.toy import random_case
from penchant.errors import HistoryError
from penchant.evaluation.bootstrap import bootstrap, compare, draw_weights
from penchant.evaluation.metrics import METRICS
from penchant.evaluation.score import Ratio, Whole


def mean(value_U):
    return Ratio(value_U, np.ones(len(value_U)))


def test_the_interval_covers_the_true_mean_about_19_times_in_20():
    rng = np.random.default_rng(0)
    covered = [
        low <= 3 <= high
        for low, high in (bootstrap(mean(rng.gamma(3, size=100)), draws=400) for _ in range(400))
    ]
    assert 0.91 <= np.mean(covered) <= 0.98


def test_the_same_draws_for_every_score_and_others_for_another_seed():
    value_U = np.random.default_rng(1).random(80)
    assert bootstrap(mean(value_U)) == bootstrap(mean(value_U.copy()))
    assert bootstrap(mean(value_U)) != bootstrap(mean(value_U), seed=1)
    assert (draw_weights(80, 50).sum(axis=1) == 80).all()


def test_a_paired_comparison_is_narrower_than_an_unpaired_one():
    rng = np.random.default_rng(2)
    hard_U = rng.gamma(1, size=300)
    a, b = mean(hard_U + rng.normal(0.1, 0.1, 300)), mean(hard_U)
    paired = compare(a, b)
    assert paired.value == pytest.approx(a.value() - b.value())
    assert paired.clear
    low_a, high_a = bootstrap(a)
    low_b, high_b = bootstrap(b)
    assert paired.high - paired.low < 0.3 * np.hypot(high_a - low_a, high_b - low_b)


def test_a_score_compared_with_itself_differs_by_nothing():
    for name in ("average_precision", "ece", "rmse"):
        score = METRICS[name].score(random_case())
        difference = compare(score, score)
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.clear


def test_without_draws_or_users_there_is_no_interval():
    assert np.isnan(bootstrap(mean(np.ones(5)), draws=0)).all()
    assert np.isnan(bootstrap(Whole(0.8, 5))).all()


def test_scores_of_different_users_dont_compare():
    with pytest.raises(HistoryError, match="found 5 and 6"):
        compare(mean(np.ones(5)), mean(np.ones(6)))
