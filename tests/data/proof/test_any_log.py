"""Whatever a log holds and whatever format it comes in, the same rows are accepted and refused."""

import csv
import gzip
import io
import json
from collections import Counter

import duckdb
import ibis
import logs
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.store import Store

CSV = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FORMATS = (*CSV, "gz", "json", "json.gz", "parquet", "pandas", "arrow", "duckdb", "ibis")


def written(log, form, folder):
    """Write a log in a format, and return what to append."""
    table = pa.Table.from_pylist(log, pa.schema([(name, pa.string()) for name in logs.COLUMNS]))
    if form in CSV or form == "gz":
        text = io.StringIO()
        lines = csv.writer(text, delimiter=CSV.get(form, ","), quoting=csv.QUOTE_ALL)
        lines.writerows([logs.COLUMNS, *([row[n] for n in logs.COLUMNS] for row in log)])
        content = text.getvalue().encode()
        path = folder / ("log.csv.GZ" if form == "gz" else f"{form}.csv")
        path.write_bytes(gzip.compress(content) if form == "gz" else content)
        return path
    if form.startswith("json"):
        path = folder / (form.replace("json", "log.jsonl"))
        lines = (json.dumps(row, ensure_ascii=place % 2) for place, row in enumerate(log))
        content = "".join(line + "\n" for line in lines).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path
    if form == "duckdb":
        with duckdb.connect(str(folder / "shop.duckdb")) as database:
            database.register("log", table)
            database.execute("CREATE OR REPLACE TABLE events AS FROM log")
        return f"{folder / 'shop.duckdb'}::events"
    if form == "parquet":
        pq.write_table(table, folder / "log.parquet", row_group_size=3, version="1.0")
        return folder / "log.parquet"
    if form == "pandas":
        return pd.DataFrame(log, columns=logs.COLUMNS)
    return ibis.memtable(table) if form == "ibis" else table


@pytest.mark.parametrize("form", FORMATS)
@logs.tries(2)
@given(log=logs.logs)
def test_each_row_is_what_the_rules_say_in_any_format(tmp_path_factory, form, log):
    folder = tmp_path_factory.mktemp("log")
    store = Store.create(folder / "store")
    receipt = store.append(written(log, form, folder), now=logs.NOW)
    events, refused = logs.expected(log)
    assert logs.held(store) == events
    assert logs.aside(store) == sorted(refused)
    assert (receipt.sent, receipt.accepted) == (len(log), len(events))
    logs.assert_identity(receipt, store)
    again = store.append(written(log, form, folder), now=logs.NOW)
    assert (again.accepted, again.sent) == (0, len(log))
    assert logs.held(store) == events
    assert logs.aside(store) == sorted(refused)


ODD = {
    "float16": pa.array([1, 2, None], pa.float16()),
    "int8": pa.array([1, 2, -3], pa.int8()),
    "uint64": pa.array([1, 2, 2**64 - 1], pa.uint64()),
    "decimal": pa.array([1, 2, None], pa.decimal128(38, 9)),
    "dictionary": pa.array(["1", "2", "1"]).dictionary_encode(),
    "string view": pa.array(["1", "2", "3"], pa.string_view()),
    "bytes": pa.array([b"1", b"2", b"\xff\x00"]),
    "list": pa.array([["1"], [None, "2"], []]),
    "struct": pa.array([{"a": 1}, {"a": None}, {"a": 3}]),
    "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "date": pa.array([1, 2, 3], pa.date32()),
    "time": pa.array([1, 2, 3], pa.time64("us")),
    "duration": pa.array([1, 2, 3], pa.duration("s")),
    "instant": pa.array([1, -(2**62), 2**63 - 2], pa.timestamp("us", "UTC")),
    "nanoseconds": pa.array([1, -(2**62), 2**62], pa.timestamp("ns")),
    "bool": pa.array([True, False, None]),
    "nothing": pa.nulls(3),
    "infinite": pa.array([float("inf"), float("nan"), 1e300]),
}


@pytest.mark.parametrize("name", ODD)
def test_columns_of_any_type_lose_no_row(tmp_path, name):
    columns = {
        "user": ["ann", "bob", "eve"],
        "item": ["1", "2", "3"],
        "time": ["2024-01-01"] * 3,
        "value": [1.0, 2.0, 3.0],
    }
    odd = ODD[name]
    pq.write_table(pa.table({**columns, "item": odd, "query": odd}), tmp_path / "odd.parquet")
    sources = [
        tmp_path / "odd.parquet",
        pa.table({**columns, "user": odd, "value": odd, "time": odd}),
    ]
    for number, source in enumerate(sources):
        store = Store.create(tmp_path / f"store-{number}")
        receipt = store.append(source, now=logs.NOW)
        assert receipt.sent == 3
        logs.assert_identity(receipt, store)
        if number == 0 and name not in REPEATING:
            assert len(set(store.events()[c.ITEM].to_list())) == 3 - odd.null_count


