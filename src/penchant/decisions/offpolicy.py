"""Off-policy evaluation: what another policy would have earned, from the log of the one that ran.

Every estimator corrects for what the logging policy showed too often or too seldom, by the chance
it had of showing what it showed (the propensity). That fails where the other policy shows what was
hardly ever logged; `Estimate.notes` say so, and an estimate with such a note is no ground to deploy
on. Propensities must be those at logging time.

* `dm`: rewards as a model expects them; no weights, all of the model's bias.
* `ipw`: rewards weighted by the ratio of chances; unbiased, and wild where weights are large.
* `snipw`: the same over the sum of weights (self-normalised).
* `dr`, `sndr`: the model, and its errors weighted (doubly robust); right if either is.
* `switch`: `dr` where a weight is at most a threshold, `dm` elsewhere (SWITCH-DR).

Sources: Dudík et al., Doubly Robust Policy Evaluation, 2014; Swaminathan and Joachims, The
Self-Normalized Estimator, 2015; Wang et al., Optimal and Adaptive Off-policy Evaluation, 2017;
Maurer and Pontil, Empirical Bernstein Bounds, 2009.
Shapes: N logged decisions, A actions, D draws.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from penchant.errors import DataError, RecipeError, suggest
from penchant.interest.counts import Doubles

Codes = npt.NDArray[np.int64]

FEW = 100  # decisions: with fewer effective ones an estimate says little
HEAVY = 0.1  # of all weight, in a single decision
UNSEEN = 0.01  # of the policy's chance, on actions that were never logged
ALL_MODEL = "All of this is the model's word; the interval leaves out that it may be wrong."
SURE = 4.0  # standard errors that the mean weight may be off 1


@dataclass(frozen=True)
class Feedback:
    """What was logged: an action by its number, its reward, and the chance it had.

    Raises DataError for lengths that differ, and for a propensity that isn't in (0, 1].
    """

    action_N: Codes
    reward_N: Doubles
    propensity_N: Doubles

    def __post_init__(self) -> None:
        lengths = {len(self.action_N), len(self.reward_N), len(self.propensity_N)}
        if len(lengths) > 1 or not len(self.action_N):
            raise DataError(
                f"A log needs an action, reward and propensity of each decision; found "
                f"{len(self.action_N)}, {len(self.reward_N)} and {len(self.propensity_N)}."
            )
        if not ((self.propensity_N > 0) & (self.propensity_N <= 1)).all():
            wrong = int((~((self.propensity_N > 0) & (self.propensity_N <= 1))).sum())
            raise DataError(
                f"{wrong:,} propensities aren't in (0, 1]. Log the chance that the action shown "
                "had; without it nothing can be told of another policy."
            )
        if not np.isfinite(self.reward_N).all():
            raise DataError("A reward isn't a finite number; log 0 where nothing came.")


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How an interval is made.

    The bootstrap draws decisions, or the groups that hang together. With `span`, the width of the
    range that a decision's contribution can lie in, the interval is the empirical Bernstein one,
    which holds for any number of decisions and is wide; self-normalised estimators have none.
    """

    level: float = 0.95
    draws: int = 1000
    seed: int = 0
    group_N: Codes | None = None  # such as the user or the list of a decision
    span: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A policy's mean reward of a decision, and how far to trust it."""

    estimator: str
    value: float
    low: float
    high: float
    effective: float  # decisions of the policy itself that the weights are worth
    largest: float  # weight
    notes: tuple[str, ...]


class Terms(NamedTuple):
    """An estimate as the mean of `plain_N`, and the sum of `over_N` in parts of `under_N`'s."""

    plain_N: Doubles
    over_N: Doubles
    under_N: Doubles

    def value(self) -> float:
        """The estimate."""
        return float(self.plain_N.mean() + self.over_N.sum() / self.under_N.sum())


class Evidence(NamedTuple):
    """What estimators read: weights, rewards, and what a model expects.

    `logged_N` is its expectation of the action shown, `policy_N` that of the policy's actions.
    """

    weight_N: Doubles
    reward_N: Doubles
    logged_N: Doubles
    policy_N: Doubles
    threshold: float


def _dm(found: Evidence) -> Terms:
    return _mean(found.policy_N)


