"""Demand ahead: what customers' own forecasts add up to, beside what series say, as one.

A topic's demand is its direct forecast drawn towards the sum of its users' forecasts and what
newcomers will add, on the logarithmic scale. Users' sums are drawn on twice, with a weight each:
for the shop's level, and for the topics' shares of it. Weights are those at which an earlier
forecast would have been least off, leaning on fixed ones. Topics, departments and the shop are then
reconciled. Within a window, users' sums are spread over steps as the direct forecast is.
Counts are engagements of the task's kinds: purchases, not units.
Shapes: U users, T topics, W windows, N nodes of the tree, S steps known, H steps ahead, C steps of
both, K cutoffs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.step import Step
from penchant.decisions.almanac import almanac
from penchant.decisions.direct import LEAST_STEPS, Direct
from penchant.decisions.remainder import remainder_TH
from penchant.decisions.spread import Spread, learn_spread, unknown_spread
from penchant.decisions.tree import LEVELS, Tree, reconcile
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import TABLE_LEVEL
from penchant.interest.history import History
from penchant.interest.task import Task, Window, disjoint

DEMAND_SCHEMA = pa.schema(
    [
        pa.field(c.TOPIC, pa.string(), nullable=False),  # or department, or `all`
        pa.field(c.TREE_LEVEL, pa.string(), nullable=False),
        pa.field(c.START, pa.date32(), nullable=False),  # first day of the step
        pa.field(c.USERS_SUM, pa.float64()),  # sum of the users' forecasts
        pa.field(c.REMAINDER, pa.float64()),  # of customers not known yet
        pa.field(c.MEAN, pa.float64(), nullable=False),
        pa.field(c.LOW, pa.int64(), nullable=False),  # 80 % interval
        pa.field(c.HIGH, pa.int64(), nullable=False),
    ]
)
EARLIEST, MOST_EARLIER = 12, 12  # steps known at the first earlier cutoff, and how many are tried
SHOP_WEIGHT, TOPICS_WEIGHT = 0.0, 0.25  # of users' sums, where no earlier forecast tells others
HALF_TOLD = 1000.0  # engagements at which a topic's error counts half
SMALL = 20  # engagements known of a topic, below which it is told by its department


@dataclass(frozen=True)
class Users:
    """What users' forecasts made at a cutoff add up to, in windows that don't overlap."""

    cutoff: int
    windows_W: tuple[Window, ...]
    sum_TW: Doubles

    @classmethod
    def of(cls, cutoff: int, windows: Sequence[Window], sum_TW: Doubles) -> "Users":
        """Of windows that overlap, those that end first."""
        kept = disjoint(windows)
        return cls(cutoff, tuple(windows[w] for w in kept), sum_TW[:, kept].astype(np.float64))


@dataclass(frozen=True)
class Weights:
    """How far users' sums are followed, between not at all (0) and wholly (1)."""

    shop: float = SHOP_WEIGHT
    topics: float = TOPICS_WEIGHT


@dataclass(frozen=True)
class Earlier:
    """Direct forecasts made of the past, for how far they were off."""

    cutoff_K: npt.NDArray[np.int64]
    mean_KNH: Doubles


@dataclass(frozen=True)
class Demand:
    """Demand of every node of the tree in every step ahead, in engagements."""

    tree: Tree
    step: Step
    origin: int  # absolute index of the first step ahead
    users_NH: Doubles  # NaN in steps that no window holds
    remainder_NH: Doubles
    direct_NH: Doubles
    mean_NH: Doubles  # coherent: topics add up to departments and these to the shop
    spread: Spread
    weights: Weights
    earlier: Earlier
    notes: tuple[str, ...]

    def quantile_NH(self, q: float) -> npt.NDArray[np.int64]:
        """Smallest count whose cumulative probability reaches `q`, of each node by itself."""
        return self.spread.quantile_NH(q, self.mean_NH)

    def to_table(self) -> pa.Table:
        """A row of `DEMAND_SCHEMA` for every node and step: the shop, departments, topics."""
        nodes, ahead = self.mean_NH.shape
        days = [self.step.start(self.origin + h) for h in range(ahead)]
        level_N = np.array(LEVELS)[self.tree.level_N]
        low, high = (1 - TABLE_LEVEL) / 2, (1 + TABLE_LEVEL) / 2
        columns: dict[str, Any] = {
            c.TOPIC: pa.array(np.repeat(self.tree.names_N, ahead)),
            c.TREE_LEVEL: pa.array(np.repeat(level_N, ahead)),
            c.START: pa.array(np.tile(np.array(days, dtype="datetime64[D]"), nodes)),
            c.USERS_SUM: pa.array(self.users_NH.ravel(), from_pandas=True),
            c.REMAINDER: pa.array(self.remainder_NH.ravel()),
            c.MEAN: pa.array(self.mean_NH.ravel()),
            c.LOW: pa.array(self.quantile_NH(low).ravel()),
            c.HIGH: pa.array(self.quantile_NH(high).ravel()),
        }
        return pa.table(columns, schema=DEMAND_SCHEMA)


