"""Drift: how far customers' tastes have moved from those of their first weeks.

A taste is the way a customer's engagements fall on topics in a period of 30 days, 4 weeks or 3
months, counted from their own first engagement. The similarity of two periods is the cosine of
their tastes. Counted plainly it would be low for everybody, since small baskets differ by chance;
so a product of two tastes is taken over pairs of engagements of different steps, which share no
chance: it is the part of the pairs that fall on one topic. Of a first period x and a later one y

    similarity = mean product(x, y) / sqrt(mean product(x, x) * mean product(y, y))

with means over the customers of a cohort who engaged in two steps of both periods at least,
weighted by the root of the number of pairs that the scarcest of the three rests on. Tastes that
stay give 1 whatever the size of the baskets. Above 1 come customers who rarely want the same again
within one period, or chance. What all customers do alike counts too, so a season moves everybody;
and it tells nothing of customers who stopped.
Shapes: U users, T topics, S steps, N entries, P periods.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array

from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.history import History
from penchant.interest.interest import Codes, Interest

PERIOD = {Step.DAY: 30, Step.WEEK: 4, Step.MONTH: 3}  # steps
LEAST = 30  # customers of a cell, or it stays empty
WIDTH = 1.96  # standard errors on either side: a 95 % interval


@dataclass(frozen=True)
class Cohort:
    """Customers whose first step with an engagement ended in one month, or all of them.

    A cell of a period with fewer than `LEAST` customers holds NaN.
    """

    month: date | None  # its first day; None is everybody
    size: int  # customers, also those who stopped
    customers_P: Integers  # who can be compared, in the periods after the first
    similarity_P: Doubles
    low_P: Doubles  # 95 % interval
    high_P: Doubles


@dataclass(frozen=True)
class Drift:
    """Similarity to the first period, of everybody and of each cohort with a known cell."""

    step: Step
    period: int  # steps
    everybody: Cohort
    cohorts: tuple[Cohort, ...]  # earliest first
    strangers: float  # similarity of different customers' first periods; NaN if too few

    @property
    def unit(self) -> str:
        """What a period is called: `month`, or `quarter` where the steps are months."""
        return "quarter" if self.step is Step.MONTH else "month"


@dataclass(frozen=True)
class _Taste:
    """What falls in one period of each user."""

    count_UT: csr_array[np.float64]
    size_U: Doubles  # engagements
    agree_U: Doubles  # pairs of different steps that fall on one topic
    pairs_U: Doubles  # all pairs of different steps


@dataclass(frozen=True)
class _Beside:
    """A later period beside the first one: three products of each user, and their pairs."""

    agree_U3: Doubles  # first with later, first with itself, later with itself
    pairs_U3: Doubles


def drift(history: History, kinds: Sequence[str]) -> Drift:
    """Measure the drift of a shop's customers; only periods that ended by the cutoff count.

    Costs one pass over the entries a period. Raises HistoryError without an event of `kinds`.
    """
    interest = history.interest
    target_N = interest.target_N(kinds)
    known_N = target_N > 0
    if not known_N.any():
        raise HistoryError(f"There is no event of {', '.join(kinds)}, and so no taste to follow.")
    first_U = np.full(len(interest.users_U), interest.steps, dtype=np.int64)
    np.minimum.at(first_U, interest.user_N[known_N], interest.step_N[known_N].astype(np.int64))
    tastes = _tastes(interest, target_N.astype(np.float64), first_U)
    first = next(tastes)
    beside = [_beside(first, later) for later in tastes]
    seen_U = first_U < interest.steps
    month_U = _months(interest, first_U)
    cohorts = [
        _cohort(beside, seen_U & (month_U == month), Step.MONTH.start(int(month)))
        for month in np.unique(month_U[seen_U])
    ]
    return Drift(
        interest.step,
        PERIOD[interest.step],
        _cohort(beside, seen_U, None),
        tuple(cohort for cohort in cohorts if np.isfinite(cohort.similarity_P).any()),
        _strangers(first),
    )


def _months(interest: Interest, first_U: Integers) -> Integers:
    """Calendar month in which each user's first step ended, as a step of months."""
    steps = range(1, interest.steps + 2)
    days = (interest.step.start(interest.origin + s) - timedelta(days=1) for s in steps)
    return np.array([Step.MONTH.index_of(day) for day in days], dtype=np.int64)[first_U]


