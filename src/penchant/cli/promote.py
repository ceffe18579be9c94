"""The verb about promotions: what campaigns did, and whom to send the next."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.promoting import Said


SHOWN = 10  # offers, where no customer is named


def promote(
    campaigns: Annotated[
        str, typer.Option(help="File of who was sent what: user, name, start, end, treated, cost.")
    ],
    items: Annotated[str, typer.Option(help="File of what is covered: name, item, coupon.")],
    budget: Annotated[
        float | None, typer.Option(help="What may be spent; without costs, offers.", min=0)
    ] = None,
    margin: Annotated[float | None, typer.Option(help="Part of spend that is margin.")] = None,
    cost: Annotated[float | None, typer.Option(help="Of one offer, for all.", min=0)] = None,
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Say what campaigns did, if that can be told, and whom to send which campaign or coupon.

    Campaigns in the file of items that nobody was sent are planned for everyone. Everyone's row
    goes to offers.parquet, campaigns of the past to verdicts.parquet.
    """
    from penchant.pipeline import known_rows
    from penchant.promoting import OFFERS, VERDICTS, Asked, known_users, workspace_promotions
    from penchant.workspace import Workspace

    with refusing(json):
        asked = Asked(campaigns=campaigns, items=items, budget=budget, margin=margin, cost=cost)
        workspace = Workspace.open(config)
        with progress("Judging campaigns"):
            said = workspace_promotions(workspace, asked)
        table = said.promotions.table
        if customer:
            known = known_users(said.promotions)
            named = {str(known[row]) for row in known_rows(known, customer)}
            shown = [row for row in table.to_pylist() if row[c.USER] in named]
        else:
            shown = table.slice(0, SHOWN).to_pylist()
        paths = {"path": OFFERS.path(workspace), "verdicts_path": VERDICTS.path(workspace)}
        if json:
            say_json(_facts(said, shown) | paths)
            return
        _print(said, shown)
        say(f"All {len(table):,} rows are in {paths['path']}.")


def _facts(said: "Said", shown: list[dict[str, Any]]) -> dict[str, Any]:
    found, effect = said.promotions, said.effect
    told = None
    if effect is not None:
        figures = ("effect", "error", "lead", "lead_error", "cells", "clusters", "clear")
        told = {name: getattr(effect, name) for name in figures}
    return {
        "rows": len(found.table),
        "sent": found.sent,
        "cost": found.cost,
        "margin": found.margin,
        "low": found.low,
        "high": found.high,
        "notes": said.notes,
        "promotions": told,
        "campaigns": said.verdicts.to_pylist(),
        "offers": shown,
    }


def _print(said: "Said", shown: list[dict[str, Any]]) -> None:
    names = ("campaign", "sent", "not", "responded", "uplift", "difference", "before")
    rows = [
        [
            row[c.CAMPAIGN],
            *(row[name] for name in (c.SENT, c.HELD, c.RESPONSES)),
            "can't be told" if row[c.UPLIFT] is None else _span(row),
            *(_money(row[name]) for name in (c.DIFFERENCE, c.BEFORE)),
        ]
        for row in said.verdicts.to_pylist()
    ]
    if rows:
        console.table("Campaigns, in spend of a customer", names, rows)
    for row in said.verdicts.to_pylist():
        say(f"{row[c.CAMPAIGN]}: {row[c.REASON]}")
    heads = ("customer", "campaign", "coupon", "response", "uplift", "margin", "send", "why")
    table = [
        [
            row[c.USER],
            row[c.CAMPAIGN],
            row[c.COUPON] or "–",
            "–" if row[c.CHANCE] is None else f"{row[c.CHANCE]:.1%}",
            _money(row[c.UPLIFT]),
            _money(row[c.MARGIN]),
            "yes" if row[c.SEND] else "no",
            row[c.REASON],
        ]
        for row in shown
    ]
    if table:
        console.table("Whom to send what", heads, table)
    for note in said.notes:
        say(note)
    found = said.promotions
    spent = "" if found.cost is None else f" for {found.cost:,.2f}"
    say(f"{found.sent:,} offers are to be sent{spent}.")
    if found.margin is not None:
        say(
            f"Expected incremental margin, less costs: {found.margin:,.2f}; 95% interval "
            f"{found.low:,.2f} to {found.high:,.2f}."
        )


def _span(row: dict[str, Any]) -> str:
    return f"{row[c.UPLIFT]:+,.2f} ({row[c.LOW]:+,.2f} to {row[c.HIGH]:+,.2f})"


def _money(value: float | None) -> str:
    return "–" if value is None else f"{value:+,.2f}"
