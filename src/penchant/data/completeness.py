"""Completeness: columns with holes, columns that never vary, ids that stand for nobody.

Also what the quarantine holds, by reason.
"""

from typing import Any

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.events import PURCHASE, RETURN
from penchant.data.evidence import Evidence
from penchant.data.findings import Finding, percent, several
from penchant.data.quarantine import MALFORMED, SET_ASIDE

EXPECTED = {  # what an event of a kind usually carries, and what is lost without it
    PURCHASE: {
        c.VALUE: "money",
        c.QUANTITY: "units",
        c.ORDER: "baskets",
        c.ITEM: "topics",
    },
    RETURN: {c.VALUE: "money", c.ITEM: "topics"},
    "cart": {c.ITEM: "topics"},
    "view": {c.ITEM: "topics"},
    "search": {c.QUERY: "what was searched for"},
}
HOLES = 0.05  # of a kind's rows, from which it is told
OFTEN_ABSENT = (c.QUANTITY, c.ORDER)  # columns that many logs don't have at all
VITAL = (c.ITEM,)  # columns without which an event says nothing of interests
SERIOUS_HOLES = 0.5
LEAST_ROWS = 100
NOBODY = ("", "0", "-1", "null", "none", "nan", "n/a", "na", "unknown", "anonymous", "guest",
          "undefined", "test", "(not set)")  # fmt: skip
LION = 0.2  # of the events under one id
LEAST_CUSTOMERS = 50
NOBODY_SERIOUS = 0.05
REFUSED = 0.2  # of all rows sent


def filled(evidence: Evidence) -> list[dict[str, Any]]:
    """Of each kind: rows, how many hold each column, and the ends of value and quantity."""
    events = evidence.events
    optional = (c.ITEM, c.VALUE, c.QUANTITY, c.ORDER, c.QUERY, c.DWELL)
    ends = {
        f"{end}_{name}": getattr(events[name], end)()
        for name in (c.VALUE, c.QUANTITY)
        for end in ("min", "max")
    }
    counted = {name: events[name].count() for name in optional}
    table = events.group_by(c.KIND).agg(rows=events.count(), **counted, **ends)
    return list(table.order_by(c.KIND).to_pyarrow().to_pylist())


def missing(evidence: Evidence) -> tuple[Finding, ...]:
    """Columns that an event of its kind usually carries and some don't, or never vary."""
    findings = []
    for row in filled(evidence):
        kind, rows = row[c.KIND], row[c.ROWS]
        if rows < LEAST_ROWS:
            continue
        for name, use in EXPECTED.get(kind, {}).items():
            empty = rows - row[name]
            if empty >= HOLES * rows and not (empty == rows and name in OFTEN_ABSENT):
                findings.append(_hole(evidence, kind, name, use, (rows, empty)))
        low, high = row[f"min_{c.VALUE}"], row[f"max_{c.VALUE}"]
        if kind == PURCHASE and low is not None and low == high:
            what = f"Every {kind} has the value {low:g}: money can't be told from it."
            advice = "Map the column that holds the sum paid to `value`."
            findings.append(Finding(code="constant", what=what, advice=advice, rows=rows))
    return tuple(findings)


def _hole(evidence: Evidence, kind: str, name: str, use: str, counts: tuple[int, int]) -> Finding:
    rows, empty = counts
    if empty == rows:
        what = f"No {kind} has a value in `{name}`, so {use} can't be told."
    else:
        what = (
            f"{several(empty, 'event')} of the kind {kind} ({percent(empty / rows)}) have nothing "
            f"in `{name}`, so {use} can't be told of them."
        )
    return Finding(
        code="missing",
        what=what,
        advice=f"Map the column that holds it to `{name}`, if there is one.",
        serious=name in VITAL and empty >= SERIOUS_HOLES * rows and kind in evidence.target,
        rows=empty,
        share=empty / evidence.rows,
        examples=({"kind": kind, "column": name, "events": rows, "empty": empty},),
    )


def placeholder(evidence: Evidence) -> tuple[Finding, ...]:
    """Customers' ids that stand for nobody, such as guest, or for a great part of all events."""
    found = _nobodies(evidence).to_pandas()
    if not len(found):
        return ()
    rows = int(found[c.ROWS].sum())
    share = rows / evidence.rows
    names = ", ".join(f"'{name}'" for name in found[c.USER].head(3))
    verb = "stands" if len(found) == 1 else "stand"
    what = (
        f"{names} {verb} for no single customer, with {several(rows, 'event')} ({percent(share)})."
    )
    return (
        Finding(
            code="placeholder",
            what=what,
            advice="Set them aside: `penchant check --set-aside placeholder`. One forecast for "
            "all guests tells nothing of any.",
            serious=share >= NOBODY_SERIOUS,
            rows=rows,
            share=share,
            customers=len(found),
            examples=tuple(
                {"customer": row[c.USER], "events": int(row[c.ROWS])}
                for row in found.head(5).to_dict("records")
            ),
        ),
    )


def _nobodies(evidence: Evidence) -> ir.Table:
    held = evidence.customers
    users = held.group_by(c.USER).agg(rows=held[c.ROWS].sum())
    named = users[c.USER].lower().isin(NOBODY) & (users[c.ROWS] >= LEAST_ROWS)
    many = users.count() >= LEAST_CUSTOMERS
    marked = users.mutate(lion=many.as_scalar() & (users[c.ROWS] >= LION * evidence.rows))
    chosen = marked.filter(named | marked["lion"])
    return chosen.select(c.USER, c.ROWS).order_by(ibis.desc(c.ROWS), c.USER)


def placeholder_events(evidence: Evidence) -> ir.Table:
    """Every event under such an id."""
    return evidence.events.semi_join(_nobodies(evidence), c.USER)


def quarantined(evidence: Evidence) -> tuple[Finding, ...]:
    """Rows in quarantine, by reason; a large part of all that was sent means a wrong mapping.

    Events that a rule set aside are left out: those were accepted.
    """
    if evidence.quarantine is None:
        return ()
    aside = evidence.quarantine.filter(evidence.quarantine[c.SOURCE] != SET_ASIDE)
    reasons = (
        aside.group_by(c.REASON, c.FIELD)
        .agg(rows=aside.count())
        .order_by(ibis.desc(c.ROWS), c.REASON, c.FIELD)
        .to_pyarrow()
        .to_pylist()
    )
    rows = sum(row[c.ROWS] for row in reasons)
    if not rows:
        return ()
    share = rows / (rows + evidence.rows)
    first = reasons[0]
    malformed = sum(row[c.ROWS] for row in reasons if row[c.REASON] == MALFORMED)
    broken = f" {several(malformed, 'line')} couldn't be read as rows at all." if malformed else ""
    what = (
        f"{several(rows, 'row')} of all sent ({percent(share)}) are in quarantine, most for "
        f"'{first[c.REASON]}'.{broken}"
    )
    return (
        Finding(
            code="quarantine",
            what=what,
            advice="See them with `penchant quarantine list` and mend the mapping or the file.",
            serious=share >= REFUSED,
            rows=rows,
            share=share,
            examples=tuple(
                {"reason": row[c.REASON], "column": row[c.FIELD], "rows": row[c.ROWS]}
                for row in reasons[:8]
            ),
        ),
    )
