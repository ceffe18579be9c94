"""Tuning in a workspace: at cutoffs before the backtest's, and back into the settings file.

The history is cut at the backtest's first cutoff before anything is tried, so that no window that
the backtest scores can have been seen.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from penchant.errors import HistoryError, SettingsError
from penchant.evaluation.backtest import possible_cutoffs
from penchant.evaluation.tune import Plan, Progress, Tuning, tune
from penchant.interest.history import History
from penchant.interest.space import proposed, values_of
from penchant.interest.task import Task
from penchant.pipeline import recipe_named, store_topics, workspace_history
from penchant.settings import FILE
from penchant.workspace import Workspace

HEADER = re.compile(r"\s*\[")  # of a table in TOML


@dataclass(frozen=True)
class Tuned:
    """A tuning, the days of its cutoffs, and where its trials are kept."""

    tuning: Tuning
    dates: tuple[date, ...]
    seen_until: date  # first day that took no part
    path: Path


def tune_recipe(
    workspace: Workspace,
    name: str,
    plan: Plan,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Tuned:
    """Tune a recipe on what was known at the backtest's first cutoff, latest cutoff first.

    What the settings say of the recipe holds, but for what is tuned: that starts from the recipe's
    own defaults. Trials are kept in the workspace and resumed, unless `fresh`. Raises HistoryError
    where the history is too short to tune on without looking at the backtest's windows.
    """
    recipe = recipe_named(workspace, name)
    recipe = proposed(recipe, values_of(type(recipe)()))
    whole = workspace_history(workspace)
    task, kept = workspace.task, workspace.settings
    end = possible_cutoffs(whole, task, kept.backtest.cutoffs)[0]
    chosen = earlier_cutoffs(whole, task, end, kept.tuning.cutoffs)
    first = whole.interest.step.start(whole.interest.origin + min(chosen))
    history = workspace_history(workspace, store_topics(workspace.store(), kept.topics, first))
    # With other topics the history may begin elsewhere; the dates stay.
    shift = whole.interest.origin - history.interest.origin
    seen = history.until(end + shift)
    path = workspace.folder / "tuning" / f"{name}.sqlite"
    if fresh:
        for stale in path.parent.glob(f"{path.name}*"):  # with what SQLite keeps beside it
            stale.unlink()
    found = tune(
        seen,
        recipe,
        task,
        [cutoff + shift for cutoff in chosen],
        plan,
        storage=path,
        progress=progress,
    )
    step, origin = seen.interest.step, seen.interest.origin
    dates = tuple(step.start(origin + cutoff) for cutoff in found.cutoffs)
    return Tuned(found, dates, seen.cutoff_date, path)


def earlier_cutoffs(history: History, task: Task, end: int, count: int) -> tuple[int, ...]:
    """Cutoffs whose windows have passed by step `end`, the latest first.

    Each has more steps before it than the windows reach, below which recipes learn next to nothing.
    """
    last = end - task.horizon
    if last <= task.horizon:
        step, reach = task.step, task.step.plural(task.horizon)
        alone = end == history.cutoff - task.horizon
        fewer = f", or set `cutoffs = 1` under [backtest] in {FILE}, so that it begins later"
        raise HistoryError(
            "There is too little history to tune on. The backtest begins after "
            f"{step.plural(end)}; tuning before it needs more than twice the {reach} that the "
            "windows reach. "
            f"Bring more events, ask for nearer windows{'' if alone else fewer}."
        )
    first = last if count == 1 else min(last, max(task.horizon + 1, end // 2))
    return possible_cutoffs(history.until(end), task, count, first)[::-1]


def recipe_block(name: str, parameters: Mapping[str, Any]) -> str:
    """Hyperparameters as a table of the settings file."""
    lines = [f"{key} = {_toml(value)}" for key, value in parameters.items()]
    return "\n".join([f"[recipes.{name}]", *lines, ""])


def write_recipe(path: Path, name: str, parameters: Mapping[str, Any]) -> None:
    """Put hyperparameters into a settings file; every other line stays as it is.

    Raises SettingsError, and writes nothing, where the file has them in a form that a line for
    each can't change.
    """
    text = path.read_text(encoding="utf-8")
    wanted = tomllib.loads(text)
    _update(wanted, tomllib.loads(recipe_block(name, parameters)))
    changed = _with_block(text, name, parameters)
    try:
        found = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != wanted:
        raise SettingsError(
            f"{path} holds hyperparameters of {name} in a form that can't be replaced line by "
            f"line, and is left as it is. Put this there by hand:\n{recipe_block(name, parameters)}"
        )
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(changed, encoding="utf-8")
    partial.replace(path)


def _with_block(text: str, name: str, parameters: Mapping[str, Any]) -> str:
    """The text with the recipe's table, its lines replaced or added."""
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*recipes\s*\.\s*{re.escape(name)}\s*\]\s*(#.*)?$")
    start = next((at for at, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        return "\n".join([*lines, *([""] if lines else []), recipe_block(name, parameters)])
    after = range(start + 1, len(lines))
    end = next((at for at in after if HEADER.match(lines[at])), len(lines))
    body = lines[start + 1 : end]
    for key, value in parameters.items():
        places = [at for at, line in enumerate(body) if re.match(rf"\s*{re.escape(key)}\s*=", line)]
        filled = [at for at, line in enumerate(body) if line.strip()]
        at = places[0] if places else max(filled, default=-1) + 1
        body[at : at + len(places[:1])] = [f"{key} = {_toml(value)}"]
    return "\n".join([*lines[: start + 1], *body, *lines[end:], ""])


def _update(settings: dict[str, Any], block: Mapping[str, Any]) -> None:
    """Put the values of a block into settings, table by table."""
    for key, value in block.items():
        if isinstance(value, dict):
            _update(settings.setdefault(key, {}), value)
        else:
            settings[key] = value


def _toml(value: Any) -> str:
    """A value as TOML: numbers, text, truth and lists are written as in JSON."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
