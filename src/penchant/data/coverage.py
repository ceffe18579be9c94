"""Coverage: items that the catalog doesn't know, and items it says too little of."""

import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.evidence import Evidence, totals
from penchant.data.findings import Finding, percent, several

NOTABLE_SHARE = 0.001
SERIOUS_SHARE = 0.5


def unknown_item(evidence: Evidence) -> tuple[Finding, ...]:
    """Events of items that aren't in the catalog."""
    if evidence.catalog is None:
        return ()
    unknown = evidence.items.anti_join(evidence.catalog, c.ITEM)
    rows, items = totals(unknown, rows=unknown[c.ROWS].sum(), items=unknown.count()).values()
    share = rows / evidence.rows
    if share < NOTABLE_SHARE:
        return ()
    top = unknown.order_by(unknown[c.ROWS].desc(), c.ITEM).limit(5).to_pyarrow().to_pylist()
    what = (
        f"{several(rows, 'event')} ({percent(share)}) are of {several(items, 'item')} that the "
        "catalog doesn't know, so they have no topic."
    )
    return (
        Finding(
            code="unknown_item",
            what=what,
            advice="Bring a catalog with these items, or check that both sources use the same ids.",
            serious=share >= SERIOUS_SHARE,
            rows=rows,
            share=share,
            items=items,
            examples=tuple({"item": row[c.ITEM], "events": row[c.ROWS]} for row in top),
        ),
    )


def no_path(evidence: Evidence) -> tuple[Finding, ...]:
    """Catalog items without a category."""
    if evidence.catalog is None:
        return ()
    path = evidence.catalog[c.PATH]
    return _about_items(
        evidence.catalog,
        path.isnull() | (path.length() == 0),
        "no_path",
        "without a category: their events have no topic.",
        "Map the columns of the category to `path`.",
    )


def free_item(evidence: Evidence) -> tuple[Finding, ...]:
    """Catalog items with a price of nothing or less."""
    if evidence.catalog is None:
        return ()
    return _about_items(
        evidence.catalog,
        evidence.catalog[c.PRICE] <= 0,
        "free_item",
        "with a price of 0 or less.",
        "Leave an unknown price empty; a price of 0 reads as a gift.",
    )


def _about_items(
    catalog: ir.Table, broken: ir.BooleanValue, code: str, which: str, advice: str
) -> tuple[Finding, ...]:
    found = catalog.filter(broken)
    items, total = (totals(table, items=table.count())["items"] for table in (found, catalog))
    if not items:
        return ()
    examples = found.select(c.ITEM, c.TITLE, c.PRICE).order_by(c.ITEM).limit(5).to_pyarrow()
    return (
        Finding(
            code=code,
            what=f"The catalog holds {several(items, 'item')} of {total:,} {which}",
            advice=advice,
            serious=code == "no_path" and items >= SERIOUS_SHARE * total,
            items=items,
            share=items / total,
            examples=tuple(examples.to_pylist()),
        ),
    )
