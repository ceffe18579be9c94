"""The negative binomial that a chance and a volume pin down.

With mean `v` and P(0) = 1 - chance, the excess `s` (variance / mean - 1) solves
`log(1 + s) / s = -log(1 - chance) / v`; s = 0 is the Poisson. Counts are then walked upwards by
`p[k + 1] = p[k] · (k·s + v) / ((k + 1)·(1 + s))`, which needs no special function.
Shapes: N cells.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaincc

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_EXCESS = 1e6
_GRID_EXCESS = np.concatenate([[0.0], np.geomspace(1e-6, MOST_EXCESS, 8192)])
_GRID_RATIO = np.concatenate([[1.0], np.log1p(_GRID_EXCESS[1:]) / _GRID_EXCESS[1:]])


def excess(chance: npt.ArrayLike, volume: npt.ArrayLike) -> Doubles:
    """Variance over mean, less 1, of the count with this P(> 0) and this mean; 0 is Poisson.

    A volume below the Poisson's `-log(1 - chance)` has no negative binomial; it gives 0.
    """
    chance_N = np.minimum(np.asarray(chance, dtype=np.float64), 1 - 1e-12)
    volume_N = np.asarray(volume, dtype=np.float64)
    known = volume_N > 0
    ratio_N = np.divide(-np.log1p(-chance_N), volume_N, out=np.ones_like(volume_N), where=known)
    return np.asarray(np.interp(-ratio_N, -_GRID_RATIO, _GRID_EXCESS), dtype=np.float64)


def least_volume(chance: npt.ArrayLike) -> Doubles:
    """Smallest mean that a chance allows: the Poisson's."""
    chance_N = np.minimum(np.asarray(chance, dtype=np.float64), 1 - 1e-7)
    return np.asarray(-np.log1p(-chance_N), dtype=np.float64)


def chance_of(volume: npt.ArrayLike, excess: npt.ArrayLike) -> Doubles:
    """P(> 0) of a count with this mean and excess."""
    volume_N, excess_N = np.broadcast_arrays(
        np.asarray(volume, dtype=np.float64), np.asarray(excess, dtype=np.float64)
    )
    poisson = excess_N < 1e-9
    ratio_N = np.log1p(excess_N) / np.where(poisson, 1.0, excess_N)
    return np.asarray(-np.expm1(-volume_N * np.where(poisson, 1.0, ratio_N)))


def cumulative(count: npt.ArrayLike, volume: npt.ArrayLike, excess: npt.ArrayLike) -> Doubles:
    """P(X <= count) of a count with this mean and excess; 0 below zero."""
    count_N, volume_N, excess_N = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (count, volume, excess))
    )
    at_N = np.maximum(np.floor(count_N), 0.0) + 1.0
    safe_N = np.maximum(excess_N, 1e-9)
    negative_binomial_N = betainc(np.maximum(volume_N / safe_N, 1e-300), at_N, 1 / (1 + safe_N))
    below_N = np.where(excess_N < 1e-6, gammaincc(at_N, volume_N), negative_binomial_N)
    return np.where(count_N < 0, 0.0, np.where(volume_N <= 0, 1.0, below_N))


def _walk(volume_N: Doubles, excess_N: Doubles) -> Iterator[tuple[Integers, Doubles, Doubles]]:
    """For k = 0, 1, …: the cells still below the end, and their P(X = k) and P(X <= k).

    A cell ends when its tail is below 1e-9; the caller may stop earlier.
    """
    alive = np.arange(len(volume_N))
    probability = 1.0 - chance_of(volume_N, excess_N)
    total = probability.copy()
    k = 0
    while len(alive):
        yield alive, probability, total
        factor = (k * excess_N[alive] + volume_N[alive]) / ((k + 1) * (1 + excess_N[alive]))
        probability = probability * factor
        total = total + probability
        falling = (factor < 1) & (probability < 1e-9 * (1 - np.minimum(factor, 1 - 1e-12)))
        keep = ~falling
        alive, probability, total = alive[keep], probability[keep], total[keep]
        k += 1


def quantile(q: float, volume: npt.ArrayLike, excess: npt.ArrayLike) -> Integers:
    """Smallest count whose cumulative probability reaches `q`."""
    if not 0 <= q < 1:
        raise ValueError(f"A quantile lies in [0, 1); found {q}.")
    volume_N, excess_N = np.broadcast_arrays(
        np.asarray(volume, dtype=np.float64), np.asarray(excess, dtype=np.float64)
    )
    count_N = np.zeros(volume_N.shape, dtype=np.int64)
    open_N = cumulative(0, volume_N, excess_N) < q
    count_N[open_N] = _search(q, volume_N[open_N], excess_N[open_N])
    return count_N


def _search(q: float, volume_N: Doubles, excess_N: Doubles) -> Integers:
    """Double, then bisect, for cells whose quantile is above zero."""
    low_N = np.zeros(len(volume_N), dtype=np.int64)
    high_N = np.ones(len(volume_N), dtype=np.int64)
    while (short_N := cumulative(high_N, volume_N, excess_N) < q).any():
        low_N = np.where(short_N, high_N, low_N)
        high_N = np.where(short_N, high_N * 2, high_N)
    while (high_N - low_N > 1).any():
        middle_N = (low_N + high_N) // 2
        reached_N = cumulative(middle_N, volume_N, excess_N) >= q
        high_N = np.where(reached_N, middle_N, high_N)
        low_N = np.where(reached_N, low_N, middle_N)
    return high_N


def crps(count: npt.ArrayLike, volume: npt.ArrayLike, excess: npt.ArrayLike) -> Doubles:
    """Continuous ranked probability score: sum over k of (P(X <= k) - 1[count <= k])².

    In counts; lower is better; the absolute error of a sure forecast. Past the count the sum
    runs until the tail is below 1e-9.
    """
    count_N, volume_N, excess_N = (
        np.asarray(a, dtype=np.float64).ravel() for a in np.broadcast_arrays(count, volume, excess)
    )
    score_N = np.zeros(len(count_N))
    reached_N = np.zeros(len(count_N))
    for k, (alive, _, total) in enumerate(_walk(volume_N, excess_N)):
        score_N[alive] += (np.minimum(total, 1.0) - (count_N[alive] <= k)) ** 2
        reached_N[alive] = k + 1
    return (score_N + np.maximum(count_N - reached_N, 0.0)).reshape(np.shape(count))
