"""Migration: customers whose interest moved between topics, told from a small basket's noise.

A customer's steps are scanned for the split that best tells a before from an after, by one topic
that fell and one that rose (`interest.scan`). The score is held against the same customer's steps
in random order, pooled over customers of like activity, and changes are called at a false-discovery
rate (`interest.discovery`). Whoever is called is cut there and both halves are scanned again, so
one may move more than once. In a called change the two topics have moved, and all others with
strong evidence of their own; what was lost goes to what was gained, in proportion. A season that
the whole shop follows is no migration. Blind to what lasts but a few steps, and to customers with a
handful of engagements.
Shapes: U users, T topics, S steps, C changes, N topics that moved in a change, M moves,
R stretches, E entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest import discovery
from penchant.interest.counts import Doubles
from penchant.interest.history import History
from penchant.interest.interest import Codes, Floats, Interest, Names
from penchant.interest.scan import Engagements, Split, best_split, evidence

Array = npt.NDArray[Any]

RATE = 0.05  # of changes called that are none
STRONG = float(np.log(10))  # log Bayes factor of a topic that moved beside the two tested
ROUNDS = 3  # scans, so that a customer changes at most 7 times
TWINS = 20_000  # at least, if 20 a customer make so many
MOST_TWINS = 20  # of a customer
CONCENTRATION = 20.0  # engagements that the shop's shares weigh in a customer's
SMOOTH = 2  # steps to each side over which the shop's season is averaged
SHRINK = 20.0  # engagements of no season, added to each topic's
ROUNDING = 1e-9  # of shares
AT_ONCE = 4_000  # changes looked at together

MIGRATION_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.FROM, pa.string()),  # null: nothing in particular was left
        pa.field(c.TO, pa.string()),  # null: nothing in particular was entered
        pa.field(c.DATE, pa.date32(), nullable=False),  # first day after
        pa.field(c.SHARE, pa.float32(), nullable=False),  # of the customer's engagements
        pa.field(c.CHANCE, pa.float32(), nullable=False),  # q-value of the change
    ]
)


@dataclass(frozen=True)
class Moves:
    """What went from topic to topic in called changes; -1 stands for no topic in particular."""

    change_M: Codes
    from_M: Codes
    to_M: Codes
    share_M: Doubles  # of the customer's engagements


@dataclass(frozen=True)
class Migrations:
    """Every customer's score against the stationary null, and the changes called."""

    users_U: Names
    topics_T: Names
    step: Step
    origin: int  # absolute index of step 0
    rate: float  # nominal false-discovery rate
    score_U: Doubles  # log Bayes factor of the best split of the whole history
    chance_U: Doubles  # of such a score under the null
    user_C: Codes  # rows of users, ascending
    step_C: Codes  # first step after the change, 0 is the origin
    rate_C: Doubles  # false-discovery rate at which the change would just be called
    change_N: Codes
    topic_N: Codes
    before_N: Doubles  # events back to the customer's change before, or to the beginning
    after_N: Doubles  # events until the customer's next change, or the end
    shift_N: Doubles  # change of the topic's share in the customer's engagements
    evidence_N: Doubles  # log Bayes factor, above 0 for a fall as for a rise

    @property
    def called_U(self) -> npt.NDArray[np.bool_]:
        """Users with a change called."""
        called_U = np.zeros(len(self.users_U), dtype=bool)
        called_U[self.user_C] = True
        return called_U

    @cached_property
    def moves(self) -> Moves:
        """Lost shares matched to gained ones, in proportion, for each change.

        Where one side has less than the other, the rest comes from or goes to no topic in
        particular.
        """
        rows: list[tuple[int, int, int, float]] = []
        edge = np.searchsorted(self.change_N, np.arange(len(self.user_C) + 1))
        for change in range(len(self.user_C)):
            span = slice(edge[change], edge[change + 1])
            rows += _matched(change, self.topic_N[span], self.shift_N[span])
        columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
        change_M, from_M, to_M = (column.astype(np.int32) for column in columns[:3])
        return Moves(change_M, from_M, to_M, columns[3])

    def to_table(self) -> pa.Table:
        """Every move as a row of `MIGRATION_SCHEMA`: by user, date, and share, largest first."""
        moves = self.moves
        order_M = np.lexsort((-moves.share_M, moves.change_M))
        change_M = moves.change_M[order_M]
        day_C = self.step.starts(self.origin + self.step_C)
        columns = {
            c.USER: pa.array(self.users_U[self.user_C[change_M]]),
            c.FROM: self._names(moves.from_M[order_M]),
            c.TO: self._names(moves.to_M[order_M]),
            c.DATE: pa.array([day_C[change] for change in change_M], pa.date32()),
            c.SHARE: pa.array(moves.share_M[order_M], pa.float32()),
            c.CHANCE: pa.array(self.rate_C[change_M], pa.float32()),
        }
        return pa.table(columns, schema=MIGRATION_SCHEMA)

    def _names(self, topic_M: Codes) -> pa.Array:
        return pa.array(self.topics_T[topic_M], pa.string(), mask=topic_M < 0)