def _tastes(interest: Interest, count_N: Doubles, first_U: Integers) -> Iterator[_Taste]:
    """Every user's periods, the first ones first; those that the cutoff cuts are empty."""
    users, topics, steps = interest.shape
    period = PERIOD[interest.step]
    since_N = interest.step_N - first_U[interest.user_N]
    for p in range(max(1, steps // period)):
        ended_U = first_U + (p + 1) * period <= steps
        in_N = (since_N // period == p) & (count_N > 0) & ended_U[interest.user_N]
        user, count = interest.user_N[in_N], count_N[in_N]
        count_UT = _table(count, user, interest.topic_N[in_N], (users, topics))
        count_US = _table(count, user, interest.step_N[in_N], (users, steps))
        size_U: Doubles = count_UT.sum(axis=1)
        same_step_U = np.bincount(user, weights=count**2, minlength=users)
        yield _Taste(
            count_UT,
            size_U,
            agree_U=(count_UT * count_UT).sum(axis=1) - same_step_U,
            pairs_U=size_U**2 - (count_US * count_US).sum(axis=1),
        )


def _table(
    count_N: Doubles, row_N: Codes, column_N: Codes, shape: tuple[int, int]
) -> csr_array[np.float64]:
    """Sums of counts in a sparse table."""
    return coo_array((count_N, (row_N, column_N)), shape=shape).tocsr()


def _beside(first: _Taste, later: _Taste) -> _Beside:
    cross_U: Doubles = (first.count_UT * later.count_UT).sum(axis=1)
    return _Beside(
        np.stack([cross_U, first.agree_U, later.agree_U], axis=1),
        np.stack([first.size_U * later.size_U, first.pairs_U, later.pairs_U], axis=1),
    )


def _cohort(beside: list[_Beside], among_U: Flags, month: date | None) -> Cohort:
    cells = np.array([_cell(later, among_U) for later in beside]).reshape(-1, 4)
    customers_P, similarity_P, low_P, high_P = cells.T
    size = int(among_U.sum())
    return Cohort(month, size, customers_P.astype(np.int64), similarity_P, low_P, high_P)


def _cell(later: _Beside, among_U: Flags) -> tuple[float, float, float, float]:
    """Customers, similarity and its interval."""
    row_U = np.flatnonzero(among_U & (later.pairs_U3 > 0).all(axis=1))
    unknown = (float(len(row_U)), math.nan, math.nan, math.nan)
    if len(row_U) < LEAST:
        return unknown
    pairs_U3 = later.pairs_U3[row_U]
    weight_U = np.sqrt(pairs_U3.min(axis=1))
    part_U3 = weight_U[:, None] * later.agree_U3[row_U] / pairs_U3
    sums = part_U3.sum(axis=0)
    if sums.min() <= 0:
        return unknown
    power = np.array([1.0, -0.5, -0.5])
    similarity = float(np.prod(sums**power))
    # The delta method: what each customer adds to the logarithm of the similarity.
    error = float(np.sqrt((((part_U3 / sums) @ power) ** 2).sum()))
    low, high = (similarity * math.exp(side * WIDTH * error) for side in (-1, 1))
    return float(len(row_U)), similarity, low, high


def _strangers(first: _Taste) -> float:
    """The similarity of one customer's first period to another's."""
    row_U = np.flatnonzero(first.pairs_U > 0)
    weight_U = np.sqrt(first.pairs_U[row_U])
    pairs = weight_U.sum() ** 2 - (weight_U**2).sum()
    own = (weight_U * first.agree_U[row_U] / first.pairs_U[row_U]).sum()
    if pairs <= 0 or own <= 0:
        return math.nan
    part_UT = diags_array(weight_U / first.size_U[row_U]) @ first.count_UT[row_U]
    total_T: Doubles = part_UT.sum(axis=0)
    others = (total_T @ total_T - (part_UT * part_UT).sum()) / pairs
    return float(others / (own / weight_U.sum()))