def _ipw(found: Evidence) -> Terms:
    return _mean(found.weight_N * found.reward_N)


def _snipw(found: Evidence) -> Terms:
    weight_N = found.weight_N
    return Terms(np.zeros_like(weight_N), weight_N * found.reward_N, weight_N)


def _dr(found: Evidence) -> Terms:
    return _mean(found.policy_N + found.weight_N * (found.reward_N - found.logged_N))


def _sndr(found: Evidence) -> Terms:
    error_N = found.weight_N * (found.reward_N - found.logged_N)
    return Terms(found.policy_N, error_N, found.weight_N)


def _switch(found: Evidence) -> Terms:
    kept_N = np.where(found.weight_N <= found.threshold, found.weight_N, 0.0)
    return _mean(found.policy_N + kept_N * (found.reward_N - found.logged_N))


def _mean(plain_N: Doubles) -> Terms:
    return Terms(plain_N, np.zeros_like(plain_N), np.ones_like(plain_N))


ESTIMATORS: dict[str, Callable[[Evidence], Terms]] = {
    "dm": _dm,
    "ipw": _ipw,
    "snipw": _snipw,
    "dr": _dr,
    "sndr": _sndr,
    "switch": _switch,
}
WITH_MODEL = ("dm", "dr", "sndr", "switch")
SELF_NORMALISED = ("snipw", "sndr")


def evaluate(
    feedback: Feedback,
    chance_NA: Doubles,
    estimator: str = "snipw",
    *,
    expected_NA: Doubles | None = None,
    threshold: float | None = None,
    precision: Precision | None = None,
    above_log: bool = False,
) -> Estimate:
    """The mean reward of a policy that takes actions with `chance_NA`.

    With `above_log`, how much that is above the mean reward of the policy that logged.

    `expected_NA` are rewards as a model expects them that never saw the decision itself
    (`decisions.reward` makes some). `threshold` is `switch`'s largest weight, by default that of
    the least error by its own bound. Raises RecipeError for an unknown estimator or one that lacks
    its model, DataError for chances that are none.
    """
    if estimator not in ESTIMATORS:
        raise RecipeError(f"There is no estimator '{estimator}'. {suggest(estimator, ESTIMATORS)}")
    if estimator in WITH_MODEL and expected_NA is None:
        raise RecipeError(f"'{estimator}' needs a model's expected rewards; give expected_NA.")
    precision = precision or Precision()
    if precision.span is not None and estimator in SELF_NORMALISED:
        raise RecipeError(f"'{estimator}' has no empirical Bernstein interval; leave out the span.")
    found = evidence(feedback, chance_NA, expected_NA, threshold)
    terms = ESTIMATORS[estimator](found)
    if above_log:
        terms = terms._replace(plain_N=terms.plain_N - found.reward_N)
    low, high = _bernstein(terms, precision) if precision.span else _bootstrapped(terms, precision)
    return Estimate(
        estimator,
        terms.value(),
        low,
        high,
        effective_size(found.weight_N),
        float(found.weight_N.max()),
        _notes(feedback, chance_NA, found.weight_N) if estimator != "dm" else (ALL_MODEL,),
    )


def evidence(
    feedback: Feedback,
    chance_NA: Doubles,
    expected_NA: Doubles | None = None,
    threshold: float | None = None,
) -> Evidence:
    """Weights and expectations of each decision; DataError for chances that are none."""
    rows_N = np.arange(len(feedback.action_N))
    if chance_NA.shape[0] != len(rows_N) or feedback.action_N.max() >= chance_NA.shape[1]:
        raise DataError(
            f"The policy's chances are {chance_NA.shape[0]:,} × {chance_NA.shape[1]:,}; the log "
            f"has {len(rows_N):,} decisions and actions up to {feedback.action_N.max()}."
        )
    if (chance_NA < 0).any() or not np.allclose(chance_NA.sum(axis=1), 1.0, atol=1e-6):
        raise DataError("A policy's chances must be at least 0 and add up to 1 in each decision.")
    weight_N = chance_NA[rows_N, feedback.action_N] / feedback.propensity_N
    logged_N = policy_N = np.zeros(len(rows_N))
    if expected_NA is not None:
        logged_N = expected_NA[rows_N, feedback.action_N]
        policy_N = (chance_NA * expected_NA).sum(axis=1)
    found = Evidence(weight_N, feedback.reward_N, logged_N, policy_N, math.inf)
    return found._replace(threshold=best_threshold(found) if threshold is None else threshold)