def _matched(change: int, topic_N: Codes, shift_N: Doubles) -> list[tuple[int, int, int, float]]:
    """Moves of one change: `(change, from, to, share)`."""
    losses = [(int(t), -float(d)) for t, d in zip(topic_N, shift_N, strict=True) if d < 0]
    gains = [(int(t), float(d)) for t, d in zip(topic_N, shift_N, strict=True) if d > 0]
    lost, gained = sum(d for _, d in losses), sum(d for _, d in gains)
    losses += [(-1, gained - lost)] if gained - lost > ROUNDING else []
    gains += [(-1, lost - gained)] if lost - gained > ROUNDING else []
    most = max(lost, gained)
    return [
        (change, left, entered, loss * gain / most)
        for left, loss in losses
        for entered, gain in gains
        if left >= 0 or entered >= 0
    ]


def migrations(
    history: History, kinds: Sequence[str], *, rate: float = RATE, seed: int = 0
) -> Migrations:
    """Call the changes in what customers engage in, by events of `kinds`.

    On average at most the part `rate` of the customers called have not changed. HistoryError for a
    rate outside (0, 1). Costs a few minutes for a million customers.
    """
    if not 0 < rate < 1:
        raise HistoryError(f"A false-discovery rate lies between 0 and 1; found {rate}.")
    interest, rng = history.interest, np.random.default_rng(seed)
    whole = found = engagements(interest, kinds)
    shop_TS = _shop(whole)
    prior_T = CONCENTRATION * (shop_TS.sum(axis=1) + 0.5) / (shop_TS + 0.5 / shop_TS.shape[1]).sum()
    season_TS = _season(shop_TS)
    user_R = np.arange(found.shape[0], dtype=np.int32)
    score_U = chance_U = np.empty(0)
    rounds: list[tuple[Array, ...]] = []
    for number in range(ROUNDS):
        split, chance_R = _tested(found, prior_T, season_TS, rng)
        if number == 0:
            score_U, chance_U = split.score_R, chance_R
        rate_R = discovery.rates(chance_R)
        row_C = np.flatnonzero(rate_R <= rate).astype(np.int32)
        rounds.append((user_R[row_C], split.step_R[row_C], rate_R[row_C]))
        if not len(row_C):
            break
        user_R = np.repeat(user_R[row_C], 2)
        found = found.only(row_C).cut(split.step_R[row_C])
    columns = [np.concatenate(column) for column in zip(*rounds, strict=True)]
    order_C = np.lexsort((columns[1], columns[0]))
    user_C, step_C, rate_C = (column[order_C] for column in columns)
    return Migrations(
        interest.users_U,
        interest.topics_T,
        interest.step,
        interest.origin,
        rate,
        score_U,
        chance_U,
        user_C,
        step_C,
        rate_C,
        *_moved(_around(whole, user_C, step_C), step_C, prior_T, season_TS),
    )


def engagements(interest: Interest, kinds: Sequence[str]) -> Engagements:
    """Which topics each user engaged in when, by events of `kinds`."""
    count_N = interest.target_N(kinds)
    active_N = count_N > 0
    return Engagements(
        interest.user_N[active_N],
        interest.topic_N[active_N],
        interest.step_N[active_N],
        count_N[active_N],
        interest.shape,
    )


def _shop(found: Engagements) -> Doubles:
    """Users engaged in each topic in each step, as `TS`."""
    _, topics, steps = found.shape
    code_N = found.topic_N.astype(np.int64) * steps + found.step_N
    return np.bincount(code_N, minlength=topics * steps).reshape(topics, steps).astype(np.float64)


def _season(shop_TS: Doubles) -> Floats:
    """How many times its usual share of the shop each topic has around each step."""
    share_T = shop_TS.sum(axis=1) / max(shop_TS.sum(), 1.0)
    edge_TS = np.pad(shop_TS.cumsum(axis=1), ((0, 0), (SMOOTH + 1, SMOOTH)), mode="edge")
    edge_TS[:, : SMOOTH + 1] = 0
    near_TS = edge_TS[:, 2 * SMOOTH + 1 :] - edge_TS[:, : -2 * SMOOTH - 1]
    usual_TS = share_T[:, None] * near_TS.sum(axis=0)
    return ((near_TS + SHRINK) / (usual_TS + SHRINK)).astype(np.float32)


