"""Churn: who is likely not to come back, what would be lost with them, why, and what to do.

Chances are those of a forecast of one topic, `whole`'s, whose engagements are steps with a
purchase. Spend is such a step's mean, a customer's own leaning on the shop's, times the steps to
come; that of one step is a Gamma, as uneven as customers' own steps are.
Shapes: U users, N entries, C cells, T topics, M numbers of steps, J steps ahead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import gammainc

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest import counts
from penchant.interest.counts import Doubles, Flags
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.repurchase import ENOUGH_GAPS, Cadences, cadences
from penchant.interest.task import Task

CHURN_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.GONE, pa.float32(), nullable=False),
        pa.field(c.HALVED, pa.float32()),
        pa.field(c.SPEND, pa.float32()),
        pa.field(c.AT_RISK, pa.float32()),
        pa.field(c.ALIVE, pa.float32()),
        pa.field(c.WORTH, pa.float32()),
        pa.field(c.REASONS, pa.list_(pa.string()), nullable=False),
        pa.field(c.ADVICE, pa.string(), nullable=False),
    ]
)
PRIOR_STEPS = 3.0  # with a purchase, at the shop's mean spend, added to a customer's own
HALF = 0.5  # of the spend of as many steps before
RETURNING = 0.3  # chance of no purchase below which nothing need be done
VALUABLE = 0.8  # quantile of the value at risk from which an offer pays
MOST_REASONS = 3  # topics named
LEAST_PAIRS = 20  # further steps of customers, to say how uneven spend is
NO_ACTION, REMINDER, WIN_BACK, GREETING = "none", "reminder", "win-back offer", "greeting"


@dataclass(frozen=True)
class Spend:
    """What customers spend in a step with a purchase, and have spent; in the shop's currency."""

    mean_U: Doubles
    lately_U: Doubles  # in as many steps as are forecast; NaN where fewer are known
    usual_U: Doubles  # in as many steps, over all since the first
    uneven: float  # variance over squared mean, of one customer's steps


@dataclass(frozen=True)
class Survival:
    """The coming year: a forecast of one topic, and who is still a customer after each step."""

    year: Forecast
    alive_UJ: Floats  # chance


@dataclass(frozen=True)
class ChurnWarning:
    """A churn warning of every user; what can't be told is NaN, and the notes say why."""

    users_U: Names
    gone_U: Floats  # chance of no purchase
    halved_U: Floats  # chance of at most half the spend of as many steps before
    spend_U: Floats  # expected
    risk_U: Floats  # chance of no purchase times the usual spend
    alive_U: Floats  # steps of the coming year in which the user is expected to be a customer
    worth_U: Floats  # spend expected in the coming year
    reasons_U: tuple[tuple[str, ...], ...]
    action_U: tuple[str, ...]
    notes: tuple[str, ...]  # what can't be told

    def order_U(self) -> npt.NDArray[np.int64]:
        """Rows of users by value at risk, the most first; by the chance where that isn't told."""
        key_U = self.gone_U if np.isnan(self.risk_U).all() else np.nan_to_num(self.risk_U)
        return np.argsort(-key_U, kind="stable")

    def to_table(self) -> pa.Table:
        """A row of `CHURN_SCHEMA` for every user, in `order_U`."""
        told = {
            c.HALVED: self.halved_U,
            c.SPEND: self.spend_U,
            c.AT_RISK: self.risk_U,
            c.ALIVE: self.alive_U,
            c.WORTH: self.worth_U,
        }
        table = pa.table(
            {
                c.USER: pa.array(self.users_U.tolist()),
                c.GONE: self.gone_U,
                c.REASONS: pa.array(list(map(list, self.reasons_U)), pa.list_(pa.string())),
                c.ADVICE: pa.array(list(self.action_U), pa.string()),
                **{name: pa.array(part, from_pandas=True) for name, part in told.items()},
            }
        )
        return table.select(CHURN_SCHEMA.names).cast(CHURN_SCHEMA).take(self.order_U())


