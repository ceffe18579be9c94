"""The verbs about rows in quarantine: quarantine list, show, fix, replay, drop."""

import json as json_text
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.data.replay import Choice

Reason = Annotated[str | None, typer.Option(help="Only rows refused for this.")]
Source = Annotated[str | None, typer.Option(help="Only rows of this source, or of this file.")]
Rows = Annotated[list[int] | None, typer.Option("--row", help="Only rows of this number.")]
quarantine = typer.Typer(
    help="Rows that couldn't be used: what they are, and how to bring them in.",
    no_args_is_help=True,
)


@quarantine.command("list")
def list_reasons(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Count the rows in quarantine by source, column at fault and reason."""
    from penchant.workspace import Workspace

    with refusing(json):
        rows = Workspace.open(config).store().quarantine()
        keys = (c.SOURCE, c.FIELD, c.REASON)
        counted = rows.group_by(*keys).agg(rows=rows.count())
        found = counted.order_by(counted[c.ROWS].desc(), *keys).to_pyarrow().to_pylist()
        if json:
            say_json(found)
        elif not found:
            say("The quarantine is empty.")
        else:
            names = (*keys, c.ROWS)
            console.table("In quarantine", names, [[row[name] for name in names] for row in found])


@quarantine.command("show")
def show_rows(
    reason: Reason = None,
    source: Source = None,
    row: Rows = None,
    limit: Annotated[int, typer.Option(help="How many rows.", min=1)] = 20,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Show rows in quarantine with their place, the column at fault, the reason and the content."""
    from penchant.workspace import Workspace

    with refusing(json):
        quarantined = Workspace.open(config).store().quarantine()
        choice = replace(_choice(reason, source, row), everything=True)
        place = (c.SOURCE, c.ROW, c.REASON, c.CONTENT)
        fitting = choice.of(quarantined)
        found = fitting.order_by(*place).limit(limit).to_pyarrow().to_pylist()
        if json:
            say_json([{**one, c.CONTENT: json_text.loads(one[c.CONTENT])} for one in found])
            return
        for one in found:
            field = f" in {one[c.FIELD]}" if one[c.FIELD] else ""
            say(f"{one[c.SOURCE]}, row {one[c.ROW]}: {one[c.REASON]}{field}\n  {one[c.CONTENT]}")
        held = int(fitting.count().execute())
        if held > len(found):
            say(f"These are {len(found):,} of {held:,} rows; --limit shows more.")
        elif not found:
            say("No row in quarantine fits.")


@quarantine.command()
def fix(
    change: Annotated[
        list[str], typer.Option("--set", help="What to put into a column: column=text.")
    ],
    reason: Reason = None,
    source: Source = None,
    row: Rows = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Correct cells of quarantined events and send those rows again."""
    _send_again((reason, source, row), change, config, json=json)


@quarantine.command()
def replay(
    reason: Reason = None,
    source: Source = None,
    row: Rows = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Send quarantined events again, by the mapping and time zone that penchant.toml names now."""
    _send_again((reason, source, row), [], config, json=json)


@quarantine.command()
def drop(
    reason: Reason = None,
    source: Source = None,
    row: Rows = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Throw quarantined events away for good, such as those whose file was mended and sent anew."""
    from penchant.workspace import Workspace

    with refusing(json):
        dropped = Workspace.open(config).store().drop(_choice(reason, source, row))
        if json:
            say_json({"dropped": dropped})
        else:
            say(f"Dropped {dropped:,} rows.")


def _choice(reason: str | None, source: str | None, rows: list[int] | None) -> "Choice":
    from penchant.data.replay import Choice

    return Choice(reason=reason, source=source, rows=tuple(rows or ()))


def _send_again(
    chosen: tuple[str | None, str | None, list[int] | None],
    changes: list[str],
    config: Path,
    *,
    json: bool,
) -> None:
    from penchant import intake
    from penchant.workspace import Workspace

    with refusing(json):
        cells = dict(intake.cell_change(text) for text in changes)
        workspace = Workspace.open(config)
        with progress("Sending rows again") as bar:
            receipt = intake.replay(
                workspace,
                _choice(*chosen),
                cells,
                lambda what: bar.update(bar.task_ids[0], description=what),
            )
        if json:
            say_json(receipt)
            return
        say(
            f"Of {receipt.sent:,} rows, {receipt.accepted:,} are accepted, "
            f"{receipt.duplicate:,} were held already, and {receipt.quarantined:,} stay in "
            "quarantine."
        )
        for reason, count in receipt.reasons.items():
            say(f"{count:,} in quarantine, {reason}")
