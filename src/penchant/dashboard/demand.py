"""The section on demand: departments ahead with intervals, what will sell out, what to clear.

Shapes: R rows of a node, H steps ahead.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
    Chart,
    Column,
    Form,
    Leaf,
    Notes,
    Picker,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import (
    canvas,
    interval_series,
    intervals,
    legend,
    time_axis,
    tooltip,
    value_axis,
)
from penchant.decisions.stock import CLEAR, ORDER, SELLS_OUT
from penchant.decisions.tree import DEPARTMENT, SHOP, TOP
from penchant.sheet import Filled

CHARTED, SHOWN = 8, 25  # departments with a chart, and rows of a table
Row = dict[str, Any]


def demand_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on demand, and on the stock where one was given for the same days."""
    filled = sheets["demand"]
    nodes = _nodes(filled.rows)
    shop = nodes.pop(TOP, [])
    stock = sheets.get("stock")
    if stock is not None and stock.start != filled.start:
        stock = None
    items = [] if stock is None else stock.rows
    blocks: list[Leaf] = [_tiles(shop, items), _charts(shop, nodes), _departments(nodes)]
    blocks += [
        _items(name, title, note, items)
        for name, title, note in (
            (SELLS_OUT, "What will sell out", "More likely than not before more can arrive."),
            (ORDER, "What to order", "Stock has fallen to the reorder point."),
            (CLEAR, "What to clear", "Stock lasts for several times the steps forecast."),
        )
        if any(row[c.ADVICE] == name for row in items)
    ]
    notes = (*filled.notes, *(stock.notes if stock is not None else ()))
    if notes:
        blocks.append(Notes(notes))
    lead = (
        "How much will be wanted, in engagements of the kinds forecast: sums of customers' "
        "forecasts and what newcomers add, reconciled with forecasts of the series themselves, so "
        "that topics add up to departments and these to the shop. Intervals hold "
        f"80{numbers.SPACE}%, each by itself."
    )
    return Section("demand", "What will be wanted", lead, tuple(blocks))


