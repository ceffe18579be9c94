"""Dirichlet-smoothed decayed shares: tomorrow looks like a fading memory of yesterday.

The hardest simple baseline to beat. A user's past engagements fade with a half-life; the shop's
popularity is added as pseudo-events, so that a short history leans on everybody's taste. The
half-life, the pseudo-events and the memory of popularity are tuned one horizon before the cutoff,
on the cross-entropy of what came.
Blind to season, cadence and to what similar customers do.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import numpy as np

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.outcome import outcome
from penchant.interest.space import Between, Space
from penchant.interest.task import Task
from penchant.models.activity import activity_U, popularity_T
from penchant.models.counting import Counting, fit_counting


@dataclass(frozen=True, kw_only=True)
class DecayedShare:
    """Recipe. Costs one pass over the history for each half-life tried."""

    half_life: float = 12.0  # steps; where tuning starts
    prior_strength: float = 80.0  # pseudo-events of the shop's popularity
    popularity_half_life: float = 52.0  # steps
    activity_half_life: float = 12.0  # steps
    half_lives: tuple[float, ...] = (6.0, 9.0, 12.0, 18.0, 26.0, 52.0)  # tried; none: no tuning
    prior_strengths: tuple[float, ...] = (20.0, 40.0, 80.0, 160.0, 320.0)  # tried
    popularity_half_lives: tuple[float, ...] = (8.0, 26.0, 104.0)  # tried

    SEARCH: ClassVar[Space] = {
        "activity_half_life": Between(4.0, 52.0, log=True),
    }

    def fit(self, history: History, task: Task) -> Counting:
        """Tune on the outcome of one horizon earlier, then learn the head."""
        return fit_counting(self.tuned(history, task), history, task)

    def share_UT(self, history: History, task: Task) -> Floats:
        """Smoothed decayed share of each topic in a user's engagements."""
        own_UT = history.interest.decayed_UT(task.target, self.half_life)
        prior_T = popularity_T(history, task.target, self.popularity_half_life)
        return _smoothed(own_UT, prior_T, self.prior_strength)

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Spread each user's activity by his shares."""
        rate_U = activity_U(history, task.target, self.activity_half_life)
        length_W = np.array([window.length for window in task.windows], dtype=np.float32)
        rate_UT = rate_U[:, None] * self.share_UT(history, task)
        return rate_UT[:, :, None] * length_W

    def tuned(self, history: History, task: Task) -> "DecayedShare":
        """The recipe whose shares said best what came, one horizon before the cutoff."""
        cutoff = history.cutoff - task.horizon
        if not self.half_lives or cutoff < 1 or not (history.interest.step_N < cutoff).any():
            return self
        past = history.until(cutoff)
        came_UT = outcome(history, past.interest.users_U, cutoff, task).count_UTW.sum(axis=2)
        priors = {
            memory: popularity_T(past, task.target, memory) for memory in self.popularity_half_lives
        }
        best, least = self, np.inf
        for half_life in self.half_lives:
            own_UT = past.interest.decayed_UT(task.target, half_life)
            for strength, memory in product(self.prior_strengths, priors):
                loss = _nats(_smoothed(own_UT, priors[memory], strength), came_UT)
                if loss < least:
                    least = loss
                    best = replace(
                        self,
                        half_life=half_life,
                        prior_strength=strength,
                        popularity_half_life=memory,
                    )
        return best


def _smoothed(own_UT: Floats, prior_T: Floats, strength: float) -> Floats:
    return (own_UT + strength * prior_T) / (own_UT.sum(axis=1, keepdims=True) + strength)


def _nats(share_UT: Floats, came_UT: Floats) -> float:
    """Cross-entropy of what came, in nats per engagement."""
    came = came_UT > 0
    return float(-(came_UT[came] * np.log(share_UT[came])).sum() / max(1.0, came_UT.sum()))
