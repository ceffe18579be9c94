"""A damaged file is refused with the way out, or read with every row accounted for."""

import gzip
import json
from collections import Counter

import duckdb
import logs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.store import Store
from penchant.errors import DataError

LOG = [
    {"user": "ann", "item": "7", "time": "2024-01-31", "kind": "view", "value": "1"},
    {"user": "bob", "item": 'tall "x", blue', "time": "2024-02-01", "kind": "pv", "value": ""},
    {"user": "", "item": "a\nb", "time": "2024-02-01", "kind": "purchase", "value": "2"},
    {"user": "çağrı", "item": "c", "time": "2024-03-01", "kind": "purchase", "value": "x"},
]
CSV = "user,item,time,kind,value\n" + "".join(
    ",".join('"' + cell.replace('"', '""') + '"' for cell in row.values()) + "\n" for row in LOG
)
JSON = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in LOG)
OLD = [{"user": "old", "item": "1", "time": "2024-01-01"}]
SPOILERS = [
    *(b'"', b"\n", b"\r", b"\r\n", b"\0", b",", b";", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9"),
    *(b"\n\n\n", b"{", b"}", b"[" * 1000, b"\\", b"\\u0000", b"\\ud800", b"'", b"\x01", b""),
]


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """The same log's bytes in each format."""
    folder = tmp_path_factory.mktemp("valid")
    table = pa.Table.from_pylist(LOG)
    pq.write_table(table, folder / "log.parquet", row_group_size=2)
    with duckdb.connect(str(folder / "log.duckdb")) as database:
        database.register("log", table)
        database.execute("CREATE TABLE events AS FROM log")
    return {
        "csv": CSV.encode(),
        "csv.gz": gzip.compress(CSV.encode(), mtime=0),
        "jsonl": JSON.encode(),
        "jsonl.gz": gzip.compress(JSON.encode(), mtime=0),
        "parquet": (folder / "log.parquet").read_bytes(),
        "duckdb": (folder / "log.duckdb").read_bytes(),
    }


@st.composite
def damages(draw):
    """A few cuts, flips and insertions, each at a share of a file's length."""
    place = st.floats(0, 1)
    return draw(
        st.lists(
            st.tuples(st.just("cut"), place, st.none())
            | st.tuples(st.just("flip"), place, st.integers(1, 255))
            | st.tuples(st.just("insert"), place, st.sampled_from(SPOILERS)),
            min_size=1,
            max_size=3,
        )
    )


def damaged(content, damage):
    for kind, share, what in damage:
        at = int(share * len(content))
        if kind == "cut":
            content = content[:at]
        elif kind == "insert":
            content = content[:at] + what + content[at:]
        elif at < len(content):
            content = content[:at] + bytes([content[at] ^ what]) + content[at + 1 :]
    return content


def append(folder, name, content):
    """What a store that holds something makes of a file: a receipt, or the refusal's words."""
    store = Store.create(folder / "store")
    store.append(pa.Table.from_pylist(OLD))
    before = (store.path / "manifest.json").read_bytes()
    (folder / name).write_bytes(content)
    source = f"{folder / name}::events" if name.endswith("duckdb") else folder / name
    try:
        outcome = store.append(source, now=logs.NOW)
    except DataError as error:
        outcome = str(error)
    if isinstance(outcome, str):
        assert (store.path / "manifest.json").read_bytes() == before
        assert len(outcome) > 20
    else:
        aside = store.quarantine().to_pyarrow().to_pylist()
        assert outcome.sent == outcome.accepted + outcome.duplicate + outcome.quarantined
        assert Counter(row[c.REASON] for row in aside) == outcome.reasons
        assert len({(row[c.SOURCE], row[c.ROW]) for row in aside}) == outcome.quarantined
        assert store.events().count().execute() == 1 + outcome.accepted
    assert store.verify() == ()
    assert not list(store.path.rglob(".pending-*"))
    return store, outcome


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "duckdb"])
@logs.tries(3)
@given(damage=damages())
def test_a_damaged_file_is_refused_or_read_in_full(tmp_path_factory, valid, ending, damage):
    append(tmp_path_factory.mktemp("damage"), f"log.{ending}", damaged(valid[ending], damage))


lines = st.lists(
    st.sampled_from(
        [
            *("ann,1,2024-01-01", "bob,2,2024-01-02", ",3,2024-01-01", "eve,4,never", "", "x"),
            *("a,b", "a,b,2024-01-01,c", '"a\nb",1,2024-01-01', '"q""",1,2024-02-01', ",,"),
        ]
    ),
    max_size=14,
)
WELL = {"ann,1,2024-01-01", "bob,2,2024-01-02", '"a\nb",1,2024-01-01', '"q""",1,2024-02-01'}
REASONS = {",3,2024-01-01": "no user", "eve,4,never": "unreadable time", ",,": "no user"}


@logs.tries(6)
@given(
    rows=lines,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    last=st.booleans(),
)
def test_each_csv_line_has_its_number_and_reason(tmp_path_factory, rows, end, encoding, last):
    text = end.join(["user,item,time", *rows]) + end * last
    content = text.encode(encoding)
    store, receipt = append(tmp_path_factory.mktemp("lines"), "log.csv", content)
    sent = [row for row in rows if row]
    aside = [(at, REASONS.get(r, "malformed line")) for at, r in enumerate(sent, 1)]
    refused = [pair for pair, row in zip(aside, sent, strict=True) if row not in WELL]
    assert logs.aside(store) == refused
    assert receipt.sent == len(sent)
    assert receipt.accepted == len(WELL & set(sent))


