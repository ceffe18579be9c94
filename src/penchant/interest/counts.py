"""The negative binomial that a chance and a volume pin down.

With mean `v` and P(0) = 1 - chance, the excess `s` (variance / mean - 1) solves
`log(1 + s) / s = -log(1 - chance) / v`; s = 0 is the Poisson. Its shape is `v / s`.
Shapes: N cells.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaincc

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_EXCESS = 1e6
LEAST_EXCESS = 1e-6  # below it counts are taken for Poisson's
STEP_OF_ANGLE = 0.25  # of the integral in `crps`
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
    below_N = np.where(excess_N < LEAST_EXCESS, gammaincc(at_N, volume_N), negative_binomial_N)
    return np.where(count_N < 0, 0.0, np.where(volume_N <= 0, 1.0, below_N))


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


def covered(low: Doubles, high: Doubles, level: float) -> Doubles:
    """Part of `[low, high]` inside the central interval that holds `level` of the probability.

    With `low` = P(X < count) and `high` = P(X <= count) this is the expected coverage of the
    count by the non-randomised probability integral transform (Czado, Gneiting & Held 2009).
    """
    first, last = (1 - level) / 2, (1 + level) / 2
    width = high - low
    inside = np.maximum(np.minimum(high, last) - np.maximum(low, first), 0)
    point = ((high >= first) & (high <= last)).astype(np.float64)  # too rare a count to have width
    return np.divide(inside, width, out=point, where=width > 1e-12)


def crps(count: npt.ArrayLike, volume: npt.ArrayLike, excess: npt.ArrayLike) -> Doubles:
    """Continuous ranked probability score: sum over k of (P(X <= k) - 1[count <= k])².

    In counts, which are whole; lower is better; the absolute error of a sure forecast. Taken as
    E|X - count| - E|X - X'| / 2 in closed form (Wei & Held 2014), so its cost doesn't grow with
    the tail: about 0.3 s for 100,000 cells.
    """
    count_N, volume_N, excess_N = (
        np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(count, volume, excess)
    )
    excess_N = np.where(excess_N < LEAST_EXCESS, 0.0, excess_N)
    # E[X; X < count] is the mean times a P(X < count - 1) whose shape is greater by 1.
    below_N = cumulative(count_N - 1, volume_N + excess_N, excess_N)
    distance_N = count_N * (2 * cumulative(count_N, volume_N, excess_N) - 1)
    distance_N = distance_N - volume_N * (2 * below_N - 1)
    return np.asarray(distance_N - _half_difference(volume_N, excess_N), dtype=np.float64)


def _half_difference(volume_N: Doubles, excess_N: Doubles) -> Doubles:
    """E|X - X'| / 2 of two independent counts, to six digits.

    The hypergeometric function of the closed form is the integral over all angles a of
    `cos²a · (1 - w·sin²a)^(volume / excess - 1)`; in y = log tan a it is smooth and falls off
    exponentially on both sides, so equal steps integrate it well.
    """
    safe_N = np.maximum(excess_N, 1e-9)
    power_N = volume_N / safe_N - 1
    w_N = 4 * safe_N * (1 + safe_N) / (1 + 2 * safe_N) ** 2
    middle_N = -0.5 * np.log1p(np.maximum(power_N, 0) * w_N)
    sum_N = np.zeros_like(volume_N)
    for y in np.arange(-22.0, 22.0, STEP_OF_ANGLE):
        tangent_N = np.exp(middle_N + y)
        square_N = tangent_N**2
        sine_N = square_N / (1 + square_N)
        sum_N += tangent_N / (1 + square_N) ** 2 * np.exp(power_N * np.log1p(-w_N * sine_N))
    scale_N = volume_N * (1 + safe_N) / (1 + 2 * safe_N)
    return np.asarray(scale_N * sum_N * (STEP_OF_ANGLE * 4 / np.pi), dtype=np.float64)
