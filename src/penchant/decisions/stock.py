"""Stock: how much of each item to hold, when to order more, what sells out and what to clear.

An item's demand is its topic's, by its fading share of the topic's purchases, times the units of a
purchase. How far sums over several steps were off at earlier cutoffs makes it a negative binomial,
so that slow movers get whole units and no normal distribution.
Promotions of single items and prices are not known here. Demand that was never seen, since an item
was out of stock, isn't counted.
Shapes: I items, T topics, N nodes of the tree, S steps known, H steps ahead, K cutoffs.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.step import Step
from penchant.decisions.demand import Demand
from penchant.decisions.spread import Spread, learn_spread, over, unknown_spread
from penchant.errors import SettingsError
from penchant.interest import counts
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.interest import Names

STOCK_SCHEMA = pa.schema(
    [
        pa.field(c.ITEM, pa.string(), nullable=False),
        pa.field(c.TOPIC, pa.string()),
        pa.field(c.ON_HAND, pa.float64(), nullable=False),
        pa.field(c.UNITS, pa.float64()),  # expected in all steps ahead
        pa.field(c.REORDER, pa.int64()),  # units
        pa.field(c.SAFETY, pa.float64()),  # units of it that aren't expected to be needed
        pa.field(c.COVER, pa.float64()),  # days
        pa.field(c.SOLD_OUT, pa.float64()),  # chance before what is ordered now arrives
        pa.field(c.ADVICE, pa.string(), nullable=False),
    ]
)
HALF_LIFE = 8.0  # steps, of a purchase in an item's share
LATELY = 8  # steps in which an item was bought that tells how far demand was off
UNITS_LEAN = 3.0  # purchases with the units of the topic's middle item, added to an item's own
SCATTER = 0.5  # variance of a purchase's units over their squared mean, where too few tell it
LEAST_PURCHASES = 50  # that tell it
LIKELY = 0.5  # chance of selling out from which an item is said to
CLEARED = 4  # horizons that stock lasts, beyond which it is to be cleared
DAYS = {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: 365.25 / 12}
SELLS_OUT, ORDER, CLEAR, ENOUGH, UNKNOWN = ADVICES = (
    "sells out",
    "order",
    "clear",
    "enough",
    "no sales known",
)


@dataclass(frozen=True)
class Stock:
    """What is held of each item; NaN where it wasn't said."""

    items_I: Names
    on_hand_I: Doubles  # units
    on_order_I: Doubles  # units that will arrive
    lead_I: Doubles  # days from an order to its arrival
    lead_spread_I: Doubles  # standard deviation of those days
    review_I: Doubles  # days between two orders


@dataclass(frozen=True)
class Sales:
    """What was bought of each item of a stock."""

    topic_I: Integers  # -1 of an item without one
    count_IS: Doubles  # engagements
    units_I: Doubles
    squares_I: Doubles  # sum of each engagement's units, squared


@dataclass(frozen=True)
class Inventory:
    """What to hold of each item; what can't be told is NaN, and the notes say why."""

    stock: Stock
    topic_I: tuple[str | None, ...]
    units_I: Doubles
    reorder_I: Doubles
    safety_I: Doubles
    cover_I: Doubles
    sold_out_I: Doubles
    advice_I: tuple[str, ...]
    notes: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """A row of `STOCK_SCHEMA` for every item, those that sell out first."""
        reorder_I = [None if np.isnan(units) else int(units) for units in self.reorder_I.tolist()]
        told = {
            c.UNITS: self.units_I,
            c.SAFETY: self.safety_I,
            c.COVER: np.where(np.isinf(self.cover_I), np.nan, self.cover_I),
            c.SOLD_OUT: self.sold_out_I,
        }
        columns: dict[str, Any] = {
            c.ITEM: pa.array(self.stock.items_I.tolist(), pa.string()),
            c.TOPIC: pa.array(self.topic_I, pa.string()),
            c.ON_HAND: self.stock.on_hand_I,
            c.REORDER: pa.array(reorder_I, pa.int64()),
            c.ADVICE: pa.array(self.advice_I, pa.string()),
            **{name: pa.array(part, pa.float64(), from_pandas=True) for name, part in told.items()},
        }
        place = {advice: k for k, advice in enumerate(ADVICES)}
        rank_I = np.array([place[advice] for advice in self.advice_I], dtype=np.int64)
        chance_I = np.nan_to_num(self.sold_out_I)
        much_I = np.where(rank_I == place[CLEAR], self.stock.on_hand_I, np.nan_to_num(self.units_I))
        order = np.lexsort((-much_I, -np.round(chance_I, 3), rank_I))
        return pa.table(columns).select(STOCK_SCHEMA.names).cast(STOCK_SCHEMA).take(order)


def check_service(service: float) -> None:
    """Raise SettingsError where a service level isn't between 0 and 1."""
    if not 0 < service < 1:
        raise SettingsError(
            f"A service level lies between 0 and 1, as 0.95 does; found {service:g}."
        )


