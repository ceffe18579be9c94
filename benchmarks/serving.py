"""Serving: how quickly a customer is answered, how much is taken in, how soon an event tells.

    python benchmarks/serving.py            the whole benchmark; writes benchmarks/results
    python benchmarks/serving.py --quick    a small shop, in two minutes; only prints

A generated shop, `penchant serve` in a process of its own, and the load in this one, on the same
two cores. A bare FastAPI handler under uvicorn is asked in the same run.
"""

import asyncio
import contextlib
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.load import Connection, Measured, Request, loaded
from bench.machine import ROOT, setting
from bench.rows import MEAN, Row, write_rows
from bench.servedshop import DAYS, FIRST, made_shop
from bench.tables import table
from bench.telling import tell
from penchant.evaluation.ledger import ALL

RESULTS = ROOT / "benchmarks" / "results"
DATASET, ITEMS, SLOTS, CONNECTIONS = "generated", 20_000, 20, 8
PATIENCE = 600  # seconds until a server must be ready
FIRST_KILLED = 7_000_000  # number of the first batch sent to a server that is killed
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
OURS, BARE = "penchant_serve", "bare_fastapi"
CAVEATS = """\
Customers are asked about at random, all of them known; each answer has 20 of 20,000 items with
chance, topic, source and reason. `bare_fastapi` multiplies 20,000 × 64 numbers and returns the best
20 by number and score. Both are asked over 8 connections that are kept, twice in turns; the better
of two is told. Events come in batches of 1,000 over 4 connections, each with an id and each new; an
answer means that they are on the disk. For freshness a customer buys something new to them, and is
asked again until the list is another, while 4 connections go on asking about others. Live state is
measured in a process that holds a ground of a million generated customers with 10 purchases each,
and fresh events of a tenth of them; what it maps from disk can be let go of by the system, and is
told beside it. Kills come at random while 4 connections send events; what was acknowledged is then
sought in the store and the journal.
"""


@dataclass(frozen=True)
class Scale:
    """How much is done."""

    users: int = 5_000
    reads: int = 20_000
    batches: int = 200
    follows: int = 200
    million: int = 1_000_000  # customers of the ground whose memory is measured
    kills: int = 20


QUICK = Scale(users=600, reads=2_000, batches=20, follows=20, million=20_000, kills=3)


