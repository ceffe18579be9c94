"""Autocorrelation: how much a series' values say of those that follow some steps later.

The partial autocorrelation is what a lag says beyond the lags before it (Durbin and Levinson's
recursion; Box, Jenkins and Reinsel, "Time Series Analysis").
Shapes: N series, S steps, L lags (the first is 1).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles

MOST_LAGS = 60
STEPS_A_LAG = 3  # a lag whose pairs are fewer than two thirds of the steps says little
LEAST_STEPS = 3
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Correlogram:
    """Correlations of a series with itself, lag by lag."""

    acf_L: Doubles  # autocorrelations
    pacf_L: Doubles  # partial autocorrelations
    bound: float  # 95 % of a white noise's correlations lie between -bound and bound


def correlogram(value_S: npt.ArrayLike, most_lags: int | None = None) -> Correlogram:
    """Correlate a series with itself, up to a third of its steps or `most_lags`.

    Raises `HistoryError` for fewer than three steps, numbers that aren't finite, or lags that the
    series doesn't reach.
    """
    series_S = np.asarray(value_S, dtype=np.float64)
    if series_S.ndim != 1 or len(series_S) < LEAST_STEPS or not np.isfinite(series_S).all():
        raise HistoryError(
            f"A correlogram needs a series of at least {LEAST_STEPS} finite numbers; found "
            f"{series_S.size} numbers, {int(np.isfinite(series_S).sum())} of them finite."
        )
    lags = lags_of(len(series_S)) if most_lags is None else most_lags
    if not 1 <= lags < len(series_S):
        raise HistoryError(
            f"A series of {len(series_S)} steps has lags 1 to {len(series_S) - 1}; found {lags}."
        )
    acf_NL = autocorrelations(series_S[None, :], lags)
    pacf_NL = partial_autocorrelations(acf_NL)
    return Correlogram(acf_NL[0], pacf_NL[0], bound_of(len(series_S)))


def lags_of(steps: int) -> int:
    """Lags worth looking at in a series of that length."""
    return max(1, min(MOST_LAGS, steps // STEPS_A_LAG))


def bound_of(steps: int) -> float:
    """Bound that a correlation of white noise of that length keeps to in 95 % of cases."""
    return NORMAL_95 / float(np.sqrt(steps))


def autocorrelations(value_NS: Doubles, lags: int) -> Doubles:
    """Autocorrelations `acf_NL` of many series at lags 1 to `lags`; 0 for a constant series.

    Products are divided by the number of steps, not of pairs, so that they fall off with the lag
    and every partial autocorrelation lies within -1 and 1.
    """
    off_NS = value_NS - value_NS.mean(axis=1, keepdims=True)
    varies_N1 = np.ptp(value_NS, axis=1, keepdims=True) > 0
    products = [(off_NS[:, lag:] * off_NS[:, :-lag]).sum(axis=1) for lag in range(1, lags + 1)]
    sum_NL, power_N1 = np.stack(products, axis=1), (off_NS**2).sum(axis=1, keepdims=True)
    return np.divide(sum_NL, power_N1, out=np.zeros_like(sum_NL), where=varies_N1)


def partial_autocorrelations(acf_NL: Doubles) -> Doubles:
    """Partial autocorrelations `pacf_NL`, from autocorrelations at lags from 1 on.

    `weight_NL` holds the best linear forecast from the lags so far, `rest_N` the share of the
    variance that it leaves.
    """
    pacf_NL, weight_NL = np.zeros_like(acf_NL), np.zeros_like(acf_NL)
    rest_N = np.ones(len(acf_NL))
    for lag in range(acf_NL.shape[1]):
        before_NL = weight_NL[:, :lag].copy()
        explained_N = (before_NL * acf_NL[:, :lag][:, ::-1]).sum(axis=1)
        partial_N = (acf_NL[:, lag] - explained_N) / rest_N
        weight_NL[:, :lag] = before_NL - partial_N[:, None] * before_NL[:, ::-1]
        weight_NL[:, lag] = pacf_NL[:, lag] = partial_N
        rest_N = rest_N * (1 - partial_N**2)
    return pacf_NL
