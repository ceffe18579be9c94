"""The result of a backtest: tables that stand alone, and the two questions asked of them most.

Shapes: D draws, C cutoffs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.errors import DataError, suggest
from penchant.evaluation.bootstrap import Difference, interval
from penchant.evaluation.metrics import distance
from penchant.interest.counts import Doubles

_WHERE = [(c.MODEL, pa.string()), (c.CUTOFF, pa.int32()), (c.WINDOW, pa.string())]
SCORES_SCHEMA = pa.schema(
    [
        (c.DATASET, pa.string()),
        (c.CUTOFF, pa.int32()),  # steps from the history's origin
        (c.DATE, pa.date32()),
        (c.WINDOW, pa.string()),  # `all` for the costs of a fit
        (c.MODEL, pa.string()),
        (c.METRIC, pa.string()),
        (c.VALUE, pa.float64()),  # null where a metric isn't defined
        (c.LOW, pa.float64()),  # 95 % interval over users; null where there is none
        (c.HIGH, pa.float64()),
    ]
)
REPLICATES_SCHEMA = pa.schema(
    [*_WHERE, (c.METRIC, pa.string()), (c.DRAWS, pa.list_(pa.float32()))]  # values under each draw
)
RELIABILITY_SCHEMA = pa.schema(
    [
        *_WHERE,
        (c.LOW, pa.float64()),  # the bin's ends
        (c.HIGH, pa.float64()),
        (c.CHANCE, pa.float64()),  # mean forecast in the bin
        (c.FREQUENCY, pa.float64()),  # part of its cells that were active
        (c.CELLS, pa.int64()),
    ]
)
DEMAND_SCHEMA = pa.schema(
    [
        *_WHERE,
        (c.TOPIC, pa.string()),
        (c.ACTUAL, pa.float64()),
        (c.MEAN, pa.float64()),
        (c.LOW, pa.int64()),  # 80 % interval
        (c.HIGH, pa.int64()),
    ]
)
FAILURES_SCHEMA = pa.schema(
    [(c.MODEL, pa.string()), (c.CUTOFF, pa.int32()), (c.ERROR, pa.string())]
)


@dataclass(frozen=True)
class Backtest:
    """What a backtest found, as tables; `leaderboard` and `compare` average over cutoffs."""

    table: pa.Table  # SCORES_SCHEMA
    replicates: pa.Table  # REPLICATES_SCHEMA
    reliability: pa.Table  # RELIABILITY_SCHEMA
    demand: pa.Table  # DEMAND_SCHEMA
    failures: pa.Table  # FAILURES_SCHEMA

    def leaderboard(self, metric: str = "average_precision") -> pa.Table:
        """Mean of a metric over cutoffs, for each window, best model first.

        Columns: window, model, value, low, high, cutoffs. A user is drawn alike at every cutoff,
        so the interval knows that the same people recur. Models that failed at some cutoff
        average fewer; `cutoffs` says how many.
        """
        rows = []
        for window in self._names(c.WINDOW, metric):
            board = []
            for model in self._names(c.MODEL, metric):
                found = self._found(metric, window, model)
                if found:
                    low, high = interval(_mean(draws_D for _, draws_D in found.values()))
                    value = float(np.mean([value for value, _ in found.values()]))
                    board.append((window, model, value, low, high, len(found)))
            rows += sorted(board, key=lambda row: distance(metric, row[2]))
        names = (c.WINDOW, c.MODEL, c.VALUE, c.LOW, c.HIGH, c.CUTOFFS)
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return pa.table(
            {
                name: pa.array(column, from_pandas=True)
                for name, column in zip(names, columns, strict=True)
            }
        )

    def compare(self, model: str, other: str, metric: str, window: str) -> Difference:
        """A metric of `model` less that of `other`, mean over the cutoffs that both have.

        Paired: at every cutoff both are resampled with the same draws of the same users.
        """
        found, beside = (self._found(metric, window, name) for name in (model, other))
        shared = sorted(found.keys() & beside.keys())
        if not shared:
            raise DataError(
                f"No cutoff has '{metric}' in window '{window}' for both '{model}' and '{other}'. "
                f"Models with it: {', '.join(self._names(c.MODEL, metric)) or 'none'}."
            )
        value = float(np.mean([found[at][0] - beside[at][0] for at in shared]))
        low, high = interval(_mean(found[at][1] - beside[at][1] for at in shared))
        return Difference(value, low, high)

    def write(self, folder: Path) -> None:
        """Write each table as a Parquet file of its name."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            pq.write_table(getattr(self, field.name), folder / f"{field.name}.parquet")

    @classmethod
    def read(cls, folder: Path) -> "Backtest":
        """Read what `write` wrote."""
        paths = {field.name: folder / f"{field.name}.parquet" for field in fields(cls)}
        missing = [path.name for path in paths.values() if not path.is_file()]
        if missing:
            raise DataError(
                f"{folder} holds no complete backtest: {', '.join(missing)} not found. "
                "Run `penchant backtest` again."
            )
        return cls(**{name: pq.read_table(path) for name, path in paths.items()})

    def _names(self, column: str, metric: str) -> list[str]:
        """Names in a column among rows of a metric, in order of appearance."""
        names = self.table[c.METRIC].to_pylist()
        if metric not in names:
            raise DataError(f"The backtest has no metric '{metric}'. {suggest(metric, set(names))}")
        found = zip(names, self.table[column].to_pylist(), strict=True)
        return list(dict.fromkeys(name for row, name in found if row == metric))

    def _found(self, metric: str, window: str, model: str) -> dict[int, tuple[float, Doubles]]:
        """Value and draws at each cutoff where the metric is defined."""
        mine = (pc.field(c.METRIC) == metric) & (pc.field(c.WINDOW) == window)
        mine &= pc.field(c.MODEL) == model
        drawn = self.replicates.filter(mine)
        draws = dict(zip(drawn[c.CUTOFF].to_pylist(), drawn[c.DRAWS].to_pylist(), strict=True))
        scores = self.table.filter(mine & pc.field(c.VALUE).is_valid())
        values = zip(scores[c.CUTOFF].to_pylist(), scores[c.VALUE].to_pylist(), strict=True)
        return {
            cutoff: (value, np.array(draws.get(cutoff, []), dtype=np.float64))
            for cutoff, value in values
        }


def _mean(draws_CD: Iterable[Doubles]) -> Doubles:
    """Mean over cutoffs of each draw."""
    return np.mean(list(draws_CD), axis=0)
