"""Batches in: each event once, on the disk before it is acknowledged, and one reply to a key."""

import asyncio
import errno
import json
import shutil
import tempfile
import threading
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from penchant.data.store import Store
from penchant.errors import BatchError, BusyError, ConflictError, JournalError
from penchant.serving import journal as j
from penchant.serving.commit import Row
from penchant.serving.compaction import Compaction
from penchant.serving.journal import Journal
from penchant.serving.ledger import Ledger
from penchant.serving.messages import MOST_EVENTS
from serving.taking import event, on_a_loop, opened, verdicts


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


@on_a_loop
async def test_every_event_gets_its_verdict_in_the_order_sent(store):
    heard = []
    async with opened(
        store, on_events=lambda rows, position: heard.append((position, rows))
    ) as one:
        sent = [event("a"), event("b", time="never"), event("a"), "text", event(None), event(None)]
        taken = await one.take(sent)
        assert verdicts(taken) == [
            *("accepted", "quarantined", "duplicate", "quarantined", "accepted", "duplicate")
        ]
        assert (taken.events[1].field, taken.events[1].reason) == ("time", "unreadable time")
        assert taken.events[0].event == "a"
        assert taken.events[4].event == taken.events[5].event
        assert taken.events[4].event.startswith("~")
        ((position, rows),) = heard
        assert position == one.journal.synced == 1
        assert [row.event for row in rows] == ["a", None]
        assert verdicts(await one.take([event("a"), event("c"), event("b")])) == [
            *("duplicate", "accepted", "accepted")  # what was in quarantine is mended
        ]


