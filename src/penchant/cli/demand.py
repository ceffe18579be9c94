"""The verb about demand: how much will be wanted, and what to hold of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.demanding import Planned

Row = dict[str, Any]
AHEAD = ("from users", "newcomers", "expected", "80 % interval")
ITEMS = ("item", "on hand", "reorder at", "safety", "days of cover", "sells out")


def demand(
    topic: Annotated[
        list[str] | None, typer.Option(help="Show these topics or departments, step by step.")
    ] = None,
    stock: Annotated[
        str | None, typer.Option(help="A file with a row an item: item, on_hand, lead_days, …")
    ] = None,
    service: Annotated[
        float, typer.Option(help="Chance that stock lasts until more arrives.")
    ] = 0.95,
    quick: Annotated[
        bool, typer.Option("--quick", help="Don't fit the model to the past to learn its weight.")
    ] = False,
    top: Annotated[int, typer.Option(help="Rows of each list to show.", min=1)] = 10,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Tell demand per step of the shop, departments and topics, and of a stock what to hold.

    Users' forecasts are summed, newcomers added, and both reconciled with forecasts of the series
    themselves. Every row goes to demand.parquet, items to stock.parquet.
    """
    from penchant.decisions.stock import CLEAR, ORDER, SELLS_OUT
    from penchant.demanding import DEMAND, STOCK, plan
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Adding up what will be wanted"):
            found = plan(workspace, stock, service=service, tried=not quick)
        rows = found.demand.to_table().to_pylist()
        shown = _named(rows, topic) if topic else _largest(rows, top)
        items = [] if found.inventory is None else found.inventory.to_table().to_pylist()
        lists = {
            advice: [row for row in items if row[c.ADVICE] == advice]
            for advice in (SELLS_OUT, ORDER, CLEAR)
        }
        paths = [DEMAND.path(workspace), *([STOCK.path(workspace)] if items else [])]
        if json:
            told = {advice: mine[:top] for advice, mine in lists.items()} if items else None
            say_json({**_facts(found), "paths": paths, "demand": shown, "stock": told})
            return
        _print(shown, found, by_step=bool(topic))
        for advice, mine in lists.items():
            _print_items(advice, mine, top)
        for note in _facts(found)["notes"]:
            say(note)
        say(f"All {len(rows) + len(items):,} rows are in {' and '.join(map(str, paths))}.")


def _facts(found: "Planned") -> Row:
    """The model, how far it was followed, and what can't be told."""
    weights = found.demand.weights
    return {
        "model": found.model,
        "weights": {"shop": weights.shop, "topics": weights.topics},
        "notes": [*found.notes, *(found.inventory.notes if found.inventory else ())],
    }


def _named(rows: list[Row], names: list[str]) -> list[Row]:
    """Every step of some topics or departments."""
    from penchant.errors import TopicsError, suggest

    known = list(dict.fromkeys(row[c.TOPIC] for row in rows))
    for name in names:
        if name not in known:
            raise TopicsError(f"There is no topic or department '{name}'. {suggest(name, known)}")
    return [row for row in rows if row[c.TOPIC] in names]


def _largest(rows: list[Row], top: int) -> list[Row]:
    """Every step of the shop and of its largest departments, or topics where there are none."""
    from penchant.decisions.tree import DEPARTMENT, SHOP

    below = {row[c.TREE_LEVEL] for row in rows} - {SHOP}
    level = DEPARTMENT if DEPARTMENT in below else next(iter(below))
    size: dict[str, float] = {}
    for row in rows:
        if row[c.TREE_LEVEL] == level:
            size[row[c.TOPIC]] = size.get(row[c.TOPIC], 0.0) + row[c.MEAN]
    largest = sorted(size, key=lambda name: -size[name])[:top]
    of_shop = [row for row in rows if row[c.TREE_LEVEL] == SHOP]
    return of_shop + [
        row
        for name in largest
        for row in rows
        if (row[c.TREE_LEVEL], row[c.TOPIC]) == (level, name)
    ]


def _print(rows: list[Row], found: "Planned", *, by_step: bool) -> None:
    """The shop's steps, or those of what was asked for; of departments the first and the sum."""
    from penchant.decisions.tree import SHOP

    stepped = [row for row in rows if by_step or row[c.TREE_LEVEL] == SHOP]
    step = found.demand.step
    body = [[f"{row[c.TOPIC]}, {row[c.START]}", *_told(row)] for row in stepped]
    console.table(f"Demand by the {step}, in engagements", (str(step), *AHEAD), body)
    grouped: dict[str, list[Row]] = {}
    for row in rows if not by_step else []:
        if row[c.TREE_LEVEL] != SHOP:
            grouped.setdefault(row[c.TOPIC], []).append(row)
    if grouped:
        ahead = step.plural(found.demand.mean_NH.shape[1])
        body = [
            [name, *_told(mine[0])[2:], f"{sum(row[c.MEAN] for row in mine):,.1f}"]
            for name, mine in grouped.items()
        ]
        heads = ("", f"next {step}", "80 % interval", f"all {ahead}")
        console.table("The largest", heads, body)
    weights = found.demand.weights
    say(
        f"Sums of users' forecasts by {found.model} weigh {weights.shop:.0%} in the shop's level "
        f"and {weights.topics:.0%} in topics' shares of it; the rest is told by the series."
    )


def _told(row: Row) -> list[str]:
    return [
        "–" if row[c.USERS_SUM] is None else f"{row[c.USERS_SUM]:,.1f}",
        f"{row[c.REMAINDER]:,.1f}",
        f"{row[c.MEAN]:,.1f}",
        f"{row[c.LOW]:,}–{row[c.HIGH]:,}",
    ]


def _print_items(advice: str, rows: list[Row], top: int) -> None:
    """Items of one advice; nothing where there are none."""
    forms = {c.ON_HAND: ",.0f", c.REORDER: ",d", c.SAFETY: ",.1f", c.COVER: ",.0f"}
    forms |= {c.SOLD_OUT: ".0%"}
    body = [
        [
            row[c.ITEM],
            *(
                "–" if row[name] is None else format(row[name], form)
                for name, form in forms.items()
            ),
        ]
        for row in rows[:top]
    ]
    if body:
        title = f"{advice.capitalize()}: {len(body):,} of {len(rows):,} items"
        console.table(title, ITEMS, body)
