"""The journal's records move into the store, each once, whoever else writes there."""

import asyncio
import fcntl
from contextlib import contextmanager

import pytest

from penchant.data.quarantine import WIRE
from penchant.data.store import LOCK, Store
from penchant.serving import compaction as k
from penchant.serving.admission import Admission
from penchant.serving.commit import Commit
from penchant.serving.compaction import Compaction
from serving.taking import event, on_a_loop, opened


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


@contextmanager
def writing(store):
    with (store.path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@on_a_loop
async def test_what_is_stored_leaves_the_journal(store):
    heard = []
    async with opened(store) as ledger:
        compaction = Compaction(ledger, store, heard.append)
        assert await compaction.compact() is None
        wrong = event("x", user=None)
        for n in range(5):
            await ledger.take([event(f"e{n}", value="1,50", kind="buy"), wrong])
        moved = await compaction.compact()
        assert (moved.until, moved.rows, moved.refused) == (5, 5, 5)
        assert heard == [moved]
        assert list(ledger.journal.replay(ledger.journal.dropped)) == []
        assert await compaction.compact() is None
        assert (await ledger.take([event("e1")])).duplicate == 1
        compaction.close()
    events = store.events().to_pyarrow().to_pylist()
    assert [(row["kind"], row["value"]) for row in events] == [("purchase", 1.5)] * 5
    (row,) = store.quarantine().to_pyarrow().to_pylist()  # sent five times, and one event
    assert (row["source"], row["field"], row["reason"]) == (WIRE, "user", "no user")


@on_a_loop
async def test_it_waits_its_turn_while_another_writes(store, monkeypatch):
    monkeypatch.setattr(k, "PATIENCE", 0.05)
    told = []
    monkeypatch.setattr(k.log, "info", lambda message, *_: told.append(message))
    async with opened(store) as ledger:
        compaction = Compaction(ledger, store)
        await ledger.take([event("a")])
        with writing(store):
            waiting = asyncio.create_task(compaction.compact())
            await asyncio.sleep(0.3)
            assert not waiting.done()
            assert (await ledger.take([event("b")])).accepted == 1  # life goes on
            assert (await ledger.take([event("a")])).duplicate == 1
        assert (await waiting).rows == 1
        assert [message for message in told if "waits its turn" in message] == told[:1]
        compaction.close()


@on_a_loop
async def test_events_come_in_while_it_works(store, monkeypatch):
    monkeypatch.setattr(k, "ROWS_AT_ONCE", 300)
    async with opened(store) as ledger:
        compaction = Compaction(ledger, store)
        sent = 0

        async def send():
            nonlocal sent
            for _ in range(60):
                batch = [event(f"e{n}") for n in range(sent, sent + 20)]
                sent += 20
                taken = await ledger.take(batch)
                assert taken.accepted == 20
                again = await ledger.take(batch[:5])
                assert again.duplicate == 5
                await asyncio.sleep(0.005)

        sending = asyncio.create_task(send())
        while not sending.done():
            await compaction.compact()
            await asyncio.sleep(0.01)
        await sending
        await compaction.compact()
        compaction.close()
    assert store.counts["events"] == sent == 1200


@on_a_loop
async def test_what_others_store_meanwhile_becomes_known(store):
    async with opened(store) as ledger:
        compaction = Compaction(ledger, store)
        await ledger.take([event("a")])
        store.absorb(*_tables([event("b")]))
        await compaction.compact()
        assert (await ledger.take([event("b"), event("a")])).duplicate == 2
        compaction.close()


@on_a_loop
async def test_an_interrupted_move_is_made_again_with_the_same_outcome(store, monkeypatch):
    def stop(*_):
        raise OSError("cut off")

    for name in ("settle", "cover"):
        async with opened(store) as ledger:
            await ledger.take([event(f"{name}{n}") for n in range(9)] + [event("x", time="no")])
            monkeypatch.setattr(ledger.seen, name, stop)
            compaction = Compaction(ledger, store)
            with pytest.raises(OSError, match="cut off"):
                await compaction.compact()
            compaction.close()
        async with opened(store) as ledger:
            assert [row for _, rows in ledger.fresh() for row in rows] == []
            assert (await ledger.take([event(f"{name}{n}") for n in range(9)])).duplicate == 9
            compaction = Compaction(ledger, store)
            await compaction.compact()
            compaction.close()
    assert (store.counts["events"], store.counts["quarantine"]) == (18, 1)


@on_a_loop
async def test_a_failure_is_logged_and_tried_again(store, monkeypatch):
    monkeypatch.setattr(k, "PATIENCE", 0.01)
    errors = []
    monkeypatch.setattr(k.log, "error", lambda message, error: errors.append(str(error)))
    async with opened(store) as ledger:
        await ledger.take([event("a")])
        real = ledger.seen.settle

        def fail_once(generations):
            monkeypatch.setattr(ledger.seen, "settle", real)
            raise OSError("no room")

        monkeypatch.setattr(ledger.seen, "settle", fail_once)
        compaction = Compaction(ledger, store)
        running = asyncio.create_task(compaction.run(every=0.01))
        while ledger.journal.dropped < 1:
            await asyncio.sleep(0.01)
        running.cancel()
        compaction.close()
        assert errors == ["no room"]
    assert store.counts["events"] == 1


def _tables(events):
    admission = Admission("UTC")
    commit = Commit(admission.judge(events, admission.end()), [])
    return k._event_table([commit]), k._quarantine_table([commit])
