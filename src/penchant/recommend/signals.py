"""What a ranker of baskets reads of a customer and an item, from what was known at a moment.

The customer's own habits (`repeat`), what others do with the item, what sold lately at the
customer's moment, the item's topic, and what near customers buy (`neighbours`).
Shapes: B users asked, U users, A baskets, I items, T topics, H habits, E baskets' items,
N candidates, F signals.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Flags
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.neighbours import BLOCK, FittedUserNeighbours, UserNeighbours
from penchant.recommend.repeat import Baskets, Habits, rank_within

Columns = dict[str, npt.NDArray[Any]]  # by name, of N
TOPIC_HALF = 16  # baskets, the half-life of a purchase in a topic
RANKED_BY = f"faded_{TOPIC_HALF}"  # the column by which habits become candidates
LATELY = (7, 14, 28, 56)  # days before a customer's moment, in which an item sold
USUAL_AGAIN, USUAL_GAP, USUAL_WEIGHT = 0.25, 15.0, 0.1  # of items that nobody bought yet
LEAN = 2.0  # customers at the usual, added to each item's
NONE = -1  # row of a habit that there is none of
NEVER = 1000  # baskets since a topic that was never bought
SMALL = 3  # items in a small basket
POPULAR = 0.3  # weight of popularity beside near customers, in choosing what is new


@dataclass(frozen=True)
class Facts:
    """What everyone's baskets say of each item."""

    topic_I: Codes  # 0: none
    buyers_I: Floats
    bought_I: Floats  # baskets
    again_I: Floats  # share of buyers who bought it again
    gap_I: Floats  # mean baskets from one purchase to the next
    weight_I: Floats  # its mean share of the baskets that hold it
    moment_E: npt.NDArray[np.int64]  # item and time of each sale in one number, sorted
    time_A: npt.NDArray[np.int64]  # of all baskets, sorted
    crowd: FittedUserNeighbours

    def lately(self, item_N: Codes, now_N: npt.NDArray[np.int64], days: int) -> Floats:
        """Share of the baskets of the last days before a moment that held the item."""
        if not len(self.time_A):
            return np.zeros(len(item_N), dtype=np.float32)
        last_N = np.clip(now_N, self.time_A[0], self.time_A[-1]) - self.time_A[0]
        first_N = np.maximum(last_N - days * DAY, -1)
        base_N = item_N * self._span
        sold_N, before_N = (
            np.searchsorted(self.moment_E, base_N + end_N, side="right")
            for end_N in (last_N, first_N)
        )
        all_N, all_before_N = (
            np.searchsorted(self.time_A, self.time_A[0] + end_N, side="right")
            for end_N in (last_N, first_N)
        )
        return ((sold_N - before_N) / (all_N - all_before_N + 1)).astype(np.float32)

    @property
    def _span(self) -> int:
        return int(self.time_A[-1] - self.time_A[0]) + 2


def facts_of(baskets: Baskets, habits: Habits, goods: Assortment, near: UserNeighbours) -> Facts:
    """Count what everyone's baskets say."""
    items = baskets.past.shape[1]
    times_H = habits.columns["times"]
    buyers_I = np.bincount(habits.item_H, minlength=items)
    bought_I = np.bincount(habits.item_H, times_H, minlength=items)
    again_I = np.bincount(habits.item_H, times_H > 1, minlength=items)
    apart_H = np.nan_to_num(habits.columns["gap"]) * (times_H - 1)
    apart_I = np.bincount(habits.item_H, apart_H, minlength=items)
    part_E = 1 / baskets.size_A[baskets.basket_E]
    part_I = np.bincount(baskets.item_E, part_E, minlength=items)
    time_A = np.sort(baskets.time_A)
    span = int(time_A[-1] - time_A[0]) + 2 if len(time_A) else 1
    since_E = baskets.time_A[baskets.basket_E] - time_A[:1]
    return Facts(
        topic_I=goods.topic_I + 1,
        buyers_I=buyers_I.astype(np.float32),
        bought_I=bought_I.astype(np.float32),
        again_I=((again_I + LEAN * USUAL_AGAIN) / (buyers_I + LEAN)).astype(np.float32),
        gap_I=((apart_I + LEAN * USUAL_GAP) / (bought_I - buyers_I + LEAN)).astype(np.float32),
        weight_I=((part_I + LEAN * USUAL_WEIGHT) / (bought_I + LEAN)).astype(np.float32),
        moment_E=np.sort(baskets.item_E * np.int64(span) + since_E),
        time_A=time_A,
        crowd=near.keep(baskets),
    )


