"""Logs made by hypothesis, and what a plain reading of the rules says must become of them.

The oracle is Python and knows nothing of the code under test.
"""

import math
import os
import re
from collections import Counter
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.quarantine import MALFORMED

TIMES = int(os.environ.get("PENCHANT_PROOF", "1"))  # how many times as many examples
COLUMNS = (c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE, c.QUERY, c.EVENT)
BLANKS = " \t\n\r\v\f"
KINDS = {"PV": "view", "view": "view", "purchase": "purchase", "Refund": "return", "odd": "odd"}
NOW = datetime(2024, 6, 1)
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?", re.ASCII)
PIECES = [
    *('"', "'", ",", ";", "\t", "|", "\n", "\r\n", "\r", "\\", "{", "}", "[", "/", "~", "%", " "),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202e", "\U0001f6d2", "\u0301e", "\ufeff", "\x01", "\x1f"),
    *("\x7f", "\x85", "\u2028", "\u00a0", "null", "NULL", "nan", "é", "a", "x" * 300, "0"),
]


def tries(count):
    """How many examples a proof takes; `PENCHANT_PROOF=10` takes ten times as many, at random."""
    return settings(max_examples=count * TIMES, derandomize=TIMES == 1)


texts = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
)
times = st.sampled_from(
    [
        *("2024-01-31", "2024-02-01 00:00:00", "2024-02-01T12:30:00", "1706745600", "20240301"),
        *("2024-02-30", "never", "1969-12-31", "2100-01-01", "2101-01-01", "2024-06-03", "1e999"),
        *("", None, "infinity", "99999999999999999999", "2024-01-31 23:00:00+00"),
    ]
)
TIMES_READ = {
    "2024-01-31": datetime(2024, 1, 31),
    "2024-02-01 00:00:00": datetime(2024, 2, 1),
    "2024-02-01T12:30:00": datetime(2024, 2, 1, 12, 30),
    "1706745600": datetime(2024, 2, 1),
    "20240301": datetime(2024, 3, 1),
    "2024-01-31 23:00:00+00": datetime(2024, 1, 31, 23),
}
TIMES_REFUSED = {
    "2024-02-30": "unreadable time",
    "never": "unreadable time",
    "1e999": "unreadable time",
    "99999999999999999999": "unreadable time",
    "1969-12-31": "time outside 1970-2100",
    "2101-01-01": "time outside 1970-2100",
    "infinity": "time outside 1970-2100",
    "2100-01-01": "time in the future",
    "2024-06-03": "time in the future",
}
numbers = st.sampled_from(
    [
        *(None, "", "0", "-0", "1", "2.50", "1e3", "-1", "nan", "inf", "1e400", "x", "9" * 300),
        *("1,5", "1.234,50", "1,234.50", "-2,75", "1,234", "1,2,3", "1.5,", ",5"),
    ]
)
rows = st.fixed_dictionaries(
    {
        c.USER: st.sampled_from(["ann", "bob"]) | texts | st.none(),
        c.ITEM: st.sampled_from(["7", "0.10"]) | texts | st.none(),
        c.TIME: times,
        c.KIND: st.sampled_from([*KINDS, " view ", "", None]),
        c.VALUE: numbers,
        c.QUERY: st.none() | texts,
        c.EVENT: st.none() | st.sampled_from(["1", "2", "3"]),
    }
)
logs = st.lists(rows, min_size=1, max_size=25)


def text(cell):
    """A cell trimmed; None when nothing is left."""
    return (cell or "").strip(BLANKS) or None


COMMAS_READ = {"1,5": 1.5, "1.234,50": 1234.5, "1,234.50": 1234.5, "-2,75": -2.75}


def number(cell):
    """A finite number, None, or the word 'bad'."""
    if text(cell) is None:
        return None
    try:
        read = COMMAS_READ[cell] if cell in COMMAS_READ else float(cell)
    except ValueError:
        return "bad"
    return read + 0.0 if math.isfinite(read) else "bad"


def judged(row):
    """The event that a row is, or the reason why it is none."""
    time, value = text(row[c.TIME]), number(row[c.VALUE])
    kind = text(row[c.KIND])
    kind = KINDS.get(kind, kind)
    negative = value not in (None, "bad") and value < 0
    returned = negative and kind in ("purchase", "return")
    rules = [
        ("no user", text(row[c.USER]) is None),
        ("no time", time is None),
        (TIMES_REFUSED.get(time), time in TIMES_REFUSED),
        ("unreadable number", value == "bad"),
        ("negative number", negative and not returned),
        ("no kind", kind is None),
        (
            "neither item nor query",
            text(row[c.ITEM]) is None and text(row[c.QUERY]) is None and kind != "odd",
        ),
    ]
    reason = next((reason for reason, broken in rules if broken), None)
    if reason:
        return reason
    return {
        c.USER: text(row[c.USER]),
        c.ITEM: text(row[c.ITEM]),
        c.TIME: TIMES_READ[time],
        c.KIND: "return" if returned else kind,
        c.VALUE: abs(value) if returned else value,
        c.QUANTITY: None,
        c.ORDER: None,
        c.QUERY: text(row[c.QUERY]),
        c.DWELL: None,
        c.EVENT: row[c.EVENT],
    }


def order(event):
    """What events are sorted by: user, time and item, then all the rest; nothing comes last."""
    named = [event[name] for name in (c.USER, c.TIME, c.ITEM)]
    rest = [event[name] for name in event if name not in (c.USER, c.TIME, c.ITEM)]
    cells = [cell.encode() if isinstance(cell, str) else cell for cell in (*named, *rest)]
    return [(cell is None, 0 if cell is None else cell) for cell in cells]


def kept(events):
    """Each event once, and of those with one id the smallest."""
    smallest, others = {}, {}
    for event in events:
        if event[c.EVENT] is None:
            others[tuple(event.values())] = event
        elif event[c.EVENT] not in smallest or order(event) < order(smallest[event[c.EVENT]]):
            smallest[event[c.EVENT]] = event
    return sorted([*smallest.values(), *others.values()], key=order)


def expected(log):
    """Of a log: its events, and its refused rows as pairs of number and reason."""
    verdicts = [judged(row) for row in log]
    refused = [(place, v) for place, v in enumerate(verdicts, start=1) if isinstance(v, str)]
    return kept([v for v in verdicts if isinstance(v, dict)]), refused


def held(store):
    """Events of a store, in order."""
    return sorted(store.events().to_pyarrow().to_pylist(), key=order)


def aside(store):
    """Quarantined rows of a store, as pairs of number and reason."""
    rows = store.quarantine().to_pyarrow().to_pylist()
    return sorted((row[c.ROW], row[c.REASON]) for row in rows)


def assert_identity(receipt, store):
    """Every row sent to a store that was empty is accepted, a duplicate or set aside."""
    found = store.quarantine().to_pyarrow().to_pylist()
    assert receipt.accepted + receipt.duplicate + receipt.quarantined == receipt.sent
    assert Counter(row[c.REASON] for row in found) == receipt.reasons
    assert len({(row[c.SOURCE], row[c.ROW]) for row in found}) == receipt.quarantined
    assert {row[c.ROW] for row in found} <= set(range(1, receipt.sent + 1)) or MALFORMED in (
        receipt.reasons
    )
    assert store.counts["events"] == store.events().count().execute() == receipt.accepted
    assert store.verify() == ()