def inventory(
    demand: Demand, count_TS: Doubles, sales: Sales, stock: Stock, service: float = 0.95
) -> Inventory:
    """Tell what to hold, so that demand until the next order arrives is met with chance `service`.

    `count_TS` are the topics' engagements of all steps known. Raises SettingsError for a service
    level that isn't between 0 and 1.
    """
    check_service(service)
    known_I = (sales.topic_I >= 0) & sales.count_IS.any(axis=1)
    steps = sales.count_IS.shape[1]
    mean_IH = share_I(sales, count_TS, steps)[:, None] * _by_item(demand, demand.mean_NH, sales)
    spread = _spread(demand, count_TS, sales, service)
    each_I, scatter = _units(sales)
    days = DAYS[demand.step]
    lead_I, review_I = stock.lead_I / days, np.nan_to_num(stock.review_I) / days
    unsure_I = np.nan_to_num(stock.lead_spread_I) / days

    def units(until_I: Doubles) -> tuple[Doubles, Doubles]:
        """Mean and variance of the units wanted in so many steps."""
        mean_I = _until(mean_IH, until_I)
        rate_I = mean_I / np.maximum(until_I, 1e-9)
        own_I = spread.variance_N(mean_I, until_I) + (rate_I * unsure_I) ** 2
        return mean_I * each_I, each_I**2 * (own_I + scatter * mean_I)

    def told(value_I: Doubles, also_I: Flags | bool = True) -> Doubles:
        return np.where(known_I & also_I, value_I, np.nan)

    leads_I = ~np.isnan(stock.lead_I)
    safe_I = np.where(leads_I, lead_I, 0.0)
    mean_I, variance_I = units(safe_I + review_I)
    reorder_I = counts.quantile(service, mean_I, over(variance_I, mean_I)).astype(np.float64)
    soon_I, soon_variance_I = units(safe_I)
    within_I = counts.cumulative(stock.on_hand_I, soon_I, over(soon_variance_I, soon_I))
    found = Inventory(
        stock=stock,
        topic_I=tuple(str(demand.tree.topics_T[t]) if t >= 0 else None for t in sales.topic_I),
        units_I=told(mean_IH.sum(axis=1) * each_I),
        reorder_I=told(reorder_I, leads_I),
        safety_I=told(reorder_I - mean_I, leads_I),
        cover_I=told(_cover(mean_IH * each_I[:, None], stock.on_hand_I) * days),
        sold_out_I=told(1 - within_I, leads_I),
        advice_I=(),
        notes=_notes(demand, stock, known_I, days),
    )
    return replace(found, advice_I=_advice(found, known_I, days * mean_IH.shape[1]))


def share_I(sales: Sales, count_TS: Doubles, cutoff: int) -> Doubles:
    """Each item's share of its topic's engagements, which fade, by the first steps."""
    fading_S = 0.5 ** ((cutoff - 1 - np.arange(cutoff)) / HALF_LIFE)
    topic_T = count_TS[:, :cutoff] @ fading_S
    own_I = sales.count_IS[:, :cutoff] @ fading_S
    all_I = np.where(sales.topic_I >= 0, topic_T[sales.topic_I], 0.0)
    return np.divide(own_I, all_I, out=np.zeros_like(own_I), where=all_I > 0)


def _by_item(demand: Demand, value_NH: Doubles, sales: Sales) -> Doubles:
    """Values of each item's topic; 0 of an item without one."""
    topic_TH = value_NH[-len(demand.tree.topics_T) :]
    return np.where(sales.topic_I[:, None] >= 0, topic_TH[sales.topic_I], 0.0)


def _spread(demand: Demand, count_TS: Doubles, sales: Sales, service: float) -> Spread:
    """How far items' demand, summed over steps, was off at earlier cutoffs.

    Held against how often it stayed within the service level's quantile.
    """
    items, known = sales.count_IS.shape
    if not len(demand.earlier.cutoff_K) or not items:
        return unknown_spread(items)
    sums, came = [], []
    for cutoff, mean_NH in zip(
        demand.earlier.cutoff_K.tolist(), demand.earlier.mean_KNH, strict=True
    ):
        own_I1 = share_I(sales, count_TS, cutoff)[:, None]
        sums.append((own_I1 * _by_item(demand, mean_NH, sales)).cumsum(axis=1))
        came_IH = np.full_like(sums[-1], np.nan)
        ahead = min(known - cutoff, came_IH.shape[1])
        came_IH[:, :ahead] = sales.count_IS[:, cutoff : cutoff + ahead].cumsum(axis=1)
        lately_I = sales.count_IS[:, max(0, cutoff - LATELY) : cutoff].any(axis=1)
        came_IH[~lately_I] = np.nan  # what wasn't sold then is no guide to what is sold now
        came.append(came_IH)
    level_I = np.zeros(items, dtype=np.int64)
    return learn_spread(np.stack(sums), np.stack(came), level_I, (0.0, service))


