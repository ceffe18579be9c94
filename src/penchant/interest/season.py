"""Season: what a series of counts does again every week, month or year.

Logs of counts are laid out as a table of turns (weeks, months, years) by places (weekdays, parts
of the month, months of the year). A season is what all turns share; how much they differ beyond
that is the noise it is held against, in an F-test. Growth tilts every turn alike and is no season,
so one has to show with and without it. Nor is a change of level, which is in one turn only: in a
year it is looked for and taken out beforehand.
Shapes: N series, S steps, C turns, P places, B cells of the table, J changes of level within it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f

from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags
from penchant.interest.cycle import CYCLES, LEAST_TURNS, Cycle, Layout, lay_out, place_weights
from penchant.interest.trend import moved_in

LEAST_A_PLACE = 5  # counts
FALSE_ALARMS = 0.01  # of series without a season, whose season is sure
LEAST_SWING = 1.1  # of the highest place to the lowest; nobody minds less
MOST_TURNS = 12  # of a table: more are put together, so that rare events fill its cells
LEAST_FACTOR = 0.2  # of a shorter season, that counts are divided by
FAR = 5.0  # robust standard deviations
MAD_TO_DEVIATION = 1.4826
MOST_CORRELATION = 0.9
CHANGE_CHANCE = 0.01  # of taking out a change of level within the year that isn't there
ALIKE = 0.98  # of the best: changes that explain a table as well


@dataclass(frozen=True)
class Season:
    """What a cycle does to a series: a factor for each of its places, with the mean 1."""

    cycle: Cycle
    strength: float  # 0 to 1: share of the steps' variance about the trend that it explains
    chance: float  # p-value: how often a series without a season shows one as clear
    sure: bool  # chance below 1 %, and a swing of a tenth
    profile_P: Doubles
    label_P: tuple[str, ...]
    peak: str  # where the profile is highest, in words


def seasons(value_S: npt.ArrayLike, first: int, step: Step) -> tuple[Season, ...]:
    """Seasons of a series of counts that begins with the step `first`, as the span allows.

    That is two turns, and five counts a place. Raises `HistoryError` for what is no count.
    """
    value_NS = np.atleast_2d(np.asarray(value_S, dtype=np.float64))
    if not (np.isfinite(value_NS) & (value_NS >= 0)).all():
        raise HistoryError("A season is one of counts: finite numbers, none of them negative.")
    return all_seasons(value_NS, first, step)[0]


def all_seasons(value_NS: Doubles, first: int, step: Step) -> list[tuple[Season, ...]]:
    """Seasons of many series over the same steps; about 0.1 ms a series and cycle.

    A sure season is taken out before the next longer one is looked for.
    """
    found: list[list[Season]] = [[] for _ in value_NS]
    steps = value_NS.shape[1]
    for cycle in CYCLES[step]:
        layout = lay_out(cycle, first, step, steps)
        if layout is None:
            continue
        factor_NS = np.array([factors(made, first, step, steps) for made in found])
        enough = value_NS.sum(axis=1) >= least_count(layout)
        rows = np.flatnonzero(enough)
        if not len(rows):
            continue
        tested = _test(value_NS[rows], factor_NS[rows], layout, cycle)
        for row, season in zip(rows, tested, strict=True):
            found[row].append(season)
    return [tuple(made) for made in found]


def factors(
    found: tuple[Season, ...] | list[Season], first: int, step: Step, steps: int
) -> Doubles:
    """Factor of all sure seasons at each of `steps` steps from `first` on, also past the data."""
    factor_S = np.ones(steps)
    for season in found:
        if season.sure:
            factor_S *= season.profile_P @ place_weights(season.cycle, first, step, steps)
    return factor_S


def least_count(layout: Layout) -> int:
    """Counts in a whole series, from which its season can be told."""
    return LEAST_A_PLACE * len(layout.label_P)


def _test(value_NS: Doubles, factor_NS: Doubles, layout: Layout, cycle: Cycle) -> list[Season]:
    """Estimate and test one cycle's season of series with enough counts."""
    factor_NS = np.maximum(factor_NS, LEAST_FACTOR)
    log_NCP, steps_a_cell = _table(value_NS, factor_NS, layout, cycle)
    lost_N = np.zeros(len(log_NCP))
    if cycle == "year":
        log_NCP, lost_N = _without_changes(log_NCP)
    level_NCP, growing_N = _without_growth(log_NCP, layout.turns / log_NCP.shape[1])
    still, moving = _analyse(log_NCP, lost_N), _analyse(level_NCP, lost_N + 1)
    # What looks like a season only under one of two stories is not sure.
    chance_N = np.maximum(still.chance_N, moving.chance_N)
    place_NP = np.where(growing_N[:, None], moving.place_NP, still.place_NP)
    season_N = np.where(growing_N, moving.season_N, still.season_N)
    noise_N = np.where(growing_N, moving.noise_N, still.noise_N)
    profile_NP = np.exp(place_NP)
    profile_NP /= profile_NP.mean(axis=1, keepdims=True)
    swing_N = profile_NP.max(axis=1) / profile_NP.min(axis=1)
    sure_N = (chance_N < FALSE_ALARMS) & (swing_N >= LEAST_SWING)
    strength_N = season_N / (season_N + np.maximum(noise_N * steps_a_cell, 1e-12))
    profile_NP = np.roll(profile_NP, layout.rotation, axis=1)
    return [
        Season(
            cycle=cycle,
            strength=float(strength_N[n]),
            chance=float(chance_N[n]),
            sure=bool(sure_N[n]),
            profile_P=profile_P,
            label_P=layout.label_P,
            peak=layout.peak_P[int(profile_P.argmax())],
        )
        for n, profile_P in enumerate(profile_NP)
    ]