REPEATING = ("dictionary", "infinite", "map", "nothing")  # or with nothing in them
CELLS = st.sampled_from(
    [
        *(None, "", "a", "a\0b", "\0", "\ud800", "caf\udce9", b"\xff", 0, -1, 2**70, 1.5, 1e300),
        *(float("nan"), float("inf"), True, 1 + 2j, [1], {"a": None}, (), object, pd.NA, pd.NaT),
        *(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="Asia/Tokyo"), "x" * 100_000),
        *(pd.Period("2024-01", "M"), pd.Timedelta("1s"), "2024-01-01"),
    ]
)


@logs.tries(6)
@given(frame=st.lists(st.tuples(*[CELLS] * 4), max_size=8))
def test_a_data_frame_of_any_objects_loses_no_row(tmp_path_factory, frame):
    store = Store.create(tmp_path_factory.mktemp("frame") / "store")
    table = pd.DataFrame(frame, columns=["user", "item", "time", "value"], dtype=object)
    receipt = store.append(table, now=logs.NOW)
    assert receipt.sent == len(frame)
    logs.assert_identity(receipt, store)


def test_what_frames_alone_can_hold_is_kept_apart(tmp_path):
    store = Store.create(tmp_path / "store")
    frame = pd.DataFrame(
        {
            "user": ["a\ud800", "a\ud801", 2**70, 2**71],
            "item": pd.arrays.SparseArray([0, 1.5, 0, 0]),
            "time": pd.period_range("2024-01", periods=4, freq="M"),
            "value": pd.Categorical(["1", "2", "2", "1"]),
        }
    )
    assert store.append(frame, now=logs.NOW).accepted == 4
    assert len(set(store.events()[c.USER].to_list())) == 4
    assert min(store.events()[c.TIME].to_list()) == pd.Timestamp("2024-01-01")


@pytest.mark.parametrize("form", ["tab", "gz", "json", "parquet", "duckdb"])
def test_huge_cells_are_kept_or_set_aside_alone(tmp_path, form):
    row = dict.fromkeys(logs.COLUMNS) | {"user": "ann", "item": "1", "time": "2024-01-01"}
    row["kind"] = "view"
    log = [row | {"item": "é" * 100_000}, row | {"user": None, "query": "q" * 100_000}, row]
    store = Store.create(tmp_path / "store")
    receipt = store.append(written(log, form, tmp_path), now=logs.NOW)
    assert (receipt.sent, receipt.accepted, receipt.quarantined) == (3, 2, 1)
    assert {len(event[c.ITEM]) for event in logs.held(store)} == {1, 100_000}
    (content,) = store.quarantine()[c.CONTENT].to_list()
    assert json.loads(content)["query"] == "q" * 100_000


@pytest.mark.parametrize("form", ["comma", "parquet", "pandas"])
def test_a_cell_of_more_than_16_megabytes_costs_at_most_itself(tmp_path, form):
    row = dict.fromkeys(logs.COLUMNS) | {"user": "ann", "item": "1", "time": "2024-01-01"}
    row["kind"] = "view"
    log = [row, row | {"item": "x" * 17_000_000}, row | {"user": "bob"}, row | {"user": None}]
    store = Store.create(tmp_path / "store")
    receipt = store.append(written(log, form, tmp_path), now=logs.NOW)
    lost = {"malformed line": 1} if form == "comma" else {}
    assert receipt.reasons == {**lost, "no user": 1}
    assert receipt.sent == 4
    assert (4, "no user") in logs.aside(store)
    assert {event[c.USER] for event in logs.held(store)} == {"ann", "bob"}


def test_column_names_of_any_kind_are_kept(tmp_path):
    names = ["their_user", "row", "source", "verdict", "month", "unread_value", "q\"'~/", "🛒", " "]
    odd = dict.fromkeys(names, "1")
    good = {"user": "ann", "item": "1", "time": "2024-01-01"}
    (tmp_path / "odd.jsonl").write_text(
        "".join(
            json.dumps(row) + "\n"
            for row in (
                good | odd,
                {"USER": "bob", "Item": "2", "time": "2024-01-01", "": 1, "a\0b": 2},
                good | odd | {"user": None, "": 5},
            )
        )
    )
    store = Store.create(tmp_path / "store")
    receipt = store.append(tmp_path / "odd.jsonl", now=logs.NOW)
    assert Counter(receipt.reasons) == {"no user": 1}
    assert sorted(event[c.USER] for event in logs.held(store)) == ["ann", "bob"]
    (content,) = store.quarantine()[c.CONTENT].to_list()
    assert {name: json.loads(content)[name] for name in names} == odd