def churn(history: History, soon: Forecast, survival: Survival | None, task: Task) -> ChurnWarning:
    """Warn of every user of a history by a forecast of one topic, for the window 1-h.

    Without a survival neither it nor the year's spend is told. Raises HistoryError for forecasts of
    other users, several topics or a later window.
    """
    for made in (soon,) if survival is None else (soon, survival.year):
        _check(made, history)
    horizon, gone_U = soon.windows_W[0].end, 1 - soon.chance_UTW[:, 0, 0]
    spend = spend_of(history, task, horizon)
    notes, unknown_U = [], np.full(len(gone_U), np.nan, dtype=np.float32)
    halved_U = spend_U = risk_U = worth_U = alive_U = unknown_U
    if survival is None:
        notes.append(
            "Trees told purchases better than lifetimes do here. Only lifetimes tell how long "
            "customers stay, so survival and the year's spend are left out."
        )
    else:
        alive_U = survival.alive_UJ.sum(axis=1)
    if spend is None:
        notes.append("No purchase has a value, so neither spend nor value at risk can be told.")
    else:
        spend_U = (soon.volume_UTW[:, 0, 0] * spend.mean_U).astype(np.float32)
        if survival is not None:
            year_U = survival.year.volume_UTW[:, 0, 0]
            worth_U = (year_U * spend.mean_U).astype(np.float32)
        risk_U = (gone_U * spend.usual_U).astype(np.float32)
        halved_U = halving_U(soon, spend).astype(np.float32)
        if np.isnan(spend.lately_U).all():
            notes.append(
                f"{soon.step.plural(history.cutoff)} are known, fewer than the {horizon} ahead, so "
                "a fall in spend can't be told."
            )
    found = cadences(history, task.target)
    reasons_U, due_U = _reasons(history, found, horizon)
    return ChurnWarning(
        users_U=history.interest.users_U,
        gone_U=gone_U,
        halved_U=halved_U,
        spend_U=spend_U,
        risk_U=risk_U,
        alive_U=alive_U,
        worth_U=worth_U,
        reasons_U=reasons_U,
        action_U=_actions(gone_U, risk_U, due_U),
        notes=tuple(notes),
    )


def _check(made: Forecast, history: History) -> None:
    if len(made.topics_T) != 1 or len(made.windows_W) != 1 or made.windows_W[0].start:
        raise HistoryError(
            "Churn reads forecasts of one topic and one window from the cutoff on; found "
            f"{len(made.topics_T)} topics and {len(made.windows_W)} windows."
        )
    if not np.array_equal(made.users_U, history.interest.users_U):
        raise HistoryError("Churn needs forecasts of the history's users, in their order.")


def spend_of(history: History, task: Task, horizon: int) -> Spend | None:
    """What customers spend; None where no purchase has a value."""
    past = history.interest
    users = len(past.users_U)
    cell_N = past.user_N.astype(np.int64) * past.steps + past.step_N
    step_N, entry_N = np.unique(cell_N, return_inverse=True)
    bought_N = np.bincount(entry_N, weights=past.target_N(task.target)) > 0
    money_N = np.maximum(np.bincount(entry_N, weights=past.money_N), 0) * bought_N
    if not money_N.sum():
        return None
    user_N, step_N = step_N // past.steps, step_N % past.steps
    times_U = np.bincount(user_N, weights=bought_N, minlength=users)
    paid_U = np.bincount(user_N, weights=money_N, minlength=users)
    shop = paid_U.sum() / times_U.sum()
    own_U = paid_U / np.maximum(times_U, 1)
    apart_N = (money_N - own_U[user_N]) ** 2 * bought_N
    pairs = np.maximum(times_U - 1, 0).sum()
    uneven = apart_N.sum() / pairs / shop**2 if pairs >= LEAST_PAIRS else 1.0
    first_U = np.full(users, past.steps)
    np.minimum.at(first_U, user_N[bought_N], step_N[bought_N])
    late_N = money_N * (step_N >= past.steps - horizon)
    lately_U = np.bincount(user_N, weights=late_N, minlength=users).astype(np.float64)
    if past.steps < horizon:
        lately_U[:] = np.nan
    return Spend(
        mean_U=(paid_U + PRIOR_STEPS * shop) / (times_U + PRIOR_STEPS),
        lately_U=lately_U,
        usual_U=paid_U * horizon / np.maximum(past.steps - first_U, horizon),
        uneven=max(float(uneven), 1e-3),
    )


