"""Profiles: what a log looks like, and which settings fit it.

Suggestions are rules of thumb from the log's own numbers, each with its reason; a backtest decides.
Shapes: D days.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from penchant import columns as c
from penchant.data.completeness import filled
from penchant.data.evidence import Evidence, day_text, totals
from penchant.data.findings import percent
from penchant.data.step import Step
from penchant.data.store import Store
from penchant.errors import DataError, TopicsError
from penchant.interest.season import seasons
from penchant.interest.topics import choose_topics
from penchant.settings import Settings, TopicSettings
from penchant.workspace import Workspace

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
DAYS = {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: 30.44}
DAILY = 2  # days between purchases at the median, up to which a day is a step
MONTHLY = 60  # from which a month is
LEAST_DAYS, LEAST_MONTHS = 56, 18  # known, for a step of a day or a month
DENSE = 0.02  # share of customers × topics × days with an event, from which a day is a step
ENDS = {Step.DAY: (7, 14, 28), Step.WEEK: (4, 8, 12), Step.MONTH: (1, 3, 6)}  # of usual windows


@dataclass(frozen=True)
class Level:
    """Topics at one level of the catalog's tree."""

    level: int
    topics: int
    coverage: float  # share of the events with an item that have a topic


@dataclass(frozen=True)
class Suggestion:
    """A setting, as a line of penchant.toml, and why."""

    section: str
    line: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A log in numbers. Gaps are days between a customer's days with a purchase."""

    events: int
    customers: int
    items: int
    span: tuple[str, str]
    kinds: tuple[dict[str, Any], ...]  # kind, rows, first, last, and the share with each column
    events_per_customer: dict[str, float]  # by quantile
    repeat_items: float | None  # share of purchases of an item bought on an earlier day too
    repeat_topics: float | None  # the same, of a topic at the suggested level
    gap_quartiles: tuple[float, float, float] | None
    catalog: dict[str, int]
    levels: tuple[Level, ...]
    filled_cells: dict[str, float]  # share of customers × topics × steps with any event, by step
    seasons: tuple[dict[str, Any], ...]  # of events of the target: cycle, strength, sure, peak
    suggestions: tuple[Suggestion, ...]

    @property
    def toml(self) -> str:
        """The suggestions as lines for penchant.toml."""
        lines: list[str] = []
        for section in dict.fromkeys(one.section for one in self.suggestions):
            lines += ["", f"[{section}]"]
            lines += [
                f"{one.line}  # {one.reason}" for one in self.suggestions if one.section == section
            ]
        return "\n".join(lines[1:])


def profile(workspace: Workspace) -> Profile:
    """Describe what a workspace's store holds."""
    return profile_store(workspace.store(), workspace.settings)


def profile_files(files: Sequence[str], settings: Settings, root: Path = Path()) -> Profile:
    """Describe files of events before they are ingested, with the catalog of the settings.

    They are read into a store of a temporary folder, which takes as long as ingesting them.
    """
    mapping = settings.mapping
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "store")
        for file in files:
            store.append(file, mapping.events, timezone=settings.timezone)
        if settings.sources.catalog is not None:
            store.replace_catalog(str(root / settings.sources.catalog), mapping.catalog)
        return profile_store(store, settings)


