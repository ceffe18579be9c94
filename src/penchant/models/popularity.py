"""Popularity: everyone wants what everyone wants, as much as they usually buy.

Knows nothing of a user but how active he is. Every other model is measured by what it adds.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.activity import activity_U, popularity_T
from penchant.models.counting import Counting, fit_counting


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Recipe. Shares of the shop's whole history."""

    activity_half_life: float = 12.0  # steps

    def fit(self, history: History, task: Task) -> Counting:
        """Learn the head; the shares are read from the history at hand."""
        return fit_counting(self, history, task)

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Spread each user's activity by the shop's shares."""
        share_T = popularity_T(history, task.target)
        return _spread(history, task, share_T, self.activity_half_life)


@dataclass(frozen=True, kw_only=True)
class RecentPopularity:
    """Recipe. Shares of the shop's last steps only."""

    steps: int = 8  # steps looked back
    activity_half_life: float = 12.0  # steps

    def fit(self, history: History, task: Task) -> Counting:
        """Learn the head; the shares are read from the history at hand."""
        return fit_counting(self, history, task)

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Spread each user's activity by the shop's latest shares."""
        count_T = history.topic_count_TS(task.target)[:, -self.steps :].sum(axis=1) + 0.5
        return _spread(history, task, count_T / count_T.sum(), self.activity_half_life)


def _spread(history: History, task: Task, share_T: Floats, half_life: float) -> Floats:
    length_W = np.array([window.length for window in task.windows], dtype=np.float32)
    rate_U = activity_U(history, task.target, half_life)
    return rate_U[:, None, None] * share_T[:, None] * length_W
