"""The ledger of a backtest: each trial, and the rows that its scores add to the result's tables.

Shapes: U users, D draws, T topics, B bins.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from penchant.evaluation import result
from penchant.evaluation.bootstrap import interval
from penchant.evaluation.case import Case
from penchant.evaluation.chance import ece
from penchant.evaluation.metrics import scores
from penchant.evaluation.result import Backtest
from penchant.evaluation.score import quotient
from penchant.interest import counts
from penchant.interest.counts import Doubles
from penchant.interest.forecast import TABLE_LEVEL, Forecast
from penchant.interest.history import History
from penchant.interest.outcome import Outcome
from penchant.interest.task import Task

ALL = "all"  # the window of what is measured once for all windows

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Trial:
    """One recipe at one cutoff: what it forecast, what happened, and at what cost."""

    model: str
    cutoff: int
    past: History
    outcome: Outcome
    forecast: Forecast | None  # none if it failed
    error: str  # why it failed, or empty
    fit_seconds: float
    predict_seconds: float


@dataclass(frozen=True)
class Ledger:
    """Rows of the result's tables, while trials come in."""

    dataset: str
    table: list[Row] = field(default_factory=list)
    replicates: list[Row] = field(default_factory=list)
    reliability: list[Row] = field(default_factory=list)
    demand: list[Row] = field(default_factory=list)
    failures: list[tuple[str, int, str]] = field(default_factory=list)

    def enter(self, trial: Trial, task: Task, weight_DU: Doubles) -> None:
        """Score a trial in every window."""
        if trial.forecast is None:
            self.failures.append((trial.model, trial.cutoff, trial.error))
            return
        for cost, value in _costs(trial).items():
            self._score(trial, ALL, cost, value)
        for w, window in enumerate(task.windows):
            case = Case(trial.past, task, trial.forecast, trial.outcome, w)
            for metric, score in scores(case).items():
                value_D = score.values(weight_DU)
                self._score(trial, window.name, metric, score.value(), *interval(value_D))
                where = (trial.model, trial.cutoff, window.name)
                self.replicates.append((*where, metric, value_D.astype(np.float32)))
            self.reliability.extend(_calibration_rows(trial, window.name, case))
            self.demand.extend(_demand_rows(trial, window.name, case))

    def _score(
        self,
        trial: Trial,
        window: str,
        metric: str,
        value: float,
        low: float = float("nan"),
        high: float = float("nan"),
    ) -> None:
        where = (self.dataset, trial.cutoff, trial.past.cutoff_date, window)
        self.table.append((*where, trial.model, metric, value, low, high))

    def close(self) -> Backtest:
        """The tables."""
        return Backtest(
            table=_table(self.table, result.SCORES_SCHEMA),
            replicates=_table(self.replicates, result.REPLICATES_SCHEMA),
            reliability=_table(self.reliability, result.RELIABILITY_SCHEMA),
            demand=_table(self.demand, result.DEMAND_SCHEMA),
            failures=_table(self.failures, result.FAILURES_SCHEMA),
        )


def _table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Rows as a table; NaN becomes null."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [
        pa.array(column, type=field.type, from_pandas=True)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def _costs(trial: Trial) -> dict[str, float]:
    return {
        "seconds": trial.fit_seconds + trial.predict_seconds,
        "fit_seconds": trial.fit_seconds,
        "predict_seconds": trial.predict_seconds,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Most memory that this process has held so far, in MiB; NaN where the system can't say."""
    if sys.platform == "win32":
        return float("nan")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here


def _calibration_rows(trial: Trial, window: str, case: Case) -> list[Row]:
    """Mean chance and frequency of each bin that holds a cell."""
    bins = ece(case)
    cells_B, hits_B = bins.cells_UB.sum(axis=0), bins.hits_UB.sum(axis=0)
    mean_B = quotient(bins.chance_UB.sum(axis=0), cells_B)
    edges = np.linspace(0, 1, len(cells_B) + 1)
    frequency_B = quotient(hits_B, cells_B)
    return [
        (trial.model, trial.cutoff, window, edges[b], edges[b + 1], mean_B[b], frequency_B[b], n)
        for b, n in enumerate(cells_B.astype(int).tolist())
        if n
    ]


def _demand_rows(trial: Trial, window: str, case: Case) -> list[Row]:
    """Every topic's actual and forecast total, with its 80 % interval."""
    total = case.forecast.total("users")
    mean_T = total.mean[:, case.window]
    low_T, high_T = (
        counts.quantile(q, mean_T, total.excess[:, case.window])
        for q in ((1 - TABLE_LEVEL) / 2, (1 + TABLE_LEVEL) / 2)
    )
    columns = (
        case.outcome.topics_T.tolist(),
        case.count_UT.sum(axis=0, dtype=np.float64).tolist(),
        mean_T.tolist(),
        low_T.tolist(),
        high_T.tolist(),
    )
    where = (trial.model, trial.cutoff, window)
    return [(*where, *row) for row in zip(*columns, strict=True)]
