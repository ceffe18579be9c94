"""From counts of purchases to a shop's log: when, which item, for how much.

Shapes: U users, T topics, S steps, D days, I items (of a topic), N events.
"""

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.truth import Names

ZIPF_EXPONENT = 1.0  # of items within their topic
TOPICS_PER_DEPARTMENT = 5
EXTRA_UNITS = 0.2  # a purchase's, beyond the first
DAYS = 7  # in a step
OPENS, CLOSES = 8 * 3600, 21 * 3600  # seconds of the day
SECOND = np.int64(1_000_000)  # microseconds

Price = npt.NDArray[np.float64]


def numbered(prefix: str, count: int) -> Names:
    """Names `prefix0, prefix1, …`, padded so that they sort in the order of their numbers."""
    digits = len(str(count - 1))
    return np.array([f"{prefix}{number:0{digits}d}" for number in range(count)])


def prices(topics: int, items: int, rng: np.random.Generator) -> Price:
    """Lognormal prices around each topic's own level, in cents' precision, as `price_TI`."""
    level_T = rng.normal(1.0, 0.7, size=topics)
    price_TI = np.exp(level_T[:, None] + rng.normal(0.0, 0.4, size=(topics, items)))
    return np.maximum(price_TI.round(2), 0.01)


def item_names(price_TI: Price) -> Names:
    """Every item's name, in the order of topics and of popularity within a topic."""
    return numbered("i", price_TI.size)


def catalog_table(topics_T: Names, price_TI: Price) -> pa.Table:
    """The catalog, in the order of topics and items: paths are `[department, topic]`."""
    topics, items = price_TI.shape
    topic_I = np.repeat(np.arange(topics), items)
    rows = [
        {
            c.ITEM: str(item),
            c.PATH: [f"department {topic // TOPICS_PER_DEPARTMENT + 1}", str(topics_T[topic])],
            c.TITLE: f"{topics_T[topic]}, item {number % items + 1}",
            c.PRICE: float(price_TI[topic, number % items]),
        }
        for number, (item, topic) in enumerate(zip(item_names(price_TI), topic_I, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=CATALOG_SCHEMA)


def event_table(
    count_UTS: npt.NDArray[np.int32],
    users_U: Names,
    price_TI: Price,
    first: date,
    rng: np.random.Generator,
) -> pa.Table:
    """One purchase event for each count, ordered by time.

    A user visits at most once a day, at a time drawn for that day; what was bought then is one
    order. Events carry their row number as id, so that equal ones stay apart.
    """
    users, _, steps = count_UTS.shape
    items = price_TI.shape[1]
    cells = np.repeat(np.arange(count_UTS.size), count_UTS.ravel())
    user_N, topic_N, step_N = np.unravel_index(cells, count_UTS.shape)
    count = len(cells)

    day_N = step_N * DAYS + rng.integers(0, DAYS, size=count)
    visit_UD = rng.integers(OPENS, CLOSES, size=(users, steps * DAYS))
    start = np.datetime64(first, "us").astype(np.int64)
    time_N = start + (day_N * 86_400 + visit_UD[user_N, day_N]) * SECOND
    order_N = user_N * (steps * DAYS) + day_N

    weight_I = np.arange(1, items + 1, dtype=np.float64) ** -ZIPF_EXPONENT
    item_N = rng.choice(items, size=count, p=weight_I / weight_I.sum())
    quantity_N = 1.0 + rng.poisson(EXTRA_UNITS, size=count)
    value_N = (price_TI[topic_N, item_N] * quantity_N).round(2)

    by_time = np.lexsort((item_N, topic_N, user_N, time_N))
    user_names = pa.array(users_U.tolist())
    names = pa.array(item_names(price_TI).tolist())
    return pa.table(
        {
            c.USER: user_names.take(pa.array(user_N[by_time])),
            c.ITEM: names.take(pa.array((topic_N * items + item_N)[by_time])),
            c.TIME: pa.array(time_N[by_time].view("datetime64[us]")),
            c.KIND: pa.array(["purchase"]).take(pa.array(np.zeros(count, dtype=np.int64))),
            c.VALUE: pa.array(value_N[by_time]),
            c.QUANTITY: pa.array(quantity_N[by_time]),
            c.ORDER: pa.array(order_N[by_time]).cast(pa.string()),
            c.QUERY: pa.nulls(count, pa.string()),
            c.DWELL: pa.nulls(count, pa.float64()),
            c.EVENT: pa.array(np.arange(count)).cast(pa.string()),
        },
        schema=EVENT_SCHEMA,
    )