def effective_size(weight_N: Doubles) -> float:
    """Decisions of the policy itself that the weighted ones are worth (Kish)."""
    squared = float((weight_N**2).sum())
    return float(weight_N.sum()) ** 2 / squared if squared > 0 else 0.0


def best_threshold(found: Evidence, most: int = 20) -> float:
    """The weight to switch at: least variance plus squared bias, the bias by its upper bound.

    The bound is the largest reward seen times the chance that falls to the model alone.
    """
    reach = float(np.abs(found.reward_N).max())
    costs = []
    for threshold in np.unique(np.quantile(found.weight_N, np.linspace(0.5, 1.0, most))):
        terms = _switch(found._replace(threshold=float(threshold)))
        above_N = np.where(found.weight_N > threshold, found.weight_N, 0.0)
        variance = float(terms.plain_N.var()) / len(above_N)
        costs.append((variance + (reach * float(above_N.mean())) ** 2, float(threshold)))
    return min(costs)[1]


def _bootstrapped(terms: Terms, precision: Precision) -> tuple[float, float]:
    """Percentile interval over draws of decisions, or of groups of them."""
    plain_N, over_N, under_N = terms
    size_N = np.ones_like(plain_N)
    if precision.group_N is not None:
        _, code_N = np.unique(precision.group_N, return_inverse=True)
        parts = (plain_N, over_N, under_N, size_N)
        plain_N, over_N, under_N, size_N = (
            np.bincount(code_N, weights=part_N).astype(np.float64) for part_N in parts
        )
    units = len(plain_N)
    rng = np.random.default_rng(precision.seed)
    value_D = np.full(precision.draws, np.nan)
    for draw in range(precision.draws):
        times_N = np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64)
        if (total := times_N @ under_N) > 0:
            value_D[draw] = times_N @ plain_N / (times_N @ size_N) + times_N @ over_N / total
    known_D = value_D[np.isfinite(value_D)]
    if not len(known_D):
        return math.nan, math.nan
    ends = np.quantile(known_D, [(1 - precision.level) / 2, (1 + precision.level) / 2])
    return float(ends[0]), float(ends[1])


def _bernstein(terms: Terms, precision: Precision) -> tuple[float, float]:
    """Maurer and Pontil's interval: right for any number of decisions within the span."""
    assert precision.span is not None
    plain_N = terms.plain_N
    if np.ptp(plain_N) > precision.span:
        raise DataError(
            f"Contributions range over {np.ptp(plain_N):g}, more than the span {precision.span:g}."
        )
    miss, units = math.log(4 / (1 - precision.level)), len(plain_N)
    margin = math.sqrt(2 * float(plain_N.var(ddof=1)) * miss / units)
    margin += 7 * precision.span * miss / (3 * (units - 1))
    return terms.value() - margin, terms.value() + margin


def _notes(feedback: Feedback, chance_NA: Doubles, weight_N: Doubles) -> tuple[str, ...]:
    """Why the log may not tell of this policy."""
    notes, units = [], len(weight_N)
    if (effective := effective_size(weight_N)) < FEW:
        notes.append(
            f"{units:,} decisions are worth {effective:.0f} of this policy's own: too few."
        )
    total = float(weight_N.sum())
    if total > 0 and (part := float(weight_N.max()) / total) > HEAVY:
        notes.append(f"One decision has {part:.0%} of all weight.")
    logged_A = np.bincount(feedback.action_N, minlength=chance_NA.shape[1]) > 0
    if (unseen := float(chance_NA[:, ~logged_A].sum()) / units) > UNSEEN:
        notes.append(f"{unseen:.1%} of what this policy does was never logged.")
    error = float(weight_N.std()) / math.sqrt(units)
    if abs(weight_N.mean() - 1) > max(SURE * error, 1e-6):
        notes.append(
            f"Weights have the mean {weight_N.mean():.3f}, not 1: the propensities aren't those of "
            "the policy that ran, or it could never do what this one does."
        )
    return tuple(notes)
