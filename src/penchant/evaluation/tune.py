"""Tuning: try values of a recipe's declared space at past cutoffs, and keep the best.

The recipe as it came is the first trial, so the best is never worse than it at these cutoffs.
Every trial goes from cutoff to cutoff, and is pruned once it is clearly behind the best trial: when
the 95 % interval of their difference over the cutoffs so far, both on the same draws of users,
lies on the wrong side of 0. A rule of thumb such as the median of earlier trials would need many
trials before it can judge, and would prune on noise where all are alike.
The best of many trials owes part of its gain to luck, and no interval over users knows of that:
only later cutoffs, which took no part, say what it is worth.
It receives a recipe and imports no model.
Shapes: U users, T topics, D draws.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from penchant.errors import RecipeError, suggest
from penchant.evaluation.backtest import attempt, check_cutoffs
from penchant.evaluation.bootstrap import DRAWS, Difference, draw_weights, interval
from penchant.evaluation.case import Case
from penchant.evaluation.ledger import Trial
from penchant.evaluation.metrics import METRICS
from penchant.evaluation.study import COMPLETE, FAILED, PRUNED, Attempt, open_study
from penchant.interest.counts import Doubles
from penchant.interest.digest import digest
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.outcome import Outcome, outcome
from penchant.interest.space import proposed, space_of, values_of
from penchant.interest.task import Task

Progress = Callable[[Attempt, Attempt, int], None]  # the trial done, the best so far, trials in all

# Metrics that only get better in one direction; a bias or a coverage can overshoot.
AIMS = tuple(name for name in METRICS if name != "bias" and "coverage" not in name)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to search, and for what."""

    trials: int = 30  # in all, with the recipe as it came and those of an earlier run
    timeout: float | None = None  # seconds after which no further trial begins
    metric: str = "average_precision"  # mean over windows and cutoffs
    draws: int = DRAWS  # of users, behind pruning and the gain's interval; 0 prunes nothing
    panel: bool = False  # as in a backtest
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1 or self.draws < 0:
            raise RecipeError(
                "A tuning needs at least 1 trial, and no fewer than 0 draws; found "
                f"{self.trials} and {self.draws}."
            )
        if self.metric in METRICS and self.metric not in AIMS:
            raise RecipeError(
                f"'{self.metric}' can be overshot, so it is nothing to tune by. "
                "Volumes are tuned by crps, chances by log_loss or average_precision."
            )
        if self.metric not in AIMS:
            raise RecipeError(f"There is no metric '{self.metric}'. {suggest(self.metric, AIMS)}")

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return METRICS[self.metric].best > 0


@dataclass(frozen=True)
class Tuning:
    """The best recipe found, and how it was found."""

    recipe: Recipe
    metric: str
    cutoffs: tuple[int, ...]
    best: Attempt
    default: Attempt  # the recipe as it came
    gain: Difference  # the best's score less the default's; below 0 is better for a loss
    attempts: tuple[Attempt, ...]

    @property
    def better(self) -> bool:
        """Whether any trial scored better than the recipe as it came."""
        return self.best.number != 0


