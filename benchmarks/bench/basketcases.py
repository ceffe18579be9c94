"""What is asked of a next basket: a past, what followed it, and how a ranking does.

Shapes: U users, I items, K ranks, N interactions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from bench.basketpeers import Ranks
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.recommend.assortment import DAY
from penchant.recommend.repeat import baskets_of

RANKS = 10
LEAST_BASKETS, LEAST_SALES = 5, 10  # of a user, and of an item
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A past, and the items that followed, `UI`."""

    past: Interactions
    came_UI: csr_array

    @property
    def asked_U(self) -> Flags:
        """Users whom something followed."""
        return np.diff(self.came_UI.indptr) > 0


def enough(interactions: Interactions) -> Interactions:
    """Items sold often enough, then users with enough baskets of those."""
    sold_I = np.bincount(interactions.item_N, minlength=interactions.shape[1])
    often = interactions.where((sold_I >= LEAST_SALES)[interactions.item_N])
    count_U = baskets_of(often).count_U
    return often.only(np.flatnonzero(count_U >= LEAST_BASKETS)).among(
        often.items_I[sold_I >= LEAST_SALES]
    )


def basket_case(interactions: Interactions, back: int) -> Case:
    """The basket with `back` after it, of each user, and all before it."""
    back_N = baskets_of(interactions).back_A[interactions.basket_N]
    return _case(interactions, back_N > back, back_N == back)


def window_case(interactions: Interactions, days: int, back: int) -> Case:
    """The window of days with `back` windows after it, and all before it."""
    end = int(interactions.time_N.max()) - days * DAY * back
    time_N = interactions.time_N
    before_N = time_N <= end - days * DAY
    return _case(interactions, before_N, ~before_N & (time_N <= end))


def _case(interactions: Interactions, before_N: Flags, told_N: Flags) -> Case:
    told = interactions.where(told_N)
    came_UI = csr_array(
        (np.ones(len(told.user_N), dtype=np.float32), (told.user_N, told.item_N)),
        shape=told.shape,
    )
    came_UI.data[:] = 1
    return Case(interactions.where(before_N), came_UI)


@dataclass(frozen=True)
class Found:
    """Recall and NDCG of each user asked; and the recall by items bought before, and new ones."""

    recall_U: Floats
    ndcg_U: Floats
    repeat_U: Floats
    explore_U: Floats

    @property
    def both(self) -> float:
        """What settings are chosen by."""
        return float(self.recall_U.mean() + self.ndcg_U.mean())


def found(case: Case, top_UK: Ranks) -> Found:
    """How a ranking does; `repeat_U` and `explore_U` are the parts of the recall."""
    asked = np.flatnonzero(case.asked_U)
    users, items = case.came_UI.shape
    came = np.repeat(np.arange(users), np.diff(case.came_UI.indptr)) * items + case.came_UI.indices
    had = np.unique(case.past.user_N.astype(np.int64) * items + case.past.item_N)
    code_UK = np.arange(users)[:, None] * items + top_UK
    hit_UK = (np.isin(code_UK, came) & (top_UK >= 0))[asked]
    again_UK = np.isin(code_UK, had)[asked]
    size_U = np.diff(case.came_UI.indptr)[asked]
    gain_K = 1 / np.log2(np.arange(2, top_UK.shape[1] + 2))
    best_U = np.cumsum(gain_K)[np.minimum(size_U, len(gain_K)) - 1]
    return Found(
        hit_UK.sum(axis=1) / size_U,
        hit_UK @ gain_K / best_U,
        (hit_UK & again_UK).sum(axis=1) / size_U,
        (hit_UK & ~again_UK).sum(axis=1) / size_U,
    )
