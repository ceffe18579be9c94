"""A backtest's tables as the report asks them: averages, the best model, what held.

A cutoff is a number of steps from the history's origin, so its date is the history's to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa

from penchant import columns as c
from penchant.dashboard.metrics import MAIN_METRIC, Metric, metric_of
from penchant.interest.history import History

POPULARITY = "popularity"
ALL_WINDOWS = "all"

Row = dict[str, Any]


@dataclass(frozen=True)
class Average:
    """Mean of a metric over cutoffs (and windows), with the mean ends of its intervals."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Past:
    """What a backtest measured at past cutoffs; empty where none was run."""

    origin_date: date
    scores: tuple[Row, ...]
    reliability: tuple[Row, ...]
    demand: tuple[Row, ...]
    dates: dict[int, date]

    @classmethod
    def of(
        cls,
        history: History,
        table: pa.Table | None,
        reliability: pa.Table | None,
        demand: pa.Table | None,
    ) -> "Past":
        """Read the tables, leaving out values that are not defined."""
        scores, bins, totals = (
            tuple(found.to_pylist()) if found is not None else ()
            for found in (table, reliability, demand)
        )
        interest = history.interest
        dates = {
            row[c.CUTOFF]: interest.step.start(interest.origin + row[c.CUTOFF])
            for row in (*scores, *bins, *totals)
        }
        known = tuple(row for row in scores if _finite(row[c.VALUE]))
        return cls(interest.step.start(interest.origin), known, bins, totals, dates)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the models, best first by the main metric."""
        names = dict.fromkeys(row[c.MODEL] for row in self.scores)
        metric = metric_of(MAIN_METRIC)
        found = {name: self.average(MAIN_METRIC, name) for name in names}
        return tuple(
            sorted(
                names,
                key=lambda name: (
                    metric.distance(average.value) if (average := found[name]) else float("inf"),
                    name,
                ),
            )
        )

    @property
    def best(self) -> str | None:
        """The model with the best main metric, if any was scored."""
        return self.models[0] if self.models else None

    @cached_property
    def windows(self) -> tuple[str, ...]:
        """Names of the windows, nearest first."""
        names = {row[c.WINDOW] for row in (*self.scores, *self.reliability, *self.demand)}
        return tuple(sorted(names - {ALL_WINDOWS}, key=lambda name: int(name.split("-")[0])))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics found, in the order in which the report explains them."""
        found = dict.fromkeys(row[c.METRIC] for row in self.scores)
        return tuple(sorted(map(metric_of, found), key=lambda metric: metric.place))

    @cached_property
    def cutoffs(self) -> tuple[int, ...]:
        """The cutoffs, earliest first."""
        return tuple(sorted(self.dates))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Row]]:
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.scores:
            found.setdefault((row[c.METRIC], row[c.MODEL]), []).append(row)
        return found

    def average(self, metric: str, model: str, window: str | None = None) -> Average | None:
        """A metric's mean over cutoffs, in one window or over all of them; none if unknown."""
        rows = self._rows.get((metric, model), [])
        rows = [row for row in rows if window is None or row[c.WINDOW] == window]
        if not rows:
            return None
        bounded = all(_finite(row[c.LOW]) and _finite(row[c.HIGH]) for row in rows)
        return Average(
            _mean(row[c.VALUE] for row in rows),
            _mean(row[c.LOW] for row in rows) if bounded else None,
            _mean(row[c.HIGH] for row in rows) if bounded else None,
        )

    def of_model(self, rows: tuple[Row, ...]) -> tuple[str | None, list[Row]]:
        """Rows of the best model that has any, and its name."""
        found = {row[c.MODEL] for row in rows}
        ranked = [name for name in self.models if name in found] or sorted(found)
        if not ranked:
            return None, []
        return ranked[0], [row for row in rows if row[c.MODEL] == ranked[0]]


def _finite(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
