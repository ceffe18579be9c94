"""Half-life of interests: how long until half of what a new interest begins with has faded.

An interest begins when a user first engages in a topic after a look-back without it. Its strength
at an age is the chance of an engagement in that step, relative to the same interests' chance in
their first quarter of a year, the beginning itself left out. An age counts while the user is still
active, that is while a later visit is known: an interest doesn't fade because its user left the
shop, or because the history ends. Each interest is held against its own beginning, so that it is no
matter that the interests whose old age is known are other ones than the young.

The strength of a department is fitted by an exponential decay to a floor, s(a) ∝ f + (1 - f) 2^(-a
/ h), by least squares weighted as Poisson counts. Its half-life is the age at which the fit has
fallen to half of where it begins: longer than h where there is a floor, infinite where the floor is
above half or where that age lies beyond all that was seen. Intervals bootstrap over users.
Shapes: U users, T topics, N touches, C interests, D departments, R groups of users, A ages,
B draws, H decays tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.data.catalog import PATH_SEPARATOR
from penchant.data.step import Step
from penchant.interest.counts import Doubles, Integers
from penchant.interest.history import History
from penchant.interest.interest import Names
from penchant.interest.repurchase import touches
from penchant.interest.stationary import lookback
from penchant.interest.topics import Topics

ENOUGH_INTERESTS = 30
ENOUGH_TOUCHES = 20  # expected at an age and later, for that age to count as seen
GROUPS = 400  # of users, drawn together in a bootstrap
DRAWS = 200
LEVEL = 0.95
DECAYS_TRIED = 200
SHORTEST_DECAY = 0.5  # steps
LEAST = 1e-12  # divisor


@dataclass(frozen=True)
class HalfLife:
    """Half-life of the interests of a department, in steps, with its 95 % interval."""

    department: str
    half_life: float  # inf where none was seen, NaN where there is too little to say
    low: float
    high: float  # inf where half of the interests may well stay
    interests: int
    age_A: Integers  # steps since the interest began, from 1
    observed_A: Doubles  # strength; 1 is that of the first quarter
    fitted_A: Doubles
    note: str  # why there is no number, or what it can't say; empty where nothing is to be said


def departments(topics: Topics) -> Names:
    """Department of each topic: the first level of its path; `all` where topics are that level."""
    return np.array([parent.split(PATH_SEPARATOR)[0] for parent in topics.parent_T.tolist()])


def half_lives(history: History, kinds: Sequence[str], seed: int = 0) -> tuple[HalfLife, ...]:
    """Measure the half-life of the interests of each department, in the order of names.

    Costs one pass over the entries, and `DRAWS` fits a department.
    """
    step = history.interest.step
    names_D, department_T = np.unique(departments(history.topics), return_inverse=True)
    tally = _tally(history, kinds, department_T)
    draws_BR = np.random.default_rng(seed).multinomial(
        GROUPS, np.full(GROUPS, 1 / GROUPS), size=DRAWS
    )
    weight_BR = np.vstack([np.ones(GROUPS), draws_BR])
    return tuple(
        _half_life(str(name), tally.of(d), weight_BR, step) for d, name in enumerate(names_D)
    )


@dataclass(frozen=True)
class _Tally:
    """Touches of interests by department, group of users and age, and those without fading."""

    interests_D: Integers
    age_A: Integers  # the last step of a week's ages
    touched_DRA: Doubles
    expected_DRA: Doubles

    def of(self, department: int) -> "_Tally":
        one = slice(department, department + 1)
        return _Tally(
            self.interests_D[one], self.age_A, self.touched_DRA[one], self.expected_DRA[one]
        )


def _tally(history: History, kinds: Sequence[str], department_T: Integers) -> _Tally:
    step, steps = history.interest.step, history.cutoff
    touched = touches(history.interest, kinds)
    look_back = min(lookback(step), steps // 4)
    quarter = max(1, min(step.per_year // 4, steps // 4))
    last_U = np.zeros(len(history.interest.users_U), dtype=np.int64)
    np.maximum.at(last_U, touched.user_C, touched.last_C)
    # A visit on the last day itself is no sign that the user was still active.
    known_C = last_U[touched.user_C] - 1 - touched.first_C
    new_C = (touched.first_C >= look_back) & (known_C >= quarter)
    age_N = touched.step_N - touched.first_C[touched.cell_N]
    kept_N = new_C[touched.cell_N] & (age_N > 0) & (age_N <= known_C[touched.cell_N])
    cell_N, age_N = touched.cell_N[kept_N], age_N[kept_N]
    early_C = np.bincount(cell_N[age_N <= quarter], minlength=len(new_C))

    departments = int(department_T.max()) + 1
    place_C = department_T[touched.topic_C] * GROUPS + touched.user_C % GROUPS
    shape = (departments, GROUPS, steps)
    size = departments * GROUPS * steps
    touched_DRA = np.bincount(place_C[cell_N] * steps + age_N, minlength=size).reshape(shape)
    new = np.flatnonzero(new_C)
    ends_DRA = np.bincount(
        place_C[new] * steps + known_C[new], weights=early_C[new] / quarter, minlength=size
    ).reshape(shape)
    expected_DRA = ends_DRA[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    edge_A = np.arange(1, steps, max(1, step.per_year // 52))
    return _Tally(
        np.bincount(department_T[touched.topic_C[new]], minlength=departments),
        np.append(edge_A[1:], steps) - 1,
        np.add.reduceat(touched_DRA, edge_A, axis=2).astype(np.float64),
        np.add.reduceat(expected_DRA, edge_A, axis=2),
    )


def _half_life(name: str, tally: _Tally, weight_BR: Doubles, step: Step) -> HalfLife:
    """The first draw is the data as they are."""
    touched_BA = weight_BR @ tally.touched_DRA[0]
    expected_BA = weight_BR @ tally.expected_DRA[0]
    later_A = expected_BA[0, ::-1].cumsum()[::-1]
    seen = int((later_A >= ENOUGH_TOUCHES).sum())
    interests = int(tally.interests_D[0])
    age_A = tally.age_A[:seen]
    seen_steps = int(age_A.max(initial=0))
    if interests < ENOUGH_INTERESTS or seen < 3:
        nothing_A = np.full(seen, np.nan)
        note = (
            f"A half-life takes {ENOUGH_INTERESTS} new interests, with {ENOUGH_TOUCHES} repeats "
            f"late in their lives; {interests} began, followed for {step.plural(seen_steps)}."
        )
        nan = float("nan")
        return HalfLife(name, nan, nan, nan, interests, age_A, nothing_A, nothing_A, note)
    half_B, fitted_A = _fitted(touched_BA[:, :seen], expected_BA[:, :seen], age_A.astype(float))
    half_B = np.where(half_B <= seen_steps, half_B, np.inf)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(half_B[1:], [tail, 1 - tail], method="inverted_cdf")
    note = ""
    if not np.isfinite(half_B[0]):
        note = f"Half of the interests had not faded after {step.plural(seen_steps)}, all seen."
    elif not np.isfinite(high):
        note = f"It may as well be longer than the {step.plural(seen_steps)} seen."
    observed_A = np.divide(touched_BA[0, :seen], expected_BA[0, :seen])
    return HalfLife(
        name,
        float(half_B[0]),
        float(low),
        float(high),
        interests,
        age_A,
        observed_A,
        fitted_A,
        note,
    )


def _fitted(touched_BA: Doubles, expected_BA: Doubles, age_A: Doubles) -> tuple[Doubles, Doubles]:
    """Half-life of each draw, and the fitted strengths of the first.

    For each decay tried, floor and fading part are the two non-negative weights of a least-squares
    fit, in closed form from sums.
    """
    decay_H = np.geomspace(SHORTEST_DECAY, 4 * age_A[-1], DECAYS_TRIED)
    fading_AH = 0.5 ** ((age_A - age_A[0])[:, None] / decay_H)
    touched_B1 = touched_BA.sum(axis=1, keepdims=True)
    # A draw may leave out the few users who have interests.
    expected_B1 = np.maximum(expected_BA.sum(axis=1, keepdims=True), LEAST)
    touched_BH, expected_BH = touched_BA @ fading_AH, expected_BA @ fading_AH
    square_BH = np.maximum(expected_BA @ fading_AH**2, LEAST)
    determinant_BH = np.maximum(expected_B1 * square_BH - expected_BH**2, LEAST)
    floor_BH = (touched_B1 * square_BH - touched_BH * expected_BH) / determinant_BH
    part_BH = (touched_BH * expected_B1 - touched_B1 * expected_BH) / determinant_BH
    part_BH = np.where(floor_BH < 0, touched_BH / square_BH, part_BH)
    floor_BH = np.where(part_BH < 0, touched_B1 / expected_B1, np.maximum(floor_BH, 0.0))
    part_BH = np.maximum(part_BH, 0.0)
    loss_BH = (
        floor_BH**2 * expected_B1
        + 2 * floor_BH * part_BH * expected_BH
        + part_BH**2 * square_BH
        - 2 * (floor_BH * touched_B1 + part_BH * touched_BH)
    )
    best_B1 = loss_BH.argmin(axis=1)[:, None]
    floor_B = np.take_along_axis(floor_BH, best_B1, axis=1)[:, 0]
    part_B = np.take_along_axis(part_BH, best_B1, axis=1)[:, 0]
    decay_B = decay_H[best_B1[:, 0]]
    halves_B = part_B > floor_B
    ratio_B = np.divide(2 * part_B, part_B - floor_B, out=np.full_like(part_B, 2.0), where=halves_B)
    half_B = np.where(halves_B, decay_B * np.log2(ratio_B), np.inf)
    return half_B, floor_B[0] + part_B[0] * fading_AH[:, best_B1[0, 0]]
