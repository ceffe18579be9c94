"""Flows: how a shop's interest goes from topic to topic, in a period that was or one to come.

A flow is a joint distribution: of each engagement of an average customer's, the topic before and
the topic after. What stayed stands on the diagonal. A customer who didn't migrate stays; one who
did takes along the share that moved. Customers weigh as their engagements.
Shapes: U users, T topics, S steps, C changes, N cells with interest or a shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Interest, Names
from penchant.interest.migration import Migrations

Rows = Integers

FLOW_SCHEMA = pa.schema(
    [
        pa.field(c.START, pa.date32(), nullable=False),
        pa.field(c.END, pa.date32(), nullable=False),  # first day after
        pa.field(c.FROM, pa.string(), nullable=False),
        pa.field(c.TO, pa.string(), nullable=False),
        pa.field(c.SHARE, pa.float64(), nullable=False),  # of all interest
        pa.field(c.CHANCE, pa.float64(), nullable=False),  # of the interest in `from`
    ]
)


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

    def to_table(self) -> pa.Table:
        """Every pair of topics with any interest as a row of `FLOW_SCHEMA`, what stayed too."""
        from_N, to_N = np.nonzero(self.moved_TT)
        columns = {
            c.START: pa.array([self.start] * len(from_N), pa.date32()),
            c.END: pa.array([self.end] * len(from_N), pa.date32()),
            c.FROM: pa.array(self.topics_T[from_N], pa.string()),
            c.TO: pa.array(self.topics_T[to_N], pa.string()),
            c.SHARE: pa.array(self.moved_TT[from_N, to_N]),
            c.CHANCE: pa.array(self.transition_TT[from_N, to_N]),
        }
        return pa.table(columns, schema=FLOW_SCHEMA)


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
    return Flow(
        interest.topics_T,
        interest.step.start(interest.origin + start),
        interest.step.start(interest.origin + end),
        int((weight_U > 0).sum()),
        _coupled(before_UT, _shares_after(before_UT, shift_UT), weight_U),
        forecast=False,
    )


def period_flows(
    history: History,
    found: Migrations,
    kinds: Sequence[str],
    steps: int,
    row_U: Rows | None = None,
) -> tuple[Flow, ...]:
    """The observed flow of each period of `steps` steps, counted back from the history's end.

    Periods without engagements are left out, and what is too short at the beginning is too.
    """
    starts = range(history.cutoff % steps, history.cutoff, steps)
    interest = history.interest if row_U is None else history.interest.only(row_U)
    active_S = np.bincount(interest.step_N, interest.target_N(kinds), minlength=history.cutoff)
    return tuple(
        observed_flow(history, found, kinds, start, start + steps, row_U)
        for start in starts
        if active_S[start : start + steps].any()
    )


def forecast_flow(forecast: Forecast, row_U: Rows | None = None) -> Flow:
    """The flow that a forecast expects from its first window to its last.

    Both ends are the forecast's own shares, so a small basket's luck isn't taken for an interest
    that will be lost; a model that expects no change gives no flow. Users weigh as their forecast
    volume. HistoryError for a forecast of one window.
    """
    windows = sorted(forecast.windows_W)
    if len(windows) < 2:
        raise HistoryError("A flow to come needs a forecast of two windows, or more; found one.")
    first_UT, last_UT = (
        forecast.volume_UTW[:, :, forecast.windows_W.index(window)].astype(np.float64)
        for window in (windows[0], windows[-1])
    )
    both_U = first_UT.any(axis=1) & last_UT.any(axis=1)
    weight_U = _only(both_U * (first_UT + last_UT).sum(axis=1), row_U)
    if not weight_U.any():
        raise HistoryError("For none of the users is forecast any engagement at both ends.")
    return Flow(
        forecast.topics_T,
        forecast.dates(windows[0])[0],
        forecast.dates(windows[-1])[1],
        int((weight_U > 0).sum()),
        _coupled(_shares(first_UT), _shares(last_UT), weight_U),
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


def _shares_after(before_UT: Doubles, shift_UT: Doubles) -> Doubles:
    """Shares with some shifted; topics that didn't move share what is left as they did before.

    Whoever would be left with nothing stays.
    """
    moved_UT = shift_UT != 0
    after_UT = np.where(moved_UT, np.clip(before_UT + shift_UT, 0, 1), 0)
    room_U1 = np.maximum(1 - after_UT.sum(axis=1, keepdims=True), 0)
    after_UT += _shares(np.where(moved_UT, 0, before_UT)) * room_U1
    return _shares(np.where(after_UT.any(axis=1, keepdims=True), after_UT, before_UT))


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
