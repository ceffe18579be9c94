"""A trial of methods on one series: each forecasts from several past origins, then is compared.

At every origin each method is fitted anew to the same past. The errors of one origin go together,
and so do those of origins whose forecasts overlap; a winner is called clear only if a paired
t-test still sees it when the held-out steps count as no more trials than forecasts fit into them
side by side.
Shapes: S steps, M methods, O origins, H steps ahead, F features of a step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from penchant.models.univariate import METHODS, least_steps, project

Doubles = npt.NDArray[np.float64]
Tell = Callable[[str], None]

MOST_ORIGINS = 8
HELD_OUT = 1 / 3  # of the series, unless forecasts reach farther
CLEAR = 0.95  # of Student's t, one-sided


@dataclass(frozen=True)
class Score:
    """How one method did over all origins."""

    method: str
    mae: float  # mean absolute error, in the series' unit
    mase: float | None  # over the mean change in a season of the same past; None if that is 0
    coverage: float  # share of the held-out values within the intervals
    form: str  # what was picked at the last origin


@dataclass(frozen=True)
class Trial:
    """Forecasts from past origins beside what came, best method first in `scores`."""

    methods: tuple[str, ...]
    origins: tuple[int, ...]  # steps known at each
    held_out: int  # last steps of the series, none of which is known at the first origin
    ahead: int
    level: float
    mean_MOH: Doubles  # NaN beyond the end of the series, as in the three below
    low_MOH: Doubles
    high_MOH: Doubles
    actual_OH: Doubles
    scores: tuple[Score, ...]
    clear: bool  # the best is better than every other beyond noise

    @property
    def best(self) -> str:
        """The method with the smallest mean absolute error."""
        return self.scores[0].method

    @property
    def steps(self) -> int:
        """Held-out values that were forecast, over all origins."""
        return int(np.isfinite(self.actual_OH).sum())


def least_past(season: int, ahead: int = 1, methods: Sequence[str] = tuple(METHODS)) -> int:
    """Steps that an origin must have before it, for every method to forecast `ahead` from it."""
    return max(least_steps(method, ahead, season) for method in methods)


def usual_held_out(
    steps: int, ahead: int, season: int, methods: Sequence[str] = tuple(METHODS)
) -> int:
    """Steps to hold out where none are named: a third, or what is left beside the least past."""
    least = least_past(season, ahead, methods)
    return max(0, min(max(ahead, int(steps * HELD_OUT)), steps - least))


def trial(
    value_S: Doubles,
    *,
    ahead: int,
    season: int,
    level: float,
    held_out: int,
    methods: Sequence[str] = tuple(METHODS),
    calendar_SF: Doubles | None = None,
    tell: Tell = lambda what: None,
) -> Trial:
    """Try methods, the simplest last, on the last `held_out` steps; `tell` hears what is fitted."""
    assert 1 <= held_out <= len(value_S) - least_past(season, 1, methods)
    stride = -(-held_out // MOST_ORIGINS)
    origins = tuple(range(len(value_S) - held_out, len(value_S), stride))
    shape = (len(methods), len(origins), ahead)
    mean_MOH, low_MOH, high_MOH = (np.full(shape, np.nan) for _ in range(3))
    actual_OH, scale_O = np.full(shape[1:], np.nan), np.zeros(len(origins))
    forms = dict.fromkeys(methods, "")
    for o, origin in enumerate(origins):
        past_S, known = value_S[:origin], min(ahead, len(value_S) - origin)
        actual_OH[o, :known] = value_S[origin : origin + known]
        scale_O[o] = np.abs(past_S[season:] - past_S[:-season]).mean()
        for m, method in enumerate(methods):
            tell(f"{method} at {origin} of {len(value_S)}")
            made = project(
                past_S, method, known, season=season, levels=(level,), calendar_SF=calendar_SF
            )
            mean_MOH[m, o, :known] = made.mean_H
            low_MOH[m, o, :known], high_MOH[m, o, :known] = made.low_VH[0], made.high_VH[0]
            forms[method] = made.form
    error_MO = np.nanmean(np.abs(mean_MOH - actual_OH), axis=2)
    scores = [
        Score(
            method, *_means(error_MO[m], scale_O, actual_OH, low_MOH[m], high_MOH[m]), forms[method]
        )
        for m, method in enumerate(methods)
    ]
    clear = _clear(error_MO, [score.mae for score in scores], min(len(origins), held_out / ahead))
    # Where methods come to the same, the simplest is the best; methods name the simplest last.
    simplest_first = reversed(scores)
    ranked = tuple(sorted(simplest_first, key=lambda score: float(f"{score.mae:.6g}")))
    ends = (low_MOH, high_MOH)
    return Trial(
        tuple(methods), origins, held_out, ahead, level, mean_MOH, *ends, actual_OH, ranked, clear
    )


def _means(
    error_O: Doubles, scale_O: Doubles, actual_OH: Doubles, low_OH: Doubles, high_OH: Doubles
) -> tuple[float, float | None, float]:
    """MAE, MASE and coverage of a method, every held-out value counting as much."""
    count_O = np.isfinite(actual_OH).sum(axis=1)
    mase = None
    if (scale_O > 0).all():
        mase = float(np.average(error_O / scale_O, weights=count_O))
    inside_OH = (low_OH <= actual_OH) & (actual_OH <= high_OH)
    mae = float(np.average(error_O, weights=count_O))
    return mae, mase, float(inside_OH.sum() / count_O.sum())


def _clear(error_MO: Doubles, mae: list[float], trials: float) -> bool:
    """Whether the best is ahead of each other one; `trials` forecasts fit side by side."""
    if trials < 2:
        return False
    best = int(np.argmin(mae))
    behind_MO = np.delete(error_MO, best, axis=0) - error_MO[best]
    error_M = behind_MO.std(axis=1, ddof=1) / np.sqrt(trials)
    return bool((behind_MO.mean(axis=1) > t.ppf(CLEAR, trials - 1) * error_M).all())
