"""A session is what a customer did without a long pause."""

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.sessions import session_table, with_sessions

START = np.datetime64("2021-03-01T10:00:00", "us")
VISIT = [  # user, minute, kind, item, dwell, order
    ("ann", 0.0, "search", None, None, None),
    ("ann", 1.0, "view", "rye", 40.0, None),
    ("ann", 31.0, "view", "brie", 20.0, None),  # 30 minutes later: the same visit
    ("ann", 61.1, "purchase", "rye", None, "o1"),  # more than 30 later
    ("ann", 61.1, "purchase", "brie", None, "o1"),
    ("ann", 70.0, "return", "brie", None, "o2"),
    ("bob", 1.0, "view", "rye", None, None),
]


def table(rows):
    user, minute, kind, item, dwell, order = zip(*rows, strict=True)
    seconds = (np.array(minute) * 60).astype("timedelta64[s]")
    return ibis.memtable(
        pa.table(
            {
                c.USER: user,
                c.TIME: START + seconds,
                c.KIND: kind,
                c.ITEM: pa.array(item, pa.string()),
                c.DWELL: pa.array(dwell, pa.float64()),
                c.ORDER: pa.array(order, pa.string()),
            }
        )
    )


def test_sessions_are_numbered_and_summed_up():
    rows = session_table(with_sessions(table(VISIT))).to_pandas()
    assert rows[[c.USER, c.SESSION]].to_numpy().tolist() == [["ann", 1], ["ann", 2], ["bob", 1]]
    assert rows["events"].tolist() == [3, 3, 1]
    assert rows["items"].tolist() == [2, 2, 1]
    assert rows[["search", "view", "purchase", "return"]].to_numpy().tolist() == [
        [1, 2, 0, 0],
        [0, 0, 2, 1],
        [0, 1, 0, 0],
    ]
    assert rows["converted"].tolist() == [False, True, False]
    assert rows[c.DWELL].fillna(-1).tolist() == [60.0, -1, -1]
    assert rows[c.START].iloc[0] == pd.Timestamp(START)
    assert rows[c.END].iloc[0] - rows[c.START].iloc[0] == pd.Timedelta(minutes=31)


@pytest.mark.parametrize(("gap", "sessions"), [(0.5, 6), (9.0, 4), (40.0, 2)])
def test_the_pause_that_ends_a_session_can_be_chosen(gap, sessions):
    assert session_table(with_sessions(table(VISIT), gap)).count().execute() == sessions


def test_topics_are_counted_where_events_have_them():
    events = table(VISIT).mutate(topic=ibis.literal(3))
    assert session_table(with_sessions(events))["topics"].to_pyarrow().to_pylist() == [1, 1, 1]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 200)), min_size=1, max_size=40),
    st.randoms(),
)
def test_sessions_are_those_of_a_plain_loop(moments, random):
    expected, last, number = {}, {}, {}
    for user, minute in sorted(moments):
        if user not in last or minute - last[user] > 30:
            number[user] = number.get(user, 0) + 1
        last[user] = minute
        expected[user, minute] = number[user]
    random.shuffle(moments)
    rows = [(user, minute, "view", None, None, None) for user, minute in moments]
    found = with_sessions(table(rows)).to_pandas()
    minutes = (found[c.TIME] - pd.Timestamp(START)).dt.total_seconds() / 60
    got = zip(found[c.USER], minutes, found[c.SESSION], strict=True)
    assert len(found) == len(moments)
    assert all(expected[user, minute] == session for user, minute, session in got)
