"""Rows of results: what a benchmark found, one number each, as its JSON file keeps them.

Every table on a page is made of rows, so that each number shown is in the file.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa

from penchant import columns as c
from penchant.evaluation.ledger import ALL
from penchant.evaluation.result import Backtest

MEAN = c.MEAN  # the cutoff of a mean over cutoffs
DIGITS = 6  # significant ones in the file


@dataclass(frozen=True)
class Row:
    """One number: `low` and `high` are its 95 % interval over users, none where there is none."""

    dataset: str
    cutoff: int | str  # steps from the history's origin, or `mean`
    window: str  # `1-4`, or `all` for what is measured once
    model: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Rows:
    """Rows by dataset, cutoff, window, model and metric, in order."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows = {
            (row.dataset, row.cutoff, row.window, row.model, row.metric): row for row in rows
        }

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def find(
        self, dataset: str, cutoff: int | str, window: str, model: str, metric: str
    ) -> Row | None:
        """The row of a place, or None if it was not measured."""
        return self._rows.get((dataset, cutoff, window, model, metric))

    def values(self, dataset: str, cutoff: int | str, field: str) -> list[str]:
        """Distinct windows, models or metrics of a data set at a cutoff, in order."""
        mine = (row for row in self if (row.dataset, row.cutoff) == (dataset, cutoff))
        return list(dict.fromkeys(getattr(row, field) for row in mine))


def joined(results: Iterable[Backtest]) -> Backtest:
    """Backtests of the same users as one."""
    parts = list(results)
    return Backtest(
        **{
            field.name: pa.concat_tables([getattr(part, field.name) for part in parts])
            for field in fields(Backtest)
        }
    )


def score_rows(result: Backtest) -> list[Row]:
    """Every score of a backtest."""
    names = (c.DATASET, c.CUTOFF, c.WINDOW, c.MODEL, c.METRIC, c.VALUE, c.LOW, c.HIGH)
    return [Row(**row) for row in result.table.select(names).to_pylist()]


def mean_rows(result: Backtest, dataset: str, least: int = 2) -> list[Row]:
    """Every metric's mean over the cutoffs that have it, if there are `least` of them."""
    models = list(dict.fromkeys(result.table[c.MODEL].to_pylist()))
    rows = [
        Row(dataset, MEAN, at[c.WINDOW], at[c.MODEL], metric, at[c.VALUE], at[c.LOW], at[c.HIGH])
        for metric in dict.fromkeys(result.table[c.METRIC].to_pylist())
        for at in result.leaderboard(metric).to_pylist()
        if at[c.CUTOFFS] >= least
    ]
    return sorted(rows, key=lambda row: models.index(row.model))


def difference_rows(
    result: Backtest, at: tuple[str, int | str], models: tuple[str, str], metrics: Iterable[str]
) -> list[Row]:
    """A model less another, paired over users, in each window of a backtest at one cutoff."""
    dataset, cutoff = at
    scored = score_rows(result)
    have = {(row.window, row.model, row.metric) for row in scored if row.value is not None}
    rows = []
    for metric in metrics:
        for window in dict.fromkeys(row.window for row in scored if row.window != ALL):
            if all((window, model, metric) in have for model in models):
                found = result.compare(*models, metric, window)
                place = (dataset, cutoff, window, " - ".join(models), metric)
                rows.append(Row(*place, found.value, found.low, found.high))
    return rows


def ratio_rows(
    rows: Rows, at: tuple[str, int | str], models: tuple[str, str], metrics: Iterable[str]
) -> list[Row]:
    """A model's cost over another's in the same run, which says more than seconds do."""
    found = []
    for metric in metrics:
        above, below = (rows.find(*at, ALL, model, metric) for model in models)
        if above and below and above.value and below.value:
            found.append(Row(*at, ALL, " / ".join(models), metric, above.value / below.value))
    return found


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a JSON list, a row a line; what isn't finite becomes null."""
    lines = [
        json.dumps(
            {name: _rounded(value) for name, value in asdict(row).items()},
            allow_nan=False,
            separators=(",", ":"),
        )
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def read_rows(path: Path) -> Rows:
    """Read what `write_rows` wrote."""
    return Rows(Row(**row) for row in json.loads(path.read_text(encoding="utf-8")))


def _rounded(value: float | str | None) -> float | str | None:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
