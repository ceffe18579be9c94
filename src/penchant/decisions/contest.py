"""A contest of policies: learned on some users of a log, judged on the others, before any is used.

* `even`: every option as likely as any other.
* `best_option`: the one option that earned most.
* `greedy`: the option of the highest reward by a linear model of the customer's context.
* `softmax`: a network's scores, learned to earn most (`decisions.policy`'s `dr`); needs torch.

A policy wins only where its gain over the policy that logged is surely above 0 on users that it
never saw, in an interval that holds for all contestants together, and nothing speaks against the
estimate. What showing does to later decisions, no such estimate sees.
Shapes: N logged decisions, U users, A options, F features of a context.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.decisions.offpolicy import Codes, Estimate, Feedback, Precision, evaluate
from penchant.decisions.policy import FittedPolicy, SoftmaxPolicy
from penchant.decisions.reward import ByOption, FittedByOption
from penchant.errors import DataError, RecipeError
from penchant.interest.counts import Doubles, Flags

POLICY_SCHEMA = pa.schema(
    [
        pa.field(c.POLICY, pa.string(), nullable=False),
        *(
            pa.field(name, pa.float64())
            for name in (c.REWARD, c.LOW, c.HIGH, c.GAIN, c.GAIN_LOW, c.GAIN_HIGH)
        ),
        pa.field("decisions", pa.float64(), nullable=False),  # of its own, that the log is worth
        pa.field(c.CHOSEN, pa.bool_(), nullable=False),
        pa.field("notes", pa.list_(pa.string()), nullable=False),
    ]
)
CHOICE_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.OPTION, pa.string(), nullable=False),
        pa.field(c.PROPENSITY, pa.float64(), nullable=False),
        pa.field(c.EXPECTED, pa.float64(), nullable=False),
    ]
)
LEAST = 100  # showings of an option, to be chosen
LEVEL = 0.95  # of the interval of all gains together
ESTIMATOR = "sndr"


class Chooser(Protocol):
    """A policy: chances of options, given what is known of customers."""

    def chances(self, context_NF: Doubles) -> Doubles:
        """The chance of each option, `NA`."""
        ...


@dataclass(frozen=True)
class Verdict:
    """How a policy did on users that it didn't learn from."""

    name: str
    reward: Estimate  # of a decision
    gain: Estimate  # over the policy that logged

    @property
    def sure(self) -> bool:
        """Whether it surely earns more than the policy that logged."""
        return self.gain.low > 0 and not self.gain.notes


@dataclass(frozen=True)
class _Steady:
    chance_A: Doubles

    def chances(self, context_NF: Doubles) -> Doubles:
        return np.tile(self.chance_A, (len(context_NF), 1))


@dataclass(frozen=True)
class _Greedy:
    rewards: FittedByOption
    known_A: Flags

    def chances(self, context_NF: Doubles) -> Doubles:
        worth_NA = np.where(self.known_A, self.rewards.of(context_NF), -np.inf)
        return np.eye(len(self.known_A))[worth_NA.argmax(axis=1)]