objects = st.lists(
    st.sampled_from(
        [
            *('{"user": "ann", "item": 1, "time": "2024-01-01"}', '{"user": "b"', "[1]", "7", ""),
            *('{"item": 1, "time": "2024-01-01"}', '{"user": "a\x01"}', '"', "[" * 5000, "{}"),
        ]
    ),
    min_size=1,
    max_size=12,
)


@logs.tries(5)
@given(rows=objects, end=st.sampled_from(["\n", "\r\n"]))
def test_each_json_line_has_its_number_and_reason(tmp_path_factory, rows, end):
    first = '{"user": "bob", "item": 2, "time": "2024-01-01"}'
    content = end.join([first, *rows]).encode()
    store, receipt = append(tmp_path_factory.mktemp("lines"), "log.jsonl", content)
    reasons = {'{"item": 1, "time": "2024-01-01"}': "no user", "{}": "no user"}
    sent = [(at, row) for at, row in enumerate(rows, 2) if row]
    assert logs.aside(store) == [
        (at, reasons.get(row, "malformed line")) for at, row in sent if '"ann"' not in row
    ]
    assert receipt.sent == 1 + len(sent)
    contents = store.quarantine().filter(lambda t: t[c.REASON] == "malformed line")
    kept = [json.loads(content)["line"] for content in contents[c.CONTENT].to_list()]
    malformed = [row for _, row in sent if '"ann"' not in row and row not in reasons]
    assert sorted(kept) == sorted(malformed)


SHIPSHAPE = "user,item,time\nann,1,2024-01-01\n"


@pytest.mark.parametrize(
    ("name", "content", "sent"),
    [
        ("header.csv", b"user,item,time\n", 0),
        ("header.csv.gz", gzip.compress(b"user,item,time", mtime=0), 0),
        ("upper.CSV.GZ", gzip.compress(SHIPSHAPE.encode(), mtime=0), 1),
        (
            "two.csv.gz",
            gzip.compress(SHIPSHAPE.encode(), mtime=0)
            + gzip.compress(b"bob,1,2024-01-01\n", mtime=0),
            2,
        ),
        ("weird [1]*?'.csv", SHIPSHAPE.encode(), 1),
        ("western.csv", SHIPSHAPE.replace("ann", "caf\xe9").encode("cp1252"), 1),
        ("mixed.csv", SHIPSHAPE.replace("ann", "é").encode() + b"\xe9,2,2024-01-01\r\n", 2),
        ("stray.csv", SHIPSHAPE.encode() + b"bob,2,2024-01-01\reve,3,2024-01-01\n", 3),
        ("quoted.csv", SHIPSHAPE.encode() + b'bob,"x\r\ny",2024-01-01\n\n\n', 2),
        ("extra.csv", SHIPSHAPE.encode() + b"bob,2,2024-01-01,,\n", 2),
        ("blank.jsonl", b'\n\n{"user": "a", "item": 1, "time": "2024"}\n\n', 1),
        ("deep.jsonl", b'{"user": ' + b"[" * 9**5 + b"]" * 9**5 + b', "item": 1, "time": ""}', 1),
        ("controls.jsonl", b'{"user": "a", "item": 1, "time": "2024-01-01"}\n{"user": "\x01"}', 2),
    ],
)
def test_an_odd_file_is_read_in_full(tmp_path, name, content, sent):
    _, receipt = append(tmp_path, name, content)
    assert getattr(receipt, "sent", receipt) == sent


def test_line_ends_within_quotes_are_the_cells_own(tmp_path):
    content = (
        b'user,item,time\r\nann,"1\r\n2",2024-01-01\nbob,"3\r4",2024-01-01\n\xe9,5,2024-01-01\n'
    )
    store, _ = append(tmp_path, "log.csv", content)
    assert {e[c.ITEM] for e in logs.held(store)} == {"1", "1\r\n2", "3\r4", "5"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("blank.csv", b"\n\nuser,item,time\n", "begins with an empty line"),
        ("twice.csv", b"user,item,time,USER\n", "more than one column 'user'"),
        ("nouser.csv", b"who,item,time\n", "no column for 'user'"),
        ("array.json", b'[{"user": 1}, {"user": 2}]', "jq"),
        ("scalars.jsonl", b"1\n2\n", "no JSON object"),
        ("long.jsonl", b'{"user": "' + b"x" * 17_000_000 + b'"}', "line size"),
        ("cut.csv.gz", gzip.compress(SHIPSHAPE.encode(), mtime=0)[:-9], "Can't read"),
        ("plain.csv.gz", SHIPSHAPE.encode(), "Can't read"),
        ("empty.parquet", b"", "Can't read"),
        ("cut.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "Can't read"),
        ("text.duckdb", SHIPSHAPE.encode(), "Can't read"),
    ],
)
def test_a_file_that_is_no_log_says_so(tmp_path, name, content, words):
    store, refusal = append(tmp_path, name, content)
    assert words in refusal
    assert logs.aside(store) == []


def test_decimals_that_would_be_misread_are_refused(tmp_path):
    columns = {"user": ["a"], "item": ["1"], "time": ["2024-01-01"]}
    wide = pa.table({**columns, "value": pa.array([150], pa.decimal256(50, 2))})
    pq.write_table(wide, tmp_path / "wide.parquet")
    store = Store.create(tmp_path / "store")
    with pytest.raises(DataError, match=r"'value'.*more than 38 digits"):
        store.append(tmp_path / "wide.parquet")
    store.append(wide)
    assert store.events()[c.VALUE].to_list() == [150.0]
