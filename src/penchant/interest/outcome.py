"""What really happened in the windows after a cutoff. The truth is never part of a history.

Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.errors import HistoryError
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
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
    mine = interest.only(row_U)
    counts = [
        mine.count_UT(task.target, cutoff + window.start, cutoff + window.end)
        for window in task.windows
    ]
    return Outcome(users_U, interest.topics_T, task.windows, np.stack(counts, axis=2))
