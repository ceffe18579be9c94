"""Repeats: the same thing told twice under different ids."""

from typing import Any

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.evidence import Evidence, day_text, totals
from penchant.data.findings import Finding, percent, several
from penchant.data.step import Step

SAME = (c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE, c.QUANTITY, c.QUERY)
NOTABLE_SHARE = 0.02
SERIOUS_SHARE = 0.1
SHOWN = 3
LEAST_LINES = 2  # of an order, to be recognised
BASKET = (c.USER, "day", "lines", "worth", "least", "most")


def duplicate(evidence: Evidence) -> tuple[Finding, ...]:
    """Events alike in everything but their ids: user, item, time, kind, value, quantity, query."""
    rows = 0
    examples: list[dict[str, Any]] = []
    for month in evidence.months():
        grouped = month.group_by(*SAME).agg(copies=month.count())
        with grouped.filter(grouped["copies"] > 1).cache() as alike:
            rows += totals(alike, rows=(alike["copies"] - 1).sum())[c.ROWS]
            examples += _largest(alike)
    share = rows / evidence.rows
    if share < NOTABLE_SHARE:
        return ()
    what = (
        f"{several(rows, 'event')} ({percent(share)}) repeat another in customer, item, time, kind "
        "and value under an id of their own."
    )
    return (
        Finding(
            code="duplicate",
            what=what,
            advice="If a source was sent twice under new ids, set the copies aside: `penchant check"
            " --set-aside duplicate`. Two units bought one after the other are none.",
            serious=share >= SERIOUS_SHARE,
            rows=rows,
            share=share,
            examples=tuple(sorted(examples, key=lambda row: -row["times"])[:SHOWN]),
        ),
    )


def _largest(alike: ir.Table) -> list[dict[str, Any]]:
    top = alike.order_by(alike["copies"].desc(), *SAME).limit(SHOWN).to_pandas()
    return [
        {
            "customer": row[c.USER],
            "item": row[c.ITEM],
            "time": str(row[c.TIME]),
            "kind": row[c.KIND],
            "times": int(row["copies"]),
        }
        for row in top.to_dict("records")
    ]


def duplicate_events(evidence: Evidence) -> ir.Table:
    """Every copy but one of each event; the one with the first ids stays."""
    events = evidence.events
    window = ibis.window(group_by=SAME, order_by=(c.ORDER, c.EVENT, c.DWELL))
    ranked = events.mutate(copy=ibis.row_number().over(window))
    return ranked.filter(ranked["copy"] > 0).drop("copy")


def repeated_order(evidence: Evidence) -> tuple[Finding, ...]:
    """Orders of one customer and day with the same lines under different ids."""
    orders = lines = 0
    examples: list[dict[str, Any]] = []
    for month in evidence.months():
        baskets = _baskets(month)
        grouped = baskets.group_by(*BASKET).agg(orders=baskets.count())
        with grouped.filter(grouped["orders"] > 1).cache() as alike:
            more = alike["orders"] - 1
            found = totals(alike, orders=more.sum(), lines=(more * alike["lines"]).sum())
            orders += found["orders"]
            lines += found["lines"]
            top = alike.order_by(alike["orders"].desc(), *BASKET).limit(SHOWN)
            examples += [_basket(row) for row in top.to_pyarrow().to_pylist()]
    share = lines / evidence.rows
    if share < NOTABLE_SHARE:
        return ()
    what = (
        f"{several(orders, 'order')} with {several(lines, 'line')} ({percent(share)} of the events)"
        " repeat another order of the same customer and day, line by line."
    )
    return (
        Finding(
            code="repeated_order",
            what=what,
            advice="Retried checkouts often look so. Set the repeats aside: `penchant check "
            "--set-aside repeated_order`.",
            serious=share >= SERIOUS_SHARE,
            rows=lines,
            share=share,
            examples=tuple(examples[:SHOWN]),
        ),
    )


def _basket(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "customer": row[c.USER],
        "day": day_text(row["day"]),
        "lines": row["lines"],
        "orders": row["orders"],
    }


def _baskets(events: ir.Table) -> ir.Table:
    """Orders by what they hold: number of lines, their worth, and the ends of their items."""
    ordered = events.filter(events[c.ORDER].notnull() & events[c.ITEM].notnull())
    ordered = ordered.mutate(day=Step.DAY.expression(ordered[c.TIME]))
    baskets = ordered.group_by(c.USER, c.ORDER, c.KIND, "day").agg(
        lines=ordered.count(),
        worth=ibis.coalesce(ordered[c.VALUE].sum(), 0.0).round(2),
        least=ordered[c.ITEM].min(),
        most=ordered[c.ITEM].max(),
    )
    return baskets.filter((baskets["lines"] >= LEAST_LINES) & (baskets["least"] < baskets["most"]))


def repeated_order_events(evidence: Evidence) -> ir.Table:
    """The lines of every such order but the one with the first id."""
    baskets = _baskets(evidence.events)
    window = ibis.window(group_by=BASKET, order_by=(c.ORDER, c.KIND))
    ranked = baskets.mutate(copy=ibis.row_number().over(window))
    repeats = ranked.filter(ranked["copy"] > 0).select(c.USER, c.ORDER, c.KIND).distinct()
    return evidence.events.semi_join(repeats, [c.USER, c.ORDER, c.KIND])
