"""What the boosted trees read of a cell: its own past, its user, its topic, and everyone else.

Features of a cell come in three shapes, `UT`, `U` and `T`; a table gathers the cells asked for.
Shapes: U users, T topics, S steps, C steps of the calendar, H half-lives, W windows, P parents,
N cells.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.cadence import cadence
from penchant.models.copurchase import Copurchase, learn_copurchase
from penchant.models.dense import NAMES_H, Dense, dense_blocks
from penchant.models.rates import Rates, learn_rates

Cells = npt.NDArray[np.int64]
LAG = 4  # steps in a lag
LAGS = 4
OTHER_HALF_LIVES = (2.0, 8.0)  # steps
PRIORS = ((3, 10.0), (4, 20.0), (6, 40.0))  # half-life (its place) and pseudo-events of a share


@dataclass(frozen=True)
class Context:
    """What a cutoff teaches from everyone, for cells of anyone."""

    copurchase: Copurchase
    rates: Rates
    parent_T: npt.NDArray[np.int32]
    attributes: tuple[tuple[str, tuple[str, ...]], ...]  # of customers, with their known values
    other_kinds: tuple[str, ...]  # of event, read beside those forecast
    ahead_W: npt.NDArray[np.bool_]  # whether the promotions of a window were known at the fit


@dataclass(frozen=True)
class Known:
    """What the history of a fit offers, and so every cutoff of it is read for."""

    other_kinds: tuple[str, ...]
    ahead_W: npt.NDArray[np.bool_]


def known_of(history: History, task: Task) -> Known:
    """Kinds of event beside those forecast, and the windows whose promotions are known."""
    others = tuple(sorted(set(history.interest.kinds_K) - set(task.target)))
    ahead_TW = history.calendar.promotion_TW(history.cutoff, task.windows)
    ahead_W: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(ahead_TW), axis=0)
    return Known(others, ahead_W)


def learn_context(history: History, task: Task, known: Known) -> Context:
    """Learn a context from all users of a history."""
    copurchase = learn_copurchase(dense_blocks(history, task.target), task.windows[0].length)
    rates = learn_rates(dense_blocks(history, task.target), task.windows)
    _, parent_T = np.unique(history.topics.parent_T, return_inverse=True)
    return Context(
        copurchase,
        rates,
        parent_T.astype(np.int32),
        _attributes(history),
        known.other_kinds,
        known.ahead_W,
    )


def _attributes(history: History) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if history.people is None:
        return ()
    names = [name for name in history.people.column_names if name != c.USER]
    return tuple(
        (name, tuple(sorted(history.people[name].drop_null().unique().to_pylist())))
        for name in names
    )


def feature_table(
    history: History, dense: Dense, context: Context, cell_N: Cells
) -> dict[str, Floats]:
    """Features of the flat cells `cell_N` (user · T + topic) that no window changes.

    `dense` is `history`, laid out.
    """
    at_N = np.divmod(cell_N, dense.shape[1])
    columns = block_columns(history, dense, context)
    return {name: value_UT[at_N] for name, value_UT in columns.items()}


def block_columns(history: History, dense: Dense, context: Context) -> dict[str, Floats]:
    """The same of every cell of a block, as `UT`; those of users and topics are read-only views."""
    columns = _cell(dense) | cadence(dense) | _shares(dense) | _money(dense)
    for kind, half_life in product(context.other_kinds, OTHER_HALF_LIVES):
        other_UT = history.interest.decayed_UT((kind,), half_life)
        columns[f"{kind}_{half_life:g}"] = np.log1p(other_UT)
    columns |= context.copurchase.scores(dense) | _siblings(dense, context.parent_T)
    shape = dense.money_UT.shape
    user = _user(dense) | people_columns(history, context)
    for name, value_U in user.items():
        columns[f"user_{name}"] = np.broadcast_to(value_U[:, None], shape)
    topic = _topic(dense, context.rates) | {"parent": context.parent_T.astype(np.float32)}
    for name, value_T in topic.items():
        columns[f"topic_{name}"] = np.broadcast_to(value_T, shape)
    return columns


def people_columns(history: History, context: Context) -> dict[str, Floats]:
    """Places of customers' attributes among their known values, as `U`; NaN where unknown."""
    users_U, columns = pa.array(history.interest.users_U), {}
    for name, values in context.attributes:
        place_U = np.full(len(users_U), np.nan, dtype=np.float32)
        if history.people is not None and name in history.people.column_names:
            row = pc.index_in(users_U, history.people[c.USER])
            value = history.people[name].take(row)
            place = pc.index_in(value, pa.array(values, pa.string()))
            place_U = place.cast(pa.float32()).to_numpy(zero_copy_only=False)
        columns[f"attribute_{name}"] = place_U
    return columns


def look_columns(history: History, context: Context, task: Task) -> list[dict[str, Floats]]:
    """Features of each topic that depend on the window, as `T`, for each window.

    A window whose promotions weren't known at the cutoff of the fit has none at any cutoff, so that
    training looks are no better informed. One that lacks them only now is promoted as usual.
    """
    steps, calendar = history.cutoff, history.calendar
    known_TC = calendar.promotion_TC[:, :steps]
    usual_T = known_TC.sum(axis=1) / steps
    lately_T = known_TC[:, max(0, steps - LAG) :].sum(axis=1) / LAG
    ahead_TW = calendar.promotion_TW(steps, task.windows)
    ahead_TW = np.where(np.isfinite(ahead_TW), ahead_TW, usual_T[:, None])
    ahead_TW = np.where(context.ahead_W, ahead_TW, np.nan).astype(np.float32)
    return [
        {
            "adopting": context.rates.adopting_TW[:, w],
            "returning": context.rates.returning_TW[:, w],
            "promotion": ahead_TW[:, w],
            "promotion_usual": np.log((ahead_TW[:, w] + 1) / (usual_T + 1)),
            "promotion_lately": np.log((ahead_TW[:, w] + 1) / (lately_T + 1)),
        }
        for w in range(len(task.windows))
    ]