def profile_store(store: Store, settings: Settings) -> Profile:
    """Describe a store; DataError when it holds no events. A few passes for each level."""
    if not store.counts["events"]:
        raise DataError("There are no events to describe: every row went into quarantine.")
    catalog = store.catalog() if store.counts["catalog"] else None
    evidence = Evidence(store.events(), catalog, target=settings.forecast.target)
    bought = evidence.events.filter(evidence.events[c.KIND].isin(evidence.target))
    gaps = _gap_quartiles(bought)
    first, last = evidence.plausible
    levels, chosen, items = _levels(evidence, settings.topics)
    users = totals(evidence.customers, users=evidence.customers[c.USER].nunique())["users"]
    cells = _filled_cells(evidence, items, users)
    step, step_reason = _step(gaps, cells, last - first + 1)
    return Profile(
        events=evidence.rows,
        customers=users,
        items=totals(evidence.items, items=evidence.items.count())["items"],
        span=(day_text(first), day_text(last)),
        kinds=_kinds(evidence),
        events_per_customer=_per_customer(evidence),
        repeat_items=_repeats(bought.mutate(thing=bought[c.ITEM])),
        repeat_topics=None if items is None else _repeat_topics(bought, items),
        gap_quartiles=gaps,
        catalog=_catalog(catalog),
        levels=levels,
        filled_cells=cells,
        seasons=_seasons(evidence, first),
        suggestions=(
            *_topic_suggestion(levels, chosen),
            Suggestion("forecast", f'step = "{step}"', step_reason),
            _windows(step, last - first + 1),
        ),
    )


def _kinds(evidence: Evidence) -> tuple[dict[str, Any], ...]:
    days = evidence.hours.groupby(c.KIND)["day"]
    first, last = days.min().to_dict(), days.max().to_dict()
    shares = {row.pop(c.KIND): row for row in filled(evidence)}
    return tuple(
        {
            c.KIND: kind,
            c.ROWS: rows,
            "first": day_text(int(first[kind])),
            "last": day_text(int(last[kind])),
            "filled": {
                name: round(shares[kind][name] / rows, 4)
                for name in (c.ITEM, c.VALUE, c.QUANTITY, c.ORDER, c.QUERY, c.DWELL)
            },
        }
        for kind, rows in sorted(evidence.kinds.items(), key=lambda one: -one[1])
    )


def _seasons(evidence: Evidence, first: int) -> tuple[dict[str, Any], ...]:
    """What the days of the target's events do again; cycles the log is too short for are left out.

    Strength is the share of the variance about the trend that the season explains.
    """
    count_D = np.sum([evidence.daily(kind) for kind in evidence.target], axis=0)
    return tuple(
        {"cycle": one.cycle, c.STRENGTH: one.strength, "sure": one.sure, "peak": one.peak}
        for one in seasons(count_D, first, Step.DAY)
    )


def _per_customer(evidence: Evidence) -> dict[str, float]:
    held = evidence.customers
    per_user = held.group_by(c.USER).agg(rows=held[c.ROWS].sum())
    found = per_user.agg(**{f"{q:g}": per_user[c.ROWS].quantile(q) for q in QUANTILES})
    return {name: float(value) for name, value in found.to_pyarrow().to_pylist()[0].items()}


def _catalog(catalog: ir.Table | None) -> dict[str, int]:
    if catalog is None:
        return {"items": 0, "depth": 0}
    depth = catalog[c.PATH].length().max()
    return totals(catalog, items=catalog.count(), depth=depth)


def _repeat_topics(bought: ir.Table, items: ir.Table) -> float | None:
    placed = bought.inner_join(items, c.ITEM)
    return _repeats(placed.mutate(thing=placed[c.TOPIC]))


def _repeats(bought: ir.Table) -> float | None:
    """Share of a customer's days with a purchase of a `thing` that aren't the first such.

    None without any.
    """
    named = bought.filter(bought["thing"].notnull())
    days = named.select(c.USER, "thing", day=Step.DAY.expression(named[c.TIME])).distinct()
    first = days.select(c.USER, "thing").distinct()
    count, firsts = (totals(table, n=table.count())["n"] for table in (days, first))
    return 1 - firsts / count if count else None


def _gap_quartiles(bought: ir.Table) -> tuple[float, float, float] | None:
    """Quartiles of the days between a customer's days with a purchase; None without any."""
    days = bought.select(c.USER, day=Step.DAY.expression(bought[c.TIME])).distinct()
    before = days["day"].lag().over(ibis.window(group_by=c.USER, order_by="day"))
    gaps = days.select(gap=days["day"] - before)
    gaps = gaps.filter(gaps["gap"].notnull())
    quartiles = {f"q{q}": gaps["gap"].quantile(q / 4) for q in (1, 2, 3)}
    found = list(gaps.agg(**quartiles).to_pyarrow().to_pylist()[0].values())
    if found[0] is None:
        return None
    return float(found[0]), float(found[1]), float(found[2])


