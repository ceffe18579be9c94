"""Everyone's list, written as it is sent, and mapped from disk.

Two files: the lists one after another, and where each begins. A reply copies its part.
Shapes: U users.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.interest.interest import Names
from penchant.recommend.recommendations import Recommendations
from penchant.serving.messages import Suggestion

EMPTY = b"[]"
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Lists:
    """Lists of sorted users, each the JSON of its items."""

    users_U: Names
    start_U: npt.NDArray[np.int64]  # first byte of each list, and the end: U + 1 offsets
    content: mmap.mmap | bytes

    def of(self, user: str) -> bytes | None:
        """A customer's list; None of whoever has none."""
        row = int(np.searchsorted(self.users_U, user))
        if row == len(self.users_U) or self.users_U[row] != user:
            return None
        return self.content[self.start_U[row] : self.start_U[row + 1]]


def write_lists(
    folder: Path, digest: str, users_U: Names, blocks: Iterable[Recommendations]
) -> Lists:
    """Write lists in the order of `users_U`; those kept under the same digest are taken instead."""
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / f"{digest[:16]}.json", folder / "partial"
    offsets = path.with_suffix(".npy")
    if not (path.is_file() and offsets.is_file()):
        sizes = [0]
        with partial.open("wb") as file:
            for block in blocks:
                sizes.extend(map(file.write, encoded(block)))
            file.flush()
            os.fsync(file.fileno())
        np.save(offsets, np.cumsum(sizes), allow_pickle=False)
        partial.replace(path)  # last: without it the offsets mean nothing
        for old in folder.glob("*.*"):
            if old.stem != path.stem:
                old.unlink()  # whoever still maps it keeps it
    start_U = np.load(offsets, mmap_mode="r", allow_pickle=False)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:  # which can't be mapped
            return Lists(users_U, start_U, b"")
        return Lists(users_U, start_U, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def encoded(lists: Recommendations) -> Iterator[bytes]:
    """The JSON of each user's items, in the order of the users."""
    held: dict[str, list[Suggestion]] = {user: [] for user in lists.past.users_U.tolist()}
    for row in lists.to_table().to_pylist():
        held[row[c.USER]].append(suggestion(row))
    return map(_encoder.encode, held.values())


def suggestion(row: dict[str, Any]) -> Suggestion:
    """A row of a table of recommendations, as it is sent."""
    return Suggestion(
        item=row[c.ITEM],
        chance=row[c.CHANCE],
        source=row[c.SOURCE],
        reason=row[c.REASON],
        title=row[c.TITLE],
        topic=row[c.TOPIC],
        interest=row[c.INTEREST],
        because=row[c.BECAUSE],
    )
