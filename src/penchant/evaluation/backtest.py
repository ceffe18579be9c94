"""Backtest: at rolling cutoffs, fit on the past, forecast, and score the windows that followed.

It receives recipes and imports no model.
Shapes: U users, D draws.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from penchant.errors import HistoryError, RecipeError
from penchant.evaluation.bootstrap import DRAWS, draw_weights
from penchant.evaluation.case import check_forecast
from penchant.evaluation.ledger import Ledger, Trial
from penchant.evaluation.result import Backtest
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.outcome import Outcome, outcome
from penchant.interest.task import Task

Progress = Callable[[Trial, int, int], None]  # a trial, how many are done, how many there are


def possible_cutoffs(
    history: History, task: Task, count: int, first: int | None = None
) -> tuple[int, ...]:
    """At most `count` cutoffs, evenly spread from `first` to the last with a known outcome.

    If no `first` is given it is half of the history, so that there is something to learn from;
    a single cutoff is then the last.
    """
    last = _last_cutoff(history, task)
    if first is None:
        first = last if count == 1 else min(last, max(1, history.cutoff // 2))
    if not 1 <= first <= last:
        raise HistoryError(
            f"The first cutoff must be 1 to {last}, to leave {task.horizon} steps to score; "
            f"found {first}."
        )
    if count < 1:
        raise HistoryError(f"A backtest needs at least 1 cutoff; found {count}.")
    spread = np.rint(np.linspace(first, last, count)).astype(int).tolist()
    return tuple(dict.fromkeys(spread))


def _last_cutoff(history: History, task: Task) -> int:
    last = history.cutoff - task.horizon
    if last < 1:
        raise HistoryError(
            f"A backtest needs more than the {task.horizon} steps that the task looks ahead; "
            f"the history has {history.cutoff}. Ask for nearer windows or bring more events."
        )
    return last


def backtest(
    history: History,
    recipes: Mapping[str, Recipe],
    task: Task,
    cutoffs: Sequence[int],
    *,
    dataset: str = "",
    panel: bool = False,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Backtest:
    """Fit, forecast and score every recipe at every cutoff, in steps from the history's origin.

    `panel` keeps users without an event before the cutoff (`History.until`). `draws` of a
    bootstrap over users give the intervals; 0 skips them. `progress` gets each finished trial,
    with its forecast. A recipe that fails is listed in the result's failures, beside the
    others' results; it is an error only if all fail.
    """
    if not recipes:
        raise RecipeError("A backtest needs at least one recipe; found none.")
    check_cutoffs(history, task, cutoffs)
    weight_DU = draw_weights(len(history.interest.users_U), draws)
    ledger = Ledger(dataset)
    done, trials = 0, len(cutoffs) * len(recipes)
    for cutoff in cutoffs:
        past = history.until(cutoff, panel=panel)
        truth = outcome(history, past.interest.users_U, cutoff, task)
        # A user is drawn alike at every cutoff, so that means over cutoffs can be resampled.
        row_U = np.searchsorted(history.interest.users_U, past.interest.users_U)
        known_DU = weight_DU[:, row_U]
        for name, recipe in recipes.items():
            trial = attempt(name, recipe, past, truth, task)
            ledger.enter(trial, task, known_DU)
            done += 1
            if progress is not None:
                progress(trial, done, trials)
    if len(ledger.failures) == trials:
        model, cutoff, error = ledger.failures[0]
        raise RecipeError(f"Every recipe failed. The first, '{model}' at cutoff {cutoff}: {error}")
    return ledger.close()


def check_cutoffs(history: History, task: Task, cutoffs: Sequence[int]) -> None:
    """Refuse cutoffs that leave too few steps to score, and those named twice."""
    last = _last_cutoff(history, task)
    wrong = [str(cutoff) for cutoff in cutoffs if not 1 <= cutoff <= last]
    if wrong or not cutoffs:
        raise HistoryError(
            f"Cutoffs 1 to {last} leave the {task.horizon} steps to score that the task needs; "
            f"found {', '.join(wrong) or 'none'}. `possible_cutoffs` chooses some."
        )
    if len(set(cutoffs)) < len(cutoffs):
        raise HistoryError(f"A backtest names each cutoff once; found {list(cutoffs)}.")


def attempt(name: str, recipe: Recipe, past: History, truth: Outcome, task: Task) -> Trial:
    """Fit and forecast once; whatever goes wrong is the trial's, so that others may go on."""
    forecast, error = None, ""
    start = fitted = time.perf_counter()
    try:
        model = recipe.fit(past, task)
        fitted = time.perf_counter()
        forecast = model.predict(past)
        predicted = time.perf_counter()
        check_forecast(forecast, truth, past)
    except Exception as problem:
        forecast, error = None, f"{type(problem).__name__}: {problem}"
        predicted = time.perf_counter()
    cutoff = past.cutoff
    return Trial(name, cutoff, past, truth, forecast, error, fitted - start, predicted - fitted)
