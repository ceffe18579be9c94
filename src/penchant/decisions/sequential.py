"""Intervals that stay right however often one looks: always-valid intervals and chances.

An ordinary 95 % interval that is looked at daily until it leaves out 0 does so far more often than
once in twenty. These are wider, and hold at all looks at once.

* `always_valid`: a mixture sequential probability ratio test of a normal mean. It is the asymptotic
  confidence sequence of Waudby-Smith et al., Time-uniform central limit theory, 2021, and the
  mixture test of Johari et al., Peeking at A/B Tests, 2017; both come to one formula. It needs some
  hundred units before the first look.
* `bounded_mean`: the predictable plug-in empirical Bernstein sequence of Waudby-Smith and Ramdas,
  Estimating means of bounded random variables by betting, 2023, in the line of Howard et al.,
  Time-uniform, nonparametric, nonasymptotic confidence sequences, 2021. It holds from the first
  unit on, for values within known bounds, and is wider.

Shapes: N units in the order they came.
"""

import math
from dataclasses import dataclass

import numpy as np

from penchant.errors import DataError
from penchant.interest.counts import Doubles

PLANNED = 10_000  # units at which the interval is tightest; chosen before any are seen
MOST_BET = 0.5  # of the betting fraction, below 1


@dataclass(frozen=True)
class AlwaysValid:
    """How far an estimate may be off at every look, and how unlikely it is under no effect."""

    margin: float
    chance: float  # always-valid p-value


def always_valid(
    value: float, error: float, units: int, *, level: float = 0.95, planned: int = PLANNED
) -> AlwaysValid:
    """The margin of an estimate with a standard error from `units` seen so far.

    `planned` is the number of units at which it is to be tightest. It must be fixed beforehand:
    one that follows the data breaks the promise.
    """
    miss = 2 * math.log(1 / (1 - level))
    spread = units * (miss + math.log(miss) + 1) / planned
    log_odds = math.log1p(spread)
    margin = error * math.sqrt((1 + spread) / spread * (miss + log_odds))
    squared = (value / error) ** 2 * spread / (1 + spread) if error > 0 else 0.0
    return AlwaysValid(margin, min(1.0, math.exp(min(0.0, (log_odds - squared) / 2))))


def bounded_mean(
    value_N: Doubles, *, low: float = 0.0, high: float = 1.0, level: float = 0.95
) -> tuple[Doubles, Doubles]:
    """Ends `low_N, high_N` of the interval of the mean after each unit; all hold at once.

    DataError for a value outside of `low` and `high`.
    """
    if len(value_N) and not (low <= value_N.min() and value_N.max() <= high):
        raise DataError(
            f"Values must lie in [{low:g}, {high:g}]; found {value_N.min():g} to {value_N.max():g}."
        )
    unit_N = (np.asarray(value_N, dtype=np.float64) - low) / (high - low)
    number_N = np.arange(1, len(unit_N) + 1)
    mean_N = (0.5 + unit_N.cumsum()) / (number_N + 1)
    variance_N = (0.25 + ((unit_N - mean_N) ** 2).cumsum()) / (number_N + 1)
    # What is bet on a unit may depend on those before it alone.
    before_N = np.concatenate([[0.5], mean_N[:-1]])
    spread_N = np.concatenate([[0.25], variance_N[:-1]])
    miss = math.log(2 / (1 - level))
    bet_N = np.minimum(np.sqrt(2 * miss / (spread_N * number_N * np.log1p(number_N))), MOST_BET)
    cost_N = 4 * (unit_N - before_N) ** 2 * (-np.log1p(-bet_N) - bet_N) / 4
    total_N = bet_N.cumsum()
    centre_N = (bet_N * unit_N).cumsum() / total_N
    margin_N = (miss + cost_N.cumsum()) / total_N
    # What earlier intervals ruled out stays ruled out.
    low_N = np.maximum.accumulate(np.maximum(centre_N - margin_N, 0.0))
    high_N = np.minimum.accumulate(np.minimum(centre_N + margin_N, 1.0))
    return low + (high - low) * low_N, low + (high - low) * high_N
