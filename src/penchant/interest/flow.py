"""Flows: how a shop's interest goes from topic to topic, in a period that was or one to come.

A flow is a joint distribution: of each engagement of an average customer's, the topic before and
the topic after. What stayed stands on the diagonal. A customer who didn't migrate stays; one who
did takes along the share that moved. Customers weigh as their engagements.
Shapes: U users, T topics, W windows, M moves, G groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Interest, Names
from penchant.interest.migration import Migrations
from penchant.interest.stationary import stationary_forecast
from penchant.interest.task import Task

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """Interest before and after, topic by topic, from `start` to `end`."""

    topics_T: Names
    start: date  # first day of the period
    end: date  # first day after it
    users: int
    moved_TT: Doubles  # row: topic before, column: after; parts of all interest, sums to 1
    forecast: bool  # whether it is yet to come

    @property
    def before_T(self) -> Doubles:
        """Share of each topic before."""
        return self.moved_TT.sum(axis=1)

    @property
    def after_T(self) -> Doubles:
        """Share of each topic after."""
        return self.moved_TT.sum(axis=0)

    @property
    def transition_TT(self) -> Doubles:
        """Where interest in each topic goes: rows sum to 1; a topic without interest stays."""
        before_T1 = self.before_T[:, None]
        stay_TT = np.eye(len(before_T1))
        return np.divide(self.moved_TT, before_T1, out=stay_TT, where=before_T1 > 0)

    @property
    def moved(self) -> float:
        """Part of all interest that changed its topic."""
        return float(self.moved_TT.sum() - np.trace(self.moved_TT))

    def pairs(self, k: int) -> list[tuple[int, int, float]]:
        """The `k` largest flows `(from, to, part)` between different topics, largest first."""
        off_TT = self.moved_TT - np.diag(np.diag(self.moved_TT))
        order = np.argsort(-off_TT, axis=None, kind="stable")[:k]
        found = [(*divmod(int(code), len(off_TT)), float(off_TT.flat[code])) for code in order]
        return [pair for pair in found if pair[2] > 0]


def observed_flow(
    history: History,
    found: Migrations,
    kinds: Sequence[str],
    start: int,
    end: int,
    row_U: Rows | None = None,
) -> Flow:
    """The flow by the changes called in steps `[start, end)`, of all users or those at `row_U`.

    Shares before are those since a user's last change; shares after are the same but for the topics
    that moved. HistoryError without engagements in the period.
    """
    if not 0 <= start < end <= history.cutoff:
        raise HistoryError(
            f"A period lies within the {history.cutoff} known steps; found {start} to {end}."
        )
    interest = history.interest
    weight_U = interest.count_UT(kinds, start, end).sum(axis=1, dtype=np.float64)
    weight_U = _only(weight_U, row_U)
    if not weight_U.any():
        raise HistoryError(f"Nobody has an engagement in steps {start} to {end} of the history.")
    before_UT = _shares_before(interest, kinds, found, start, end)
    inside_C = (found.step_C >= start) & (found.step_C < end)
    inside_N = inside_C[found.change_N]
    cell_N = found.user_C[found.change_N[inside_N]], found.topic_N[inside_N]
    shift_UT = np.zeros_like(before_UT)
    np.add.at(shift_UT, cell_N, found.shift_N[inside_N])
    moved_UT = shift_UT != 0
    after_UT = np.clip(before_UT + shift_UT, 0, 1)
    rest_UT = np.where(moved_UT, 0, before_UT)
    left_U = np.maximum(1 - (after_UT * moved_UT).sum(axis=1), 0)
    scale_U = np.divide(left_U, rest_UT.sum(axis=1), out=left_U, where=rest_UT.any(axis=1))
    after_UT = np.where(moved_UT, after_UT, rest_UT * scale_U[:, None])
    return Flow(
        interest.topics_T,
        interest.step.start(interest.origin + start),
        interest.step.start(interest.origin + end),
        int((weight_U > 0).sum()),
        _coupled(before_UT, after_UT, weight_U),
        forecast=False,
    )


def forecast_flow(
    history: History, forecast: Forecast, kinds: Sequence[str], row_U: Rows | None = None
) -> Flow:
    """The flow that a forecast expects from the look-back to its windows.

    Shares before are what the stationary null says they are after the look-back, so that a small
    basket's luck isn't taken for an interest that will be lost; shares after are the forecast's.
    Users without engagements in the look-back are left out; others weigh as their forecast volume.
    HistoryError if the forecast is not of the history's end.
    """
    interest = history.interest
    if forecast.origin != interest.origin + interest.steps:
        raise HistoryError("A flow to come needs the forecast from the end of the history.")
    task = Task(windows=forecast.windows_W, target=tuple(kinds), step=forecast.step)
    null = stationary_forecast(history, task)
    before_UT = _shares(null.volume_UTW.sum(axis=2, dtype=np.float64))
    volume_UT = forecast.volume_UTW.sum(axis=2, dtype=np.float64)
    weight_U = volume_UT.sum(axis=1) * before_UT.any(axis=1)
    moved_TT = _coupled(before_UT, _shares(volume_UT), _only(weight_U, row_U))
    end = forecast.step.start(forecast.origin + task.horizon)
    return Flow(
        interest.topics_T,
        history.cutoff_date,
        end,
        int((weight_U > 0).sum()),
        moved_TT,
        forecast=True,
    )


def _coupled(before_UT: Doubles, after_UT: Doubles, weight_U: Doubles) -> Doubles:
    """Weighted joint distribution of before and after in which as much stays as can.

    Each user's lost shares go to the gained ones in proportion.
    """
    stay_UT = np.minimum(before_UT, after_UT)
    lost_UT, gained_UT = before_UT - stay_UT, after_UT - stay_UT
    moved_U = np.maximum(lost_UT.sum(axis=1), 1e-12)
    weight_U = weight_U / weight_U.sum()
    moved_TT: Doubles = (lost_UT * (weight_U / moved_U)[:, None]).T @ gained_UT
    return moved_TT + np.diag(weight_U @ stay_UT)


def _shares_before(
    interest: Interest, kinds: Sequence[str], found: Migrations, start: int, end: int
) -> Doubles:
    """Shares of topics from a user's last change before `start` to the next, or to `end`."""
    users = len(interest.users_U)
    from_U, to_U = np.zeros(users, dtype=np.int64), np.full(users, end)
    before_C = found.step_C < start
    np.maximum.at(from_U, found.user_C[before_C], found.step_C[before_C])
    np.minimum.at(to_U, found.user_C[~before_C], found.step_C[~before_C])
    inside_N = interest.step_N >= from_U[interest.user_N]
    inside_N &= interest.step_N < to_U[interest.user_N]
    return _shares(interest.sum_UT(interest.target_N(kinds) * inside_N).astype(np.float64))


def _shares(value_UT: Doubles) -> Doubles:
    """Each row as parts of its sum; 0 where that is 0."""
    total_U1 = value_UT.sum(axis=1, keepdims=True)
    return np.divide(value_UT, total_U1, out=np.zeros_like(value_UT), where=total_U1 > 0)


def _only(weight_U: Doubles, row_U: Rows | None) -> Doubles:
    """Weights of the users at some rows, 0 for the others."""
    if row_U is None:
        return weight_U
    kept_U = np.zeros_like(weight_U)
    kept_U[row_U] = weight_U[row_U]
    return kept_U
