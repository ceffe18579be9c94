"""The same rows give the same store, whatever batches they came in, and no crash breaks it."""

import json
import subprocess
import sys
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data import manifest as files
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.mapping import CatalogMapping, Mapping, PeopleMapping
from penchant.data.store import Store
from penchant.errors import DataError

START = datetime(2024, 1, 30)
EVENTS = [
    {"user": user, "item": item, "time": START + timedelta(days=day), "value": float(day)}
    for user in ("ann", "bob")
    for item in ("x", "y")
    for day in (0, 1, 2, 40)
]


def frame(rows):
    return pd.DataFrame(rows, columns=["user", "item", "time", "value", "event"])


def manifest(store):
    return (store.path / "manifest.json").read_bytes()


def held(store):
    return sorted(map(str, store.events().to_pyarrow().to_pylist()))


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


rows = st.fixed_dictionaries(
    {
        "user": st.sampled_from(["ann", "bob", " ann "]),
        "item": st.sampled_from(["x", "y", None]),
        "time": st.sampled_from(["2024-01-31", "2024-02-01T00:00:00", "2024-02-01", "bad", None]),
        "value": st.sampled_from(["1", "-0", "0", None, "nan", "x"]),
        "event": st.sampled_from([None, None, "1", "2"]),
    }
)