def _units(sales: Sales) -> tuple[Doubles, float]:
    """Units of an engagement with each item, and how they scatter, over their squared mean."""
    times_I = sales.count_IS.sum(axis=1)
    some_I = (times_I > 0) & (sales.units_I > 0)
    mean_I = np.divide(sales.units_I, times_I, out=np.ones_like(times_I), where=some_I)
    usual_I = np.ones_like(times_I)
    for topic in np.unique(sales.topic_I[some_I]):
        of_I = sales.topic_I == topic
        # The middle item, since one that is sold by the litre would drown all others.
        usual_I[of_I] = np.median(mean_I[of_I & some_I])
    each_I = (sales.units_I + UNITS_LEAN * usual_I) / (times_I + UNITS_LEAN)
    if times_I[some_I].sum() < LEAST_PURCHASES:
        return each_I, SCATTER
    apart_I = np.maximum(sales.squares_I - times_I * mean_I**2, 0)
    return each_I, float((apart_I[some_I] / mean_I[some_I] ** 2).sum() / times_I[some_I].sum())


def _until(mean_IH: Doubles, until_I: Doubles) -> Doubles:
    """Sums of the first so many steps, a fraction of the last; beyond them the mean goes on."""
    items, ahead = mean_IH.shape
    sum_IH = np.concatenate([np.zeros((items, 1)), mean_IH.cumsum(axis=1)], axis=1)
    inside_I = np.minimum(until_I, ahead)
    whole_I = np.minimum(inside_I.astype(np.int64), ahead - 1)
    row_I = np.arange(items)
    part_I = (inside_I - whole_I) * mean_IH[row_I, whole_I]
    beyond_I = np.maximum(until_I - ahead, 0) * mean_IH.mean(axis=1)
    return np.asarray(sum_IH[row_I, whole_I] + part_I + beyond_I)


def _cover(units_IH: Doubles, on_hand_I: Doubles) -> Doubles:
    """Steps until so many units are expected to be used up; infinite where none are."""
    items, ahead = units_IH.shape
    sum_IH = units_IH.cumsum(axis=1)
    step_I = (sum_IH < on_hand_I[:, None]).sum(axis=1)
    row_I, last_I = np.arange(items), np.minimum(step_I, ahead - 1)
    before_I = sum_IH[row_I, last_I] - units_IH[row_I, last_I]
    rate_I = units_IH[row_I, last_I]
    left_I = np.maximum(on_hand_I - before_I, 0)
    within_I = last_I + np.divide(left_I, rate_I, out=np.zeros(items), where=rate_I > 0)
    mean_I = units_IH.mean(axis=1)
    over_I = np.maximum(on_hand_I - sum_IH[:, -1], 0)
    after_I = ahead + np.divide(over_I, mean_I, out=np.full(items, np.inf), where=mean_I > 0)
    return np.where(step_I < ahead, within_I, after_I)


def _advice(found: Inventory, known_I: Flags, horizon_days: float) -> tuple[str, ...]:
    """The first that holds, in the order of `ADVICES`."""
    held_I = found.stock.on_hand_I + np.nan_to_num(found.stock.on_order_I)
    advice = []
    for item, known in enumerate(known_I.tolist()):
        if not known:
            advice.append(UNKNOWN)
        elif found.sold_out_I[item] >= LIKELY:
            advice.append(SELLS_OUT)
        elif held_I[item] <= found.reorder_I[item]:
            advice.append(ORDER)
        elif found.cover_I[item] > CLEARED * horizon_days:
            advice.append(CLEAR)
        else:
            advice.append(ENOUGH)
    return tuple(advice)


def _notes(demand: Demand, stock: Stock, known_I: Flags, days: float) -> tuple[str, ...]:
    """What can't be told, or only badly."""
    notes, horizon = [], days * demand.mean_NH.shape[1]
    if strange := int((~known_I).sum()):
        notes.append(
            f"{strange:,} of {len(known_I):,} items of the stock were never bought in the log, or "
            "stand in no topic, so nothing is said of them."
        )
    without = np.isnan(stock.lead_I)
    if without.any():
        notes.append(
            f"{int(without.sum()):,} items have no lead time, so neither a reorder point nor "
            "whether they sell out before more arrives can be told; demand and cover are."
        )
    if np.isnan(stock.review_I).all():
        notes.append(
            "No review period was given: reorder points are for stock that is looked at every day."
        )
    reach_I = np.nan_to_num(stock.lead_I) + np.nan_to_num(stock.review_I)
    if far := int((reach_I > horizon).sum()):
        notes.append(
            f"{far:,} items take longer to arrive than the {horizon:.0f} days forecast; beyond "
            "these their mean goes on."
        )
    if not len(demand.earlier.cutoff_K):
        notes.append("Too little is known to say how far items' demand may be off; it is a guess.")
    return tuple(notes)
