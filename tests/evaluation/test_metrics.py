"""Metrics against scikit-learn, closed forms, brute force, and forecasts of known quality."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import nbinom
from sklearn import metrics as sk

from evaluation.toy import (
    CUTOFF,
    TASK,
    case_of,
    history_of,
    oracle_case,
    random_case,
    rates,
    shop,
)
from penchant.errors import HistoryError
from penchant.evaluation.case import Case
from penchant.evaluation.metrics import METRICS, distance, scores
from penchant.evaluation.migration import stationary_chance_T
from penchant.evaluation.share import FLOOR
from penchant.interest import counts
from penchant.interest.model import make_forecast


@pytest.fixture(scope="module")
def case():
    return random_case(seed=5)


def value(case, name):
    return METRICS[name].score(case).value()


def test_chance_metrics_equal_sklearns(case):
    active_N, chance_N = case.active_UT.ravel(), case.chance_UT.ravel().astype(float)
    assert value(case, "average_precision") == pytest.approx(
        sk.average_precision_score(active_N, chance_N), abs=1e-12
    )
    assert value(case, "auc") == pytest.approx(sk.roc_auc_score(active_N, chance_N), abs=1e-12)
    assert value(case, "log_loss") == pytest.approx(sk.log_loss(active_N, chance_N), rel=1e-6)
    assert value(case, "brier") == pytest.approx(sk.brier_score_loss(active_N, chance_N), rel=1e-6)


def test_volume_errors_are_the_plain_ones(case):
    volume_UT, count_UT = case.volume_UT.astype(float), case.count_UT
    assert value(case, "mae") == pytest.approx(np.abs(volume_UT - count_UT).mean())
    assert value(case, "rmse") == pytest.approx(np.sqrt(((volume_UT - count_UT) ** 2).mean()))
    assert value(case, "bias") == pytest.approx(volume_UT.sum() / count_UT.sum() - 1, abs=1e-6)


def test_crps_equals_the_sum_over_all_counts(case):
    k_K = np.arange(400)
    size = case.volume_UT / np.maximum(case.excess_UT, 1e-6)
    cdf = nbinom.cdf(k_K, size[..., None], 1 / (1 + np.maximum(case.excess_UT, 1e-6))[..., None])
    brute = ((cdf - (case.count_UT[..., None] <= k_K)) ** 2).sum(axis=-1).mean()
    assert value(case, "crps") == pytest.approx(brute, rel=1e-4)


def test_ranking_metrics_equal_sklearns(case):
    some_U = case.active_UT.any(axis=1)
    relevant = case.active_UT[some_U].astype(float)
    ndcg = sk.ndcg_score(relevant, case.volume_UT[some_U], k=10)
    assert value(case, "ndcg_10") == pytest.approx(ndcg, abs=1e-9)
    first = np.argsort(-case.volume_UT[some_U], axis=1)[:, :10]
    found = np.take_along_axis(relevant, first, axis=1).sum(axis=1)
    assert value(case, "recall_10") == pytest.approx((found / relevant.sum(axis=1)).mean())


def test_classification_equals_sklearns(case):
    active_N, called_N = case.active_UT.ravel(), case.chance_UT.ravel() >= 0.5
    assert value(case, "precision") == pytest.approx(sk.precision_score(active_N, called_N))
    assert value(case, "recall") == pytest.approx(sk.recall_score(active_N, called_N))
    assert value(case, "f1") == pytest.approx(sk.f1_score(active_N, called_N))


def test_the_top_topic_is_right_if_none_was_engaged_in_more():
    count_UTS = np.zeros((3, 3, 40), dtype=int)
    count_UTS[0, [0, 1], CUTOFF] = 2  # a tie: topic 1 is as right as topic 0
    count_UTS[1, 0, CUTOFF] = 2  # user 2 does nothing and doesn't count
    volume_UTW = np.tile(np.array([0.5, 0.9, 0.1])[None, :, None], (3, 1, 2))
    case = case_of(history_of(count_UTS), volume_UTW / 2, volume_UTW)
    assert value(case, "top_topic_accuracy") == 0.5


def test_share_metrics_follow_their_formulas(case):
    share_UT = case.forecast.share()[:, :, 0].astype(float)
    count_UT = case.count_UT
    topics = share_UT.shape[1]

    def nats(share):
        return -(count_UT * np.log((1 - FLOOR) * share + FLOOR / topics)).sum() / count_UT.sum()

    popular_T = case.past.interest.count_UT(TASK.target, 0, CUTOFF).sum(axis=0, dtype=float)
    popular_T /= popular_T.sum()
    assert value(case, "cross_entropy") == pytest.approx(nats(share_UT))
    gain = nats(popular_T) - nats(share_UT)
    assert value(case, "information_gain") == pytest.approx(gain, abs=1e-6)
    some_U = count_UT.sum(axis=1) > 0
    actual_UT = count_UT[some_U] / count_UT[some_U].sum(axis=1, keepdims=True)
    expected = (jensenshannon(actual_UT, share_UT[some_U], axis=1) ** 2).mean()
    assert value(case, "jensen_shannon") == pytest.approx(expected, rel=1e-6)


def test_an_impossible_share_costs_much_but_not_infinity():
    case = oracle_case(right=False)
    assert 5 < value(case, "cross_entropy") < 20


def negative_binomial_case(believed_excess):
    """Counts of excess 1.5 in the first window, forecast with another excess."""
    users, topics = 900, 12
    volume_UT = np.random.default_rng(1).gamma(0.5, 2.0, size=(users, topics)) + 0.05
    count_UT = np.random.default_rng(2).negative_binomial(volume_UT / 1.5, 1 / 2.5)
    count_UTS = np.zeros((users, topics, 40), dtype=int)
    count_UTS[:, :, CUTOFF] = count_UT
    volume_UTW = np.repeat(volume_UT[:, :, None], 2, axis=2)
    chance_UTW = counts.chance_of(volume_UTW, believed_excess)
    return case_of(history_of(count_UTS), chance_UTW, volume_UTW)


COVERAGES = {
    "coverage_50": 0.5,
    "coverage_80": 0.8,
    "coverage_95": 0.95,
    "busy_coverage_80": 0.8,
    "activity_coverage_80": 0.8,
}


def test_a_correct_forecast_covers_its_level_and_an_over_confident_one_less():
    right, sure = negative_binomial_case(1.5), negative_binomial_case(0.2)
    for name, level in COVERAGES.items():
        margin = 0.04 if name.startswith("activity") else 0.02
        assert value(right, name) == pytest.approx(level, abs=margin), name
        assert value(sure, name) < value(right, name) - 0.01, name
    assert value(right, "ece") < 0.02 < value(sure, "ece")


def test_demand_of_a_correct_forecast_covers_its_level():
    history = shop(users=150, topics=300, seed=3)
    volume_UTW = np.repeat(rates(150, 300, 3)[:, :, None] * 4, 2, axis=2)
    case = case_of(history, counts.chance_of(volume_UTW, 0.0), volume_UTW)
    assert value(case, "demand_coverage_80") == pytest.approx(0.8, abs=0.06)


PERFECT = {
    "average_precision": 1, "auc": 1, "log_loss": 0, "brier": 0, "ece": 0, "precision": 1,
    "recall": 1, "f1": 1, "ndcg_10": 1, "recall_10": 1, "top_topic_accuracy": 1,
    "abandonment_brier_skill": 1, "abandonment_average_precision": 1,
    "jensen_shannon": 0,
}  # fmt: skip


def test_a_perfect_forecast_gets_the_best_values():
    found = {name: score.value() for name, score in scores(oracle_case(right=True)).items()}
    for name, best in PERFECT.items():
        assert found[name] == pytest.approx(best, abs=1e-4), name


def test_a_hopeless_forecast_gets_the_worst_values():
    found = {name: score.value() for name, score in scores(oracle_case(right=False)).items()}
    for name in ("auc", "precision", "recall", "f1", "top_topic_accuracy"):
        assert found[name] == 0, name
    assert found["brier"] == pytest.approx(1, abs=1e-4)
    assert found["ece"] == pytest.approx(1, abs=1e-4)
    assert found["jensen_shannon"] == pytest.approx(np.log(2), abs=1e-6)
    assert found["abandonment_brier_skill"] < -1


def test_adoption_is_of_what_was_idle_for_half_a_year():
    count_UTS = np.zeros((2, 2, 40), dtype=int)
    count_UTS[0, 0, CUTOFF - 27] = 1  # too long ago: adopted
    count_UTS[0, 0, CUTOFF] = 1
    count_UTS[0, 1, CUTOFF - 26] = 1  # just within the look-back: kept
    count_UTS[0, 1, CUTOFF] = 1
    count_UTS[1, 1, CUTOFF - 1] = 1  # abandoned
    chance_UTW = np.repeat(np.array([[0.2, 0.9], [0.4, 0.3]])[:, :, None], 2, axis=2)
    case = case_of(history_of(count_UTS), chance_UTW, chance_UTW)
    # Adoptable cells: (0, 0) with 0.2, a hit, behind (1, 0) with 0.4, a miss.
    assert value(case, "adoption_average_precision") == 0.5
    # Abandonable cells: (0, 1) with 0.1, a miss, behind (1, 1) with 0.7, a hit.
    assert value(case, "abandonment_average_precision") == 1


def test_the_stationary_null_is_the_rate_of_an_earlier_window():
    case = random_case(seed=8, users=400)
    for of_recent in (False, True):
        null_T = stationary_chance_T(case, of_recent=of_recent)
        among_UT = case.recent_UT == of_recent
        actual = case.active_UT[among_UT].mean()
        forecast = np.broadcast_to(null_T, among_UT.shape)[among_UT].mean()
        assert forecast == pytest.approx(actual, rel=0.2)
    knowing = rates(400, 12, 8)[:, :, None].repeat(2, axis=2) * 4
    better = case_of(shop(users=400, seed=8), counts.chance_of(knowing, 0.0), knowing)
    assert value(better, "abandonment_brier_skill") > 0.1
    assert value(better, "adoption_brier_skill") > 0


def test_a_history_too_short_for_the_null_has_no_skill():
    history = shop()
    volume_UTW = np.full((60, 12, 2), 0.1)
    case = case_of(history, volume_UTW / 2, volume_UTW, cutoff=4)
    assert np.isnan(value(case, "adoption_brier_skill"))
    assert np.isfinite(value(case, "brier"))


def test_nearer_to_the_perfect_value_sorts_first():
    assert distance("coverage_80", 0.81) < distance("coverage_80", 0.75)
    assert distance("information_gain", 0.4) < distance("information_gain", 0.1)
    assert distance("bias", -0.1) < distance("bias", 0.2)
    assert distance("seconds", 1) < distance("seconds", 2)


def test_a_forecast_of_another_cutoff_is_refused(case):
    earlier = case.past.until(CUTOFF - 1, panel=True)
    forecast = make_forecast(earlier, TASK, case.forecast.chance_UTW, case.forecast.volume_UTW)
    with pytest.raises(HistoryError, match="its cutoff differ"):
        Case(case.past, TASK, forecast, case.outcome, 0)
