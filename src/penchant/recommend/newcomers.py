"""For customers of whom little is known: what others like them bought first.

Segments, where customers have them, that few newcomers are in lean on all newcomers.
Shapes: B users asked, U users, G segments, I items, N interactions.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats, Names
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, nothing_own, strongest
from penchant.recommend.repeat import baskets_of

UNKNOWN = ""  # segment of customers who aren't known


@dataclass(frozen=True, kw_only=True)
class Newcomers:
    """Recipe. Costs one pass over the interactions."""

    baskets: int = 3  # the first of each customer, that count; and up to which they are new
    strength: float = 200.0  # purchases of all newcomers that a segment is taken to have more

    def fit(self, past: Interactions, goods: Assortment) -> "FittedNewcomers":
        """Count what newcomers of each segment bought."""
        first_U = past.basket_N[np.minimum(past.start_U[:-1], max(0, len(past.basket_N) - 1))]
        early_N = past.basket_N - first_U[past.user_N] < self.baskets
        segments_G, code_U = np.unique(np.append(segments_of(past), UNKNOWN), return_inverse=True)
        cell_N = code_U[past.user_N[early_N]] * len(past.items_I) + past.item_N[early_N]
        size = len(segments_G) * len(past.items_I)
        count_GI = np.bincount(cell_N, minlength=size).reshape(len(segments_G), -1)
        all_I = count_GI.sum(axis=0) / max(1, count_GI.sum())
        own_G1 = count_GI.sum(axis=1, keepdims=True)
        share_GI = (count_GI + self.strength * all_I) / (own_G1 + self.strength)
        share_GI[segments_G == UNKNOWN] = all_I
        return FittedNewcomers(self, segments_G, share_GI.astype(np.float32))


@dataclass(frozen=True)
class FittedNewcomers:
    """Share of each item in what newcomers of a segment bought."""

    recipe: Newcomers
    segments_G: Names
    share_GI: Floats

    def propose(self, asked: Asked, most: int) -> csr_array:
        """The segment's shares, for users with few baskets; nothing for others."""
        segment_B = segments_of(asked.past)
        known_B = np.where(np.isin(segment_B, self.segments_G), segment_B, UNKNOWN)
        row_B = np.searchsorted(self.segments_G, known_B)
        new_B = baskets_of(asked.past).count_U <= self.recipe.baskets
        share_GI = strongest(csr_array(self.share_GI), most, asked.allowed_I)
        found = csr_array(share_GI[row_B] * new_B[:, None])
        found.eliminate_zeros()  # of those who aren't new: not proposed
        return found

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """No item of the user's own."""
        return nothing_own(row_N)


def segments_of(past: Interactions) -> Names:
    """The segment of each user."""
    if past.segment_U is None:
        return np.full(len(past.users_U), UNKNOWN, dtype=np.str_)
    return past.segment_U
