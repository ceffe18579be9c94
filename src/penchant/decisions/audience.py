"""An audience to try policies on: users of a planted world whose interest answers to what is shown.

A topic that was shown lately bores, and what bores drives users away; a topic that was engaged in
grows dear. So what pays now and what pays in the long run differ, which no log can show before it
is tried. A policy sees what a shop would: the forecast, what was shown, and what came of it.
Real users are moved by more than this; who fails here fails there, not the other way round.
Shapes: U users, T topics, F features, N logged decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from penchant.decisions.offpolicy import Codes, Feedback
from penchant.interest.counts import Doubles
from penchant.interest.interest import Floats

FEATURES = ("forecast", "rank", "shown", "shown long", "engaged", "last", "all engaged")
SHORT, LONG = 0.6, 0.9  # what of a showing is remembered a step later, in features
Policy = Callable[[Floats, np.random.Generator], tuple[Codes, Doubles]]  # topic, its propensity


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How users answer to what is shown."""

    appeal: float = 0.5  # chance of engagement in the topic that suits best, unless it bores
    boredom: float = 0.5  # a recent showing takes 1 - exp(-boredom) of the chance
    recovery: float = 0.8  # of boredom that is left a step later
    growth: float = 0.1  # of the way to full interest, for each engagement
    leaving: float = 0.08  # chance to leave for good for each recent showing of what is shown


class Mood(NamedTuple):
    """Users at a step: the hidden half, then what is remembered of showings and engagements."""

    interest_UT: Doubles
    bored_UT: Doubles
    here_U: npt.NDArray[np.bool_]
    shown_UT: Doubles
    shown_long_UT: Doubles
    engaged_UT: Doubles
    last_U: Codes


@dataclass(frozen=True)
class Visits:
    """What was logged, in the order of steps; `next_N` is a user's next decision, -1 for none."""

    feedback: Feedback
    option_NTF: Floats
    next_N: Codes
    user_N: Codes
    users: int

    def engagements(self) -> Doubles:
        """All engagements of each user."""
        total_U: Doubles = np.bincount(
            self.user_N, weights=self.feedback.reward_N, minlength=self.users
        ).astype(np.float64)
        return total_U


@dataclass(frozen=True)
class Audience:
    """Users by what interests them at first, `interest_UT` in [0, 1], and a forecast of it."""

    interest_UT: Doubles
    forecast_UT: Doubles  # share of each topic
    habits: Habits

    def some(self, row_U: Codes) -> "Audience":
        """A part of the users."""
        return replace(
            self, interest_UT=self.interest_UT[row_U], forecast_UT=self.forecast_UT[row_U]
        )

    def start(self) -> Mood:
        """Nobody was shown anything yet."""
        nothing_UT, users = np.zeros_like(self.interest_UT), len(self.interest_UT)
        return Mood(
            self.interest_UT,
            nothing_UT,
            np.ones(users, dtype=bool),
            nothing_UT,
            nothing_UT,
            nothing_UT,
            np.full(users, -1),
        )

    def options(self, mood: Mood) -> Floats:
        """Features of every topic for every user, `UTF`, in the order of `FEATURES`."""
        users, topics = self.forecast_UT.shape
        rank_UT = self.forecast_UT.argsort(axis=1).argsort(axis=1) / max(topics - 1, 1)
        total_UT = np.broadcast_to(mood.engaged_UT.sum(axis=1)[:, None], (users, topics))
        last_UT = mood.last_U[:, None] == np.arange(topics)
        parts = (np.log(self.forecast_UT + 1e-3), rank_UT, mood.shown_UT, mood.shown_long_UT)
        return np.stack([*parts, mood.engaged_UT, last_UT, total_UT], axis=2).astype(np.float32)

    def react(self, mood: Mood, topic_U: Codes, rng: np.random.Generator) -> tuple[Mood, Doubles]:
        """Show everyone who is here a topic: the mood after, and who engaged."""
        habits, rows_U = self.habits, np.arange(len(topic_U))
        shown_UT = np.zeros_like(mood.interest_UT)
        shown_UT[rows_U, topic_U] = mood.here_U
        bored_U = mood.bored_UT[rows_U, topic_U]
        chance_U = habits.appeal * mood.interest_UT[rows_U, topic_U]
        chance_U = chance_U * np.exp(-habits.boredom * bored_U)
        came_U = mood.here_U & (rng.random(len(topic_U)) < chance_U)
        leaves_U = rng.random(len(topic_U)) < 1 - np.exp(-habits.leaving * bored_U)
        came_UT = shown_UT * came_U[:, None]
        grown_UT = mood.interest_UT + habits.growth * came_UT * (1 - mood.interest_UT)
        after = Mood(
            grown_UT,
            habits.recovery * mood.bored_UT + shown_UT,
            mood.here_U & ~leaves_U,
            SHORT * mood.shown_UT + shown_UT,
            LONG * mood.shown_long_UT + shown_UT,
            LONG * mood.engaged_UT + came_UT,
            topic_U,
        )
        return after, came_U.astype(np.float64)

    def visit(self, policy: Policy, steps: int, seed: int) -> Visits:
        """Let a policy choose a topic for each user at each step, until they leave."""
        rng, mood, users = np.random.default_rng(seed), self.start(), len(self.interest_UT)
        row_U, rows, next_N = np.full(users, -1), 0, np.full(steps * users, -1)
        parts: list[tuple[npt.NDArray[np.generic], ...]] = []
        for _ in range(steps):
            here_U = np.flatnonzero(mood.here_U)
            option_UTF = self.options(mood)
            topic_U = np.zeros(users, dtype=np.int64)
            topic_U[here_U], propensity_N = policy(option_UTF[here_U], rng)
            mood, came_U = self.react(mood, topic_U, rng)
            number_N = rows + np.arange(len(here_U))
            before_N = row_U[here_U]
            next_N[before_N[before_N >= 0]] = number_N[before_N >= 0]
            row_U[here_U], rows = number_N, rows + len(here_U)
            shown = (topic_U[here_U], came_U[here_U], propensity_N)
            parts.append((*shown, option_UTF[here_U], here_U))
        action_N, reward_N, propensity_N, option_NTF, user_N = map(
            np.concatenate, zip(*parts, strict=True)
        )
        feedback = Feedback(action_N, reward_N, propensity_N)
        return Visits(feedback, option_NTF, next_N[:rows], user_N, users)
