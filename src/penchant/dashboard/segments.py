"""The section on segments: groups now and before, what moves in them, what to show to whom.

Shapes: U users, G stages.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
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
from penchant.dashboard.drawing import below, canvas, legend, name_axis, tooltip, value_axis
from penchant.decisions.groups import SEGMENT, STAGE
from penchant.decisions.lifecycle import FADING, FREQUENT, GROWING, LOST, STAGES
from penchant.sheet import Filled

TOPICS = 3  # of a group
NOBODY = "not there yet"
Row = dict[str, Any]


def segments_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on segments; of sizes and stages alone where the sheet of groups is missing."""
    customers = sheets["segments"]
    last = customers.end - timedelta(days=1)
    until = f"from {numbers.day(customers.start)} to {numbers.day(last)}"
    groups = sheets["groups"].rows if "groups" in sheets else []
    stages = [row for row in groups if row[c.KIND] == STAGE]
    interests = [row for row in groups if row[c.KIND] == SEGMENT]
    blocks: list[Leaf] = []
    if stages:
        blocks += [_tiles(stages), _sizes(stages), _stages(stages)]
    if interests:
        blocks.append(_interests(interests))
    moved = _transitions(customers)
    blocks += [moved] if moved.rows else []
    blocks += [Notes(customers.notes)] if customers.notes else []
    lead = (
        f"How far each customer has come with the shop, by what they did and what is forecast "
        f"{until}; and groups of customers who want the same. What to show is a rule for each "
        "group; penchant segments --audience writes its customers."
    )
    return Section("segments", "Groups of customers", lead, tuple(blocks))


def _tiles(stages: list[Row]) -> Tiles:
    of = {row[c.GROUP]: row for row in stages}
    return Tiles(
        tuple(
            Tile(name.capitalize(), numbers.count(of[name][c.SIZE]), _change(of[name]))
            for name in (FREQUENT, GROWING, FADING, LOST)
        )
    )


def _change(row: Row) -> str:
    before = row[c.SIZE_BEFORE]
    return "customers" if before is None else f"customers; {numbers.count(before)} before"


def _sizes(stages: list[Row]) -> Chart:
    names = [row[c.GROUP] for row in stages]
    series = [("now", "$blue", [row[c.SIZE] for row in stages])]
    if stages[0][c.SIZE_BEFORE] is not None:
        series.insert(0, ("before", "$muted", [row[c.SIZE_BEFORE] for row in stages]))
    return Chart(
        "segment-sizes",
        "Customers in each stage",
        "Each pair of bars is a stage, before and now, by the same rules. Everyone is in one.",
        canvas(
            tooltip=tooltip("item"),
            legend=legend([name for name, _, _ in series]),
            grid={"left": 8, "right": 16, "top": 32, "bottom": 32, "containLabel": True},
            xAxis=value_axis(**below("customers")),
            yAxis=name_axis(names, inverse=True),
            series=[
                {
                    "type": "bar",
                    "name": name,
                    "color": colour,
                    "data": [
                        {"value": size, "text": f"{stage}, {name}: {numbers.count(size)}"}
                        for stage, size in zip(names, sizes, strict=True)
                    ],
                }
                for name, colour, sizes in series
            ],
        ),
        (Column("Stage"), Column("Before", Form.COUNT), Column("Now", Form.COUNT)),
        [(row[c.GROUP], row[c.SIZE_BEFORE], row[c.SIZE]) for row in stages],
        height=360,
    )


def _stages(stages: list[Row]) -> Table:
    return Table(
        "segment-stages",
        "What to show to whom",
        (
            Column("Stage"),
            Column("Customers", Form.COUNT),
            Column("Stayed", Form.SHARE),
            Column("Spend expected", Form.COUNT),
            Column("Rises and fades", Form.PROSE),
            Column("Show", Form.PROSE),
        ),
        [
            (
                row[c.GROUP],
                row[c.SIZE],
                row[c.STAYED],
                row[c.SPEND],
                _moving(row),
                _shown(row),
            )
            for row in stages
        ],
        "Stayed is the share of a stage's customers before who are in it now. A topic rises or "
        "fades if its share of the forecasts changed by more than customers differ by chance; a "
        "dash means that the group is too small to tell, or that nothing earlier is known.",
    )


def _interests(interests: list[Row]) -> Table:
    return Table(
        "segment-interests",
        "Segments of interest, and the topics that make them",
        (
            Column("Segment"),
            Column("Customers", Form.COUNT),
            Column("Before", Form.COUNT),
            Column("Stayed", Form.SHARE),
            Column("Wants more than others", Form.PROSE),
            Column("Rises and fades", Form.PROSE),
            Column("Show", Form.PROSE),
        ),
        [
            (
                row[c.GROUP],
                row[c.SIZE],
                row[c.SIZE_BEFORE],
                row[c.STAYED],
                ", ".join(row[c.WANTS]) or "nothing in particular",
                _moving(row),
                _shown(row),
            )
            for row in interests
        ],
    )


def _moving(row: Row) -> str | None:
    """Topics that rise and fade: `rises: this, that; fades: those`; none where it can't be told."""
    if row[c.RISING] is None:
        return None
    told = (("rises", row[c.RISING]), ("fades", row[c.FADING]))
    parts = [f"{what}: {', '.join(topics[:TOPICS])}" for what, topics in told if topics]
    return "; ".join(parts) or "nothing"


def _shown(row: Row) -> str | None:
    """Items by rule: `novelty: this, that; premium: those`."""
    by_rule: dict[str, list[str]] = {}
    for item, title, why in zip(row[c.SHOWN], row[c.TITLES], row[c.BECAUSE], strict=True):
        by_rule.setdefault(why, []).append(title or item)
    return (
        "; ".join(f"{why}: {' · '.join(items[:TOPICS])}" for why, items in by_rule.items()) or None
    )


def _transitions(customers: Filled) -> Table:
    """Customers by their stage before and now; no rows where nothing earlier is known."""
    before_U = customers.table[c.STAGE_BEFORE].to_pylist()
    pairs = Counter(zip(before_U, customers.table[c.STAGE].to_pylist(), strict=True))
    known: Iterable[str | None] = (*STAGES, None) if any(before_U) else ()
    rows: list[tuple[Cell, ...]] = [
        (before or NOBODY, *(pairs[before, now] or None for now in STAGES))
        for before in known
        if any(pairs[before, now] for now in STAGES)
    ]
    return Table(
        "segment-transitions",
        "From stage to stage",
        (Column("Before"), *(Column(stage, Form.COUNT) for stage in STAGES)),
        rows,
        "Rows are stages before, columns stages now; each cell counts customers.",
    )
