"""The scan: where, if anywhere, a stretch of a customer's life splits into two of different tastes.

Under the stationary null each engagement falls on a topic with the customer's own share of it, a
draw from a Dirichlet around the shop's shares. For each topic and each step where a stretch could
be split, the evidence is the log Bayes factor of two shares, one before and one after, against one
share throughout, both integrated over that prior; engagements on the other topics stand for the
opportunities (Gamma-Poisson form of the Dirichlet-multinomial). A topic whose share fell and one
whose share rose at the same split, with the most evidence together, make the score of the stretch.

A topic engaged in twice within a step counts once, so that a basket's four yoghurts are no habit.
Shapes: R stretches, T topics, S steps, N entries, C cells (a stretch and a topic).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from penchant.interest.counts import Doubles
from penchant.interest.interest import Codes, Floats

NO_EVIDENCE = -30.0  # log Bayes factor of a direction in which nothing moves
FEWEST = 2  # engagements that make a topic worth looking at
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
        """The stretches `row_M`, ascending, counted anew."""
        place_R = np.full(self.shape[0], -1, dtype=np.int32)
        place_R[row_M] = np.arange(len(row_M), dtype=np.int32)
        row_N = place_R[self.row_N]
        kept = np.flatnonzero(row_N >= 0)
        return self._kept(row_N[kept], kept, len(row_M))

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
    """Every stretch's best split, and what moved there; -1 where a stretch has none."""

    score_R: Doubles  # log Bayes factors of the two topics, added
    step_R: Codes  # first step after
    loser_R: Codes  # topic whose share fell
    gainer_R: Codes  # topic whose share rose

    def only(self, row_M: Codes) -> "Split":
        """The stretches `row_M`."""
        return Split(
            self.score_R[row_M], self.step_R[row_M], self.loser_R[row_M], self.gainer_R[row_M]
        )


@dataclass(frozen=True)
class Cells:
    """Cells of a block with their counts and evidence at every split but before the first step."""

    row_C: Codes
    topic_C: Codes
    before_CS: npt.NDArray[np.int16]  # engagements before the step
    total_C: npt.NDArray[np.int16]
    exposure_CS: Floats  # engagements on anything before the step, as the shop's season has it
    exposure_C: Floats
    evidence_CS: Floats  # log Bayes factor, signed: above 0 in `falls_CS`, a fall
    falls_CS: npt.NDArray[np.bool_]


def evidence(found: Engagements, prior_T: Doubles, season_TS: Floats | None = None) -> Cells:
    """Evidence of every cell with enough engagements at every split.

    `season_TS` is how many times its usual share of the shop a topic has in a step: a customer
    who follows the shop hasn't moved.
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
    exposure_CS = opportunity.astype(np.float32).reshape(rows, steps)[row_C]
    if season_TS is not None:
        exposure_CS = exposure_CS * season_TS[topic_C]
    exposure_CS = exposure_CS.cumsum(axis=1)
    return _cells(row_C, topic_C, (before_CS, count_M[worth_M]), exposure_CS, prior_T)


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
    evidence_CS -= (prior_C1 + before_CS) * np.log(strength + before)
    evidence_CS -= (prior_C1 + after_CS) * np.log(strength + after)
    return Cells(
        row_C=row_C.astype(np.int32),
        topic_C=topic_C.astype(np.int32),
        before_CS=before_CS,
        total_C=total_C.astype(np.int16),
        exposure_CS=before,
        exposure_C=exposure_CS[:, -1],
        evidence_CS=evidence_CS,
        falls_CS=before_CS * after > after_CS * before,
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


def _best_of(cells: Cells, rows: int) -> tuple[Doubles, Codes, Codes, Codes]:
    score_R = np.full(rows, 2 * NO_EVIDENCE)
    step_R, loser_R, gainer_R = (np.full(rows, -1, dtype=np.int32) for _ in range(3))
    if not len(cells.row_C):
        return score_R, step_R, loser_R, gainer_R
    first_P = np.flatnonzero(np.r_[True, np.diff(cells.row_C) > 0])
    row_P = cells.row_C[first_P]
    none = np.float32(NO_EVIDENCE)
    fall_CS = np.where(cells.falls_CS, cells.evidence_CS, none)
    rise_CS = np.where(cells.falls_CS, none, cells.evidence_CS)
    fall_PS = np.maximum.reduceat(fall_CS, first_P, axis=0)
    rise_PS = np.maximum.reduceat(rise_CS, first_P, axis=0)
    best_P = (fall_PS + rise_PS).argmax(axis=1)
    place_P = np.arange(len(row_P))
    fall_P, rise_P = fall_PS[place_P, best_P], rise_PS[place_P, best_P]
    score_R[row_P] = fall_P + rise_P
    step_R[row_P] = best_P + 1
    of_C = np.repeat(place_P, np.diff(np.r_[first_P, len(cells.row_C)]))
    cell_C = np.arange(len(cells.row_C))
    for topic_R, value_CS, best_value_P in (
        (loser_R, fall_CS, fall_P),
        (gainer_R, rise_CS, rise_P),
    ):
        hit_C = value_CS[cell_C, best_P[of_C]] == best_value_P[of_C]
        hit_C &= best_value_P[of_C] > NO_EVIDENCE
        topic_R[cells.row_C[hit_C][::-1]] = cells.topic_C[hit_C][::-1]  # the first of equals
    return score_R, step_R, loser_R, gainer_R
