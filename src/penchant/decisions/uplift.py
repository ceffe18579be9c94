"""Uplift: what a treatment adds to each customer's outcome, by DR- or X-learner.

Outcomes and propensities are told of each customer by models that never saw that customer
(cross-fitting). The doubly robust learner regresses on pseudo-outcomes that are right if either is;
the X-learner on differences to the other arm's model, weighted by the propensity. The last
regression is done on many random halves: their mean is the effect, their spread its error.
Good where treatment was dealt by lot, or hangs on nothing but the features; blind to what it hangs
on beside, which is for `refutation` to find.
Sources: Kennedy, Towards Optimal Doubly Robust Estimation of Heterogeneous Causal Effects, 2023;
Künzel et al., Metalearners for Estimating Heterogeneous Treatment Effects, 2019.
Shapes: N customers, A arms, F features, H halves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np

from penchant.decisions.logistic import Logistic, fit_logistic
from penchant.errors import DataError, RecipeError, suggest
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.interest import Floats

LEARNERS = ("dr", "x")
LEAST_ARM = 100  # customers, below which nothing is said of single ones
SLOPE_SPREAD = 0.5  # deviations from 1 of the part that comes true, as one would think beforehand
MOST_CERTAIN = 0.98  # propensity; above, and below 1 less it, weights would run away


@dataclass(frozen=True)
class Trial:
    """Customers of two arms: features from before, who was treated, and what came of it.

    Raises DataError for arms that are too small, or numbers that are missing.
    """

    feature_NF: Floats  # NaN where nothing is known
    treated_N: Flags
    outcome_N: Doubles
    propensity_N: Doubles | None = None  # chance of treatment where it is known, as by lot

    def __post_init__(self) -> None:
        arms = np.bincount(self.treated_N.astype(np.int64), minlength=2)
        enough((int(arms[1]), int(arms[0])))
        if not np.isfinite(self.outcome_N).all():
            raise DataError(
                "Uplift needs a finite outcome of every customer; fill in or leave out."
            )

    def where(self, kept_N: Flags) -> "Trial":
        """Some of the customers."""
        known = None if self.propensity_N is None else self.propensity_N[kept_N]
        return Trial(self.feature_NF[kept_N], self.treated_N[kept_N], self.outcome_N[kept_N], known)


def common(propensity_N: Doubles) -> Doubles:
    """Propensities no nearer to 0 or 1 than weights can bear."""
    return np.clip(propensity_N, 1 - MOST_CERTAIN, MOST_CERTAIN)


def enough(sizes: tuple[int, int]) -> None:
    """Refuse too few treated or untreated customers. Raises DataError."""
    if min(sizes) < LEAST_ARM:
        raise DataError(
            f"Uplift needs at least {LEAST_ARM} customers treated and as many who weren't; "
            f"found {sizes[0]:,} and {sizes[1]:,}."
        )


@dataclass(frozen=True)
class Nuisance:
    """What is expected of each customer, by models that never saw them."""

    control_N: Doubles  # outcome untreated
    treated_N: Doubles  # outcome treated
    propensity_N: Doubles

    @property
    def weight_N(self) -> Doubles:
        """How sure a pseudo-outcome is: little where hardly anyone is in the other arm."""
        return np.asarray(4 * self.propensity_N * (1 - self.propensity_N))

    def pseudo_N(self, trial: Trial) -> Doubles:
        """Doubly robust effects: noisy, but right on average among any customers."""
        expected_N = np.where(trial.treated_N, self.treated_N, self.control_N)
        weight_N = np.where(trial.treated_N, 1 / self.propensity_N, -1 / (1 - self.propensity_N))
        return self.treated_N - self.control_N + weight_N * (trial.outcome_N - expected_N)


@dataclass(frozen=True, kw_only=True)
class Uplift:
    """Recipe. Costs some seconds for 10,000 customers of 20 features."""

    learner: str = "x"  # or "dr"
    folds: int = 5  # of customers; expectations of each come from the others
    halves: int = 24  # random ones, for the effect and its error
    rounds: int = 60  # trees of an expectation
    effect_rounds: int = 40  # trees of an effect
    learning_rate: float = 0.06
    leaves: int = 8  # of a tree
    least_leaf: float = 0.03  # of the customers of a half, in each leaf of an effect's trees
    threads: int = 1  # of LightGBM
    seed: int = 0

    def __post_init__(self) -> None:
        if self.learner not in LEARNERS:
            raise RecipeError(
                f"There is no learner '{self.learner}'. {suggest(self.learner, LEARNERS)}"
            )
        if self.folds < 2 or self.halves < 2:
            raise RecipeError(
                f"Uplift needs 2 folds and 2 halves at least; found {self.folds}, {self.halves}."
            )

    def fit(self, trial: Trial) -> "FittedUplift":
        """Learn the effect from a trial."""
        known = self.expect(trial)
        target_N = known.pseudo_N(trial)
        rng, halves = np.random.default_rng(self.seed), []
        chance = fit_logistic(trial.feature_NF, trial.treated_N) if self.learner == "x" else None
        apart_N, times_N = np.zeros(len(target_N)), np.zeros(len(target_N))
        for _ in range(self.halves):
            half_N = self._half(trial, rng)
            trees: tuple[str, ...]
            if self.learner == "dr":
                told = (trial.feature_NF[half_N], target_N[half_N], known.weight_N[half_N])
                trees = (self._effect(*told),)
            else:
                trees = self._crossed(trial, known, half_N)
            half = Half(trees, float(target_N[half_N].mean()), 0.0)
            effect_N = half.effect(trial.feature_NF, chance)
            halves.append(replace(half, usual=float(effect_N.mean())))
            apart_N[~half_N] += effect_N[~half_N] - effect_N.mean()
            times_N[~half_N] += 1
        average = float(target_N.mean())
        weight_N = known.weight_N * (times_N > 0)
        slope = _slope(apart_N / np.maximum(times_N, 1), target_N, weight_N)
        error = float(target_N.std(ddof=1) / np.sqrt(len(target_N)))
        return FittedUplift(tuple(halves), chance, slope, average, error)

    def expect(self, trial: Trial) -> Nuisance:
        """What is expected of each customer in either arm, and the chance of treatment."""
        users = len(trial.outcome_N)
        outcome_AN, propensity_N = np.empty((2, users)), np.empty(users)
        for own_N in _folds(trial.treated_N, self.folds, self.seed):
            other_N = ~own_N
            for arm in (0, 1):
                seen_N = other_N & (trial.treated_N == bool(arm))
                booster = self._trees(trial.feature_NF[seen_N], trial.outcome_N[seen_N])
                outcome_AN[arm, own_N] = _told(booster, trial.feature_NF[own_N])
            if trial.propensity_N is None:
                chance = fit_logistic(trial.feature_NF[other_N], trial.treated_N[other_N])
                propensity_N[own_N] = chance.chance(trial.feature_NF[own_N])
        if trial.propensity_N is not None:
            propensity_N = trial.propensity_N
        return Nuisance(outcome_AN[0], outcome_AN[1], common(propensity_N))

    def _crossed(self, trial: Trial, known: Nuisance, half_N: Flags) -> tuple[str, ...]:
        """The X-learner's two effects: on the untreated, and on the treated."""
        made = []
        for arm, gain_N in (
            (False, known.treated_N - trial.outcome_N),
            (True, trial.outcome_N - known.control_N),
        ):
            seen_N = half_N & (trial.treated_N == arm)
            made.append(self._effect(trial.feature_NF[seen_N], gain_N[seen_N]))
        return tuple(made)

    def _half(self, trial: Trial, rng: np.random.Generator) -> Flags:
        """Half of either arm."""
        half_N = np.zeros(len(trial.treated_N), dtype=bool)
        for arm in (False, True):
            row_N = rng.permutation(np.flatnonzero(trial.treated_N == arm))
            half_N[row_N[: (len(row_N) + 1) // 2]] = True
        return half_N

    def _effect(
        self, feature_NF: Floats, target_N: Doubles, weight_N: Doubles | None = None
    ) -> str:
        least = max(10, int(self.least_leaf * len(target_N)))
        return self._trees(feature_NF, target_N, least, self.effect_rounds, weight_N)

    def _trees(
        self,
        feature_NF: Floats,
        target_N: Doubles,
        least: int = 20,
        rounds: int | None = None,
        weight_N: Doubles | None = None,
    ) -> str:
        settings: dict[str, Any] = {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "max_bin": 63,
            "feature_fraction": 0.7,
            "min_data_in_leaf": least,
            "lambda_l2": 10.0,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        data = lgb.Dataset(feature_NF, target_N, weight=weight_N, params=settings)
        return lgb.train(settings, data, rounds or self.rounds).model_to_string()


@dataclass(frozen=True)
class Half:
    """What one random half of the customers taught."""

    trees: tuple[str, ...]
    level: float  # doubly robust effect on the half
    usual: float  # mean of what its trees say of all customers of the trial

    @cached_property
    def _boosters(self) -> list[lgb.Booster]:
        return [lgb.Booster(model_str=text) for text in self.trees]

    def effect(self, feature_NF: Floats, chance: Logistic | None) -> Doubles:
        """Effect on each customer by the half's trees alone."""
        told = [
            np.asarray(booster.predict(feature_NF, num_threads=1)) for booster in self._boosters
        ]
        if chance is None:
            return told[0]
        # The smaller arm's own differences lean on the larger arm's surer model.
        chance_N = chance.chance(feature_NF)
        return np.asarray(chance_N * told[0] + (1 - chance_N) * told[1])


@dataclass(frozen=True)
class FittedUplift:
    """Model. `average` is the effect on all of the trial, doubly robust, with its error.

    Single effects are pulled towards the average by `slope`, the part of their differences that
    was borne out by customers whom the trees didn't see: 0 says that none was.
    """

    halves: tuple[Half, ...]
    chance: Logistic | None
    slope: float
    average: float
    error: float

    def effect_HN(self, feature_NF: Floats) -> Doubles:
        """Effect on each customer as each half has it; their spread is the estimate's error."""
        # Halves drawn without replacement spread as the whole's estimate would over samples.
        return np.stack(
            [
                half.level + self.slope * (half.effect(feature_NF, self.chance) - half.usual)
                for half in self.halves
            ]
        )

    def effect(self, feature_NF: Floats) -> tuple[Doubles, Doubles]:
        """Effect on each customer and its standard error."""
        effect_HN = self.effect_HN(feature_NF)
        centred_N = effect_HN.mean(axis=0) - np.mean([half.level for half in self.halves])
        return self.average + centred_N, effect_HN.std(axis=0, ddof=1)


def _slope(apart_N: Doubles, target_N: Doubles, weight_N: Doubles) -> float:
    """How much of the differences between customers comes true, 0 to 1.

    Where the data hardly tell, it leans on differences that come true.
    """
    apart_N = apart_N - np.average(apart_N, weights=weight_N)
    target_N = target_N - np.average(target_N, weights=weight_N)
    spread = float(weight_N @ apart_N**2)
    if not spread > 0:
        return 0.0
    found = float((weight_N * apart_N) @ target_N) / spread
    left_N = target_N - found * apart_N
    error = float(np.sqrt(((weight_N * apart_N * left_N) ** 2).sum())) / spread
    sure, usual = 1 / max(error, 1e-9) ** 2, 1 / SLOPE_SPREAD**2
    return min(max((sure * found + usual) / (sure + usual), 0.0), 1.0)


def _folds(treated_N: Flags, folds: int, seed: int) -> Iterator[Flags]:
    """Folds that hold as much of either arm."""
    fold_N: Integers = np.empty(len(treated_N), dtype=np.int64)
    rng = np.random.default_rng(seed)
    for arm in (False, True):
        row_N = np.flatnonzero(treated_N == arm)
        fold_N[row_N] = rng.permutation(np.arange(len(row_N)) % folds)
    return (fold_N == fold for fold in range(folds))


def _told(booster: str, feature_NF: Floats) -> Doubles:
    return np.asarray(lgb.Booster(model_str=booster).predict(feature_NF, num_threads=1))