def _nodes(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows of the shop, and of departments or, where there are none, topics; the largest first."""
    levels = {row[c.TREE_LEVEL] for row in rows} - {SHOP}
    shown = DEPARTMENT if DEPARTMENT in levels else next(iter(levels), SHOP)
    nodes: dict[str, list[Row]] = {}
    for row in rows:
        if row[c.TREE_LEVEL] in (SHOP, shown):
            nodes.setdefault(TOP if row[c.TREE_LEVEL] == SHOP else row[c.TOPIC], []).append(row)
    return dict(sorted(nodes.items(), key=lambda node: -_sum(node[1], c.MEAN)))


def _sum(rows: list[Row], name: str) -> float:
    return float(sum(row[name] or 0.0 for row in rows))


def _tiles(shop: list[Row], items: list[Row]) -> Tiles:
    first = shop[0]
    tiles = [
        Tile(
            "Expected next",
            numbers.count(first[c.MEAN]),
            f"from {numbers.day(first[c.START])}; {numbers.span(first[c.LOW], first[c.HIGH])}",
        ),
        Tile(
            "Expected in all",
            numbers.count(_sum(shop, c.MEAN)),
            f"in {len(shop)} steps from {numbers.day(first[c.START])}",
        ),
    ]
    if items:
        counted = {name: sum(row[c.ADVICE] == name for row in items) for name in (SELLS_OUT, CLEAR)}
        of = f"of {numbers.several(len(items), 'item')}"
        tiles += [
            Tile("Will sell out", numbers.count(counted[SELLS_OUT]), f"{of}, before more arrives"),
            Tile("To clear", numbers.count(counted[CLEAR]), of),
        ]
    return Tiles(tuple(tiles))


def _charts(shop: list[Row], nodes: Mapping[str, list[Row]]) -> Picker:
    named = [("The whole shop", shop), *list(nodes.items())[:CHARTED]]
    charts = tuple(
        (name, _chart(f"demand-{k}", name, rows)) for k, (name, rows) in enumerate(named)
    )
    return Picker("demand-ahead", "Department", charts)


def _chart(place: str, name: str, rows: list[Row]) -> Chart:
    days: list[date] = [row[c.START] for row in rows]
    ends = [(row[c.START].isoformat(), row[c.LOW], row[c.HIGH]) for row in rows]
    expected, summed = "expected", "customers' forecasts and newcomers"
    told = [
        None if row[c.USERS_SUM] is None else row[c.USERS_SUM] + row[c.REMAINDER] for row in rows
    ]
    lines = [
        interval_series("80 % interval", intervals(ends), "$blue"),
        _line(expected, days, [row[c.MEAN] for row in rows], "$blue"),
        _line(summed, days, told, "$orange", lineStyle={"type": "dashed", "color": "$orange"}),
    ]
    return Chart(
        place,
        f"Demand ahead: {name}",
        f"Points are engagements expected in each step, bars hold 80{numbers.SPACE}% of what may "
        "come; the dashed line is what customers' forecasts and newcomers add up to.",
        canvas(
            tooltip=tooltip("axis", "fn:count"),
            legend=legend([expected, summed]),
            grid={"left": 8, "right": 16, "top": 40, "bottom": 8, "containLabel": True},
            xAxis=time_axis(),
            yAxis=value_axis(scale=True),
            series=lines,
        ),
        (
            Column("From", Form.DAY),
            Column("Expected", Form.VOLUME),
            Column("Low", Form.COUNT),
            Column("High", Form.COUNT),
            Column("Customers' forecasts", Form.VOLUME),
            Column("Newcomers", Form.VOLUME),
        ),
        [
            tuple(row[n] for n in (c.START, c.MEAN, c.LOW, c.HIGH, c.USERS_SUM, c.REMAINDER))
            for row in rows
        ],
        height=300,
    )


def _line(
    name: str, days: list[date], values: list[float | None], colour: str, **parts: Any
) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "color": colour,
        "symbolSize": 6,
        "data": [
            [day.isoformat(), "-" if value is None else round(value, 1)]
            for day, value in zip(days, values, strict=True)
        ],
        **parts,
    }


def _departments(nodes: Mapping[str, list[Row]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            mine[0][c.MEAN],
            numbers.span(mine[0][c.LOW], mine[0][c.HIGH]),
            _sum(mine, c.MEAN),
            _sum(mine, c.USERS_SUM),
            _sum(mine, c.REMAINDER),
        )
        for name, mine in nodes.items()
    ]
    return Table(
        "demand-departments",
        "Where it will be wanted",
        (
            Column("Department"),
            Column("Next step", Form.VOLUME),
            Column("80 % interval", Form.SPAN),
            Column("All steps", Form.VOLUME),
            Column("Customers' forecasts", Form.VOLUME),
            Column("Newcomers", Form.VOLUME),
        ),
        rows[:SHOWN],
        "Customers' forecasts and newcomers are of all steps that a window holds."
        + (f" The first {SHOWN} of {len(rows):,}." if len(rows) > SHOWN else ""),
    )


def _items(advice: str, title: str, note: str, items: list[Row]) -> Table:
    mine = [row for row in items if row[c.ADVICE] == advice]
    names = (c.ITEM, c.TOPIC, c.ON_HAND, c.UNITS, c.REORDER, c.SAFETY, c.COVER, c.SOLD_OUT)
    return Table(
        f"stock-{advice.replace(' ', '-')}",
        title,
        (
            Column("Item"),
            Column("Topic"),
            Column("On hand", Form.COUNT),
            Column("Units ahead", Form.VOLUME),
            Column("Reorder at", Form.COUNT),
            Column("Safety stock", Form.VOLUME),
            Column("Days of cover", Form.COUNT),
            Column("Sells out", Form.CHANCE),
        ),
        [tuple(row[name] for name in names) for row in mine[:SHOWN]],
        f"{note} {len(mine[:SHOWN]):,} of {numbers.several(len(mine), 'item')}.",
    )
