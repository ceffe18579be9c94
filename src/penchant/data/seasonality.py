"""Seasonality: how much of a log's ups and downs follows the week, the month or the year.

Strength is that of Wang, Smith and Hyndman, "Characteristic-based clustering for time series data"
(2006): the share of the variance about the trend that the season explains, less what as many
averages would explain of noise.
Shapes: D days.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from penchant.data.step import Step

Array = npt.NDArray[np.float64]

WEEK, MONTH, YEAR = 7, 31, 365
FAR = 5  # robust standard deviations
MAD_TO_DEVIATION = 1.4826
LEAST_WEEKS, LEAST_MONTHS, LEAST_YEARS = 4, 6, 2  # to tell a season from chance


@dataclass(frozen=True)
class Seasonality:
    """Strength from 0 (none) to 1 (nothing else); None where too little is known."""

    week: float | None
    month: float | None
    year: float | None


def seasonality(count_D: npt.NDArray[np.int64], first: int) -> Seasonality:
    """Strengths of a series of daily counts that begins with the day `first`."""
    days = len(count_D)
    log_D = np.log1p(count_D.astype(np.float64))
    dates = [Step.DAY.start(first + day) for day in range(days)]
    weekday_D = np.array([day.weekday() for day in dates])
    monthday_D = np.array([day.day for day in dates])
    return Seasonality(
        week=_strength(log_D, weekday_D, WEEK) if days >= LEAST_WEEKS * WEEK else None,
        month=_strength(_without(log_D, weekday_D), monthday_D, MONTH)
        if days >= LEAST_MONTHS * MONTH
        else None,
        year=_yearly(log_D, dates) if days >= LEAST_YEARS * YEAR else None,
    )


def _yearly(log_D: Array, dates: list[date]) -> float:
    """Of monthly means about a straight trend: a year's own length would swallow the season."""
    month_D = np.array([Step.MONTH.index_of(day) for day in dates]) - Step.MONTH.index_of(dates[0])
    mean_D = np.bincount(month_D, weights=log_D) / np.bincount(month_D)
    places = np.arange(len(mean_D))
    trend = np.polyval(np.polyfit(places, mean_D, 1), places)
    return _explained(mean_D - trend, (places + dates[0].month) % 12)


def _strength(log_D: Array, phase_D: npt.NDArray[np.int64], width: int) -> float:
    """Of days about the mean of the `width` days around them, the edges left out."""
    trend = np.convolve(log_D, np.full(width, 1 / width), mode="valid")
    start = width // 2
    inside = slice(start, start + len(trend))
    return _explained(log_D[inside] - trend, phase_D[inside])


def _without(log_D: Array, phase_D: npt.NDArray[np.int64]) -> Array:
    """The series without the averages of a season."""
    return log_D - _averages(log_D, phase_D) + log_D.mean()


def _averages(value_D: Array, phase_D: npt.NDArray[np.int64]) -> Array:
    counts = np.maximum(np.bincount(phase_D), 1)
    averages: Array = (np.bincount(phase_D, weights=value_D) / counts)[phase_D]
    return averages


def _explained(value_D: Array, phase_D: npt.NDArray[np.int64]) -> float:
    """Adjusted share of the variance that the averages of a season explain.

    Values far out, such as a closed day's, are moved in, so that none makes up the variance alone.
    """
    off_D = value_D - np.median(value_D)
    far = FAR * MAD_TO_DEVIATION * float(np.median(np.abs(off_D)))
    value_D = np.clip(off_D, -far, far)
    count, phases = len(value_D), len(np.unique(phase_D))
    total = float(((value_D - value_D.mean()) ** 2).sum())
    rest = float(((value_D - _averages(value_D, phase_D)) ** 2).sum())
    if total <= 0 or count <= phases:
        return 0.0
    return max(0.0, 1 - (rest / (count - phases)) / (total / (count - 1)))
