"""From counts of purchases to what a shop sees of them: when, which item, for how much.

Shapes: U users, T topics, S steps, D days, I items (of a topic, or of the catalog), C rows of a
table of chances, N rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.rows import Codes, Doubles, Rows, rows_of
from penchant.data.shop import FIRST_DAY
from penchant.data.truth import Names

ZIPF_EXPONENT = 1.0  # of items within their topic
TOPICS_PER_DEPARTMENT = 5
EXTRA_UNITS = 0.2  # a purchase's, beyond the first
DAYS = 7  # in a step
OPENS, CLOSES = 8 * 3600, 21 * 3600  # seconds of the day
SECOND = np.int64(1_000_000)  # microseconds
DAY = 86_400 * SECOND
START = np.datetime64(FIRST_DAY, "us").astype(np.int64)  # microseconds since 1970


@dataclass(frozen=True)
class Shelf:
    """What each topic offers in each step; one step stands for all where nothing changes.

    Within a topic and step, an item is chosen in proportion to its weight.
    """

    cumulative_TSI: Doubles  # chances of the items up to this one
    price_TSI: Doubles  # paid

    def pick(self, topic_N: Codes, step_N: Codes, draw_N: Doubles) -> Codes:
        """An item, by its number in the topic, for each even draw from [0, 1)."""
        _, steps, items = self.cumulative_TSI.shape
        cell_N = topic_N * steps + np.minimum(step_N, steps - 1)
        return pick(self.cumulative_TSI.reshape(-1, items), cell_N, draw_N)

    def price(self, topic_N: Codes, step_N: Codes, item_N: Codes) -> Doubles:
        """What a unit costs."""
        return self.price_TSI[topic_N, np.minimum(step_N, self.price_TSI.shape[1] - 1), item_N]


@dataclass(frozen=True)
class Visits:
    """The second of each day at which each user comes by, if at all; at most once a day."""

    second_UD: npt.NDArray[np.int64]

    def time(self, user_N: Codes, day_N: Codes) -> Codes:
        """Microseconds since 1970 of visits."""
        return START + day_N * DAY + self.second_UD[user_N, day_N] * SECOND


def numbered(prefix: str, count: int, span: slice = slice(None)) -> Names:
    """Names `prefix0, prefix1, …`, padded so that they sort in the order of their numbers."""
    digits = len(str(count - 1))
    return np.array([f"{prefix}{number:0{digits}d}" for number in range(count)[span]])


def prices(topics: int, items: int, rng: np.random.Generator) -> Doubles:
    """Lognormal prices around each topic's own level, in cents' precision, as `price_TI`."""
    level_T = rng.normal(1.0, 0.7, size=topics)
    price_TI = np.exp(level_T[:, None] + rng.normal(0.0, 0.4, size=(topics, items)))
    return np.maximum(price_TI.round(2), 0.01)


def popularity(items: int) -> Doubles:
    """Weights of the items of a topic: the first sells best."""
    return np.arange(1, items + 1, dtype=np.float64) ** -ZIPF_EXPONENT


def cumulated(weight: Doubles) -> Doubles:
    """Chances up to each entry of the last axis, from weights."""
    cumulative = (weight / weight.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
    return cumulative / cumulative[..., -1:]


def pick(cumulative_CI: Doubles, row_N: Codes, draw_N: Doubles) -> Codes:
    """A column for each even draw from [0, 1), by the chances in its row; one search for all."""
    rows, columns = cumulative_CI.shape
    ladder = cumulative_CI + np.arange(rows)[:, None]
    place_N = np.searchsorted(ladder.ravel(), row_N + draw_N, side="right")
    return np.minimum(place_N - row_N * columns, columns - 1)


def shelf(weight_TSI: Doubles, price_TSI: Doubles) -> Shelf:
    """A shelf whose items are chosen in proportion to weights."""
    return Shelf(cumulated(weight_TSI), price_TSI)


def catalog_table(topics_T: Names, price_TI: Doubles, brand_I: Names | None = None) -> pa.Table:
    """The catalog, in the order of topics and items: paths are `[department, topic]`."""
    topics, items = price_TI.shape
    topic_I = np.repeat(np.arange(topics), items)
    rows = [
        {
            c.ITEM: str(item),
            c.PATH: [f"department {topic // TOPICS_PER_DEPARTMENT + 1}", str(topics_T[topic])],
            c.TITLE: f"{topics_T[topic]}, item {number % items + 1}",
            c.BRAND: None if brand_I is None else str(brand_I[number]),
            c.PRICE: float(price_TI[topic, number % items]),
        }
        for number, (item, topic) in enumerate(
            zip(numbered("i", price_TI.size), topic_I, strict=True)
        )
    ]
    return pa.Table.from_pylist(rows, schema=CATALOG_SCHEMA)


def purchase_rows(
    count_UTS: npt.NDArray[np.int32], goods: Shelf, first_user: int, rng: np.random.Generator
) -> tuple[Rows, Visits]:
    """One purchase for each count, in the order of users, topics and steps, and all visits.

    A user visits at most once a day, at a time drawn for that day; what was bought then is one
    order.
    """
    users, _, steps = count_UTS.shape
    cells = np.repeat(np.arange(count_UTS.size), count_UTS.ravel())
    user_N, topic_N, step_N = np.unravel_index(cells, count_UTS.shape)
    count = len(cells)
    day_N = step_N * DAYS + rng.integers(0, DAYS, size=count)
    visits = Visits(rng.integers(OPENS, CLOSES, size=(users, steps * DAYS)))
    item_N = goods.pick(topic_N, step_N, rng.random(count))
    quantity_N = 1.0 + rng.poisson(EXTRA_UNITS, size=count)
    bought = rows_of(
        "purchase",
        user_N,
        visits.time(user_N, day_N),
        item=topic_N * goods.price_TSI.shape[2] + item_N,
        value=(goods.price(topic_N, step_N, item_N) * quantity_N).round(2),
        quantity=quantity_N,
        order=(first_user + user_N) * (steps * DAYS) + day_N,
    )
    return bought, visits
