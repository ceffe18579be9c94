"""A few customers, chosen for variety by fixed rules: their past, their forecast, and why.

Shapes: U users, T topics, S steps, W windows, N entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
    Chart,
    Column,
    Findings,
    Form,
    Group,
    Notes,
    Option,
    Section,
    Table,
)
from penchant.dashboard.drawing import canvas, name_axis, scale, tooltip
from penchant.dashboard.movement import Migration, migration
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task

HEAT_TOPICS = 12
HEAT_STEPS = 52
TOP = 10
CHANGES = 5  # adoptions and fading interests shown
WHY_STEPS = 12
HALVES = ("First half", "Second half")
EDGE = {"borderWidth": 1, "borderColor": "$surface"}  # of a square


@dataclass(frozen=True)
class Customer:
    """One customer's past and forecast."""

    number: int  # position on the page
    name: str
    why_chosen: str
    count_TS: Floats
    chance_TW: Floats
    volume_TW: Floats
    low_TW: Doubles
    high_TW: Doubles
    adoption_T: Floats
    quiet_T: Floats


def customers(history: History, forecast: Forecast, task: Task) -> Section:
    """The section of customer pages."""
    who = migration(history, forecast, task)
    groups = tuple(
        _page(customer, history, task) for customer in _customers(history, forecast, task, who)
    )
    lead = (
        "What the forecast says of single customers, and the past it rests on. They are chosen by "
        "fixed rules, not for how well the forecast did."
    )
    return Section("customers", "A few customers", lead, groups)


def _chosen(history: History, forecast: Forecast, task: Task, who: Migration) -> dict[int, str]:
    """Row of each customer and why it was chosen."""
    recent_U = who.recent_UT.sum(axis=1)
    active = recent_U[recent_U > 0]
    middle = float(np.median(active)) if len(active) else 0.0
    length = min(sum(window.length for window in task.windows), history.cutoff)
    before_UT = history.interest.count_UT(task.target, history.cutoff - length, history.cutoff)
    before_U = before_UT.sum(axis=1, dtype=np.float64)
    lost_U = before_U - forecast.volume_UTW.sum(axis=(1, 2), dtype=np.float64)
    # Customers with next to no past say little; the strongest adoption is sought among the others.
    settled_U = recent_U >= min(middle, float(recent_U.max(initial=0)))
    span = task.step.plural(who.lookback)
    rules = (
        (recent_U, f"The busiest: most events in the last {span}"),
        (-np.abs(recent_U - middle), f"A typical one: the median of events in the last {span}"),
        (who.adoption_UT.max(axis=1) * settled_U, "The strongest forecast of a new interest"),
        (lost_U / np.sqrt(before_U + 1), "Fading: the clearest forecast drop in events"),
    )
    chosen: dict[int, str] = {}
    for score_U, why in rules:
        order_U = np.argsort(-score_U, kind="stable")
        free = [int(u) for u in order_U[: len(rules)] if int(u) not in chosen]
        if free:
            chosen[free[0]] = why
    return chosen


def _customers(
    history: History, forecast: Forecast, task: Task, who: Migration
) -> Iterator[Customer]:
    chosen = _chosen(history, forecast, task, who)
    rows = np.array(list(chosen), dtype=np.int64)
    part = history.interest.only(rows)
    ahead = forecast.only(rows)
    low_UTW, high_UTW = ahead.interval(0.8)
    target_N = part.target_N(task.target)
    _, topics, steps = part.shape
    for k, (u, why) in enumerate(chosen.items()):
        mine_N = part.user_N == k
        count_TS = np.zeros((topics, steps), dtype=np.float32)
        np.add.at(count_TS, (part.topic_N[mine_N], part.step_N[mine_N]), target_N[mine_N])
        yield Customer(
            number=k + 1,
            name=str(part.users_U[k]),
            why_chosen=why,
            count_TS=count_TS,
            chance_TW=ahead.chance_UTW[k],
            volume_TW=ahead.volume_UTW[k],
            low_TW=low_UTW[k].astype(np.float64),
            high_TW=high_UTW[k].astype(np.float64),
            adoption_T=who.adoption_UT[u],
            quiet_T=who.quiet_UT[u],
        )


def _page(customer: Customer, history: History, task: Task) -> Group:
    ahead = task.step.plural(sum(window.length for window in task.windows))
    blocks = (
        Notes((customer.why_chosen + ".",)),
        heat_chart(customer, history),
        _forecast_table(customer, history, task),
        Findings(f"What may change in the {ahead} forecast", _changes(customer, history)),
    )
    return Group(f"customer-{customer.number}", f"Customer {customer.name}", blocks)


