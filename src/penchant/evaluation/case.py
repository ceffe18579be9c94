"""A case: one forecast beside what happened in one window, and the past it was made from.

Shapes: U users, T topics, N cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from penchant.errors import HistoryError
from penchant.evaluation.score import Ranking
from penchant.interest import counts
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.outcome import Outcome
from penchant.interest.stationary import lookback
from penchant.interest.task import Task, Window

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """What a metric is computed from; intermediate arrays are made once and shared."""

    past: History
    task: Task
    forecast: Forecast
    outcome: Outcome
    window: int  # position in the task's windows

    def __post_init__(self) -> None:
        check_forecast(self.forecast, self.outcome, self.past)

    @property
    def span(self) -> Window:
        """The window forecast."""
        return self.task.windows[self.window]

    @property
    def lookback(self) -> int:
        """Steps without engagement that make the next one an adoption: half a year."""
        return lookback(self.task.step)

    @cached_property
    def chance_UT(self) -> Floats:
        """Forecast chance of any engagement."""
        return np.ascontiguousarray(self.forecast.chance_UTW[:, :, self.window])

    @cached_property
    def volume_UT(self) -> Floats:
        """Forecast volume."""
        return np.ascontiguousarray(self.forecast.volume_UTW[:, :, self.window])

    @cached_property
    def excess_UT(self) -> Doubles:
        """Excess of the forecast's negative binomial."""
        return np.ascontiguousarray(self.forecast.excess_UTW[:, :, self.window])

    @cached_property
    def count_UT(self) -> Floats:
        """Engagements that happened."""
        return np.ascontiguousarray(self.outcome.count_UTW[:, :, self.window])

    @cached_property
    def active_UT(self) -> Flags:
        """Cells with any engagement."""
        return self.count_UT > 0

    @cached_property
    def recent_UT(self) -> Flags:
        """Cells with an engagement in the look-back before the cutoff."""
        end = self.past.cutoff
        return self.past.interest.count_UT(self.task.target, end - self.lookback, end) > 0

    @cached_property
    def popularity_T(self) -> Doubles:
        """Share of each topic in all past engagements; even if there were none."""
        count_T = self.past.topic_count_TS(self.task.target).sum(axis=1, dtype=np.float64)
        total = count_T.sum()
        return count_T / total if total else np.full(len(count_T), 1 / len(count_T))

    @cached_property
    def ranking(self) -> Ranking:
        """All cells, ranked by chance."""
        return rank(self.chance_UT, self.active_UT, np.ones_like(self.active_UT))

    @cached_property
    def transform_UT(self) -> tuple[Doubles, Doubles]:
        """P(X < count) and P(X <= count) under the forecast: the probability integral transform.

        Most counts are 0, whose probability needs no special function.
        """
        zero_UT = 1 - counts.chance_of(self.volume_UT, self.excess_UT)
        low_UT, high_UT = np.zeros_like(zero_UT), zero_UT
        hit_UT = self.active_UT
        count_N, cell_N = self.count_UT[hit_UT], (self.volume_UT[hit_UT], self.excess_UT[hit_UT])
        low_UT[hit_UT] = counts.cumulative(count_N - 1, *cell_N)
        high_UT[hit_UT] = counts.cumulative(count_N, *cell_N)
        return low_UT, high_UT


def rank(chance_UT: Floats, hit_UT: Flags, among_UT: Flags) -> Ranking:
    """Rank the cells `among_UT` by chance."""
    user_N = np.nonzero(among_UT)[0]
    return Ranking.of(chance_UT[among_UT], hit_UT[among_UT], user_N, len(chance_UT))


def check_forecast(forecast: Forecast, outcome: Outcome, past: History) -> None:
    """Refuse a forecast that answers another question than the outcome and the past pose."""
    origin = past.interest.origin + past.cutoff
    for what, same in (
        ("users", np.array_equal(forecast.users_U, outcome.users_U)),
        ("users of the past", np.array_equal(forecast.users_U, past.interest.users_U)),
        ("topics", np.array_equal(forecast.topics_T, outcome.topics_T)),
        ("windows", forecast.windows_W == outcome.windows_W),
        ("cutoff", forecast.origin == origin),
    ):
        if not same:
            raise HistoryError(
                f"A forecast can't be scored: its {what} differ from the outcome's. "
                "Predict the history cut at the outcome's cutoff, for the same task."
            )
