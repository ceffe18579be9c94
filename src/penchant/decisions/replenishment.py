"""Replenishment: on which day of the window ahead a customer buys a topic again, if they do.

Whether they do is the forecast's to say. When, is learned from the shop's own past: at earlier
cutoffs, the step in which each cell with a cadence was touched next is told apart by hazards,
boosted trees of the silence so far, the cell's gaps, its last touches, the customer's trips and the
topic's usual gap. The due step is the median of what the hazards leave within the window, the
interval holds four in five of it.

Where too little is known to learn from, regular cells alone are due, by their median gap
(`interest.repurchase`); their interval is the gap's quartiles.
Blind to holidays, to stock at home, and to what was bought elsewhere.
Shapes: C cells, N touches, D gaps, J steps ahead, F features, R rows to learn from, U users,
T topics, Q quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.history import History
from penchant.interest.interest import Codes, Interest
from penchant.interest.repurchase import ENOUGH_GAPS, Touches, cadences, touches

CUTOFFS = 3  # earlier ones, that hazards are learned at
APART = 2  # steps between them
MOST_CELLS = 8_000  # of a cutoff, that hazards are learned from
ENOUGH_CELLS = 200  # cells bought again after those cutoffs, to learn hazards
EARLY, MIDDLE, LATE = 0.1, 0.5, 0.9  # quantiles of the due step
LATELY = (4, 12)  # steps, in which touches are counted
SEED = 0


@dataclass(frozen=True)
class Due:
    """When each cell with a cadence is due, given that it is bought in the window ahead."""

    user_C: Codes
    topic_C: Codes
    due_C: Integers  # steps after the cutoff, from 0; -1 where none can be told
    early_C: Integers  # ends of the interval that holds four in five
    late_C: Integers
    gap_C: Doubles  # median steps from one touch to the next
    spread_C: Doubles  # standard deviation of the gaps over their mean
    times_C: Codes  # touches
    last_C: Codes  # last step touched, 0 = origin
    learned: bool  # whether hazards were, or only regular cells are told


def due(history: History, kinds: Sequence[str], ahead: int) -> Due:
    """Tell when each cell with `ENOUGH_GAPS` gaps is due within the next steps.

    Costs some ten seconds for 50,000 cells. Raises HistoryError for a window of no steps.
    """
    if ahead < 1:
        raise HistoryError(f"A window ahead has at least 1 step; found {ahead}.")
    seen = _look(history.interest, kinds)
    model = _learn(history.interest, kinds, ahead)
    if model is None:
        place_QC = _by_cadence(history, kinds, ahead)[:, seen.kept_C]
    else:
        place_QC = _places(_hazards(model, seen, ahead))
    found, kept = seen.touched, seen.kept_C
    return Due(
        user_C=found.user_C[kept],
        topic_C=found.topic_C[kept],
        early_C=place_QC[0],
        due_C=place_QC[1],
        late_C=place_QC[2],
        gap_C=cadences(history, kinds).gap_C[kept].astype(np.float64),
        spread_C=seen.spread_C,
        times_C=found.times_C[kept].astype(np.int32),
        last_C=found.last_C[kept],
        learned=model is not None,
    )


@dataclass(frozen=True)
class _Seen:
    """Cells with a cadence, and what hazards are told from."""

    touched: Touches
    kept_C: Integers  # of the touched cells
    silent_C: Doubles  # steps since the last touch
    mean_C: Doubles  # gap
    spread_C: Doubles
    feature_CF: Doubles

    def at(self, row_C: Integers | Flags, step: int) -> Doubles:
        """Features of some cells, for the step so far ahead."""
        silent_C, mean_C = self.silent_C[row_C] + step, self.mean_C[row_C]
        ahead_C = np.full(len(silent_C), float(step))
        return np.column_stack([self.feature_CF[row_C], silent_C, silent_C / mean_C, ahead_C])


def _look(past: Interest, kinds: Sequence[str]) -> _Seen:
    found, steps = touches(past, kinds), past.steps
    cell_N, step_N, cells = found.cell_N, found.step_N, len(found.user_C)
    inner_D = np.flatnonzero(cell_N[1:] == cell_N[:-1])
    cell_D, gap_D = cell_N[inner_D], (step_N[inner_D + 1] - step_N[inner_D]).astype(np.float64)
    gaps_C = np.maximum(found.times_C - 1, 1).astype(np.float64)
    mean_C = (found.last_C - found.first_C).astype(np.float64) / gaps_C
    square_C = np.bincount(cell_D, weights=gap_D**2, minlength=cells) / gaps_C
    spread_C = np.sqrt(np.maximum(square_C - mean_C**2, 0)) / np.maximum(mean_C, 1)
    latest_C = np.zeros(cells)
    latest_C[cell_D] = gap_D  # the last one of a cell stays
    lately = [np.bincount(cell_N, weights=step_N >= steps - n, minlength=cells) for n in LATELY]
    topic_D, topics = found.topic_C[cell_D], len(past.topics_T)
    gaps_T = np.maximum(np.bincount(topic_D, minlength=topics), 1)
    gap_T = np.bincount(topic_D, weights=gap_D, minlength=topics).astype(np.float64) / gaps_T
    kept_C = np.flatnonzero(found.times_C > ENOUGH_GAPS)
    columns = [
        *(mean_C, latest_C, spread_C, found.times_C, *lately),
        *(part_U[found.user_C] for part_U in _trips(found, len(past.users_U))),
        gap_T[found.topic_C],
    ]
    return _Seen(
        touched=found,
        kept_C=kept_C,
        silent_C=(steps - 1 - found.last_C[kept_C]).astype(np.float64),
        mean_C=mean_C[kept_C],
        spread_C=spread_C[kept_C],
        feature_CF=np.column_stack(columns)[kept_C],
    )


def _trips(found: Touches, users: int) -> tuple[Doubles, Doubles, Doubles]:
    """How often each user buys anything, how often of late, and since when nothing."""
    steps = found.steps
    trip_N = np.unique(found.user_C[found.cell_N].astype(np.int64) * steps + found.step_N)
    user_N, step_N = trip_N // steps, trip_N % steps
    often_U = np.bincount(user_N, minlength=users).astype(np.float64) / steps
    lately_U = np.bincount(user_N, weights=step_N >= steps - 2 * LATELY[0], minlength=users)
    last_U = np.full(users, -1.0)
    np.maximum.at(last_U, user_N, step_N)
    return often_U, lately_U.astype(np.float64), steps - 1 - last_U


def _learn(past: Interest, kinds: Sequence[str], ahead: int) -> Any:
    """Hazards of each step ahead, as they were at earlier cutoffs; None with too few cells."""
    random = np.random.default_rng(SEED)
    parts, hits, bought = [], [], 0
    for cutoff in range(past.steps - ahead, past.steps - ahead - APART * CUTOFFS, -APART):
        if cutoff <= ENOUGH_GAPS:
            break
        seen = _look(past.until(cutoff), kinds)
        next_C = _next(touches(past, kinds), seen, cutoff, ahead)
        row_R = random.permutation(len(next_C))[:MOST_CELLS]
        bought += int((next_C[row_R] < ahead).sum())
        for step in range(ahead):
            open_R = row_R[next_C[row_R] >= step]
            parts.append(seen.at(open_R, step))
            hits.append(next_C[open_R] == step)
    if bought < ENOUGH_CELLS:
        return None
    model = HistGradientBoostingClassifier(
        max_iter=80, min_samples_leaf=100, early_stopping=False, random_state=SEED
    )
    return model.fit(np.concatenate(parts), np.concatenate(hits))


def _next(later: Touches, seen: _Seen, cutoff: int, ahead: int) -> Integers:
    """Steps from the cutoff to the next touch of each cell, `ahead` for none before that."""
    soon_N = (later.step_N >= cutoff) & (later.step_N < cutoff + ahead)
    topics = 1 + int(later.topic_C.max(initial=0))
    code_N = (later.user_C.astype(np.int64) * topics + later.topic_C)[later.cell_N]
    code_R, first_R = np.unique(code_N[soon_N], return_index=True)
    found, kept = seen.touched, seen.kept_C
    code_C = found.user_C[kept].astype(np.int64) * topics + found.topic_C[kept]
    next_C = np.full(len(code_C), ahead)
    if len(code_R):
        place_C = np.searchsorted(code_R, code_C).clip(max=len(code_R) - 1)
        came_C = code_R[place_C] == code_C
        next_C[came_C] = later.step_N[soon_N][first_R][place_C[came_C]] - cutoff
    return next_C


def _hazards(model: Any, seen: _Seen, ahead: int) -> Doubles:
    """Chance of a touch in each step ahead, given none before, `CJ`."""
    every_C = np.arange(len(seen.kept_C))
    if not len(every_C):
        return np.empty((0, ahead))
    told = [model.predict_proba(seen.at(every_C, step))[:, 1] for step in range(ahead)]
    return np.stack(told, axis=1)


def _places(hazard_CJ: Doubles) -> Integers:
    """Quantiles of the step of the next touch, given one within the window: early, middle, late."""
    left_CJ = np.cumprod(1 - hazard_CJ, axis=1)
    come_CJ = (1 - left_CJ) / np.maximum(1 - left_CJ[:, -1:], 1e-12)
    return np.stack([(come_CJ < q).sum(axis=1) for q in (EARLY, MIDDLE, LATE)])


def _by_cadence(history: History, kinds: Sequence[str], ahead: int) -> Integers:
    """The same of regular cells, by their own gaps; -1 of all others."""
    found = cadences(history, kinds)
    due_C = found.due_C - history.cutoff
    told_C = due_C < ahead  # never where there is no due step
    ends = [found.last_C + gap_C - history.cutoff for gap_C in (found.low_C, found.high_C)]
    low_C, high_C = (np.nan_to_num(end_C, nan=0, posinf=ahead - 1) for end_C in ends)
    parts = (np.minimum(low_C, due_C), due_C, np.maximum(high_C, due_C))
    clipped = [np.clip(np.where(told_C, part_C, 0), 0, ahead - 1) for part_C in parts]
    return np.where(told_C, np.round(np.stack(clipped)), -1).astype(np.int64)
