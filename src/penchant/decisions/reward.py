"""Rewards as a simple model expects them, of every action, from a log of some.

Ridge regressions: `Expected` over features that the actions share, so that what is learned of one
tells of others, where each decision is predicted by a fit that never saw it; `ByOption` over what
is known of the customer. Both miss what isn't linear; estimators that are doubly robust forgive it.
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
            slope_F = _slopes(known_NF, reward_N - usual, self.ridge)
            expected_NA[out_N] = usual + feature_NAF[out_N] @ slope_F
        return expected_NA


def action_features(units: int, actions: int) -> Doubles:
    """Features that only tell actions apart, `NAF` with F = A: each has a mean of its own."""
    return np.broadcast_to(np.eye(actions), (units, actions, actions))


@dataclass(frozen=True, kw_only=True)
class ByOption:
    """Recipe: each option's reward is linear in the context, with slopes near those of all."""

    ridge: float = 10.0  # decisions' worth of belief that an option is like all others

    def fit(self, feedback: Feedback, context_NF: Doubles, options: int) -> "FittedByOption":
        """Learn from a log and what was known at each decision; contexts have the mean 0."""
        told_NF = np.insert(context_NF, 0, 1.0, axis=1)
        shared_F = _slopes(told_NF, feedback.reward_N, self.ridge)
        slope_AF = np.tile(shared_F, (options, 1))
        for option in range(options):
            of_N = feedback.action_N == option
            rest_N = feedback.reward_N[of_N] - told_NF[of_N] @ shared_F
            slope_AF[option] += _slopes(told_NF[of_N], rest_N, self.ridge)
        return FittedByOption(slope_AF)


@dataclass(frozen=True)
class FittedByOption:
    """Model."""

    slope_AF: Doubles

    def of(self, context_NF: Doubles) -> Doubles:
        """Expected rewards of each context and option, `NA`."""
        return np.insert(context_NF, 0, 1.0, axis=1) @ self.slope_AF.T


def _slopes(known_NF: Doubles, reward_N: Doubles, ridge: float) -> Doubles:
    gram_FF = known_NF.T @ known_NF + ridge * np.eye(known_NF.shape[1])
    return np.linalg.solve(gram_FF, known_NF.T @ reward_N).astype(np.float64)
