"""A recipe with a clock: the processor time that fitting and forecasting took, over all threads.

On a machine shared with others it says more than the wall clock does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from penchant import columns as c
from penchant.evaluation.result import SCORES_SCHEMA, Backtest
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import Model, Recipe
from penchant.interest.task import Task


@dataclass(frozen=True)
class Clocked:
    """Recipe. Fits and forecasts as `recipe` does, and adds up the time spent at each cutoff."""

    recipe: Recipe
    seconds: dict[int, float] = field(default_factory=dict)  # by cutoff

    def fit(self, history: History, task: Task) -> "ClockedModel":
        """Fit the recipe inside."""
        start = time.process_time()
        model = self.recipe.fit(history, task)
        self.seconds[history.cutoff] = time.process_time() - start
        return ClockedModel(model, self.seconds)


@dataclass(frozen=True)
class ClockedModel:
    """Model."""

    model: Model
    seconds: dict[int, float]

    def predict(self, history: History) -> Forecast:
        """Forecast with the model inside."""
        start = time.process_time()
        forecast = self.model.predict(history)
        self.seconds[history.cutoff] += time.process_time() - start
        return forecast


def with_processor_time(result: Backtest, recipes: Mapping[str, Clocked]) -> Backtest:
    """A backtest with each recipe's processor seconds among its costs."""
    costs = [
        row | {c.METRIC: "cpu_seconds", c.VALUE: recipes[row[c.MODEL]].seconds[row[c.CUTOFF]]}
        for row in result.table.to_pylist()
        if row[c.METRIC] == "seconds"
    ]
    table = pa.Table.from_pylist(costs, schema=SCORES_SCHEMA)
    return replace(result, table=pa.concat_tables([result.table, table]))