def why(count_S: Floats, task: Task) -> str:
    """What the past of one pair says: how often lately, how long ago, how regularly."""
    steps = np.flatnonzero(count_S)
    if not len(steps):
        return "never so far"
    unit, known = task.step.value, len(count_S)
    lately = count_S[-WHY_STEPS:].sum()
    times = "once" if lately == 1 else f"{lately:,.0f} times" if lately else "not"
    ago = known - int(steps[-1])
    last = f"last in the latest {unit}" if ago == 1 else f"last {task.step.plural(ago - 1)} ago"
    text = f"{times} in the last {task.step.plural(min(WHY_STEPS, known))}; {last}"
    if len(steps) > 1:
        gap = (steps[-1] - steps[0]) / (len(steps) - 1)
        text += f"; about every {gap:.1f} {unit}s" if gap > 1 else f"; every {unit}"
    return text


def heat_chart(customer: Customer, history: History) -> Chart:
    """Events in the customer's top topics, step by step."""
    step, origin, cutoff = history.interest.step, history.interest.origin, history.cutoff
    first = max(0, cutoff - HEAT_STEPS)
    count_TS = customer.count_TS[:, first:]
    order = np.argsort(-count_TS.sum(axis=1), kind="stable")[:HEAT_TOPICS]
    topics = [int(t) for t in order if count_TS[t].any()] or [int(order[0])]
    names = [str(history.interest.topics_T[t]) for t in topics]
    days = [numbers.day(step.start(origin + s)) for s in range(first, cutoff)]
    unit = f"{step.value.capitalize()}s with any"
    return Chart(
        f"heat-{customer.number}",
        f"What customer {customer.name} did",
        f"Each row is a topic and each square a {step.value}, darker the more events; rows that "
        "end early are interests that went quiet.",
        _heat_option(names, days, count_TS[topics]),
        (Column("Topic"), *(Column(name, Form.COUNT) for name in ("Events", unit, *HALVES))),
        [(name, *_totals(count_TS[t])) for name, t in zip(names, topics, strict=True)],
        height=100 + 26 * len(names),
    )


def _heat_option(names: list[str], days: list[str], count_TS: Floats) -> Option:
    data = [
        {
            "value": [int(s), int(t), float(count_TS[t, s])],
            "text": f"{names[t]}\n{days[s]}\n{numbers.several(count_TS[t, s], 'event')}",
        }
        for t, s in np.argwhere(count_TS)
    ]
    most = max(float(count_TS.max(initial=1)), 2.0)
    axis = name_axis(days)
    axis["axisLabel"] = {"color": "$muted", "hideOverlap": True}
    return canvas(
        tooltip=tooltip("item"),
        grid={"left": 8, "right": 16, "top": 8, "bottom": 44, "containLabel": True},
        xAxis=axis,
        yAxis=name_axis(names, width=150, inverse=True),
        visualMap=scale(0, most, ("0", numbers.several(most, "event"))),
        series=[{"type": "heatmap", "data": data, "itemStyle": EDGE}],
    )


def _totals(count_S: Floats) -> tuple[float, float, float, float]:
    half = len(count_S) // 2
    parts = (count_S, count_S > 0, count_S[:half], count_S[half:])
    all_, any_, early, late = (float(part.sum()) for part in parts)
    return all_, any_, early, late


def _forecast_table(customer: Customer, history: History, task: Task) -> Table:
    any_T = 1 - np.prod(1 - customer.chance_TW, axis=1)
    rows: list[tuple[Cell, ...]] = []
    for t in np.argsort(-any_T, kind="stable")[:TOP]:
        cells: list[Cell] = []
        for w in range(len(task.windows)):
            low, high = customer.low_TW[t, w], customer.high_TW[t, w]
            expected = numbers.volume(float(customer.volume_TW[t, w]))
            cells += [float(customer.chance_TW[t, w]), f"{expected} ({numbers.span(low, high)})"]
        topic = str(history.interest.topics_T[t])
        rows.append((topic, *cells, why(customer.count_TS[t], task)))
    columns = [Column("Topic")]
    for window in task.windows:
        name = numbers.window(window.name)
        columns += [Column(f"Chance, {name}", Form.CHANCE), Column(f"Events, {name}", Form.SPAN)]
    return Table(
        f"top-{customer.number}",
        f"The {len(rows)} likeliest topics",
        (*columns, Column("Why", Form.PROSE)),
        rows,
        "Chance of any event in the window, then the expected number with its 80 % interval.",
    )


def _changes(customer: Customer, history: History) -> tuple[tuple[str, str], ...]:
    topics_T = history.interest.topics_T

    def named(chance_T: Floats) -> str:
        order = [t for t in np.argsort(-chance_T, kind="stable")[:CHANGES] if chance_T[t] > 0.01]
        return ", ".join(f"{topics_T[t]} ({numbers.chance(float(chance_T[t]))})" for t in order)

    return (
        ("May take up (chance of any event):", named(customer.adoption_T) or "nothing new"),
        ("May go quiet (chance of no event):", named(customer.quiet_T) or "no regular interest"),
    )
