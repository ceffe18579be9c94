"""Which ids are held: as a set would say, through files, merges, cuts and other writers."""

import random
import threading

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.engine import session
from penchant.data.events import EVENT_SCHEMA
from penchant.data.quarantine import QUARANTINE_SCHEMA
from penchant.data.store import Store
from penchant.serving import run as r
from penchant.serving import seen as s
from penchant.serving.commit import Commit, Row
from penchant.serving.compaction import _event_table
from penchant.serving.digest import digest, digest_sql, halves, id_of
from penchant.serving.run import merge_runs, open_run, write_run
from penchant.serving.seen import Seen

TIME = 1_700_000_000_000_000
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
named = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
doubles = st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
rows = st.builds(
    Row,
    *(named, texts, st.integers(0, 4 * 10**15), named, doubles, doubles, texts, texts, doubles),
    texts,
)


def row(name, user="ann", event=True):
    return Row(user, name, TIME, "view", None, None, None, None, None, name if event else None)


def table(names, **options):
    return _event_table([Commit([row(name, **options) for name in names], [])])


def digests(names, **options):
    return [digest(id_of(row(name, **options))) for name in names]


@settings(max_examples=30, deadline=None)
@given(st.lists(rows, min_size=1, max_size=30))
def test_digests_are_the_same_in_python_and_in_sql(sent):
    with session() as connection:
        connection.con.register("sent", _event_table([Commit(sent, [])]))
        found = connection.raw_sql(f"SELECT {digest_sql()} FROM sent").fetchall()
    assert [bytes(one) for (one,) in found] == [digest(id_of(one)) for one in sent]


def test_content_makes_an_id_only_where_there_is_none():
    assert id_of(row("a")) == "a"
    made = {id_of(row(name, user, event=False)) for name in ("a", "b") for user in ("x", "y")}
    assert len(made) == 4
    assert id_of(row("a", event=False)) == id_of(row("a", event=False))
    shifted = {id_of(Row("a\n1:b", None, 0, *[None] * 7)), id_of(Row("a", "b", 0, *[None] * 7))}
    assert len(shifted) == 2


def test_a_run_finds_what_it_holds_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(r, "PART", 100)
    known = [random.Random(n).randbytes(16) for n in range(5000)]
    same = [b"\x7f" * 8 + bytes([n]) * 8 for n in range(5)]  # high halves that are equal
    known += same
    runs = [
        write_run(tmp_path / f"{n}.npy", *halves(known[n * 1000 : (n + 2) * 1000]))
        for n in range(5)
    ]
    runs.append(write_run(tmp_path / "same.npy", *halves(same)))
    merged = merge_runs(tmp_path / "all.npy", runs)
    assert len(merged) == len(set(known))
    assert (np.diff(merged.high_D.astype(object)) >= 0).all()
    unknown = [random.Random(n).randbytes(16) for n in range(9000, 9500)]
    unknown += [b"\x7f" * 8 + b"\xfe" * 8, b"\xff" * 16, b"\0" * 16]
    assert merged.holds(*halves(known)).all()
    assert not merged.holds(*halves(unknown)).any()
    assert open_run(merged.path, len(merged)).holds(*halves(known)).all()


