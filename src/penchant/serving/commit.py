"""A commit: what one record of the journal holds.

Written as MessagePack arrays, which name no fields: fields may be added at the end, and never
reordered.
"""

from datetime import datetime, timedelta

import msgspec

FIRST = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An accepted event in the columns of `EVENT_SCHEMA`, as the store will hold it."""

    user: str
    item: str | None
    time: int  # microseconds since 1970, on the shop's wall clock
    kind: str
    value: float | None
    quantity: float | None
    order: str | None
    query: str | None
    dwell: float | None
    event: str | None  # the sender's id

    @property
    def moment(self) -> datetime:
        """The time as a date and a time of day."""
        return FIRST + self.time * MICROSECOND


class Refused(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event that can't be used: the field at fault, why, and the event as JSON."""

    field: str | None  # none: it is no event at all
    reason: str
    content: str


class Commit(msgspec.Struct, array_like=True, frozen=True):
    """What one batch added, and the reply to it where it came with an idempotency key."""

    rows: list[Row]
    refused: list[Refused]
    key: str | None = None
    body: bytes | None = None  # digest of the batch that came with the key
    reply: bytes | None = None  # a `Taken` as MessagePack


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Commit)


def encode(commit: Commit) -> bytes:
    """Write a commit."""
    return _ENCODER.encode(commit)


def decode(payload: bytes) -> Commit:
    """Read a commit."""
    return _DECODER.decode(payload)


def microseconds(time: datetime) -> int:
    """Microseconds from 1970 to a wall-clock time."""
    since = time - FIRST
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds
