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
    from penchant.errors import DataError
    from penchant.segmentation import CUSTOMERS, GROUPS, segment_workspace, write_audience
    from penchant.workspace import Workspace

    with refusing(json):
        if file and not audience:
            raise DataError("A file is for one audience. Name the group with --audience.")
        workspace = Workspace.open(config)
        with progress("Grouping customers"):
            found = segment_workspace(workspace, back)
        told = None
        if audience:
            told = found.customers(audience)
            if file:
                write_audience(told, file)
        path = CUSTOMERS.path(workspace)
        if json:
            facts: dict[str, Any] = {
                "steps": found.now.stages.steps,
                "rows": len(found.now.made.users_U),
                "path": path,
                "groups_path": GROUPS.path(workspace),
                "notes": found.notes,
                "groups": found.table().to_pylist(),
            }
            if told is not None:
                shown = told.slice(0, top).to_pylist()
                facts |= {"audience": audience, "in_audience": len(told), "customers": shown}
                facts |= {"file": file}
            say_json(facts)
            return
        if told is None:
            _print(found)
        else:
            _print_customers(f"{len(told):,} customers: {audience}", told.slice(0, top).to_pylist())
            if file:
                say(f"All {len(told):,} of them are in {file}.")
        for note in found.notes:
            say(note)
        say(f"Everyone's row is in {path}.")


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
