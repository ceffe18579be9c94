"""What really happened in the windows after a cutoff. The truth is never part of a history.

Shapes: U users, T topics, W windows, N entries.
"""

from dataclasses import dataclass

import numpy as np

from penchant.errors import HistoryError
from penchant.interest.history import History
from penchant.interest.interest import Floats, Interest, Names
from penchant.interest.task import Task, Window


@dataclass(frozen=True)
class Outcome:
    """Engagements counted in each window after a cutoff."""

    users_U: Names
    topics_T: Names
    windows_W: tuple[Window, ...]
    count_UTW: Floats


def outcome(later: History, users_U: Names, cutoff: int, task: Task) -> Outcome:
    """Count what `users_U` did in `later`, a longer history, after the step `cutoff`."""
    mine = _after(later, users_U, cutoff, task)
    counts = [
        mine.count_UT(task.target, cutoff + window.start, cutoff + window.end)
        for window in task.windows
    ]
    return Outcome(users_U, mine.topics_T, task.windows, np.stack(counts, axis=2))


def spend(later: History, users_U: Names, cutoff: int, task: Task) -> Floats:
    """Money that `users_U` spent in each window after the step `cutoff`, `UW`.

    Purchases less returns, in the shop's currency; whoever gave back more has spent nothing.
    """
    mine = _after(later, users_U, cutoff, task)
    spend_UW = np.zeros((len(users_U), len(task.windows)), dtype=np.float32)
    for w, window in enumerate(task.windows):
        ahead_N = mine.step_N - cutoff
        money_N = mine.money_N * ((ahead_N >= window.start) & (ahead_N < window.end))
        spend_UW[:, w] = np.bincount(mine.user_N, weights=money_N, minlength=len(users_U))
    return np.maximum(spend_UW, 0)


def first_share(later: History, users_U: Names, cutoff: int, task: Task) -> Floats:
    """Share of each topic in what `users_U` did first after the step `cutoff`, `UT`.

    First is the earliest step with an engagement within the task's horizon; a step doesn't tell
    what in it came first, so its topics share it. Zero for whoever did nothing.
    """
    mine = _after(later, users_U, cutoff, task)
    ahead_N, count_N = mine.step_N - cutoff, mine.target_N(task.target)
    soon_N = (ahead_N >= 0) & (ahead_N < task.horizon) & (count_N > 0)
    first_U = np.full(len(users_U), task.horizon)
    np.minimum.at(first_U, mine.user_N[soon_N], ahead_N[soon_N])
    first_UT = mine.sum_UT(count_N * (soon_N & (ahead_N == first_U[mine.user_N])))
    return first_UT / np.maximum(first_UT.sum(axis=1, keepdims=True), 1)


def _after(later: History, users_U: Names, cutoff: int, task: Task) -> Interest:
    """Interest of some users in a history that reaches past the task's horizon."""
    interest = later.interest
    if cutoff + task.horizon > interest.steps:
        raise HistoryError(
            f"The outcome at cutoff {cutoff} needs {task.horizon} steps after it; "
            f"the history ends {interest.steps - cutoff} steps after it."
        )
    order_U = np.argsort(interest.users_U, kind="stable")
    place_U = np.searchsorted(interest.users_U, users_U, sorter=order_U)
    row_U = order_U[np.minimum(place_U, len(order_U) - 1)]
    if (interest.users_U[row_U] != users_U).any():
        raise HistoryError("The later history must hold every user whose outcome is asked for.")
    return interest.only(row_U)
