"""Metrics of the order of a user's topics, by forecast volume; ties keep the topics' order.

A topic is relevant if it is active, however often. Means over users with any active topic.
Shapes: U users, T topics, K ranks.
"""

import numpy as np
import numpy.typing as npt

from penchant.evaluation.case import Case, Flags
from penchant.evaluation.score import Ratio


def ndcg(case: Case, k: int) -> Ratio:
    """Normalised discounted cumulative gain of the first `k` topics; a gain is 1 if active."""
    hit_UK, relevant_U = _first(case, k)
    discount_K = 1 / np.log2(np.arange(2, hit_UK.shape[1] + 2))
    ideal_K = np.concatenate([[0.0], np.cumsum(discount_K)])
    best_U = ideal_K[np.minimum(relevant_U, hit_UK.shape[1])]
    some_U = relevant_U > 0
    gain_U = hit_UK @ discount_K
    return Ratio(
        np.divide(gain_U, best_U, out=np.zeros_like(gain_U), where=some_U),
        some_U.astype(np.float64),
    )


def recall_at(case: Case, k: int) -> Ratio:
    """Part of a user's active topics that are among the first `k`."""
    hit_UK, relevant_U = _first(case, k)
    some_U = (relevant_U > 0).astype(np.float64)
    return Ratio(hit_UK.sum(axis=1) / np.maximum(relevant_U, 1), some_U)


def _first(case: Case, k: int) -> tuple[Flags, npt.NDArray[np.int64]]:
    """Whether each of the first `k` topics is active, and how many topics are."""
    order_UT = np.argsort(-case.volume_UT, axis=1, kind="stable")
    hit_UK = np.take_along_axis(case.active_UT, order_UT[:, :k], axis=1)
    return hit_UK, case.active_UT.sum(axis=1)
