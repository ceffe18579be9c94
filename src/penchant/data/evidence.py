"""Evidence: a store's tables, with the few aggregates that several rules read.

Each aggregate is made once, when first asked for, in one pass over the columns it needs. What
comes back is small: kinds × days × hours. What grows with customers or items stays in the engine.
Shapes: D days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA, PURCHASE
from penchant.data.step import Step

LEAST_SILENCE = 28  # days
SILENCE = 15  # times the median gap between days with events
STRAY_SHARE = 0.01  # of the events


@dataclass(frozen=True)
class Evidence:
    """Tables of a store; `target` are the kinds forecast."""

    events: ir.Table
    catalog: ir.Table | None = None
    quarantine: ir.Table | None = None
    target: tuple[str, ...] = (PURCHASE,)

    def __post_init__(self) -> None:
        # Events of merged identities are a join, which can't be joined with its own aggregates.
        object.__setattr__(self, "events", self.events.select(*EVENT_SCHEMA.names))

    @cached_property
    def hours(self) -> pd.DataFrame:
        """Rows by kind, day (index of `Step.DAY`) and hour, and those at midnight exactly."""
        at = self.events[c.TIME]
        marked = self.events.select(
            c.KIND,
            day=Step.DAY.expression(at),
            hour=at.hour().cast("int32"),
            midnight=((at.epoch_seconds() % 86_400) == 0).cast("int64"),
        )
        grouped = marked.group_by(c.KIND, "day", "hour")
        return (
            grouped.agg(rows=marked.count(), midnight=marked["midnight"].sum())
            .order_by(c.KIND, "day", "hour")
            .to_pandas()
        )

    @cached_property
    def rows(self) -> int:
        """Events held."""
        return int(self.hours[c.ROWS].sum())

    @cached_property
    def kinds(self) -> dict[str, int]:
        """Events of each kind."""
        counted = self.hours.groupby(c.KIND)[c.ROWS].sum()
        return {str(kind): int(rows) for kind, rows in counted.items()}

    @cached_property
    def active_days(self) -> "pd.Series[int]":
        """Events of each day that has any."""
        return self.hours.groupby("day")[c.ROWS].sum()

    @cached_property
    def plausible(self) -> tuple[int, int]:
        """First and last day without stray dates.

        Days are stray that hold few of the events and lie apart from the rest by a silence far
        longer than any usual one, such as 1970-01-01 before a log of last year.
        """
        days = self.active_days.index.to_numpy()
        if len(days) < 2:
            return int(days[0]), int(days[-1])
        gap = np.diff(days)
        cut = np.flatnonzero(gap > max(LEAST_SILENCE, SILENCE * np.median(gap))) + 1
        runs = np.split(np.arange(len(days)), cut)
        rows = self.active_days.to_numpy()
        kept = [run for run in runs if rows[run].sum() >= STRAY_SHARE * self.rows]
        return int(days[kept[0][0]]), int(days[kept[-1][-1]])

    def daily(self, kind: str | None = None) -> npt.NDArray[np.int64]:
        """Events of each plausible day, of one kind or all, as `count_D`."""
        first, last = self.plausible
        found = self.hours if kind is None else self.hours[self.hours[c.KIND] == kind]
        inside = found[(found["day"] >= first) & (found["day"] <= last)]
        weights = inside[c.ROWS].to_numpy()
        counts = np.bincount(inside["day"] - first, weights=weights, minlength=last - first + 1)
        return counts.astype(np.int64)

    @cached_property
    def customers(self) -> ir.Table:
        """Of each kind and user: rows, days with any, rows on the busiest day."""
        marked = self.events.select(c.KIND, c.USER, day=Step.DAY.expression(self.events[c.TIME]))
        days = marked.group_by(c.KIND, c.USER, "day").agg(rows=marked.count())
        return (
            days.group_by(c.KIND, c.USER)
            .agg(rows=days[c.ROWS].sum(), days=days.count(), busiest=days[c.ROWS].max())
            .cache()
        )

    @cached_property
    def items(self) -> ir.Table:
        """Rows of each item."""
        named = self.events.filter(self.events[c.ITEM].notnull())
        return named.group_by(c.ITEM).agg(rows=named.count()).cache()

    def months(self) -> Iterator[ir.Table]:
        """Events month by month, those with any, so that what is grouped finely fits in memory."""
        days = pd.Series(self.active_days.index)
        for index in sorted({Step.MONTH.index_of(Step.DAY.start(int(day))) for day in days}):
            start, end = (Step.MONTH.start(index + ahead) for ahead in (0, 1))
            yield self.between(start, end)

    def between(self, start: date, end: date) -> ir.Table:
        """Events from a day to the day before `end`."""
        at = self.events[c.TIME]
        first, after = (datetime.combine(day, time()) for day in (start, end))
        return self.events.filter((at >= first) & (at < after))


def day_text(day: int) -> str:
    """The day of an index, as ISO text."""
    return Step.DAY.start(day).isoformat()


def totals(table: ir.Table, **values: ir.Scalar) -> dict[str, int]:
    """Run an aggregate of whole numbers over a table; those of nothing are 0."""
    found = table.agg(**values).to_pyarrow().to_pylist()[0]
    return {name: int(value or 0) for name, value in found.items()}
