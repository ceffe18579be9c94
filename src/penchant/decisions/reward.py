"""Rewards as a simple model expects them, of every action, from a log of some.

A ridge regression over features that the actions share, so that what is learned of one tells of
others; each decision is predicted by a fit that never saw it. Misses what isn't linear in the
features; estimators that are doubly robust forgive it.
Shapes: N logged decisions, A actions, F features.
"""

from dataclasses import dataclass

import numpy as np

from penchant.decisions.offpolicy import Feedback
from penchant.interest.counts import Doubles


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Recipe. Costs a fit a fold."""

    folds: int = 5
    ridge: float = 10.0  # decisions' worth of belief that features don't matter
    seed: int = 0

    def of(self, feedback: Feedback, feature_NAF: Doubles) -> Doubles:
        """Expected rewards of each decision and action, `NA`, from fits without the decision."""
        units = len(feedback.action_N)
        fold_N = np.random.default_rng(self.seed).permutation(units) % self.folds
        shown_NF = feature_NAF[np.arange(units), feedback.action_N]
        expected_NA = np.empty(feature_NAF.shape[:2])
        for fold in range(self.folds):
            out_N = fold_N == fold
            known_NF, reward_N = shown_NF[~out_N], feedback.reward_N[~out_N]
            usual = float(reward_N.mean()) if len(reward_N) else 0.0
            gram_FF = known_NF.T @ known_NF + self.ridge * np.eye(known_NF.shape[1])
            slope_F = np.linalg.solve(gram_FF, known_NF.T @ (reward_N - usual))
            expected_NA[out_N] = usual + feature_NAF[out_N] @ slope_F
        return expected_NA


def action_features(units: int, actions: int) -> Doubles:
    """Features that only tell actions apart, `NAF` with F = A: each has a mean of its own."""
    return np.broadcast_to(np.eye(actions), (units, actions, actions))
