"""No log makes the rules fail, and what they say of it holds together."""

from datetime import datetime

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data import quality
from penchant.data.engine import connect
from penchant.data.events import EVENT_SCHEMA
from penchant.data.evidence import Evidence
from penchant.data.quarantine import QUARANTINE_SCHEMA

amounts = st.none() | st.floats(0, 1e300, allow_nan=False) | st.sampled_from([0.0, 1.0])
words = st.none() | st.sampled_from(["a", "b", "cafÃ©", "", "'", "%s", "\ufffd"])
times = st.sampled_from(
    [datetime(1970, 1, 1), datetime(2024, 2, 29, 23, 59, 59), datetime(2100, 12, 31)]
) | st.datetimes(datetime(2024, 1, 1), datetime(2024, 3, 1))
event = st.fixed_dictionaries(
    {
        c.USER: st.sampled_from(["ann", "bob", "guest", "0"]),
        c.ITEM: words,
        c.TIME: times,
        c.KIND: st.sampled_from(["purchase", "view", "return", "search", "else"]),
        c.VALUE: amounts,
        c.QUANTITY: amounts,
        c.ORDER: words,
        c.QUERY: words,
        c.DWELL: amounts,
        c.EVENT: st.none(),
    }
)
logs = st.lists(event, min_size=1, max_size=60)
BEYOND = {  # whose price is more than a number can hold
    **dict.fromkeys(EVENT_SCHEMA.names),
    c.USER: "ann",
    c.ITEM: "a",
    c.TIME: datetime(2024, 1, 1),
    c.KIND: "purchase",
    c.VALUE: 7e299,
    c.QUANTITY: 4e-216,
}


@settings(max_examples=15)
@example(rows=[BEYOND], copies=40)
@given(rows=logs, copies=st.sampled_from([1, 1, 40]))
def test_any_log_is_looked_over(rows, copies):
    connection = connect(threads=1)
    table = pa.Table.from_pylist(rows * copies, schema=EVENT_SCHEMA)
    events = connection.create_table("events", table)
    aside = connection.create_table("aside", QUARANTINE_SCHEMA.empty_table())
    findings = quality.examine(Evidence(events, None, aside))
    serious = [one.serious for one in findings]
    assert serious == sorted(serious, reverse=True)
    for one in findings:
        assert 0 <= one.share <= 1
        assert "nan" not in one.what
    told = {one.code: one.rows for one in findings}
    for code in quality.SELECTABLE:
        chosen = quality.suspicious(events, code).to_pyarrow()
        assert len(chosen) == told.get(code, 0)
