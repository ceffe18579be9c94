"""The section on community: groups by size, what each is about, what rises, what to ask it to.

Shapes: G groups.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Chart,
    Column,
    Findings,
    Form,
    Leaf,
    Notes,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import below, canvas, name_axis, tooltip, value_axis
from penchant.sheet import Filled

SHOWN = 25  # groups
RISES = 8  # told in words

Rows = Sequence[Mapping[str, Any]]


def community_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on community."""
    filled, everyone = sheets["communities"], sheets.get("community")
    groups = filled.rows
    users = 0 if everyone is None else len(everyone.table)
    blocks: list[Leaf] = [_tiles(groups, users)]
    rising = [row for row in groups if row[c.RISING]]
    if rising:
        blocks.append(_rises(rising))
    if groups:
        blocks += [_guests(groups), _table(groups)]
    if filled.notes:
        blocks.append(Notes(filled.notes))
    lead = (
        "Customers who are forecast to want the same, beyond what everybody wants. Ask a group to "
        "what it shares: guests are the members expected to buy the topic from "
        f"{numbers.day(filled.start)} on, in the forecast's first window. Small groups are not "
        "told, and nobody's name is told to strangers."
    )
    return Section("community", "Groups of like interests", lead, tuple(blocks))


def _tiles(groups: Rows, users: int) -> Tiles:
    members = sum(row[c.MEMBERS] for row in groups)
    of = f"of {numbers.several(users, 'customer')}" if users else "customers"
    rising = sum(bool(row[c.RISING]) for row in groups)
    return Tiles(
        (
            Tile("Groups", numbers.count(len(groups)), "large enough to be told"),
            Tile("In a group", numbers.count(members), of),
            Tile("With something rising", numbers.count(rising), "groups, beyond chance"),
        )
    )


def _rises(rising: Rows) -> Findings:
    return Findings(
        "What rises in which group",
        tuple(
            (f"{row[c.GROUP]}:", f"{', '.join(row[c.RISING])}, more than in the rest of the shop.")
            for row in rising[:RISES]
        ),
    )


def _guests(groups: Rows) -> Chart:
    shown = groups[:SHOWN]
    names = [row[c.GROUP] for row in shown]
    return Chart(
        "community-guests",
        "Guests to expect",
        "Each bar is a group; its length the members expected to buy the topic that the group is "
        "best asked to. Point at a bar to read the topic.",
        canvas(
            tooltip=tooltip("item"),
            grid={"left": 8, "right": 16, "top": 16, "bottom": 32, "containLabel": True},
            yAxis=name_axis(names[::-1]),
            xAxis=value_axis(**below("members expected to come")),
            series=[
                {
                    "type": "bar",
                    "color": "$blue",
                    "data": [
                        {
                            "value": round(row[c.VOLUME], 1),
                            "text": f"{row[c.SUGGESTED]}\n{row[c.VOLUME]:,.0f} of "
                            f"{numbers.several(row[c.MEMBERS], 'member')}",
                        }
                        for row in shown[::-1]
                    ],
                }
            ],
        ),
        (Column("Group"), Column("Ask them to"), Column("Guests", Form.VOLUME)),
        [(row[c.GROUP], row[c.SUGGESTED], row[c.VOLUME]) for row in shown],
        height=max(220, 26 * len(shown) + 60),
    )


def _table(groups: Rows) -> Table:
    return Table(
        "community-groups",
        "The groups",
        (
            Column("Group"),
            Column("Members", Form.COUNT),
            Column("About", Form.PROSE),
            Column("Rising", Form.PROSE),
            Column("Ask them to", Form.PROSE),
            Column("Guests", Form.VOLUME),
            Column("Lift", Form.DECIMAL),
        ),
        [
            (
                row[c.GROUP],
                row[c.MEMBERS],
                ", ".join(row[c.ABOUT]),
                ", ".join(row[c.RISING]) or None,
                row[c.SUGGESTED],
                row[c.VOLUME],
                row[c.LIFT],
            )
            for row in groups
        ],
        "Lift is the topic's part of the group's forecast over its part of the whole shop's.",
    )
