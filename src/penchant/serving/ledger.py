"""The ledger: events in, judged, each once, and on the disk before they are acknowledged.

journal/    what was taken and isn't in the store yet
seen/       which event ids are held
replies     by idempotency key
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from penchant.errors import BatchError, PenchantError
from penchant.serving.admission import Admission
from penchant.serving.commit import Commit, Refused, Row, decode, encode
from penchant.serving.digest import digest, id_of
from penchant.serving.journal import Journal
from penchant.serving.messages import MOST_EVENTS, Judged, Taken
from penchant.serving.replies import Replies, Reply, check_body
from penchant.serving.seen import Generation, Seen

AT_ONCE = 200  # events judged before others get their turn: a millisecond or two

OnEvents = Callable[[Sequence[Row], int], None]  # new rows, and the position of their record

log = logging.getLogger(__name__)


def _unheard(_rows: Sequence[Row], _position: int) -> None:
    """Tell nobody of new rows."""


class Ledger:
    """The ledger of a shop, open. All but `fresh` is to be called on one event loop.

    `on_events` hears of new rows once they are on the disk and before their batch is acknowledged.
    Raises LockedError when another process has it open, and DataError when it is damaged.
    """

    def __init__(
        self,
        folder: Path,
        store: Path,
        timezone: str,
        on_events: OnEvents = _unheard,
        journal: Callable[[Path], Journal] = Journal,
    ) -> None:
        self._on_events = on_events
        self._admission = Admission(timezone)
        self._under_way: dict[str, tuple[bytes, asyncio.Task[bytes]]] = {}
        self.journal = journal(folder / "journal")
        try:
            self.seen = Seen(folder / "seen", store)
            self.replies = Replies(folder / "replies")
            for _, payload in self.journal.replay():
                commit = decode(payload)
                self.seen.add([digest(id_of(row)) for row in commit.rows])
                self.seen.pack()
                self._remember(commit)
        except BaseException:
            self.journal.close()
            raise

    def fresh(self) -> Iterator[tuple[int, list[Row]]]:
        """Positions and rows of what the journal holds and the store doesn't.

        To be read before the first batch is taken.
        """
        for position, payload in self.journal.replay():
            rows = decode(payload).rows
            stored = self.seen.stored([digest(id_of(row)) for row in rows])
            yield position, [row for row, held in zip(rows, stored, strict=True) if not held]

    async def take(self, events: Sequence[object], key: str | None = None) -> Taken:
        """Take a batch; what it returns is on the disk.

        With an idempotency `key`, a batch sent again gets the first reply again. Raises BatchError
        for no events or too many, ConflictError for a key that came with another batch, BusyError
        while too much is waiting, and JournalError when nothing can be written.
        """
        if not 0 < len(events) <= MOST_EVENTS:
            raise BatchError(
                f"A batch has 1 to {MOST_EVENTS:,} events; found {len(events):,}. "
                + ("Send the rest in batches of their own." if events else "Leave it out.")
            )
        if key is None:
            taken, _ = await self._take(events, None, None)
            return taken
        body = sha256(msgspec.json.encode(events)).digest()
        reply = self.replies.get(key, body)
        if reply is None:
            if key not in self._under_way:
                work = asyncio.ensure_future(self._replied(events, key, body))
                self._under_way[key] = (body, work)
                work.add_done_callback(lambda _: self._under_way.pop(key))
            before, work = self._under_way[key]
            check_body(key, before, body)
            reply = await asyncio.shield(work)
        return msgspec.msgpack.decode(reply, type=Taken)

    def seal(self) -> "tuple[asyncio.Future[int], list[Generation]]":
        """End a segment of the journal and the sets of its ids at one point.

        Returns the future of the last position before it, and the sets that hold all ids up to it.
        """
        return self.journal.seal(), self.seen.turn()

    async def close(self) -> None:
        """Wait for what is under way and let the ledger go."""
        if self.journal.broken is None:
            try:
                await self.journal.settled()
            except PenchantError as error:
                log.error("%s", error)
        self.journal.close()

    async def _replied(self, events: Sequence[object], key: str, body: bytes) -> bytes:
        _, reply = await self._take(events, key, body)
        return reply

    async def _take(
        self, events: Sequence[object], key: str | None, body: bytes | None
    ) -> tuple[Taken, bytes]:
        verdicts, ids, digests = await self._judge(events)
        # From here to the append nothing else runs, so that no other batch comes in between.
        fresh = self._first_comers(digests)
        taken = _taken(verdicts, ids, fresh)
        rows = [
            one for one, new in zip(verdicts, fresh, strict=True) if new and isinstance(one, Row)
        ]
        refused = [one for one in verdicts if isinstance(one, Refused)]
        reply = b"" if key is None else msgspec.msgpack.encode(taken)
        if rows or refused or key is not None:
            commit = Commit(rows, refused, key, body, reply if key is not None else None)
            new = [one for one, is_new in zip(digests, fresh, strict=True) if is_new and one]
            await asyncio.shield(self._append(commit, new))
        if taken.duplicate:  # what they repeat may be waiting still
            await self.journal.settled()
        return taken, reply

    async def _judge(
        self, events: Sequence[object]
    ) -> tuple[list[Row | Refused], list[str | None], list[bytes | None]]:
        """Verdicts with the ids of accepted events and their digests."""
        verdicts: list[Row | Refused] = []
        end = self._admission.end()
        for start in range(0, len(events), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            verdicts += self._admission.judge(events[start : start + AT_ONCE], end)
        ids = [id_of(one) if isinstance(one, Row) else None for one in verdicts]
        return verdicts, ids, [None if one is None else digest(one) for one in ids]

    def _first_comers(self, digests: Sequence[bytes | None]) -> list[bool]:
        """Which of the accepted events come for the first time."""
        fresh = [False] * len(digests)
        first: dict[bytes, int] = {}
        for number, one in enumerate(digests):
            if one is not None:
                first.setdefault(one, number)
        for number, held in zip(first.values(), self.seen.held(list(first)), strict=True):
            fresh[number] = not held
        return fresh

    def _append(self, commit: Commit, digests: Sequence[bytes]) -> "asyncio.Future[int]":
        """Append a commit; once it is on the disk it counts, whoever still waits for it."""
        written = self.journal.append(encode(commit))
        self.seen.add(digests)

        def done(future: "asyncio.Future[int]") -> None:
            if future.cancelled() or future.exception() is not None:
                self.seen.forget(digests)
                return
            self._remember(commit)
            if commit.rows:
                try:
                    self._on_events(commit.rows, future.result())
                except Exception:
                    # They are on the disk, so they are acknowledged; a restart reads them again.
                    log.exception("live state didn't take %s new events", len(commit.rows))

        written.add_done_callback(done)
        return written

    def _remember(self, commit: Commit) -> None:
        if commit.key is not None and commit.body is not None and commit.reply is not None:
            self.replies.put(commit.key, Reply(commit.body, commit.reply))


def _taken(
    verdicts: Sequence[Row | Refused], ids: Sequence[str | None], fresh: Sequence[bool]
) -> Taken:
    events = []
    for one, name, new in zip(verdicts, ids, fresh, strict=True):
        if isinstance(one, Refused):
            told = Judged(verdict="quarantined", field=one.field, reason=one.reason)
        else:
            told = Judged(verdict="accepted" if new else "duplicate", event=name)
        events.append(told)
    accepted, duplicate = sum(fresh), sum(name is not None for name in ids) - sum(fresh)
    return Taken(
        sent=len(events),
        accepted=accepted,
        duplicate=duplicate,
        quarantined=len(events) - accepted - duplicate,
        events=events,
    )
