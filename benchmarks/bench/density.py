"""HoTPP's history-density baseline: the near future is as dense as the recent past.

Each topic goes on at the rate it had over a stretch of history as long as the horizon. Nothing is
learned, so its chances are Poisson's and not calibrated, and what a user did not touch lately has
the chance 0. Source: Karpukhin, Shipilov and Savchenko, "HoTPP benchmark: are we good at the long
horizon events forecasting?" (2024), from its description.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import make_forecast
from penchant.interest.task import Task


@dataclass(frozen=True, kw_only=True)
class HistoryDensity:
    """Recipe. Costs one pass over the history."""

    def fit(self, history: History, task: Task) -> "FittedDensity":
        """Learn nothing."""
        return FittedDensity(task)


@dataclass(frozen=True)
class FittedDensity:
    """Model."""

    task: Task

    def predict(self, history: History) -> Forecast:
        """Rate over the last horizon, times each window's length."""
        known = min(self.task.horizon, history.cutoff)
        end = history.cutoff
        rate_UT = history.interest.count_UT(self.task.target, end - known, end) / known
        length_W = np.array([window.length for window in self.task.windows])
        volume_UTW = (rate_UT[:, :, None] * length_W).astype(np.float32)
        return make_forecast(history, self.task, -np.expm1(-volume_UTW), volume_UTW)
