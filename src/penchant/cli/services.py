"""The verb about services: what to offer beside the goods, to whom, when and why.

Shapes: U users.
"""

from typing import Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json


def services(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    within: Annotated[
        int,
        typer.Option(help="Steps after a purchase, in which complements are looked for.", min=1),
    ] = 4,
    top: Annotated[int, typer.Option(help="Rows to show of each kind.", min=1)] = 5,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Tell what to offer beside the goods: subscriptions, refills, accessories, warranties.

    Chances are those of the saved model for the first window. Everyone's rows go to
    services.parquet, what is bought after what to complements.parquet. What can't be told is said.
    """
    from penchant.pipeline import known_rows
    from penchant.servicing import COMPLEMENTS, SERVICES, workspace_services
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Looking for services"):
            found = workspace_services(workspace, within)
        rows = found.services.to_table().to_pylist()
        users_U = found.services.forecast.users_U
        if customer:
            named = {str(users_U[row]) for row in known_rows(users_U, customer)}
            shown = [row for row in rows if row[c.USER] in named]
        else:
            shown = _first(rows, top)
        window = found.services.forecast.windows_W[0].name
        if json:
            say_json(
                {
                    "window": window,
                    "rows": len(rows),
                    "path": SERVICES.path(workspace),
                    "complements_path": COMPLEMENTS.path(workspace),
                    "notes": found.services.notes,
                    "services": shown,
                    "complements": found.complements.slice(0, top).to_pylist(),
                }
            )
            return
        _print(shown, f"{workspace.task.step}s {window}")
        _print_complements(found.complements.slice(0, top).to_pylist())
        for note in found.services.notes:
            say(note)
        say(f"All {len(rows):,} rows are in {SERVICES.path(workspace)}.")


def _first(rows: list[dict[str, Any]], top: int) -> list[dict[str, Any]]:
    """The first rows of each kind."""
    kinds = dict.fromkeys(row[c.SERVICE] for row in rows)
    return [row for kind in kinds for row in [r for r in rows if r[c.SERVICE] == kind][:top]]


def _print(shown: list[dict[str, Any]], when: str) -> None:
    names = ("customer", "service", "topic", "due", "chance", "why")
    rows = [
        [
            *(row[name] for name in (c.USER, c.SERVICE, c.TOPIC)),
            str(row[c.DUE]),
            "–" if row[c.CHANCE] is None else f"{row[c.CHANCE]:.0%}",
            row[c.REASON],
        ]
        for row in shown
    ]
    console.table(f"Services, {when} ahead", names, rows)


def _print_complements(shown: list[dict[str, Any]]) -> None:
    if not shown:
        return
    names = ("bought", "then", "lag", "lift", "95 % interval", "customers", "one way")
    rows = [
        [
            row[c.FROM],
            row[c.TO],
            row[c.LAG],
            f"{row[c.LIFT]:.2f}",
            f"{row[c.LOW]:.2f}–{row[c.HIGH]:.2f}",
            row[c.CUSTOMERS],
            "yes" if row[c.ONE_WAY] else "no",
        ]
        for row in shown
    ]
    console.table("What is bought after what", names, rows)
