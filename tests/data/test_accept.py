"""Each row is accepted, or set aside with its place and its first reason."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.accept import accept_catalog, accept_events, accept_holidays
from penchant.data.engine import connect
from penchant.data.events import EVENT_SCHEMA
from penchant.data.mapping import CatalogMapping, HolidayMapping, Mapping
from penchant.data.reading import read

SCRATCH = Path()  # nothing handed in as a table needs one


@pytest.fixture(scope="module")
def connection():
    return connect(threads=1)


def accepted(connection, source, mapping=None, timezone="UTC"):
    verdict = accept_events(read(connection, source, SCRATCH), mapping or Mapping(), timezone)
    assert verdict.quarantined.count().execute() == 0, verdict.quarantined.execute()
    assert verdict.accepted.columns == tuple(EVENT_SCHEMA.names)
    return verdict.accepted.to_pyarrow().to_pylist()


def faults(connection, source, mapping=None):
    verdict = accept_events(read(connection, source, SCRATCH), mapping or Mapping(), "UTC")
    rows = verdict.quarantined.to_pyarrow().to_pylist()
    return {row[c.ROW]: (row[c.FIELD], row[c.REASON]) for row in rows}


GOOD = {
    "user": "a",
    "item": "x",
    "time": "2024-05-01",
    "kind": "buy",
    "value": "1",
    "quantity": "1",
    "dwell": "2.5",
    "query": "",
}


FAULTS = [
    ({"user": "  "}, ("user", "no user")),
    ({"time": ""}, ("time", "no time")),
    ({"time": "01/05/2024"}, ("time", "unreadable time")),
    ({"time": "2024-02-30"}, ("time", "unreadable time")),
    ({"time": "1969-12-31 23:59:59"}, ("time", "time outside 1970-2100")),
    ({"time": "2101-01-01"}, ("time", "time outside 1970-2100")),
    ({"time": "infinity"}, ("time", "time outside 1970-2100")),
    ({"time": "2100-12-31"}, ("time", "time in the future")),
    ({"value": "1,500"}, ("value", "unreadable number")),
    ({"value": "NaN"}, ("value", "unreadable number")),
    ({"value": "-inf"}, ("value", "unreadable number")),
    ({"quantity": "two"}, ("quantity", "unreadable number")),
    ({"dwell": "1e999"}, ("dwell", "unreadable number")),
    ({"item": ""}, ("item", "neither item nor query")),
    ({"kind": " "}, ("kind", "no kind")),
    ({"kind": "view", "value": "-1"}, ("value", "negative number")),
    ({"kind": "cart", "quantity": "-2"}, ("quantity", "negative number")),
    ({"value": "-1", "quantity": "2"}, ("value", "negative number")),
    ({"user": "", "time": "x", "value": "y"}, ("user", "no user")),
    ({"time": "x", "value": "y", "item": ""}, ("time", "unreadable time")),
]


def test_the_first_reason_is_given_with_row_and_field(connection):
    table = pa.Table.from_pylist([GOOD, *(GOOD | change for change, _ in FAULTS)])
    expected = {row: fault for row, (_, fault) in enumerate(FAULTS, start=2)}
    assert faults(connection, table) == expected


def test_the_content_is_the_row_as_it_came(connection):
    table = pa.table({"user": [None], "item": [7], "time": ["2024-01-01"], "odd": [float("nan")]})
    verdict = accept_events(read(connection, table, SCRATCH), Mapping(), "UTC")
    (row,) = verdict.quarantined.to_pyarrow().to_pylist()
    assert json.loads(row[c.CONTENT]) == {
        "user": None,
        "item": "7",
        "time": "2024-01-01",
        "odd": "nan",
    }
    assert row[c.SOURCE] == "pyarrow table"


def test_a_missing_number_of_a_data_frame_is_no_fault_and_nan_elsewhere_is(connection):
    columns = {"user": ["a"], "item": ["x"], "time": ["2024-01-01"], "value": [float("nan")]}
    (row,) = accepted(connection, pd.DataFrame(columns))
    assert row[c.VALUE] is None
    assert faults(connection, pa.table(columns)) == {1: ("value", "unreadable number")}


BERLIN_SUMMER = datetime(2024, 7, 1, 12, 30)
INSTANT = 1719829800  # 2024-07-01 10:30 UTC


TEXTS = [
    "2024-07-01 12:30:00",
    "2024-07-01T12:30",
    "2024/07/01 12:30:00",
    " 2024-07-01 10:30:00 UTC ",
    "2024-07-01T10:30:00Z",
    "2024-07-01T10:30:00.000 Z",
    "2024-07-01 10:30:00 GMT",
    "2024-07-01T06:30:00-04:00",
    "2024-07-01T16:00:00+0530",
    "2024-07-01 10:30:00+00",
    str(INSTANT),
    f"{INSTANT}.0",
    str(INSTANT * 1000),
    str(INSTANT * 1_000_000),
]


@pytest.mark.parametrize(
    "times",
    [
        TEXTS,
        [INSTANT, INSTANT * 1000, INSTANT * 1_000_000],
        [float(INSTANT), INSTANT * 1000.0],
        [datetime(2024, 7, 1, 12, 30)],
        [pd.Timestamp("2024-07-01 12:30", tz="Europe/Berlin")],
        [pd.Timestamp("2024-07-01 03:30", tz="America/Los_Angeles")],
    ],
)
def test_times_land_on_the_shops_wall_clock(connection, times):
    frame = pd.DataFrame({"user": "a", "item": [*map(str, times)], "time": times})
    for row in accepted(connection, frame, timezone="Europe/Berlin"):
        assert row[c.TIME] == BERLIN_SUMMER, row


@pytest.mark.parametrize(
    ("values", "mapping"),
    [
        (["2024-03-05"], Mapping()),
        ([datetime(2024, 3, 5).date()], Mapping()),
        ([20240305], Mapping()),
        (["20240305"], Mapping()),
        ([64], Mapping(time="time@2024-01-01")),
        (["64"], Mapping(time="time@2024-01-01")),
        (["05.03.2024"], Mapping(time="time@%d.%m.%Y")),
        (["whatever"], Mapping(time="=2024-03-05")),
    ],
)
def test_days_are_midnights_in_any_zone(connection, values, mapping):
    frame = pd.DataFrame({"user": ["a"], "item": ["x"], "time": values})
    (row,) = accepted(connection, frame, mapping, timezone="Asia/Tokyo")
    assert row[c.TIME] == datetime(2024, 3, 5)


def test_ids_are_trimmed_text_and_kinds_lower_case_words(connection):
    frame = pd.DataFrame(
        {
            "user_id": [1.0, 2.0],
            "sku": [" x ", "y"],
            "ts": ["2024-01-01", "2024-01-01"],
            "behavior": ["PV", "Unboxing"],
            "price": ["-0", "2e1"],
        }
    )
    rows = accepted(connection, frame, Mapping(time="ts", order="=web"))
    assert [row[c.USER] for row in rows] == ["1", "2"]
    assert [row[c.ITEM] for row in rows] == ["x", "y"]
    assert [row[c.KIND] for row in rows] == ["view", "unboxing"]
    assert [str(row[c.VALUE]) for row in rows] == ["0.0", "20.0"]
    assert [row[c.ORDER] for row in rows] == ["web", "web"]


@pytest.mark.parametrize(
    ("row", "kind", "value", "quantity"),
    [
        ({"kind": "purchase", "quantity": "-2", "value": "-9"}, "return", 9.0, 2.0),
        ({"kind": "order", "quantity": "-2", "value": "9"}, "return", 9.0, 2.0),
        ({"kind": "purchase", "quantity": None, "value": "-9"}, "return", 9.0, None),
        ({"kind": "refund", "quantity": "1", "value": "-9"}, "return", 9.0, 1.0),
        ({"kind": "return", "quantity": "1", "value": "9"}, "return", 9.0, 1.0),
    ],
)
def test_a_cancelled_purchase_is_a_return(connection, row, kind, value, quantity):
    (event,) = accepted(connection, pa.Table.from_pylist([GOOD | row]))
    assert (event[c.KIND], event[c.VALUE], event[c.QUANTITY]) == (kind, value, quantity)


def test_a_negative_dwell_time_is_left_out(connection):
    (event,) = accepted(connection, pa.Table.from_pylist([GOOD | {"dwell": "-1"}]))
    assert event[c.DWELL] is None


def test_the_future_begins_a_day_after_now(connection):
    now = datetime(2024, 5, 1, 12)
    times = [now + timedelta(hours=hours) for hours in (0, 23, 25)]
    table = pa.table({"user": ["a"] * 3, "item": ["x"] * 3, "time": times})
    verdict = accept_events(read(connection, table, SCRATCH), Mapping(), "UTC", now)
    assert sorted(verdict.accepted[c.TIME].execute()) == times[:2]
    assert verdict.quarantined[c.REASON].execute().tolist() == ["time in the future"]


def test_what_is_about_no_item_needs_none(connection):
    rows = [GOOD | {"item": None, "kind": kind} for kind in ("visit", "social", "session_start")]
    assert len(accepted(connection, pa.Table.from_pylist(rows))) == 3


def test_a_search_needs_no_item(connection):
    table = pa.table({"user": ["a"], "query": ["red shoes"], "time": ["2024-01-01"]})
    (row,) = accepted(connection, table, Mapping(kind="=search"))
    assert (row[c.ITEM], row[c.QUERY], row[c.KIND]) == (None, "red shoes", "search")


@pytest.mark.parametrize(
    ("source", "mapping", "path"),
    [
        ({"path": ["A > B > C"]}, CatalogMapping(), ["A", "B", "C"]),
        ({"path": ["A >  > C"]}, CatalogMapping(), ["A"]),
        ({"path": ["A > B > "]}, CatalogMapping(), ["A", "B"]),
        ({"path": [" > B"]}, CatalogMapping(), []),
        ({"path": [None]}, CatalogMapping(), []),
        ({"c": ["A| B "]}, CatalogMapping(path="c", separator="|"), ["A", "B"]),
        ({"c": ["A/B"]}, CatalogMapping(path="c", separator="/"), ["A", "B"]),
        ({"c": ["A/B"]}, CatalogMapping(path="c"), ["A/B"]),
        ({"path": [["A", "B"]]}, CatalogMapping(), ["A", "B"]),
        ({"path": [["A", "", "C"]]}, CatalogMapping(), ["A"]),
        ({"path": [["A", None, "C"]]}, CatalogMapping(), ["A"]),
        ({"department": ["A"], "category": ["B"], "type": ["C"]}, CatalogMapping(), list("ABC")),
        ({"department": ["A"], "category": [" "], "type": ["C"]}, CatalogMapping(), ["A"]),
        ({"department": [None], "category": ["B"]}, CatalogMapping(), []),
        ({}, CatalogMapping(), []),
    ],
)
def test_a_path_ends_at_its_first_empty_level(connection, source, mapping, path):
    reading = read(connection, pa.table({"item": ["x"]} | source), SCRATCH)
    (row,) = accept_catalog(reading, mapping).accepted.to_pyarrow().to_pylist()
    assert row[c.PATH] == path


def test_a_holiday_without_an_end_lasts_its_day(connection):
    reading = read(connection, pa.table({"date": ["2024-12-25"], "name": ["Christmas"]}), SCRATCH)
    verdict = accept_holidays(reading, HolidayMapping())
    (row,) = verdict.accepted.to_pyarrow().to_pylist()
    assert row == {
        c.START: datetime(2024, 12, 25),
        c.END: datetime(2024, 12, 26),
        c.NAME: "Christmas",
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("11,46", 11.46),
        ("1.234,50", 1234.5),
        (" 1,234.50 ", 1234.5),
        ("2.000.000,125", 2000000.125),
    ],
)
def test_numbers_with_one_reading_are_read(connection, text, number):
    table = pa.table({"user": ["a"], "item": ["x"], "time": ["2024-01-31"], "value": [text]})
    (row,) = accepted(connection, table)
    assert row[c.VALUE] == number


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31T14:30Z",
        "2024-01-31 23:30+09:00",
        "2024-01-31 15:30:00 +0100",
        "2024-01-31 15:30:00 +01:00",
        "2024-01-31T14:30:00.000+0000",
    ],
)
def test_zones_are_read_however_they_are_written(connection, text):
    table = pa.table({"user": ["a"], "item": ["x"], "time": [text]})
    (row,) = accepted(connection, table, timezone="Asia/Tokyo")
    assert row[c.TIME] == datetime(2024, 1, 31, 23, 30)


def test_a_pattern_with_a_zone_gives_the_shops_time(connection):
    table = pa.table({"user": ["a"], "item": ["x"], "time": ["31/01/2024 23:30:00 +0000"]})
    mapping = Mapping(time="time@%d/%m/%Y %H:%M:%S %z")
    (row,) = accepted(connection, table, mapping, timezone="Asia/Tokyo")
    assert row[c.TIME] == datetime(2024, 2, 1, 8, 30)
