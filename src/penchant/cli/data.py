"""The verbs about data: init, ingest, check, profile."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import EXIT_FINDINGS, out, progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.checkup import Checkup
    from penchant.data.findings import Finding
    from penchant.profile import Profile

PATH_SHOWN = 28  # characters


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put penchant.toml.")] = Path(),
    json: Json = False,
) -> None:
    """Write a commented penchant.toml to start from; an existing one is never overwritten."""
    from penchant.starter import write_starter

    with refusing(json):
        path = write_starter(folder)
        if json:
            say_json({"path": path})
        else:
            say(f"Wrote {path}. Name your files in it, then run `penchant ingest` beside it.")


def ingest(
    events: Annotated[
        list[str] | None, typer.Argument(help="Event files; none: those under \\[sources].")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Read events, catalog and calendar into the store; nothing is lost, nothing counted twice."""
    from penchant import intake
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Reading") as bar:
            ingested = intake.ingest(
                workspace, events or (), lambda what: bar.update(bar.task_ids[0], description=what)
            )
        if json:
            say_json(ingested)
            return
        counted = ("sent", "accepted", "duplicate", "quarantined")
        rows = [
            (
                part.table,
                _end_of(part.source),
                part.receipt.format,
                *(getattr(part.receipt, name) for name in counted),
            )
            for part in ingested
        ]
        console.table("Ingested", ("table", "source", "format", *counted), rows)
        for part in ingested:
            if 2 * part.receipt.quarantined > part.receipt.sent:
                say(
                    f"Most of {part.source} is in quarantine: `penchant quarantine show` has the "
                    "rows. Columns, dates or numbers may be written in another way than "
                    "penchant.toml says."
                )
            for reason, count in part.receipt.reasons.items():
                say(f"{part.source}: {count:,} in quarantine, {reason}")
            for repair, count in part.receipt.repaired.items():
                say(f"{part.source}: {count:,} repaired, {repair}")


def _end_of(path: str) -> str:
    """A long path by its end, which tells more than its beginning."""
    return path if len(path) <= PATH_SHOWN else f"…{path[1 - PATH_SHOWN :]}"


def check(
    set_aside: Annotated[
        str | None,
        typer.Option(help="Move what these rules found into quarantine, as in bot,burst."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Say what the store holds and what would spoil a forecast; exit code 1 if anything would."""
    from penchant import checkup
    from penchant.dashboard.workspace import quality_page
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Looking over the store") as bar:

            def tell(what: str) -> None:
                bar.update(bar.task_ids[0], description=what)

            codes = [code.strip() for code in (set_aside or "").split(",") if code.strip()]
            moved = checkup.set_aside(workspace, codes, tell)
            made = checkup.check(workspace, tell=tell)
            page = quality_page(workspace, made)
        path = checkup.quality_path(workspace)
        if json:
            say_json({**made.to_dict(), "set_aside": moved, "path": path, "page": page})
        else:
            for code, count in moved.items():
                say(f"Set aside {count:,} events found by the rule {code}.")
            _print_checkup(made)
            say(f"The whole of it is in {page} and {path}.")
            say("Ready to forecast." if made.ok else "Something would spoil a forecast.")
        if not made.ok:
            raise typer.Exit(EXIT_FINDINGS)


def _print_checkup(made: "Checkup") -> None:
    """Print what is held, then the findings, the worst first."""
    facts = made.facts
    rows = list(facts["tables"].items())
    rows += [(f"{row[c.KIND]} events", row[c.ROWS]) for row in facts.get("kinds", [])]
    rows += [
        (name.replace("_", " "), value) for name, value in facts.items() if isinstance(value, int)
    ]
    console.table("The store", ("what", "count"), rows)
    if facts["span"]:
        say("Events from {} to {}.".format(*facts["span"]))
    for title, colour, serious in (
        ("What would spoil a forecast", "red", True),
        ("Worth knowing", "yellow", False),
    ):
        found = [one for one in made.findings if one.serious == serious]
        if found:
            out.print(f"\n[bold {colour}]{title}[/]")
        for one in found:
            _print_finding(one, colour)
    if made.findings:
        say("")


def _print_finding(one: "Finding", colour: str) -> None:
    out.print(
        f"[{colour}]•[/] [bold]{one.code}[/] {escape(one.what)}", highlight=False, soft_wrap=True
    )
    if one.advice:
        out.print(f"  [dim]{escape(one.advice)}[/]", highlight=False, soft_wrap=True)
    for example in one.examples[:3]:
        told = ", ".join(f"{name} {console.written(value)}" for name, value in example.items())
        out.print(f"  [dim]– {escape(told)}[/]", highlight=False, soft_wrap=True)


def profile(
    files: Annotated[list[str] | None, typer.Argument(help="Event files; none: the store.")] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Describe a log, before or after ingest, and suggest step, topic level and windows for it."""
    from penchant.profile import profile as profile_workspace
    from penchant.profile import profile_files
    from penchant.settings import Settings, load_settings
    from penchant.workspace import Workspace

    with refusing(json):
        with progress("Describing the log"):
            if files:
                # Before there are settings, columns are found by their names.
                known = config.is_file() or config != DEFAULT_CONFIG
                settings = load_settings(config) if known else Settings()
                made = profile_files(files, settings, config.parent)
            else:
                made = profile_workspace(Workspace.open(config))
        if json:
            say_json({**vars(made), "toml": made.toml})
        else:
            _print_profile(made)


def _print_profile(made: "Profile") -> None:
    """Print the log's numbers as tables, then the suggestions ready to paste."""
    kinds = [
        (
            row[c.KIND],
            row[c.ROWS],
            row["first"],
            row["last"],
            ", ".join(f"{name} {share:.0%}" for name, share in row["filled"].items() if share),
        )
        for row in made.kinds
    ]
    console.table("Kinds of event", ("kind", "events", "first", "last", "filled"), kinds)
    told = {
        one["cycle"]: f"peak {one['peak']}, strength {_share(one[c.STRENGTH])}"
        if one["sure"]
        else "no more than chance"
        for one in made.seasons
    }
    gaps = made.gap_quartiles
    quantiles = ", ".join(f"{value:,.0f}" for value in made.events_per_customer.values())
    rows = [
        ("events", f"{made.events:,}"),
        ("customers", f"{made.customers:,}"),
        ("items", f"{made.items:,}"),
        ("in the catalog", "{items:,}, {depth} levels deep".format(**made.catalog)),
        (f"events a customer, quantiles {', '.join(made.events_per_customer)}", quantiles),
        ("purchases that repeat an item", _share(made.repeat_items)),
        ("purchases that repeat a topic", _share(made.repeat_topics)),
        ("days between purchases, quartiles", "–" if gaps is None else
         ", ".join(f"{gap:,.0f}" for gap in gaps)),
        *((f"customers × topics × {step}s with an event", _share(share))
          for step, share in made.filled_cells.items()),
        *((f"season of the {cycle}", told.get(cycle, "–")) for cycle in ("week", "month", "year")),
    ]  # fmt: skip
    console.table("The log", ("what", "value"), rows)
    levels = [(f"{one.level}", one.topics, _share(one.coverage)) for one in made.levels]
    console.table("Topics", ("level", "topics", "events covered"), levels)
    say(f"\nLines for penchant.toml:\n\n{made.toml}")


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
