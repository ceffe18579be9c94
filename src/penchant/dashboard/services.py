"""The section on services: how many of each kind fall due when, whom to ask first, and complements.

Shapes: K kinds, D days.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Chart,
    Column,
    Form,
    Leaf,
    Notes,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import SERIES, below, canvas, legend, name_axis, tooltip, value_axis
from penchant.decisions.services import (
    ACCESSORY,
    COMPANION,
    KINDS,
    REFILL,
    SUBSCRIPTION,
    WARRANTY,
)
from penchant.sheet import Filled

EACH = 6  # services shown of each kind
PAIRS = 25  # complements shown
TILES = (  # kinds counted together, their label, and what they are
    ((SUBSCRIPTION,), "Subscriptions", "bought at a steady cadence"),
    ((REFILL,), "Refills", "likelier than not to be bought again"),
    ((ACCESSORY, COMPANION), "Accessories and companions", "go with what was bought of late"),
    ((WARRANTY,), "Warranties", "for dear single purchases"),
)

Rows = Sequence[Mapping[str, Any]]


def services_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on services."""
    filled, pairs = sheets["services"], sheets.get("complements")
    rows = filled.rows
    last = filled.end - timedelta(days=1)
    until = f"from {numbers.day(filled.start)} to {numbers.day(last)}"
    blocks: list[Leaf] = [_tiles(rows)]
    if rows:
        blocks += [_calendar(rows), _topics(rows), _first(rows, filled)]
    if pairs is not None and len(pairs.table):
        blocks.append(_pairs(pairs.rows))
    if filled.notes:
        blocks.append(Notes(filled.notes))
    lead = (
        f"What to offer beside the goods {until}. Chances are the forecast's; the day is that on "
        "which the purchase is due if it comes. Complements are bought after something else more "
        "often than the same customers buy them at other times."
    )
    return Section("services", "Services to offer", lead, tuple(blocks))


def _tiles(rows: Rows) -> Tiles:
    tiles = []
    for kinds, name, what in TILES:
        users = [row[c.USER] for row in rows if row[c.SERVICE] in kinds]
        customers = numbers.several(len(set(users)), "customer")
        tiles.append(Tile(name, numbers.count(len(users)), f"{customers}; {what}"))
    return Tiles(tuple(tiles))


def _calendar(rows: Rows) -> Chart:
    days = sorted({row[c.DUE] for row in rows})
    many = Counter((row[c.SERVICE], row[c.DUE]) for row in rows)
    names = [numbers.day(day) for day in days]
    told = [kind for kind in KINDS if any(many[kind, day] for day in days)]
    series = [
        {
            "type": "bar",
            "name": kind,
            "stack": "services",
            "color": colour,
            "data": [
                {"value": many[kind, day], "text": f"{kind}: {many[kind, day]:,}\n{name}"}
                for day, name in zip(days, names, strict=True)
            ],
        }
        for kind, colour in zip(told, SERIES, strict=False)
    ]
    return Chart(
        "services-due",
        "When services are due",
        "Each bar counts the services due from that day on; "
        "services.parquet has the days between which each is likely.",
        canvas(
            tooltip=tooltip("item"),
            legend=legend(told),
            grid={"left": 8, "right": 16, "top": 56, "bottom": 32, "containLabel": True},
            xAxis=name_axis(names, **below("due from")),
            yAxis=value_axis("services"),
            series=series,
        ),
        (Column("Due from", Form.DAY), *(Column(kind, Form.COUNT) for kind in KINDS)),
        [(day, *(many[kind, day] for kind in KINDS)) for day in days],
        height=300,
    )


def _topics(rows: Rows) -> Table:
    """Topics by the units that refills and subscriptions are expected to take."""
    again = [row for row in rows if row[c.SERVICE] in (SUBSCRIPTION, REFILL)]
    units: Counter[str] = Counter()
    for row in again:
        units[row[c.TOPIC]] += row[c.VOLUME]
    steady = Counter(row[c.TOPIC] for row in again if row[c.SERVICE] == SUBSCRIPTION)
    many = Counter(row[c.TOPIC] for row in again)
    return Table(
        "services-topics",
        "What comes again most",
        (
            Column("Topic"),
            Column("Customers", Form.COUNT),
            Column("Of them steady", Form.COUNT),
            Column("Purchases expected", Form.VOLUME),
        ),
        [(name, many[name], steady[name], units[name]) for name, _ in units.most_common(PAIRS)],
        "Of customers who are likelier than not to buy the topic again in these days.",
    )


def _first(rows: Rows, filled: Filled) -> Table:
    shown = [row for kind in KINDS for row in [r for r in rows if r[c.SERVICE] == kind][:EACH]]
    names = (c.USER, c.SERVICE, c.TOPIC, c.ITEM, c.DUE, c.CHANCE, c.REASON)
    return Table(
        "services-first",
        "Whom to ask first",
        (
            Column("Customer"),
            Column("Service"),
            Column("Topic"),
            Column("Item"),
            Column("Due", Form.DAY),
            Column("Chance", Form.CHANCE),
            Column("Why", Form.PROSE),
        ),
        [tuple(row[name] for name in names) for row in shown],
        f"The likeliest of each kind, of {len(rows):,}; {filled.sheet.verb} writes all of them.",
    )


def _pairs(rows: Rows) -> Table:
    return Table(
        "services-complements",
        "What is bought after what",
        (
            Column("Bought"),
            Column("Then"),
            Column("Steps later", Form.COUNT),
            Column("Lift", Form.DECIMAL),
            Column("95 % interval", Form.SPAN),
            Column("Customers", Form.COUNT),
            Column("One way"),
        ),
        [
            (
                row[c.FROM],
                row[c.TO],
                row[c.LAG],
                row[c.LIFT],
                f"{row[c.LOW]:.2f} to {row[c.HIGH]:.2f}",
                row[c.CUSTOMERS],
                "yes" if row[c.ONE_WAY] else "no",
            )
            for row in rows[:PAIRS]
        ],
        f"The surest of {len(rows):,}. One way: clearly less so the other way round.",
    )
