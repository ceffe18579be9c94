"""How well uplift is ranked: Qini, AUUC, and PEHE where the truth is known.

Customers are taken from the highest effect down. The uplift curve is what treating the first ones
adds, per customer of all: their two arms' means, weighted by propensities, times their share. AUUC
is the area under it, Qini that area less the one of treating at random. A ranking that is good
treats those who gain first and those who lose last.
Sources: Radcliffe, Using Control Groups to Target on Predicted Lift, 2007; Gutierrez and Gérardy,
Causal Inference and Uplift Modelling, 2017; Hill, Bayesian Nonparametric Modeling, 2011 (PEHE).
Shapes: N customers, D draws.
"""

from dataclasses import dataclass

import numpy as np

from penchant.evaluation.bootstrap import DRAWS, interval
from penchant.interest.counts import Doubles, Flags, Integers


@dataclass(frozen=True)
class Ranked:
    """A measure of a ranking and its 95 % interval over customers."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Trialled:
    """Customers of a trial: who was treated, with what chance, and what came of it."""

    treated_N: Flags
    outcome_N: Doubles
    propensity_N: Doubles

    def curve(self, score_N: Doubles, row_N: Integers | None = None) -> Doubles:
        """The uplift curve after the first, the second, … customer by score; per customer of all.

        `row_N` are customers drawn with repeats. Ties of the score are broken by their order.
        """
        row_N = np.arange(len(score_N)) if row_N is None else row_N
        order_N = row_N[np.argsort(-score_N[row_N], kind="stable")]
        treated_N, outcome_N = self.treated_N[order_N], self.outcome_N[order_N]
        chance_N = self.propensity_N[order_N]
        weight_N = np.where(treated_N, 1 / chance_N, 1 / (1 - chance_N))
        of_arm = []
        for arm_N in (treated_N, ~treated_N):
            weighed_N = np.cumsum(weight_N * arm_N)
            total_N = np.cumsum(weight_N * outcome_N * arm_N)
            of_arm.append(
                np.divide(total_N, weighed_N, out=np.zeros_like(total_N), where=weighed_N > 0)
            )
        known_N = np.logical_and(np.cumsum(treated_N), np.cumsum(~treated_N))
        share_N = np.arange(1, len(order_N) + 1) / len(order_N)
        return np.asarray((of_arm[0] - of_arm[1]) * known_N * share_N)

    def areas(self, score_N: Doubles, row_N: Integers | None = None) -> tuple[float, float]:
        """AUUC and Qini of a ranking."""
        curve_N = self.curve(score_N, row_N)
        area = float(curve_N.mean())
        return area, area - float(curve_N[-1]) / 2


def auuc_and_qini(
    trial: Trialled, score_N: Doubles, draws: int = DRAWS, seed: int = 0
) -> tuple[Ranked, Ranked]:
    """AUUC and Qini of a ranking, with intervals from customers drawn anew."""
    rng, users = np.random.default_rng(seed), len(score_N)
    area_D = np.array([trial.areas(score_N, rng.integers(0, users, users)) for _ in range(draws)])
    found = trial.areas(score_N)
    return Ranked(found[0], *interval(area_D[:, 0])), Ranked(found[1], *interval(area_D[:, 1]))


def pehe(effect_N: Doubles, true_N: Doubles) -> float:
    """Root of the mean squared error of single effects, whose truth only a planted world knows."""
    return float(np.sqrt(np.mean((effect_N - true_N) ** 2)))
