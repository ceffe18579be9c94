"""What a customer buys again: each past item by how often, how lately and how regularly.

A purchase fades with the baskets since. Cadence multiplies that: items due by their own mean gap
come more often than those bought just before, by factors that everyone's latest baskets teach.
It proposes nothing new.
Shapes: U users, N interactions, A baskets, I items, E baskets' items, H habits (one a user and past
item), R bands of how due a habit is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from penchant.interest.interactions import Interactions, Times
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked, nothing_own

HALF_BASKETS = (2, 6, 16, 50)  # half-lives of a purchase
HALF_DAYS = (10, 30, 90)
FADED = "faded_90_days"  # the column that cadence multiplies
DUE_BANDS = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0])  # baskets since, in mean gaps


@dataclass(frozen=True)
class Baskets:
    """Which distinct items each basket held, and how long ago that was."""

    past: Interactions
    now_U: Times  # seconds since 1970, from which on a user's next purchases are asked
    user_A: Codes
    back_A: Codes  # baskets of the user since: 0 is the latest
    time_A: Times
    size_A: Codes  # distinct items
    basket_E: Codes
    item_E: Codes  # sorted by user, item and time

    @property
    def user_E(self) -> Codes:
        """The user of each basket's item."""
        return self.user_A[self.basket_E]

    @cached_property
    def count_U(self) -> Floats:
        """Baskets of each user."""
        return np.bincount(self.user_A, minlength=len(self.now_U)).astype(np.float32)

    @cached_property
    def gap_U(self) -> Floats:
        """Mean days between baskets; 0 with one."""
        first_U = np.full(len(self.now_U), np.iinfo(np.int64).max)
        last_U = np.zeros(len(self.now_U), dtype=np.int64)
        np.minimum.at(first_U, self.user_A, self.time_A)
        np.maximum.at(last_U, self.user_A, self.time_A)
        days_U = np.maximum(last_U - first_U, 0) / DAY
        return (days_U / np.maximum(self.count_U - 1, 1)).astype(np.float32)

    def faded_U(self, half: float) -> Floats:
        """Baskets of each user, each counting half after `half` later ones."""
        fade_A = 0.5 ** (self.back_A / half)
        return np.bincount(self.user_A, fade_A, minlength=len(self.now_U)).astype(np.float32)


def baskets_of(past: Interactions, now: int | None = None) -> Baskets:
    """Gather baskets; a user's moment is `now`, and never before their latest basket."""
    start_A = past.start_A[:-1]
    user_A, time_A = past.user_N[start_A], past.time_N[start_A]
    users, items = past.shape
    after_U = np.searchsorted(user_A, np.arange(users), side="right")
    back_A = (after_U[user_A] - 1 - np.arange(len(user_A))).astype(np.int32)
    latest = back_A == 0
    now_U = np.full(users, past.time_N.max(initial=0) if now is None else now, dtype=np.int64)
    now_U[user_A[latest]] = time_A[latest] if now is None else np.maximum(now, time_A[latest])
    code_E = np.unique(past.basket_N.astype(np.int64) * items + past.item_N)
    basket_E, item_E = (part.astype(np.int32) for part in np.divmod(code_E, max(items, 1)))
    order_E = np.argsort(user_A[basket_E].astype(np.int64) * items + item_E, kind="stable")
    size_A = np.bincount(basket_E, minlength=len(user_A)).astype(np.int32)
    return Baskets(past, now_U, user_A, back_A, time_A, size_A, basket_E[order_E], item_E[order_E])


@dataclass(frozen=True)
class Habits:
    """Each user's past items, sorted by user and item, and what their purchases say."""

    shape: tuple[int, int]
    user_H: Codes
    item_H: Codes
    columns: Mapping[str, Floats]  # of H

    def matrix(self, column: str) -> csr_array:
        """A column as users × items."""
        return csr_array((self.columns[column], (self.user_H, self.item_H)), shape=self.shape)


def habits_of(baskets: Baskets) -> Habits:
    """Counts that fade, recency and cadence of every user's every item."""
    user_E, item_E = baskets.user_E, baskets.item_E
    code_E = user_E.astype(np.int64) * baskets.past.shape[1] + item_E
    start_H = np.flatnonzero(np.diff(code_E, prepend=-1))
    end_H = np.append(start_H[1:], len(code_E))[: len(start_H)] - 1
    user_H = user_E[start_H]
    back_E = baskets.back_A[baskets.basket_E].astype(np.float32)
    age_E = ((baskets.now_U[user_E] - baskets.time_A[baskets.basket_E]) / DAY).astype(np.float32)
    times_H = (end_H - start_H + 1).astype(np.float32)
    columns = {
        "times": times_H,
        "share": times_H / baskets.count_U[user_H],
        "rate_since_first": times_H / (back_E[start_H] + 1),
        **_faded(baskets, back_E, age_E, start_H, user_H),
        "baskets_since": back_E[end_H],
        "baskets_since_first": back_E[start_H],
        "baskets_since_second": np.where(times_H > 1, back_E[np.maximum(end_H - 1, 0)], np.nan),
        "days_since": age_E[end_H],
        **_cadence(baskets.gap_U[user_H], back_E, age_E, start_H, end_H),
    }
    return Habits(
        baskets.past.shape,
        user_H,
        item_E[start_H],
        {name: column.astype(np.float32) for name, column in columns.items()},
    )