def _cell(dense: Dense) -> dict[str, Floats]:
    columns = {}
    for h, name in enumerate(NAMES_H):
        columns[f"count_{name}"] = np.log1p(dense.decayed_HUT[h])
        columns[f"steps_{name}"] = np.log1p(dense.steps_HUT[h])
    steps = dense.shape[2]
    for lag in range(LAGS):
        within_N = dense.within_N(steps - LAG * (lag + 1), steps - LAG * lag)
        columns[f"lag_{lag}"] = dense.sum_UT(dense.count_N * within_N)
        columns[f"lag_steps_{lag}"] = dense.sum_UT(within_N)
    return columns


def _shares(dense: Dense) -> dict[str, Floats]:
    """Smoothed shares and the rates they give, and a smoothed rate of the cell alone."""
    shop_T = dense.shop_TH[:, 5] + 0.01
    share_T = shop_T / shop_T.sum()
    columns = {}
    for h, strength in PRIORS:
        own_UT = dense.decayed_HUT[h]
        user_U1 = own_UT.sum(axis=1, keepdims=True)
        share_UT = (own_UT + strength * share_T) / (user_U1 + strength)
        rate_U1 = user_U1 / dense.weight_SH[:, h].sum() + 0.01
        columns[f"share_{NAMES_H[h]}"] = np.log(share_UT + 1e-9)
        columns[f"rate_{NAMES_H[h]}"] = np.log(share_UT * rate_U1 + 1e-9)
    memory = dense.weight_SH[:, 4].sum()
    usual_T = dense.shop_TH[:, 4] / memory / max(1, dense.shop_users)
    columns["own_rate"] = np.log((dense.decayed_HUT[4] + 4 * usual_T) / (memory + 4) + 1e-9)
    return columns


def _money(dense: Dense) -> dict[str, Floats]:
    count_UT = dense.decayed_HUT[4]
    return {
        "money": np.log1p(np.maximum(dense.money_UT, 0)),
        "price": (dense.money_UT + 1) / (count_UT + 1),
    }


def _siblings(dense: Dense, parent_T: npt.NDArray[np.int32]) -> dict[str, Floats]:
    """Engagements in the other topics of the same branch."""
    member_TP = np.eye(parent_T.max() + 1, dtype=np.float32)[parent_T]
    columns = {}
    for h in (2, 4):
        own_UT = dense.decayed_HUT[h]
        others_UT = (own_UT @ member_TP)[:, parent_T] - own_UT
        columns[f"siblings_{NAMES_H[h]}"] = np.log1p(np.maximum(others_UT, 0))
    return columns


def _user(dense: Dense) -> dict[str, Floats]:
    users, topics, steps = dense.shape
    count_HU = dense.decayed_HUT.cumsum(axis=2)[:, :, -1]
    visited_US = dense.visited_US
    visits_UH = visited_US.astype(np.float32) @ dense.weight_SH
    columns = {}
    for h, name in enumerate(NAMES_H):
        columns[f"count_{name}"] = np.log1p(count_HU[h])
        columns[f"steps_{name}"] = visits_UH[:, h]
    for h in (2, 4):
        columns[f"breadth_{NAMES_H[h]}"] = (1 - np.exp(-dense.steps_HUT[h])).sum(axis=1)
    columns["breadth"] = dense.ever_UT.sum(axis=1)
    visited_U = visited_US.any(axis=1)
    columns["since"] = np.where(visited_U, visited_US[:, ::-1].argmax(axis=1), steps)
    columns["tenure"] = np.where(visited_U, steps - visited_US.argmax(axis=1), 0)
    columns["trend"] = np.log((count_HU[2] / 4 + 0.05) / (count_HU[4] / 16 + 0.05))
    columns["price"] = (dense.money_UT.sum(axis=1) + 1) / (count_HU[4] + 1)
    user_C, first_C = dense.cell_C // topics, dense.step_N[dense.start_C]
    for lately in (4, 8):
        columns[f"new_{lately}"] = np.bincount(user_C, first_C >= steps - lately, minlength=users)
    return columns


def _topic(dense: Dense, rates: Rates) -> dict[str, Floats]:
    shop_TH = dense.shop_TH
    columns = {f"count_{NAMES_H[h]}": np.log1p(shop_TH[:, h]) for h in (2, 4, 6)}
    columns["trend"] = np.log((shop_TH[:, 2] / 4 + 0.5) / (shop_TH[:, 4] / 16 + 0.5))
    columns["turn"] = np.log((shop_TH[:, 1] / 2 + 0.5) / (shop_TH[:, 3] / 8 + 0.5))
    columns["rank"] = np.argsort(np.argsort(-shop_TH[:, 5], kind="stable"), kind="stable")
    columns["customers"] = rates.customers_T
    columns["new"] = rates.new_T
    columns["repeat"] = rates.repeat_T
    columns["code"] = np.arange(len(shop_TH))
    return columns