@dataclass(frozen=True)
class _Analysis:
    """An analysis of variance by turn and place: effects, variances of a cell, p-value."""

    place_NP: Doubles
    season_N: Doubles
    noise_N: Doubles
    chance_N: Doubles


def _analyse(log_NCP: Doubles, lost_N: Doubles) -> _Analysis:
    """Hold what places share over turns against what they don't; `lost_N` is spent freedom."""
    turns, places = log_NCP.shape[1:]
    log_NCP = _near(_turn_centred(log_NCP))
    place_NP, rest_NCP = log_NCP.mean(axis=1), _both_centred(log_NCP)
    freedom_N = np.maximum((turns - 1) * (places - 1) - lost_N, 1)
    noise_N = np.maximum((rest_NCP**2).sum(axis=(1, 2)) / freedom_N, 1e-12)
    shared_N = turns * (place_NP**2).sum(axis=1) / (places - 1)
    informed_N = _independent(rest_NCP)
    chance_N = f.sf(shared_N / noise_N, (places - 1) * informed_N, freedom_N * informed_N)
    return _Analysis(place_NP, np.maximum(shared_N - noise_N, 0.0) / turns, noise_N, chance_N)


def _table(
    value_NS: Doubles, factor_NS: Doubles, layout: Layout, cycle: Cycle
) -> tuple[Doubles, float]:
    """Logs of mean counts by turn and place, and steps a cell."""
    inside_S = layout.turn_S >= 0
    turns, places = min(layout.turns, MOST_TURNS), len(layout.label_P)
    turn_S = layout.turn_S[inside_S] * turns // layout.turns
    cell_S = turn_S * places + layout.place_S[inside_S]
    if cycle == "year":
        value_NS = _unrepeated_moved_in(value_NS, factor_NS, layout)
    even_NS = (value_NS / factor_NS)[:, inside_S]
    member_SB = cell_S[:, None] == np.arange(turns * places)
    count_B = member_SB.sum(axis=0)
    steps_a_cell = float(count_B.mean())
    # Half a count more in a usual cell, and as much a step in all: empty cells are alike, however
    # many steps they have.
    log_NB = np.log(even_NS @ (member_SB / count_B) + 0.5 / steps_a_cell)
    return log_NB.reshape(-1, turns, places), steps_a_cell


def _unrepeated_moved_in(value_NS: Doubles, factor_NS: Doubles, layout: Layout) -> Doubles:
    """Values far from those around them moved in, unless another turn has the like near it."""
    tame_NS = moved_in(value_NS, factor_NS)
    low_NS, high_NS = tame_NS.copy(), tame_NS.copy()
    length = int((layout.turn_S >= 0).sum()) / layout.turns
    for turn in range(1, layout.turns):
        for shift in (round(turn * length) + near for near in (-1, 0, 1)):
            earlier_NS, later_NS = value_NS[:, :-shift], value_NS[:, shift:]
            np.minimum(low_NS[:, shift:], earlier_NS, out=low_NS[:, shift:])
            np.maximum(high_NS[:, shift:], earlier_NS, out=high_NS[:, shift:])
            np.minimum(low_NS[:, :-shift], later_NS, out=low_NS[:, :-shift])
            np.maximum(high_NS[:, :-shift], later_NS, out=high_NS[:, :-shift])
    return np.clip(value_NS, low_NS, high_NS)


