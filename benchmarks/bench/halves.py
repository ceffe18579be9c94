"""What is commonly done to see who changed: compare a customer's first half with the second.

Shapes: U users, T topics.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2

from penchant.interest.history import History


def halves(history: History, kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Events of each user and topic in the first and the second half of the history."""
    middle = history.cutoff // 2
    interest = history.interest
    return (
        interest.count_UT(kinds, 0, middle).astype(np.float64),
        interest.count_UT(kinds, middle, history.cutoff).astype(np.float64),
    )


def distance_U(before_UT: np.ndarray, after_UT: np.ndarray) -> np.ndarray:
    """1 - cosine of the two halves; 1 where a half is empty."""
    product_U = (before_UT * after_UT).sum(axis=1)
    size_U = np.linalg.norm(before_UT, axis=1) * np.linalg.norm(after_UT, axis=1)
    return 1 - np.divide(product_U, size_U, out=np.zeros_like(product_U), where=size_U > 0)


def g_test_U(before_UT: np.ndarray, after_UT: np.ndarray) -> np.ndarray:
    """p-value of the likelihood-ratio test that both halves have the same shares."""
    total_UT = before_UT + after_UT
    statistic_U = np.zeros(len(total_UT))
    for half_UT in (before_UT, after_UT):
        part_U = half_UT.sum(axis=1) / np.maximum(total_UT.sum(axis=1), 1)
        expected_UT = total_UT * part_U[:, None]
        ratio_UT = np.divide(
            half_UT, expected_UT, out=np.ones_like(half_UT), where=(half_UT > 0) & (expected_UT > 0)
        )
        statistic_U += 2 * (half_UT * np.log(ratio_UT)).sum(axis=1)
    freedom_U = np.maximum((total_UT > 0).sum(axis=1) - 1, 1)
    return chi2.sf(statistic_U, freedom_U)
