"""The table of metrics: each name, how it is computed, and what a perfect forecast gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from penchant.evaluation import chance, classification, migration, ranking, share, volume
from penchant.evaluation.case import Case
from penchant.evaluation.score import Score


@dataclass(frozen=True)
class Metric:
    """A score of a case, and the value of a perfect forecast: the nearer, the better."""

    score: Callable[[Case], Score]
    best: float


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "average_precision": Metric(chance.average_precision, 1),
        "auc": Metric(chance.auc, 1),
        "log_loss": Metric(chance.log_loss, 0),
        "brier": Metric(chance.brier, 0),
        "ece": Metric(chance.ece, 0),
        "mae": Metric(volume.mae, 0),
        "rmse": Metric(volume.rmse, 0),
        "bias": Metric(volume.bias, 0),
        "crps": Metric(volume.crps, 0),
        "coverage_50": Metric(partial(volume.coverage, level=0.5), 0.5),
        "coverage_80": Metric(partial(volume.coverage, level=0.8), 0.8),
        "coverage_95": Metric(partial(volume.coverage, level=0.95), 0.95),
        "busy_coverage_80": Metric(partial(volume.busy_coverage, level=0.8), 0.8),
        "activity_coverage_80": Metric(partial(volume.activity_coverage, level=0.8), 0.8),
        "demand_coverage_80": Metric(partial(volume.demand_coverage, level=0.8), 0.8),
        "cross_entropy": Metric(share.cross_entropy, 0),
        "information_gain": Metric(share.information_gain, float("inf")),
        "jensen_shannon": Metric(share.jensen_shannon, 0),
        "ndcg_10": Metric(partial(ranking.ndcg, k=10), 1),
        "recall_10": Metric(partial(ranking.recall_at, k=10), 1),
        "top_topic_accuracy": Metric(classification.top_topic_accuracy, 1),
        "precision": Metric(classification.precision, 1),
        "recall": Metric(classification.recall, 1),
        "f1": Metric(classification.f1, 1),
        "adoption_average_precision": Metric(migration.adoption_average_precision, 1),
        "adoption_brier_skill": Metric(migration.adoption_brier_skill, 1),
        "abandonment_average_precision": Metric(migration.abandonment_average_precision, 1),
        "abandonment_brier_skill": Metric(migration.abandonment_brier_skill, 1),
    }
)


def scores(case: Case) -> dict[str, Score]:
    """Every metric of a case, by name."""
    return {name: metric.score(case) for name, metric in METRICS.items()}


def distance(name: str, value: float) -> float:
    """How far a value is from that of a perfect forecast, to sort by; a cost's best is 0."""
    best = METRICS[name].best if name in METRICS else 0.0
    return -value if best == float("inf") else abs(value - best)
