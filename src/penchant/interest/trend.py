"""Trend: the level of a series of counts, where it changed, and where it is heading.

Change points minimise a quasi-Poisson deviance plus a penalty for each (optimal partitioning,
Jackson et al. 2005; the penalty is that of Zhang and Siegmund 2007). The deviance is divided by
the long-run excess of the variance over the Poisson's, taken from differences, which a change of
level hardly touches. Only the last stretch may have a slope: earlier growth is cut into steps.
Shapes: N series, S steps, T steps and the end, P pairs of a series and an edge.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.special import xlogy
from scipy.stats import norm, t

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags

Direction = Literal["rising", "falling", "level"]

LEAST_STEPS = 8
LEAST_SEGMENT, SEGMENTS = 4, 20  # a stretch has at least 4 steps and a twentieth of the series
PENALTY = 2.5  # of a change, times the logarithm of the number of steps
PENALTY_SLOPE = 1.5  # the same for one slope in place of all changes
WIDEST = 31  # steps, of the running median
FAR = 5.0  # robust standard deviations
MEDIAN_SQUARE = 0.455  # median of a standard normal's squares
MOST_CORRELATION = 0.9  # of neighbouring steps
LEAST_FACTOR = 0.01  # of a season
CONFIDENCE = 0.95
MOST_LOG_CHANGE = 12.0  # over a stretch
ROUNDS = 30  # of Newton's method


@dataclass(frozen=True)
class ChangePoint:
    """A lasting change of level: the step it came with, and the means on both sides."""

    step: int  # from 0, the first of the new level
    before: float
    after: float
    chance: float  # p-value: how often a series without a change shows one as clear


@dataclass(frozen=True)
class Trend:
    """Level by step without season, its changes, and the slope since the last one."""

    level_S: Doubles
    changes: tuple[ChangePoint, ...]
    slope: float  # relative change a step, of the last stretch
    low: float  # 95 % interval of the slope
    high: float
    direction: Direction  # level unless the interval says otherwise


def trend(value_S: npt.ArrayLike, factor_S: npt.ArrayLike | None = None) -> Trend:
    """Trend of one series of counts, at least 8 steps, given its season's factor at each step.

    Raises `HistoryError` for a series that is shorter, or holds what is no count.
    """
    value_NS = np.atleast_2d(np.asarray(value_S, dtype=np.float64))
    factor_NS = None if factor_S is None else np.atleast_2d(np.asarray(factor_S, dtype=np.float64))
    return trends(value_NS, factor_NS)[0]


def trends(value_NS: Doubles, factor_NS: Doubles | None = None) -> tuple[Trend, ...]:
    """Trends of many series of one length; time grows with the square of the steps.

    Raises `HistoryError` as `trend` does.
    """
    steps = value_NS.shape[1]
    if steps < LEAST_STEPS or not (np.isfinite(value_NS) & (value_NS >= 0)).all():
        raise HistoryError(
            f"A trend needs at least {LEAST_STEPS} counts, none of them negative; found "
            f"{steps} steps from {value_NS.min(initial=np.inf)} to {value_NS.max(initial=-np.inf)}."
        )
    factor_NS = np.ones_like(value_NS) if factor_NS is None else factor_NS
    factor_NS = np.maximum(factor_NS, LEAST_FACTOR)
    tame_NS = moved_in(value_NS, factor_NS)
    intercept_N, slope_N, _ = _lines(tame_NS, factor_NS, np.ones(value_NS.shape, dtype=bool))
    growth_NS = np.exp(intercept_N[:, None] + slope_N[:, None] * _places(steps))
    excess_N = excess_variance(tame_NS, factor_NS * growth_NS / growth_NS.max(axis=1)[:, None])
    edges = _partition(tame_NS, factor_NS, PENALTY * np.log(steps) * excess_N)
    edges = _or_growth(edges, tame_NS, factor_NS, excess_N)
    last_N = np.array([cut[-2] for cut in edges])
    lines = _lines(tame_NS, factor_NS, np.arange(steps) >= last_N[:, None])
    return tuple(
        _trend(tame_NS[n], factor_NS[n], cut, float(excess_N[n]), line)
        for n, (cut, line) in enumerate(zip(edges, zip(*lines, strict=True), strict=True))
    )


def moved_in(value_NS: Doubles, factor_NS: Doubles) -> Doubles:
    """Values far from the median of the steps around them, moved in to 5 standard deviations.

    So a closed week or one huge order is neither a level nor most of the variance. The deviation
    is a Poisson's, widened by what half of the neighbours differ by.
    """
    width = min(WIDEST, 2 * _least(value_NS.shape[1]) + 1)
    level_NS = median_filter(value_NS / factor_NS, size=(1, width)) * factor_NS
    square_NS, mean_NS = _differences(value_NS, factor_NS, 1)
    some_NS = mean_NS > 0
    ratio_NS = np.divide(square_NS, mean_NS, out=np.full_like(mean_NS, np.inf), where=some_NS)
    middle_N = some_NS.sum(axis=1) // 2
    median_N = np.sort(ratio_NS, axis=1)[np.arange(len(ratio_NS)), middle_N]
    median_N = np.where(np.isfinite(median_N), median_N, 0.0)
    wide_N1 = np.maximum(median_N / MEDIAN_SQUARE, 1.0)[:, None]
    far_NS = FAR * np.sqrt(wide_N1 * np.maximum(level_NS, 1.0))
    return np.clip(value_NS, np.maximum(level_NS - far_NS, 0.0), level_NS + far_NS)


def excess_variance(value_NS: Doubles, factor_NS: Doubles) -> Doubles:
    """Long-run variance of each series over its mean, at least a Poisson's 1, as `excess_N`.

    From differences over one step and over two: their ratio tells how neighbours correlate, and
    correlated steps average out more slowly than independent ones.
    """
    one_N, two_N = (
        square.sum(axis=1) / np.maximum(mean.sum(axis=1), 1e-12)
        for square, mean in (_differences(value_NS, factor_NS, lag) for lag in (1, 2))
    )
    correlation_N = np.clip(two_N / np.maximum(one_N, 1e-12) - 1, 0.0, MOST_CORRELATION)
    excess_N = one_N * (1 + correlation_N) / (1 - correlation_N) ** 2
    return np.maximum(excess_N, 1.0)


def _differences(value_NS: Doubles, factor_NS: Doubles, lag: int) -> tuple[Doubles, Doubles]:
    """Squared differences over `lag` steps, and what a Poisson would make them."""
    one_NS, two_NS = value_NS[:, :-lag], value_NS[:, lag:]
    first_NS, second_NS = factor_NS[:, :-lag], factor_NS[:, lag:]
    both_NS = first_NS + second_NS
    square_NS = (one_NS * second_NS - two_NS * first_NS) ** 2 / (first_NS * second_NS * both_NS)
    return square_NS, (one_NS + two_NS) / both_NS


def _least(steps: int) -> int:
    return max(LEAST_SEGMENT, steps // SEGMENTS)


def _cost(value: Doubles, factor: Doubles) -> Doubles:
    """Deviance of stretches with these sums, less what no partition changes."""
    return np.asarray(-2 * xlogy(value, value / factor), dtype=np.float64)


def _partition(value_NS: Doubles, factor_NS: Doubles, penalty_N: Doubles) -> list[list[int]]:
    """Edges of the best stretches of each series, 0 and S among them."""
    steps, least = value_NS.shape[1], _least(value_NS.shape[1])
    value_NT = np.pad(value_NS.cumsum(axis=1), ((0, 0), (1, 0)))
    factor_NT = np.pad(factor_NS.cumsum(axis=1), ((0, 0), (1, 0)))
    best_NT = np.full(value_NT.shape, np.inf)
    best_NT[:, 0] = 0.0
    start_NT = np.zeros(value_NT.shape, dtype=np.int64)
    rows_N = np.arange(len(value_NS))
    for end in range(least, steps + 1):
        starts = end - least + 1
        sum_NT = value_NT[:, end, None] - value_NT[:, :starts]
        total_NT = best_NT[:, :starts] + _cost(
            sum_NT, factor_NT[:, end, None] - factor_NT[:, :starts]
        )
        start_N = total_NT.argmin(axis=1)
        start_NT[:, end] = start_N
        best_NT[:, end] = total_NT[rows_N, start_N] + penalty_N
    edges = []
    for starts_T in start_NT:
        cut = [steps]
        while cut[-1] > 0:
            cut.append(int(starts_T[cut[-1]]))
        edges.append(cut[::-1])
    return edges


def _or_growth(
    edges: list[list[int]], value_NS: Doubles, factor_NS: Doubles, excess_N: Doubles
) -> list[list[int]]:
    """Edges, less the last ones where steady growth since one explains as much as a staircase."""
    pairs = [(n, k) for n, cut in enumerate(edges) for k in range(len(cut) - 2)]
    if not pairs:
        return edges
    row_P = np.array([n for n, _ in pairs])
    start_P = np.array([edges[n][k] for n, k in pairs])
    value_PS, factor_PS = value_NS[row_P], factor_NS[row_P]
    steps = value_NS.shape[1]
    inside_PS = np.arange(steps) >= start_P[:, None]
    intercept_P, slope_P, _ = _lines(value_PS, factor_PS, inside_PS)
    log_PS = intercept_P[:, None] + slope_P[:, None] * _places(steps)
    grown_P = -2 * (value_PS * log_PS * inside_PS).sum(axis=1)
    weight_N = np.log(steps) * excess_N
    stairs = [_cost(*_sums(value_NS[n], factor_NS[n], cut)) for n, cut in enumerate(edges)]
    best_N = [s.sum() + w * PENALTY * (len(s) - 1) for s, w in zip(stairs, weight_N, strict=True)]
    chosen = list(edges)
    for (n, k), grown in zip(pairs, grown_P, strict=True):
        total = stairs[n][:k].sum() + grown + weight_N[n] * (PENALTY * k + PENALTY_SLOPE)
        if total <= best_N[n]:
            best_N[n], chosen[n] = total, [*edges[n][: k + 1], steps]
    return chosen


def _sums(value_S: Doubles, factor_S: Doubles, cut: list[int]) -> tuple[Doubles, Doubles]:
    """Counts and factors of each stretch."""
    return np.add.reduceat(value_S, cut[:-1]), np.add.reduceat(factor_S, cut[:-1])


def _places(steps: int) -> Doubles:
    return np.arange(steps) / steps


def _lines(
    value_NS: Doubles, factor_NS: Doubles, inside_NS: Flags
) -> tuple[Doubles, Doubles, Doubles]:
    """Log-linear Poisson fits inside a stretch: intercept, slope and its variance.

    Slopes are those over the whole length of the series. A stretch without any count is flat.
    """
    place_S, inside_NS = _places(value_NS.shape[1]), inside_NS & (factor_NS > 0)
    center_N = (place_S * inside_NS).sum(axis=1) / inside_NS.sum(axis=1)
    off_NS = (place_S - center_N[:, None]) * inside_NS
    width_N = np.ptp(off_NS, axis=1)
    value_N = (value_NS * inside_NS).sum(axis=1)
    cross_N = (value_NS * off_NS).sum(axis=1)
    slope_N = np.zeros(len(value_NS))
    spread_N = np.ones(len(value_NS))
    for _ in range(ROUNDS):
        # The intercept drops out: given a slope, the fitted counts sum to the true ones.
        weight_NS = factor_NS * inside_NS * np.exp(slope_N[:, None] * off_NS)
        fitted_NS = weight_NS * (value_N / weight_NS.sum(axis=1))[:, None]
        mean_N = (fitted_NS * off_NS).sum(axis=1)
        spread_N = (fitted_NS * off_NS**2).sum(axis=1) - mean_N**2 / np.maximum(value_N, 1e-12)
        move_N = (cross_N - mean_N) / np.maximum(spread_N, 1e-12)
        slope_N = slope_N + np.clip(move_N, -1 / width_N, 1 / width_N)
        slope_N = np.clip(slope_N, -MOST_LOG_CHANGE / width_N, MOST_LOG_CHANGE / width_N)
    base_N = (factor_NS * inside_NS * np.exp(slope_N[:, None] * off_NS)).sum(axis=1)
    intercept_N = np.log(np.maximum(value_N, 1e-12) / base_N) - slope_N * center_N
    return intercept_N, slope_N, np.where(value_N > 0, 1 / np.maximum(spread_N, 1e-12), 0.0)


def _trend(
    value_S: Doubles, factor_S: Doubles, cut: list[int], excess: float, line: tuple[float, ...]
) -> Trend:
    """Put together what was found of one series."""
    intercept, slope, variance = line
    steps, start = len(value_S), cut[-2]
    value, factor = _sums(value_S, factor_S, cut)
    level_S = np.repeat(value / factor, np.diff(cut))
    half = float(t.ppf((1 + CONFIDENCE) / 2, max(steps - start - 2, 1)))
    half *= float(np.sqrt(excess * variance))
    low, high = (slope - half) / steps, (slope + half) / steps
    direction: Direction = "rising" if low > 0 else "falling" if high < 0 else "level"
    if direction != "level":
        level_S[start:] = np.exp(intercept + slope * _places(steps)[start:])
    changes = tuple(
        ChangePoint(
            step=cut[i + 1],
            before=float(value[i] / factor[i]),
            after=float(value[i + 1] / factor[i + 1]),
            chance=_chance(value[i : i + 2], factor[i : i + 2], excess, cut[i + 2] - cut[i], steps),
        )
        for i in range(len(cut) - 2)
    )
    relative, low, high = (
        float(np.expm1(min(log, MOST_LOG_CHANGE))) for log in (slope / steps, low, high)
    )
    return Trend(level_S, changes, relative, low, high, direction)


def _chance(value: Doubles, factor: Doubles, excess: float, length: int, steps: int) -> float:
    """P-value of the best change within a stretch of `length` steps (DeLong 1981)."""
    gain = float((_cost(value.sum(), factor.sum()) - _cost(value, factor).sum()) / excess)
    if gain <= 1:
        return 1.0
    edge = _least(steps) / length
    many = 2 * (1 - 1 / gain) * np.log((1 - edge) / edge) + 2 / gain
    return float(min(1.0, np.sqrt(gain) * norm.pdf(np.sqrt(gain)) * many))
