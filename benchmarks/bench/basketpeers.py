"""Peers of the next basket, as their papers have them: each ranks items for every user.

Shapes: U users, I items, E baskets' items (each basket holds an item once), K ranks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.recommend.assortment import DAY
from penchant.recommend.repeat import Baskets, baskets_of

BLOCK = 500  # users at a time
SWEEPS = 2  # over a peer's settings
Ranks = npt.NDArray[np.int64]


class Peer(Protocol):
    """Scores all items for all users of a past."""

    def score_UI(self, past: Interactions) -> csr_array:
        """The higher, the likelier."""
        ...


@dataclass(frozen=True, kw_only=True)
class TopPersonal:
    """What a user bought most, ties by popularity; purchases fade where there is a half-life."""

    half_days: float = np.inf

    def score_UI(self, past: Interactions) -> csr_array:
        """Purchases, each faded by the days before the user's latest basket."""
        baskets = baskets_of(past)
        time_E = baskets.time_A[baskets.basket_E]
        age_E = (baskets.now_U[baskets.user_E] - time_E) / DAY
        return _laid(baskets, 0.5 ** (age_E / self.half_days))


@dataclass(frozen=True, kw_only=True)
class TifuKnn:
    """TIFU-KNN (Hu et al. 2020): fading personal frequency, mixed with that of near users."""

    group: int = 7  # baskets
    within: float = 0.9  # fading from basket to basket of a group
    between: float = 0.7  # fading from group to group
    near: int = 300  # users, by Euclidean distance
    own: float = 0.7  # weight of the user's own, beside the near users'

    def score_UI(self, past: Interactions) -> csr_array:
        """Group-wise faded frequencies of a user and of the nearest."""
        baskets = baskets_of(past)
        back_E = baskets.back_A[baskets.basket_E]
        count_E = baskets.count_U[baskets.user_E].astype(np.int64)
        group_E = np.minimum(self.group, count_E)
        which_E = back_E // group_E
        full_E = np.minimum(group_E, count_E - which_E * group_E)  # the oldest may be short
        weight_E = self.within ** (back_E % group_E) / full_E
        weight_E *= self.between**which_E / np.ceil(count_E / group_E)
        own_UI = _laid(baskets, weight_E)
        square_U = own_UI.multiply(own_UI).sum(axis=1)
        near_UU = 2 * (own_UI @ own_UI.T).toarray() - square_U  # the same order as by distance
        np.fill_diagonal(near_UU, -np.inf)
        near_UU[:, baskets.count_U == 0] = -np.inf
        near = min(self.near, len(near_UU) - 1)
        nearest_UN = np.argpartition(-near_UU, near - 1, axis=1)[:, :near]
        pointer_U = np.arange(len(near_UU) + 1) * near
        weight = np.full(nearest_UN.size, 1 / near, dtype=np.float32)
        mean_UU = csr_array((weight, nearest_UN.ravel(), pointer_U), shape=near_UU.shape)
        return (self.own * own_UI + (1 - self.own) * (mean_UU @ own_UI)).tocsr()


@dataclass(frozen=True, kw_only=True)
class UpCf:
    """UP-CF@r (Faggioli et al. 2020): recent popularity by user, summed over similar users."""

    recent: float = 25  # baskets of each user
    asymmetry: float = 0.25  # of the cosine
    locality: int = 5  # power of the cosine

    def score_UI(self, past: Interactions) -> csr_array:
        """Shares of recent baskets with an item, over users by asymmetric cosine."""
        baskets = baskets_of(past)
        back_E = baskets.back_A[baskets.basket_E]
        held_E = (back_E < self.recent) / np.minimum(baskets.count_U, self.recent)[baskets.user_E]
        recent_UI = _laid(baskets, held_E)
        ever_UI = _laid(baskets, np.ones(len(back_E)))
        ever_UI.data[:] = 1
        wide_U = np.maximum(ever_UI.sum(axis=1), 1)
        left, right = wide_U**-self.asymmetry, wide_U ** (self.asymmetry - 1)
        near_UU = diags_array(left) @ (ever_UI @ ever_UI.T) @ diags_array(right)
        near_UU = near_UU.tocsr().power(self.locality).astype(np.float32)
        near_UU.data[near_UU.data < 1e-6] = 0
        near_UU.eliminate_zeros()
        return (near_UU @ recent_UI).tocsr()


GRIDS: Mapping[str, tuple[Peer, Mapping[str, Sequence[Any]]]] = {
    "top_personal": (TopPersonal(), {}),
    "decayed_personal": (TopPersonal(half_days=60), {"half_days": (20, 45, 60, 90, 130, 180)}),
    "tifu_knn": (
        TifuKnn(),
        {
            "own": (0.3, 0.5, 0.7, 0.9),
            "between": (0.7, 0.8, 0.9, 0.95, 1.0),
            "within": (0.8, 0.9, 0.95, 1.0),
            "group": (3, 7, 15),
            "near": (100, 300, 600, 1000),
        },
    ),
    "up_cf": (
        UpCf(),
        {
            "recent": (10, 25, 50, 100, np.inf),
            "locality": (1, 5, 10, 50),
            "asymmetry": (0.0, 0.25, 0.5, 0.75),
        },
    ),
}


def tuned(start: Peer, grid: Mapping[str, Sequence[Any]], judge: Callable[[Peer], float]) -> Peer:
    """The best settings found one at a time, in two sweeps."""
    judged: dict[Peer, float] = {}
    best = start
    for _ in range(SWEEPS):
        for name, values in grid.items():
            for peer in [best, *(replace(best, **{name: value}) for value in values)]:
                if peer not in judged:
                    judged[peer] = judge(peer)
            best = max(judged, key=lambda peer: judged[peer])
    return best


def top_UK(score_UI: csr_array, past: Interactions, most: int) -> Ranks:
    """The `most` best items of each user, ties by popularity; -1 where there are fewer."""
    sold_I = np.bincount(past.item_N, minlength=past.shape[1])
    little_I = (1e-7 * sold_I / max(1, sold_I.max(initial=0))).astype(np.float32)
    blocks = []
    for at in range(0, score_UI.shape[0], BLOCK):
        all_UI = score_UI[at : at + BLOCK].toarray() + little_I
        best_UK = np.argpartition(-all_UI, most, axis=1)[:, :most]
        value_UK = np.take_along_axis(all_UI, best_UK, axis=1)
        order_UK = np.argsort(-value_UK, axis=1, kind="stable")
        ranked_UK = np.take_along_axis(best_UK, order_UK, axis=1)
        kept_UK = np.take_along_axis(value_UK, order_UK, axis=1) > 0
        blocks.append(np.where(kept_UK, ranked_UK, -1))
    return np.concatenate(blocks)


def _laid(baskets: Baskets, weight_E: Floats) -> csr_array:
    place = (baskets.user_E, baskets.item_E)
    return csr_array((weight_E.astype(np.float32), place), shape=baskets.past.shape)
