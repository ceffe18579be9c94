"""A server's ledger that gets itself killed: each line it is told is done in a process of its own.

A line is JSON of the `folder`, of the numbers of the `batches` to take, of the `step` that is
counted ("call", of what reaches the disk, or "delay" in milliseconds) and of the count `at` which
the process is killed; 0 is never. It answers with the exit status. What was acknowledged stands in
the file `acknowledged`: a batch's number and its reply, a line each.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from penchant.data import manifest
from penchant.data.store import Store
from penchant.serving import journal, replies
from penchant.serving import run as runs
from penchant.serving.compaction import Compaction
from penchant.serving.journal import Journal
from penchant.serving.ledger import Ledger

TAKERS, IN_A_BATCH = 6, 12


def batch(number):
    """Events, half of which come in the batch before too, and one that can't be used."""
    first = number * IN_A_BATCH // 2
    events = [
        {
            "user": f"u{n % 7}",
            "item": f"i{n % 11}",
            "time": 1_700_000_000 + n * 719,
            "kind": "view",
            **({} if n % 3 else {"event": f"e{n}"}),
        }
        for n in range(first, first + IN_A_BATCH)
    ]
    return [*events, {"user": f"u{number}", "time": "never", "kind": "view"}]


def counted(real, left):
    def call(*arguments, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    return call


def kill_at(at):
    left = [at]
    for holder, name in (
        *((manifest, "sync"), (journal, "sync"), (journal, "_sync"), (journal, "_write")),
        *((runs, "sync"), (replies, "sync")),
        *((os, "replace"), (os, "truncate"), (os, "fsync"), (Path, "unlink")),
    ):
        setattr(holder, name, counted(getattr(holder, name), left))


async def work(folder, batches):
    store = Store.open(folder / "store")
    small = {"segment_bytes": 20_000}
    ledger = Ledger(
        folder / "serving", store.path, "UTC", journal=lambda path: Journal(path, **small)
    )
    told = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    waiting = list(reversed(batches))

    async def take():
        while waiting:
            number = waiting.pop()
            taken = await ledger.take(batch(number), f"key-{number}")
            os.write(told, b"%d %s\n" % (number, msgspec.json.encode(taken)))

    async def compact():
        while True:
            await compaction.compact()
            await asyncio.sleep(0.05)

    compaction = Compaction(ledger, store)
    compacting = asyncio.create_task(compact())
    await asyncio.gather(*[take() for _ in range(TAKERS)])
    compacting.cancel()
    await compaction.compact()
    compaction.close()
    await ledger.close()


def run(folder, batches, step, at):
    if step == "call" and at:
        kill_at(at)
    asyncio.run(work(Path(folder), batches))


def main():
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if not child:
            try:
                run(**told)
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        if told["step"] == "delay" and told["at"]:
            time.sleep(told["at"] / 1000)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
