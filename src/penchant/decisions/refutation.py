"""Whether a difference between treated and untreated customers may be called uplift.

Five checks, each of which can refuse. *Overlap*: customers of either arm like those of the other.
*Balance*: by lot, the arms are alike before; a model that tells who was treated by what was known
before says that it wasn't by lot. *Placebo outcome*: the effect on the window before the campaign,
where there can be none, estimated like the one in it. *Placebo treatment*: the effect of a
treatment dealt anew among the same customers. *Random cause*: the effect with a random feature
added. Passing them doesn't prove an effect that wasn't dealt by lot, it only fails to refute it.
Sources: Sharma and Kiciman, DoWhy, 2020; Austin, Balance Diagnostics, 2009; Lopez-Paz and Oquab,
Revisiting Classifier Two-Sample Tests, 2017.
Shapes: N customers, F features.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from penchant.decisions.uplift import Nuisance, Trial, Uplift, common
from penchant.interest.counts import Doubles, Flags
from penchant.interest.interest import Floats

COMMON = (0.05, 0.95)  # propensities between which customers have a counterpart
LEAST_COMMON = 0.9  # of the customers, between them
ALIKE = 0.1  # deviations by which means may differ where nothing was dealt by lot
DOUBT = 0.001  # chance below which arms by lot would differ as they do; looked at often, so strict
PLACEBO_DOUBT = 0.05  # chance below which a placebo would come out as it did without a cause
STEADY = 1.0  # errors of the estimate, by which a random cause may move it
PLACEBOS = 3  # treatments dealt anew
FAR = 3.0  # errors from 0, at which a treatment that nobody had would have an effect


@dataclass(frozen=True)
class Check:
    """One check: what was found, and whether the difference passed it."""

    name: str
    ok: bool
    value: float
    said: str  # what was found, as a sentence


@dataclass(frozen=True)
class Verdict:
    """What all checks say. `effect` may be called uplift only where `ok`."""

    ok: bool
    dealt: bool  # the arms can't be told apart, as if by lot
    effect: float  # mean difference, adjusted; per treated or untreated customer
    error: float
    before: float  # the same in the window before
    before_error: float
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """Why it isn't uplift; empty where it may be."""
        return " ".join(check.said for check in self.checks if not check.ok)


@dataclass(frozen=True)
class Before:
    """The window before: features known at its start, and what came of each customer in it."""

    feature_NF: Floats
    outcome_N: Doubles


def refute(
    trial: Trial,
    before: Before | None,
    recipe: Uplift | None = None,
) -> Verdict:
    """Check a trial. Without a window before, nothing that wasn't dealt by lot passes."""
    recipe = recipe or Uplift()
    known = recipe.expect(replace(trial, propensity_N=None))
    chance_N = known.propensity_N
    told = _told(trial.treated_N, chance_N)
    # Where arms can't be told apart, their share is the surest propensity.
    dealt = told.ok
    share_N = np.full(len(chance_N), trial.treated_N.mean())
    asked = replace(trial, propensity_N=share_N if dealt else None)
    if dealt:
        known = replace(known, propensity_N=common(share_N))
    effect, error = _average(asked, known)
    if before is None:
        past = Check("placebo outcome", dealt, float("nan"), _unknown(dealt))
        before_effect = before_error = float("nan")
    else:
        earlier = Trial(
            before.feature_NF, trial.treated_N, before.outcome_N, share_N if dealt else None
        )
        before_effect, before_error = _average(earlier, recipe.expect(earlier))
        past = _placebo(before_effect, before_error)
    checks = (
        told if dealt else _balance(trial, chance_N, told),
        _overlap(chance_N),
        past,
        _dealt_anew(asked, recipe),
        _random_cause(asked, effect, error, recipe),
    )
    ok = all(check.ok for check in checks)
    return Verdict(ok, dealt, effect, error, before_effect, before_error, checks)


def _average(trial: Trial, known: Nuisance) -> tuple[float, float]:
    """Doubly robust effect on all customers and its error."""
    pseudo_N = known.pseudo_N(trial)
    return float(pseudo_N.mean()), float(pseudo_N.std(ddof=1) / np.sqrt(len(pseudo_N)))


