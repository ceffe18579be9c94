"""Rows leave the quarantine when they are right, and events enter it when a rule says so."""

import json

import ibis
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.mapping import Mapping
from penchant.data.replay import Choice
from penchant.data.store import Store
from penchant.errors import DataError

LINES = """user,item,time,value
a,1,2024-01-01,1
a,1,01/02/2024,2
,2,2024-01-01,3
b,3
"""


@pytest.fixture
def store(tmp_path):
    (tmp_path / "day.csv").write_text(LINES)
    store = Store.create(tmp_path / "store")
    store.append(tmp_path / "day.csv")
    return store


def aside(store):
    rows = store.quarantine().order_by(c.ROW).to_pyarrow().to_pylist()
    return [(row[c.ROW], row[c.REASON]) for row in rows]


def counts(receipt):
    return receipt.sent, receipt.accepted, receipt.duplicate, receipt.quarantined


def test_a_corrected_row_is_accepted_and_leaves_the_quarantine(store):
    receipt = store.replay(Choice(reason="unreadable time"), {"time": "2024-02-01"})
    assert counts(receipt) == (1, 1, 0, 0)
    assert aside(store) == [(3, "no user"), (4, "malformed line")]
    assert sorted(store.events()[c.VALUE].execute()) == [1.0, 2.0]


def test_a_row_corrected_to_one_that_is_held_counts_as_its_duplicate(store):
    same = {"time": "2024-01-01", "value": "1"}
    assert counts(store.replay(Choice(rows=(2,)), same)) == (1, 0, 1, 0)
    assert store.counts["events"] == 1
    assert aside(store) == [(3, "no user"), (4, "malformed line")]


def test_a_row_still_wrong_stays_in_its_place_with_its_changes(store):
    receipt = store.replay(Choice(reason="no user"), {"user": "c", "time": "soon"})
    assert counts(receipt) == (1, 0, 0, 1)
    assert (3, "unreadable time") in aside(store)
    kept = store.quarantine().filter(ibis._.row == 3)[c.CONTENT].execute()[0]
    assert json.loads(kept) == {"user": "c", "item": "2", "time": "soon", "value": "3"}


def test_a_malformed_line_is_sent_again_only_when_asked_for_with_its_cells(store):
    assert counts(store.replay(Choice())) == (2, 0, 0, 2)
    cells = {"user": "b", "item": "3", "time": "2024-03-01"}
    assert counts(store.replay(Choice(rows=(4,)), cells)) == (1, 1, 0, 0)
    assert aside(store) == [(2, "unreadable time"), (3, "no user")]


def test_a_mended_mapping_brings_rows_in(tmp_path):
    store = Store.create(tmp_path / "store")
    store.append(pa.table({"who": ["a"], "item": ["1"], "on": ["01/02/2024"]}), Mapping(
        user="who", time="on"))  # fmt: skip
    mended = Mapping(user="who", time="on@%d/%m/%Y")
    assert counts(store.replay(Choice(), mapping=mended)) == (1, 1, 0, 0)
    assert store.counts["quarantine"] == 0


def test_rows_of_a_known_format_need_no_mapping_to_come_back(tmp_path):
    file = tmp_path / "events.jsonl"
    event = {"type": "track", "userId": "a", "event": "Product Viewed", "timestamp": "yesterday",
             "messageId": "m1", "properties": {"product_id": "p1"}}  # fmt: skip
    file.write_text(json.dumps(event) + "\n")
    store = Store.create(tmp_path / "store")
    assert store.append(file, format="segment").reasons == {"unreadable time": 1}
    unfitting = Mapping(user="member")
    receipt = store.replay(Choice(), {"time": "2024-01-01T10:00:00Z"}, unfitting)
    assert counts(receipt) == (1, 1, 0, 0)
    assert store.events()[c.ITEM].execute().tolist() == ["p1"]


def test_nothing_chosen_is_refused_and_nothing_changes(store):
    before = aside(store)
    with pytest.raises(DataError, match="No row in quarantine fits"):
        store.replay(Choice(rows=(99,)))
    assert aside(store) == before


def test_events_set_aside_come_back_as_they_were(store):
    store.append(pa.table({"user": ["r"] * 3, "item": ["1", "2", "3"], "time": ["2024-01-05"] * 3}))
    before = sorted(map(str, store.events().to_pyarrow().to_pylist()))
    events = store.logged()
    robots = events.filter(events[c.USER] == "r")
    marked = robots.mutate(field=ibis.literal("user"), reason=ibis.literal("bot"))
    assert store.set_aside(marked) == 3
    assert store.counts["events"] == 1
    assert [reason for _, reason in aside(store)].count("bot") == 3
    assert counts(store.replay(Choice()))[0] == 2  # they don't come back unasked
    assert counts(store.replay(Choice(reason="bot"))) == (3, 3, 0, 0)
    assert sorted(map(str, store.events().to_pyarrow().to_pylist())) == before


