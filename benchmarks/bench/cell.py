"""A cell of the leaderboard: one model, one data set, one cutoff, in a process of its own.

    python -m bench.cell CELL FOLDER    (run by `bench.race`, in the folder `benchmarks`)

A fresh process makes its seconds and memory its own, and what a finished cell found stays on disk,
so that an interrupted benchmark goes on where it was.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.boardshops import BOARD
from bench.clock import Clocked, with_costs
from bench.contestants import entered, shortened
from bench.kept import kept
from bench.planted import STEPS, large_history
from bench.shops import known_task
from bench.staleness import aged
from penchant.errors import PenchantError
from penchant.evaluation.backtest import backtest
from penchant.evaluation.result import Backtest
from penchant.interest.history import History
from penchant.interest.model import Recipe, predict_blocks
from penchant.interest.task import Task

FITTED = 3000  # of the large shop's users, that a model is fitted to
Found = tuple[Backtest | None, dict[str, float]]


@dataclass(frozen=True)
class Cell:
    """What to try, and how."""

    part: str  # of PARTS
    shop: str  # of BOARD
    cutoff: int
    model: str
    draws: int
    users: int | None = None  # all
    short: bool = False  # for a smoke test

    def folder(self, root: Path) -> Path:
        """Where what it found is."""
        how = f"{self.users or 'all'}-{self.draws}{'-short' if self.short else ''}"
        return root / self.part / self.shop / how / str(self.cutoff) / self.model

    def recipe(self) -> Recipe:
        """The recipe to fit."""
        recipe = entered(self.model, BOARD[self.shop])
        return shortened(recipe) if self.short else recipe


@dataclass(frozen=True)
class Finished:
    """What a cell found: tables, or why there are none, and plain numbers."""

    cell: Cell
    seconds: float  # from start to end
    error: str
    facts: dict[str, float]
    result: Backtest | None


def history_folder(root: Path, shop: str, users: int | None) -> Path:
    """Where a shop's history is kept."""
    return root / "histories" / f"{shop}-{users or 'all'}"


def trial(cell: Cell, history: History) -> Found:
    """Fit, forecast and score."""
    shop = BOARD[cell.shop]
    clock = {cell.model: Clocked(cell.recipe())}
    result = backtest(
        history,
        clock,
        known_task(shop, history, cell.cutoff),
        [cell.cutoff],
        dataset=shop.name,
        panel=shop.panel,
        draws=cell.draws,
    )
    past = history.until(cell.cutoff, panel=shop.panel)
    users, topics, _ = past.interest.shape
    events = float(past.population.count_KTS.sum())
    facts = {"users": float(users), "topics": float(topics), "events": events}
    return with_costs(result, clock, fresh=True), facts


def stale(cell: Cell, history: History) -> Found:
    """Score one fit with histories of several ages."""
    shop = BOARD[cell.shop]
    return aged(history, shop, (cell.model, cell.recipe()), cell.cutoff, cell.draws), {}


def alone(cell: Cell, history: History) -> Found:
    """Time a fit and a forecast with the whole machine."""
    shop = BOARD[cell.shop]
    past, task = history.until(cell.cutoff, panel=shop.panel), shop.task
    start = time.perf_counter()
    model = cell.recipe().fit(past, task)
    middle = time.perf_counter()
    model.predict(past)
    end = time.perf_counter()
    return None, {"alone_fit_seconds": middle - start, "alone_predict_seconds": end - middle}


def large(cell: Cell, _: History) -> Found:
    """Time the forecast of a large shop, block by block, with the whole machine."""
    history = large_history(cell.users) if cell.users else large_history()
    task = Task()
    some = np.arange(min(FITTED, len(history.interest.users_U)))
    model = cell.recipe().fit(history.only(some).until(STEPS), task)
    start = time.perf_counter()
    total = sum(float(block.volume_UTW.sum()) for block in predict_blocks(model, history))
    seconds = time.perf_counter() - start
    users, topics, _ = history.interest.shape
    return None, {"seconds": seconds, "users": users, "topics": topics, "volume": total}


PARTS: dict[str, Callable[[Cell, History], Found]] = {
    "trial": trial,
    "stale": stale,
    "alone": alone,
    "large": large,
}


def write(root: Path, done: Finished) -> None:
    """Keep what a cell found; it is finished once its `cell.json` is there."""
    folder = done.cell.folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    if done.result is not None:
        done.result.write(folder)
    told = {"seconds": done.seconds, "error": done.error, "facts": done.facts}
    partial = folder / "cell.partial"
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(folder / "cell.json")


def read(root: Path, cell: Cell) -> Finished | None:
    """What a finished cell found, or None."""
    folder = cell.folder(root)
    if not (folder / "cell.json").is_file():
        return None
    told = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    scored = (folder / "table.parquet").is_file() and not told["error"]
    return Finished(cell, **told, result=Backtest.read(folder) if scored else None)


def run(cell: Cell, root: Path) -> Finished:
    """Run a cell here and keep what it found; a recipe that refuses is a finding too."""
    start, error = time.perf_counter(), ""
    result, facts = None, {}
    try:
        history = kept(history_folder(root, cell.shop, cell.users))
        result, facts = PARTS[cell.part](cell, history)
    except PenchantError as problem:
        told = str(problem)
        error = told.partition(f"'{cell.model}' at cutoff {cell.cutoff}: ")[2] or told
    done = Finished(cell, time.perf_counter() - start, error, facts, result)
    write(root, done)
    return done


if __name__ == "__main__":
    run(Cell(**json.loads(sys.argv[1])), Path(sys.argv[2]))
