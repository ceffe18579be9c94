"""A block of users laid out for every topic, with the sums that every feature starts from.

Shapes: U users, T topics, S steps, H half-lives (the last one is all of history), N entries in the
order of users, topics and steps, C cells with a past in the same order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Flags
from penchant.interest.history import History
from penchant.interest.interest import Floats

HALF_LIVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, np.inf)  # steps
NAMES_H = ("1", "2", "4", "8", "16", "32", "all")
MONEY_HALF_LIFE = 16.0  # steps
CELLS_A_BLOCK = 60_000  # about 200 MB with features

TILE = 16  # rows that a matrix product treats alike


@dataclass(frozen=True)
class Dense:
    """Engagements of a block of users, and the whole shop's counts beside them."""

    cell_N: npt.NDArray[np.int64]  # user · T + topic
    step_N: npt.NDArray[np.int32]
    count_N: Floats  # above 0
    shop_TS: Floats
    shop_users: int
    money_UT: Floats  # decayed

    @property
    def shape(self) -> tuple[int, int, int]:
        """Users, topics, steps."""
        return len(self.money_UT), *self.shop_TS.shape

    @cached_property
    def weight_SH(self) -> Floats:
        """Weight of each step under each half-life; the last step weighs 1."""
        age_S = np.arange(self.shape[2] - 1, -1, -1)
        return (0.5 ** (age_S[:, None] / np.array(HALF_LIVES))).astype(np.float32)

    @cached_property
    def start_C(self) -> npt.NDArray[np.int64]:
        """First entry of each cell with a past."""
        return np.flatnonzero(np.diff(self.cell_N, prepend=-1))

    @cached_property
    def cell_C(self) -> npt.NDArray[np.int64]:
        """The cells with a past."""
        return self.cell_N[self.start_C]

    @cached_property
    def count_CS(self) -> Floats:
        """Engagements of each cell with a past, step by step, and idle cells up to a whole tile.

        Sums of the last few rows round otherwise, and so would hang on a cell's place in the block.
        """
        size_C = np.diff(self.start_C, append=len(self.cell_N))
        rows = len(size_C) + -len(size_C) % TILE
        count_CS = np.zeros((rows, self.shape[2]), dtype=np.float32)
        count_CS[np.repeat(np.arange(len(size_C)), size_C), self.step_N] = self.count_N
        return count_CS

    @cached_property
    def decayed_HUT(self) -> Floats:
        """Decayed engagements."""
        return self._spread_HUT(self.count_CS @ self.weight_SH)

    @cached_property
    def steps_HUT(self) -> Floats:
        """Decayed steps with an engagement."""
        return self._spread_HUT((self.count_CS > 0).astype(np.float32) @ self.weight_SH)

    @cached_property
    def shop_TH(self) -> Floats:
        """Decayed engagements of the whole shop."""
        return self.shop_TS @ self.weight_SH

    @cached_property
    def ever_UT(self) -> Flags:
        """Whether a user ever engaged in a topic."""
        return self.active_UT(0, self.shape[2])

    @cached_property
    def visited_US(self) -> Flags:
        """Whether a user engaged in anything in a step."""
        users, topics, steps = self.shape
        visited_US = np.zeros((users, steps), dtype=np.bool_)
        visited_US[self.cell_N // topics, self.step_N] = True
        return visited_US

    def sum_UT(self, weight_N: Floats | Flags) -> Floats:
        """Sum of the weights of entries."""
        users, topics, _ = self.shape
        flat = np.bincount(self.cell_N, weight_N, minlength=users * topics)
        return flat.astype(np.float32).reshape(users, topics)

    def spread_UT(self, value_C: npt.NDArray[Any], missing: float = 0.0) -> Floats:
        """Values of the cells with a past, and `missing` in the others."""
        value_UT = np.full(self.money_UT.shape, missing, dtype=np.float32)
        value_UT.ravel()[self.cell_C] = value_C
        return value_UT

    def _spread_HUT(self, value_CH: Floats) -> Floats:
        return np.stack([self.spread_UT(value_C) for value_C in value_CH[: len(self.cell_C)].T])

    def within_N(self, start: int, end: int) -> Flags:
        """Whether an entry lies in steps `[start, end)`."""
        return (self.step_N >= start) & (self.step_N < end)

    def active_UT(self, start: int, end: int) -> Flags:
        """Whether a user engaged in a topic in steps `[start, end)`."""
        active_UT = np.zeros(self.money_UT.shape, dtype=np.bool_)
        active_UT.ravel()[self.cell_N[self.within_N(start, end)]] = True
        return active_UT

    def until(self, steps: int) -> "Dense":
        """The first steps only; money, which can't be cut, is left out."""
        known_N = self.within_N(0, steps)
        return replace(
            self,
            cell_N=self.cell_N[known_N],
            step_N=self.step_N[known_N],
            count_N=self.count_N[known_N],
            shop_TS=self.shop_TS[:, :steps],
            money_UT=np.zeros_like(self.money_UT),
        )


def user_blocks(history: History) -> Iterator[History]:
    """Cut a history into blocks of users whose features fit in memory."""
    return history.blocks(max(1, CELLS_A_BLOCK // history.interest.shape[1]))


def dense_blocks(history: History, target: Sequence[str]) -> Iterator[Dense]:
    """Lay out a history block by block."""
    for block in user_blocks(history):
        yield dense(block, target)


def dense(history: History, target: Sequence[str]) -> Dense:
    """Lay out every user of a history."""
    interest = history.interest
    _, topics, steps = interest.shape
    age_N = (steps - 1 - interest.step_N).astype(np.float32)
    money_UT = interest.sum_UT(interest.money_N * 0.5 ** (age_N / np.float32(MONEY_HALF_LIFE)))
    count_N = interest.target_N(target)
    done_N = count_N > 0
    return Dense(
        (interest.user_N.astype(np.int64) * topics + interest.topic_N)[done_N],
        interest.step_N[done_N],
        count_N[done_N],
        history.topic_count_TS(target),
        history.population.users,
        money_UT,
    )
