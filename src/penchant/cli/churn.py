"""The verb about churn: who may not come back, what is at risk, why, and what to do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.data.step import Step


def churn(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps ahead; as many as the windows reach.", min=1)
    ] = None,
    top: Annotated[int, typer.Option(help="Customers to show.", min=1)] = 10,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Warn of customers who may not come back: chances, value at risk, reasons, what to do.

    Everyone's row goes to churn.parquet, the most at risk are shown. What can't be told, for want
    of values or of a past, is said.
    """
    from penchant.churning import CHURN, churn_warning
    from penchant.pipeline import known_rows
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Looking for customers at risk"):
            found = churn_warning(workspace, steps)
        table = found.to_table()
        if customer:
            named = {str(found.users_U[row]) for row in known_rows(found.users_U, customer)}
            shown = [row for row in table.to_pylist() if row[c.USER] in named]
        else:
            shown = table.slice(0, top).to_pylist()
        ahead, path = steps or workspace.task.horizon, CHURN.path(workspace)
        if json:
            facts = {"steps": ahead, "rows": len(table), "path": path}
            say_json({**facts, "notes": found.notes, "customers": shown})
            return
        _print(shown, workspace.task.step, ahead)
        for note in found.notes:
            say(note)
        say(f"All {len(table):,} rows are in {path}.")


def _print(shown: list[dict[str, Any]], step: "Step", ahead: int) -> None:
    names = ("customer", "no purchase", "halved", "spend", "at risk", "alive", "why", "what to do")
    money = (c.SPEND, c.AT_RISK)
    rows = [
        [
            row[c.USER],
            f"{row[c.GONE]:.0%}",
            "–" if row[c.HALVED] is None else f"{row[c.HALVED]:.0%}",
            *("–" if row[name] is None else f"{row[name]:,.2f}" for name in money),
            "–" if row[c.ALIVE] is None else f"{row[c.ALIVE]:.0f}",
            next(iter(row[c.REASONS]), "–"),
            row[c.ADVICE],
        ]
        for row in shown
    ]
    console.table(f"Customers at risk, the next {step.plural(ahead)}", names, rows)
    say(
        f"Alive: {step}s of the coming year in which they are expected to be customers. At risk: "
        "usual spend times the chance of no purchase."
    )
