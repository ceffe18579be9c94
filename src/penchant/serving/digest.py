"""Digests of event ids: 128 bits, the same from Python and from SQL.

An event without an id is known by its content, as in the store: `~` and the digest of its cells.
Two ids of a hundred million share a digest with a chance of about 1e-23, so a digest found is an id
found.
Shapes: D digests, 2 halves.
"""

from collections.abc import Iterable, Sequence
from hashlib import md5

import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.data.sql import identifier
from penchant.serving.commit import Row

MADE = "~"  # begins an id that was made from content
SIZE = 16  # bytes
NOTHING = "-"  # in the place of a cell
TEXTS = (c.USER, c.ITEM, c.KIND, c.ORDER, c.QUERY)
NUMBERS = (c.VALUE, c.QUANTITY, c.DWELL)

Halves = npt.NDArray[np.uint64]


def made_id(row: Row) -> str:
    """The id of an event without one."""
    texts = (row.user, row.item, row.kind, row.order, row.query)
    parts = [NOTHING if text is None else _measured(text.encode()) for text in texts]
    numbers = (row.value, row.quantity, row.dwell)
    parts += [NOTHING if number is None else f"{number:.17g}" for number in numbers]
    parts.append(str(row.time))
    content = "\n".join(parts).encode("utf-8", "surrogateescape")
    return MADE + md5(content, usedforsecurity=False).hexdigest()


def _measured(text: bytes) -> str:
    # With its length before it no text can be taken for two, or for nothing.
    return f"{len(text)}:{text.decode('utf-8', 'surrogateescape')}"


def id_of(row: Row) -> str:
    """The event's id: the sender's, or the one made from its content."""
    return row.event if row.event is not None else made_id(row)


def digest(name: str) -> bytes:
    """The digest of an id."""
    return md5(name.encode(), usedforsecurity=False).digest()


def digest_sql() -> str:
    """SQL of an event's digest, as a BLOB, from the columns of `EVENT_SCHEMA`."""
    texts = [f"strlen({identifier(name)}) || ':' || {identifier(name)}" for name in TEXTS]
    numbers = [f"printf('%.17g', {identifier(name)})" for name in NUMBERS]
    cells = [f"coalesce({cell}, '{NOTHING}')" for cell in (*texts, *numbers)]
    cells.append(f"epoch_us({identifier(c.TIME)})::VARCHAR")
    content = " || chr(10) || ".join(cells)
    own = identifier(c.EVENT)
    return f"unhex(md5(coalesce({own}, '{MADE}' || md5({content}))))"


def halves(digests: Sequence[bytes] | Iterable[bytes]) -> tuple[Halves, Halves]:
    """High and low 64 bits of each digest."""
    return split(b"".join(digests))


def split(content: bytes | memoryview) -> tuple[Halves, Halves]:
    """High and low 64 bits of each of the digests that stand in a row."""
    both_D2 = np.frombuffer(content, ">u8").reshape(-1, 2)
    return both_D2[:, 0].astype(np.uint64), both_D2[:, 1].astype(np.uint64)
