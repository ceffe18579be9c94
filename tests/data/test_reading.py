"""Any format gives the same rows, and no bad cell or line ends a read."""

import gzip
import json

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant import columns as c
from penchant.data.engine import connect
from penchant.data.mapping import Mapping
from penchant.data.reading import read
from penchant.data.store import Store
from penchant.errors import DataError

ROWS = [
    {"user": "ann", "item": "7", "time": "2024-01-31 23:59:59", "kind": "view", "value": None},
    {"user": "bob", "item": 'tall "x", blue', "time": "2024-02-01", "kind": "cart", "value": "1.5"},
    {"user": "çağrı", "item": "a\nb", "time": "2024-02-01", "kind": "purchase", "value": "2"},
]
CSV = (
    "user,item,time,kind,value\n"
    "ann,7,2024-01-31 23:59:59,view,\n"
    'bob,"tall ""x"", blue",2024-02-01,cart,1.5\n'
    'çağrı,"a\nb",2024-02-01,purchase,2\n'
)


@pytest.fixture(scope="module")
def connection():
    return connect(threads=1)


def sources(folder):
    table = pa.Table.from_pylist(ROWS)
    typed = table.set_column(4, "value", table["value"].cast("float64"))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (folder / "a.csv").write_text(CSV, encoding="utf-8")
    (folder / "b.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (folder / "c.jsonl").write_text(lines, encoding="utf-8")
    (folder / "d.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "semicolon.csv").write_text(CSV.replace(",", ";").replace("; ", ", "), "utf-8")
    (folder / "bom.csv").write_text("\ufeff" + CSV, encoding="utf-8")
    (folder / "parts").mkdir()
    pq.write_table(typed.slice(0, 1), folder / "parts" / "0.parquet")
    pq.write_table(typed.slice(1), folder / "parts" / "1.parquet")
    (folder / "parts" / "_SUCCESS").write_text("")
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        database.register("typed", typed)
        database.execute("CREATE TABLE orders AS FROM typed")
    return {
        "csv": folder / "a.csv",
        "gzipped csv": str(folder / "b.csv.gz"),
        "json lines": folder / "c.jsonl",
        "gzipped json lines": folder / "d.ndjson.gz",
        "semicolons": folder / "semicolon.csv",
        "byte order mark": folder / "bom.csv",
        "folder": folder / "parts",
        "glob": str(folder / "parts" / "*.parquet"),
        "database": f"{folder / 'shop.duckdb'}::orders",
        "ibis": ibis.memtable(typed),
        "pandas": typed.to_pandas(),
        "pyarrow": typed,
    }


def test_all_formats_give_the_same_events(tmp_path):
    (tmp_path / "in").mkdir()
    expected = None
    for name, source in sources(tmp_path / "in").items():
        store = Store.create(tmp_path / name)
        receipt = store.append(source)
        assert (receipt.sent, receipt.accepted) == (3, 3), name
        store.compact()
        manifest = (store.path / "manifest.json").read_text()
        expected = expected or manifest
        assert manifest == expected, name


def test_malformed_csv_lines_are_kept_with_line_and_reason(tmp_path, connection):
    file = tmp_path / "broken.csv"
    file.write_text("user,item,time\na,1,2024\nb,2\nc,3,2024,x\nd,4,2024\ne,5\nf,6,2024\n")
    reading = read(connection, file, tmp_path)
    rows = {
        row["their_user"]: row[c.ROW]
        for row in reading.malformed.counted_in(reading.placed).to_pyarrow().to_pylist()
    }
    assert rows == {"a": 1, "d": 4, "f": 6}
    aside = {row[c.ROW]: row for row in reading.malformed.lines.to_pyarrow().to_pylist()}
    assert sorted(aside) == [2, 3, 5]
    assert json.loads(aside[3][c.CONTENT])["line"] == "c,3,2024,x"
    assert "Expected Number of Columns: 3 Found: 2" in aside[2][c.CONTENT]
    assert {row[c.REASON] for row in aside.values()} == {"malformed line"}
    assert {row[c.SOURCE] for row in aside.values()} == {str(file)}


def test_mixed_line_ends_and_unclosed_quotes_lose_nothing(tmp_path, connection):
    file = tmp_path / "broken.csv"
    file.write_bytes(b'user,item,time\r\na,1,2024\nb,2,2024\r\nc,"3,2024\n')
    reading = read(connection, file, tmp_path)
    assert reading.rows.count().execute() == 2
    (aside,) = reading.malformed.lines.to_pyarrow().to_pylist()
    assert json.loads(aside[c.CONTENT])["line"] == 'c,"3,2024'
    assert aside[c.SOURCE] == str(file)


def test_broken_json_lines_keep_their_line_numbers(tmp_path, connection):
    file = tmp_path / "a.jsonl"
    file.write_text('{"user": "a"}\n\n{"user": \n[1]\n{"user": "b", "item": 3}\n')
    reading = read(connection, file, tmp_path)
    assert reading.placed.order_by(c.ROW)[c.ROW].execute().tolist() == [1, 5]
    assert sorted(reading.malformed.lines[c.ROW].execute()) == [3, 4]
    assert reading.columns == ("item", "user")


def test_files_of_one_folder_may_have_different_columns(tmp_path, connection):
    (tmp_path / "a.csv").write_text("user,item\na,1\n")
    (tmp_path / "b.csv").write_text("user,price\nb,2\n")
    rows = read(connection, tmp_path, tmp_path).placed.to_pyarrow().to_pylist()
    contents = {row.pop(c.SOURCE).rpartition("/")[2]: list(row.values()) for row in rows}
    assert contents == {"a.csv": [1, "a", "1", None], "b.csv": [1, "b", None, "2"]}


def test_a_data_frame_may_mix_types_and_name_columns_by_number(tmp_path, connection):
    frame = pd.DataFrame({0: [1, "a", 2.5], "nothing": [None, None, None]})
    reading = read(connection, frame, tmp_path)
    assert reading.columns == ("0", "nothing")
    assert reading.rows["their_0"].execute().tolist() == ["1", "a", "2.5"]


@pytest.mark.parametrize(
    ("encoding", "mended"),
    [
        ("utf-8", 0),
        ("utf-8-sig", 0),
        ("utf-16", 0),
        ("utf-16-le", 0),
        ("utf-16-be", 0),
        ("cp1252", 1),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_other_encodings_are_read_and_counted(tmp_path, encoding, mended, ending):
    lines = {
        "csv": "user,item,time\na,1,2024-01-01\nb,café,2024-01-01\n",
        "jsonl": '{"user": "a", "item": "1", "time": "2024-01-01"}\n'
        '{"user": "b", "item": "café", "time": "2024-01-01"}\n',
    }
    file = tmp_path / f"odd.{ending}"
    file.write_bytes(lines[ending].encode(encoding))
    store = Store.create(tmp_path / "store")
    receipt = store.append(file)
    assert (receipt.sent, receipt.accepted) == (2, 2)
    assert sum(receipt.repaired.values()) == mended
    assert sorted(store.events()[c.ITEM].execute()) == ["1", "café"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", ["a.csv", "is empty"]),
        ("a.csv", b"user,User\n1,2\n", ["more than one column 'user'"]),
        ("a.xlsx", b"PK", ["format", ".xlsx", "Parquet"]),
        ("a.parquet", b"PAR?", ["Can't read", "a.parquet"]),
        ("a.json", b'[\n{"user": 1},\n{"user": 2}]\n', ["JSON Lines", "jq"]),
        ("a.csv.gz", b"no gzip", ["Can't read", "a.csv.gz"]),
    ],
)
def test_an_unreadable_file_says_what_was_found(tmp_path, connection, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read(connection, tmp_path / name, tmp_path)
    assert all(word in str(error.value) for word in words)


def test_a_missing_file_or_table_says_what_is_there(tmp_path, connection):
    (tmp_path / "orders.csv").write_text("user\n1\n")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE orders AS SELECT 1 AS user")
    with pytest.raises(DataError, match=r"no file.*Did you mean 'orders.csv'"):
        read(connection, tmp_path / "order.csv", tmp_path)
    with pytest.raises(DataError, match=r"'order' is no table.*Did you mean"):
        read(connect(), f"{tmp_path / 'shop.duckdb'}::order", tmp_path)
    with pytest.raises(DataError, match=r"Name a table"):
        read(connect(), tmp_path / "shop.duckdb", tmp_path)
    with pytest.raises(DataError, match="Can't read a dict"):
        read(connection, {}, tmp_path)


def test_reading_again_on_one_connection_starts_afresh(tmp_path, connection):
    (tmp_path / "a.csv").write_text("user,item\na\n")
    assert read(connection, tmp_path / "a.csv", tmp_path).malformed.lines.count().execute() == 1
    assert read(connection, tmp_path / "a.csv", tmp_path).malformed.lines.count().execute() == 1


def test_a_hive_folder_of_csv_reaches_the_store(tmp_path):
    folder = tmp_path / "in" / "day=2024-01-01"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("user,item,time\na,1,2024-01-01\n")
    store = Store.create(tmp_path / "store")
    assert store.append(tmp_path / "in", Mapping()).accepted == 1


def test_a_name_with_a_pattern_in_it_is_that_file_alone(tmp_path):
    for name, user in (("x[1].csv", "a"), ("x1.csv", "b"), ("y*.csv", "c"), ("y2.csv", "d")):
        (tmp_path / name).write_text(f"user,item,time\n{user},1,2024-01-01\nbad\n")
    for name, user in (("x[1].csv", "a"), ("y*.csv", "c")):
        store = Store.create(tmp_path / f"store {user}")
        receipt = store.append(tmp_path / name)
        assert (receipt.accepted, receipt.reasons) == (1, {"malformed line": 1})
        assert store.events()[c.USER].execute().tolist() == [user]


def test_parquet_parts_may_have_columns_of_any_name(tmp_path):
    for number, row in enumerate(({"line": 80}, {"line": 81})):
        rows = [{"user": "a", "item": "1", "time": "2024-01-01"} | row, {"user": "b"} | row]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{number}.parquet")
    store = Store.create(tmp_path / "store")
    assert store.append(str(tmp_path / "*.parquet")).quarantined == 2
    places = store.quarantine().select(c.SOURCE, c.ROW).to_pyarrow().to_pylist()
    assert sorted((p[c.SOURCE][-9:], p[c.ROW]) for p in places) == [
        ("0.parquet", 2),
        ("1.parquet", 2),
    ]
    for name in ("filename", "file_row_number"):
        for number in range(2):
            rows = [{"user": "a", "item": str(number), "time": "2024-01-01", name: "odd"}]
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}{number}.parquet")
        assert store.append(str(tmp_path / f"{name}?.parquet")).sent == 2


def test_a_folders_value_doesnt_hide_a_column(tmp_path):
    folder = tmp_path / "in" / "user=zed"
    folder.mkdir(parents=True)
    pq.write_table(
        pa.table({"user": ["a"], "item": ["1"], "time": ["2024-01-01"]}), folder / "0.parquet"
    )
    store = Store.create(tmp_path / "store")
    store.append(tmp_path / "in")
    assert store.events()[c.USER].execute().tolist() == ["a"]


def test_columns_that_differ_by_case_are_one(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("User,item,time\na,1,2024-01-01\n")
    (tmp_path / "in" / "b.csv").write_text("user,Item,time\nb,2,2024-01-01\n")
    store = Store.create(tmp_path / "store")
    assert store.append(tmp_path / "in").accepted == 2
