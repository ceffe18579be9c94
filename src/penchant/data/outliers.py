"""Outliers: quantities and unit prices far beyond those of the same item."""

import ibis
import ibis.expr.types as ir
import numpy as np

from penchant import columns as c
from penchant.data.events import PURCHASE, RETURN
from penchant.data.evidence import Evidence, totals
from penchant.data.findings import Finding, percent, several

LEAST_SALES = 5  # of an item, to know what is usual
TIMES = float(np.log(50))  # the item's geometric mean
SPREADS = 8  # of the median item's log
SERIOUS_SHARE = 0.01
PRICED, COUNTED = "log_price", "log_quantity"


def outlier(evidence: Evidence) -> tuple[Finding, ...]:
    """Purchases and returns whose quantity or unit price is far beyond the item's others."""
    found = _extreme(evidence)
    rows, customers, items = totals(
        found,
        rows=found.count(),
        customers=found[c.USER].nunique(),
        items=found[c.ITEM].nunique(),
    ).values()
    if not rows:
        return ()
    share = rows / evidence.rows
    top = found.order_by(found["beyond"].desc(), c.USER, c.ITEM, c.TIME).limit(5).to_pandas()
    what = (
        f"A quantity or unit price is {np.exp(TIMES):.0f} times the item's usual one, or more, in "
        f"{several(rows, 'event')} ({percent(share)}) of {several(items, 'item')}."
    )
    return (
        Finding(
            code="outlier",
            what=what,
            advice="Look at the examples; set them aside with `penchant check --set-aside outlier` "
            "if they are wrong.",
            serious=share >= SERIOUS_SHARE,
            rows=rows,
            share=share,
            customers=customers,
            items=items,
            examples=tuple(
                {
                    "customer": row[c.USER],
                    "item": row[c.ITEM],
                    "time": str(row[c.TIME]),
                    "value": None if np.isnan(row[c.VALUE]) else float(row[c.VALUE]),
                    "quantity": None if np.isnan(row[c.QUANTITY]) else float(row[c.QUANTITY]),
                    "times the usual": round(float(np.exp(row["beyond"])), 1),
                }
                for row in top.to_dict("records")
            ),
        ),
    )


def outlier_events(evidence: Evidence) -> ir.Table:
    """The extreme events."""
    return _extreme(evidence).select(*evidence.events.columns)


def _extreme(evidence: Evidence) -> ir.Table:
    """Events with how far they are beyond their item, in logs.

    An item's usual is the mean of logs, which one wrong row in twenty hardly moves; the spread is
    that of the median item, which wrong rows of some items don't move at all.
    """
    events = evidence.events
    sold = events.filter(events[c.KIND].isin((PURCHASE, RETURN)) & events[c.ITEM].notnull())
    units = sold[c.QUANTITY]
    marked = sold.mutate(
        **{
            COUNTED: ibis.cases((units > 0, units.nullif(0).ln()), else_=ibis.null("float64")),
            PRICED: ibis.cases(
                (
                    (sold[c.VALUE] > 0) & (ibis.coalesce(units, 1.0) > 0),
                    sold[c.VALUE].nullif(0).ln() - ibis.coalesce(units, 1.0).nullif(0).ln(),
                ),
                else_=ibis.null("float64"),
            ),
        }
    )
    usual = (
        marked.group_by(c.ITEM)
        .agg(
            sales=marked.count(),
            **{f"{name}_mean": marked[name].mean() for name in (PRICED, COUNTED)},
            **{f"{name}_spread": marked[name].std() for name in (PRICED, COUNTED)},
        )
        .filter(ibis._["sales"] >= LEAST_SALES)
        .cache()
    )
    spreads = usual.agg(**{n: usual[f"{n}_spread"].median() for n in (PRICED, COUNTED)})
    spread = spreads.to_pandas().fillna(0.0).iloc[0]
    joined = marked.inner_join(usual, c.ITEM)
    beyond = ibis.greatest(
        *(
            ibis.coalesce(joined[name] - joined[f"{name}_mean"], 0.0)
            / max(TIMES, SPREADS * float(spread[name]))
            for name in (PRICED, COUNTED)
        )
    )
    far = joined.mutate(beyond=beyond * TIMES)
    return far.filter(far["beyond"] >= TIMES)
