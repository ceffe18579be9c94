"""Batches of events in: how many are judged, told from repeats and synced in a second.

    python benchmarks/take.py                  the whole benchmark; writes benchmarks/results
    python benchmarks/take.py --batches 20     a shorter one; only prints

Without HTTP: batches are handed over as what JSON decodes to. Beside it the same batches go into
SQLite, a transaction each, which is how repeats are often told.
"""

import argparse
import asyncio
import json
import shlex
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.machine import ROOT, setting
from bench.rows import MEAN, Row, write_rows
from bench.tables import table
from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.store import Store
from penchant.evaluation.ledger import ALL
from penchant.serving.compaction import Compaction
from penchant.serving.ledger import Ledger

RESULTS = ROOT / "benchmarks" / "results"
BATCHES = 200
STORED = 2_000_000  # events that the store holds before
CASES = ((1_000, 1, 1), (1_000, 8, 1), (1, 1, 10), (1, 64, 20))  # events, senders, times batches
FIRST = 1_700_000_000
CAVEATS = """\
Everything runs in one process and one event loop; the events are made before. `cpu_seconds` add up
all threads, so that others who use the machine don't count. `sqlite` inserts or
ignores by a primary key, in WAL mode with full syncs, one batch a transaction; it judges nothing.
`repeats` sends batches that are held already. `slowest_ms` is the 99th percentile of a batch's
time. `compact` moves all of it into the store, in seconds. How long a sync takes is the disk's.
"""

Batch = list[dict[str, object]]


def batches(first: int, count: int, size: int) -> list[Batch]:
    """Batches of events with ids that count from `first`."""
    return [
        [
            {
                c.USER: f"u{n % 50_021}",
                c.ITEM: f"i{n * 7919 % 20_011}",
                c.TIME: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(FIRST + n % 10_000_000)),
                c.KIND: "view" if n % 8 else "purchase",
                c.VALUE: None if n % 8 else 2.5,
                c.EVENT: f"event-{n:012d}",
            }
            for n in range(start, start + size)
        ]
        for start in range(first, first + count * size, size)
    ]


def filled(folder: Path, count: int) -> Store:
    """A store of so many events."""
    store = Store.create(folder)
    number_N = np.arange(count)
    texts = {
        name: pa.array(np.char.add("x", (number_N % 99_991).astype(str))) for name in ("u", "i")
    }
    columns = {name: pa.nulls(count, EVENT_SCHEMA.field(name).type) for name in EVENT_SCHEMA.names}
    columns |= {
        c.USER: texts["u"],
        c.ITEM: texts["i"],
        c.TIME: pa.array((FIRST + number_N).astype("datetime64[s]").astype("datetime64[us]")),
        c.KIND: pa.array(np.full(count, "view")),
        c.EVENT: pa.array(np.char.add("old-", number_N.astype(str))),
    }
    store.append(pa.table(columns))
    return store


async def sent(ledger: Ledger, waiting: Sequence[Batch], senders: int) -> list[float]:
    """Send batches from so many senders at once; returns the seconds of each."""
    queue, taken = list(reversed(waiting)), []

    async def send() -> None:
        while queue:
            batch, began = queue.pop(), time.perf_counter()
            await ledger.take(batch)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*[send() for _ in range(senders)])
    return taken


def inserted(folder: Path, waiting: Sequence[Batch]) -> list[float]:
    """Insert batches into SQLite; returns the seconds of each."""
    connection = sqlite3.connect(folder / "events.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, event TEXT)")
    taken = []
    for batch in waiting:
        began = time.perf_counter()
        rows = [(event[c.EVENT], json.dumps(event)) for event in batch]
        connection.execute("BEGIN")
        connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        taken.append(time.perf_counter() - began)
    connection.close()
    return taken


def measured(dataset: str, model: str, events: int, took: Callable[[], list[float]]) -> list[Row]:
    """Events in a second and the slowest batches."""
    began, busy = time.perf_counter(), time.process_time()
    taken = took()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - busy
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events_a_second": events / seconds,
        "events_a_cpu_second": events / cpu_seconds,
        "slowest_ms": float(np.quantile(taken, 0.99)) * 1000,
    }
    return [Row(dataset, MEAN, ALL, model, metric, value) for metric, value in found.items()]


def run(count: int, stored: int) -> list[Row]:
    """Every measurement."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        folder = Path(name)
        store = filled(folder / "store", stored)
        began = time.perf_counter()
        ledger = Ledger(folder / "serving", store.path, "Europe/Berlin")
        opened = time.perf_counter() - began
        first = 0
        for size, senders, times in CASES:
            several = count * times
            dataset = f"batches of {size:,} from {senders}"
            waiting = batches(first, several, size)
            first += several * size

            def take(waiting: list[Batch] = waiting, senders: int = senders) -> list[float]:
                return runner.run(sent(ledger, waiting, senders))

            def insert(waiting: list[Batch] = waiting) -> list[float]:
                return inserted(folder, waiting)

            rows += measured(dataset, "take", several * size, take)
            rows += measured(dataset, "repeats", several * size, take)
            if senders == 1:
                rows += measured(dataset, "sqlite", several * size, insert)
        compaction = Compaction(ledger, store)
        began = time.perf_counter()
        runner.run(compaction.compact())
        compacted = time.perf_counter() - began
        compaction.close()
        runner.run(ledger.close())
        whole = f"{stored:,} stored, {first:,} sent"
        rows.append(Row(whole, MEAN, ALL, "open", "seconds", opened))
        rows.append(Row(whole, MEAN, ALL, "compact", "seconds", compacted))
    return rows


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """All rows as a table."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    found = {(row.dataset, row.model, row.metric): row.value for row in rows}
    body = []
    for dataset, model in dict.fromkeys((row.dataset, row.model) for row in rows):
        values = [found.get((dataset, model, metric)) for metric in metrics]
        shown = ["–" if v is None else f"{v:,.0f}" if v >= 1000 else f"{v:.2f}" for v in values]
        body.append([dataset, model, *shown])
    head = "\n".join(f"* {line}" for line in about)
    numbers = table(["events", "what", *metrics], body)
    return f"# Taking events\n\n{head}\n\n{numbers}\n\n## Caveats\n\n{CAVEATS}"


def main() -> int:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--stored", type=int, default=STORED)
    asked = parser.parse_args()
    about = setting(shlex.join(["python", "benchmarks/take.py", *sys.argv[1:]]))
    rows = run(asked.batches, asked.stored)
    text = page(about, rows)
    print(text)
    if (asked.batches, asked.stored) == (BATCHES, STORED):
        write_rows(rows, RESULTS / "take.json")
        (RESULTS / "take.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