def _faded(
    baskets: Baskets,
    back_E: Floats,
    age_E: Floats,
    start_H: npt.NDArray[np.int64],
    user_H: Codes,
) -> dict[str, npt.NDArray[Any]]:
    """Counts in which purchases fade, by baskets as shares of all the user's baskets.

    `weight` counts a purchase as its share of its basket: what small baskets are made of.
    """
    columns = {}
    size_E = baskets.size_A[baskets.basket_E]
    for half in HALF_BASKETS:
        all_U = baskets.faded_U(half)
        fade_E = (0.5 ** (back_E / half)).astype(np.float32)
        columns[f"faded_{half}"] = _summed(fade_E, start_H) / all_U[user_H]
        if half > HALF_BASKETS[1]:
            columns[f"weight_{half}"] = _summed(fade_E / size_E, start_H) / all_U[user_H]
    for half in HALF_DAYS:
        columns[f"faded_{half}_days"] = _summed(0.5 ** (age_E / half), start_H)
    return columns


def _cadence(
    usual_H: Floats,
    back_E: Floats,
    age_E: Floats,
    start_H: npt.NDArray[np.int64],
    end_H: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[Any]]:
    """Mean gaps between purchases, how regular they are, and how due the next one is.

    NaN for what was bought once. `usual_H` is the days until the user's next basket, as a rule.
    """
    times_H = end_H - start_H + 1
    gaps_H = np.where(times_H > 1, times_H - 1, np.nan)
    gap_H = (back_E[start_H] - back_E[end_H]) / gaps_H
    days_H = (age_E[start_H] - age_E[end_H]) / gaps_H
    square_E = np.diff(back_E, prepend=0) ** 2
    square_E[start_H] = 0
    spread_H = np.sqrt(np.maximum(_summed(square_E, start_H) / gaps_H - gap_H**2, 0)) / gap_H
    return {
        "gap": gap_H,
        "gap_days": days_H,
        "gap_spread": np.where(times_H > 2, spread_H, np.nan),
        "due": (back_E[end_H] + 1) / gap_H,
        "due_days": (age_E[end_H] + usual_H) / np.maximum(days_H, 0.5),
    }


def _summed(value_E: npt.NDArray[Any], start_H: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.add.reduceat(value_E, start_H) if len(start_H) else value_E[:0]


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Recipe. Costs a second for a million interactions."""

    lean: float = 50.0  # expected purchases with which a band's factor leans on 1

    def fit(self, past: Interactions, goods: Assortment) -> "FittedRepeat":
        """Learn from everyone's latest basket how the chance turns with being due."""
        baskets = baskets_of(past)
        latest_N = baskets.back_A[past.basket_N] == 0
        habits = habits_of(baskets_of(past.where(~latest_N)))
        code_H = habits.user_H.astype(np.int64) * past.shape[1] + habits.item_H
        code_N = past.user_N[latest_N].astype(np.int64) * past.shape[1] + past.item_N[latest_N]
        hit_H = np.isin(code_H, code_N)
        score_H, band_H = habits.columns[FADED], band_of(habits)
        bands = len(DUE_BANDS) + 2
        hits_U, score_U = (
            np.bincount(habits.user_H, part_H, minlength=past.shape[0])
            for part_H in (hit_H, score_H)
        )
        expected_H = score_H * (hits_U / np.maximum(score_U, 1e-9))[habits.user_H]
        expected_R = np.bincount(band_H, expected_H, minlength=bands)
        hits_R = np.bincount(band_H, hit_H, minlength=bands)
        factor_R = (hits_R + self.lean) / (expected_R + self.lean)
        return FittedRepeat(factor_R.astype(np.float32))


@dataclass(frozen=True)
class FittedRepeat:
    """Factors of being due."""

    factor_R: Floats

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Faded purchases times how the chance turns with being due."""
        habits = habits_of(baskets_of(asked.past))
        score_H = habits.columns[FADED] * self.factor_R[band_of(habits)]
        if asked.allowed_I is not None:
            score_H = np.where(asked.allowed_I[habits.item_H], score_H, 0)
        best = np.flatnonzero((rank_within(habits.user_H, score_H) < most) & (score_H > 0))
        place = (habits.user_H[best], habits.item_H[best])
        return csr_array((score_H[best], place), shape=habits.shape)

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """No item of the user's own."""
        return nothing_own(row_N)


def rank_within(user_H: Codes, score_H: Floats) -> npt.NDArray[np.int64]:
    """The place of each score among its user's, from 0 for the highest; users are sorted."""
    order_H = np.lexsort((-score_H, user_H))
    first_H = np.searchsorted(user_H, user_H[order_H])
    rank_H = np.empty(len(order_H), dtype=np.int64)
    rank_H[order_H] = np.arange(len(order_H)) - first_H
    return rank_H


def band_of(habits: Habits) -> npt.NDArray[np.int64]:
    """The band of each habit; the last is of items bought once."""
    due_H = habits.columns["due"]
    return np.where(
        np.isnan(due_H), len(DUE_BANDS) + 1, np.searchsorted(DUE_BANDS, due_H, side="right")
    )
