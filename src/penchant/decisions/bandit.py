"""Bandits: show what looks best, and what is too little known, and learn from what comes.

Rewards are linear in the features of an option, with slopes that options share; a feature of its
own for each option (`decisions.reward.action_features`) makes them separate. Good for a few options
whose reward comes at once; blind to what showing one does to later rewards.
Sources: Li et al., A Contextual-Bandit Approach to Personalized News, 2010 (LinUCB); Agrawal and
Goyal, Thompson Sampling for Contextual Bandits with Linear Payoffs, 2013.
Shapes: N decisions, A options, F features, D draws.
"""

from dataclasses import dataclass

import numpy as np

from penchant.decisions.offpolicy import Codes
from penchant.interest.counts import Doubles


@dataclass(frozen=True)
class Belief:
    """What is known of the slopes: a Gaussian posterior, as sums that only grow."""

    gram_FF: Doubles
    sum_F: Doubles

    @classmethod
    def blank(cls, features: int, ridge: float = 1.0) -> "Belief":
        """Nothing seen; `ridge` decisions' worth of belief that features don't matter."""
        return cls(ridge * np.eye(features), np.zeros(features))

    def seen(self, shown_NF: Doubles, reward_N: Doubles) -> "Belief":
        """The belief after more decisions, of which it takes features shown and rewards."""
        return Belief(self.gram_FF + shown_NF.T @ shown_NF, self.sum_F + shown_NF.T @ reward_N)

    @property
    def mean_F(self) -> Doubles:
        """The slopes as best known."""
        return np.asarray(np.linalg.solve(self.gram_FF, self.sum_F), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class LinUCB:
    """Take the option that could be best. Always the same, so its log tells of no other policy."""

    width: float = 1.0  # standard errors added to what is expected

    def choose(self, belief: Belief, option_NAF: Doubles) -> Codes:
        """An option for each decision."""
        inverse_FF = np.linalg.inv(belief.gram_FF)
        error_NA = np.sqrt(np.einsum("naf,fg,nag->na", option_NAF, inverse_FF, option_NAF))
        return (option_NAF @ belief.mean_F + self.width * error_NA).argmax(axis=1)


@dataclass(frozen=True, kw_only=True)
class LinThompson:
    """Take the option that is best by slopes drawn from what is believed."""

    scale: float = 0.5  # standard deviation of a reward around what is expected

    def choose(self, belief: Belief, option_NAF: Doubles, rng: np.random.Generator) -> Codes:
        """An option for each decision, each by slopes of its own."""
        slope_NF = self._drawn(belief, len(option_NAF), rng)
        return np.einsum("naf,nf->na", option_NAF, slope_NF).argmax(axis=1)

    def chances(
        self, belief: Belief, option_NAF: Doubles, rng: np.random.Generator, draws: int = 1000
    ) -> Doubles:
        """The chance of each option, `NA`, to be logged beside what is shown; by simulation."""
        slope_DF = self._drawn(belief, draws, rng)
        best_ND = (option_NAF @ slope_DF.T).argmax(axis=1)
        options = np.arange(option_NAF.shape[1])
        return (best_ND[:, None, :] == options[:, None]).mean(axis=2)

    def _drawn(self, belief: Belief, draws: int, rng: np.random.Generator) -> Doubles:
        # With gram = L L', the solution of L' x = z has the posterior's covariance.
        lower_FF = np.linalg.cholesky(belief.gram_FF)
        noise_FD = rng.normal(size=(len(belief.sum_F), draws))
        return belief.mean_F + self.scale * np.linalg.solve(lower_FF.T, noise_FD).T
