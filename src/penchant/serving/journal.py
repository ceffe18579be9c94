"""The journal: an append log in a folder, written and synced by one thread, many records at once.

    00000000000000000001.log …   segments, named after the position of their first record
    .lock                        held by the process that has the journal open

What an append's future promised is on the disk: the write and the sync come first. A write or sync
that fails fails all that wait and shuts the journal, because nobody knows what the disk holds then.
"""

import asyncio
import fcntl
import math
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from penchant.data.manifest import sync
from penchant.errors import BusyError, JournalError, LockedError
from penchant.serving.segment import (
    ENDING,
    FRAME,
    HEAD,
    check_head,
    damaged,
    framed,
    head,
    is_promised,
    name_of,
    records,
)

LOCK = ".lock"
MEBIBYTE = 1 << 20
LEAST_RATE = MEBIBYTE  # bytes a second that a disk is taken to write until it was measured
LONGEST_WAIT = 30  # seconds that a sender is told to wait, at most

_write = os.write
_sync = getattr(os, "fdatasync", os.fsync)  # the length of a file is synced by either


@dataclass(frozen=True)
class _Waiting:
    """What the writing thread is asked for; without a payload, to begin a new segment."""

    payload: bytes | None
    told: "asyncio.Future[int]"


class Journal:
    """An open journal; appends come from one event loop.

    Raises LockedError when another process has it open, and DataError when records that were
    acknowledged are damaged. A tail that was never acknowledged is cut off.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 64 * MEBIBYTE,
        most_waiting: int = 64 * MEBIBYTE,
    ) -> None:
        self.folder = folder
        self._segment_bytes, self._most_waiting = segment_bytes, most_waiting
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._broken: str | None = None
        self._closed = False
        self._waiting_bytes = 0
        self._rate = float(LEAST_RATE)
        self._last: asyncio.Future[int] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self._listing = threading.Lock()  # of segments: one thread adds some, another drops some
        try:
            self._firsts = _segments(folder)
            self._synced, self._size = self._recover()
            self._file = os.open(self._path(self._firsts[-1]), os.O_WRONLY | os.O_APPEND)
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    @property
    def synced(self) -> int:
        """Position of the last record that is on the disk; 0 before the first."""
        return self._synced

    @property
    def dropped(self) -> int:
        """Position up to which records are gone."""
        return self._firsts[0] - 1

    @property
    def broken(self) -> str | None:
        """Why nothing more can be appended, if so."""
        return self._broken

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were handed over and aren't acknowledged yet."""
        return self._waiting_bytes

    def bytes_held(self) -> int:
        """Bytes of all segments."""
        with self._listing:
            return sum(self._path(first).stat().st_size for first in self._firsts)

    def append(self, payload: bytes) -> "asyncio.Future[int]":
        """Hand over a record; the future gives its position once it is on the disk.

        Raises BusyError when too much is waiting, and JournalError after a failure.
        """
        length = len(payload) + FRAME
        waiting = self._waiting_bytes
        # Alone a record of any size may wait: none would ever be taken if it were too large.
        if self._broken is None and waiting and waiting + length > self._most_waiting:
            seconds = math.ceil(waiting / self._rate)
            raise BusyError(
                f"{waiting:,} bytes of events are waiting to be written, and no more than "
                f"{self._most_waiting:,} may. Send the batch again in a while.",
                min(max(seconds, 1), LONGEST_WAIT),
            )
        return self._ask(payload, length)

    def seal(self) -> "asyncio.Future[int]":
        """End the segment, so that all appended before can be dropped; gives the last position."""
        return self._ask(None, 0)

    async def settled(self) -> None:
        """Wait until all that was appended so far is on the disk; JournalError if it isn't."""
        if self._last is not None and not self._last.done():
            await asyncio.shield(self._last)
        if self._broken is not None:
            raise JournalError(self._broken)

    def replay(self, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Positions and payloads after `after` up to `until`, by default all that is synced.

        Raises DataError where a record can't be read. From any thread, while appends go on.
        """
        until = self._synced if until is None else until
        firsts = list(self._firsts)
        for first, following in zip(firsts, [*firsts[1:], until + 1], strict=True):
            last = min(following - 1, until)
            if last <= after or last < first:
                continue
            position, end = first - 1, HEAD.size
            for record in records(self._path(first), first):
                position, end = record.position, record.end
                if position > after:
                    yield position, record.payload
                if position >= last:
                    break
            if position < last:
                raise damaged(self._path(first), end)

    def drop(self, until: int) -> None:
        """Remove the segments of which no record lies after `until`, but for the last segment."""
        while len(self._firsts) > 1 and self._firsts[1] - 1 <= until:
            with self._listing:
                self._path(self._firsts[0]).unlink()
                self._firsts = self._firsts[1:]
        sync(self.folder)

    def close(self) -> None:
        """Write what waits and let the journal go; a second time does nothing."""
        if self._closed:  # its handles may be another file's by now
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        os.close(self._file)
        os.close(self._lock)

    def _path(self, first: int) -> Path:
        return self.folder / name_of(first)

    def _recover(self) -> tuple[int, int]:
        """Read all, cut off what was torn; returns the last position and the last file's length."""
        if not self._firsts:
            _begin(self._path(1), 1)
            self._firsts = [1]
        for first, following in zip(self._firsts, self._firsts[1:], strict=False):
            check_head(self._path(first), first)
            position, end = _end(self._path(first), first)
            if position != following - 1 or end != self._path(first).stat().st_size:
                raise damaged(self._path(first), end)
        first = self._firsts[-1]
        path = self._path(first)
        if path.stat().st_size < HEAD.size:  # it had only begun
            _begin(path, first)
        check_head(path, first)
        position, end = _end(path, first)
        if path.stat().st_size > end:
            if is_promised(path, end, position + 1):
                raise damaged(path, end)
            os.truncate(path, end)
        sync(path)  # what a killed process wrote may not be on the disk yet
        sync(self.folder)
        return position, end

    def _ask(self, payload: bytes | None, length: int) -> "asyncio.Future[int]":
        if self._broken is not None:
            raise JournalError(self._broken)
        told = asyncio.get_running_loop().create_future()
        told.add_done_callback(lambda _: self._release(length))
        self._waiting_bytes += length
        self._last = told
        self._queue.put(_Waiting(payload, told))
        return told

    def _release(self, length: int) -> None:
        self._waiting_bytes -= length

    def _work(self) -> None:
        """The writing thread: take all that waits, write it, sync it, tell; again."""
        while True:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get())
            asked = [one for one in group if one is not None]
            while asked:
                ends = (n for n, one in enumerate(asked) if one.payload is None)
                end = next(ends, len(asked))
                if end:
                    self._commit(asked[:end])
                if end < len(asked):
                    self._seal(asked[end])
                asked = asked[end + 1 :]
            if None in group:
                return

    def _commit(self, group: Sequence[_Waiting]) -> None:
        if self._broken is None:
            frames = [
                framed(self._synced + number, self._synced, one.payload or b"")
                for number, one in enumerate(group, start=1)
            ]
            try:
                self._write(b"".join(frames))
            except OSError as error:
                self._shut(error)
        if self._broken is not None:
            _tell(group, None, self._broken)
            return
        first = self._synced + 1
        self._synced += len(group)
        _tell(group, first, None)
        if self._size >= self._segment_bytes:
            self._rotate()

    def _write(self, content: bytes) -> None:
        began, left = monotonic(), memoryview(content)
        while left:
            left = left[_write(self._file, left) :]
        _sync(self._file)
        self._size += len(content)
        taken = max(monotonic() - began, 1e-6)
        self._rate += 0.2 * (max(len(content) / taken, LEAST_RATE) - self._rate)

    def _seal(self, asked: _Waiting) -> None:
        if self._broken is None and self._size > HEAD.size:
            self._rotate()
        _tell([asked], self._synced, self._broken)

    def _rotate(self) -> None:
        first = self._synced + 1
        try:
            _begin(self._path(first), first)
            file = os.open(self._path(first), os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            self._shut(error)
            return
        os.close(self._file)
        self._file, self._size = file, HEAD.size
        with self._listing:
            self._firsts = [*self._firsts, first]

    def _shut(self, error: OSError) -> None:
        self._broken = (
            f"The journal in '{self.folder}' can't be written: {error.strerror or error}. Nothing "
            "more is taken. Make room or mend the disk, then start again."
        )
        try:  # so that what was refused doesn't come back when the journal is opened again
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
        except OSError:
            pass  # a disk in this state may refuse that too: a torn tail is cut off on opening


def _tell(group: Sequence[_Waiting], first: int | None, broken: str | None) -> None:
    """Settle futures on their loop, in one call for all."""

    def settle() -> None:
        for number, one in enumerate(group):
            if one.told.done():
                continue
            if broken is None:
                assert first is not None
                one.told.set_result(first + number)
            else:
                one.told.set_exception(JournalError(broken))

    loop = group[0].told.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _locked(folder: Path) -> int:
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise LockedError(
            f"Another process has the journal in '{folder}' open. Stop that one first."
        ) from error
    return handle


def _segments(folder: Path) -> list[int]:
    names = (path.name.removesuffix(ENDING) for path in folder.glob(f"*{ENDING}"))
    return sorted(int(name) for name in names if name.isdigit())


def _begin(path: Path, first: int) -> None:
    with path.open("wb") as file:
        file.write(head(first))
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def _end(path: Path, first: int) -> tuple[int, int]:
    """Position of a segment's last whole record, and the offset after it."""
    position, end = first - 1, HEAD.size
    for record in records(path, first):
        position, end = record.position, record.end
    return position, end
