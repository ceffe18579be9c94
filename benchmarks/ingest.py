"""From files to a store to a tensor: how fast, in how much memory, beside what else does it.

    python benchmarks/ingest.py                    the whole benchmark; writes benchmarks/results
    python benchmarks/ingest.py --millions 1 2     other sizes; only prints

The events are those of the generated world `market`. Each measurement runs in a process of its own,
one after the other, so that its memory is its own and files are as warm for one as for the other.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from bench.machine import ROOT, setting
from bench.rows import MEAN, Row, write_rows
from bench.tables import table
from penchant import columns as c
from penchant.evaluation.ledger import ALL

RESULTS = ROOT / "benchmarks" / "results"
MILLIONS = (1, 5, 20, 50)
MOST_AS_CSV, MOST_IN_PANDAS = 5, 20  # millions of events
THREADS = 2
GOALS = (  # model, metric, of which size, least, most
    ("penchant_parquet", "events_a_second", "largest", 1_500_000, None),
    ("penchant_csv", "events_a_second", "largest csv", 400_000, None),
    ("penchant_parquet", "times_copy", "largest", None, 3),
    ("penchant_csv", "times_copy", "largest csv", None, 3),
    ("penchant_parquet", "peak_mib", "largest", None, 2048),
    ("penchant_tensor", "seconds", "largest", None, 60),
    ("penchant_parquet", "exponent", "all", None, 1.1),
    ("penchant_tensor", "exponent", "all", None, 1.1),
)
CAVEATS = """\
`copy` is what a data engineer would type: DuckDB's `COPY` of the same files into monthly Parquet
partitions, with its defaults; it reads no bad row, checks nothing and drops no duplicate. Its CSV
types are sniffed. `penchant` judges every row, finds repeats, hashes and syncs each file, and
leaves a store. `duckdb`, `polars` and `pandas` sum the same events by user, topic and week, from
the same Parquet files and catalog, and stop at a table; `penchant_tensor` chooses the topics and
ends with the sparse tensor in memory. pandas stops at {pandas} M events. `exponent` is the slope
of log seconds on log events, 1 where cost is linear. Seconds are wall-clock on the machine above,
which others may have used; `cpu_seconds` add up all threads.
"""


def make(folder: Path, events: int) -> int:
    """Write the world."""
    from penchant.data.making import make_world, shop_for

    return make_world("market", shop_for(events), folder / "world").events


def make_csv(folder: Path, _: int) -> int:
    """Write the world's events as one CSV file."""
    return _sql(f"COPY (FROM {_files(folder)}) TO '{folder / 'events.csv'}'")


def penchant_parquet(folder: Path, _: int) -> int:
    """Append the Parquet files to a store."""
    return _append(folder / "store", folder / "world" / "events")


def penchant_csv(folder: Path, _: int) -> int:
    """Append the CSV file to a store."""
    return _append(folder / "csv-store", folder / "events.csv")


def penchant_again(folder: Path, _: int) -> int:
    """Append the same Parquet files once more: every row is a duplicate."""
    return _append(folder / "store", folder / "world" / "events")


def copy_parquet(folder: Path, _: int) -> int:
    """Copy the Parquet files into partitions."""
    return _copy(_files(folder), folder / "copied")


def copy_csv(folder: Path, _: int) -> int:
    """Copy the CSV file into partitions."""
    return _copy(f"'{folder / 'events.csv'}'", folder / "csv-copied")


def penchant_tensor(folder: Path, _: int) -> int:
    """Choose topics and build the history of the store."""
    from penchant.data.step import Step
    from penchant.data.store import Store
    from penchant.pipeline import store_history
    from penchant.settings import TopicSettings

    store = Store.open(folder / "store")
    history = store_history(store, step=Step.WEEK, choice=TopicSettings(level=2))
    return len(history.interest.user_N)


def catalog(folder: Path, _: int) -> int:
    """Give the store its catalog."""
    from penchant.data.store import Store

    store = Store.open(folder / "store")
    return store.replace_catalog(folder / "world" / "catalog.parquet").accepted


