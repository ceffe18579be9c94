"""What is recommended to whom, each with its chance and its reason.

Shapes: B users asked, K slots, I items, T topics, N rows of a table, P sources.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment

RECOMMENDATION_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.SLOT, pa.int32(), nullable=False),  # from 1
        pa.field(c.ITEM, pa.string(), nullable=False),
        pa.field(c.TITLE, pa.string()),  # what the catalog says of the item
        pa.field(c.CHANCE, pa.float32(), nullable=False),  # that the user engages within the days
        pa.field(c.TOPIC, pa.string()),
        pa.field(c.INTEREST, pa.float32()),  # chance that the user engages in the topic
        pa.field(c.SOURCE, pa.string(), nullable=False),  # that proposed it
        pa.field(c.BECAUSE, pa.string()),  # the user's own item that led to it
        pa.field(c.REASON, pa.string(), nullable=False),
    ]
)
NONE = -1  # code of what isn't there
SAID = {
    "repeat": "bought {times} times, the last {days} days ago",
    "items": "goes with {because}",
    "users": "bought by customers who buy alike",
    "sequence": "often follows {because}",
    "popular": "sells well in {topic}",
    "content": "new, and reads like {because}",
    "newcomers": "what new customers buy first",
}  # by source


@dataclass(frozen=True)
class Recommendations:
    """Lists of some users, the first slot first; -1 in a slot that nothing fills."""

    past: Interactions  # of these users
    goods: Assortment
    sources_P: tuple[str, ...]
    item_BK: Codes
    chance_BK: Floats
    interest_BK: Floats  # of the item's topic; NaN without a forecast
    source_BK: Codes
    because_BK: Codes  # the user's own item that led to it; -1: none

    def to_table(self) -> pa.Table:
        """One row a filled slot, as `RECOMMENDATION_SCHEMA`."""
        row_N, slot_N = np.nonzero(self.item_BK != NONE)
        item_N = self.item_BK[row_N, slot_N]
        topic_N = self.goods.topic_I[item_N]
        because_N = self.because_BK[row_N, slot_N]
        interest_N = self.interest_BK[row_N, slot_N]
        columns = {
            c.USER: pa.array(self.past.users_U[row_N]),
            c.SLOT: pa.array((slot_N + 1).astype(np.int32)),
            c.ITEM: pa.array(self.goods.items_I[item_N]),
            c.TITLE: _named(self.goods.title_I, item_N),
            c.CHANCE: pa.array(self.chance_BK[row_N, slot_N]),
            c.TOPIC: _named(self.goods.topics_T, topic_N),
            c.INTEREST: pa.array(interest_N, mask=np.isnan(interest_N)),
            c.SOURCE: pa.array([self.sources_P[p] for p in self.source_BK[row_N, slot_N]]),
            c.BECAUSE: _named(self.goods.items_I, because_N),
            c.REASON: pa.array(self._reasons(row_N, slot_N)),
        }
        return pa.table(columns, schema=RECOMMENDATION_SCHEMA)

    def _reasons(self, row_N: npt.NDArray[np.int64], slot_N: npt.NDArray[np.int64]) -> list[str]:
        item_N = self.item_BK[row_N, slot_N]
        times_N, days_N = self._own(row_N, item_N)
        because_N = self.because_BK[row_N, slot_N]
        reasons = []
        for n, (row, slot, item) in enumerate(zip(row_N, slot_N, item_N, strict=True)):
            topic = self.goods.topic_I[item]
            named = self.goods.topics_T[topic] if topic != NONE else "the shop"
            said = SAID[self.sources_P[self.source_BK[row, slot]]].format(
                times=times_N[n], days=days_N[n], topic=named, because=self._called(because_N[n])
            )
            chance = self.interest_BK[row, slot]
            wanted = (
                "" if np.isnan(chance) else f"; {named} is wanted with a chance of {chance:.0%}"
            )
            reasons.append(said.replace("1 times", "once", 1 if times_N[n] == 1 else 0) + wanted)
        return reasons

    def _own(self, row_N: npt.NDArray[np.int64], item_N: Codes) -> tuple[Codes, Codes]:
        """How often a user bought an item, and how many days ago the last time."""
        items = self.past.shape[1]
        own_N = self.past.user_N.astype(np.int64) * items + self.past.item_N
        order_N = np.argsort(own_N, kind="stable")
        asked_N = row_N * items + item_N
        first_N, end_N = (
            np.searchsorted(own_N[order_N], asked_N, side) for side in ("left", "right")
        )
        now = max(self.goods.latest, int(self.past.time_N.max(initial=0)))
        latest = np.full(items * len(self.past.users_U), 0, dtype=np.int64)
        np.maximum.at(latest, own_N, self.past.time_N)
        return (end_N - first_N).astype(np.int32), ((now - latest[asked_N]) // DAY).astype(np.int32)

    def _called(self, item: int) -> str:
        if item == NONE:
            return "what they bought"
        return str(self.goods.title_I[item] or self.goods.items_I[item])


def _named(names: npt.NDArray[np.str_], code_N: Codes) -> pa.Array:
    """Names of codes; null where there is none, or it is empty."""
    if not len(names):
        return pa.nulls(len(code_N), pa.string())
    name_N = names[np.maximum(code_N, 0)]
    return pa.array(name_N, mask=(code_N == NONE) | (name_N == ""))