def _told(treated_N: Flags, chance_N: Doubles) -> Check:
    """Whether customers' past tells who was treated, by models that didn't see them."""
    arms = np.bincount(treated_N.astype(np.int64), minlength=2)
    area = float(roc_auc_score(treated_N, chance_N))
    error = np.sqrt((arms.sum() + 1) / (12 * arms[0] * arms[1]))  # of ranks dealt by chance
    chance = float(stats.norm.sf((area - 0.5) / error))
    ok = chance >= DOUBT
    said = f"What was known before tells who was treated {area:.0%} of the time"
    said += ", as it would by lot." if ok else ", where it would be 50% by lot: it was targeted."
    return Check("balance", ok, area, said)


def _balance(trial: Trial, chance_N: Doubles, told: Check) -> Check:
    """Whether weights by propensity make up for what wasn't dealt by lot."""
    weight_N = np.where(trial.treated_N, 1 / chance_N, 1 / (1 - chance_N))
    apart = 0.0
    for value_N in trial.feature_NF.T.astype(np.float64):
        known_N = np.isfinite(value_N)
        spread = value_N[known_N].std() if known_N.any() else 0.0
        arms = [known_N & (trial.treated_N == arm) for arm in (False, True)]
        if spread > 0 and all(arm_N.any() for arm_N in arms):
            means = [np.average(value_N[arm_N], weights=weight_N[arm_N]) for arm_N in arms]
            apart = max(apart, abs(float(means[1] - means[0])) / float(spread))
    ok = apart <= ALIKE
    even = "which weighting makes up for" if ok else "which weighting doesn't make up for"
    said = f"{told.said} Arms stay {apart:.2f} deviations apart at most, {even}."
    return Check("balance", ok, apart, said)


def _overlap(chance_N: Doubles) -> Check:
    common = float(np.mean((chance_N > COMMON[0]) & (chance_N < COMMON[1])))
    ok = common >= LEAST_COMMON
    said = f"{common:.0%} of the customers have a counterpart in the other arm."
    return Check("overlap", ok, common, said)


def _placebo(effect: float, error: float) -> Check:
    chance = float(2 * stats.norm.sf(abs(effect) / error)) if error > 0 else 1.0
    ok = chance >= PLACEBO_DOUBT
    shown = (
        f"In the window before the campaign the arms differ by {effect:+,.2f} ± {1.96 * error:,.2f}"
    )
    said = f"{shown}, as if by chance." if ok else f"{shown}, though nothing had been sent yet."
    return Check("placebo outcome", ok, effect, said)


def _unknown(dealt: bool) -> str:
    if dealt:
        return (
            "Nothing is known of the window before the campaign; the arms are alike all the same."
        )
    return "Nothing is known of the window before the campaign, so the arms may have differed then."


def _dealt_anew(trial: Trial, recipe: Uplift) -> Check:
    """The mean effect of treatments that nobody had."""
    rng, found = np.random.default_rng(recipe.seed), []
    share_N = np.full(len(trial.outcome_N), trial.treated_N.mean())
    for _ in range(PLACEBOS):
        anew = replace(trial, treated_N=rng.permutation(trial.treated_N), propensity_N=share_N)
        found.append(_average(anew, recipe.expect(anew)))
    value = float(np.mean([effect for effect, _ in found]))
    error = float(np.sqrt(np.mean([error**2 for _, error in found]) / PLACEBOS))
    ok = abs(value) <= FAR * error
    said = f"Treatments dealt anew have an effect of {value:+,.2f} ± {1.96 * error:,.2f}."
    return Check("placebo treatment", ok, value, said)


def _random_cause(trial: Trial, effect: float, error: float, recipe: Uplift) -> Check:
    noise_N = np.random.default_rng(recipe.seed).normal(size=len(trial.outcome_N))
    feature_NF = np.column_stack([trial.feature_NF, noise_N.astype(np.float32)])
    other = replace(trial, feature_NF=feature_NF)
    found, _ = _average(other, recipe.expect(other))
    moved = abs(found - effect) / error if error > 0 else 0.0
    said = f"A random feature moves the effect by {moved:.2f} of its error."
    return Check("random cause", moved <= STEADY, moved, said)