def halving_U(soon: Forecast, spend: Spend) -> Doubles:
    """Chance that at most half is spent of what was lately; NaN for who spent nothing then."""
    horizon = soon.windows_W[0].end
    volume_U, excess_U = soon.volume_UTW[:, 0, 0], soon.excess_UTW[:, 0, 0]
    known_U = spend.lately_U > 0
    limit_U = np.where(known_U, HALF * spend.lately_U, 0) / spend.mean_U / spend.uneven
    below_U = upto_U = counts.cumulative(0, volume_U, excess_U)
    halved_U = upto_U.copy()
    for times in range(1, horizon + 1):  # nobody buys in more steps than there are
        below_U, upto_U = upto_U, counts.cumulative(times, volume_U, excess_U)
        if times == horizon:
            upto_U = np.ones_like(upto_U)
        halved_U = halved_U + (upto_U - below_U) * gammainc(times / spend.uneven, limit_U)
    return np.where(known_U, np.clip(halved_U, 0, 1), np.nan)


def _reasons(
    history: History, found: Cadences, horizon: int
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Why each user may be gone, and the topic due first within the horizon, `""` if none is."""
    past, step = history.interest, history.interest.step
    silent_C = found.steps - 1 - found.last_C
    quiet_C = _quiet(found, silent_C)
    due_C = np.where(found.due_C < found.steps + horizon, found.due_C, np.nan)
    last_U = np.full(len(past.users_U), -1)
    np.maximum.at(last_U, found.user_C, found.last_C)
    start_U = np.searchsorted(found.user_C, np.arange(len(past.users_U) + 1))
    reasons: list[tuple[str, ...]] = []
    due: list[str] = []
    for user, last in enumerate(last_U.tolist()):
        cells = slice(start_U[user], start_U[user + 1])
        due.append(_due(past.topics_T, found, due_C, cells))
        if last < 0:
            reasons.append(("has bought nothing yet",))
            continue
        quiet = np.flatnonzero(quiet_C[cells]) + cells.start
        quiet = quiet[np.argsort(-found.gaps_C[quiet], kind="stable")][:MOST_REASONS]
        said = [
            f"{past.topics_T[found.topic_C[cell]]}: every {_every(found.gap_C[cell], step)} until "
            f"{step.start(past.origin + int(found.last_C[cell]))}, quiet since then"
            for cell in quiet.tolist()
        ]
        if found.last_C[cells].max() == _firsts(found, cells):
            said.append(f"bought in one {step} only, {step.start(past.origin + last)}")
        elif not said and last < found.steps - horizon:
            said.append(f"nothing bought since {step.start(past.origin + last)}")
        reasons.append(tuple(said))
    return tuple(reasons), tuple(due)


def _firsts(found: Cadences, cells: slice) -> int:
    """The last step of a user who bought in one only; -1 of others."""
    last_C, gaps_C = found.last_C[cells], found.gaps_C[cells]
    return int(last_C[0]) if not gaps_C.any() and (last_C == last_C[0]).all() else -1


def _quiet(found: Cadences, silent_C: npt.NDArray[Any]) -> Flags:
    """Cells with a cadence that have missed two of their gaps, and more than most gaps took."""
    late_C = (silent_C > 2 * found.gap_C) & (silent_C > found.high_C)
    return np.asarray((found.gaps_C >= ENOUGH_GAPS) & late_C)


def _due(topics_T: Names, found: Cadences, due_C: Floats, cells: slice) -> str:
    """The topic that is due first among a user's; `""` if none is."""
    if np.isnan(due_C[cells]).all():
        return ""
    return str(topics_T[found.topic_C[cells.start + int(np.nanargmin(due_C[cells]))]])


def _every(gap: float, step: Step) -> str:
    return f"{step}" if round(gap) == 1 else step.plural(round(gap))


def _actions(gone_U: Floats, risk_U: Floats, due_U: tuple[str, ...]) -> tuple[str, ...]:
    """The first rule that holds: likely back, a topic due, much at risk; else a greeting."""
    some_U = risk_U[risk_U > 0]
    valuable = np.quantile(some_U, VALUABLE) if len(some_U) else np.inf
    actions = []
    for gone, risk, due in zip(gone_U, risk_U, due_U, strict=True):
        if gone < RETURNING:
            actions.append(NO_ACTION)
        elif due:
            actions.append(f"{REMINDER}: {due}")
        elif risk >= valuable:
            actions.append(WIN_BACK)
        else:
            actions.append(GREETING)
    return tuple(actions)
