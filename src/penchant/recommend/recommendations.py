"""What is recommended to whom, each with its chance and its reason.

Shapes: B users asked, K slots, I items, T topics, N rows of a table, M interactions, P sources.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import PURCHASE
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
    "repeat": "{had} {times}, last {when}",
    "items": "goes with {because}",
    "ease": "goes with {because}",
    "users": "{had} by customers who are alike",
    "sequence": "often follows {because}",
    "popular": "sells well in {topic}",
    "content": "new, and reads like {because}",
    "newcomers": "what new customers choose first",
}  # by source
OTHERWISE = "proposed by {source}"  # of a source that isn't among them
TIMES, DAYS = ("never", "once", "twice"), ("today", "yesterday")  # 0, 1, 2; days ago


@dataclass(frozen=True)
class Recommendations:
    """Lists of some users, the first slot first; -1 in a slot that nothing fills."""

    past: Interactions  # of these users
    goods: Assortment
    now: int  # seconds since 1970, from which the chances begin
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
        had = "bought" if self.past.kinds_K == (PURCHASE,) else "chosen"
        reasons = []
        for n, (row, slot, item) in enumerate(zip(row_N, slot_N, item_N, strict=True)):
            topic, source = self.goods.topic_I[item], self.sources_P[self.source_BK[row, slot]]
            named = self.goods.topics_T[topic] if topic != NONE else "the shop"
            said = SAID.get(source, OTHERWISE).format(
                had=had,
                times=_counted(times_N[n], TIMES, "times"),
                when=_counted(days_N[n], DAYS, "days ago"),
                topic=named,
                because=self._called(because_N[n]),
                source=source,
            )
            chance = self.interest_BK[row, slot]
            told = "" if np.isnan(chance) else f"; {named} is wanted with a chance of {chance:.0%}"
            reasons.append(said + told)
        return reasons

    def _own(self, row_N: npt.NDArray[np.int64], item_N: Codes) -> tuple[Codes, Codes]:
        """In how many baskets a user had an item, and how many days ago the last time."""
        items = self.past.shape[1]
        own_M = self.past.user_N.astype(np.int64) * items + self.past.item_N
        asked_N = row_N * items + item_N
        order_M = np.lexsort((self.past.time_N, own_M))
        end_N = np.searchsorted(own_M[order_M], asked_N, "right")
        last_N = np.append(self.past.time_N[order_M], self.now)[np.maximum(end_N, 1) - 1]
        days_N = np.maximum(self.now - last_N, 0) // DAY
        baskets = len(self.past.start_A)
        held = np.unique(own_M * baskets + self.past.basket_N) // baskets  # once a basket
        times_N = np.searchsorted(held, asked_N, "right") - np.searchsorted(held, asked_N)
        return times_N.astype(np.int32), days_N.astype(np.int32)

    def _called(self, item: int) -> str:
        if item == NONE:
            return "what they bought"
        return str(self.goods.title_I[item] or self.goods.items_I[item])


def _counted(number: int, words: tuple[str, ...], unit: str) -> str:
    """A number in words where there are some, else with its unit."""
    return words[number] if number < len(words) else f"{number} {unit}"


def _named(names: npt.NDArray[np.str_], code_N: Codes) -> pa.Array:
    """Names of codes; null where there is none, or it is empty."""
    if not len(names):
        return pa.nulls(len(code_N), pa.string())
    name_N = names[np.maximum(code_N, 0)]
    return pa.array(name_N, mask=(code_N == NONE) | (name_N == ""))
