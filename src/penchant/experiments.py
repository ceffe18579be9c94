"""Experiments of a shop: who had which arm, and what they did, read from files or the store.

Shapes: U users, A arms.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.decisions.assignment import NOBODY, arms_of, sample_ratio
from penchant.decisions.experiment import Effect, Outcome, effects
from penchant.decisions.sequential import PLANNED
from penchant.errors import ArtefactError, DataError, SettingsError, suggest
from penchant.handed import numbers, read_cells
from penchant.interest.counts import Doubles
from penchant.interest.interest import Names
from penchant.settings import FILE
from penchant.sheet import read_sheet, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

EXPERIMENTS = sheet_named("experiments")
SPEND, PURCHASES, BUYERS = OUTCOMES = ("spend", "purchases", "buyers")
Row = dict[str, Any]


@dataclass(frozen=True)
class Assigned:
    """Customers of an experiment and their arms; whoever had several arms is left out."""

    users_U: Names
    arm_U: Names
    torn: int  # customers with several arms


@dataclass(frozen=True)
class Question:
    """What is asked of an experiment."""

    control: str | None = None  # by default `control`, or else the first arm by name
    weights: Mapping[str, float] | None = None  # planned, by arm; even without
    level: float = 0.95
    planned: int = PLANNED  # customers at which the always-valid interval is tightest


def read_assignment(path: str) -> Assigned:
    """Who had which arm, from a file with the columns `user` and `arm`; rows may repeat.

    Raises DataError for a missing column or cell.
    """
    cells = read_cells(path, (c.USER, c.ARM))
    pairs = set(zip(cells[c.USER], cells[c.ARM], strict=True))
    if any(not part for pair in pairs for part in pair):
        raise DataError(f"'{path}' has a row without a customer or an arm; fill it or take it out.")
    times = Counter(user for user, _ in pairs)
    kept = sorted(pair for pair in pairs if times[pair[0]] == 1)
    users, arms = zip(*kept, strict=True) if kept else ((), ())
    torn = sum(count > 1 for count in times.values())
    if torn and len({arm for _, arm in kept}) < 2:
        raise DataError(
            f"'{path}' gives {torn:,} customers several arms; without them fewer than two are left."
        )
    return Assigned(np.array(users, dtype=np.str_), np.array(arms, dtype=np.str_), torn)


def planned_assignment(workspace: Workspace, name: str) -> Assigned:
    """Who has which arm of an experiment of the settings, of all customers in the store.

    Raises SettingsError for an experiment that isn't planned.
    """
    plans = workspace.settings.experiments
    if name not in plans:
        known = suggest(name, plans) if plans else f"{FILE} plans none under [experiments]."
        raise SettingsError(f"'{name}' is no file, and no experiment that is planned. {known}")
    events = workspace.store().events()
    users = sorted(events.select(c.USER).distinct().to_pyarrow()[c.USER].to_pylist())
    arm_U = arms_of(plans, users)[name]
    part_U = arm_U != NOBODY
    return Assigned(np.array(users, dtype=np.str_)[part_U], arm_U[part_U], 0)


def read_outcome(path: str, assigned: Assigned) -> tuple[Outcome, list[str]]:
    """What each customer did, from a file of one row a customer, and what to know about it.

    Its columns: `user`, `value`, and as wished `per`, `covariate` and `covariate_per`. A customer
    without a row counts as 0. Raises DataError for repeated customers and cells that are no number.
    """
    optional = (c.PER, c.COVARIATE, c.COVARIATE_PER)
    cells = read_cells(path, (c.USER, c.VALUE), optional)
    row = {user: number for number, user in enumerate(cells[c.USER])}
    if len(row) < len(cells[c.USER]):
        raise DataError(
            f"'{path}' has {len(cells[c.USER]) - len(row):,} customers more than once; add their "
            "rows up to one each."
        )
    at_U = np.array([row.get(user, -1) for user in assigned.users_U], dtype=np.int64)
    without, strange = int((at_U < 0).sum()), len(row) - int((at_U >= 0).sum())
    parts = {
        name: np.append(numbers(path, name, cells[name]), 0.0)[at_U]
        for name in (c.VALUE, *optional)
        if name in cells
    }
    notes = []
    if without:
        notes.append(f"{without:,} customers of the experiment have no row; they count as 0.")
    if strange:
        notes.append(f"{strange:,} rows are of customers outside of the experiment; left out.")
    made = Outcome(
        value_U=parts[c.VALUE],
        per_U=parts.get(c.PER),
        covariate_U=parts.get(c.COVARIATE),
        covariate_per_U=parts.get(c.COVARIATE_PER),
    )
    return made, notes


def outcome_days(workspace: Workspace, since: date, until: date | None = None) -> tuple[date, date]:
    """The days from `since` to before `until`, or to the last one on record.

    Raises SettingsError for days that the store doesn't have.
    """
    span = workspace.store().span
    if span is None:
        raise DataError("The store holds no event yet. Run `penchant ingest`.")
    first, end = span[0].date(), span[1].date() + timedelta(days=1)
    until = until or end
    if not first <= since < until <= end:
        raise SettingsError(
            f"Events are from {first} to {span[1].date()}; {since} to before {until} isn't within."
        )
    return since, until


def store_outcome(
    workspace: Workspace, assigned: Assigned, what: str, days: tuple[date, date]
) -> tuple[Outcome, list[str]]:
    """Spend, purchases or whether any, of the days from the first to before the second.

    The kinds of event are those forecast; the covariate is the same of as many days before.
    """
    if what not in OUTCOMES:
        raise SettingsError(f"There is no outcome '{what}'. {suggest(what, OUTCOMES)}")
    store, (since, until) = workspace.store(), days
    assert store.span is not None
    before = max(store.span[0].date(), since - (until - since))
    kinds = workspace.settings.forecast.target
    events = store.events()
    events = events.filter(events[c.KIND].isin(kinds))
    value_U = _totals(events, assigned, what, since, until)
    if not _totals(events, assigned, PURCHASES, *_all_days(store.span)).any():
        raise DataError(
            f"None of the {len(assigned.users_U):,} customers of the experiment is in the store. "
            "Are they named as in its events?"
        )
    notes = []
    covariate_U: Doubles | None = None
    if before < since:
        covariate_U = _totals(events, assigned, what, before, since)
    if covariate_U is None or not covariate_U.any():
        covariate_U = None
        notes.append(f"Nothing is known of these customers before {since}, so no covariate helps.")
    if unknown := int(((value_U == 0) & (0 if covariate_U is None else covariate_U == 0)).sum()):
        notes.append(f"{unknown:,} customers did nothing in these days or before; they count as 0.")
    return Outcome(value_U=value_U, covariate_U=covariate_U), notes


def _all_days(span: tuple[datetime, datetime]) -> tuple[date, date]:
    return span[0].date(), span[1].date() + timedelta(days=1)


def told(assigned: Assigned, outcome: Outcome, question: Question) -> Row:
    """Arms, sample ratio and effects as plain values; None where nothing can be said."""
    names, count_A = np.unique(assigned.arm_U, return_counts=True)
    arms = [str(name) for name in names]
    control = question.control or ("control" if "control" in arms else arms[0] if arms else "")
    weights = question.weights or dict.fromkeys(arms, 1.0)
    if set(weights) != set(arms):
        raise SettingsError(
            f"Weights are of the arms {', '.join(weights)}; the assignment has {', '.join(arms)}."
        )
    found = effects(
        assigned.arm_U, outcome, control, level=question.level, planned=question.planned
    )
    ratio = sample_ratio(count_A.tolist(), [weights[arm] for arm in arms])
    sizes = zip(arms, count_A.tolist(), ratio.expected_A.tolist(), strict=True)
    return {
        "control": control,
        "arms": [{c.ARM: arm, "customers": n, "expected": wanted} for arm, n, wanted in sizes],
        "sample_ratio": {c.CHANCE: ratio.chance, "ok": ratio.ok},
        "torn": assigned.torn,
        "level": question.level,
        "planned": question.planned,
        "effects": [_plain(effect) for effect in found],
    }


def remember(
    workspace: Workspace, name: str, what: str, days: tuple[date, date], shown: Row
) -> Path:
    """Keep what an experiment told in the sheet, in place of what it told before."""
    try:
        before = read_sheet(workspace, EXPERIMENTS)
    except ArtefactError:  # of another version, which nobody reads any more
        before = None
    kept = [] if before is None else [row for row in before.rows if row[c.EXPERIMENT] != name]
    for effect in shown["effects"]:
        told = {key: effect[key] for key in EXPERIMENTS.schema.names if key in effect}
        told |= {
            c.EXPERIMENT: name,
            c.OUTCOME: what,
            c.START: days[0],
            c.END: days[1],
            "trusted": shown["sample_ratio"]["ok"],
            "notes": [*shown["notes"], *effect["notes"]],
        }
        kept.append(told)
    kept.sort(key=lambda row: (row[c.START], row[c.EXPERIMENT]), reverse=True)
    table = pa.Table.from_pylist(kept, schema=EXPERIMENTS.schema)
    return write_sheet(workspace, EXPERIMENTS, table, days, ())


def _plain(effect: Effect) -> Row:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(effect).items()
    }


def _totals(events: ibis.Table, assigned: Assigned, what: str, since: date, until: date) -> Doubles:
    starts, ends = (datetime.combine(day, time()) for day in (since, until))
    within = events.filter((events[c.TIME] >= starts) & (events[c.TIME] < ends))
    total = within[c.VALUE].fill_null(0).sum() if what == SPEND else within.count()
    of_user = within.group_by(c.USER).aggregate(total.name(c.VALUE)).to_pyarrow().to_pydict()
    found = dict(zip(of_user[c.USER], of_user[c.VALUE], strict=True))
    value_U = np.array([float(found.get(user, 0)) for user in assigned.users_U], dtype=np.float64)
    return (value_U > 0).astype(np.float64) if what == BUYERS else value_U