@dataclass(frozen=True)
class Signals:
    """Candidates, sorted by user and item, and what is known of each."""

    shape: tuple[int, int]  # users and items
    user_N: Codes
    item_N: Codes
    habit_N: npt.NDArray[np.int64]  # row of the habit; -1: new to the user
    value_NF: Floats  # NaN where nothing is known
    names_F: tuple[str, ...]

    def column(self, name: str) -> Floats:
        """One signal."""
        return self.value_NF[:, self.names_F.index(name)]

    def where(self, kept_N: npt.NDArray[np.bool_]) -> "Signals":
        """Some of the candidates."""
        return replace(
            self,
            user_N=self.user_N[kept_N],
            item_N=self.item_N[kept_N],
            habit_N=self.habit_N[kept_N],
            value_NF=self.value_NF[kept_N],
        )

    @property
    def new_N(self) -> Flags:
        """Whether the item is new to the user."""
        return self.habit_N == NONE

    def beside(self, columns: Columns) -> "Signals":
        """The same candidates, and more of what is known of each."""
        value_NF = np.concatenate([self.value_NF, _matrix(columns)], axis=1)
        return replace(self, value_NF=value_NF, names_F=(*self.names_F, *columns))


Pairs = tuple[Codes, Codes]  # users and items of candidates, sorted


def chosen(baskets: Baskets, habits: Habits, facts: Facts, repeats: int, explored: int) -> Pairs:
    """Each user's strongest habits, and what near users buy that is new to them."""
    items = baskets.past.shape[1]
    kept_H = np.flatnonzero(rank_within(habits.user_H, habits.columns[RANKED_BY]) < repeats)
    popular_I = POPULAR * facts.bought_I / max(float(facts.bought_I.sum()), 1.0)
    own_BI = habits.matrix("times")
    most = min(explored, items)
    user, item = [habits.user_H[kept_H]], [habits.item_H[kept_H]]
    for at, near_BI in _near(baskets, facts):
        choice_BI = near_BI + popular_I
        choice_BI[own_BI[at : at + BLOCK].nonzero()] = 0
        best = np.argpartition(-choice_BI, most - 1, axis=1)[:, :most]
        row, column = np.nonzero(np.take_along_axis(choice_BI, best, axis=1) > 0)
        user.append((row + at).astype(np.int32))
        item.append(best[row, column].astype(np.int32))
    user_N, item_N = np.concatenate(user), np.concatenate(item)
    order_N = np.argsort(user_N.astype(np.int64) * items + item_N, kind="stable")
    return user_N[order_N], item_N[order_N]


def signals_of(baskets: Baskets, habits: Habits, facts: Facts, pairs: Pairs) -> Signals:
    """Gather what is known of candidates."""
    user_N, item_N = pairs
    items = baskets.past.shape[1]
    code_H = habits.user_H.astype(np.int64) * items + habits.item_H
    code_N = user_N.astype(np.int64) * items + item_N
    place_N = np.searchsorted(code_H, code_N).clip(max=max(0, len(code_H) - 1))
    own_N = code_H[place_N] == code_N if len(code_H) else np.zeros(len(code_N), dtype=np.bool_)
    habit_N = np.where(own_N, place_N, NONE)
    columns = {
        name: np.where(own_N, column[place_N], np.nan) if len(column) else np.nan * user_N
        for name, column in habits.columns.items()
    }
    columns["near"] = np.zeros(len(user_N), dtype=np.float32)
    for at, near_BI in _near(baskets, facts):
        here = slice(*np.searchsorted(user_N, (at, at + len(near_BI))))
        columns["near"][here] = near_BI[user_N[here] - at, item_N[here]]
    columns |= {name: column[user_N] for name, column in _user_columns(baskets, habits).items()}
    columns |= _item_columns(facts, baskets, user_N, item_N)
    columns["due_by_item"] = columns["baskets_since"] / columns["gap_of_item"]
    columns |= _topic_columns(baskets, facts, user_N, item_N)
    faded_N = np.nan_to_num(columns[RANKED_BY] * baskets.faded_U(TOPIC_HALF)[user_N])
    columns["share_of_topic"] = faded_N / (columns["topic_faded"] + 0.05)
    return Signals(baskets.past.shape, user_N, item_N, habit_N, _matrix(columns), tuple(columns))


