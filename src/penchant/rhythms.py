"""Rhythms as plain rows: how topics rise, fall and return, and what each customer is due to want.

Shapes: U users, T topics, C cells, P phases, L lags.
"""

from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.errors import TopicsError, suggest
from penchant.interest.halflife import departments, half_lives
from penchant.interest.history import History
from penchant.interest.phase import PHASE_NAMES, phase_names, phases, topic_phases
from penchant.interest.repurchase import cadences, topic_cadences
from penchant.interest.rhythm import Rhythm, topic_rhythms, user_rhythms

Row = dict[str, Any]


def topic_rows(history: History, kinds: Sequence[str]) -> tuple[Row, list[Row]]:
    """The rhythm of the whole shop, and all that can be said of each topic's, the largest first."""
    phase, cadence = topic_phases(history, kinds), topic_cadences(history, kinds)
    count_TP = phases(history, kinds).count_TP(len(history.topics))
    phase_T, department_T = phase_names(phase.code_T), departments(history.topics)
    *by_topic, whole = topic_rhythms(history, kinds)
    rows = [
        {
            c.TOPIC: found.name,
            "department": str(department_T[t]),
            "events": float(found.value_S.sum()),
            "phase": str(phase_T[t]),
            "change": _finite(phase.change_T[t]),
            "cadence": _finite(cadence.gap_T[t]),
            "cadence_low": _finite(cadence.low_T[t]),
            "cadence_high": _finite(cadence.high_T[t]),
            "regularity": _finite(cadence.regularity_T[t]),
            "customers": dict(zip(PHASE_NAMES, count_TP[t].tolist(), strict=True)),
            **rhythm_facts(found),
        }
        for t, found in enumerate(by_topic)
    ]
    shop = {"events": float(whole.value_S.sum()), **rhythm_facts(whole)}
    return shop, sorted(rows, key=lambda row: -row["events"])


def topic_row(rows: Sequence[Row], name: str) -> Row:
    """The row of one topic, in any case of letters. TopicsError if there is none."""
    for written in (str, str.casefold):
        for row in rows:
            if written(row[c.TOPIC]) == written(name):
                return row
    raise TopicsError(
        f"There is no topic '{name}'. {suggest(name, [row[c.TOPIC] for row in rows])}"
    )


def rhythm_facts(found: Rhythm) -> Row:
    """Trend, changes, seasons and autocorrelation of one series, and what can't be told of it."""
    trend, correlogram = found.trend, found.correlogram
    facts: Row = {"trend": None, "slope": None, "slope_low": None, "slope_high": None}
    if trend is not None:
        facts = {
            "trend": trend.direction,
            "slope": _finite(trend.slope),
            "slope_low": _finite(trend.low),
            "slope_high": _finite(trend.high),
        }
    facts["changes"] = [
        {
            c.DATE: found.step.start(found.first + one.step),
            "before": one.before,
            "after": one.after,
            c.CHANCE: one.chance,
        }
        for one in (trend.changes if trend else ())
    ]
    facts["seasons"] = [
        {"cycle": one.cycle, c.STRENGTH: one.strength, "sure": one.sure, "peak": one.peak}
        for one in found.seasons
    ]
    facts["acf"] = None if correlogram is None else correlogram.acf_L.tolist()
    facts["pacf"] = None if correlogram is None else correlogram.pacf_L.tolist()
    facts["bound"] = None if correlogram is None else correlogram.bound
    facts["missing"] = list(found.missing)
    return facts


def half_life_rows(history: History, kinds: Sequence[str]) -> list[Row]:
    """How long until half of what new interests begin with has faded, by department.

    One that is told but None is longer than the steps `seen`.
    """
    return [
        {
            "department": one.department,
            "interests": one.interests,
            "seen": int(one.age_A.max(initial=0)),
            "told": not isnan(one.half_life),
            "half_life": _finite(one.half_life),
            c.LOW: _finite(one.low),
            c.HIGH: _finite(one.high),
            "note": one.note,
        }
        for one in half_lives(history, kinds)
    ]


def customer_rows(
    history: History, kinds: Sequence[str], row_U: npt.NDArray[np.int64]
) -> list[Row]:
    """A customer's own rhythm, and the phase, cadence and next due day of each of their topics."""
    mine = history.only(row_U)
    found, cadence = phases(mine, kinds), cadences(mine, kinds)
    name_C, topics_T = phase_names(found.code_C), history.interest.topics_T
    step, origin = history.interest.step, history.interest.origin
    made = []
    for user, rhythm in enumerate(user_rhythms(history, kinds, row_U)):
        cells = np.flatnonzero(found.user_C == user)
        topics = [
            {
                c.TOPIC: str(topics_T[found.topic_C[cell]]),
                "phase": str(name_C[cell]),
                "last": step.start(origin + int(cadence.last_C[cell])),
                "cadence": _finite(cadence.gap_C[cell]),
                "gaps": int(cadence.gaps_C[cell]),
                "due": None
                if np.isnan(cadence.due_C[cell])
                else step.start(origin + int(cadence.due_C[cell])),
            }
            for cell in cells
        ]
        made.append({c.USER: rhythm.name, **rhythm_facts(rhythm), "topics": topics})
    return made


def _finite(value: float) -> float | None:
    """The number, or None where it can't be told or is infinite."""
    return float(value) if isfinite(value) else None
