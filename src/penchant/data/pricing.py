"""Pricing: list prices that change, promotions known ahead, and demand that follows both.

Shapes: T topics, S steps, I items (of a topic, or of the catalog), K changes of price,
V promotions.
"""

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import PROMOTION_SCHEMA
from penchant.data.rows import Doubles
from penchant.data.shopping import DAY, DAYS, START, Shelf, popularity, shelf
from penchant.data.truth import Names, Pricing

ELASTICITY = 2.0
STEPS_PER_CHANGE = 40  # of an item's list price, on average
CHANGE, SPREAD = 0.02, 0.12  # mean and deviation of the log of a change
STEPS_PER_PROMOTION = 5  # of a topic, on average
DEPTHS = (0.1, 0.2, 0.3, 0.4)
LONGEST_PROMOTION = 2  # steps


def plan_prices(price_TI: Doubles, steps: int, rng: np.random.Generator) -> Pricing:
    """Draw changes of price and promotions for the whole time of a world."""
    topics, size = len(price_TI), price_TI.size
    changes = size * steps // STEPS_PER_CHANGE
    item_K = rng.integers(0, size, size=changes)
    step_K = rng.integers(1, steps, size=changes)
    order_K = np.lexsort((step_K, item_K))
    item_K, step_K = item_K[order_K], step_K[order_K]
    log_IS = np.zeros((size, steps))
    np.add.at(log_IS, (item_K, step_K), rng.normal(CHANGE, SPREAD, size=changes))
    listed_IS = price_TI.reshape(-1, 1) * np.exp(log_IS.cumsum(axis=1))

    promotions = max(1, topics * steps // STEPS_PER_PROMOTION)
    depth_V = rng.choice(np.array(DEPTHS), size=promotions)
    return Pricing(
        item_K=item_K.astype(np.int32),
        step_K=step_K.astype(np.int32),
        price_K=listed_IS[item_K, step_K].round(2).clip(0.01).astype(np.float32),
        promoted_V=rng.integers(0, size, size=promotions, dtype=np.int32),
        start_V=rng.integers(0, steps, size=promotions, dtype=np.int32),
        steps_V=rng.integers(1, LONGEST_PROMOTION + 1, size=promotions, dtype=np.int32),
        depth_V=depth_V.astype(np.float32),
        lift_V=((1 - depth_V) ** -ELASTICITY).astype(np.float32),
        elasticity=ELASTICITY,
    )


def priced_shelf(price_TI: Doubles, pricing: Pricing, steps: int) -> tuple[Shelf, Doubles]:
    """What the items cost and weigh in each step, and what that does to each topic's demand.

    The second is `factor_TS`: a topic sells as its items do. Where promotions of an item overlap
    the deepest holds.
    """
    topics, items = price_TI.shape
    listed_IS = np.repeat(price_TI.reshape(-1, 1), steps, axis=1)
    for item, step, price in zip(pricing.item_K, pricing.step_K, pricing.price_K, strict=True):
        listed_IS[item, step:] = price
    depth_IS = np.zeros_like(listed_IS)
    for late in range(LONGEST_PROMOTION):
        runs_V = (pricing.steps_V > late) & (pricing.start_V + late < steps)
        cells = (pricing.promoted_V[runs_V], pricing.start_V[runs_V] + late)
        np.maximum.at(depth_IS, cells, pricing.depth_V[runs_V])
    paid_TSI = _by_step((listed_IS * (1 - depth_IS)).round(2).clip(0.01), topics)
    base_TSI = np.broadcast_to(popularity(items), (topics, 1, items))
    weight_TSI = base_TSI * (paid_TSI / price_TI[:, None, :]) ** -pricing.elasticity
    factor_TS = weight_TSI.sum(axis=2) / base_TSI.sum(axis=2)
    return shelf(weight_TSI, paid_TSI), factor_TS


def _by_step(array_IS: Doubles, topics: int) -> Doubles:
    return array_IS.reshape(topics, -1, array_IS.shape[1]).transpose(0, 2, 1)


def promotion_table(pricing: Pricing, items_I: Names) -> pa.Table:
    """The promotions as a shop knows them ahead: item, start, end, and depth as the strength."""
    start_V = START + pricing.start_V.astype(np.int64) * DAYS * DAY
    end_V = start_V + pricing.steps_V.astype(np.int64) * DAYS * DAY
    order_V = np.lexsort((pricing.promoted_V, start_V))
    return pa.table(
        {
            c.ITEM: pa.array(items_I[pricing.promoted_V[order_V]].tolist(), pa.string()),
            c.START: pa.array(start_V[order_V].view("datetime64[us]")),
            c.END: pa.array(end_V[order_V].view("datetime64[us]")),
            c.STRENGTH: pa.array(pricing.depth_V[order_V].astype(np.float64).round(2)),
        },
        schema=PROMOTION_SCHEMA,
    )
