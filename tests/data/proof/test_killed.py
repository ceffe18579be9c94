"""A writer that is killed at any moment leaves the old store or the new, and a rerun ends it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import logs
import pytest

from penchant.data.manifest import PENDING
from penchant.data.store import Store

OLD, ALL = 2_000, 100_000 if logs.TIMES == 1 else 400_000  # events
MONTHS = 12
SYNCS = 2 * MONTHS + 4  # of each month's file and folder, the quarantine's, and the manifest's
MOMENTS = [
    *(("sync", at) for at in (1, 2, MONTHS, SYNCS - 3, SYNCS - 1, SYNCS)),
    *(("rename", at) for at in (1, MONTHS, MONTHS + 2)),
    *(("delay", milliseconds) for milliseconds in (50, 200, 400)),
]
EVERY_MOMENT = [
    *(("sync", at) for at in range(1, SYNCS + 1)),
    *(("rename", at) for at in range(1, MONTHS + 3)),
    *(("delay", milliseconds) for milliseconds in range(0, 1500, 75)),
]
READER = """
import sys, time
from penchant.data.store import Store
print("begun", flush=True)
while True:
    print(Store.open(sys.argv[1]).events().count().execute(), flush=True)
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A small file and a large one that begins with it, some of whose rows are faulty."""
    folder = tmp_path_factory.mktemp("log")
    rows = (
        f"SELECT i % 977 AS user, i % 313 AS item, CASE WHEN i % 1000 = 7 THEN NULL ELSE "
        f"'2022-01-01'::TIMESTAMP + INTERVAL (i * 7919 % ({MONTHS} * 30 * 86400)) SECOND END "
        "AS time, CASE WHEN i % 3 = 0 THEN 'e' || i END AS event FROM range({count}) AS t(i)"
    )
    for name, count in (("old", OLD), ("all", ALL)):
        sql = rows.format(count=count)
        duckdb.sql(f"COPY ({sql}) TO '{folder / name}.csv'")
    return folder


@pytest.fixture(scope="module")
def clean(log, tmp_path_factory):
    """A store that both files reached undisturbed."""
    store = Store.create(tmp_path_factory.mktemp("clean") / "store")
    store.append(log / "old.csv")
    store.append(log / "all.csv")
    store.compact()
    return store


@pytest.fixture(scope="module")
def writer():
    """Writes to a store as told and gets killed; returns whether it was."""
    command = [sys.executable, Path(__file__).with_name("writer.py")]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=alone) as running:

        def write(store, source, step, at):
            told = {"path": str(store.path), "source": str(source), "step": step, "at": at}
            running.stdin.write(json.dumps(told) + "\n")
            running.stdin.flush()
            status = int(running.stdout.readline())
            assert status in (0, -signal.SIGKILL)
            return status != 0

        yield write
        running.stdin.close()


def assert_old_or_new(store, old, new):
    assert store.verify() == ()
    found = (store.events().count().execute(), store.quarantine().count().execute())
    assert found in (old, new)
    assert found == (store.counts["events"], store.counts["quarantine"])
    return found


def test_killed_at_any_moment_the_store_is_whole_and_a_rerun_ends_it(log, clean, writer, tmp_path):
    store = Store.create(tmp_path / "store")
    store.append(log / "old.csv")
    old = (store.counts["events"], store.counts["quarantine"])
    new = (clean.counts["events"], clean.counts["quarantine"])
    shutil.copytree(store.path, tmp_path / "copy")
    seen = set()
    for step, at in MOMENTS if logs.TIMES == 1 else EVERY_MOMENT:
        killed = writer(store, log / "all.csv", step, at)
        assert killed or step == "delay"
        store = Store.open(store.path)
        state = assert_old_or_new(store, old, new)
        seen.add(state)
        if state == new:  # begin again at the old state
            shutil.rmtree(store.path)
            shutil.copytree(tmp_path / "copy", store.path)
    assert seen == {old, new}
    receipt = store.append(log / "all.csv")
    assert receipt.sent == ALL
    assert assert_old_or_new(store, new, new) == new
    assert not list(store.path.rglob(f"{PENDING}*"))
    for at in (1, MONTHS):
        assert writer(store, "compact", "sync", at)
        assert assert_old_or_new(Store.open(store.path), new, new) == new
    for _ in range(2):  # the files of one state before stay for those who read them
        store.compact()
    assert store.manifest.of("events") == clean.manifest.of("events")
    listed = {file.path for file in store.manifest.files}
    found = {path.relative_to(store.path).as_posix() for path in store.path.rglob("*.parquet")}
    assert found == listed


def test_readers_see_the_old_events_or_the_new_while_they_are_written(log, clean, tmp_path):
    store = Store.create(tmp_path / "store")
    store.append(log / "old.csv")
    old, new = store.counts["events"], clean.counts["events"]
    command = [sys.executable, "-c", READER, store.path]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "begun\n"
    store.append(log / "all.csv")
    time.sleep(0.5)
    assert reader.poll() is None
    reader.terminate()
    counts = [int(line) for line in reader.communicate()[0].splitlines() if line]
    assert counts == sorted(counts)
    assert set(counts) == {old, new}
