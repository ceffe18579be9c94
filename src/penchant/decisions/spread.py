"""How far forecasts of counts were off at earlier cutoffs, and so how far they may be again.

A variance is `(1 + growth · steps ahead) · (scale · mean + excess · mean²)`. Series of one level of
the tree share all three, where earlier counts were likeliest as negative binomials; each series has
a factor of its own that leans on 1, so that sparse series borrow from the others. At last the
variances of a level are stretched until as many earlier counts lie within intervals as should.
Shapes: K cutoffs, N nodes, M nodes of a level, H steps ahead, C cells known, F factors.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import gammaln

from penchant.interest import counts
from penchant.interest.counts import Doubles, Integers

LEAST_MEAN = 1e-3  # counts
LEAST_ERRORS = 12  # of a level, from which something is learned
SCALES, GROWTHS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0), (0.0, 0.03, 0.1)
EXCESSES = (0.0005, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
FACTORS = np.geomspace(0.25, 8.0, 11)  # of a series' variance
LEAN = 1.0  # deviation of a factor's logarithm
THINNED = 6  # errors of one series that count as one: they overlap in time
MOST_CELLS = 20_000  # that tell what a level's series share; more take long
CENTRAL = (0.1, 0.9)  # quantiles of the intervals that are held against what came
STRETCHES = np.geomspace(0.25, 4.0, 17)
UNKNOWN = (3.0, 0.1, 0.05)  # scale, growth and excess, where nothing could be learned


@dataclass(frozen=True)
class Spread:
    """Variances of counts by their mean, node and steps ahead."""

    factor_N: Doubles
    scale_N: Doubles
    growth_N: Doubles  # a step
    excess_N: Doubles

    def variance_NH(self, mean_NH: Doubles) -> Doubles:
        """Variance of each node's count in each step ahead, never below the Poisson's."""
        ahead_1H = np.arange(mean_NH.shape[1])[None, :]
        parts = (self.scale_N[:, None], self.growth_N[:, None], self.excess_N[:, None])
        variance_NH = self.factor_N[:, None] * _variance(mean_NH, ahead_1H, *parts)
        return np.maximum(variance_NH, mean_NH)

    def variance_N(self, mean_N: Doubles, steps_N: Doubles) -> Doubles:
        """Variance of each node's count that far ahead, of counts that were summed so far."""
        ahead_N = np.maximum(steps_N - 1, 0)
        parts = (self.scale_N, self.growth_N, self.excess_N)
        return np.maximum(self.factor_N * _variance(mean_N, ahead_N, *parts), mean_N)

    def quantile_NH(self, q: float, mean_NH: Doubles) -> Integers:
        """Smallest count whose cumulative probability reaches `q`, of negative binomials."""
        return counts.quantile(q, mean_NH, over(self.variance_NH(mean_NH), mean_NH))


def over(variance: Doubles, mean: Doubles) -> Doubles:
    """Variance over mean, less 1, never below the Poisson's 0."""
    return np.maximum(variance / np.maximum(mean, LEAST_MEAN) - 1, 0.0)


def unknown_spread(nodes: int) -> Spread:
    """A wide spread, for where no earlier forecast can be held against what came."""
    return Spread(np.ones(nodes), *(np.full(nodes, value) for value in UNKNOWN))


def learn_spread(
    mean_KNH: Doubles,
    count_KNH: Doubles,
    level_N: Integers,
    held: tuple[float, float] = CENTRAL,
) -> Spread:
    """Learn from forecasts and what came, NaN where it isn't known yet.

    `held` are the quantiles between which as many earlier counts are to lie as should.
    """
    made = unknown_spread(len(level_N))
    for level in np.unique(level_N):
        of_N = level_N == level
        mean_KMH, count_KMH = np.maximum(mean_KNH[:, of_N], LEAST_MEAN), count_KNH[:, of_N]
        known_KMH = np.isfinite(count_KMH)
        if known_KMH.sum() < LEAST_ERRORS:
            continue
        _, node_C, ahead_C = np.nonzero(known_KMH)
        mean_C, count_C = mean_KMH[known_KMH], count_KMH[known_KMH]
        drawn_C = np.random.default_rng(0).permutation(len(count_C))
        some = np.sort(drawn_C[:MOST_CELLS])  # by lot: a stride would meet few of the steps ahead
        fit = _likeliest(count_C[some], mean_C[some], ahead_C[some])
        variance_C = _variance(mean_C, ahead_C, *fit)
        factor_M = _factors(count_C, mean_C, variance_C, node_C, int(of_N.sum()))
        variance_C *= factor_M[node_C]
        stretch = _stretch(count_C[some], mean_C[some], variance_C[some], held)
        made.factor_N[of_N] = stretch * factor_M
        made.scale_N[of_N], made.growth_N[of_N], made.excess_N[of_N] = fit
    return made


def _likeliest(count_C: Doubles, mean_C: Doubles, ahead_C: Integers) -> tuple[float, float, float]:
    """Scale, growth and excess under which counts are likeliest."""
    return max(
        product(SCALES, GROWTHS, EXCESSES),
        key=lambda fit: likelihood_C(count_C, mean_C, _variance(mean_C, ahead_C, *fit)).sum(),
    )


def likelihood_C(count_C: Doubles, mean_C: Doubles, variance_C: Doubles) -> Doubles:
    """Logarithm of the probability of counts, as negative binomials."""
    excess_C = np.maximum(over(variance_C, mean_C), counts.LEAST_EXCESS)
    shape_C = mean_C / excess_C
    return np.asarray(
        gammaln(count_C + shape_C)
        - gammaln(shape_C)
        - gammaln(count_C + 1)
        - shape_C * np.log1p(excess_C)
        + count_C * (np.log(excess_C) - np.log1p(excess_C))
    )


def _variance(
    mean: Doubles,
    ahead: Doubles | Integers,
    scale: Doubles | float,
    growth: Doubles | float,
    excess: Doubles | float,
) -> Doubles:
    mean = np.maximum(mean, LEAST_MEAN)
    return (1 + growth * ahead) * (scale * mean + excess * mean**2)


def _factors(
    count_C: Doubles,
    mean_C: Doubles,
    variance_C: Doubles,
    node_C: Integers,
    nodes: int,
) -> Doubles:
    """Each node's likeliest factor, under a log-normal prior around 1."""
    score_FM = np.stack(
        [
            np.bincount(node_C, likelihood_C(count_C, mean_C, factor * variance_C), nodes) / THINNED
            - np.log(factor) ** 2 / (2 * LEAN**2)
            for factor in FACTORS
        ]
    )
    return np.asarray(FACTORS[score_FM.argmax(axis=0)])


def _stretch(
    count_C: Doubles, mean_C: Doubles, variance_C: Doubles, held: tuple[float, float]
) -> float:
    """The factor at which as many counts as should lie between two quantiles.

    By the non-randomised probability integral transform: see `counts.covered`.
    """
    covered = []
    for stretch in STRETCHES:
        excess_C = over(stretch * variance_C, mean_C)
        low_C = counts.cumulative(count_C - 1, mean_C, excess_C)
        high_C = counts.cumulative(count_C, mean_C, excess_C)
        inside_C = np.minimum(high_C, held[1]) - np.maximum(low_C, held[0])
        covered.append((np.maximum(inside_C, 0) / np.maximum(high_C - low_C, 1e-12)).mean())
    return float(np.interp(held[1] - held[0], np.maximum.accumulate(covered), STRETCHES))