def demand(
    history: History,
    users: Users,
    task: Task,
    *,
    tested: Sequence[Users] = (),
    lift_TH: Doubles | None = None,
    recipe: Direct | None = None,
) -> Demand:
    """Tell the demand after a history's end from its users' sums and from its series.

    `tested` are users' sums of the same model at earlier cutoffs, which tell the weights. `lift_TH`
    multiplies topics' demand for what the calendar doesn't tell. Raises HistoryError for a history
    too short to forecast series, for sums of another cutoff, and for a lift of the wrong shape.
    """
    recipe, tree = recipe or Direct(), Tree.of(history.topics)
    ahead, topics = task.horizon, len(history.topics)
    if users.cutoff != history.cutoff or len(users.sum_TW) != topics:
        raise HistoryError(
            f"Demand after {history.cutoff} steps of {topics} topics needs users' sums of these; "
            f"found {len(users.sum_TW)} topics after {users.cutoff} steps."
        )
    if lift_TH is not None and (lift_TH.shape != (topics, ahead) or lift_TH.min() < 0):
        raise HistoryError(
            f"A lift is at least 0 for each of {topics} topics and {ahead} steps; found "
            f"{lift_TH.shape}, least {lift_TH.min(initial=0):g}."
        )
    series = _Series(history, task, tree, recipe)
    direct_NH = series.told(history.cutoff, ahead)
    earlier, spread = _earlier(series, ahead)
    weights = learn_weights(history, task, tested, series)
    new_TH = remainder_TH(history, task, ahead)
    users_TH = _by_step(users, direct_NH[-topics:])
    drawn_NH = drawn(tree, direct_NH, users, new_TH, weights)
    topic_TH = reconcile(tree, drawn_NH, spread.variance_NH(drawn_NH))
    if lift_TH is not None:
        topic_TH = topic_TH * lift_TH
    return Demand(
        tree=tree,
        step=history.interest.step,
        origin=history.interest.origin + history.cutoff,
        users_NH=tree.summed(users_TH),
        remainder_NH=tree.summed(new_TH),
        direct_NH=direct_NH,
        mean_NH=tree.summed(topic_TH),
        spread=spread,
        weights=weights,
        earlier=earlier,
        notes=_notes(series, earlier, users_TH, bool(tested)),
    )


def drawn(
    tree: Tree, direct_NH: Doubles, users: Users, new_TH: Doubles, weights: Weights
) -> Doubles:
    """Direct forecasts drawn towards users' sums and newcomers', by window."""
    upper = len(direct_NH) - len(tree.topics_T)
    topic_TH, shop_H = direct_NH[upper:].copy(), direct_NH[0]
    factor_H = np.ones(len(shop_H))
    for w, window in enumerate(users.windows_W):
        steps = slice(window.start, window.end)
        users_T = users.sum_TW[:, w] + new_TH[:, steps].sum(axis=1)
        level, share_T = _apart(direct_NH[upper:, steps].sum(axis=1), users_T)
        before = topic_TH[:, steps].sum()
        topic_TH[:, steps] *= np.exp(weights.topics * share_T)[:, None]
        topic_TH[:, steps] *= before / topic_TH[:, steps].sum()
        factor_H[steps] = np.exp(weights.shop * level)
    upper_NH = tree.summed(topic_TH)[1:upper]
    # A department's own forecast and its topics' drawn ones are as good as each other.
    upper_NH = np.sqrt(np.maximum(upper_NH, 1e-9) * direct_NH[1:upper])
    return np.vstack([shop_H, upper_NH, topic_TH]) * factor_H


def _apart(direct_T: Doubles, users_T: Doubles) -> tuple[float, Doubles]:
    """Logarithms of users' sums over direct forecasts: of the shop, and of topics' shares.

    Sums of nothing at all say nothing.
    """
    if not users_T.sum():
        return 0.0, np.zeros(len(users_T))
    level = float(np.log((users_T.sum() + 0.5) / (direct_T.sum() + 0.5)))
    return level, np.log((users_T * np.exp(-level) + 0.5) / (direct_T + 0.5))


def learn_weights(
    history: History, task: Task, tested: Sequence[Users], series: "_Series"
) -> Weights:
    """Weights half way from the usual ones to those that told best what came at earlier cutoffs.

    Only half way, since one cutoff is one draw.
    """
    if not tested:
        return Weights()
    upper = len(series.tree.names_N) - len(series.tree.topics_T)
    shop, topics = np.array([0.0, 1e-9]), np.array([0.0, 1e-9])
    for users in tested:
        past = history.until(users.cutoff)
        ahead = max(window.end for window in users.windows_W)
        direct_TH = series.told(users.cutoff, ahead)[upper:]
        new_TH = remainder_TH(past, task, ahead)
        for w, window in enumerate(users.windows_W):
            steps = slice(window.start, window.end)
            came_T = series.count_TS[:, users.cutoff :][:, steps].sum(axis=1)
            direct_T = direct_TH[:, steps].sum(axis=1)
            level, share_T = _apart(direct_T, users.sum_TW[:, w] + new_TH[:, steps].sum(axis=1))
            missed, missed_T = _apart(direct_T, came_T)
            weight_T = direct_T / (direct_T + HALF_TOLD)
            shop += level * missed, level**2
            topics += (weight_T * share_T * missed_T).sum(), (weight_T * share_T**2).sum()
    best = [float(np.clip(told / sure, 0, 1)) for told, sure in (shop, topics)]
    return Weights((best[0] + SHOP_WEIGHT) / 2, (best[1] + TOPICS_WEIGHT) / 2)


@dataclass(frozen=True)
class _Series:
    """The series of a history, to be forecast after any of its steps."""

    history: History
    task: Task
    tree: Tree
    recipe: Direct

    @property
    def count_TS(self) -> Doubles:
        """Engagements by topic and step."""
        return self.history.topic_count_TS(self.task.target).astype(np.float64)

    def told(self, cutoff: int, ahead: int) -> Doubles:
        """Direct forecasts of every node after a cutoff, `NH`.

        The first step is left out: the log may begin in its middle.
        """
        past, calendar = self.history.interest, self.history.calendar
        later = replace(calendar, holiday_C=calendar.holiday_C[1:])
        days = almanac(past.step, past.origin + 1, cutoff - 1, ahead, later)
        promotion_TC = calendar.promotion_TC[:, 1 : cutoff + ahead].astype(np.float64)
        return self.recipe.forecast(self.tree, self.count_TS[:, 1:cutoff], promotion_TC, days)


def _earlier(series: _Series, ahead: int) -> tuple[Earlier, Spread]:
    """Direct forecasts at earlier cutoffs, and how far they were off."""
    end = series.history.cutoff
    first = max(EARLIEST, LEAST_STEPS + 1)
    count_NS = series.tree.summed(series.count_TS)
    cutoff_K = np.unique(np.linspace(first, end - 1, MOST_EARLIER).astype(np.int64))
    cutoff_K = cutoff_K[(cutoff_K >= first) & (cutoff_K < end)]
    if not len(cutoff_K):
        nothing = np.empty((0, len(count_NS), ahead))
        return Earlier(cutoff_K, nothing), unknown_spread(len(count_NS))
    mean_KNH = np.stack([series.told(int(cutoff), ahead) for cutoff in cutoff_K])
    came_KNH = np.full_like(mean_KNH, np.nan)
    for came_NH, cutoff in zip(came_KNH, cutoff_K.tolist(), strict=True):
        known = min(ahead, end - cutoff)
        came_NH[:, :known] = count_NS[:, cutoff : cutoff + known]
    return Earlier(cutoff_K, mean_KNH), learn_spread(mean_KNH, came_KNH, series.tree.level_N)


def _by_step(users: Users, direct_TH: Doubles) -> Doubles:
    """Users' sums spread over a window's steps as direct forecasts are; NaN outside of windows."""
    users_TH = np.full(direct_TH.shape, np.nan)
    for w, window in enumerate(users.windows_W):
        steps = slice(window.start, window.end)
        shape_TS = direct_TH[:, steps] / direct_TH[:, steps].sum(axis=1, keepdims=True)
        users_TH[:, steps] = users.sum_TW[:, w, None] * shape_TS
    return users_TH


def _notes(series: _Series, earlier: Earlier, users_TH: Doubles, tested: bool) -> tuple[str, ...]:
    """What can't be told, or only badly."""
    step, notes = series.history.interest.step, []
    if not len(earlier.cutoff_K):
        notes.append(
            f"{step.plural(series.history.cutoff)} are known: too few to hold an earlier forecast "
            "against what came, so intervals are a guess."
        )
    if not tested:
        notes.append(
            "No earlier forecast of the model was tried, so the shop's level is told by series "
            f"alone, and users' sums weigh {TOPICS_WEIGHT:.0%} in topics' shares of it."
        )
    if np.isnan(users_TH).any():
        notes.append("Some steps lie in no window; there demand is told by series alone.")
    size_T = series.count_TS.sum(axis=1)
    if small := int((size_T < SMALL).sum()):
        notes.append(
            f"{small} of {len(size_T)} topics have fewer than {SMALL} engagements; what is told of "
            "them is their department's course at their level."
        )
    return tuple(notes)
