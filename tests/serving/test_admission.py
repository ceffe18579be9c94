"""One event is judged as batch ingest judges a line of JSON."""

import json
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.accept import accept_events
from penchant.data.engine import session
from penchant.data.events import EVENT_SCHEMA
from penchant.data.files import PLAIN
from penchant.data.mapping import Mapping
from penchant.data.quarantine import WIRE
from penchant.data.reading import read
from penchant.data.replay import Choice
from penchant.data.store import Store
from penchant.serving.admission import Admission
from penchant.serving.commit import Commit, Refused, Row, microseconds
from penchant.serving.compaction import _event_table, _quarantine_table
from serving import odd

NOW = datetime(2026, 11, 15, 12)
END = microseconds(NOW + timedelta(days=1))
WHOLE = dict.fromkeys(EVENT_SCHEMA.names, "1")  # a line with all columns, as the wire has them


@pytest.fixture(scope="module")
def admissions():
    return {zone: Admission(zone) for zone in odd.ZONES}


def by_batch(lines, zone, folder):
    """Rows and faults as batch ingest has them of a file of these lines."""
    path = folder / "events.jsonl"
    path.write_text("".join(line + "\n" for line in [json.dumps(WHOLE), *lines]))
    with session() as connection:
        reading = read(connection, path, folder, format=PLAIN)
        judged = accept_events(reading, Mapping(), zone, NOW).placed
        rows = judged.rows.select(
            judged.rows[c.ROW], judged.verdict.name(c.VERDICT), **judged.values
        )
        statement = f'SELECT * FROM ({connection.compile(rows)}) ORDER BY "{c.ROW}"'
        reader = connection.raw_sql(statement)
        names = [column[0] for column in reader.description]
        told = [dict(zip(names, row, strict=True)) for row in reader.fetchall()[1:]]
    faults = judged.faults
    return [
        tuple(row[name] for name in EVENT_SCHEMA.names)
        if (code := row[c.VERDICT]) >= 0
        else (faults[-code - 1].field, faults[-code - 1].reason)
        for row in told
    ]


def by_wire(admission, events):
    return [plain(verdict) for verdict in admission.judge(events, END)]


def plain(verdict):
    if isinstance(verdict, Refused):
        return verdict.field, verdict.reason
    cells = msgspec.structs.astuple(verdict)
    return *cells[:2], verdict.moment, *cells[3:]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(odd.events(), min_size=50, max_size=90), st.sampled_from(odd.ZONES))
def test_the_wire_judges_as_a_batch_does(admissions, tmp_path, sent, zone):
    lines = [json.dumps(event) for event in sent]
    decoded = [msgspec.json.decode(line) for line in lines]
    batch, wire = by_batch(lines, zone, tmp_path), by_wire(admissions[zone], decoded)
    for event, expected, found in zip(sent, batch, wire, strict=True):
        assert repr(found) == repr(expected), event


def odd_events():
    """An event for every odd cell, and for every case of a sign."""
    usual = {"user": "ann", "item": "tea", "time": "2024-01-05", "kind": "purchase"}
    strange = [*odd.BLANK, *odd.WHOLE, *odd.BROKEN, *odd.NESTED]
    cells = {name: [*strange, *odd.NUMBER_TEXTS] for name in EVENT_SCHEMA.names}
    cells[c.TIME] += [*odd.TIME_TEXTS, *range(19_991_231, 20_000_303)]
    cells[c.KIND] += odd.KINDS
    sent = [{**usual, name: cell} for name, choices in cells.items() for cell in choices]
    sent += [
        {**usual, "kind": kind, "value": value, "quantity": quantity}
        for kind in ("purchase", "return", "view", None)
        for value in (None, -2, 0, 2)
        for quantity in (None, -3, 0, 3)
    ]
    lines = [json.dumps(event) for event in sent]
    return lines, [msgspec.json.decode(line) for line in lines]


def test_every_odd_cell_is_judged_alike(admissions, tmp_path):
    lines, decoded = odd_events()
    for zone in odd.ZONES:
        batch, wire = by_batch(lines, zone, tmp_path), by_wire(admissions[zone], decoded)
        wrong = [
            (event, expected, found)
            for event, expected, found in zip(decoded, batch, wire, strict=True)
            if repr(found) != repr(expected)
        ]
        assert not wrong


def test_the_store_holds_the_same_whichever_way_they_came(admissions, tmp_path):
    lines, decoded = odd_events()
    path = tmp_path / "events.jsonl"
    path.write_text("".join(line + "\n" for line in [json.dumps(WHOLE), *lines]))
    by_file, by_wire = (Store.create(tmp_path / name) for name in ("file", "wire"))
    by_file.append(path, timezone="Europe/Berlin", now=NOW)
    verdicts = admissions["Europe/Berlin"].judge([WHOLE, *decoded], END)
    rows = [one for one in verdicts if isinstance(one, Row)]
    commit = Commit(rows, [one for one in verdicts if isinstance(one, Refused)])
    by_wire.absorb(_event_table([commit]), _quarantine_table([commit]))
    held, expected = (
        sorted(map(repr, s.logged().to_pyarrow().to_pylist())) for s in (by_wire, by_file)
    )
    assert held == expected
    assert not by_wire.quarantine().filter(lambda t: t.source != WIRE).count().execute()


def test_an_event_of_the_wire_needs_a_kind(admissions):
    (refused,) = admissions["UTC"].judge([{"user": "a", "item": "b", "time": "2024-01-05"}], END)
    assert (refused.field, refused.reason) == ("kind", "no kind")


def test_what_is_no_event_is_quarantined(admissions):
    for thing in (None, 7, "text", ["user"]):
        (refused,) = admissions["UTC"].judge([thing], END)
        assert (refused.field, refused.reason) == (None, "malformed line")


def test_usual_events_don_t_need_the_engine(admissions, monkeypatch):
    admission = admissions["Europe/Berlin"]
    monkeypatch.setattr(admission._referee, "judge", None)
    sent = [
        {"user": "a", "item": "b", "kind": "view", "time": time}
        for time in ("2024-07-05T10:00:00Z", "2024-07-05 12:00", 1720173600, 1720173600000)
    ]
    verdicts = admission.judge(sent, END)
    assert len({verdict.time for verdict in verdicts}) == 1
    assert all(isinstance(verdict, Row) for verdict in verdicts)


def test_a_quarantined_event_can_be_corrected_and_sent_again(admissions, tmp_path):
    (refused,) = admissions["UTC"].judge([{"user": "a", "item": 5, "kind": "view"}], END)
    store = Store.create(tmp_path / "store")
    commit = Commit([], [refused])
    store.absorb(_event_table([commit]), _quarantine_table([commit]))
    receipt = store.replay(Choice(reason="no time"), {"time": "2024-01-05"})
    assert (receipt.sent, receipt.accepted) == (1, 1)
    assert store.events().execute()["item"].tolist() == ["5"]
    assert store.counts["quarantine"] == 0
