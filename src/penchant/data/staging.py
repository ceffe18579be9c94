"""Lay a batch down on disk by month, in one pass over its source.

This is where a source is read in full, so it is SQL that streams: memory holds the rows on their
way to a file, never the batch.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.accept import Verdict
from penchant.data.engine import Reached, run
from penchant.data.sql import identifier, literal

# Half the bytes of DuckDB's defaults in no more time: ids aren't worth a large dictionary.
PARQUET = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
    "DICTIONARY_SIZE_LIMIT 5000"
)


@dataclass(frozen=True)
class Staged:
    """Accepted rows as Parquet files by month (of `Step.MONTH`), and rows by verdict."""

    files: Mapping[int, list[Path]]
    counts: Mapping[int, int]


def stage(connection: Backend, verdict: Verdict, folder: Path, tell: Reached) -> Staged:
    """Write what `verdict` accepts into files below `folder`."""
    rows = connection.compile(verdict.staged)
    connection.raw_sql("SET preserve_insertion_order = false")
    written = run(
        connection,
        f"COPY ({rows}) TO {literal(str(folder))} "
        f"({PARQUET}, PARTITION_BY ({c.MONTH}, {c.VERDICT}), RETURN_STATS)",
        tell,
    )
    connection.raw_sql("SET preserve_insertion_order = true")
    files: dict[int, list[Path]] = defaultdict(list)
    counts: dict[int, int] = defaultdict(int)
    for name, rows_written, *_, partition in written:
        code = int(partition[c.VERDICT])
        counts[code] += rows_written
        if code < 0:
            Path(name).unlink()
        else:
            files[int(partition[c.MONTH])].append(Path(name))
    return Staged(files, counts)


def partitioned(connection: Backend, events: str, folder: Path) -> dict[int, list[Path]]:
    """Write the events that SQL selects into files below `folder`, by month of `Step.MONTH`."""
    time = identifier(c.TIME)
    connection.raw_sql(
        f"COPY (SELECT *, year({time}) * 12 + month({time}) - 1 AS {c.MONTH} FROM ({events})) "
        f"TO {literal(str(folder))} ({PARQUET}, PARTITION_BY ({c.MONTH}))"
    )
    months = ((int(part.name.partition("=")[2]), part) for part in folder.iterdir())
    return {month: sorted(part.iterdir()) for month, part in months}