def _matrix(columns: Columns) -> Floats:
    return np.stack([column.astype(np.float32) for column in columns.values()], axis=1)


def _near(baskets: Baskets, facts: Facts) -> Iterator[tuple[int, Floats]]:
    """What near users buy, in blocks of users, each with its first row."""
    near_BU = facts.crowd.near(baskets)
    for at in range(0, near_BU.shape[0], BLOCK):
        near_BI = (near_BU[at : at + BLOCK] @ facts.crowd.share_UI).toarray()
        yield at, near_BI.astype(np.float32, copy=False)


def _user_columns(baskets: Baskets, habits: Habits) -> Columns:
    users = len(baskets.now_U)
    count_U = np.maximum(baskets.count_U, 1)
    bought_U = np.bincount(baskets.user_A, baskets.size_A, minlength=users)
    distinct_U = np.bincount(habits.user_H, minlength=users)
    latest = baskets.back_A == 0
    time_U = np.zeros(users, dtype=np.int64)
    time_U[baskets.user_A[latest]] = baskets.time_A[latest]
    small_U = np.bincount(baskets.user_A, baskets.size_A <= SMALL, minlength=users)
    return {
        "baskets": baskets.count_U,
        "days_between": baskets.gap_U,
        "days_since_basket": (baskets.now_U - time_U) / DAY,
        "size": bought_U / count_U,
        "size_latest": np.bincount(baskets.user_A[latest], baskets.size_A[latest], minlength=users),
        "small": small_U / count_U,
        "distinct": distinct_U,
        "repeated": 1 - distinct_U / np.maximum(bought_U, 1),
    }


def _item_columns(facts: Facts, baskets: Baskets, user_N: Codes, item_N: Codes) -> Columns:
    columns = {
        "buyers": facts.buyers_I[item_N],
        "bought": facts.bought_I[item_N],
        "again": facts.again_I[item_N],
        "gap_of_item": facts.gap_I[item_N],
        "weight_of_item": facts.weight_I[item_N],
    }
    now_N = baskets.now_U[user_N]
    for days in LATELY:
        columns[f"sold_{days}"] = facts.lately(item_N, now_N, days)
    columns["trend"] = columns[f"sold_{LATELY[1]}"] / (columns[f"sold_{LATELY[3]}"] + 1e-4)
    return columns


def _topic_columns(baskets: Baskets, facts: Facts, user_N: Codes, item_N: Codes) -> Columns:
    """How much, and how lately, a user bought of the item's topic; unknown without one."""
    topics = int(facts.topic_I.max(initial=0)) + 1
    users = len(baskets.now_U)
    cell_E = baskets.user_E.astype(np.int64) * topics + facts.topic_I[baskets.item_E]
    back_E = baskets.back_A[baskets.basket_E]
    cell_N = user_N.astype(np.int64) * topics + facts.topic_I[item_N]
    last = np.full(users * topics, NEVER, dtype=np.int32)
    np.minimum.at(last, cell_E, back_E)
    fade_E = 0.5 ** (back_E / TOPIC_HALF)
    all_T = np.bincount(facts.topic_I, facts.bought_I, minlength=topics)
    columns = {
        "topic_times": np.bincount(cell_E, minlength=users * topics)[cell_N].astype(np.float32),
        "topic_faded": np.bincount(cell_E, fade_E, minlength=users * topics)[cell_N],
        "topic_baskets_since": last[cell_N].astype(np.float32),
        "item_of_topic": facts.bought_I[item_N] / np.maximum(all_T[facts.topic_I[item_N]], 1),
    }
    none_N = facts.topic_I[item_N] == 0
    return {name: np.where(none_N, np.nan, column) for name, column in columns.items()}
