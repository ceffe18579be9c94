"""What a ranker of baskets reads of a customer and an item, from what was known at a moment.

The customer's own habits (`repeat`), what others do with the item, what sold lately at the
customer's moment, the item's topic, and what near customers buy (`neighbours`).
Shapes: B users asked, A baskets, I items, T topics, H habits, E baskets' items, N candidates,
F signals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.neighbours import BLOCK, FittedUserNeighbours, UserNeighbours
from penchant.recommend.repeat import Baskets, Habits, habits_of, rank_within

RANKED_BY = "faded_16"  # the column by which habits become candidates
LATELY = (7, 14, 28, 56)  # days before a customer's moment, in which an item sold
USUAL_AGAIN, USUAL_GAP, USUAL_WEIGHT = 0.25, 15.0, 0.1  # of items that nobody bought yet
LEAN = 2.0  # customers at the usual, added to each item's
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
            np.searchsorted(self.time_A - self.time_A[0], end_N, side="right")
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
        return Signals(
            self.user_N[kept_N],
            self.item_N[kept_N],
            self.habit_N[kept_N],
            self.value_NF[kept_N],
            self.names_F,
        )


def signals_of(
    baskets: Baskets, habits: Habits, facts: Facts, repeats: int, explored: int
) -> Signals:
    """Choose candidates of both sorts for each user, and gather what is known of them."""
    items = baskets.past.shape[1]
    kept_H = np.flatnonzero(rank_within(habits.user_H, habits.columns[RANKED_BY]) < repeats)
    near_BU = facts.crowd.near(baskets)
    user_H, item_H = habits.user_H[kept_H], habits.item_H[kept_H]
    near_H, new_N, new_item_N, new_near_N = _near(
        near_BU, habits, facts, (user_H, item_H), explored
    )
    user_N, item_N = np.append(user_H, new_N), np.append(item_H, new_item_N)
    order_N = np.argsort(user_N.astype(np.int64) * items + item_N, kind="stable")
    user_N, item_N = user_N[order_N], item_N[order_N]
    habit_N = np.append(kept_H, np.full(len(new_N), -1))[order_N]
    columns = {
        name: np.where(habit_N >= 0, column[habit_N], np.nan) if len(column) else np.nan * user_N
        for name, column in habits.columns.items()
    }
    columns["near"] = np.append(near_H, new_near_N)[order_N]
    columns |= {name: column[user_N] for name, column in _user_columns(baskets, habits).items()}
    columns |= _item_columns(facts, baskets, user_N, item_N)
    columns["due_by_item"] = columns["baskets_since"] / columns["gap_of_item"]
    columns |= _topic_columns(baskets, facts, user_N, item_N)
    own_N = np.nan_to_num(columns[RANKED_BY] * baskets.count_U[user_N])
    columns["share_of_topic"] = own_N / (columns["topic_faded"] + 0.05)
    value_NF = np.stack([column.astype(np.float32) for column in columns.values()], axis=1)
    return Signals(user_N, item_N, habit_N, value_NF, tuple(columns))


def _near(
    near_BU: csr_array,
    habits: Habits,
    facts: Facts,
    habit_HH: tuple[Codes, Codes],
    explored: int,
) -> tuple[Floats, Codes, Codes, Floats]:
    """What near customers buy: of the habits asked for, and the best that is new to each user."""
    user_H, item_H = habit_HH
    popular_I = POPULAR * facts.bought_I / max(float(facts.bought_I.sum()), 1.0)
    near_H = np.zeros(len(user_H), dtype=np.float32)
    own_BI = habits.matrix("times")
    explored = min(explored, len(popular_I))
    user, item, near = [], [], []
    for at in range(0, near_BU.shape[0], BLOCK):
        near_BI = (near_BU[at : at + BLOCK] @ facts.crowd.share_UI).toarray().astype(np.float32)
        here = slice(*np.searchsorted(user_H, (at, at + len(near_BI))))
        near_H[here] = near_BI[user_H[here] - at, item_H[here]]
        choice_BI = near_BI + popular_I
        choice_BI[own_BI[at : at + BLOCK].nonzero()] = 0
        best = np.argpartition(-choice_BI, explored - 1, axis=1)[:, :explored]
        row, column = np.nonzero(np.take_along_axis(choice_BI, best, axis=1) > 0)
        user.append(row + at)
        item.append(best[row, column])
        near.append(near_BI[row, item[-1]])
    user_N, item_N, near_N = (np.concatenate(parts) for parts in (user, item, near))
    return near_H, user_N.astype(np.int32), item_N.astype(np.int32), near_N


def _user_columns(baskets: Baskets, habits: Habits) -> dict[str, Floats]:
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
        "size_latest": np.bincount(
            baskets.user_A[latest], baskets.size_A[latest], minlength=users
        ),
        "small": small_U / count_U,
        "distinct": distinct_U,
        "repeated": 1 - distinct_U / np.maximum(bought_U, 1),
    }


def _item_columns(
    facts: Facts, baskets: Baskets, user_N: Codes, item_N: Codes
) -> dict[str, Floats]:
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


def _topic_columns(
    baskets: Baskets, facts: Facts, user_N: Codes, item_N: Codes
) -> dict[str, Floats]:
    """How much, and how lately, a user bought of the item's topic; unknown without one."""
    topics = int(facts.topic_I.max(initial=0)) + 1
    users = len(baskets.now_U)
    cell_E = baskets.user_E.astype(np.int64) * topics + facts.topic_I[baskets.item_E]
    back_E = baskets.back_A[baskets.basket_E]
    cell_N = user_N.astype(np.int64) * topics + facts.topic_I[item_N]
    last = np.full(users * topics, NEVER, dtype=np.int32)
    np.minimum.at(last, cell_E, back_E)
    fade_E = 0.5 ** (back_E / 16)
    all_T = np.bincount(facts.topic_I, facts.bought_I, minlength=topics)
    columns = {
        "topic_times": np.bincount(cell_E, minlength=users * topics)[cell_N].astype(np.float32),
        "topic_faded": np.bincount(cell_E, fade_E, minlength=users * topics)[cell_N],
        "topic_baskets_since": last[cell_N].astype(np.float32),
        "item_of_topic": facts.bought_I[item_N] / np.maximum(all_T[facts.topic_I[item_N]], 1),
    }
    none_N = facts.topic_I[item_N] == 0
    return {name: np.where(none_N, np.nan, column) for name, column in columns.items()}