def _levels(
    evidence: Evidence, choice: TopicSettings
) -> tuple[tuple[Level, ...], int | None, ir.Table | None]:
    """Topics at every level, the level chosen, and the items' topics at it."""
    asked = {"floor": choice.floor, "most": choice.most}
    named = totals(evidence.items, rows=evidence.items[c.ROWS].sum())[c.ROWS]
    depth = _catalog(evidence.catalog)["depth"] if evidence.catalog is not None else 1
    found = []
    for level in range(1, depth + 1):
        try:
            topics = choose_topics(evidence.events, evidence.catalog, level=level, **asked)
        except TopicsError:
            continue
        placed = evidence.items.semi_join(ibis.memtable(topics.items), c.ITEM)
        rows = totals(placed, rows=placed[c.ROWS].sum())[c.ROWS]
        found.append(Level(level, len(topics), rows / max(named, 1)))
    if not found:
        return (), None, None
    topics = choose_topics(evidence.events, evidence.catalog, **asked)
    return tuple(found), topics.level, ibis.memtable(topics.items)


def _filled_cells(evidence: Evidence, items: ir.Table | None, users: int) -> dict[str, float]:
    """Share of customers × topics × steps with an event of the target, for each step."""
    if items is None:
        return {}
    events = evidence.events
    placed = events.filter(events[c.KIND].isin(evidence.target)).inner_join(items, c.ITEM)
    first, last = (Step.DAY.start(day) for day in evidence.plausible)
    topics = totals(placed, n=placed[c.TOPIC].nunique())["n"]
    shares = {}
    for step in Step:
        cells = placed.select(c.USER, c.TOPIC, step=step.expression(placed[c.TIME])).distinct()
        steps = step.index_of(last) - step.index_of(first) + 1
        shares[step.value] = totals(cells, n=cells.count())["n"] / max(users * topics * steps, 1)
    return shares


def _step(
    gaps: tuple[float, float, float] | None, cells: dict[str, float], days: int
) -> tuple[Step, str]:
    if gaps is None:
        return Step.WEEK, "no customer bought twice, so a week as usual"
    middle = gaps[1]
    step = Step.WEEK
    if middle <= DAILY and days >= LEAST_DAYS and cells.get(Step.DAY.value, 0.0) >= DENSE:
        step = Step.DAY
    elif middle >= MONTHLY and days >= LEAST_MONTHS * DAYS[Step.MONTH]:
        step = Step.MONTH
    told = f"half of the customers' returns come within {middle:,.0f} days"
    if step.value in cells:
        told += f"; {100 * cells[step.value]:.2g} % of customer, topic and {step} have an event"
    return step, told


def _windows(step: Step, days: int) -> Suggestion:
    """The usual windows, or as many that reach no farther than half of the steps known."""
    known = int(days / DAYS[step])
    usual = ENDS[step]
    reach = max(1, min(usual[-1], known // 2))
    even = np.linspace(0, reach, min(len(usual), reach) + 1).round()
    ends = [0, *usual] if reach == usual[-1] else [int(end) for end in even]
    spans = ", ".join(f'"{start + 1}-{end}"' for start, end in pairwise(ends))
    reason = f"{step.plural(known)} are known; a backtest needs twice what windows reach"
    return Suggestion("forecast", f"windows = [{spans}]", reason)


def _topic_suggestion(levels: tuple[Level, ...], chosen: int | None) -> tuple[Suggestion, ...]:
    at = next((one for one in levels if one.level == chosen), None)
    if at is None:
        return ()
    reason = f"{at.topics:,} topics, {percent(at.coverage)} of the events with an item"
    return (Suggestion("topics", f"level = {at.level}", reason),)