def tune(
    history: History,
    recipe: Recipe,
    task: Task,
    cutoffs: Sequence[int],
    plan: Plan | None = None,
    *,
    storage: Path | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Search a recipe's space for the values that forecast best at past cutoffs.

    `storage` is an SQLite file that keeps every trial as soon as it is done: the same call again
    goes on from there. Costs at most `trials` fits and forecasts at each cutoff. Raises RecipeError
    for a recipe without a space, values outside it, a file of another tuning, a missing optuna, or
    a recipe that fails as it came; HistoryError for cutoffs that leave too few steps to score.
    """
    plan = plan or Plan()
    first, space = values_of(recipe), space_of(recipe)
    proposed(recipe, first)
    check_cutoffs(history, task, cutoffs)
    trials = _Trials(history, recipe, task, tuple(cutoffs), plan)
    began = time.monotonic()
    with open_study(storage, space, trials.asked(), higher=plan.higher, seed=plan.seed) as study:
        while len(done := study.attempts()) < plan.trials:
            late = plan.timeout is not None and time.monotonic() - began >= plan.timeout
            if done and late:
                break
            trial, values = study.propose(len(done), first)
            tried = trials.run(len(done), values, _best(done, plan) if done else None)
            study.keep(trial, tried)
            if progress is not None:
                progress(tried, _best([*done, tried], plan), plan.trials)
    best, default = _best(done, plan), done[0]
    lead_D = best.draws_CD.mean(axis=0) - default.draws_CD.mean(axis=0)
    gain = Difference(best.score - default.score, *interval(lead_D))
    tuned = proposed(recipe, best.parameters)
    return Tuning(tuned, plan.metric, tuple(cutoffs), best, default, gain, tuple(done))


def _best(done: Sequence[Attempt], plan: Plan) -> Attempt:
    """The best of the trials that saw every cutoff; the earlier wins a tie."""
    complete = [one for one in done if one.state == COMPLETE]
    return max(complete, key=lambda one: one.score if plan.higher else -one.score)


@dataclass(frozen=True)
class _Trials:
    """What every trial of a tuning shares."""

    history: History
    recipe: Recipe
    task: Task
    cutoffs: tuple[int, ...]
    plan: Plan

    @cached_property
    def known(self) -> tuple[tuple[History, Outcome], ...]:
        """What was known at each cutoff, and what came."""
        pasts = [self.history.until(cutoff, panel=self.plan.panel) for cutoff in self.cutoffs]
        return tuple(
            (past, outcome(self.history, past.interest.users_U, past.cutoff, self.task))
            for past in pasts
        )

    def run(self, number: int, values: Mapping[str, Any], best: Attempt | None) -> Attempt:
        """Try values at one cutoff after the other, until they fail or are clearly behind.

        Raises RecipeError when the recipe fails as it came.
        """
        recipe = proposed(self.recipe, values)
        began, scores, draws, error = time.perf_counter(), list[float](), list[Doubles](), ""
        for past, truth in self.known:
            trial = attempt(type(recipe).__name__, recipe, past, truth, self.task)
            value, value_D = self._measured(trial) if trial.forecast else (np.nan, np.empty(0))
            if not np.isfinite(value):
                what = trial.error or f"{self.plan.metric} isn't defined"
                error = f"at cutoff {past.cutoff}: {what}"
                break
            scores.append(value)
            draws.append(value_D)
            if best is not None and self._behind(draws, best):
                break
        if error and best is None:
            raise RecipeError(f"The recipe can't be tuned, since it fails as it came, {error}")
        state = COMPLETE if len(scores) == len(self.cutoffs) else FAILED if error else PRUNED
        return Attempt(
            number,
            values,
            state,
            tuple(scores),
            time.perf_counter() - began,
            error,
            np.array(draws).reshape(len(draws), self.plan.draws),
        )

    def _measured(self, trial: Trial) -> tuple[float, Doubles]:
        """Mean of the metric over windows, and under each draw of users."""
        assert trial.forecast is not None
        weight_DU = draw_weights(len(self.history.interest.users_U), self.plan.draws)
        # A user is drawn alike at every cutoff, so that means over cutoffs can be resampled.
        users_U = trial.past.interest.users_U
        known_DU = weight_DU[:, np.searchsorted(self.history.interest.users_U, users_U)]
        scores = [
            METRICS[self.plan.metric].score(
                Case(trial.past, self.task, trial.forecast, trial.outcome, w)
            )
            for w in range(len(self.task.windows))
        ]
        value = float(np.mean([score.value() for score in scores]))
        value_D = np.mean([score.values(known_DU) for score in scores], axis=0)
        return value, value_D.astype(np.float32).astype(np.float64)  # as the study keeps them

    def _behind(self, draws: Sequence[Doubles], best: Attempt) -> bool:
        """Whether the cutoffs so far are clearly worse than the best trial's, user by user."""
        lead_D = np.mean(draws, axis=0) - best.draws_CD[: len(draws)].mean(axis=0)
        low, high = interval(lead_D)
        return high < 0 if self.plan.higher else low > 0

    def asked(self) -> dict[str, str]:
        """All that scores depend on, by what a person would call it."""
        seen = self.history.until(max(self.cutoffs) + self.task.horizon, panel=self.plan.panel)
        parts = (seen.interest, seen.calendar, seen.people, seen.topics.parent_T)
        return {
            "recipe": f"{self.recipe} over {dict(space_of(self.recipe))}",
            "windows, target or step": str(self.task),
            "cutoffs": str(self.cutoffs),
            "metric": str((self.plan.metric, self.plan.draws, self.plan.panel)),
            "data": digest(parts),
            "version of penchant": version("penchant"),
        }
