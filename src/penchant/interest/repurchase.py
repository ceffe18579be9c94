"""Repurchase cadence: after how many steps a customer comes back to a topic, and how regularly.

A *cell* is a user and a topic with any engagement; a *touch* is a step of it with one; a *gap* is
the steps from one touch to the next. The last gap is still open: all that is known is that it is
longer than the silence since. Leaving open gaps out would make every cadence too short, and the
more so the shorter the history, so the quartiles are Kaplan and Meier's (1958), with the open gap
as censored. A quartile that the open gaps leave open is inf.

*Regularity* compares the variance s² of a cell's gaps, of mean m, with m (m - 1), that of touches
that come by chance: 1 - s² / (m (m - 1)), at least 0. It is 1 for clockwork and 0 for Poisson
purchases or worse; gaps of chance are added to each cell's as a prior, for a few gaps that happen
to be alike are no clockwork.
Shapes: U users, T topics, S steps, N touches, C cells, D gaps, L lengths of a gap from 0,
G lengths of a gap from 1, Q quartiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.history import History
from penchant.interest.interest import Codes, Floats, Interest, Names

ENOUGH_GAPS = 3  # closed ones, to speak of a cadence
PRIOR_GAPS = 2.0  # gaps of chance added to a cell's, for its regularity
REGULAR = 0.5  # regularity from which the next touch is said to be due
NARROW = 0.5  # as regular are gaps whose quartiles are at most so many medians apart
LEAST_VARIANCE = 1e-9  # of gaps by chance
QUARTILES_Q = np.arange(1, 4)


@dataclass(frozen=True)
class Touches:
    """The steps in which each cell was touched; cells sorted by user and topic."""

    user_C: Codes  # rows of the interest's users
    topic_C: Codes
    start_C: Integers  # first touch of each cell, and the number of touches at the end: C + 1
    step_N: Codes  # rising within a cell
    steps: int  # known

    @cached_property
    def times_C(self) -> Integers:
        """Touches of each cell."""
        return np.diff(self.start_C)

    @cached_property
    def cell_N(self) -> Integers:
        """Cell of each touch."""
        return np.repeat(np.arange(len(self.user_C)), self.times_C)

    @property
    def first_C(self) -> Codes:
        """First step touched."""
        return self.step_N[self.start_C[:-1]]

    @property
    def last_C(self) -> Codes:
        """Last step touched."""
        return self.step_N[self.start_C[1:] - 1]


def touches(interest: Interest, kinds: Sequence[str]) -> Touches:
    """Find the touches of `kinds`. Costs one pass over the entries."""
    kept_N = np.flatnonzero(interest.target_N(kinds) > 0)
    user_N, topic_N = interest.user_N[kept_N], interest.topic_N[kept_N]
    new_N = np.ones(len(kept_N), dtype=bool)
    new_N[1:] = (user_N[1:] != user_N[:-1]) | (topic_N[1:] != topic_N[:-1])
    first_C = np.flatnonzero(new_N)
    return Touches(
        user_C=user_N[first_C],
        topic_C=topic_N[first_C],
        start_C=np.append(first_C, len(kept_N)),
        step_N=interest.step_N[kept_N],
        steps=interest.steps,
    )


@dataclass(frozen=True)
class Cadences:
    """Cadence of each cell; NaN where a cell has too few gaps to say."""

    user_C: Codes
    topic_C: Codes
    gap_C: Floats  # median steps to the next touch; NaN without a closed gap
    low_C: Floats  # lower and upper quartile, inf where still open
    high_C: Floats
    regularity_C: Floats  # from two closed gaps on
    gaps_C: Codes  # closed gaps
    last_C: Codes  # last step touched, 0 = origin
    steps: int  # known; the first step ahead

    @property
    def regular_C(self) -> Flags:
        """Whether the next touch can be told from the last: enough gaps, and little spread."""
        narrow_C = self.high_C - self.low_C <= NARROW * self.gap_C
        return (self.gaps_C >= ENOUGH_GAPS) & ((self.regularity_C >= REGULAR) | narrow_C)

    @property
    def due_C(self) -> Floats:
        """Step at which a regular cell is due next, 0 = origin; NaN for others.

        An overdue cell is due at once, and never once it has missed a second median.
        """
        due_C = np.maximum(self.last_C + self.gap_C, self.steps)
        missed_C = self.steps - 1 - self.last_C > 2 * self.gap_C
        return np.where(self.regular_C & ~missed_C, due_C, np.nan).astype(np.float32)


def cadences(history: History, kinds: Sequence[str]) -> Cadences:
    """Measure the cadence of each cell of a history. Costs one sort of the gaps."""
    touched = touches(history.interest, kinds)
    cell_D, gap_D = _gaps(touched)
    cells, gaps_C = len(touched.user_C), touched.times_C - 1
    gap_D = np.sort(cell_D * touched.steps + gap_D) % touched.steps  # within each cell
    open_C = touched.steps - 1 - touched.last_C.astype(np.int64)
    quartile_QC = np.full((3, cells), np.nan, dtype=np.float32)
    start_C = touched.start_C[:-1] - np.arange(cells)  # a cell has one gap less than touches
    below_C = np.bincount(cell_D[gap_D <= open_C[cell_D]], minlength=cells)
    for quarters, quartile_C in zip(QUARTILES_Q, quartile_QC, strict=True):
        rank_C = _rank(int(quarters), gaps_C, below_C)
        quartile_C[gaps_C > 0] = np.inf
        found_C = (rank_C <= gaps_C) & (gaps_C > 0)
        quartile_C[found_C] = gap_D[(start_C + rank_C - 1)[found_C]]
    return Cadences(
        user_C=touched.user_C,
        topic_C=touched.topic_C,
        gap_C=quartile_QC[1],
        low_C=quartile_QC[0],
        high_C=quartile_QC[2],
        regularity_C=regularity(touched).astype(np.float32),
        gaps_C=gaps_C.astype(np.int32),
        last_C=touched.last_C,
        steps=touched.steps,
    )


def regularity(touched: Touches) -> Doubles:
    """Regularity of each cell, 0 to 1; NaN below two closed gaps."""
    square_C, chance_C = _variances(touched, *_gaps(touched))
    more_C = touched.times_C - 2
    ratio_C = (square_C + PRIOR_GAPS * chance_C) / ((more_C + PRIOR_GAPS) * chance_C)
    return np.where(more_C > 0, np.maximum(1 - ratio_C, 0.0), np.nan)


def _gaps(touched: Touches) -> tuple[Integers, Integers]:
    """Cell and length of each closed gap."""
    cell_N = touched.cell_N
    inner_D = np.flatnonzero(cell_N[1:] == cell_N[:-1])
    gap_D = touched.step_N[inner_D + 1] - touched.step_N[inner_D]
    return cell_N[inner_D], gap_D.astype(np.int64)


def _rank(quarters: int, gaps_C: Integers, below_C: Integers) -> Integers:
    """Place, from 1, of the gap at which Kaplan and Meier's curve reaches a quartile.

    With n closed gaps, j of them no longer than the open one, the curve after the i-th gap is
    (n + 1 - i) / (n + 1) up to i = j, and falls by even parts of what is left to 0 at i = n.
    """
    early_C = -(-(gaps_C + 1) * quarters // 4)
    left_C = (gaps_C - below_C) * (4 - quarters) * (gaps_C + 1) // (4 * (gaps_C + 1 - below_C))
    late_C = np.where(below_C < gaps_C, gaps_C - left_C, gaps_C + 1)
    return np.where(early_C <= below_C, early_C, late_C)


def _variances(touched: Touches, cell_D: Integers, gap_D: Integers) -> tuple[Doubles, Doubles]:
    """Sum of squares of each cell's gaps about their mean, and the variance chance would give."""
    cells = len(touched.user_C)
    gaps_C = np.maximum(touched.times_C - 1, 1)
    mean_C: Doubles = (touched.last_C - touched.first_C) / gaps_C
    deviation_D = gap_D - mean_C[cell_D]
    square_C = np.bincount(cell_D, weights=deviation_D**2, minlength=cells).astype(np.float64)
    error_C = square_C / np.maximum(gaps_C - 1, 1) / gaps_C  # of the mean, squared
    # Gaps of 1 only, a touch in every step, have a chance variance of 0 and are regular.
    return square_C, np.maximum(mean_C * (mean_C - 1) - error_C, LEAST_VARIANCE)


