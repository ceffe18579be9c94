"""A server killed at any moment loses nothing that it acknowledged and keeps nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penchant.data.store import Store
from serving.taker import batch

KILLS = 24 * int(os.environ.get("PENCHANT_PROOF", "1"))
BATCHES = 10 * KILLS
NEXT = 40  # batches sent before the next kill


@pytest.fixture
def taker():
    command = [sys.executable, Path(__file__).with_name("taker.py")]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=alone) as running:

        def take(folder, batches, step="call", at=0):
            told = {"folder": str(folder), "batches": batches, "step": step, "at": at}
            running.stdin.write(json.dumps(told) + "\n")
            running.stdin.flush()
            return int(running.stdout.readline())

        yield take
        running.stdin.close()


def acknowledged(folder):
    path = folder / "acknowledged"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    found = {}
    for line in lines:
        if line.endswith(b"\n"):
            number, reply = line.split(b" ", 1)
            assert found.setdefault(int(number), reply) == reply  # the same key, the same reply
    return found


def rows_of(store):
    return sorted(map(repr, store.logged().to_pyarrow().to_pylist()))


def test_killed_at_any_moment_it_keeps_its_word(taker, tmp_path):
    chance = random.Random(11)
    Store.create(tmp_path / "store")
    killed = done = 0
    statuses = []
    while len(acknowledged(tmp_path)) < BATCHES:
        known = acknowledged(tmp_path)
        batches = [number for number in range(BATCHES) if number not in known][:NEXT]
        batches += chance.sample(sorted(known), min(5, len(known)))  # replies that were lost
        way = ("call", chance.randint(1, 80)) if done % 2 else ("delay", chance.randint(20, 400))
        status = taker(tmp_path, batches, *(way if done < 2 * KILLS else ("call", 0)))
        assert status in (0, -signal.SIGKILL)
        killed, done = killed + (status != 0), done + 1
        statuses.append(status)
    assert taker(tmp_path, []) == 0
    assert killed >= KILLS, statuses

    clean = Store.create(tmp_path / "clean")
    path = tmp_path / "events.jsonl"
    sent = [event for number in range(BATCHES) for event in batch(number)]
    path.write_text("".join(json.dumps(event) + "\n" for event in sent))
    receipt = clean.append(path)
    store = Store.open(tmp_path / "store")
    assert store.verify() == ()
    assert rows_of(store) == rows_of(clean)
    assert store.counts["quarantine"] == receipt.quarantined == BATCHES
    taken = [json.loads(reply) for reply in acknowledged(tmp_path).values()]
    assert sum(reply["accepted"] for reply in taken) == receipt.accepted == store.counts["events"]
    assert not list((tmp_path / "serving" / "seen").glob("recent-*"))
