"""The engine behind every table: Ibis on an in-memory DuckDB, always in UTC.

A DuckDB file is never a shared store: tables live in Parquet, and a connection holds only views and
temporary tables. The few functions whose names differ from engine to engine stand here.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

Progress = Callable[[str, int, int], None]  # what is being done, how far, out of how much
Tell = Callable[[str], None]  # what is being done
Reached = Callable[[int, int], None]  # how far, out of how much
TOLD_EVERY = 0.5  # seconds
INSTANT = "timestamp('UTC')"


def connect(
    *, memory_limit: str = "2GiB", threads: int | None = None, spill: Path | None = None
) -> Backend:
    """Open an in-memory DuckDB connection.

    Past `memory_limit` it spills into the folder `spill`, by default below the system's temporary
    folder. `threads` defaults to one for each core. Rows keep their order and nothing is ever
    downloaded.
    """
    settings: dict[str, Any] = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill or Path(tempfile.gettempdir()) / "penchant-spill"),
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
    }
    if threads is not None:
        settings["threads"] = threads
    connection = ibis.duckdb.connect(":memory:", **settings)
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    return connection


def untold(_what: str, _done: int, _of: int) -> None:
    """Tell nobody of progress."""


@contextmanager
def session(spill: Path | None = None) -> Iterator[Backend]:
    """Lend a connection for one piece of work, and free its temporary tables afterwards."""
    connection = connect(memory_limit="1280MiB", spill=spill)
    try:
        yield connection
    finally:
        connection.disconnect()


def run(connection: Backend, sql: str, tell: Reached) -> list[tuple[Any, ...]]:
    """Run a long statement, telling now and then how many hundredths of it are done."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: connection.raw_sql(sql).fetchall())
        try:
            while not wait([running], timeout=TOLD_EVERY).done:
                tell(max(0, round(connection.con.query_progress())), 100)
        except BaseException:
            connection.con.interrupt()
            raise
        return running.result()


def wall_clock_at(timezone: str, instant: ir.TimestampValue) -> ir.TimestampValue:
    """What a clock in `timezone` shows at `instant`."""
    return _timezone(timezone, instant)


def from_microseconds(microseconds: ir.IntegerValue) -> ir.TimestampValue:
    """Turn microseconds since 1970 into a timestamp without a zone."""
    return _make_timestamp(microseconds)


def parse_time(text: ir.StringValue, pattern: str) -> ir.TimestampValue:
    """Read a time written as the strptime pattern says, or null."""
    return _try_strptime(text, pattern)


def parse_instant(text: ir.StringValue, pattern: str) -> ir.TimestampValue:
    """Read a time and its zone, written as the strptime pattern says, or null."""
    return _try_strptime_zoned(text, pattern)


def _builtin(
    name: str, *arguments: str, gives: str = "timestamp"
) -> Callable[..., ir.TimestampValue]:
    """Name a function of the engine that gives a timestamp."""

    def one(first: object) -> None: ...

    def two(first: object, second: object) -> None: ...

    body = (one, two)[len(arguments) - 1]
    built: Callable[..., ir.TimestampValue] = ibis.udf.scalar.builtin(
        body, name=name, signature=(arguments, gives)
    )
    return built


_timezone = _builtin("timezone", "string", INSTANT)
_make_timestamp = _builtin("make_timestamp", "int64")
_try_strptime = _builtin("try_strptime", "string", "string")
_try_strptime_zoned = _builtin("try_strptime", "string", "string", gives=INSTANT)
