"""Forecasts kept on disk, so that a benchmark that was stopped goes on where it was.

A file is named by a digest of the recipe and of what was known; where there is none it is made.
"""

import hashlib
from pathlib import Path

from safetensors.numpy import load_file, save_file

from bench.machine import ROOT
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.task import Task

FOLDER = ROOT / "benchmarks" / ".cells"
ARRAYS = ("chance_UTW", "volume_UTW", "topic_shock_W", "user_shock_W")


def kept_forecast(recipe: Recipe, past: History, task: Task) -> Forecast:
    """The forecast of a recipe fitted to a history, read where an earlier run made it."""
    path = _path(recipe, past, task)
    if path.is_file():
        mine = past.interest
        return Forecast(
            users_U=mine.users_U,
            topics_T=mine.topics_T,
            windows_W=task.windows,
            step=task.step,
            origin=mine.origin + past.cutoff,
            **load_file(path),
        )
    made = recipe.fit(past, task).predict(past)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: getattr(made, name) for name in ARRAYS}, partial)
    partial.replace(path)
    return made


def _path(recipe: Recipe, past: History, task: Task) -> Path:
    known = past.interest
    told = hashlib.sha256(f"{recipe} {task} {past.cutoff}".encode())
    for array in (known.user_N, known.topic_N, known.step_N, known.count_NK):
        told.update(array.tobytes())
    return FOLDER / f"forecast-{told.hexdigest()[:16]}.safetensors"
