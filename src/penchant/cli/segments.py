"""The verb about segments: stages and interests of customers, and the audiences they make."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.decisions.groups import Grouping
    from penchant.workspace import Workspace

NAMED = 3  # topics, and items, of a group in the table


def segments(
    audience: Annotated[str | None, typer.Option(help="Show the customers of this group.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Write the audience here, as .csv or .parquet.")
    ] = None,
    back: Annotated[
        int | None, typer.Option(help="Steps back to compare with; as many as are ahead.", min=1)
    ] = None,
    top: Annotated[int, typer.Option(help="Customers to show.", min=1)] = 10,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Group customers by stage and by interest: sizes, trends, what to show to whom, audiences.

    Everyone's row goes to segments.parquet, every group's to groups.parquet. What can't be told, in
    small groups or without prices, is said.
    """
    from penchant.segmentation import CUSTOMERS, check_file, segment_workspace, write_audience
    from penchant.workspace import Workspace

    with refusing(json):
        check_file(file, audience)
        workspace = Workspace.open(config)
        with progress("Grouping customers"):
            found = segment_workspace(workspace, back)
        table = found.customers(audience)
        if file:
            write_audience(table, file)
        shown = table.slice(0, top).to_pylist()
        if json:
            facts = _facts(found, workspace)
            if audience:
                chosen = {"audience": audience, "in_audience": len(table), "customers": shown}
                facts |= chosen | {"file": file}
            say_json(facts)
            return
        if audience:
            _print_customers(f"{len(table):,} customers: {audience}", shown)
        else:
            _print(found)
        for note in found.notes:
            say(note)
        if file:
            say(f"All {len(table):,} customers of the audience are in {file}.")
        say(f"Everyone's row is in {CUSTOMERS.path(workspace)}.")


def _facts(found: "Grouping", workspace: "Workspace") -> dict[str, Any]:
    from penchant.segmentation import CUSTOMERS, GROUPS

    return {
        "steps": found.now.stages.steps,
        "rows": len(found.now.made.users_U),
        "path": CUSTOMERS.path(workspace),
        "groups_path": GROUPS.path(workspace),
        "notes": found.notes,
        "groups": found.table().to_pylist(),
    }


def _print(found: "Grouping") -> None:
    names = ("group", "customers", "before", "stayed", "wants", "rises", "fades", "show")
    rows = [
        [
            one.name,
            one.size,
            one.before,
            "–" if one.stayed is None else f"{one.stayed:.0%}",
            ", ".join(one.wants[:NAMED]) or "–",
            "–" if one.rising is None else ", ".join(one.rising[:NAMED]) or "none",
            "–" if one.fading is None else ", ".join(one.fading[:NAMED]) or "none",
            ", ".join(dict.fromkeys(offer.why for offer in one.offers)) or "–",
        ]
        for one in found.groups
    ]
    step, steps = found.now.made.step, found.now.stages.steps
    console.table(f"Groups of customers, by the next {step.plural(steps)}", names, rows)


def _print_customers(title: str, shown: list[dict[str, Any]]) -> None:
    names = (
        "customer",
        "stage",
        "segment",
        "before",
        "chance",
        "volume",
        "usual",
        "spend",
        "wants",
    )
    rows = [
        [
            row[c.USER],
            row[c.STAGE],
            row[c.SEGMENT] or "–",
            row[c.STAGE_BEFORE] or "–",
            f"{row[c.CHANCE]:.0%}",
            f"{row[c.VOLUME]:,.1f}",
            f"{row[c.USUAL]:,.1f}",
            "–" if row[c.SPEND] is None else f"{row[c.SPEND]:,.2f}",
            ", ".join(row[c.WANTS]) or "–",
        ]
        for row in shown
    ]
    console.table(title, names, rows)
