"""Naive forecasts: the last window again, or the same weeks a year ago.

Blind to everything older, and to every topic bought less often than once a window.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task, Window
from penchant.models.activity import activity_U, popularity_T
from penchant.models.counting import Counting, fit_counting


@dataclass(frozen=True, kw_only=True)
class LastWindow:
    """Recipe. Each window repeats the latest known window of its length."""

    smoothing: float = 0.1  # weight of popularity, so that nothing is impossible

    def fit(self, history: History, task: Task) -> Counting:
        """Learn the head; the counts are read from the history at hand."""
        return fit_counting(self, history, task)

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Count each user's latest window."""
        end = history.cutoff
        spans = [(max(0, end - window.length), end) for window in task.windows]
        return _repeated(history, task, spans, self.smoothing)


@dataclass(frozen=True, kw_only=True)
class SeasonalNaive:
    """Recipe. Each window repeats the same steps of a year ago.

    A window whose last year is not known repeats the latest window instead.
    """

    smoothing: float = 0.1  # weight of popularity, so that nothing is impossible

    def fit(self, history: History, task: Task) -> Counting:
        """Learn the head; the counts are read from the history at hand."""
        return fit_counting(self, history, task)

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Count each user's same steps of a year ago."""
        spans = [_year_ago(history.cutoff, window, task.step.per_year) for window in task.windows]
        return _repeated(history, task, spans, self.smoothing)


def _year_ago(cutoff: int, window: Window, year: int) -> tuple[int, int]:
    start, end = cutoff + window.start - year, cutoff + window.end - year
    if start >= 0 and end <= cutoff:
        return start, end
    return max(0, cutoff - window.length), cutoff


def _repeated(
    history: History, task: Task, spans: list[tuple[int, int]], smoothing: float
) -> Floats:
    rate_U = activity_U(history, task.target, 12.0)
    usual_UT = rate_U[:, None] * popularity_T(history, task.target)
    volumes = []
    for window, (start, end) in zip(task.windows, spans, strict=True):
        repeated_UT = history.interest.count_UT(task.target, start, end) / (end - start)
        mixed_UT = (1 - smoothing) * repeated_UT + smoothing * usual_UT
        volumes.append(mixed_UT * np.float32(window.length))
    return np.stack(volumes, axis=2).astype(np.float32)
