"""How interests move by themselves: the map of topics, trends and seasons, cadence, half-life.

Shapes: T topics, S steps.
"""

import math

from penchant.dashboard import numbers
from penchant.dashboard.block import Cell, Column, Form, Leaf, Notes, Picker, Section, Table
from penchant.dashboard.cadences import cadence_picker
from penchant.dashboard.correlogram import correlogram_chart
from penchant.dashboard.phasemap import phase_map
from penchant.interest.halflife import HalfLife, half_lives
from penchant.interest.history import History
from penchant.interest.phase import topic_phases
from penchant.interest.repurchase import topic_cadences
from penchant.interest.rhythm import WHOLE_SHOP, Rhythm, topic_rhythms
from penchant.interest.task import Task

MOST_ROWS = 25  # topics of the table, beside the whole shop
CHOICES = 12  # topics to choose a correlogram of, beside the whole shop
SHOP = "all topics"


def rhythm_section(history: History, task: Task) -> Section:
    """The section on rhythm."""
    step = history.interest.step
    found = _ranked(topic_rhythms(history, task.target))
    sizes = phase_map(history, task.target, topic_phases(history, task.target))
    blocks: list[Leaf] = [sizes, rhythm_table(found)] if sizes.rows else [rhythm_table(found)]
    drawn = [one for one in found if one.correlogram is not None][: CHOICES + 1]
    if drawn:
        blocks.append(_correlograms(drawn))
    cadences = cadence_picker(topic_cadences(history, task.target), step)
    if cadences.charts:
        blocks.append(cadences)
    lives = half_life_table(half_lives(history, task.target), step.value)
    blocks += [lives] if lives.rows else []
    missing = [" ".join(["Of the shop as a whole:", *found[0].missing])] if found[0].missing else []
    if not sizes.rows:
        missing.append("No topic has enough events to tell whether it gains share.")
    if not lives.rows:
        missing.append("No department has enough new interests to tell how long they last.")
    if missing:
        blocks.append(Notes(tuple(missing)))
    lead = (
        "What rises and what fades, what comes back every year or month, after how long customers "
        "return to a topic, and how long a new interest lasts. All of it is what was seen; none of "
        "it is the forecast."
    )
    return Section("rhythm", "Rhythm", lead, tuple(blocks))


def _ranked(rhythms: tuple[Rhythm, ...]) -> list[Rhythm]:
    """The whole shop, then topics with most events first."""
    shop = rhythms[-1]
    assert shop.name == WHOLE_SHOP
    return [shop, *sorted(rhythms[:-1], key=lambda one: -float(one.value_S.sum()))]


def _name(one: Rhythm, shop: Rhythm) -> str:
    return SHOP if one is shop else one.name


def rhythm_table(ranked: list[Rhythm]) -> Table:
    """Trend, last change and seasons of the whole shop, and of topics with any of them."""
    unit = ranked[0].step.value
    telling = [one for one in ranked[1:] if _tells(one)]
    which = "all of them" if len(telling) <= MOST_ROWS else f"the {MOST_ROWS} largest of them"
    found = "none does" if not telling else f"{len(telling)} do; {which} are shown"
    return Table(
        "rhythms",
        "Trends and seasons",
        (
            Column("Topic"),
            Column("Events", Form.COUNT),
            Column("Trend"),
            Column(f"Change a {unit}", Form.SPAN),
            Column("Last change of level", Form.PROSE),
            Column("Seasons, peaks", Form.PROSE),
        ),
        [_row(one, _name(one, ranked[0])) for one in (ranked[0], *telling[:MOST_ROWS])],
        f"A trend is that of the {unit}s since the last change of level, with a 95 % interval; it "
        "is level unless the interval says otherwise. Seasons are those that are sure. Do topics "
        f"rise, fall, change or have a season? Of {len(ranked) - 1:,}, {found}.",
    )


def _tells(one: Rhythm) -> bool:
    """Whether a series does anything that is more than chance."""
    moves = one.trend is not None and (one.trend.direction != "level" or bool(one.trend.changes))
    return moves or any(season.sure for season in one.seasons)


def _row(one: Rhythm, name: str) -> tuple[Cell, ...]:
    events = float(one.value_S.sum())
    seasons = "; ".join(f"{season.cycle}: {season.peak}" for season in one.seasons if season.sure)
    seasons = seasons or ("none sure" if one.seasons else "too little known")
    found = one.trend
    if found is None:
        return (name, events, "too little known", None, None, seasons)
    span = f"{_percent(found.slope)} ({_percent(found.low)} to {_percent(found.high)})"
    change = "none"
    if found.changes:
        last = found.changes[-1]
        day = numbers.day(one.step.start(one.first + last.step))
        times = last.after / last.before - 1 if last.before > 0 else math.nan
        change = f"{day}: {numbers.change(times)}" if math.isfinite(times) else f"{day}: from none"
    return (name, events, found.direction, span, change, seasons)


def _percent(value: float) -> str:
    """A small relative change: `+0.43 %`."""
    if not math.isfinite(value):
        return numbers.MISSING
    percent = round(100 * value, 2) or 0.0  # never minus zero
    return f"{percent:+.2f}{numbers.SPACE}%".replace("-", "−")


def _correlograms(drawn: list[Rhythm]) -> Picker:
    charts = []
    for k, one in enumerate(drawn):
        assert one.correlogram is not None
        name = SHOP if one.name == WHOLE_SHOP and k == 0 else one.name
        charts.append((name, correlogram_chart(name, one.correlogram, one.step.value, key=str(k))))
    return Picker("correlograms", "Topic", tuple(charts))


def half_life_table(found: tuple[HalfLife, ...], unit: str) -> Table:
    """After how long half of the new interests of a department have faded, where it can be told."""
    told = [one for one in found if not math.isnan(one.half_life)]
    rows: list[tuple[Cell, ...]] = []
    for one in sorted(told, key=lambda one: -one.interests):
        seen = int(one.age_A.max(initial=0))
        low, half, high = (_steps(value, seen) for value in (one.low, one.half_life, one.high))
        span = low if low == high else f"{low} to {high}"
        rows.append((one.department, one.interests, half, span))
    few = len(found) - len(told)
    left_out = f" Left out: {numbers.several(few, 'department')} with too few new interests."
    return Table(
        "half-lives",
        "How long a new interest lasts",
        (
            Column("Department"),
            Column("Interests begun", Form.COUNT),
            Column(f"Half-life, {unit}s", Form.SPAN),
            Column("95 % interval", Form.SPAN),
        ),
        rows,
        f"The age in {unit}s at which customers who are still around want a new topic half as "
        "often as in the beginning; where it lies beyond all that was seen, the table says that it "
        f"is longer.{left_out if few else ''}",
    )


def _steps(value: float, seen: int) -> str:
    """A half-life; one that is longer than all that was seen is no more than that."""
    return f">{numbers.SPACE}{seen}" if math.isinf(value) else f"{value:.0f}"
