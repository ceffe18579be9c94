"""The verb about migration: who moved from what to what, and what is forecast to move next."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.movement import Segment

NOTHING = "(nothing in particular)"


def migrate(
    customer: Annotated[
        list[str] | None, typer.Option(help="Show these customers' changes and the events behind.")
    ] = None,
    segment: Annotated[
        str | None, typer.Option(help="Compare customers by this attribute of people.")
    ] = None,
    rate: Annotated[
        float, typer.Option(help="Part of the changes called that may be false.", min=1e-6, max=0.5)
    ] = 0.05,
    top: Annotated[int, typer.Option(help="Flows to show.", min=1)] = 10,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Find customers whose interest moved between topics, and what is forecast to move next.

    A change is called only where it is more than a small basket's chance; every move goes to
    migrations.parquet, the flows between topics of each quarter to flows.parquet. What is forecast
    to move needs a fitted model.
    """
    from penchant.movement import movement
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Looking for changes"):
            shown = movement(
                workspace, rate=rate, top=top, segment=segment, customers=customer or ()
            )
        if json:
            say_json(shown)
        else:
            _print(shown, str(workspace.task.step), top)


def _print(shown: dict[str, Any], step: str, top: int) -> None:
    """Print what was found, then the flows, the segments and the customers asked for."""
    changed, customers = shown["changed"], shown["customers"]
    if changed:
        say(
            f"{changed:,} of {customers:,} customers changed what they engage in, by "
            f"{shown['changes']:,} changes, of which on average at most {100 * shown['rate']:g}% "
            "are false."
        )
    else:
        say(f"Of {customers:,} customers none changed by more than a small basket's chance.")
    rows = [[row[c.TOPIC], row["entered"], row["left"]] for row in shown["topics"][:top]]
    if rows:
        names = ("topic", "changes that took it up", "that left it")
        console.table(f"Topics in most changes since {shown['observed'][c.START]}", names, rows)
    for name, what in (
        ("observed", "Moved"),
        ("forecast", "Forecast to move from the first window to the last"),
    ):
        if name in shown:
            _print_flow(what, shown[name])
    if "segments" in shown:
        _print_segments(shown["segments"])
    for change in shown.get("evidence", ()):
        _print_change(change)
    if "evidence" in shown and not shown["evidence"]:
        say("None of the customers asked for has a change that is more than chance.")
    if "successions" in shown:
        keys = (c.USER, c.WINDOW, c.FROM, c.TO, c.CHANCE)
        heads = ("customer", f"{step}s", "gives way", "to", "chance", "of it coming first")
        rows = [[*(row[key] for key in keys), row["before"]] for row in shown["successions"]]
        console.table("What is likeliest to give way to what", heads, rows)
    if "forecast" not in shown:
        say("Run `penchant fit` to see what is forecast to move.")
    say(f"All moves are in {shown['paths']['moves']}.")


def _print_flow(what: str, flow: dict[str, Any]) -> None:
    last = flow[c.END] - timedelta(days=1)
    title = f"{what}, {flow[c.START]} to {last}: {_share(flow['moved'])} of all interest"
    rows = [
        [row[c.FROM], row[c.TO], f"{row[c.SHARE]:.3%}", f"{row[c.CHANCE]:.2%}"]
        for row in flow["pairs"]
    ]
    if rows:
        console.table(title, ("from", "to", "of all interest", "of the topic left"), rows)
    else:
        say(f"{title}.")


def _share(part: float) -> str:
    return f"{abs(part):.1%}"  # rounding may leave a share a hair below 0


def _print_segments(found: "list[Segment]") -> None:
    rows = []
    for one in found:
        largest = "–"
        if one.largest is not None:
            largest = f"{one.largest[c.FROM]} → {one.largest[c.TO]}"
        rows.append([one.name, one.customers, one.changed, _share(one.moved), largest])
    names = ("segment", "customers", "changed", "interest moved", "largest flow")
    console.table("By segment", names, rows)


def _print_change(change: dict[str, Any]) -> None:
    title = (
        f"Customer {change[c.USER]} changed around {change[c.DATE]} "
        f"(of calls as sure, at most {100 * max(change[c.CHANCE], 1e-4):.2g}% are false)"
    )
    rows = [
        [move[c.FROM] or NOTHING, move[c.TO] or NOTHING, f"{move[c.SHARE]:.1%}"]
        for move in change["moves"]
    ]
    console.table(title, ("from", "to", "of the customer's engagements"), rows)
    rows = [
        [
            "before" if event[c.TIME].date() < change[c.DATE] else "after",
            str(event[c.TIME]),
            event[c.TOPIC],
            event.get(c.TITLE) or event[c.ITEM],
        ]
        for event in change["events"]
    ]
    console.table("The events around it", ("", "when", "topic", "what"), rows)
