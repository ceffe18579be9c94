"""The cycles of the calendar: where each step of a span falls in a week, a month or a year.

Shapes: S steps, C turns, P places.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np

from penchant.data.step import Step
from penchant.interest.counts import Doubles, Integers

Cycle = Literal["week", "month", "year"]

CYCLES: dict[Step, tuple[Cycle, ...]] = {
    Step.DAY: ("week", "month", "year"),
    Step.WEEK: ("month", "year"),
    Step.MONTH: ("year",),
}
LEAST_TURNS = 2
WEEKDAYS: tuple[str, ...] = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
MONTHS: tuple[str, ...] = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
PARTS = {Step.DAY: (1, 6, 11, 16, 21, 26), Step.WEEK: (1, 8, 15, 22)}  # first days, of a month
DAYS_A_MONTH, DAYS_A_YEAR = 30.5, 365.25
SPANS = 256  # whose layout is kept


@dataclass(frozen=True)
class Layout:
    """Where each step of a span falls in a cycle."""

    turn_S: Integers  # -1 outside whole turns
    place_S: Integers  # counted from where turns begin
    turns: int
    rotation: int  # place of the calendar that turns begin with
    label_P: tuple[str, ...]
    peak_P: tuple[str, ...]


@lru_cache(maxsize=SPANS)
def _middles(first: int, step: Step, steps: int) -> tuple[date, ...]:
    """The day in the middle of each step, and of one step more on both sides."""
    half = timedelta(days={Step.DAY: 0, Step.WEEK: 3, Step.MONTH: 14}[step])
    return tuple(step.start(first + at) + half for at in range(-1, steps + 1))


@lru_cache(maxsize=SPANS)
def place_weights(cycle: Cycle, first: int, step: Step, steps: int) -> Doubles:
    """Weights of a cycle's places in the factor of each step.

    Factors go in straight lines from the middle of a place to that of the next, around the cycle.
    """
    middles = _middles(first, step, steps)[1:-1]
    if cycle == "week":
        at_S, middle_P, period = [float(day.weekday()) for day in middles], np.arange(7.0), 7.0
    elif cycle == "month":
        start_P = np.array(PARTS[step], dtype=np.float64)
        middle_P = (start_P + np.append(start_P[1:], DAYS_A_MONTH + 1)) / 2 - 0.5
        at_S, period = [float(day.day) for day in middles], DAYS_A_MONTH
    else:
        middle_P, period = (np.arange(12) + 0.5) * DAYS_A_YEAR / 12, DAYS_A_YEAR
        at_S = [day.timetuple().tm_yday - 0.5 for day in middles]
        if step is Step.MONTH:
            at_S = [float(middle_P[day.month - 1]) for day in middles]
    rows = [np.interp(at_S, middle_P, place_P, period=period) for place_P in np.eye(len(middle_P))]
    return np.array(rows)


@lru_cache(maxsize=SPANS)
def lay_out(cycle: Cycle, first: int, step: Step, steps: int) -> Layout | None:
    """Lay a span on a cycle's whole turns, or None where it has fewer than two."""
    middles = _middles(first, step, steps)
    if cycle == "week":
        turns, begin = divmod(steps, 7)
        turn_S, place_S = np.divmod(np.arange(steps) - begin, 7)
        rotation, label_P, peak_P = middles[1 + begin].weekday(), WEEKDAYS, WEEKDAYS
    elif cycle == "month":
        start_P = PARTS[step]
        day_S = np.array([day.day for day in middles[1:-1]])
        place_S = np.searchsorted(start_P, day_S, side="right") - 1
        turn_S, turns = _whole_months(middles)
        rotation, (label_P, peak_P) = 0, _parts(start_P)
    else:
        month_S = np.array([Step.MONTH.index_of(day) for day in middles[1:-1]])
        count_C = np.bincount(month_S - month_S[0])
        full = np.flatnonzero(count_C >= max(1, step.per_year // 24)) + month_S[0]
        turns = (full[-1] - full[0] + 1) // 12 if len(full) else 0
        begin = int(full[-1] - 12 * turns + 1) if turns else 0
        turn_S, place_S = (month_S - begin) // 12, (month_S - begin) % 12
        turn_S[turn_S >= turns] = -1
        rotation, label_P, peak_P = begin % 12, MONTHS, MONTHS
    if turns < LEAST_TURNS:
        return None
    return Layout(np.maximum(turn_S, -1), place_S, turns, rotation, label_P, peak_P)


def _whole_months(middles: tuple[date, ...]) -> tuple[Integers, int]:
    """Number of each step's month among those that lie wholly in the span, else -1."""
    month_S = np.array([Step.MONTH.index_of(day) for day in middles])
    begin, end = month_S[0] + 1, month_S[-1]
    month_S = month_S[1:-1]
    return np.where((month_S >= begin) & (month_S < end), month_S - begin, -1), int(end - begin)


def _parts(start_P: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of the parts of a month, and the days in their middles in words."""
    labels = [f"{start}–{end - 1}" for start, end in pairwise(start_P)]
    ends = [*start_P[1:], 32]
    middles = [(start + end - 1) // 2 for start, end in zip(start_P, ends, strict=True)]
    ordinals = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
    peaks = [f"around the {day}{ordinals.get(day, 'th')}" for day in middles]
    return (*labels, f"{start_P[-1]}–end"), tuple(peaks)
