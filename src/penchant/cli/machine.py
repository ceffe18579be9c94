"""The verbs to start with: demo, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from penchant import console
from penchant.cli.options import Json
from penchant.console import EXIT_FINDINGS, refusing, say, say_json


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to keep it.")] = Path("penchant-demo"),
    json: Json = False,
) -> None:
    """Forecast the interests of 2,469 real households, about four minutes on two cores."""
    from penchant.demo import headline, run_demo

    with refusing(json):
        shown = run_demo(folder)
        rows = headline(shown.result, shown.model)
        if json:
            say_json(
                {**shown.facts, "model": shown.model, "backtest": rows, "report": shown.report}
            )
            return
        facts = shown.facts
        say(
            f"\n{facts['households']:,} households, {facts['purchases']:,} purchases in "
            f"{facts['topics']} topics over {facts['weeks']} weeks; forecast from "
            f"{facts['first_day_forecast']} on by {shown.model}, the best at past cutoffs:"
        )
        console.table(
            "",
            (
                "weeks ahead",
                "average precision",
                "of popularity",
                "F1",
                "calibration error",
                "80 % intervals hold",
            ),
            [tuple(row.values()) for row in rows],
        )
        say(f"Open the report: {shown.report}")
        say(f"Go on with: penchant forecast -c {facts['settings']} --customer 1")


def doctor(json: Json = False) -> None:
    """Say whether this machine has what penchant needs, and what each optional part would add."""
    from penchant.doctor import examine

    examined = examine()
    ok = all(part.ok for part in examined if part.needed)
    if json:
        say_json({"ok": ok, "parts": examined})
    else:
        rows = [(part.name, "yes" if part.ok else "no", part.found, part.hint) for part in examined]
        console.table("This machine", ("part", "ok", "found", "what to do"), rows)
    if not ok:
        raise typer.Exit(EXIT_FINDINGS)