def test_it_says_what_a_set_would(tmp_path, monkeypatch):
    monkeypatch.setattr(s, "MOST_LOOSE", 20)
    chance = random.Random(5)
    store = Store.create(tmp_path / "store")
    seen, journal, stored = Seen(tmp_path / "seen", store.path), set(), set()
    names = [f"e{n}" for n in range(600)]
    for _ in range(60):
        step = chance.random()
        some = chance.sample(names, 10)
        if step < 0.5:
            assert seen.held(digests(some)) == [n in journal or n in stored for n in some]
            assert seen.stored(digests(some)) == [n in stored for n in some]
            fresh = [n for n in some if n not in journal | stored]
            seen.add(digests(fresh))
            journal.update(fresh)
        elif step < 0.7:
            seen.pack()
        elif step < 0.8:
            before, after = store.absorb(table(journal), QUARANTINE_SCHEMA.empty_table())
            generations = seen.turn()
            seen.cover(before, after)
            seen.settle(generations)
            stored, journal = stored | journal, set()
        elif step < 0.9:
            mine = [n for n in some if n not in journal]
            store.append(table(mine))
            if chance.random() < 0.5:
                seen.refresh()
                stored |= set(mine)
            else:  # it hears of them when it next writes, or is opened
                seen = Seen(tmp_path / "seen", store.path)
                stored |= set(mine)
                seen.add(digests(journal))
        else:
            seen = Seen(tmp_path / "seen", store.path)
            seen.add(digests(journal))
    assert seen.held(digests(names)) == [n in journal or n in stored for n in names]
    assert stored


def test_ids_come_from_a_store_that_was_there_before(tmp_path):
    store = Store.create(tmp_path / "store")
    store.append(table([f"e{n}" for n in range(50)]))
    store.append(table([f"e{n}" for n in range(50, 80)], event=False))
    seen = Seen(tmp_path / "seen", store.path)
    assert all(seen.held(digests([f"e{n}" for n in range(50)])))
    assert all(seen.held(digests([f"e{n}" for n in range(50, 80)], event=False)))
    assert not any(seen.held(digests(["e80", "e81"])))
    assert len(seen) == 80


def test_events_that_were_set_aside_are_held(tmp_path):
    store = Store.create(tmp_path / "store")
    store.append(table([f"e{n}" for n in range(9)]))
    events = store.logged().filter(lambda t: t[c.EVENT] < "e4")
    assert (
        store.set_aside(events.mutate(field=ibis.literal(c.ITEM), reason=ibis.literal("a rule")))
        == 4
    )
    seen = Seen(tmp_path / "seen", store.path)
    assert all(seen.held(digests([f"e{n}" for n in range(9)])))


@pytest.mark.parametrize("damage", ["gone", "short", "list", "version"])
def test_a_damaged_list_is_made_again(tmp_path, damage):
    store = Store.create(tmp_path / "store")
    names = [f"e{n}" for n in range(50)]
    store.append(table(names))
    Seen(tmp_path / "seen", store.path)
    (run,) = (tmp_path / "seen").glob("run-*.npy")
    listed = tmp_path / "seen" / "seen.json"
    if damage == "gone":
        run.unlink()
    elif damage == "short":
        run.write_bytes(run.read_bytes()[:-8])
    elif damage == "list":
        listed.write_text(listed.read_text()[:20])
    else:
        listed.write_text(listed.read_text().replace('"version": 1', '"version": 9'))
    seen = Seen(tmp_path / "seen", store.path)
    assert all(seen.held(digests(names)))
    assert len(list((tmp_path / "seen").glob("run-*.npy"))) == 1


def test_lookups_go_on_while_sets_are_written_and_merged(tmp_path, monkeypatch):
    monkeypatch.setattr(s, "MOST_LOOSE", 50)
    store = Store.create(tmp_path / "store")
    seen, end = Seen(tmp_path / "seen", store.path), threading.Event()
    manifest = store.manifest

    def work():
        while not end.is_set():
            seen.pack()
            generations = seen.turn()
            seen.cover(manifest, manifest)
            seen.settle(generations)

    other = threading.Thread(target=work)
    known = []
    other.start()
    for n in range(400):
        mine = digests([f"e{n}-{k}" for k in range(20)])
        assert not any(seen.held(mine))
        seen.add(mine)
        known += mine
        assert all(seen.held(known[-200:]))
    end.set()
    other.join()
    assert all(seen.held(known))


def test_tables_of_the_journal_have_the_store_s_columns():
    assert table(["a"]).schema == EVENT_SCHEMA
    assert isinstance(table([]), pa.Table)
