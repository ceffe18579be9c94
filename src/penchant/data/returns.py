"""Returns: how many there are, and whether a purchase came before each."""

import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.events import PURCHASE, RETURN
from penchant.data.evidence import Evidence, totals
from penchant.data.findings import Finding, percent, several

MANY = 0.3  # of the purchases
SERIOUS = 0.6
UNMATCHED = 0.2  # of the returns
LEAST_ROWS = 20


def return_share(evidence: Evidence) -> tuple[Finding, ...]:
    """Returns and cancellations that are many beside the purchases."""
    returned, bought = evidence.kinds.get(RETURN, 0), evidence.kinds.get(PURCHASE, 0)
    if returned < LEAST_ROWS or returned < MANY * bought:
        return ()
    what = f"There are {several(returned, 'return')} for {several(bought, 'purchase')}."
    return (
        Finding(
            code="return_share",
            what=what,
            advice="Check which rows become returns: negative values and quantities do.",
            serious=returned >= SERIOUS * bought,
            rows=returned,
            share=returned / evidence.rows,
        ),
    )


def orphan_return(evidence: Evidence) -> tuple[Finding, ...]:
    """Returns of what the customer never bought before, as far as the log goes back."""
    returned = evidence.kinds.get(RETURN, 0)
    if returned < LEAST_ROWS:
        return ()
    orphans = orphan_return_events(evidence)
    rows = totals(orphans, rows=orphans.count())[c.ROWS]
    if rows < UNMATCHED * returned:
        return ()
    top = orphans.select(c.USER, c.ITEM, c.TIME).order_by(c.TIME, c.USER, c.ITEM).limit(5)
    what = (
        f"{several(rows, 'return')} ({percent(rows / returned)} of them) have no purchase of that "
        "item by that customer before."
    )
    return (
        Finding(
            code="orphan_return",
            what=what,
            advice="Bring the purchases, or check that returns carry the same customer and item.",
            rows=rows,
            share=rows / evidence.rows,
            examples=tuple(
                {"customer": row[c.USER], "item": row[c.ITEM], "time": str(row[c.TIME])}
                for row in top.to_pyarrow().to_pylist()
            ),
        ),
    )


def orphan_return_events(evidence: Evidence) -> ir.Table:
    """The returns without a purchase before; only purchases of returned pairs are looked at."""
    events = evidence.events
    pair = [c.USER, c.ITEM]
    back = events.filter((events[c.KIND] == RETURN) & events[c.ITEM].notnull())
    bought = events.filter(events[c.KIND] == PURCHASE).semi_join(back, pair)
    first = bought.group_by(*pair).agg(bought=bought[c.TIME].min())
    joined = back.left_join(first, pair)
    late = joined["bought"].isnull() | (joined["bought"] > joined[c.TIME])
    return joined.filter(late).select(*(joined[name] for name in events.columns))
