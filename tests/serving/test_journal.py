"""What the journal acknowledged it gives back, whatever is cut off behind it."""

import asyncio
import errno
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from penchant.errors import BusyError, DataError, JournalError, LockedError
from penchant.serving import journal as j
from penchant.serving.journal import Journal

SMALL = 400  # bytes of a segment
payloads = st.lists(st.binary(max_size=150), min_size=1, max_size=6)


async def appended(journal, sent):
    return await asyncio.gather(*[journal.append(payload) for payload in sent])


async def sealed(journal):
    return await journal.seal()


class Kept(RuleBasedStateMachine):
    """A journal beside a list of what it acknowledged."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.journal = Journal(self.folder, segment_bytes=SMALL)
        self.known = []  # by position, from 1
        self.dropped = 0

    def teardown(self):
        self.journal.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    def last_file(self):
        return max(self.folder.glob("*.log"))

    def open_again(self):
        self.journal = Journal(self.folder, segment_bytes=SMALL)

    @rule(sent=payloads)
    def append(self, sent):
        positions = self.runner.run(appended(self.journal, sent))
        start = len(self.known) + 1
        assert positions == list(range(start, start + len(sent)))
        self.known += sent

    @rule()
    def seal(self):
        assert self.runner.run(sealed(self.journal)) == len(self.known)

    @rule(data=st.data())
    def drop(self, data):
        until = data.draw(st.integers(0, len(self.known)))
        self.journal.drop(until)
        assert self.dropped <= self.journal.dropped <= max(until, self.dropped)
        self.dropped = self.journal.dropped

    @rule(data=st.data())
    def replay_some(self, data):
        after = data.draw(st.integers(self.dropped, len(self.known)))
        until = data.draw(st.integers(after, len(self.known)))
        expected = [(n + 1, self.known[n]) for n in range(after, until)]
        assert list(self.journal.replay(after, until)) == expected

    @rule(sent=payloads, data=st.data())
    def be_cut_off(self, sent, data):
        """Of what nobody was told of, any part of the bytes may be there, or rubbish."""
        before, size = self.last_file(), self.last_file().stat().st_size
        self.runner.run(appended(self.journal, sent))
        self.journal.close()
        known = self.known + sent
        if before == self.last_file():
            whole = before.read_bytes()
            end = data.draw(st.integers(size, len(whole)))
            rubbish = data.draw(st.binary(max_size=60))
            before.write_bytes(whole[:end] + rubbish)
        self.open_again()
        self.known = known[: self.journal.synced]
        assert len(known) - len(sent) <= len(self.known)

    @rule(data=st.data())
    def be_damaged(self, data):
        """A changed byte in a file that isn't the last is told of, and what is left is no less."""
        files = sorted(self.folder.glob("*.log"))
        if len(files) < 2:
            return
        self.journal.close()
        path = data.draw(st.sampled_from(files[:-1]))
        whole = path.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(DataError, match=rf"{path.name}' is damaged at offset \d+"):
            self.open_again()
        path.write_bytes(whole)
        self.open_again()

    @invariant()
    def gives_back_what_it_took(self):
        found = list(self.journal.replay(self.dropped))
        assert found == list(enumerate(self.known, 1))[self.dropped :]


TestKept = Kept.TestCase
TestKept.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal")
    yield opened
    opened.close()


def test_one_process_at_a_time(journal):
    with pytest.raises(LockedError, match="Stop that one first"):
        Journal(journal.folder)


