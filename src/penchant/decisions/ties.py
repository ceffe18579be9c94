"""Ties between customers: those that are known, and those that likes give away.

Who likes what somebody bought in the days before, again and again and oftener than by chance, sees
what that one buys. Each like is shared evenly among those who had bought the item by then; a tie is
called where a customer's sum with another is `SURE` standard errors above what that other's part of
all purchases lets expect. Such ties are guesses: they serve to group customers, and nobody is named
by them.
Shapes: U users, F ties, N interactions, L likes, B purchases, P pairs of users, R pairs of a like
and a purchase.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from penchant.data.events import PURCHASE
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Names, rows_of

SOCIAL = "social"
DAYS = 7  # from a purchase to a like
SURE = 5.0  # standard errors above chance
LEAST_VARIANCE = 0.1  # of a sum by chance, so that one like is no tie
MOST_BUYERS = 200  # of an item in those days; a like of what all buy tells of nobody
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Ties:
    """Who is tied to whom, as rows of some users; each pair once, nobody to themselves."""

    one_F: Integers
    other_F: Integers
    known: bool  # told by the shop, and not guessed from likes

    def matrix(self, users: int) -> csr_array:
        """The ties both ways, `UU`, marked 1."""
        ends = (np.append(self.one_F, self.other_F), np.append(self.other_F, self.one_F))
        tied_UU = csr_array((np.ones(len(ends[0])), ends), shape=(users, users))
        tied_UU.data[:] = np.minimum(tied_UU.data, 1)
        return tied_UU


def ties_among(one: Sequence[str], other: Sequence[str], users_U: Names) -> tuple[Ties, int]:
    """Known ties among some users, who are sorted, and how many are of anybody else."""
    rows = [
        rows_of(np.array(list(part), dtype=np.str_), users_U) if len(part) else np.empty(0, int)
        for part in (one, other)
    ]
    inside = (rows[0] >= 0) & (rows[1] >= 0)
    ends = np.sort(np.stack([row[inside] for row in rows]), axis=0)
    pairs = np.unique(ends[:, ends[0] != ends[1]], axis=1)
    return Ties(pairs[0], pairs[1], known=True), int((~inside).sum())


def ties_of_likes(past: Interactions) -> Ties | None:
    """Ties that likes give away, as rows of the interactions' users; None without likes.

    Costs the pairs of likes and of purchases of the same item in the days before.
    """
    if SOCIAL not in past.kinds_K or PURCHASE not in past.kinds_K:
        return None
    like_N, bought_N = (past.kind_N == past.kinds_K.index(kind) for kind in (SOCIAL, PURCHASE))
    if not like_N.any() or not bought_N.any():
        return None
    fan_R, buyer_R, part_R = _candidates(past, like_N, bought_N)
    users = len(past.users_U)
    pair_P, place_R = np.unique(fan_R * users + buyer_R, return_inverse=True)
    sum_P = np.bincount(place_R, weights=part_R, minlength=len(pair_P))
    fan_P, buyer_P = pair_P // users, pair_P % users
    shared_U = np.bincount(fan_R, weights=part_R, minlength=users)
    bought_U = np.bincount(past.user_N[bought_N], minlength=users)
    chance_P = shared_U[fan_P] * bought_U[buyer_P] / bought_U.sum()
    sure_P = (sum_P - chance_P) / np.sqrt(chance_P + LEAST_VARIANCE) >= SURE
    sure_P &= fan_P != buyer_P
    ends = np.unique(np.sort(np.stack([fan_P[sure_P], buyer_P[sure_P]]), axis=0), axis=1)
    return Ties(ends[0], ends[1], known=False)


def _candidates(
    past: Interactions, like_N: Flags, bought_N: Flags
) -> tuple[Integers, Integers, Doubles]:
    """Who liked, who had bought it in the days before, and the part of the like."""
    span = int(past.time_N.max()) + 1
    code_N = past.item_N.astype(np.int64) * span + past.time_N
    order = np.argsort(code_N[bought_N], kind="stable")
    code_B, buyer_B = code_N[bought_N][order], past.user_N[bought_N][order]
    code_L, fan_L = code_N[like_N], past.user_N[like_N]
    earliest_L = np.maximum(code_L - DAYS * DAY, code_L - past.time_N[like_N])  # of the same item
    first_L = np.searchsorted(code_B, earliest_L)
    many_L = np.searchsorted(code_B, code_L) - first_L
    many_L = np.where(many_L <= MOST_BUYERS, many_L, 0)
    like_R = np.repeat(np.arange(len(code_L)), many_L)
    rank_R = np.arange(len(like_R)) - np.repeat(np.cumsum(many_L) - many_L, many_L)
    buyer_R = buyer_B[first_L[like_R] + rank_R]
    return fan_L[like_R].astype(np.int64), buyer_R.astype(np.int64), 1 / many_L[like_R]
