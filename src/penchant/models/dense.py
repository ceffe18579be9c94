"""A block of users laid out densely, with the sums that every feature starts from.

Shapes: U users, T topics, S steps, H half-lives (the last column is all of history), N entries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from penchant.interest.history import History
from penchant.interest.interest import Floats

HALF_LIVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, np.inf)  # steps
NAMES_H = ("1", "2", "4", "8", "16", "32", "all")
MONEY_HALF_LIFE = 16.0  # steps
COUNTS_A_BLOCK = 40_000_000  # 160 MB of float32
CELLS_A_BLOCK = 300_000  # about 300 MB with features


@dataclass(frozen=True)
class Dense:
    """Counts of a block of users, and the whole shop's counts beside them."""

    count_UTS: Floats
    shop_TS: Floats
    shop_users: int
    money_UT: Floats  # decayed

    @property
    def shape(self) -> tuple[int, int, int]:
        """Users, topics, steps."""
        users, topics, steps = self.count_UTS.shape
        return users, topics, steps

    @cached_property
    def weight_SH(self) -> Floats:
        """Weight of each step under each half-life; the last step weighs 1."""
        age_S = np.arange(self.shape[2] - 1, -1, -1)
        return (0.5 ** (age_S[:, None] / np.array(HALF_LIVES))).astype(np.float32)

    @cached_property
    def active_UTS(self) -> npt.NDArray[np.bool_]:
        """Whether a user engaged in a topic in a step."""
        return np.greater(self.count_UTS, 0)

    @cached_property
    def decayed_UTH(self) -> Floats:
        """Decayed engagements."""
        return self.count_UTS @ self.weight_SH

    @cached_property
    def steps_UTH(self) -> Floats:
        """Decayed steps with an engagement."""
        return self.active_UTS.astype(np.float32) @ self.weight_SH

    @cached_property
    def shop_TH(self) -> Floats:
        """Decayed engagements of the whole shop."""
        return self.shop_TS @ self.weight_SH

    @cached_property
    def ever_UT(self) -> npt.NDArray[np.bool_]:
        """Whether a user ever engaged in a topic."""
        return np.greater(self.steps_UTH[:, :, -1], 0)

    def active_UT(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Whether a user engaged in a topic in steps `[start, end)`."""
        return np.greater(self.count_UTS[:, :, start:end].max(axis=2, initial=0), 0)

    def until(self, steps: int) -> "Dense":
        """The first steps only; money, which can't be cut, is left out."""
        return Dense(
            self.count_UTS[:, :, :steps],
            self.shop_TS[:, :steps],
            self.shop_users,
            np.zeros_like(self.money_UT),
        )


def user_blocks(history: History) -> Iterator[History]:
    """Cut a history into blocks of users whose dense features fit in memory."""
    _, topics, steps = history.interest.shape
    return history.blocks(max(1, min(CELLS_A_BLOCK // topics, COUNTS_A_BLOCK // (topics * steps))))


def dense_blocks(history: History, target: Sequence[str]) -> Iterator[Dense]:
    """Lay out a history block by block."""
    for block in user_blocks(history):
        yield dense(block, target)


def dense(history: History, target: Sequence[str]) -> Dense:
    """Lay out every user of a history."""
    interest = history.interest
    users, topics, steps = interest.shape
    count_UTS = np.zeros((users, topics, steps), dtype=np.float32)
    count_UTS[interest.user_N, interest.topic_N, interest.step_N] = interest.target_N(target)
    age_N = (steps - 1 - interest.step_N).astype(np.float32)
    money_UT = interest.sum_UT(interest.money_N * 0.5 ** (age_N / np.float32(MONEY_HALF_LIFE)))
    shop_TS = history.topic_count_TS(target)
    return Dense(count_UTS, shop_TS, history.population.users, money_UT)
