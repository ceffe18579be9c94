"""Gamma–Poisson: each user's rate in each topic, drawn from the topic's Gamma, seen as counts.

A user's rate in a topic is his activity times a taste; tastes of one topic follow a Gamma whose
mean and spread are the topic's, so the posterior mean is
`(a_t + decayed count) / (b_t + decayed activity)`: few counts lean on the topic, many speak for
themselves (Efron and Morris 1977 for the idea, Fader and Hardie's NBD models for counts).
Blind to season, cadence and to what similar customers do.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.space import Between, Space
from penchant.interest.task import Task
from penchant.models.activity import activity_U, exposure_U
from penchant.models.counting import Counting, fit_counting


@dataclass(frozen=True, kw_only=True)
class GammaPoisson:
    """Recipe. Costs one pass over the history."""

    half_life: float = 20.0  # steps
    activity_half_life: float = 12.0  # steps

    SEARCH: ClassVar[Space] = {
        "half_life": Between(4.0, 104.0, log=True),
        "activity_half_life": Between(4.0, 52.0, log=True),
    }

    def fit(self, history: History, task: Task) -> Counting:
        """Estimate each topic's Gamma by moments, then learn the head."""
        count_UT = history.interest.decayed_UT(task.target, self.half_life)
        expected_U = _expected_U(self, history, task).astype(np.float64)
        mean_T = (count_UT.sum(axis=0) + 0.5) / max(1.0, expected_U.sum())
        noise_T = mean_T * expected_U.sum()
        square_T = ((count_UT - expected_U[:, None] * mean_T) ** 2).sum(axis=0)
        spread_T = (square_T - noise_T) / max(1.0, (expected_U**2).sum())
        spread_T = np.maximum(spread_T, 1e-3 * mean_T**2)
        rate_T = (mean_T / spread_T).astype(np.float32)
        tastes = Tastes(self, (mean_T * rate_T).astype(np.float32), rate_T)
        return fit_counting(tastes, history, task)


@dataclass(frozen=True)
class Tastes:
    """The Gamma of each topic's tastes: a shape, and a rate in expected engagements."""

    recipe: GammaPoisson
    shape_T: Floats
    rate_T: Floats

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Posterior mean of every taste, times the user's activity."""
        count_UT = history.interest.decayed_UT(task.target, self.recipe.half_life)
        expected_U = _expected_U(self.recipe, history, task)
        taste_UT = (self.shape_T + count_UT) / (self.rate_T + expected_U[:, None])
        rate_U = activity_U(history, task.target, self.recipe.activity_half_life)
        length_W = np.array([window.length for window in task.windows], dtype=np.float32)
        return (rate_U[:, None] * taste_UT)[:, :, None] * length_W


def _expected_U(recipe: GammaPoisson, history: History, task: Task) -> Floats:
    """Engagements each user's activity stands for over the decayed history."""
    rate_U = activity_U(history, task.target, recipe.half_life)
    return rate_U * exposure_U(history, recipe.half_life)