@dataclass(frozen=True)
class TopicCadences:
    """Cadence of each topic, over the users who touched it in two steps or more."""

    topics_T: Names
    gap_T: Floats  # median steps to the next touch; NaN without a closed gap
    low_T: Floats  # lower and upper quartile, inf where still open
    high_T: Floats
    regularity_T: Floats  # of a user's gaps about the user's own mean; NaN below ENOUGH_GAPS
    gaps_T: Codes  # closed gaps
    gap_TG: Codes  # closed gaps of 1, 2, … steps, as seen: short histories see short ones


def topic_cadences(history: History, kinds: Sequence[str]) -> TopicCadences:
    """Measure the cadence of each topic of a history, as its users' quartiles.

    Each user who came back counts once, however often: the gaps of one, closed and open, weigh
    one together. Who never came back says nothing of the time it takes.
    """
    touched = touches(history.interest, kinds)
    topics, steps = history.interest.shape[1], touched.steps
    cell_D, gap_D = _gaps(touched)
    topic_D = touched.topic_C[cell_D]
    back_C = touched.times_C > 1
    open_C = steps - 1 - touched.last_C
    weight_C = 1 / touched.times_C
    shape = (topics, steps)
    closed_TL = _tally(topic_D, gap_D, weight_C[cell_D], shape)
    open_TL = _tally(touched.topic_C[back_C], open_C[back_C], weight_C[back_C], shape)
    quartile_QT = _quartiles(closed_TL, open_TL)
    square_C, chance_C = _variances(touched, cell_D, gap_D)
    again_C = np.maximum(touched.times_C - 2, 0)
    expected_T = np.bincount(touched.topic_C, weights=again_C * chance_C, minlength=topics)
    square_T = np.bincount(touched.topic_C, weights=square_C, minlength=topics)
    gaps_T = np.bincount(topic_D, minlength=topics)
    known_T = np.bincount(touched.topic_C, weights=again_C, minlength=topics) >= ENOUGH_GAPS
    ratio_T = square_T / np.where(known_T, expected_T, np.nan)
    return TopicCadences(
        topics_T=history.interest.topics_T,
        gap_T=quartile_QT[1],
        low_T=quartile_QT[0],
        high_T=quartile_QT[2],
        regularity_T=np.maximum(1 - ratio_T, 0.0).astype(np.float32),
        gaps_T=gaps_T.astype(np.int32),
        gap_TG=_tally(topic_D, gap_D, None, shape)[:, 1:].astype(np.int32),
    )