@settings(max_examples=8)
@given(batch=st.lists(rows, min_size=1, max_size=12), data=st.data())
def test_duplicated_reordered_or_split_the_events_are_the_same(tmp_path_factory, batch, data):
    folder = tmp_path_factory.mktemp("stores")
    whole, parts = Store.create(folder / "whole"), Store.create(folder / "parts")
    whole.append(frame(batch))
    shuffled = data.draw(st.permutations(batch + batch[: data.draw(st.integers(0, 3))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    for part in (shuffled[:cut], shuffled[cut:]):
        receipt = parts.append(frame(part))
        assert receipt.accepted + receipt.duplicate + receipt.quarantined == len(part)
        assert sum(receipt.reasons.values()) == receipt.quarantined
    assert held(parts) == held(whole)
    for store in (parts, whole):
        store.compact()
    assert parts.manifest.of("events") == whole.manifest.of("events")
    assert whole.counts["events"] == whole.events().count().execute()


def test_a_clean_batch_gives_the_same_manifest_split_any_way(tmp_path, store):
    store.append(frame(EVENTS))
    other = Store.create(tmp_path / "other")
    for start in (8, 0, 4, 12, 8):
        other.append(frame(EVENTS[start : start + 4][::-1]))
    assert manifest(other) != manifest(store)
    other.compact()
    store.compact()
    assert manifest(other) == manifest(store)
    assert store.span == (START, START + timedelta(days=40))
    months = [file.folder for file in store.manifest.files]
    assert months == [f"events/month=2024-{month}" for month in ("01", "02", "03")]


def test_a_replay_adds_nothing_and_says_so(store, tmp_path):
    file = tmp_path / "day.csv"
    file.write_text("user,item,time\na,1,2024-01-01\na,1,2024-01-01\n,2,2024-01-01\nb,3\n")
    first = store.append(file)
    before = manifest(store)
    assert (first.sent, first.accepted, first.duplicate, first.quarantined) == (4, 1, 1, 2)
    assert first.reasons == {"malformed line": 1, "no user": 1}
    again = store.append(file)
    assert (again.sent, again.accepted, again.duplicate, again.quarantined) == (4, 0, 2, 2)
    assert manifest(store) == before
    aside = store.quarantine().order_by(c.ROW).to_pyarrow().to_pylist()
    assert [(row[c.ROW], row[c.FIELD], row[c.REASON]) for row in aside] == [
        (3, "user", "no user"),
        (4, None, "malformed line"),
    ]
    assert {row[c.SOURCE] for row in aside} == {str(file)}


@pytest.mark.parametrize("order", [1, -1])
def test_of_one_event_id_the_smallest_row_stays_even_across_months(store, order):
    versions = [
        {"user": "ann", "item": "x", "time": "2024-01-31", "event": "7"},
        {"user": "ann", "item": "x", "time": "2024-02-01", "event": "7"},
    ]
    receipts = [store.append(frame([version])) for version in versions[::order]]
    assert [receipt.accepted for receipt in receipts] == [1, 0]
    assert receipts[1].duplicate == 1
    assert store.events()[c.TIME].execute().tolist() == [pd.Timestamp("2024-01-31")]
    assert [file.folder for file in store.manifest.files] == ["events/month=2024-01"]
    store.compact()
    assert not (store.path / "events" / "month=2024-02").exists()


def test_an_empty_store_has_empty_tables_of_the_right_columns(store):
    assert store.events().to_pyarrow().schema.names == EVENT_SCHEMA.names
    assert store.catalog().to_pyarrow().schema.names == CATALOG_SCHEMA.names
    for table in (store.people(), store.promotions(), store.holidays(), store.quarantine()):
        assert table.count().execute() == 0
    assert store.span is None
    assert set(store.counts.values()) == {0}


def test_tables_of_a_store_join_with_each_other(store):
    store.append(frame(EVENTS))
    store.replace_catalog(pa.table({"item": ["x", "y", "z"], "path": ["A > B", "A", None]}))
    joined = store.events().inner_join(store.catalog(), c.ITEM)
    assert joined.count().execute() == len(EVENTS)
    assert set(store.catalog().columns) == set(CATALOG_SCHEMA.names)


def test_a_catalog_is_replaced_with_its_quarantine(store):
    first = pa.table({"sku": ["b", "a", "a", None], "cost": ["1", "2", "2", "3"]})
    mapping = CatalogMapping(item="sku", price="cost")
    receipt = store.replace_catalog(first, mapping)
    assert (receipt.accepted, receipt.duplicate, receipt.quarantined) == (2, 1, 1)
    assert store.quarantine()[c.REASON].execute().tolist() == ["no item"]
    assert store.replace_catalog(pa.table({"item": ["c"]})).accepted == 1
    assert store.catalog()[c.ITEM].execute().tolist() == ["c"]
    assert store.counts["quarantine"] == 0
    assert len(list((store.path / "catalog").iterdir())) == 2  # one for those who still read it
    store.compact()
    assert len(list((store.path / "catalog").iterdir())) == 1


def test_people_keep_any_column_and_one_row_each(store):
    people = pa.table({"id": [1, 2, 2], "age": ["45-54", "65+", "65+"], "reason": ["a", "b", "b"]})
    assert store.replace_people(people, PeopleMapping(user="id")).duplicate == 1
    assert store.people().order_by(c.USER).to_pyarrow().to_pylist() == [
        {"user": "1", "age": "45-54", "reason": "a"},
        {"user": "2", "age": "65+", "reason": "b"},
    ]
    differing = pa.table({"user": ["1", "1"], "age": ["45-54", "65+"]})
    with pytest.raises(DataError, match="one row a customer"):
        store.replace_people(differing)
    assert store.counts["people"] == 2


def test_promotions_and_holidays_are_checked(store):
    promotions = pa.table(
        {
            "item": ["x", "x"],
            "start": ["2024-01-01", "2024-02-01"],
            "end": ["2024-01-08", "2024-01-08"],
        }
    )
    receipt = store.replace_promotions(promotions)
    assert (receipt.accepted, receipt.reasons) == (1, {"ends before it starts": 1})
    assert store.promotions()[c.STRENGTH].execute().tolist() == [1.0]
    assert store.replace_holidays(pa.table({"start": ["2024-12-25"], "name": ["C"]})).accepted == 1
    assert store.holidays().count().execute() == 1


def test_verify_names_damaged_files_and_reading_refuses_missing_ones(store):
    store.append(frame(EVENTS))
    assert store.verify() == ()
    changed, cut, missing = (store.path / file.path for file in store.manifest.files)
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    cut.write_bytes(b"PAR1")
    missing.unlink()
    found = store.verify()
    assert len(found) == 3
    assert found[0].endswith(f"{changed.name}: content changed")
    assert found[1].endswith("bytes, expected " + str(store.manifest.files[1].bytes))
    assert found[2].endswith(f"{missing.name}: missing")
    with pytest.raises(DataError, match=r"missing or cut short"):
        store.events()


def test_a_table_opened_before_a_commit_can_still_be_read(store):
    for day in range(12):
        lazy, held_then = store.events(), store.counts["events"]
        store.append(frame([EVENTS[0] | {"time": START + timedelta(hours=day)}]))
        assert lazy.count().execute() == held_then
    assert store.counts["events"] == 12


def test_a_second_writer_is_refused(store):
    with store._writing(), pytest.raises(DataError, match="Another process is writing"):
        store.append(frame(EVENTS))
    assert store.append(frame(EVENTS)).accepted == len(EVENTS)


def test_stores_of_other_versions_and_other_folders_are_refused(store, tmp_path):
    with pytest.raises(DataError, match=r"no penchant store.*Store\.create"):
        Store.open(tmp_path)
    with pytest.raises(DataError, match="a store already"):
        Store.create(store.path)
    with pytest.raises(DataError, match="isn't an empty folder"):
        Store.create(tmp_path)
    path = store.path / "manifest.json"
    for version, words in ((99, "Upgrade penchant"), (0, "append the sources again")):
        path.write_text(json.dumps({"schema": version, "tables": {}}))
        with pytest.raises(DataError, match=words):
            Store.open(store.path)
    path.write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        Store.open(store.path)


def test_an_unknown_time_zone_gets_a_suggestion(store):
    with pytest.raises(DataError, match="Did you mean 'Europe/Berlin'"):
        store.append(frame(EVENTS), timezone="Europe/Berln")


def test_progress_is_told(store):
    told = []
    store.append(frame(EVENTS), progress=lambda *step: told.append(step))
    assert told[0] == ("reading", 0, 100)
    assert told[-1] == ("writing months", 3, 3)


def test_an_append_that_fails_at_any_sync_leaves_the_old_state_or_the_new(
    tmp_path, store, monkeypatch
):
    store.append(frame(EVENTS[:6]))
    old = held(store)
    whole = Store.create(tmp_path / "whole")
    whole.append(frame(EVENTS))
    new = held(whole)
    real, calls = files.sync, []

    def count(path):
        calls.append(path)
        real(path)

    monkeypatch.setattr(files, "sync", count)
    counted = Store.create(tmp_path / "counted")
    counted.append(frame(EVENTS[:6]))
    calls.clear()
    counted.append(frame(EVENTS))
    seen = set()
    for failing in range(len(calls)):
        left = [failing]

        def fail(path, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError("the disk is full")
            real(path)

        monkeypatch.setattr(files, "sync", fail)
        with pytest.raises(OSError, match="disk is full"):
            store.append(frame(EVENTS))
        assert Store.open(store.path).verify() == ()
        assert held(store) in (old, new)
        seen.add(len(held(store)))
    assert seen == {len(old), len(new)}
    monkeypatch.setattr(files, "sync", real)
    store.append(frame(EVENTS))
    assert held(store) == new
    for finished in (store, whole, store, whole):  # twice, as one state's files stay for readers
        finished.compact()
    on_disk = {path.name for path in store.path.rglob("*.parquet")}
    assert on_disk == {path.name for path in whole.path.rglob("*.parquet")}
    assert not list(store.path.rglob(f"{files.PENDING}*"))


KILLED = """
import os, signal, sys
from penchant.data import manifest
from penchant.data.store import Store
real, left = manifest.sync, [3]
def kill(path):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path)
manifest.sync = kill
Store.open(sys.argv[1]).append(sys.argv[2])
"""


def test_a_killed_writer_leaves_a_store_that_another_can_finish(store, tmp_path):
    store.append(frame(EVENTS[:6]))
    old = manifest(store)
    frame(EVENTS).to_csv(tmp_path / "events.csv", index=False)
    command = [sys.executable, "-c", KILLED, str(store.path), str(tmp_path / "events.csv")]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert manifest(store) == old
    assert list(store.path.rglob(f"{files.PENDING}*"))
    assert store.append(tmp_path / "events.csv").accepted == len(EVENTS) - 6
    assert not list(store.path.rglob(f"{files.PENDING}*"))
    assert store.verify() == ()


def test_the_mapping_of_a_public_log_reaches_the_store(store):
    log = pd.DataFrame({"household_id": [900], "product_id": [1095275], "day": [31], "paid": [0.5]})
    store.append(log, Mapping(time="day@2017-01-01", value="paid"))
    (row,) = store.events().to_pyarrow().to_pylist()
    assert row[c.TIME] == datetime(2017, 2, 1)
    assert (row[c.USER], row[c.ITEM], row[c.VALUE]) == ("900", "1095275", 0.5)
