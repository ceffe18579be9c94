"""Discovery: chances under the null by shuffled twins, and calls at a false-discovery rate.

A twin is the same customer with the active steps in random order, so nothing moved in it but by
chance. Scores of twins, pooled over customers with about as many engagements, say how often a score
as high comes by chance; beyond the highest of them their tail is taken for exponential, as that of
a log Bayes factor is. Calls are Benjamini and Hochberg's (1995).
Shapes: R stretches, Z twins, N scores of a group.
"""

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Doubles

Sizes = npt.NDArray[np.integer]

GROUP = 1000  # twins in a group of like size, at least, where there are so many
TAIL = 0.02  # of a group's twins, from which the tail is fitted


def chances(score_R: Doubles, size_R: Sizes, twin_score_Z: Doubles, twin_size_Z: Sizes) -> Doubles:
    """Chance of a score as high or higher under the null, among twins of like size."""
    groups = max(1, len(twin_score_Z) // GROUP)
    edge = np.unique(np.quantile(twin_size_Z, np.arange(1, groups) / groups))
    group_R = np.searchsorted(edge, size_R, side="right")
    group_Z = np.searchsorted(edge, twin_size_Z, side="right")
    chance_R = np.ones(len(score_R))
    for group in np.unique(group_R):
        mine_R = group_R == group
        twins = np.sort(twin_score_Z[group_Z == group])
        chance_R[mine_R] = _above(score_R[mine_R], twins)
    return chance_R


def _above(score_N: Doubles, twins: Doubles) -> Doubles:
    """Share of sorted twins that are as high, continued exponentially past a high quantile."""
    count = len(twins)
    if not count:
        return np.ones(len(score_N))
    above_N = (1 + count - np.searchsorted(twins, score_N, side="left")) / (1 + count)
    tail = max(1, int(count * TAIL))
    start = twins[-tail]
    scale = max(1.0, float((twins[-tail:] - start).mean()))  # 1 is a log Bayes factor's own
    beyond_N = (1 + tail) / (1 + count) * np.exp(-np.maximum(score_N - start, 0) / scale)
    return np.where(score_N > start, beyond_N, np.minimum(above_N, 1.0))


def rates(chance_R: Doubles) -> Doubles:
    """False-discovery rate at which each would just be called: Benjamini and Hochberg's q-value."""
    order_R = np.argsort(chance_R, kind="stable")
    count = len(chance_R)
    stepped = chance_R[order_R] * count / np.arange(1, count + 1)
    rate_R = np.empty(count)
    rate_R[order_R] = np.minimum.accumulate(stepped[::-1])[::-1]
    return np.minimum(rate_R, 1.0)