def test_identities_bring_a_customers_events_together(store):
    store.append(pa.table({"user": ["cookie"], "item": ["1"], "time": ["2024-01-05"]}))
    store.replace_people(pa.table({"user": ["a", "cookie"], "age": ["30", "31"]}))
    pairs = pa.table({"anonymous_id": ["cookie", None], "user_id": ["a", "b"]})
    receipt = store.replace_identities(pairs)
    assert (receipt.accepted, receipt.reasons) == (1, {"no alias": 1})
    assert set(store.events()[c.USER].execute()) == {"a"}
    assert set(store.logged()[c.USER].execute()) == {"a", "cookie"}
    assert store.people().to_pyarrow().to_pylist() == [{"user": "a", "age": "30"}]


def test_the_mapping_of_a_plain_source_holds_when_its_rows_come_back(tmp_path):
    (tmp_path / "log.csv").write_text("user,item,time,paid\na,1,soon,5\n")
    store = Store.create(tmp_path / "store")
    mapping = Mapping(kind="=view", value="paid")
    store.append(tmp_path / "log.csv", mapping)
    store.replay(Choice(), {"time": "2024-01-02"}, mapping)
    (event,) = store.events().to_pyarrow().to_pylist()
    assert (event[c.KIND], event[c.VALUE]) == ("view", 5.0)


def test_a_change_may_name_our_column_or_theirs_and_no_other(tmp_path):
    (tmp_path / "log.csv").write_text("who,item,Datum\na,1,soon\nb,2,later\n")
    store = Store.create(tmp_path / "store")
    mapping = Mapping(user="who", time="Datum")
    store.append(tmp_path / "log.csv", mapping)
    with pytest.raises(DataError, match="no column 'tmie'"):
        store.replay(Choice(), {"tmie": "2024-01-02"}, mapping)
    assert store.replay(Choice(rows=(1,)), {"time": "2024-01-02"}, mapping).accepted == 1
    assert store.replay(Choice(rows=(2,)), {"datum": "2024-01-03"}, mapping).accepted == 1


def test_an_event_set_aside_and_sent_again_is_held_already(tmp_path, store):
    rows = pa.table(
        {
            "user": ["r", "r", "s"],
            "item": ["1", "1", "2"],
            "time": ["2024-01-05 10:00:00", "2024-03-01", "2024-01-05"],
            "value": [1.5, None, 2.0],
            "event": ["e1", None, "e3"],
        }
    )
    store.append(rows)
    events = store.logged()
    marked = events.filter(events[c.USER] == "r").mutate(
        field=ibis.literal("user"), reason=ibis.literal("bot")
    )
    assert store.set_aside(marked) == 2
    assert counts(store.append(rows)) == (3, 0, 3, 0)
    assert counts(store.replay(Choice(reason="bot"))) == (2, 2, 0, 0)
    assert counts(store.append(rows)) == (3, 0, 3, 0)


def test_what_is_dropped_is_gone(store):
    assert store.drop(Choice(reason="no user")) == 1
    assert store.drop(Choice(source="day.csv", everything=True)) == 2
    assert aside(store) == []


def test_only_what_is_held_is_set_aside_each_in_a_place_of_its_own(store):
    store.append(pa.table({"user": ["r", "s"], "item": ["1", "2"], "time": ["2024-01-05"] * 2}))
    for user in ("r", "s"):
        events = store.logged()
        marked = events.filter(events[c.USER] == user).mutate(
            field=ibis.literal("user"), reason=ibis.literal("bot")
        )
        assert store.set_aside(marked) == 1
        assert store.set_aside(marked.mutate(user=ibis.literal("nobody"))) == 0
    kept = store.quarantine().filter(ibis._.reason == "bot").order_by(c.ROW)
    assert kept[c.ROW].execute().tolist() == [1, 2]


def test_attributes_may_have_any_name_beside_identities(store):
    store.replace_people(pa.table({"user": ["a"], "customer": ["vip"], "time": ["9"], "row": [7]}))
    store.replace_identities(pa.table({"alias": ["cookie"], "user": ["b"]}))
    assert store.people().to_pyarrow().to_pylist() == [
        {"user": "a", "customer": "vip", "time": "9", "row": "7"}
    ]