def _tested(
    found: Engagements, prior_T: Doubles, season_TS: Floats, rng: np.random.Generator
) -> tuple[Split, Doubles]:
    """The best split of every stretch, and the chance of its score under the null."""
    split = best_split(found, prior_T, season_TS)
    rows = found.shape[0]
    size_R = np.bincount(found.row_N, minlength=rows)
    twins = min(MOST_TWINS, -(-TWINS // max(rows, 1)))
    twin_score = [best_split(found.shuffled(rng), prior_T).score_R for _ in range(twins)]
    twin_size = np.tile(size_R, twins)
    return split, discovery.chances(split.score_R, size_R, np.concatenate(twin_score), twin_size)


def _around(found: Engagements, user_C: Codes, step_C: Codes) -> Engagements:
    """The stretch of each change, from the same user's change before it to the one after it."""
    start_C, end_C = np.zeros_like(step_C), np.full_like(step_C, found.shape[2])
    again = np.flatnonzero(user_C[1:] == user_C[:-1])
    start_C[again + 1], end_C[again] = step_C[again], step_C[again + 1]
    return found.only(user_C).within(start_C, end_C)


def _moved(
    found: Engagements, step_R: Codes, prior_T: Doubles, season_TS: Floats
) -> tuple[Array, ...]:
    """Topics that moved in each change: where, which, events before and after, shift, evidence.

    Those are the surest to have fallen, the surest to have risen, and all of strong evidence.
    """
    parts = []
    for start in range(0, max(1, len(step_R)), AT_ONCE):
        block = found.block(start, min(start + AT_ONCE, len(step_R)))
        cells = evidence(block, prior_T, season_TS)
        split_R = step_R[start:]
        at_C = np.arange(len(cells.row_C)), split_R[cells.row_C] - 1
        evidence_C, side_C = cells.evidence_CS[at_C], 2 * cells.row_C + cells.falls_CS[at_C]
        most = np.zeros(2 * block.shape[0])
        np.maximum.at(most, side_C, evidence_C)
        enough_C = evidence_C >= np.minimum(most[side_C], STRONG)
        row_N, topic_N = cells.row_C[enough_C], cells.topic_C[enough_C]
        count_2N, shift_N = _shifts(block, split_R, row_N, topic_N)
        parts.append((row_N + start, topic_N, *count_2N, shift_N, evidence_C[enough_C]))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _shifts(
    found: Engagements, step_R: Codes, row_N: Codes, topic_N: Codes
) -> tuple[Doubles, Doubles]:
    """Events of each cell before and after its stretch's step, and the shift of their share."""
    rows, topics, _ = found.shape
    half_E = (found.step_N >= step_R[found.row_N]) * np.int64(rows) + found.row_N
    all_M = np.bincount(half_E, weights=found.count_N, minlength=2 * rows)
    code_E = half_E * topics + found.topic_N
    count_M = np.bincount(code_E, weights=found.count_N, minlength=2 * rows * topics)
    cell_N = row_N.astype(np.int64) * topics + topic_N
    count_2N: Doubles = count_M.reshape(2, -1)[:, cell_N].astype(np.float64)
    all_2N = np.maximum(all_M.reshape(2, rows)[:, row_N], 1e-9)
    share_2N = count_2N / all_2N
    variance_N = (share_2N * (1 - share_2N) / all_2N).sum(axis=0)
    return count_2N, _balanced(row_N, share_2N[1] - share_2N[0], variance_N)


def _balanced(row_N: Codes, shift_N: Doubles, variance_N: Doubles) -> Doubles:
    """Losses and gains of each stretch scaled to their mean, if they differ but by chance.

    By chance: within two standard errors. Else the difference came from or went to other topics.
    """
    rows = int(row_N.max(initial=-1)) + 1
    lost_R, gained_R, variance_R = (
        np.bincount(row_N, weights=weight_N, minlength=rows)
        for weight_N in (np.maximum(-shift_N, 0), np.maximum(shift_N, 0), variance_N)
    )
    even_R = np.abs(gained_R - lost_R) <= 2 * np.sqrt(variance_R)
    even_R &= (gained_R > 0) & (lost_R > 0)
    side_N = np.where(shift_N > 0, gained_R[row_N], lost_R[row_N])
    scale_N = (gained_R + lost_R)[row_N] / 2 / np.maximum(side_N, 1e-9)
    return np.where(even_R[row_N], shift_N * scale_N, shift_N)