def duckdb_weekly(folder: Path, _: int) -> int:
    """Sum by user, topic and week in SQL."""
    return _sql(
        "CREATE TABLE weekly AS SELECT user, path[2] AS topic, date_trunc('week', time) AS week, "
        "count(*) FILTER (kind = 'purchase') AS bought, count(*) AS events, sum(value) AS money "
        f"FROM {_files(folder)} JOIN '{folder / 'world' / 'catalog.parquet'}' USING (item) "
        "GROUP BY ALL"
    )


def polars_weekly(folder: Path, _: int) -> int:
    """The same in polars."""
    import polars as pl

    catalog = pl.scan_parquet(folder / "world" / "catalog.parquet").select(
        c.ITEM, topic=pl.col(c.PATH).list.get(1)
    )
    weekly = (
        pl.scan_parquet(folder / "world" / "events" / "*.parquet")
        .join(catalog, on=c.ITEM)
        .group_by(c.USER, c.TOPIC, pl.col(c.TIME).dt.truncate("1w"))
        .agg(
            bought=(pl.col(c.KIND) == "purchase").sum(),
            events=pl.len(),
            money=pl.col(c.VALUE).sum(),
        )
    )
    return len(weekly.collect(engine="streaming"))


def pandas_weekly(folder: Path, _: int) -> int:
    """The same in pandas."""
    import pandas as pd

    catalog = pd.read_parquet(folder / "world" / "catalog.parquet", columns=[c.ITEM, c.PATH])
    topic = catalog.set_index(c.ITEM)[c.PATH].str[1].astype("category")
    events = pd.read_parquet(
        folder / "world" / "events", columns=[c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE]
    )
    events[c.TOPIC] = events[c.ITEM].map(topic)
    events["bought"] = events[c.KIND] == "purchase"
    week = events[c.TIME].dt.to_period("W").dt.start_time.rename("week")
    weekly = events.groupby([c.USER, c.TOPIC, week], observed=True).agg(
        bought=("bought", "sum"), events=(c.ITEM, "size"), money=(c.VALUE, "sum")
    )
    return len(weekly)


PARTS: dict[str, Callable[[Path, int], int]] = {
    part.__name__: part
    for part in (
        make,
        make_csv,
        copy_parquet,
        penchant_parquet,
        copy_csv,
        penchant_csv,
        penchant_again,
        catalog,
        penchant_tensor,
        duckdb_weekly,
        polars_weekly,
        pandas_weekly,
    )
}
OURS = ("penchant.pipeline", "penchant.data.making")
IMPORTS = {name: (name,) for name in ("duckdb", "polars", "pandas")} | {"copy": ("duckdb",)}
UNTIMED = (make_csv.__name__, catalog.__name__)


def _files(folder: Path) -> str:
    return f"read_parquet('{folder / 'world' / 'events'}/*.parquet')"


def _sql(statement: str) -> int:
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as connection:
        (count,) = connection.execute(statement).fetchone()
        return int(count)


def _copy(source: str, folder: Path) -> int:
    return _sql(
        f"COPY (SELECT *, year(time) * 12 + month(time) AS month FROM {source}) TO '{folder}' "
        "(FORMAT parquet, PARTITION_BY (month))"
    )


def _append(store: Path, source: Path) -> int:
    from penchant.data.store import Store

    held = Store.open(store) if store.exists() else Store.create(store)
    return held.append(source).sent


