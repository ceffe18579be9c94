"""A recipe with a clock and a gauge: processor time over all threads, and the memory it added.

On a machine shared with others processor time says more than the wall clock does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from bench.memory import held_mib, highest_mib, set_mark
from penchant import columns as c
from penchant.evaluation.result import SCORES_SCHEMA, Backtest
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import Model, Recipe
from penchant.interest.task import Task


@dataclass(frozen=True)
class Clocked:
    """Recipe. Fits and forecasts as `recipe` does, and notes what that cost at each cutoff."""

    recipe: Recipe
    seconds: dict[int, float] = field(default_factory=dict)  # by cutoff
    mib: dict[int, float] = field(default_factory=dict)  # beyond what was held before

    def fit(self, history: History, task: Task) -> "ClockedModel":
        """Fit the recipe inside."""
        set_mark()
        held, start = held_mib(), time.process_time()
        model = self.recipe.fit(history, task)
        self.seconds[history.cutoff] = time.process_time() - start
        self.mib[history.cutoff] = highest_mib() - held
        return ClockedModel(model, self, held)


@dataclass(frozen=True)
class ClockedModel:
    """Model."""

    model: Model
    clock: Clocked
    held: float  # MiB before the fit

    def predict(self, history: History) -> Forecast:
        """Forecast with the model inside."""
        start = time.process_time()
        forecast = self.model.predict(history)
        self.clock.seconds[history.cutoff] += time.process_time() - start
        self.clock.mib[history.cutoff] = highest_mib() - self.held
        return forecast


def with_costs(
    result: Backtest, recipes: Mapping[str, Clocked], *, fresh: bool = False
) -> Backtest:
    """A backtest with each recipe's processor seconds among its costs.

    In a `fresh` process its own memory too; elsewhere it may reuse what earlier models left.
    """
    costs = []
    for row in result.table.to_pylist():
        if row[c.METRIC] == "seconds":
            clock, cutoff = recipes[row[c.MODEL]], row[c.CUTOFF]
            costs.append(row | {c.METRIC: "cpu_seconds", c.VALUE: clock.seconds[cutoff]})
            if fresh:
                costs.append(row | {c.METRIC: "own_mib", c.VALUE: clock.mib[cutoff]})
    table = pa.Table.from_pylist(costs, schema=SCORES_SCHEMA)
    return replace(result, table=pa.concat_tables([result.table, table]))
