"""Rates: customers who do more, faster or longer than people can."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from penchant import columns as c
from penchant.data.events import KIND_WEIGHTS
from penchant.data.evidence import Evidence
from penchant.data.findings import Finding, percent, several
from penchant.data.step import Step

SPREADS = 6  # robust standard deviations of the log rate above the median
LEAST_SPREAD = 0.3  # of the log rate
MAD_TO_DEVIATION = 1.4826
ENOUGH_CUSTOMERS = 20  # to know what is usual
# Events of a kind on a customer's average day: too many for one far beyond all others, who comes on
# several days, and too many for anybody. Of purchases fewer are, since a day's are rarely more
# than a trolley holds.
UNUSUAL, INHUMAN = 200, 600
UNUSUAL_PURCHASES, INHUMAN_PURCHASES = 80, 200
SEVERAL_DAYS = 3
WATCHED_A_DAY = 60  # on the busiest day, from which speed and hours are looked at
FAST_A_MINUTE = 40  # different instants
FAST_MINUTES = 3
WAKING_HOURS = 20  # with events, of a day
SLEEPLESS_DAYS = 3
SHOWN_TO = ("impression", "visit")  # kinds that a page makes, many at once
SERIOUS_SHARE = 0.05
WHY = "why"


def bot(evidence: Evidence) -> tuple[Finding, ...]:
    """Customers whose rate, speed or hours aren't a person's."""
    found = bots(evidence)
    if not len(found):
        return ()
    rows, share = int(found[c.ROWS].sum()), float(found[c.ROWS].sum() / evidence.rows)
    worst = found.iloc[0]
    what = (
        f"Programs seem to act as {several(len(found), 'customer')}, with "
        f"{several(rows, 'event')} ({percent(share)}). Customer {worst[c.USER]} {worst[WHY]}."
    )
    return (
        Finding(
            code="bot",
            what=what,
            advice="Set them aside: `penchant check --set-aside bot`. A till or a reseller under "
            "one id looks the same.",
            serious=share >= SERIOUS_SHARE,
            rows=rows,
            share=share,
            customers=len(found),
            examples=tuple(
                {
                    "customer": row[c.USER],
                    "events": int(row[c.ROWS]),
                    "share": round(float(row[c.ROWS] / evidence.rows), 4),
                    "why": row[WHY],
                }
                for row in found.head(5).to_dict("records")
            ),
        ),
    )


def bots(evidence: Evidence) -> pd.DataFrame:
    """Users found, with why and the rows of all their kinds; most rows first."""
    watched = evidence.customers
    watched = watched.filter(watched["busiest"] >= WATCHED_A_DAY)
    whys = pd.concat([_too_many(evidence), *_too_fast(evidence, watched)], ignore_index=True)
    whys = whys.drop_duplicates(c.USER)
    if not len(whys):
        return whys.assign(rows=0)
    rows = evidence.customers
    theirs = rows.filter(rows[c.USER].isin(whys[c.USER].tolist()))
    counted = theirs.group_by(c.USER).agg(rows=theirs[c.ROWS].sum()).to_pandas()
    return whys.merge(counted, on=c.USER).sort_values(
        [c.ROWS, c.USER], ascending=[False, True], ignore_index=True
    )


def _too_many(evidence: Evidence) -> pd.DataFrame:
    """Users whose average day is far beyond the others', or beyond any person's."""
    found = []
    for kind in evidence.kinds:
        bought = KIND_WEIGHTS.get(kind, 0.0) >= 1
        unusual = UNUSUAL_PURCHASES if bought else UNUSUAL
        inhuman = INHUMAN_PURCHASES if bought else INHUMAN
        held = evidence.customers
        rates = held.filter(held[c.KIND] == kind)
        rates = rates.select(c.USER, "days", rate=rates[c.ROWS] / rates["days"])
        many = rates.filter(rates["rate"] >= unusual).to_pandas()
        if not len(many):
            continue
        middle, bound = _usual(rates)
        apart = (many["rate"] >= bound) & (many["days"] >= SEVERAL_DAYS)
        many = many[apart | (many["rate"] >= inhuman)].sort_values("rate", ascending=False)
        usual = f"usual are {middle:,.0f}" if bound else "beyond any person's"
        why = [f"has {rate:,.0f} {kind} events a day; {usual}" for rate in many["rate"]]
        found.append(many[[c.USER]].assign(**{WHY: why}))
    return pd.concat(found) if found else pd.DataFrame({c.USER: [], WHY: []}, dtype=object)


def _usual(rates: ir.Table) -> tuple[float, float]:
    """Median rate, and the rate that is beyond any usual one; 0 where too few are known."""
    log = rates["rate"].ln()
    middle, users = rates.agg(middle=log.median(), users=rates.count()).to_pandas().iloc[0]
    if users < ENOUGH_CUSTOMERS:
        return float(np.exp(middle)), 0.0
    apart = (log - float(middle)).abs().median()
    spread = MAD_TO_DEVIATION * float(rates.agg(apart=apart).to_pandas()["apart"].iloc[0])
    bound = np.exp(middle + SPREADS * max(spread, LEAST_SPREAD))
    return float(np.exp(middle)), float(bound)


def _too_fast(evidence: Evidence, watched: ir.Table) -> list[pd.DataFrame]:
    """Of the watched users, those with inhuman minutes and those who never sleep."""
    busy = evidence.events.semi_join(watched.select(c.USER).distinct(), c.USER)
    busy = busy.filter(~busy[c.KIND].isin(SHOWN_TO))
    at = busy[c.TIME]
    marked = busy.select(
        c.USER,
        c.TIME,
        day=Step.DAY.expression(at),
        hour=at.hour().cast("int32"),
        minute=(at.epoch_seconds() / 60).floor().cast("int64"),
    )
    minutes = marked.group_by(c.USER, "minute").agg(instants=marked[c.TIME].nunique())
    minutes = minutes.filter(minutes["instants"] >= FAST_A_MINUTE)
    grouped = minutes.group_by(c.USER)
    fast = grouped.agg(times=minutes.count(), most=minutes["instants"].max())
    fast = fast.filter(fast["times"] >= FAST_MINUTES)
    days = marked.group_by(c.USER, "day").agg(hours=marked["hour"].nunique())
    days = days.filter(days["hours"] >= WAKING_HOURS)
    awake = days.group_by(c.USER).agg(times=days.count(), most=days["hours"].max())
    awake = awake.filter(awake["times"] >= SLEEPLESS_DAYS)
    return [
        _because(fast, "acts {most} times within a minute, in {times} of them"),
        _because(awake, "is active in {most} hours of a day, on {times} days"),
    ]


def _because(found: ir.Table, why: str) -> pd.DataFrame:
    rows = found.order_by(found["times"].desc(), c.USER).to_pandas()
    reasons = [why.format(**row) for row in rows.to_dict("records")]
    return rows[[c.USER]].assign(**{WHY: reasons})


def bot_events(evidence: Evidence) -> ir.Table:
    """Every event of these customers."""
    users = bots(evidence)[c.USER].astype("string")
    return evidence.events.semi_join(ibis.memtable(pd.DataFrame({c.USER: users})), c.USER)
