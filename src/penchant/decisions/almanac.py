"""What the calendar says of every step, past and ahead: the part of the month, holidays, season.

A topic's demand moves with it, and it is known in advance.
Shapes: N steps, F features of a step.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from penchant.data.step import Step
from penchant.interest.calendar import Calendar
from penchant.interest.counts import Doubles, Flags

FIRST_DAYS, LAST_DAYS = 7, 24  # of the month: to day 7, and from day 24 on
SEASONS = 2  # years that must be known for a season to be told
WAVES = 2  # of a year


@dataclass(frozen=True)
class Almanac:
    """Features of steps, and which of them are seldom met with, so that little can be learned."""

    feature_NF: Doubles
    seldom_F: Flags


def almanac(step: Step, origin: int, known: int, ahead: int, calendar: Calendar) -> Almanac:
    """Features of `known` steps from `origin` and of `ahead` more; means of the known are 0.

    Parts of the month and days of the week where steps are short enough to have them, holidays in
    the step and in the next one, and waves of a year where two are known.
    """
    steps = known + ahead
    columns = []
    if step is not Step.MONTH:
        columns += [_early(step, origin, steps), _late(step, origin, steps)]
    if step is Step.DAY:
        weekday_N = (origin + np.arange(steps)) % 7
        columns += [(weekday_N == day).astype(np.float64) for day in range(6)]
    seldom_F = np.arange(len(columns) + 2) >= len(columns)
    holiday_N = np.zeros(steps + 1)
    told = min(len(calendar.holiday_C), steps + 1)
    holiday_N[:told] = calendar.holiday_C[:told]
    columns += [holiday_N[:-1], holiday_N[1:]]
    if known >= SEASONS * step.per_year:
        angle_N = 2 * np.pi * (origin + np.arange(steps)) / step.per_year
        waves = range(1, WAVES + 1)
        columns += [wave(k * angle_N) for k in waves for wave in (np.cos, np.sin)]
        seldom_F = np.append(seldom_F, np.zeros(2 * WAVES, dtype=bool))
    feature_NF = np.stack(columns, axis=1)
    return Almanac(feature_NF - feature_NF[:known].mean(axis=0), seldom_F)


def _early(step: Step, origin: int, steps: int) -> Doubles:
    return _share(step, origin, steps, 1, FIRST_DAYS)


def _late(step: Step, origin: int, steps: int) -> Doubles:
    return _share(step, origin, steps, LAST_DAYS, 31)


def _share(step: Step, origin: int, steps: int, first: int, last: int) -> Doubles:
    """Share of each step's days that lie in these days of the month."""
    share_N = np.empty(steps)
    for place in range(steps):
        start, end = step.start(origin + place), step.start(origin + place + 1)
        days = [(start + timedelta(days=n)).day for n in range((end - start).days)]
        share_N[place] = np.mean([first <= day <= last for day in days])
    return share_N