def measure(part: str, folder: Path, events: int) -> dict[str, float]:
    """Run a part in a process of its own; its rows, seconds and memory."""
    command = [sys.executable, __file__, "--part", part, str(folder), str(events)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{part} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {part:18} {found['seconds']:8.1f} s {found['peak_mib']:8.0f} MiB", flush=True)
    return found


def run_part(part: str, folder: Path, events: int) -> None:
    """Run a part here and print what it took, without what its imports take."""
    for module in IMPORTS.get(part.partition("_")[0], OURS):
        import_module(module)
    wall, processor = time.perf_counter(), time.process_time()
    count = PARTS[part](folder, events)
    print(
        json.dumps(
            {
                c.ROWS: count,
                "seconds": time.perf_counter() - wall,
                "cpu_seconds": time.process_time() - processor,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def run(millions: Sequence[int]) -> list[Row]:
    """Measure every part at every size."""
    rows: list[Row] = []
    for size in millions:
        print(f"{size} M events", flush=True)
        with tempfile.TemporaryDirectory(prefix="penchant-bench-") as scratch:
            rows += measured(size, Path(scratch))
    for model in ("penchant_parquet", "penchant_tensor", "copy_parquet"):
        rows.append(Row("market", MEAN, ALL, model, "exponent", exponent(rows, model)))
    return rows


def measured(size: int, folder: Path) -> list[Row]:
    """Rows of one size."""
    found: dict[str, dict[str, float]] = {}
    for part in PARTS:
        as_csv = part.endswith("csv")
        if (as_csv and size > MOST_AS_CSV) or (
            part == pandas_weekly.__name__ and size > MOST_IN_PANDAS
        ):
            continue
        found[part] = measure(part, folder, size * 1_000_000)
    events = found["make"][c.ROWS]
    for part in found:
        if part.startswith("penchant_") and (copy := part.replace("penchant", "copy")) in found:
            for metric, wall in (("times_copy", "seconds"), ("cpu_times_copy", "cpu_seconds")):
                found[part][metric] = found[part][wall] / found[copy][wall]
    rows = [Row(f"market {size} M", MEAN, ALL, "world", "events", events)]
    for part, numbers in found.items():
        if part in UNTIMED:
            continue
        numbers["events_a_second"] = events / numbers["seconds"]
        rows += [
            Row(f"market {size} M", MEAN, ALL, part, metric, value)
            for metric, value in numbers.items()
        ]
    return rows


def exponent(rows: Sequence[Row], model: str) -> float | None:
    """Slope of log seconds on log events."""
    events = {row.dataset: row.value for row in rows if row.metric == "events"}
    points = [
        (np.log(events[row.dataset]), np.log(row.value))
        for row in rows
        if row.model == model and row.metric == "seconds"
    ]
    if len(points) < 2:
        return None
    x, y = np.array(points).T
    return float(np.polyfit(x, y, 1)[0])


def judged(rows: Sequence[Row]) -> list[tuple[str, str, str, str, str, str]]:
    """Every goal, what was found, and the verdict."""
    lines = []
    for model, metric, _, least, most in GOALS:
        mine = [row for row in rows if (row.model, row.metric) == (model, metric) and row.value]
        if not mine:
            continue
        row = mine[-1]
        assert row.value is not None
        reached = (least is None or row.value >= least) and (most is None or row.value <= most)
        wanted = f"at least {least:,}" if least is not None else f"at most {most:,}"
        verdict = "PASS" if reached else "FAIL"
        lines.append((model, metric, row.dataset, wanted, _shown(row.value), verdict))
    return lines


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """All rows as tables."""
    goals = table(("model", "metric", "of", "wanted", "found", "verdict"), judged(rows))
    parts = ["# Ingest", "\n".join(f"* {line}" for line in about), "## Goals", goals]
    for name in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == name]
        metrics = list(dict.fromkeys(row.metric for row in mine))
        found = {(row.model, row.metric): _shown(row.value) for row in mine}
        body = [
            [model, *(found.get((model, metric), "–") for metric in metrics)]
            for model in dict.fromkeys(row.model for row in mine)
        ]
        parts.append(f"## {name}\n\n{table(['part', *metrics], body)}")
    parts.append(f"## Caveats\n\n{CAVEATS.format(pandas=MOST_IN_PANDAS)}")
    return "\n\n".join(parts)


def main() -> int:
    """Run, print and write; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=int, nargs="+", default=list(MILLIONS))
    parser.add_argument("--part", nargs=3, metavar=("NAME", "FOLDER", "EVENTS"))
    asked = parser.parse_args()
    if asked.part:
        name, folder, events = asked.part
        run_part(name, Path(folder), int(events))
        return 0
    about = setting(shlex.join(["python", "benchmarks/ingest.py", *sys.argv[1:]]))
    rows = run(asked.millions)
    text = page(about, rows)
    print(text)
    if tuple(asked.millions) == MILLIONS:
        write_rows(rows, RESULTS / "ingest.json")
        (RESULTS / "ingest.md").write_text(text, encoding="utf-8")
    return int(any(line[-1] == "FAIL" for line in judged(rows)))


if __name__ == "__main__":
    sys.exit(main())
