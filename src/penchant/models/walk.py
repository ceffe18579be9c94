"""Walks on the graph of users and topics: what is bought by those who buy what you buy.

A user's tastes step from topic to topic, by a walk (RP3beta) or by a regression of each topic on
the others (EASE); where they end is a share of his own. It stands in for a part of the shop's
popularity as the pseudo-events of `decayed_share`, so it says most of what a user has not bought
and of users who have bought little. How large the part is, and the number of pseudo-events, are
tuned one horizon before the cutoff, on the cross-entropy of what came, with the graph of then.
It needs no training and no PyTorch. Blind to season, cadence and order; a topic that nobody has
bought yet is reached by popularity only.
Sources: Paudel et al., "Updatable, accurate, diverse, and scalable recommendations for interactive
applications" (2017), for RP3beta; Steck, "Embarrassingly shallow autoencoders" (2019), for EASE.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from scipy import sparse

from penchant.errors import RecipeError
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.outcome import outcome
from penchant.interest.task import Task
from penchant.models.activity import activity_U, popularity_T
from penchant.models.bipartite import outward, tastes_UT, walk_TT
from penchant.models.copurchase import ease
from penchant.models.counting import Counting, fit_counting
from penchant.models.decayed_share import DecayedShare

METHODS = ("rp3beta", "ease")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Recipe. Costs what `decayed_share` costs, and the cube of the topics for EASE."""

    method: str = "ease"  # or rp3beta
    half_life: float = 26.0  # steps, of the graph's edges
    power: float = 1.5  # of each step's chance, for rp3beta
    damping: float = 0.2  # of topics by their popularity, for rp3beta: its beta
    ridge: float = 1000.0  # for ease
    parts: tuple[float, ...] = (0.5, 0.0, 0.25, 0.75, 0.9)  # of the pseudo-events, from the graph
    strengths: tuple[float, ...] = (80.0, 40.0, 160.0, 320.0)  # pseudo-events; first: untuned
    share: DecayedShare = field(default_factory=DecayedShare)  # of the user's own

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise RecipeError(f"A method is one of {', '.join(METHODS)}; found '{self.method}'.")
        if not self.parts or not all(0 <= part < 1 for part in self.parts):
            raise RecipeError(
                f"Parts are one or more from 0 to below 1, so that nothing is impossible; found "
                f"{self.parts}."
            )
        if not self.strengths or not all(strength > 0 for strength in self.strengths):
            raise RecipeError(f"Strengths are one or more above 0; found {self.strengths}.")

    def fit(self, history: History, task: Task) -> Counting:
        """Tune and learn the head one horizon earlier, with the graph of then; then learn anew."""
        cutoff = history.cutoff - task.horizon
        if cutoff < 1 or not (history.interest.step_N < cutoff).any():
            return fit_counting(self.reach(history, task), history, task)
        steady = replace(self, share=self.share.tuned(history, task))
        earlier = steady.reach(history.until(cutoff), task).tuned(history, task)
        fitted = fit_counting(earlier, history, task)
        now = replace(earlier, reach_TT=self.reach(history, task).reach_TT)
        return replace(fitted, counter=now)

    def reach(self, history: History, task: Task) -> "Reach":
        """Where tastes lead, learned from everyone in a history."""
        taste_UT = tastes_UT(history, task.target, self.half_life)
        if self.method == "ease":
            reach_TT = ease((taste_UT.T @ taste_UT).toarray(), self.ridge)
        else:
            popular_T = np.maximum(np.asarray(taste_UT.sum(axis=0), dtype=float), 1.0)
            reach_TT = (walk_TT(taste_UT, self.power) / popular_T**self.damping).astype(np.float32)
        return Reach(self, reach_TT, self.parts[0], self.strengths[0])


@dataclass(frozen=True)
class Reach:
    """From each topic to each, how far a taste for the one speaks for the other."""

    recipe: Walk
    reach_TT: Floats
    part: float  # of the pseudo-events, from the graph
    strength: float  # pseudo-events

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Spread each user's activity by the smoothed shares."""
        rate_U = activity_U(history, task.target, self.recipe.share.activity_half_life)
        length_W = np.array([window.length for window in task.windows], dtype=np.float32)
        return (rate_U[:, None] * self.share_UT(history, task))[:, :, None] * length_W

    def share_UT(self, history: History, task: Task) -> Floats:
        """Share of each topic: the user's own, popularity, and where the graph leads."""
        return self._mixed(*self._sources(history, task))

    def led_UT(self, history: History, task: Task, popular_T: Floats) -> Floats:
        """Share of each topic where the graph leads from a user's tastes; else popularity."""
        taste_UT: sparse.csr_array = tastes_UT(history, task.target, self.recipe.half_life)
        if self.recipe.method == "rp3beta":
            taste_UT = outward(taste_UT, self.recipe.power)
        score_UT = np.maximum(taste_UT @ self.reach_TT, 0)
        total_U1 = score_UT.sum(axis=1, keepdims=True)
        share_UT = np.where(total_U1 > 0, score_UT / np.where(total_U1 > 0, total_U1, 1), popular_T)
        return share_UT.astype(np.float32)

    def tuned(self, history: History, task: Task) -> "Reach":
        """The part and strength that say best what came after this reach was learned."""
        cutoff = history.cutoff - task.horizon
        past = history.until(cutoff)
        came_UT = outcome(history, past.interest.users_U, cutoff, task).count_UTW.sum(axis=2)
        came = came_UT > 0
        sources = self._sources(past, task)
        best, least = self, np.inf
        for part, strength in product(self.recipe.parts, self.recipe.strengths):
            tried = replace(self, part=part, strength=strength)
            loss = -float((came_UT[came] * np.log(tried._mixed(*sources)[came])).sum())
            if loss < least:
                best, least = tried, loss
        return best

    def _sources(self, history: History, task: Task) -> tuple[Floats, Floats, Floats]:
        share = self.recipe.share
        own_UT = history.interest.decayed_UT(task.target, share.half_life)
        popular_T = popularity_T(history, task.target, share.popularity_half_life)
        return own_UT, popular_T, self.led_UT(history, task, popular_T)

    def _mixed(self, own_UT: Floats, popular_T: Floats, led_UT: Floats) -> Floats:
        prior_UT = (1 - self.part) * popular_T + self.part * led_UT
        total_U1 = own_UT.sum(axis=1, keepdims=True)
        return (own_UT + self.strength * prior_UT) / (total_U1 + self.strength)