@contextlib.contextmanager
def running(
    command: list[str], folder: Path, path: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server in a process of its own, once it answers at `path`; with its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    full = [part.replace("PORT", str(port)) for part in command]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(full, stderr=log, stdout=log, cwd=folder, env=environment())
        try:
            asyncio.run(answering(port, path, process))
            yield process, port
        except SystemExit:
            print((folder / "log").read_text(encoding="utf-8")[-2000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def environment() -> dict[str, str]:
    """One thread, and the modules of benchmarks."""
    paths = [str(ROOT / "benchmarks"), str(ROOT / "src")]
    return {**os.environ, **ALONE, "PYTHONPATH": os.pathsep.join(paths)}


async def answering(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"The server ended with {process.returncode}; see its log.")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            connection = await Connection.open(port)
            status, _ = await connection.ask(Request.get(path))
            connection.close()
            if status == 200:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("The server isn't ready.")


def ours(folder: Path) -> list[str]:
    """The command that serves a workspace."""
    call = "from penchant.cli import main; main()"
    told = ["serve", "-c", str(folder / "penchant.toml"), "--port", "PORT", "--no-requests"]
    return [sys.executable, "-c", call, *told]


def bare() -> list[str]:
    """The command of the reference."""
    told = ["bench.bareapp:app", "--port", "PORT", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", *told]


def asked(scale: Scale, path: str, seed: int) -> list[Request]:
    """Questions about customers at random."""
    chance = random.Random(seed)
    return [Request.get(path.format(chance.randrange(scale.users))) for _ in range(scale.reads)]


READS = "/v1/users/u{:07d}/recommendations"


def reads(scale: Scale, port: int, bare_port: int) -> dict[str, Measured]:
    """Both servers asked in turns; the better of two."""
    best: dict[str, Measured] = {}
    for turn in range(2):
        for name, at, path in ((OURS, port, READS), (BARE, bare_port, "/users/{}")):
            asyncio.run(loaded(at, asked(scale, path, 9)[:500], CONNECTIONS))
            measured = asyncio.run(loaded(at, asked(scale, path, turn), CONNECTIONS))
            assert set(measured.status) == {200}, measured.status
            tell(f"{name}: {measured.rate:.0f}/s, p99 {measured.quantile(0.99):.1f} ms")
            if name not in best or measured.rate > best[name].rate:
                best[name] = measured
    return best


def purchases(scale: Scale, number: int, size: int) -> list[dict[str, object]]:
    """A batch of new events."""
    chance = random.Random(number)
    return [
        {
            "user": f"u{chance.randrange(scale.users):07d}",
            "item": f"i{chance.randrange(ITEMS):06d}",
            "time": (FIRST + timedelta(minutes=chance.randrange(DAYS * 1440))).isoformat(),
            "kind": "purchase",
            "value": round(chance.random() * 20, 2),
            "event": f"live-{number}-{place}",
        }
        for place in range(size)
    ]


def taken(scale: Scale, port: int) -> Measured:
    """Batches taken in."""
    bodies = [purchases(scale, number, 1000) for number in range(scale.batches)]
    requests = [Request.post("/v1/events", {"events": body}) for body in bodies]
    measured = asyncio.run(loaded(port, requests, 4))
    assert set(measured.status) == {200}, measured.status
    tell(f"{1000 * measured.rate:.0f} events/s")
    return measured


async def followed(scale: Scale, port: int) -> Measured:
    """From the answer to an event to another list, while others are asked about."""
    measured, going = Measured(), True
    chance = random.Random(3)

    async def read() -> None:
        connection = await Connection.open(port)
        while going:
            await connection.ask(Request.get(READS.format(chance.randrange(scale.users))))
        connection.close()

    readers = [asyncio.create_task(read()) for _ in range(4)]
    connection = await Connection.open(port)
    for number in range(scale.follows):
        user = f"u{chance.randrange(scale.users):07d}"
        question = Request.get(f"/v1/users/{user}/recommendations")
        _, before = await connection.ask(question)
        events = purchases(scale, 1_000_000 + number, 3)
        for event in events:
            event |= {"user": user, "time": last_moment(), "item": events[0]["item"]}
        status, _ = await connection.ask(Request.post("/v1/events", {"events": events}))
        assert status == 200
        start = time.perf_counter()
        while (await connection.ask(question))[1] == before:
            assert time.perf_counter() - start < 30, "the list doesn't change"
        measured.second_N.append(time.perf_counter() - start)
    going = False
    await asyncio.gather(*readers)
    connection.close()
    tell(f"an event tells after {measured.quantile(0.5):.0f} ms, p99 {measured.quantile(0.99):.0f}")
    return measured


def last_moment() -> str:
    """The end of what the shop was generated for."""
    return (FIRST + timedelta(days=DAYS, seconds=-1)).isoformat()


def killed(scale: Scale, folder: Path) -> dict[str, float]:
    """Kill the server again and again while it takes events; what it kept of what it told."""
    chance, acknowledged = random.Random(5), []
    for number in range(scale.kills):
        with running(ours(folder), folder, "/readyz") as (process, port):
            first, after = FIRST_KILLED + 400 * number, chance.uniform(0.05, 1.5)
            acknowledged += asyncio.run(until_killed(scale, process, port, first, after))
        tell(f"kill {number + 1}: {len(acknowledged):,} events acknowledged")
    path = folder / "acknowledged.json"
    path.write_text(json.dumps(acknowledged), encoding="utf-8")
    return {"kills": scale.kills, **printed("bench.heldevents", str(folder), str(path))}


async def until_killed(
    scale: Scale, process: subprocess.Popen[bytes], port: int, first: int, after: float
) -> list[str]:
    """Ids of events acknowledged until the process is killed."""
    acknowledged: list[str] = []
    numbers = iter(range(first, first + 400))

    async def send() -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            connection = await Connection.open(port)
            for number in numbers:
                events = purchases(scale, number, 200)
                status, _ = await connection.ask(Request.post("/v1/events", {"events": events}))
                assert status == 200, status
                acknowledged.extend(str(event["event"]) for event in events)

    senders = [asyncio.create_task(send()) for _ in range(4)]
    await asyncio.sleep(after)
    process.kill()
    await asyncio.gather(*senders)
    return acknowledged


def printed(module: str, *arguments: str) -> dict[str, float]:
    """What a module of ours prints, name=value, from a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    tell(f"{module}: {done.stdout.strip()}")
    pairs = (part.split("=") for part in done.stdout.split())
    return {name: float(value) for name, value in pairs}


def run(scale: Scale, folder: Path) -> list[Row]:
    """Make the shop, serve it, ask it everything."""
    start = time.perf_counter()
    shop = folder / "shop"
    made_shop(shop, scale.users, ITEMS)
    tell(f"the shop is made and fitted, {time.perf_counter() - start:.0f} s")
    with running(ours(shop), shop, "/readyz") as (_, port):
        with running(bare(), folder, "/users/0") as (_, bare_port):
            found = reads(scale, port, bare_port)
        tale = asyncio.run(followed(scale, port))
        batches = taken(scale, port)
    printed("bench.groundmemory", str(shop), str(scale.million))  # makes the store
    memory = printed("bench.groundmemory", str(shop), str(scale.million))
    kept = killed(scale, shop)
    rows = [
        (name, metric, value)
        for name, measured in found.items()
        for metric, value in (
            ("requests_a_second", measured.rate),
            ("p50_ms", measured.quantile(0.5)),
            ("p99_ms", measured.quantile(0.99)),
        )
    ]
    rows.append((OURS, "times_bare", found[OURS].rate / found[BARE].rate))
    rows.append((OURS, "events_a_second", 1000 * batches.rate))
    rows.append((OURS, "told_p50_ms", tale.quantile(0.5)))
    rows.append((OURS, "told_p99_ms", tale.quantile(0.99)))
    rows += [(OURS, f"{name}_gib", memory[name]) for name in ("ground", "fresh", "mapped")]
    rows.append((OURS, "live_gib", memory["ground"] + memory["fresh"]))
    rows += [(OURS, name, value) for name, value in kept.items()]
    rows.append((OURS, "seconds", memory["seconds"]))  # to lay the ground of so many customers
    return [Row(DATASET, MEAN, ALL, model, metric, value) for model, metric, value in rows]


GOALS = (  # metric, at most or at least, bound
    ("p50_ms", "at most", 5.0),
    ("p99_ms", "at most", 20.0),
    ("requests_a_second", "at least", 1000.0),
    ("times_bare", "at least", 2.0),
    ("events_a_second", "at least", 10_000.0),
    ("told_p99_ms", "at most", 1000.0),
    ("live_gib", "at most", 0.5),
    ("lost", "at most", 0.0),
    ("twice", "at most", 0.0),
)


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    value = {(row.model, row.metric): row.value for row in rows}
    goals = [
        (
            metric,
            f"{how} {bound:g}",
            f"{value[OURS, metric]:.4g}",
            "reached"
            if (value[OURS, metric] <= bound) == (how == "at most") or value[OURS, metric] == bound
            else "missed",
        )
        for metric, how, bound in GOALS
    ]
    told = [(row.model, row.metric, f"{row.value:.4g}") for row in rows]
    parts = (
        "# Serving",
        "\n".join(f"* {line}" for line in about),
        f"## Caveats\n\n{CAVEATS}",
        table(("goal", "wanted", "found", ""), goals),
        table(("server", "metric", "value"), told),
    )
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run, print and write."""
    quick, start = "--quick" in sys.argv[1:], time.perf_counter()
    about = setting(shlex.join(["python", "benchmarks/serving.py", *sys.argv[1:]]))
    with tempfile.TemporaryDirectory() as folder:
        rows = run(QUICK if quick else Scale(), Path(folder))
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    if not quick:
        write_rows(rows, RESULTS / "serving.json")
        (RESULTS / "serving.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