@dataclass(frozen=True)
class _Softmax:
    policy: FittedPolicy
    known_A: Flags

    def chances(self, context_NF: Doubles) -> Doubles:
        chance_NA = self.policy.chances(_options(context_NF, len(self.known_A))) * self.known_A
        return chance_NA / np.maximum(chance_NA.sum(axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Lesson:
    """What a policy learns from."""

    feedback: Feedback
    context_NF: Doubles
    known_A: Flags  # options shown often enough to be chosen
    rewards: FittedByOption

    @classmethod
    def of(cls, feedback: Feedback, context_NF: Doubles, options: int) -> "Lesson":
        """Count options and model their rewards; DataError where fewer than two are known."""
        known_A = np.bincount(feedback.action_N, minlength=options) >= LEAST
        if known_A.sum() < 2:
            raise DataError(
                f"A policy chooses among options shown at least {LEAST} times to those it learns "
                f"from, half of the users; found {int(known_A.sum())} of {options}. Log more."
            )
        rewards = ByOption().fit(feedback, context_NF, options)
        return cls(feedback, context_NF, known_A, rewards)


def _even(lesson: Lesson) -> Chooser:
    return _Steady(lesson.known_A / lesson.known_A.sum())


def _best_option(lesson: Lesson) -> Chooser:
    """By what each option earned, weighted as if it had been shown to everyone."""
    log, options = lesson.feedback, len(lesson.known_A)
    weight_A = np.bincount(log.action_N, 1 / log.propensity_N, options)
    earned_A = np.bincount(log.action_N, log.reward_N / log.propensity_N, options)
    mean_A = np.where(lesson.known_A, earned_A / np.maximum(weight_A, 1e-12), -np.inf)
    return _Steady(np.eye(options)[mean_A.argmax()])


def _greedy(lesson: Lesson) -> Chooser:
    return _Greedy(lesson.rewards, lesson.known_A)


def _softmax(lesson: Lesson) -> Chooser:
    option_NAF = _options(lesson.context_NF, len(lesson.known_A)).astype(np.float32)
    recipe = SoftmaxPolicy(objective="dr")
    expected_NA = lesson.rewards.of(lesson.context_NF)
    return _Softmax(recipe.fit(lesson.feedback, option_NAF, expected_NA), lesson.known_A)


CONTESTANTS: dict[str, Callable[[Lesson], Chooser]] = {
    "even": _even,
    "best_option": _best_option,
    "greedy": _greedy,
    "softmax": _softmax,
}


@dataclass(frozen=True)
class Judged:
    """Verdicts on all contestants, and notes on those that couldn't take part."""

    verdicts: tuple[Verdict, ...]
    logged: float  # mean reward of the decisions that they are judged on
    known_A: Flags  # options that they could choose
    notes: tuple[str, ...]

    @property
    def winner(self) -> Verdict | None:
        """Whose gain is surely above 0, and at least the most; none where nobody's is."""
        sure = [verdict for verdict in self.verdicts if verdict.sure]
        return max(sure, key=lambda verdict: verdict.gain.low, default=None)


def contest(
    feedback: Feedback, context_NF: Doubles, user_N: Codes, options: int, seed: int = 0
) -> Judged:
    """Let policies learn from some users and judge them on the others.

    Half of the users, by lot, are learned from. Raises DataError for a log that is too small.
    """
    lot_U = np.random.default_rng(seed).random(int(user_N.max()) + 1) < 0.5
    learn_N = lot_U[user_N]
    if learn_N.all() or not learn_N.any():
        raise DataError(
            f"A log of {len(lot_U):,} users is too small to learn from one half of them and judge "
            "on the other. Log more."
        )
    lesson = Lesson.of(_part(feedback, learn_N), context_NF[learn_N], options)
    judged, told_NF = _part(feedback, ~learn_N), context_NF[~learn_N]
    expected_NA = lesson.rewards.of(told_NF)
    level = 1 - (1 - LEVEL) / len(CONTESTANTS)
    precision = Precision(level=level, group_N=user_N[~learn_N], seed=seed)
    verdicts, notes = [], []
    for name, make in CONTESTANTS.items():
        try:
            chance_NA = make(lesson).chances(told_NF)
        except RecipeError as error:  # torch isn't there
            notes.append(f"{name} took no part: {error}")
            continue
        reward, gain = (
            evaluate(
                judged,
                chance_NA,
                ESTIMATOR,
                expected_NA=expected_NA,
                precision=precision,
                above_log=above,
            )
            for above in (False, True)
        )
        verdicts.append(Verdict(name, reward, gain))
    return Judged(tuple(verdicts), float(judged.reward_N.mean()), lesson.known_A, tuple(notes))


def verdict_table(verdicts: tuple[Verdict, ...], chosen: Verdict | None) -> pa.Table:
    """A row of `POLICY_SCHEMA` for each policy; an end that can't be told is null."""
    rows = [
        {
            c.POLICY: verdict.name,
            c.REWARD: _known(verdict.reward.value),
            c.LOW: _known(verdict.reward.low),
            c.HIGH: _known(verdict.reward.high),
            c.GAIN: _known(verdict.gain.value),
            c.GAIN_LOW: _known(verdict.gain.low),
            c.GAIN_HIGH: _known(verdict.gain.high),
            "decisions": verdict.gain.effective,
            c.CHOSEN: verdict is chosen,
            "notes": list(verdict.gain.notes),
        }
        for verdict in verdicts
    ]
    return pa.Table.from_pylist(rows, schema=POLICY_SCHEMA)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _part(feedback: Feedback, of_N: Flags) -> Feedback:
    return Feedback(feedback.action_N[of_N], feedback.reward_N[of_N], feedback.propensity_N[of_N])


def _options(context_NF: Doubles, options: int) -> Doubles:
    """Features of options: which one it is, and what is known of the customer."""
    which_NAA = np.broadcast_to(np.eye(options), (len(context_NF), options, options))
    known_NAF = np.repeat(context_NF[:, None, :], options, axis=1)
    return np.concatenate([which_NAA, known_NAF], axis=2)
