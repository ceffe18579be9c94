"""Churn of a workspace: the forecast of its activity, and the warning read off it.

Shapes: U users, W windows.
"""

from dataclasses import replace

import numpy as np

from penchant.decisions.churn import ChurnWarning, Survival, churn
from penchant.decisions.lifetime import Lifetime
from penchant.decisions.whole import whole
from penchant.errors import HistoryError
from penchant.interest.counts import Flags
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import Recipe
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.models.boosted import Boosted
from penchant.pipeline import workspace_history
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

CHURN = sheet_named("churn")
LEAST_CHANCE = 1e-6
LEAST_PASTS = 3  # horizons known, for trees to be tried


def churn_warning(workspace: Workspace, horizon: int | None = None) -> ChurnWarning:
    """Warn of every customer for the next steps, as many as the settings' windows reach.

    Writes the sheet. Raises HistoryError where too few came back to learn from.
    """
    task = workspace.task
    asked = replace(task, windows=(Window(0, horizon or task.horizon),))
    history = workspace_history(workspace)
    found = warn(history, asked)
    write_sheet(workspace, CHURN, found.to_table(), days_ahead(history, asked.horizon), found.notes)
    return found


def warn(history: History, task: Task) -> ChurnWarning:
    """Warn of every customer of a history, for the one window of the task."""
    activity, steps = whole(history), history.interest.step.per_year
    year = replace(task, windows=(Window(0, steps),))
    recipe = better(activity, task)
    soon = recipe.fit(activity, task).predict(activity)
    if not isinstance(recipe, Lifetime):  # only lifetimes know of leaving, and trees know better
        return churn(history, soon, None, task)
    lifetimes = recipe.fit(activity, year)
    survival = Survival(lifetimes.predict(activity), lifetimes.alive_UJ(activity, steps))
    return churn(history, soon, survival, task)


def better(activity: History, task: Task) -> Recipe:
    """Lifetimes or trees: whichever told purchases better one horizon earlier; lifetimes at first.

    Trees need a past to learn from before that, so they are tried where enough is known.
    """
    recipes: tuple[Recipe, ...] = (Lifetime(), Boosted())
    cutoff = activity.cutoff - task.horizon
    if activity.cutoff < LEAST_PASTS * task.horizon:
        return recipes[0]
    past = activity.until(cutoff)
    came_U = outcome(activity, past.interest.users_U, cutoff, task).count_UTW[:, 0, 0] > 0
    try:
        lost = [
            log_loss(recipe.fit(past, task).predict(past).chance_UTW[:, 0, 0], came_U)
            for recipe in recipes
        ]
    except HistoryError:  # so short a past teaches one of them nothing
        return recipes[0]
    return recipes[int(np.argmin(lost))]


def log_loss(chance_U: Floats, came_U: Flags) -> float:
    """Mean log loss of chances of any engagement."""
    told_U = np.clip(chance_U.astype(np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)
    return float(-np.where(came_U, np.log(told_U), np.log1p(-told_U)).mean())
