"""A run: digests in a file, sorted, and mapped rather than read.

The file is an array of two rows: the digests' high halves in their order, and their low halves.
Shapes: D digests of a run, Q digests asked for, N some of either, R runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from penchant.data.manifest import sync
from penchant.errors import ArtefactError
from penchant.serving.digest import Halves

ENDING = ".npy"
PART = 1 << 20  # digests that are merged at once
SPACE = 1 << 64  # of high halves

Hits = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Run:
    """A run on disk."""

    path: Path
    high_D: Halves
    low_D: Halves

    def __len__(self) -> int:
        return len(self.high_D)

    def holds(self, high_Q: Halves, low_Q: Halves) -> Hits:
        """Which of the digests are here."""
        at_Q = np.searchsorted(self.high_D, high_Q)
        hit_Q = np.zeros(len(high_Q), bool)
        (inside_N,) = np.nonzero(at_Q < len(self))
        (same_N,) = np.nonzero(self.high_D[at_Q[inside_N]] == high_Q[inside_N])
        found_N = inside_N[same_N]
        hit_Q[found_N] = self.low_D[at_Q[found_N]] == low_Q[found_N]
        for number in found_N[~hit_Q[found_N]]:  # another one with this high half may follow
            at = int(at_Q[number]) + 1
            while at < len(self) and self.high_D[at] == high_Q[number]:
                if self.low_D[at] == low_Q[number]:
                    hit_Q[number] = True
                at += 1
        return hit_Q


def write_run(path: Path, high_D: Halves, low_D: Halves) -> Run:
    """Sort digests and write them; not synced, for what is made again after a crash."""
    order_D = np.argsort(high_D, kind="stable")
    np.save(path, np.stack([high_D[order_D], low_D[order_D]]), allow_pickle=False)
    return open_run(path)


def open_run(path: Path, count: int | None = None) -> Run:
    """Map a run; ArtefactError when it isn't one, or doesn't hold `count` digests."""
    try:
        both_2D = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArtefactError(f"'{path}' can't be read: {error}.") from error
    shape = both_2D.shape
    if both_2D.dtype != np.uint64 or shape[:-1] != (2,) or count not in (None, shape[-1]):
        raise ArtefactError(f"'{path}' is damaged: found {both_2D.dtype} of shape {shape}.")
    return Run(path, both_2D[0], both_2D[1])


def merge_runs(path: Path, runs: Sequence[Run]) -> Run:
    """Write one run of several, each digest once and synced, in memory for about a million digests.

    Digests are spread evenly, so that equal slices of their space hold about as many each.
    """
    total = sum(map(len, runs))
    kept = sum(len(high_N) for high_N, _ in _parts(runs, total))
    both_2D = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint64, shape=(2, kept))
    start = 0
    for high_N, low_N in _parts(runs, total):
        end = start + len(high_N)
        both_2D[0, start:end], both_2D[1, start:end] = high_N, low_N
        start = end
    both_2D.flush()
    sync(path)
    sync(path.parent)
    return open_run(path, kept)


def _parts(runs: Sequence[Run], total: int) -> Iterator[tuple[Halves, Halves]]:
    """The digests of all runs, slice of their space by slice, sorted."""
    slices = total // PART + 1
    edges = [number * SPACE // slices for number in range(1, slices)]
    ends_R = [
        [*np.searchsorted(run.high_D, np.array(edges, np.uint64)).tolist(), len(run)]
        for run in runs
    ]
    starts_R = [0] * len(runs)
    for number in range(slices):
        cut = [slice(start, ends[number]) for start, ends in zip(starts_R, ends_R, strict=True)]
        starts_R = [ends[number] for ends in ends_R]
        high_N = np.concatenate([run.high_D[part] for run, part in zip(runs, cut, strict=True)])
        low_N = np.concatenate([run.low_D[part] for run, part in zip(runs, cut, strict=True)])
        order_N = np.lexsort((low_N, high_N))
        high_N, low_N = high_N[order_N], low_N[order_N]
        fresh_N = np.ones(len(high_N), bool)
        fresh_N[1:] = (high_N[1:] != high_N[:-1]) | (low_N[1:] != low_N[:-1])
        yield high_N[fresh_N], low_N[fresh_N]
