"""Compaction: move what the journal took into the store, then drop it.

The order makes it safe to be cut off anywhere: the store first, which turns repeats away, then the
ids, then the replies, and the segments last.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from time import monotonic

import msgspec
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.manifest import Manifest
from penchant.data.quarantine import QUARANTINE_SCHEMA, WIRE
from penchant.data.store import Store
from penchant.errors import LockedError, PenchantError
from penchant.serving.commit import Commit, Refused, Row, decode
from penchant.serving.ledger import Ledger
from penchant.serving.seen import Generation

ROWS_AT_ONCE = 200_000  # of the journal, put into the store in one go
ROWS_A_CALL = 1_000
PATIENCE = 1.0  # seconds before the store's lock is tried again
PLACE_BYTES = 6  # of a digest: a number that JSON's doubles hold exactly

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What a compaction brought into the store."""

    until: int  # position of the last record
    rows: int
    refused: int


OnStored = Callable[[Moved], None]


def _unheard(_moved: Moved) -> None:
    """Tell nobody of what is stored."""


class Compaction:
    """Moves a ledger's records into its store, in a thread of its own.

    `on_stored` is called on the event loop once rows up to a position stand in the store.
    """

    def __init__(self, ledger: Ledger, store: Store, on_stored: OnStored = _unheard) -> None:
        self._ledger, self._store, self._on_stored = ledger, store, on_stored
        self._thread = ThreadPoolExecutor(1, "compaction")
        self._once = asyncio.Lock()

    async def run(self, *, every: float = 60.0, least_bytes: int = 32 << 20) -> None:
        """Compact every so many seconds, and sooner when the journal holds so many bytes.

        Ends when it is cancelled. What goes wrong is logged, and tried again the next time.
        """
        last = monotonic()
        while True:
            await asyncio.sleep(PATIENCE)
            await self._apart(self._ledger.seen.pack)
            if monotonic() - last < every and self._ledger.journal.bytes_held() < least_bytes:
                continue
            try:
                await self.compact()
            except (PenchantError, OSError, pa.ArrowException) as error:
                log.error("compaction failed and is tried again: %s", error)
            last = monotonic()

    async def compact(self) -> Moved | None:
        """Move all that was acknowledged so far; None when there is nothing.

        Waits for its turn while another process is writing to the store.
        """
        async with self._once:
            sealed, generations = self._ledger.seal()
            until = await sealed
            if until <= self._ledger.journal.dropped:
                return None
            moved = await self._patiently(until, generations)
            packed = self._ledger.replies.packed()
            await self._apart(self._drop, until, packed)
        self._on_stored(moved)
        log.info("moved %s events into the store, up to %s", f"{moved.rows:,}", until)
        return moved

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Nothing is moved meanwhile."""
        async with self._once:
            yield

    def close(self) -> None:
        """Wait for what is under way and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _apart(self, work: Callable[..., object], *arguments: object) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _patiently(self, until: int, generations: Sequence[Generation]) -> Moved:
        told = False
        while True:
            try:
                moved = await self._apart(self._move, until, generations)
            except LockedError:
                if not told:
                    log.info("another process is writing to the store; compaction waits its turn")
                    told = True
                await asyncio.sleep(PATIENCE)
                await self._apart(self._ledger.seen.pack)
            else:
                assert isinstance(moved, Moved)
                return moved

    def _move(self, until: int, generations: Sequence[Generation]) -> Moved:
        rows = refused = 0
        after: Manifest | None = None
        for commits in self._parts(until):
            events, aside = _event_table(commits), _quarantine_table(commits)
            before, after = self._store.absorb(events, aside)
            self._ledger.seen.cover(before, after)
            rows, refused = rows + events.num_rows, refused + aside.num_rows
        self._ledger.seen.settle(generations)
        return Moved(until=until, rows=rows, refused=refused)

    def _parts(self, until: int) -> Iterator[list[Commit]]:
        commits: list[Commit] = []
        rows = 0
        for _, payload in self._ledger.journal.replay(until=until):
            commits.append(decode(payload))
            rows += len(commits[-1].rows) + len(commits[-1].refused)
            if rows >= ROWS_AT_ONCE:
                yield commits
                commits, rows = [], 0
        if rows:
            yield commits

    def _drop(self, until: int, replies: bytes) -> None:
        self._ledger.replies.write(replies)
        self._ledger.journal.drop(until)


def _event_table(commits: Sequence[Commit]) -> pa.Table:
    rows = [row for commit in commits for row in commit.rows]
    # A part at a time: one call for all would keep the event loop waiting.
    starts = range(0, len(rows), ROWS_A_CALL)
    batches = [_event_batch(rows[start : start + ROWS_A_CALL]) for start in starts]
    return pa.Table.from_batches(batches, EVENT_SCHEMA)


def _event_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    cells = zip(*map(msgspec.structs.astuple, rows), strict=True)
    columns = [pa.array(cell, kind) for cell, kind in zip(cells, EVENT_SCHEMA.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=EVENT_SCHEMA)


def _quarantine_table(commits: Sequence[Commit]) -> pa.Table:
    refused = [one for commit in commits for one in commit.refused]
    columns = {
        c.SOURCE: [WIRE] * len(refused),
        c.ROW: [_place(one) for one in refused],
        c.FIELD: [one.field for one in refused],
        c.REASON: [one.reason for one in refused],
        c.CONTENT: [one.content for one in refused],
    }
    return pa.table(columns, schema=QUARANTINE_SCHEMA)


def _place(refused: Refused) -> int:
    """A number for an event that has no row; the same event sent again has the same one."""
    told = md5(refused.content.encode(), usedforsecurity=False).digest()
    return int.from_bytes(told[:PLACE_BYTES], "big") + 1