def _tally(
    topic_D: Codes,
    length_D: npt.NDArray[np.integer],
    weight_D: Doubles | None,
    shape: tuple[int, int],
) -> Doubles:
    topics, lengths = shape
    code_D = topic_D.astype(np.int64) * lengths + length_D
    flat = np.bincount(code_D, weights=weight_D, minlength=topics * lengths)
    return flat.reshape(shape).astype(np.float64)


def _quartiles(closed_TL: Doubles, open_TL: Doubles) -> Floats:
    """Kaplan and Meier's quartiles of each topic, as `QT`."""
    known_TL = closed_TL + open_TL
    at_risk_TL = known_TL[:, ::-1].cumsum(axis=1)[:, ::-1]
    hazard_TL = np.divide(closed_TL, at_risk_TL, out=np.zeros_like(closed_TL), where=closed_TL > 0)
    left_TL = np.cumprod(1 - hazard_TL, axis=1)
    quartile_QT = np.full((3, len(closed_TL)), np.nan, dtype=np.float32)
    for quarters, quartile_T in zip(QUARTILES_Q, quartile_QT, strict=True):
        below_TL = left_TL <= 1 - quarters / 4 + 1e-9  # sums of weights are not exact
        quartile_T[:] = np.where(below_TL.any(axis=1), below_TL.argmax(axis=1), np.inf)
    quartile_QT[:, closed_TL.sum(axis=1) == 0] = np.nan
    return quartile_QT
