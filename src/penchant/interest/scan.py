"""The scan: where, if anywhere, a stretch of a customer's life splits into two of different tastes.

Under the stationary null each engagement falls on a topic with the customer's own share of it, a
draw from a Dirichlet around the shop's shares. For each topic and each step where a stretch could
be split, the evidence is the log Bayes factor of two shares, one before and one after, against one
share throughout, both integrated over that prior; engagements on the other topics stand for the
opportunities (Gamma-Poisson form of the Dirichlet-multinomial). A topic whose share fell and one
whose share rose at the same split, with the most evidence together, make the score of the stretch.

A topic engaged in twice within a step counts once, so that a basket's four yoghurts are no habit.
Shapes: R stretches, T topics, S steps, N entries, C cells (a stretch and a topic), M cells or
stretches of a choice, P stretches with a cell, K counts.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from penchant.interest.counts import Doubles
from penchant.interest.interest import Codes, Floats

NO_EVIDENCE = -30.0  # log Bayes factor of a direction in which nothing moves
FEWEST = 2  # engagements that make a topic worth looking at
MOST_OFTEN = 0.95  # of active steps with a topic, beyond which it is taken for so many
MOST_CELLS = 1 << 22  # cells × steps held at a time


@dataclass(frozen=True)
class Engagements:
    """Which topics were engaged in when; sorted by stretch, topic and step, each but once."""

    row_N: Codes  # stretch
    topic_N: Codes
    step_N: Codes
    count_N: Floats  # events
    shape: tuple[int, int, int]  # stretches, topics, steps

    def shuffled(self, rng: np.random.Generator) -> "Engagements":
        """The same, with each stretch's active steps in an order drawn at random.

        What was engaged in together stays together; whatever changed in between is spread evenly.
        """
        steps = self.shape[2]
        code_N = self.row_N.astype(np.int64) * steps + self.step_N
        active_M, place_N = np.unique(code_N, return_inverse=True)
        order_M = np.lexsort((rng.random(len(active_M)), active_M // steps))
        step_N = (active_M[order_M] % steps)[place_N].astype(np.int32)
        return replace(self, step_N=step_N)._sorted()

    def only(self, row_M: Codes) -> "Engagements":
        """The stretches `row_M` in that order, counted anew; one may be there twice."""
        start_R = np.searchsorted(self.row_N, np.arange(self.shape[0] + 1))
        size_M = start_R[row_M + 1] - start_R[row_M]
        row_N = np.repeat(np.arange(len(row_M), dtype=np.int32), size_M)
        first_M = start_R[row_M] - np.cumsum(size_M) + size_M
        return self._kept(row_N, first_M[row_N] + np.arange(len(row_N)), len(row_M))

    def within(self, start_R: Codes, end_R: Codes) -> "Engagements":
        """Each stretch's steps `[start, end)` alone."""
        inside_N = (self.step_N >= start_R[self.row_N]) & (self.step_N < end_R[self.row_N])
        return self._kept(self.row_N[inside_N], np.flatnonzero(inside_N), self.shape[0])

    def cut(self, step_R: Codes) -> "Engagements":
        """Each stretch cut before its step: stretches 2i and 2i + 1 are the halves of i."""
        row_N = 2 * self.row_N + (self.step_N >= step_R[self.row_N])
        shape = (2 * self.shape[0], *self.shape[1:])
        return replace(self, row_N=row_N.astype(np.int32), shape=shape)._sorted()

    def block(self, start: int, end: int) -> "Engagements":
        """The stretches `[start, end)`, counted from 0."""
        kept = np.arange(*np.searchsorted(self.row_N, (start, end)))
        return self._kept(self.row_N[kept] - np.int32(start), kept, end - start)

    def _kept(self, row_N: Codes, kept: npt.NDArray[np.int64], rows: int) -> "Engagements":
        shape = (rows, *self.shape[1:])
        return Engagements(row_N, self.topic_N[kept], self.step_N[kept], self.count_N[kept], shape)

    def _sorted(self) -> "Engagements":
        rows, topics, steps = self.shape
        code_N = (self.row_N.astype(np.int64) * topics + self.topic_N) * steps + self.step_N
        order_N = np.argsort(code_N, kind="stable")
        return self._kept(self.row_N[order_N], order_N, rows)


@dataclass(frozen=True)
class Split:
    """Every stretch's best split."""

    score_R: Doubles  # log Bayes factors of the two topics, added
    step_R: Codes  # first step after; -1 where there are too few engagements to split


@dataclass(frozen=True)
class Cells:
    """Cells of a block with their evidence at every split but before the first step."""

    row_C: Codes
    topic_C: Codes
    evidence_CS: Floats  # log Bayes factor
    falls_CS: npt.NDArray[np.bool_]  # whether of a fall; else of a rise

    def lesser(self, other: "Cells") -> "Cells":
        """These cells with the evidence that both have for the same direction."""
        both_CS = np.minimum(self.evidence_CS, other.evidence_CS)
        agree_CS = self.falls_CS == other.falls_CS
        none = np.float32(NO_EVIDENCE)
        return replace(self, evidence_CS=np.where(agree_CS, both_CS, none))


