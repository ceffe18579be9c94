"""What sells: popular items of the topics a customer wants, else of the whole shop.

An item's share of its topic fades with age; where a year is known, what sold in the same weeks a
year ago counts too. Times how much of the topic a customer is forecast to want, it is the number
of times they would buy it if they bought as others do. It knows nothing of a customer's own items.
Shapes: B users asked, I items, T topics, N interactions, J items that sell,
C those that sell best in their topics.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from penchant.interest.counts import Flags, Integers
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked, nothing_own, strongest

YEAR = 365.25  # days
BLOCK = 500  # users at a time


@dataclass(frozen=True, kw_only=True)
class Popular:
    """Recipe. Costs one pass over the interactions."""

    half_life: float = 28.0  # days in which a sale comes to count half
    season_days: float = 28.0  # around the day a year ago
    season_weight: float = 0.5  # of a sale then, beside one of today

    def fit(self, past: Interactions, goods: Assortment) -> "FittedPopular":
        """Learn each item's share of its topic's sales."""
        age_N = (goods.latest - past.time_N) / DAY
        weight_N = 0.5 ** (age_N / self.half_life)
        # The weeks to come, a year ago.
        ahead_N = YEAR - age_N
        weight_N += self.season_weight * ((ahead_N >= 0) & (ahead_N <= self.season_days))
        sold_I = np.bincount(past.item_N, weight_N, minlength=len(past.items_I))
        topics = len(goods.topics_T)
        sold_T = np.bincount(goods.topic_I + 1, sold_I, minlength=topics + 1)  # none comes first
        share_I = sold_I / np.maximum(sold_T[goods.topic_I + 1], 1e-12)
        return FittedPopular(
            goods.topic_I,
            np.where(goods.topic_I >= 0, share_I, 0).astype(np.float32),
            (sold_I / max(sold_I.sum(), 1e-12)).astype(np.float32),
        )


@dataclass(frozen=True)
class FittedPopular:
    """Shares of sales."""

    topic_I: Codes
    of_topic_I: Floats
    of_shop_I: Floats

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Expected purchases by the forecast, or the same popular items to all without one."""
        users, items = asked.past.shape
        if asked.volume_BT is None:
            same_1I = strongest(csr_array(self.of_shop_I[None, :]), most, asked.allowed_I)
            return csr_array(same_1I[np.zeros(users, dtype=np.int64)])
        item_C = self._best(most, asked.allowed_I)
        blocks = []
        for at in range(0, users, BLOCK):
            volume_BC = asked.volume_BT[at : at + BLOCK][:, self.topic_I[item_C]]
            blocks.append(strongest(csr_array(volume_BC * self.of_topic_I[item_C]), most))
        found = vstack(blocks).tocoo()
        return csr_array((found.data, (found.row, item_C[found.col])), shape=(users, items))

    def _best(self, most: int, allowed_I: Flags | None) -> Integers:
        """Those that sell best in each topic, of which nobody can be proposed more than `most`."""
        item_J = self._by_topic_J
        if allowed_I is not None:
            item_J = item_J[allowed_I[item_J]]
        topic_J = self.topic_I[item_J]
        place_J = np.arange(len(topic_J)) - np.searchsorted(topic_J, topic_J)
        return np.sort(item_J[place_J < most])

    @cached_property
    def _by_topic_J(self) -> Integers:
        """Items that sell in a topic, by topic, what sells best first."""
        item_J = np.flatnonzero(self.of_topic_I)
        return item_J[np.lexsort((-self.of_topic_I[item_J], self.topic_I[item_J]))]

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """No item of the user's own."""
        return nothing_own(row_N)
