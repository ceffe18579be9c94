"""Bursts: many customers in one instant, as when a default time stands for an unknown one."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from penchant import columns as c
from penchant.data.evidence import Evidence
from penchant.data.findings import Finding, percent, several

LEAST_ROWS = 30
LEAST_CUSTOMERS = 10
TIMES = 20  # as many as an ordinary instant holds
MOST_INSTANTS = 1000  # looked at in a month
SERIOUS_SHARE = 0.05


def burst(evidence: Evidence) -> tuple[Finding, ...]:
    """Instants that hold far more events of different customers than others do."""
    found = burst_instants(evidence)
    if not len(found):
        return ()
    rows, share = int(found[c.ROWS].sum()), found[c.ROWS].sum() / evidence.rows
    what = (
        f"{several(rows, 'event')} ({percent(share)}) fall on {several(len(found), 'instant')}, "
        f"the largest {found[c.TIME].iloc[0]} with {several(int(found[c.ROWS].iloc[0]), 'event')} "
        f"of {several(int(found['customers'].iloc[0]), 'customer')}. That is an import's time or a "
        "default, and not when they happened."
    )
    return (
        Finding(
            code="burst",
            what=what,
            advice="Map the column with the time of the event itself, or set these aside: "
            "`penchant check --set-aside burst`.",
            serious=bool(share >= SERIOUS_SHARE),
            rows=rows,
            share=float(share),
            examples=tuple(
                {
                    "time": str(row[c.TIME]),
                    "events": int(row[c.ROWS]),
                    "customers": int(row["customers"]),
                }
                for row in found.head(5).to_dict("records")
            ),
        ),
    )


def burst_instants(evidence: Evidence) -> pd.DataFrame:
    """Times of bursts with their rows and customers, the largest first.

    Midnights are compared with midnights, so that dates without a time of day are no bursts.
    """
    usual, candidates = [], []
    for month in evidence.months():
        with month.group_by(c.TIME).agg(rows=month.count()).cache() as instants:
            midnight = (instants[c.TIME].epoch_seconds() % 86_400) == 0
            marked = instants.mutate(midnight=midnight)
            grouped = marked.group_by("midnight")
            usual.append(grouped.agg(rows=marked[c.ROWS].sum(), n=marked.count()).to_pandas())
            many = marked.filter(marked[c.ROWS] >= LEAST_ROWS)
            top = many.order_by(many[c.ROWS].desc(), c.TIME).limit(MOST_INSTANTS)
            candidates.append(top.to_pandas())
    total = pd.concat(usual).groupby("midnight").sum()
    found = pd.concat(candidates, ignore_index=True)
    sums, counts = (found["midnight"].map(total[name]) for name in (c.ROWS, "n"))
    others = (sums - found[c.ROWS]) / (counts - 1).clip(lower=1)
    found = found[found[c.ROWS] >= TIMES * others]
    if not len(found):
        return found.assign(customers=0)
    at = evidence.events.filter(evidence.events[c.TIME].isin(found[c.TIME].tolist()))
    who = at.group_by(c.TIME).agg(customers=at[c.USER].nunique()).to_pandas()
    found = found.merge(who, on=c.TIME)
    found = found[found["customers"] >= LEAST_CUSTOMERS]
    return found.sort_values([c.ROWS, c.TIME], ascending=[False, True], ignore_index=True)


def burst_events(evidence: Evidence) -> ir.Table:
    """The events in bursts."""
    times = burst_instants(evidence)[c.TIME]
    instants = ibis.memtable(pd.DataFrame({c.TIME: times.astype("datetime64[us]")}))
    return evidence.events.semi_join(instants, c.TIME)
