"""A segment: a file of records, each of which says where it stands and proves that it is whole.

    segment   MARK, the position of its first record (u64)
    record    mark, length (u32), position (u64), synced (u64), checksum (u32), payload

All numbers are little-endian. `synced` is the last position that was known to be on the disk when
the record was written. It tells a torn tail, which nobody was promised, from damage to a record
that was acknowledged: of the latter a later record says that it was synced.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from penchant.errors import DataError

MARK = b"PENCHLG1"
HEAD = struct.Struct("<8sQ")
RECORD_MARK = b"\xabREC"
RECORD = struct.Struct("<4sIQQ")
CHECKSUM = struct.Struct("<I")
FRAME = RECORD.size + CHECKSUM.size  # bytes before a payload
ENDING = ".log"


@dataclass(frozen=True)
class Record:
    """A whole record."""

    offset: int  # of its first byte in the file
    position: int
    synced: int
    payload: bytes

    @property
    def end(self) -> int:
        """Offset of the byte after it."""
        return self.offset + FRAME + len(self.payload)


def name_of(first: int) -> str:
    """File name of the segment whose first record has this position."""
    return f"{first:020d}{ENDING}"


def head(first: int) -> bytes:
    """The bytes that a segment starts with."""
    return HEAD.pack(MARK, first)


def framed(position: int, synced: int, payload: bytes) -> bytes:
    """A record as it is written."""
    start = RECORD.pack(RECORD_MARK, len(payload), position, synced)
    return b"".join((start, CHECKSUM.pack(crc32(payload, crc32(start))), payload))


def check_head(path: Path, first: int) -> None:
    """Raise DataError unless a file begins as the segment of its name does."""
    with path.open("rb") as file:
        found = file.read(HEAD.size)
    if found != head(first):
        raise DataError(
            f"'{path}' is damaged at offset 0: it doesn't begin as a segment of a journal does. "
            "Restore it from a copy."
        )


def records(path: Path, first: int) -> Iterator[Record]:
    """Records in their order, up to the end of the file or the first that isn't whole."""
    offset, position = HEAD.size, first
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            start = file.read(FRAME)
            if len(start) < FRAME:
                return
            mark, length, at, synced = RECORD.unpack_from(start)
            if mark != RECORD_MARK or at != position:
                return
            payload = file.read(length)
            if len(payload) < length or not _proved(start, payload):
                return
            record = Record(offset, position, synced, payload)
            yield record
            offset, position = record.end, position + 1


def _proved(start: bytes, payload: bytes) -> bool:
    (told,) = CHECKSUM.unpack_from(start, RECORD.size)
    return told == crc32(payload, crc32(start[: RECORD.size]))


def is_promised(path: Path, offset: int, position: int) -> bool:
    """Whether a record beyond `offset` says that the one of `position`, which is damaged, was kept.

    Reads what is left of the file.
    """
    rest = path.read_bytes()[offset:]
    at = rest.find(RECORD_MARK, 1)
    while at >= 0:
        start = rest[at : at + FRAME]
        if len(start) == FRAME:
            _, length, _, synced = RECORD.unpack_from(start)
            payload = rest[at + FRAME : at + FRAME + length]
            if len(payload) == length and synced >= position and _proved(start, payload):
                return True
        at = rest.find(RECORD_MARK, at + 1)
    return False


def damaged(path: Path, offset: int) -> DataError:
    """The error of a segment that isn't whole."""
    return DataError(
        f"'{path}' is damaged at offset {offset:,}: events that were acknowledged can't be read. "
        "Restore the file from a copy; without one, move the file away to go on without its events."
    )
