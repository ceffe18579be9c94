"""What promotions do to sales, from a panel: the same things sold, with and without them.

Logs of units are explained by the thing, the step, and the promotions (two-way fixed effects), so
neither what sells anyway nor a busy week is taken for an effect. Errors are clustered: all steps of
one item hang together. *Placebo leads* are the promotions of the steps after: they can't have sold
anything yet, so a lead as large as the effect says that promotions are put where sales rise anyway.
Units of 0 count by log(1 + units), which makes effects smaller than they are where little is sold.
Sources: Angrist and Pischke, Mostly Harmless Econometrics, 2009; Cameron and Miller, A
Practitioner's Guide to Cluster-Robust Inference, 2015.
Shapes: N cells of the panel, or interactions, I items, F regressors, G groups, T topics, S steps
known, C steps of the calendar, A steps ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from penchant import columns as c
from penchant.errors import DataError
from penchant.interest.calendar import build_calendar
from penchant.interest.counts import Doubles, Integers
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.interest.topics import Topics

PASSES = 500  # of demeaning, at most
CLOSE = 1e-8  # largest mean left, at which demeaning ends
LEAST_CLUSTERS = 20  # for errors that can be believed
LEADS = (1, 2)  # steps
LEAST_SOLD = 10  # steps in which an item sold, to be looked at
MOST_ITEMS = 5000  # those that sold most often
PROMOTION = "promotion"  # the regressor, where promotions are of one sort
MOST_LOG = np.log(10.0)  # of a lift: beyond what was seen nothing is known


@dataclass(frozen=True)
class Panel:
    """Cells of things and steps: what was sold, and what was promoted how strongly."""

    thing_N: Integers  # what a fixed effect is of
    step_N: Integers
    cluster_N: Integers
    sold_N: Doubles  # log(1 + units)
    promoted_NF: Doubles
    names_F: tuple[str, ...]


@dataclass(frozen=True)
class PanelEffect:
    """The effect of one regressor on the log of units, and of the same a step or two later."""

    name: str
    effect: float
    error: float
    lead: float  # the largest placebo lead, by size; NaN where there is none
    lead_error: float
    cells: int
    clusters: int

    @property
    def chance(self) -> float:
        """Of an effect as large without a cause."""
        return float(2 * stats.t.sf(abs(self.effect) / self.error, self.clusters - 1))

    @property
    def clear(self) -> bool:
        """Whether it is surely above 0 and more than twice its placebo lead."""
        steady = not np.isfinite(self.lead) or abs(self.lead) <= self.effect / 2
        return self.chance < 0.05 and self.effect > 0 and steady


def panel_effects(panel: Panel, leads: Sequence[int] = LEADS) -> tuple[PanelEffect, ...]:
    """Estimate every regressor's effect, its leads beside it.

    Raises DataError where there are too few clusters, or nothing varies.
    """
    own = len(panel.names_F)
    groups = len(np.unique(panel.cluster_N))
    if groups < LEAST_CLUSTERS:
        raise DataError(
            f"The effect of promotions is told from {LEAST_CLUSTERS} items or topics at least; "
            f"{groups} were found."
        )
    led = [_ahead(panel, lead) for lead in leads]
    kept_N = np.ones(len(panel.sold_N), dtype=bool)
    for part_NF in led:
        kept_N &= np.isfinite(part_NF[:, 0])
    value_NF = np.hstack([panel.promoted_NF, *led])[kept_N]
    things = (_codes(panel.thing_N[kept_N]), _codes(panel.step_N[kept_N]))
    both_NF = demeaned(np.column_stack([panel.sold_N[kept_N], value_NF]), things)
    sold_N, value_NF = both_NF[:, 0], both_NF[:, 1:]
    if (value_NF[:, :own].std(axis=0) < 1e-9).any():
        raise DataError(
            "Promotions don't change within any item or topic, so their effect can't be told."
        )
    effect_F, error_F = _clustered(sold_N, value_NF, _codes(panel.cluster_N[kept_N]))
    found = []
    for at, name in enumerate(panel.names_F):
        later = np.arange(at + own, len(effect_F), own)
        worst = later[np.argmax(np.abs(effect_F[later]))] if len(later) else None
        lead, lead_error = (np.nan, np.nan) if worst is None else (effect_F[worst], error_F[worst])
        found.append(
            PanelEffect(
                name,
                effect=float(effect_F[at]),
                error=float(error_F[at]),
                lead=float(lead),
                lead_error=float(lead_error),
                cells=int(kept_N.sum()),
                clusters=groups,
            )
        )
    return tuple(found)


def demeaned(value_NF: Doubles, groups: Sequence[Integers]) -> Doubles:
    """Values less the means of several groupings, taken out by turns until none is left."""
    left_NF = np.array(value_NF, dtype=np.float64)
    counts = [np.bincount(group_N).astype(float) for group_N in groups]
    for _ in range(PASSES):
        most = 0.0
        for group_N, count_G in zip(groups, counts, strict=True):
            for column_N in left_NF.T:
                mean_G = np.bincount(group_N, weights=column_N) / count_G
                column_N -= mean_G[group_N]
                most = max(most, float(np.abs(mean_G).max()))
        if most < CLOSE:
            break
    return left_NF


def _clustered(sold_N: Doubles, value_NF: Doubles, cluster_N: Integers) -> tuple[Doubles, Doubles]:
    """Least squares, and errors that let the cells of a cluster hang together (CR1)."""
    bread_FF = np.linalg.pinv(value_NF.T @ value_NF)
    effect_F = bread_FF @ (value_NF.T @ sold_N)
    left_N = sold_N - value_NF @ effect_F
    groups = int(cluster_N.max()) + 1
    score_GF = np.stack(
        [
            np.bincount(cluster_N, weights=part_N, minlength=groups)
            for part_N in (value_NF.T * left_N)
        ],
        axis=1,
    )
    fair = groups / (groups - 1)
    covariance_FF = fair * bread_FF @ (score_GF.T @ score_GF) @ bread_FF
    return effect_F, np.sqrt(np.maximum(np.diag(covariance_FF), 0))


def _ahead(panel: Panel, lead: int) -> Doubles:
    """What is promoted some steps later, of the same thing; NaN where the panel ends."""
    thing_N = _codes(panel.thing_N)
    first = int(panel.step_N.min())
    steps = int(panel.step_N.max()) - first + 1
    grid = np.full((int(thing_N.max()) + 1, steps + lead, panel.promoted_NF.shape[1]), np.nan)
    grid[thing_N, panel.step_N - first] = panel.promoted_NF
    return np.asarray(grid[thing_N, panel.step_N - first + lead])


def _codes(name_N: Integers) -> Integers:
    return np.unique(name_N, return_inverse=True)[1]


def topic_panel(history: History, kinds: Sequence[str]) -> Panel | None:
    """Topics and steps of a history, and the part of each topic's items promoted; None without.

    The part is weighted by the promotions' strengths.
    """
    promoted_TC, steps = history.calendar.promotion_TC, history.cutoff
    part_TS = promoted_part(history)[:, :steps]
    if promoted_TC.shape[1] < steps or not part_TS.any():
        return None
    sold_TS = np.log1p(history.topic_count_TS(kinds).astype(np.float64))
    topic_N, step_N = (axis.ravel() for axis in np.indices(sold_TS.shape))
    return Panel(topic_N, step_N, topic_N, sold_TS.ravel(), part_TS.reshape(-1, 1), (PROMOTION,))


def item_panel(past: Interactions, promotions: pa.Table, history: History) -> Panel | None:
    """Items that sold in enough steps, by the step: purchases, and how strongly each was promoted.

    None where too few sold, or none of them was ever promoted.
    """
    steps, interest = history.cutoff, history.interest
    edges = [interest.step.start(interest.origin + step) for step in range(steps + 1)]
    edge_S = np.array(edges, dtype="datetime64[s]").astype(np.int64)
    step_N = np.searchsorted(edge_S, past.time_N, side="right") - 1
    known_N = (step_N >= 0) & (step_N < steps)
    cell_N = past.item_N[known_N].astype(np.int64) * steps + step_N[known_N]
    sold_IS = np.bincount(cell_N, minlength=len(past.items_I) * steps).reshape(-1, steps)
    often_I = (sold_IS > 0).sum(axis=1)
    row_I = np.flatnonzero(often_I >= LEAST_SOLD)
    row_I = np.sort(row_I[np.argsort(-often_I[row_I], kind="stable")[:MOST_ITEMS]])
    if not len(row_I):
        return None
    items_I = past.items_I[row_I]
    codes = pa.array(np.arange(len(row_I), dtype=np.int32))
    each = Topics(items_I, items_I, pa.table({c.ITEM: items_I.tolist(), c.TOPIC: codes}), level=1)
    promoted_IC = build_calendar(
        promotions, None, each, interest.step, interest.origin
    ).promotion_TC
    if promoted_IC.shape[1] < steps or not promoted_IC[:, :steps].any():
        return None
    item_N, step_N = (axis.ravel() for axis in np.indices((len(row_I), steps)))
    strong_N = np.minimum(promoted_IC[:, :steps].ravel(), 1.0).astype(np.float64)
    sold_N = np.log1p(sold_IS[row_I].astype(np.float64)).ravel()
    return Panel(item_N, step_N, item_N, sold_N, strong_N[:, None], (PROMOTION,))


def promoted_part(history: History) -> Doubles:
    """Strengths of each topic's promotions over its items: the part promoted, `TC`."""
    topic_I = history.topics.items.column(1).to_numpy()
    items_T = np.bincount(topic_I, minlength=len(history.topics))
    part_TC = history.calendar.promotion_TC / np.maximum(items_T, 1)[:, None]
    return np.asarray(np.minimum(part_TC, 1.0), dtype=np.float64)


def lift_TA(history: History, effect: PanelEffect, steps: int) -> Floats:
    """How many times their usual demand topics sell in the next steps, as promotions are planned.

    Usual is the mean of the steps known, so that a topic promoted as ever has a lift of 1, as has
    one past the end of the calendar.
    """
    part_TC, known = promoted_part(history), history.cutoff
    lift = np.ones((len(part_TC), steps), dtype=np.float32)
    planned_TA = part_TC[:, known : known + steps]
    usual_T = part_TC[:, :known].mean(axis=1, keepdims=True) if known else 0.0
    logs_TA: npt.NDArray[np.float64] = effect.effect * (planned_TA - usual_T)
    lift[:, : planned_TA.shape[1]] = np.exp(np.clip(logs_TA, -MOST_LOG, MOST_LOG))
    return lift
