"""The fitted form of every recipe that only counts: expected counts, then a head.

Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass
from typing import Protocol

from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.model import check_topics
from penchant.interest.outcome import outcome
from penchant.interest.task import Task
from penchant.models.heads import Head, fit_head, untrained_head


class Counter(Protocol):
    """A recipe that expects a count for every user, topic and window."""

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Expected engagements after the history's cutoff."""
        ...


@dataclass(frozen=True)
class Counting:
    """A counter with the head learned one horizon earlier."""

    counter: Counter
    task: Task
    topics_T: Names
    head: Head

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history."""
        check_topics(self.topics_T, history)
        volume_UTW = self.counter.volume_UTW(history, self.task)
        return self.head.forecast(history, self.task, volume_UTW)


def fit_counting(counter: Counter, history: History, task: Task) -> Counting:
    """Learn a counter's head from one horizon before the cutoff."""
    cutoff = history.cutoff - task.horizon
    topics_T = history.interest.topics_T
    if cutoff < 1 or not (history.interest.step_N < cutoff).any():
        return Counting(counter, task, topics_T, untrained_head(len(topics_T), task))
    past = history.until(cutoff)
    came = outcome(history, past.interest.users_U, cutoff, task)
    head = fit_head(counter.volume_UTW(past, task), came.count_UTW)
    return Counting(counter, task, topics_T, head)