def _without_changes(log_NCP: Doubles) -> tuple[Doubles, Doubles]:
    """The table without changes of level inside turns, and how many were taken out of each.

    With both turns and places allowed for, a change shows only in how turns differ; the one that
    explains most of that goes, as long as chance hardly does as well. Up in one year and down in
    the other can explain it equally; then the one that leaves less to explain is taken.
    """
    count, turns, places = log_NCP.shape
    step_JCP = np.triu(np.ones((turns * places, turns * places)))[1:].reshape(-1, turns, places)
    differs_JCP = _both_centred(step_JCP)
    told = (differs_JCP**2).sum(axis=(1, 2)) > 1e-9
    step_JCP, differs_JCP = step_JCP[told], differs_JCP[told]
    step_JCP = step_JCP - step_JCP.mean(axis=(1, 2), keepdims=True)
    norm_J, size_J = ((a**2).sum(axis=(1, 2)) for a in (differs_JCP, step_JCP))
    lost_N = np.zeros(count)
    for _ in range(turns):
        freedom_N = (turns - 1) * (places - 1) - lost_N
        rest_NCP = _both_centred(log_NCP)
        weight_NJ = np.tensordot(rest_NCP, differs_JCP, axes=([1, 2], [1, 2])) / norm_J
        gain_NJ = weight_NJ**2 * norm_J
        best_N = gain_NJ.max(axis=1)
        left_N = np.maximum((rest_NCP**2).sum(axis=(1, 2)) - best_N, 1e-12)
        ratio_N = best_N / left_N * (freedom_N - 1)
        sure_N = f.sf(ratio_N, 1, np.maximum(freedom_N - 1, 1)) * len(norm_J) < CHANGE_CHANCE
        shared_NJ = np.tensordot(log_NCP, step_JCP, axes=([1, 2], [1, 2]))
        after_NJ = weight_NJ**2 * size_J - 2 * weight_NJ * shared_NJ
        after_NJ[gain_NJ < ALIKE * best_N[:, None]] = np.inf
        chosen_N = after_NJ.argmin(axis=1)
        taken_N = np.where(sure_N, weight_NJ[np.arange(count), chosen_N], 0.0)
        log_NCP = log_NCP - taken_N[:, None, None] * step_JCP[chosen_N]
        lost_N = lost_N + sure_N
    return log_NCP, lost_N


def _without_growth(log_NCP: Doubles, together: float) -> tuple[Doubles, Flags]:
    """The table without the slope from turn to turn, and whether its places ask for that.

    A row of the table holds so many turns `together`. Growth tilts every turn, and the next one
    begins where the last one ended; a jump between turns tilts none. So the places, as a ring, bend
    less without the slope if it is growth.
    """
    turns, places = log_NCP.shape[1:]
    at_C = np.arange(turns) - (turns - 1) / 2
    growth_N = log_NCP.mean(axis=2) @ at_C / (at_C @ at_C)
    tilt_NCP = growth_N[:, None, None] / together * np.arange(places) / places
    level_NCP = log_NCP - tilt_NCP
    return level_NCP, _bend(level_NCP.mean(axis=1)) < _bend(log_NCP.mean(axis=1))


def _bend(place_NP: Doubles) -> Doubles:
    """Sum of squared second differences around a ring."""
    next_NP, before_NP = np.roll(place_NP, -1, axis=1), np.roll(place_NP, 1, axis=1)
    return ((next_NP - 2 * place_NP + before_NP) ** 2).sum(axis=1)


def _near(log_NCP: Doubles) -> Doubles:
    """The table with cells far from the median of their place moved in, if it has three turns."""
    if log_NCP.shape[1] <= LEAST_TURNS:
        return log_NCP
    median_NCP = np.median(log_NCP, axis=1, keepdims=True)
    off_NCP = log_NCP - median_NCP
    # Of three turns one is the median itself, so the nearest of a place is left out.
    distance_NCP = np.sort(np.abs(off_NCP), axis=1)[:, 1:]
    far_N = FAR * MAD_TO_DEVIATION * np.median(distance_NCP, axis=(1, 2))
    far_N = np.where(far_N > 0, far_N, np.inf)[:, None, None]
    return _turn_centred(median_NCP + np.clip(off_NCP, -far_N, far_N))


def _turn_centred(log_NCP: Doubles) -> Doubles:
    return log_NCP - log_NCP.mean(axis=2, keepdims=True)


def _both_centred(log_NCP: Doubles) -> Doubles:
    """What neither the turn nor the place explains."""
    log_NCP = _turn_centred(log_NCP)
    return log_NCP - log_NCP.mean(axis=1, keepdims=True)


def _independent(rest_NCP: Doubles) -> Doubles:
    """Share of the cells that count as independent, given how neighbouring ones correlate.

    Centring makes neighbours correlate by -1 / (P - 1) where nothing else does.
    """
    next_NCP = np.roll(rest_NCP, -1, axis=2)
    power_N = np.maximum((rest_NCP**2).sum(axis=(1, 2)), 1e-12)
    correlation_N = (rest_NCP * next_NCP).sum(axis=(1, 2)) / power_N
    correlation_N += 1 / (rest_NCP.shape[2] - 1)
    square_N = np.clip(correlation_N, 0.0, MOST_CORRELATION) ** 2
    return (1 - square_N) / (1 + square_N)