def test_damage_to_an_acknowledged_record_of_the_last_segment_is_told(tmp_path):
    journal = Journal(tmp_path)
    for payload in (b"first", b"second", b"third"):
        asyncio.run(appended(journal, [payload]))
    journal.close()
    path = tmp_path / "00000000000000000001.log"
    whole = path.read_bytes()
    for at in range(whole.index(b"first") - 20, whole.index(b"first") + 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(DataError, match="damaged at offset 16"):
            Journal(tmp_path)
    at = whole.index(b"third")  # nothing after it says that anybody was told
    path.write_bytes(whole[:at] + b"T" + whole[at + 1 :])
    journal = Journal(tmp_path)
    assert [payload for _, payload in journal.replay()] == [b"first", b"second"]
    journal.close()


def test_a_segment_that_had_only_begun_is_begun_again(tmp_path):
    journal = Journal(tmp_path)
    asyncio.run(appended(journal, [b"first"]))
    asyncio.run(sealed(journal))
    journal.close()
    os.truncate(tmp_path / "00000000000000000002.log", 5)
    journal = Journal(tmp_path)
    assert asyncio.run(appended(journal, [b"second"])) == [2]
    assert list(journal.replay()) == [(1, b"first"), (2, b"second")]
    journal.close()


def test_a_missing_segment_is_told(tmp_path):
    journal = Journal(tmp_path)
    for payload in (b"first", b"second"):
        asyncio.run(appended(journal, [payload]))
        asyncio.run(sealed(journal))
    journal.close()
    (tmp_path / "00000000000000000002.log").unlink()
    with pytest.raises(DataError, match="is damaged at offset"):
        Journal(tmp_path)


def test_closed_twice_it_closes_nobody_elses_file(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.close()
    with (tmp_path / "other").open("w") as one, (tmp_path / "more").open("w") as two:
        journal.close()
        one.write("still open")
        two.write("still open")


def test_many_appends_share_a_sync(journal, monkeypatch):
    syncs, begin = [], threading.Event()

    def sync(handle):
        begin.wait()
        syncs.append(handle)
        os.fsync(handle)

    monkeypatch.setattr(j, "_sync", sync)

    async def many():
        waiting = [journal.append(b"%d" % number) for number in range(1000)]
        begin.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(many()) == list(range(1, 1001))
    assert len(syncs) <= 3


def test_nothing_is_acknowledged_before_its_sync(journal, monkeypatch):
    synced, begin = [], threading.Event()
    monkeypatch.setattr(j, "_sync", lambda handle: (begin.wait(), synced.append(handle)))

    async def one():
        told = journal.append(b"payload")
        await asyncio.sleep(0.05)
        assert not told.done()
        begin.set()
        await told
        assert synced

    asyncio.run(one())


def test_a_full_queue_says_when_to_come_again(tmp_path, monkeypatch):
    begin = threading.Event()
    monkeypatch.setattr(j, "_sync", lambda handle: begin.wait())
    journal = Journal(tmp_path, most_waiting=1000)

    async def fill():
        waiting = [journal.append(bytes(300)) for _ in range(3)]
        with pytest.raises(BusyError, match="waiting to be written") as told:
            journal.append(bytes(300))
        assert told.value.seconds >= 1
        begin.set()
        await asyncio.gather(*waiting)
        assert journal.waiting_bytes == 0
        assert await journal.append(bytes(5000)) == 4  # alone, any record is taken

    asyncio.run(fill())
    journal.close()


@pytest.mark.parametrize("step", ["_write", "_sync"])
def test_a_full_disk_fails_what_waits_and_shuts_the_journal(tmp_path, monkeypatch, step):
    journal = Journal(tmp_path)
    asyncio.run(appended(journal, [b"kept"]))

    def fail(handle, content=b""):
        if content:
            os.write(handle, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def refused():
        with monkeypatch.context() as patch:
            patch.setattr(j, step, fail)
            told = await asyncio.gather(
                *[journal.append(b"lost") for _ in range(5)], return_exceptions=True
            )
        assert {type(one) for one in told} == {JournalError}
        with pytest.raises(JournalError, match=r"No space left on device.*start again"):
            journal.append(b"later")
        assert "No space left" in journal.broken

    asyncio.run(refused())
    journal.close()
    journal = Journal(tmp_path)
    assert [payload for _, payload in journal.replay()] == [b"kept"]
    assert asyncio.run(appended(journal, [b"again"])) == [2]
    journal.close()


def test_a_segment_that_can_t_be_begun_shuts_the_journal(tmp_path, monkeypatch):
    journal = Journal(tmp_path, segment_bytes=10)

    def fail(path, first):
        path.write_bytes(b"PEN")
        raise OSError(errno.ENOSPC, "No space left on device")

    async def first_and_second():
        with monkeypatch.context() as patch:
            patch.setattr(j, "_begin", fail)
            assert await journal.append(b"kept") == 1
            with pytest.raises(JournalError, match="No space left"):
                await journal.append(b"refused")
        with pytest.raises(JournalError, match="No space left"):
            await journal.settled()

    asyncio.run(first_and_second())
    journal.close()
    journal = Journal(tmp_path)
    assert [payload for _, payload in journal.replay()] == [b"kept"]
    journal.close()
