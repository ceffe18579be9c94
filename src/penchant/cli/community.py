"""The verb about community: groups of like interests, what rises in them, what to ask them to.

Shapes: U users.
"""

from typing import Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json


def community(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    ties: Annotated[
        str | None, typer.Option(help="A file of who is tied to whom: columns from and to.")
    ] = None,
    top: Annotated[int, typer.Option(help="Groups to show.", min=1)] = 10,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Group customers by forecast interests and ties: what rises in a group, what to ask it to.

    Groups of few are not told, and no strangers are named. Everyone's group goes to
    community.parquet, the groups to communities.parquet. What can't be told is said.
    """
    from penchant.communities import COMMUNITIES, COMMUNITY, workspace_community
    from penchant.pipeline import known_rows
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Looking for groups"):
            found = workspace_community(workspace, ties)
        users_U = found.forecast.users_U
        groups = found.groups_table().to_pylist()
        named = {str(users_U[row]) for row in known_rows(users_U, customer or ())}
        members = [row for row in found.to_table().to_pylist() if row[c.USER] in named]
        if json:
            say_json(
                {
                    "groups": len(groups),
                    "path": COMMUNITY.path(workspace),
                    "communities_path": COMMUNITIES.path(workspace),
                    "notes": found.notes,
                    "customers": members,
                    "communities": groups[:top],
                }
            )
            return
        if customer:
            _print_customers(members)
        else:
            _print(groups[:top], f"{workspace.task.step}s {found.forecast.windows_W[0].name}")
        for note in found.notes:
            say(note)
        say(f"All {len(users_U):,} customers are in {COMMUNITY.path(workspace)}.")


def _print(groups: list[dict[str, Any]], when: str) -> None:
    names = ("group", "members", "rising", "ask them to", "guests", "lift")
    rows = [
        [
            row[c.GROUP],
            row[c.MEMBERS],
            ", ".join(row[c.RISING]) or "–",
            row[c.SUGGESTED],
            f"{row[c.VOLUME]:.0f}",
            f"{row[c.LIFT]:.1f}",
        ]
        for row in groups
    ]
    console.table(f"Groups of like interests, guests in {when} ahead", names, rows)


def _print_customers(members: list[dict[str, Any]]) -> None:
    names = ("customer", "group", "ask them to", "chance", "mates", "why")
    rows = [
        [
            row[c.USER],
            row[c.GROUP] or "–",
            row[c.SUGGESTED] or "–",
            "–" if row[c.CHANCE] is None else f"{row[c.CHANCE]:.0%}",
            ", ".join(row[c.MATES]) or "–",
            row[c.REASON],
        ]
        for row in members
    ]
    console.table("Customers and their groups", names, rows)