def evidence(found: Engagements, prior_T: Doubles, season_TS: Floats | None = None) -> Cells:
    """Evidence of every cell with enough engagements at every split.

    `season_TS` is how many times its usual share of the shop a topic has in a step: a customer
    who follows the shop hasn't moved. Nor has one who stays while others come, leave or move, so
    that the shop's shares change: the evidence is the lesser of with and without the season, and
    there is none where the two point different ways.
    """
    rows, topics, steps = found.shape
    code_N = found.row_N.astype(np.int64) * topics + found.topic_N
    code_M, place_N, count_M = np.unique(code_N, return_inverse=True, return_counts=True)
    worth_M = count_M >= FEWEST
    row_C, topic_C = np.divmod(code_M[worth_M], topics)
    kept_N = worth_M[place_N]
    cell_N = (np.cumsum(worth_M) - 1)[place_N[kept_N]]
    flat = np.bincount(cell_N * steps + found.step_N[kept_N], minlength=len(row_C) * steps)
    before_CS = flat.reshape(-1, steps).cumsum(axis=1, dtype=np.int16)[:, :-1]
    opportunity = np.bincount(
        found.row_N.astype(np.int64) * steps + found.step_N, minlength=rows * steps
    )
    opportunity_CS = opportunity.astype(np.float32).reshape(rows, steps)[row_C]
    opportunity_CS = _saturated(opportunity_CS, count_M[worth_M])
    counted = before_CS, count_M[worth_M]
    plain = _cells(row_C, topic_C, counted, opportunity_CS.cumsum(axis=1), prior_T)
    if season_TS is None:
        return plain
    exposure_CS = (opportunity_CS * season_TS[topic_C]).cumsum(axis=1)
    return plain.lesser(_cells(row_C, topic_C, counted, exposure_CS, prior_T))


def _saturated(opportunity_CS: Floats, total_C: npt.NDArray[np.int64]) -> Floats:
    """Opportunities as far as they count for a topic, with the same sum.

    A topic counts once a step, so one that is in most baskets is hardly more often in large ones:
    its share of all engagements falls when baskets grow, and nothing has moved.
    """
    active_C, all_C = (opportunity_CS > 0).sum(axis=1), opportunity_CS.sum(axis=1)
    often_C = -np.log1p(-np.minimum(total_C / active_C, MOST_OFTEN))  # Poisson's, of such steps
    seen_CS = -np.expm1(-(often_C * active_C / all_C).astype(np.float32)[:, None] * opportunity_CS)
    return seen_CS * (all_C / seen_CS.sum(axis=1))[:, None]


def _cells(
    row_C: npt.NDArray[np.int64],
    topic_C: npt.NDArray[np.int64],
    counted: tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]],
    exposure_CS: Floats,
    prior_T: Doubles,
) -> Cells:
    """Log Bayes factors: each of the three marginal likelihoods is a Gamma-Poisson's."""
    before_CS, total_C = counted
    strength = np.float32(prior_T.sum())
    rise = gammaln(prior_T[:, None] + np.arange(int(total_C.max(initial=0)) + 1))
    rise_TK = (rise - gammaln(prior_T)[:, None]).astype(np.float32)
    total_C1, topic_C1 = total_C.astype(np.int16)[:, None], topic_C[:, None]
    prior_C1 = prior_T.astype(np.float32)[topic_C1]
    before, after = exposure_CS[:, :-1], exposure_CS[:, -1:] - exposure_CS[:, :-1]
    after_CS = total_C1 - before_CS
    evidence_CS = rise_TK[topic_C1, before_CS] + rise_TK[topic_C1, after_CS]
    evidence_CS += -rise_TK[topic_C1, total_C1] + prior_C1 * np.log(strength)
    evidence_CS += (prior_C1 + total_C1) * np.log(strength + exposure_CS[:, -1:])
    seen_CS, left_CS = before_CS.astype(np.float32), after_CS.astype(np.float32)
    evidence_CS -= (prior_C1 + seen_CS) * np.log(strength + before)
    evidence_CS -= (prior_C1 + left_CS) * np.log(strength + after)
    return Cells(
        row_C=row_C.astype(np.int32),
        topic_C=topic_C.astype(np.int32),
        evidence_CS=evidence_CS,
        falls_CS=seen_CS * after > left_CS * before,
    )


def best_split(found: Engagements, prior_T: Doubles, season_TS: Floats | None = None) -> Split:
    """The best split of every stretch, found block by block.

    Costs about 30 ns for each cell with two engagements and step.
    """
    rows, _, steps = found.shape
    start_R = np.searchsorted(found.row_N, np.arange(rows + 1))
    parts, start = [], 0
    while start < rows:
        room = start_R[start] + max(1, MOST_CELLS // steps)
        end = max(start + 1, int(np.searchsorted(start_R, room, side="right")) - 1)
        parts.append(_best_of(evidence(found.block(start, end), prior_T, season_TS), end - start))
        start = end
    return Split(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _best_of(cells: Cells, rows: int) -> tuple[Doubles, Codes]:
    score_R = np.full(rows, 2 * NO_EVIDENCE)
    step_R = np.full(rows, -1, dtype=np.int32)
    if not len(cells.row_C):
        return score_R, step_R
    first_P = np.flatnonzero(np.r_[True, np.diff(cells.row_C) > 0])
    row_P = cells.row_C[first_P]
    none = np.float32(NO_EVIDENCE)
    fall_CS = np.where(cells.falls_CS, cells.evidence_CS, none)
    rise_CS = np.where(cells.falls_CS, none, cells.evidence_CS)
    both_PS = np.maximum.reduceat(fall_CS, first_P, axis=0)
    both_PS += np.maximum.reduceat(rise_CS, first_P, axis=0)
    best_P = both_PS.argmax(axis=1)
    score_R[row_P] = both_PS[np.arange(len(row_P)), best_P]
    step_R[row_P] = best_P + 1
    return score_R, step_R