@on_a_loop
async def test_batches_of_no_events_and_of_too_many_are_refused(store):
    async with opened(store) as ledger:
        with pytest.raises(BatchError, match="1 to 10,000 events; found 0"):
            await ledger.take([])
        with pytest.raises(BatchError, match="found 10,001"):
            await ledger.take([event("a")] * (MOST_EVENTS + 1))
        taken = await ledger.take([event(str(n // 2)) for n in range(MOST_EVENTS)])
        assert (taken.accepted, taken.duplicate) == (MOST_EVENTS // 2, MOST_EVENTS // 2)


@on_a_loop
async def test_a_repeat_waits_for_the_event_that_it_repeats(store, monkeypatch):
    begin = threading.Event()
    monkeypatch.setattr(j, "_sync", lambda handle: begin.wait())
    async with opened(store) as ledger:
        first = asyncio.create_task(ledger.take([event("a")]))
        await asyncio.sleep(0.05)
        repeats = [asyncio.create_task(ledger.take([event("a")])) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert not first.done()
        assert not any(one.done() for one in repeats)
        begin.set()
        assert verdicts(await first) == ["accepted"]
        for one in repeats:
            assert verdicts(await one) == ["duplicate"]


@on_a_loop
async def test_many_senders_of_the_same_events_get_each_accepted_once(store):
    async with opened(store) as ledger:
        batches = [[event(f"e{n + k}") for n in range(50)] for k in range(40)]
        taken = await asyncio.gather(*[ledger.take(batch) for batch in batches])
        assert sum(one.accepted for one in taken) == 89
        rows = [row for _, rows in ledger.fresh() for row in rows]
        assert sorted(row.event for row in rows) == sorted(f"e{n}" for n in range(89))


@on_a_loop
async def test_who_goes_away_doesn_t_take_the_events_along(store, monkeypatch):
    begin, heard = threading.Event(), []
    monkeypatch.setattr(j, "_sync", lambda handle: begin.wait())
    async with opened(store, on_events=lambda rows, _: heard.extend(rows)) as ledger:
        first = asyncio.create_task(ledger.take([event("a")], "key"))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        begin.set()
        assert verdicts(await ledger.take([event("a")], "key")) == ["accepted"]
        assert [row.event for row in heard] == ["a"]


@on_a_loop
async def test_a_key_gives_the_first_reply_again(store):
    batch = [event("a"), event("b", time="never")]
    async with opened(store) as ledger:
        both = await asyncio.gather(ledger.take(batch, "k"), ledger.take(batch, "k"))
        assert [verdicts(one) for one in both] == [["accepted", "quarantined"]] * 2
        with pytest.raises(ConflictError, match="'k' came before, with another batch"):
            await ledger.take([event("c")], "k")
        assert verdicts(await ledger.take(batch, "other")) == ["duplicate", "quarantined"]
    async with opened(store) as ledger:
        assert await ledger.take(batch, "k") == both[0]
        compaction = Compaction(ledger, store)
        await compaction.compact()
        compaction.close()
    async with opened(store) as ledger:
        assert await ledger.take(batch, "k") == both[0]
        with pytest.raises(ConflictError):
            await ledger.take([event("c")], "k")
    assert store.counts["events"] == 1


@on_a_loop
async def test_a_key_whose_batch_failed_can_be_used_again(store, monkeypatch):
    tight = {"journal": lambda path: Journal(path, most_waiting=100)}
    begin = threading.Event()
    monkeypatch.setattr(j, "_sync", lambda handle: begin.wait())
    async with opened(store, **tight) as ledger:
        first = asyncio.create_task(ledger.take([event("a")]))
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError) as told:
            await ledger.take([event("b")], "k")
        assert told.value.seconds >= 1
        begin.set()
        await first
        assert verdicts(await ledger.take([event("b")], "k")) == ["accepted"]


@on_a_loop
async def test_a_full_disk_acknowledges_nothing(store, monkeypatch):
    def fail(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    async with opened(store) as ledger:
        await ledger.take([event("a")])
        monkeypatch.setattr(j, "_sync", fail)
        told = await asyncio.gather(
            *[ledger.take([event("b")]) for _ in range(3)],
            ledger.take([event("c")], "k"),
            ledger.take([event("c")], "k"),
            return_exceptions=True,
        )
        assert {type(one) for one in told} == {JournalError}
        with pytest.raises(JournalError, match="No space left"):
            await ledger.take([event("a")])  # held, and yet: it must be opened again
    monkeypatch.undo()
    async with opened(store) as ledger:
        sent = [event("a"), event("b"), event("c")]
        assert verdicts(await ledger.take(sent, "k")) == ["duplicate", "accepted", "accepted"]


@on_a_loop
async def test_live_state_that_fails_doesn_t_undo_what_is_on_the_disk(store):
    def fail(rows, position):
        raise RuntimeError("out of order")

    async with opened(store, on_events=fail) as ledger:
        assert verdicts(await ledger.take([event("a")])) == ["accepted"]


@on_a_loop
async def test_what_a_file_brought_is_a_repeat_on_the_wire(store):
    path = store.path.parent / "events.jsonl"
    sent = [event("a"), event("b"), event(None, item="milk", value="1,50")]
    path.write_text("".join(json.dumps(one) + "\n" for one in [event("z", value=2), *sent]))
    store.append(path)
    async with opened(store) as ledger:
        assert verdicts(await ledger.take(sent)) == ["duplicate"] * 3


class Ledgers(RuleBasedStateMachine):
    """A ledger, its compaction and other writers, beside what a set of ids would say."""

    names = st.lists(st.integers(0, 30), min_size=1, max_size=8)

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.store = Store.create(self.folder / "store")
        self.held, self.refused, self.state, self.keys = set(), set(), set(), {}
        self.open()

    def open(self):
        serving = self.store.path.parent / "serving"
        self.ledger = Ledger(serving, self.store.path, "UTC", self.hear)
        self.compaction = Compaction(self.ledger, self.store)
        fresh = [row.event for _, rows in self.ledger.fresh() for row in rows]
        stored = self.store.events().event.execute().tolist()
        assert len({*fresh, *stored}) == len(fresh) + len(stored)
        self.state = {*fresh, *stored}

    def hear(self, rows, _):
        assert all(isinstance(row, Row) for row in rows)
        mine = {row.event for row in rows}
        assert not mine & self.state
        self.state |= mine

    def close(self):
        self.compaction.close()
        self.runner.run(self.ledger.close())

    def teardown(self):
        self.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(names=names, faulty=st.booleans())
    def take(self, names, faulty):
        sent = [event(f"e{n}") for n in names] + [event("x", time="never")] * faulty
        taken = self.runner.run(self.ledger.take(sent))
        fresh = {f"e{n}" for n in names} - self.held
        assert taken.accepted == len(fresh)
        assert taken.quarantined == faulty
        self.held |= fresh
        self.refused |= {"x"} if faulty else set()

    @rule(names=names, key=st.integers(0, 3))
    def take_with_a_key(self, names, key):
        sent = [event(f"e{n}") for n in names]
        before = self.keys.get(key)
        if before is not None and before[0] != sent:
            with pytest.raises(ConflictError):
                self.runner.run(self.ledger.take(sent, str(key)))
            return
        taken = self.runner.run(self.ledger.take(sent, str(key)))
        assert before is None or before[1] == taken
        self.keys[key] = (sent, taken)
        self.held |= {f"e{n}" for n in names}

    @rule()
    def compact(self):
        self.runner.run(self.compaction.compact())
        assert self.store.counts["events"] == len(self.held)
        assert self.store.counts["quarantine"] == len(self.refused)

    @rule()
    def open_again(self):
        self.close()
        self.open()

    @rule(names=names)
    def another_writes(self, names):
        """While the server is away: what it brings is known when it comes back."""
        self.close()
        self.store.append(pd.DataFrame([event(f"e{n}") for n in names]))
        self.held |= {f"e{n}" for n in names}
        self.open()

    @invariant()
    def state_is_what_was_acknowledged(self):
        assert self.state == self.held


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=4, stateful_step_count=10, deadline=None)
