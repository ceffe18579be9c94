"""Replies that were given under an idempotency key, so that a batch sent again gets the same one.

Held in memory, the oldest let go first; `save` keeps them when the journal's records of them are
dropped.
"""

import logging
import os
from collections import OrderedDict
from pathlib import Path

import msgspec

from penchant.data.manifest import sync
from penchant.errors import ConflictError

MOST_BYTES = 16 << 20
OVERHEAD = 200  # bytes of memory beside a key and a reply
PENDING = ".pending"

log = logging.getLogger(__name__)


class Reply(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The digest of a batch, and what was answered."""

    body: bytes
    content: bytes


class Replies:
    """The latest replies by their key, in so many bytes at most."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._most = path, most_bytes
        self._held: OrderedDict[str, Reply] = OrderedDict()
        self._bytes = 0
        for key, reply in self._load().items():
            self.put(key, reply)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str, body: bytes) -> bytes | None:
        """The reply given before; ConflictError when the batch was another one then."""
        held = self._held.get(key)
        if held is None:
            return None
        check_body(key, held.body, body)
        return held.content

    def put(self, key: str, reply: Reply) -> None:
        """Hold a reply."""
        if (before := self._held.pop(key, None)) is not None:
            self._bytes -= _size(key, before)
        self._held[key] = reply
        self._bytes += _size(key, reply)
        while self._bytes > self._most:
            self._bytes -= _size(*self._held.popitem(last=False))

    def packed(self) -> bytes:
        """All replies, as `write` takes them."""
        return msgspec.msgpack.encode(self._held)

    def write(self, packed: bytes) -> None:
        """Put them on the disk in one step."""
        pending = self._path.with_name(self._path.name + PENDING)
        pending.write_bytes(packed)
        sync(pending)
        os.replace(pending, self._path)
        sync(self._path.parent)

    def _load(self) -> dict[str, Reply]:
        if not self._path.is_file():
            return {}
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=dict[str, Reply])
        except msgspec.MsgspecError as error:
            log.warning("'%s' is damaged, so keys of before are forgotten: %s", self._path, error)
            return {}


def check_body(key: str, before: bytes, now: bytes) -> None:
    """Raise ConflictError unless a key comes with the batch that it came with before."""
    if before != now:
        raise ConflictError(
            f"The idempotency key '{key}' came before, with another batch. Give each batch a key "
            "of its own, and use it again only to send the same batch again."
        )


def _size(key: str, reply: Reply) -> int:
    return len(key) + len(reply.content) + OVERHEAD
