"""Runs cells in processes of their own, side by side, each on a core of its own.

Pinned to one core, a model's seconds don't depend on what its neighbours do with theirs. What is
finished is never run again.
"""

import hashlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.cell import Cell, Finished, read, write
from bench.machine import ROOT
from bench.rows import Rows
from penchant.evaluation.ledger import ALL

LIMIT = 900.0  # seconds a cell may take
GUESS = 60.0  # seconds of a cell of which nothing is known
SCORING = 15.0  # seconds that a cell takes beside its model
SHOWN = 300  # characters of an error
STOPPED = (-signal.SIGINT, -signal.SIGTERM)  # by whoever runs the benchmark: no finding
# What a forecast and its scores depend on.
READ = (
    *("src/penchant/*.py", "src/penchant/data/**/*.py", "src/penchant/interest/*.py"),
    *("src/penchant/models/*.py", "src/penchant/evaluation/*.py"),
    *("benchmarks/bench/*.py", "benchmarks/peers/*"),
)
UNREAD = ("boardgoals.py", "boardpage.py", "boardrows.py", "page.py", "tables.py", "race.py")


def sources() -> str:
    """A name for the code that cells run: the same as long as it is."""
    found = sorted({path for pattern in READ for path in ROOT.glob(pattern) if path.is_file()})
    told = hashlib.sha256()
    for path in found:
        if path.name not in UNREAD:
            told.update(f"{path.relative_to(ROOT)}\n".encode())
            told.update(path.read_bytes())
    return told.hexdigest()[:16]


@dataclass
class Clock:
    """What cells are expected to take, by what they took before."""

    known: dict[tuple[str, str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows) -> "Clock":
        """Learn from the results of an earlier run."""
        found = {}
        for row in rows:
            if (row.metric, row.window) == ("seconds", ALL) and row.value is not None:
                found["trial", row.dataset, row.model] = row.value + SCORING
        return cls(found)

    def note(self, done: Finished) -> None:
        """Learn from a finished cell."""
        cell = done.cell
        self.known[cell.part, cell.shop, cell.model] = done.seconds

    def expected(self, cells: Iterable[Cell]) -> float:
        """Seconds that cells will take in all, one after the other."""
        return sum(self.known.get((c.part, c.shop, c.model), GUESS) for c in cells)


@dataclass
class Race:
    """A folder of cells, and how to run them."""

    root: Path
    jobs: int
    clock: Clock
    tell: Callable[[str], None]
    limit: float = LIMIT
    until: float = math.inf  # no cell starts after this moment of `time.monotonic`
    skipped: set[Cell] = field(default_factory=set)  # that didn't

    def run(self, cells: Sequence[Cell]) -> list[Finished]:
        """Run what isn't finished, as long as there is time; returns what was found."""
        left = [cell for cell in cells if read(self.root, cell) is None]
        total = len(left)
        if left:
            minutes = self.clock.expected(left) / self.jobs / 60
            self.tell(f"{total} of {len(cells)} cells to run, in about {minutes:.0f} minutes")
        cores: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        for job in range(self.jobs):
            cores.put(every[job] if self.jobs > 1 and job < len(every) else None)

        def one(cell: Cell) -> None:
            if time.monotonic() > self.until:
                self.skipped.add(cell)
                return
            core = cores.get()
            try:
                done = self._attempt(cell, core)
            finally:
                cores.put(core)
            self.clock.note(done)
            left.remove(cell)
            minutes = self.clock.expected(left) / self.jobs / 60
            where = f"{cell.shop} {cell.cutoff} {cell.model}"
            self.tell(
                f"{total - len(left)}/{total} {cell.part} {where}: "
                f"{done.error or f'{done.seconds:.0f} s'}; about {minutes:.0f} minutes left"
            )

        pool = ThreadPoolExecutor(self.jobs)
        futures = [pool.submit(one, cell) for cell in list(left)]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
        return [done for cell in cells if (done := read(self.root, cell)) is not None]

    def _attempt(self, cell: Cell, core: int | None) -> Finished:
        """Run a cell in a fresh process; whatever ends it badly is what it found."""
        start = time.perf_counter()
        command = [sys.executable, "-m", "bench.cell", json.dumps(asdict(cell)), str(self.root)]
        child = subprocess.Popen(
            command, cwd=ROOT / "benchmarks", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        if core is not None:
            os.sched_setaffinity(child.pid, {core})  # before it has imported what counts cores
        try:
            _, told = child.communicate(timeout=self.limit)
            error = told.decode(errors="replace").strip().rsplit("\n", 1)[-1][-SHOWN:]
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            error = f"It took more than {self.limit:.0f} s."
        done = read(self.root, cell)
        if done is None:
            if child.returncode in STOPPED:
                raise KeyboardInterrupt
            error = error or f"The process ended with {child.returncode}."
            done = Finished(cell, time.perf_counter() - start, error, {}, None)
            write(self.root, done)
        return done
