"""Unit prices: days from which most items cost a multiple of what they did, as cents for euros.

Shapes: M months, D days.
"""

from dataclasses import dataclass
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from penchant import columns as c
from penchant.data.events import PURCHASE
from penchant.data.evidence import Evidence, day_text
from penchant.data.findings import Finding, several
from penchant.data.step import Step

LEAST_ITEMS = 20  # sold before and after
LEAST_CHANGE = float(np.log(1.07))
SERIOUS_CHANGE = float(np.log(1.5))
ALIKE = 0.1  # of the log ratio, within which an item goes along
AGREE = 0.5  # of the items go along
APART = 2  # months, within which two jumps are one change


@dataclass(frozen=True)
class Change:
    """A day from which prices are `factor` times what they were."""

    day: int
    factor: float
    items: int  # that agree
    compared: int


def unit_change(evidence: Evidence) -> tuple[Finding, ...]:
    """Days on which most items' unit price jumps by one factor and stays there."""
    findings = []
    for change in price_changes(evidence):
        what = (
            f"From {day_text(change.day)} on items cost {change.factor:,.3g} times what they did: "
            f"{change.items:,} of {several(change.compared, 'item')} compared. A unit or currency "
            "changed, or all prices were raised."
        )
        findings.append(
            Finding(
                code="unit_change",
                what=what,
                advice="Bring the values before and after to one unit and currency, and ingest "
                "them again.",
                serious=abs(np.log(change.factor)) >= SERIOUS_CHANGE,
                items=change.items,
                examples=(
                    {
                        "day": day_text(change.day),
                        "factor": round(change.factor, 3),
                        "items": change.items,
                        "compared": change.compared,
                    },
                ),
            )
        )
    return tuple(findings)


@dataclass(frozen=True)
class _Sales:
    """Purchases with the log of their unit price."""

    evidence: Evidence

    @cached_property
    def priced(self) -> ir.Table:
        events = self.evidence.events
        units = ibis.coalesce(events[c.QUANTITY], 1.0)
        sold = events.filter(
            (events[c.KIND] == PURCHASE)
            & events[c.ITEM].notnull()
            & (events[c.VALUE] > 0)
            & (units > 0)
        )
        return sold.select(
            c.ITEM,
            day=Step.DAY.expression(sold[c.TIME]),
            month=Step.MONTH.expression(sold[c.TIME]),
            log=(sold[c.VALUE] / ibis.coalesce(sold[c.QUANTITY], 1.0).nullif(0)).ln(),
        )

    @cached_property
    def by_month(self) -> ir.Table:
        """Mean log unit price of each item and month."""
        priced = self.priced
        return priced.group_by(c.ITEM, c.MONTH).agg(log=priced["log"].mean()).cache()

    def jumps(self) -> pd.DataFrame:
        """For each month the items sold before, and the median of their log ratios to then."""
        months = self.by_month
        window = ibis.window(group_by=c.ITEM, order_by=c.MONTH)
        ratio = months["log"] - months["log"].lag().over(window)
        moved = months.select(c.MONTH, ratio=ratio)
        moved = moved.filter(moved["ratio"].notnull())
        grouped = moved.group_by(c.MONTH)
        return (
            grouped.agg(items=moved.count(), jump=moved["ratio"].median())
            .order_by(c.MONTH)
            .to_pandas()
        )

    def deviations(self, first: int, last: int) -> pd.DataFrame:
        """Mean log ratio of each item and day, from one month to another, to its own past."""
        months, priced = self.by_month, self.priced
        before = months.filter(months[c.MONTH] < first)
        before = before.group_by(c.ITEM).agg(past=before["log"].mean())
        sold = priced.filter((priced[c.MONTH] >= first) & (priced[c.MONTH] <= last))
        joined = sold.inner_join(before, c.ITEM)
        joined = joined.select(c.ITEM, "day", ratio=joined["log"] - joined["past"])
        grouped = joined.group_by("day", c.ITEM)
        return grouped.agg(ratio=joined["ratio"].mean()).to_pandas()


def price_changes(evidence: Evidence) -> list[Change]:
    """Changes that last, by day."""
    sales = _Sales(evidence)
    jumps = sales.jumps()
    jumps = jumps[jumps["items"] >= LEAST_ITEMS]
    jumped = jumps[jumps["jump"].abs() >= LEAST_CHANGE / 2][c.MONTH].tolist()
    spans: list[tuple[int, int]] = []
    for month in jumped:
        if spans and month - spans[-1][1] < APART:
            spans[-1] = (spans[-1][0], month)
        else:
            spans.append((month, month))
    found = (_change(sales, first, last) for first, last in spans)
    return [change for change in found if change is not None]


def _change(sales: _Sales, first: int, last: int) -> Change | None:
    """Find the day that splits best, and compare each item's prices after it with its past.

    Prices that come back within the next month were a sale.
    """
    moved = sales.deviations(first, last + 1)
    if not len(moved):
        return None
    daily = moved.groupby("day")["ratio"].median()
    split = int(daily.index[0]) if len(daily) < 2 else _split(daily)
    after = moved[moved["day"] >= split].groupby(c.ITEM)["ratio"].mean()
    factor = float(after.median()) if len(after) else 0.0
    agree = int((after.sub(factor).abs() <= ALIKE).sum())
    end = daily.iloc[-max(1, len(daily) // 5) :].median()
    if (
        len(after) < LEAST_ITEMS
        or abs(factor) < LEAST_CHANGE
        or agree < AGREE * len(after)
        or abs(end - factor) > max(ALIKE, abs(factor) / 2)
    ):
        return None
    return Change(split, float(np.exp(factor)), agree, len(after))


def _split(daily: "pd.Series[float]") -> int:
    """The day that splits a series into the two most even parts; the first, if those are alike."""
    value_D = daily.to_numpy()
    before, count = np.cumsum(value_D), np.arange(1, len(value_D) + 1)
    total = before[-1]
    explained = before[:-1] ** 2 / count[:-1] + (total - before[:-1]) ** 2 / count[:-1][::-1]
    split = int(explained.argmax()) + 1
    first, second = value_D[:split].mean(), value_D[split:].mean()
    return int(daily.index[split if abs(first - second) > abs(second) / 2 else 0])
