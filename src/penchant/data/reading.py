"""Read any source as one shape: where each row came from, and the row itself.

CSV and JSON Lines are read as text, so that one bad cell never stops a read; what can't be a row
at all is set aside with its line. A source is streamed, never held.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import duckdb
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.common.exceptions import IbisError

from penchant import columns as c
from penchant.data.encoding import blank_lines
from penchant.data.files import FORMATS, Shape, file_relations
from penchant.data.lines import BLANK_LINES
from penchant.data.quarantine import MALFORMED
from penchant.data.sql import THEIRS, Relation, identifier, literal
from penchant.data.tables import (
    database_relation,
    frame_relation,
    ibis_relation,
    is_database,
    table_relation,
)
from penchant.errors import DataError

REJECTS = ("reject_errors", "reject_scans")  # where DuckDB keeps lines that are no rows
Source: TypeAlias = str | Path | pd.DataFrame | pa.Table | ir.Table


@dataclass(frozen=True)
class Malformed:
    """Lines of a source that are no rows.

    `lines` has them as the quarantine keeps them; `skips` says which rows stand after how many.
    """

    lines: ir.Table
    skips: ir.Table

    def counted_in(self, rows: ir.Table) -> ir.Table:
        """Rows of a reading's `placed` with the lines before them counted. For a few rows."""
        within = [
            rows[c.SOURCE] == self.skips[c.SOURCE],
            rows[c.ROW] > self.skips["after"],
            rows[c.ROW] <= self.skips["until"],
        ]
        joined = rows.left_join(self.skips, within)
        number = (rows[c.ROW] + joined["skipped"].fill_null(0)).name(c.ROW)
        named = joined.select(*(number if name == c.ROW else rows[name] for name in rows.columns))
        return named.select(*rows.columns)  # a plain table, which Ibis can filter and join


@dataclass(frozen=True)
class Reading:
    """A source that can be read, as often as asked.

    `rows` has the source's own columns, under names of our making (see `cell`); `placed` has source
    and row before them, and is slower to read. Its rows are numbered without the malformed lines.
    """

    rows: ir.Table
    placed: ir.Table
    columns: tuple[str, ...]
    mended: int  # lines that weren't UTF-8 and are read as Windows-1252
    formats: tuple[str, ...]  # known sources' formats that were recognised or asked for
    relations: tuple[Relation, ...]
    connection: Backend

    @cached_property
    def malformed(self) -> Malformed:
        """The lines that are no rows; quick once the source was read in full, which finds them."""
        _set_rejects_aside(self.connection, self.relations)
        return Malformed(
            self.connection.table("malformed_read"), self.connection.table("malformed_skips")
        )


def cell(rows: ir.Table, name: str) -> ir.Value:
    """The source's column `name` of a reading's table."""
    return rows[f"{THEIRS}{name}"]


def read(
    connection: Backend,
    source: Source | Relation,
    scratch: Path,
    *,
    table: str = "events",
    format: str | None = None,
) -> Reading:
    """Make `source` readable on `connection`; what must be rewritten first goes into `scratch`.

    `format` names one of `data.sources`; with "plain", or when a file isn't recognised as one of
    them, columns are taken as they are. Nothing is held in memory: each use reads again. Raises
    DataError when the source doesn't exist or isn't in a known format.
    """
    with reading_told(source):
        relations = _relations(connection, source, scratch, Shape(table, format))
        names = _names(relations)
        _view(connection, "rows_read", relations, names, placed=False)
        _view(connection, "rows_placed", relations, names, placed=True)
        for rejects in REJECTS:
            connection.raw_sql(f"DROP TABLE IF EXISTS {rejects}")
    return Reading(
        connection.table("rows_read"),
        connection.table("rows_placed"),
        names,
        sum(relation.mended for relation in relations),
        tuple(sorted({relation.form for relation in relations} - {""})),
        (*relations, *(beside for relation in relations for beside in relation.beside)),
        connection,
    )


@contextmanager
def reading_told(source: Source | Relation) -> Iterator[None]:
    """Turn what stops a reader into a DataError that names the source."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, IbisError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"Can't read {_label(source)}: {_told(error)}.") from error


def _label(source: Source | Relation) -> str:
    return f"'{source}'" if isinstance(source, str | Path) else f"the {type(source).__name__}"


def _told(error: Exception) -> str:
    """The line of an engine's message that says what is wrong."""
    lines = str(error).splitlines()
    return next((line for line in lines if "line size" in line), lines[0]).rstrip(". ")


def _relations(
    connection: Backend, source: Source | Relation, scratch: Path, shape: Shape
) -> list[Relation]:
    if isinstance(source, Relation):
        return [source]
    if isinstance(source, str | Path):
        if is_database(str(source)):
            return [database_relation(connection, str(source))]
        return file_relations(connection, str(source), scratch, shape)
    if isinstance(source, pd.DataFrame):
        return [frame_relation(connection, source)]
    if isinstance(source, pa.Table):
        return [table_relation(connection, source, "pyarrow table")]
    if isinstance(source, ir.Table):
        return [ibis_relation(connection, source, scratch)]
    raise DataError(f"Can't read a {type(source).__name__}; penchant reads {FORMATS}.")


def _names(relations: list[Relation]) -> tuple[str, ...]:
    """Names of all columns; those that differ by case alone are one."""
    named = {name.lower(): name for relation in relations[::-1] for name in relation.columns[::-1]}
    if not named:
        raise DataError(f"{relations[0].label} has no columns.")
    order = dict.fromkeys(name.lower() for relation in relations for name in relation.columns)
    return tuple(named[name] for name in order)


def _view(
    connection: Backend, name: str, relations: list[Relation], names: tuple[str, ...], placed: bool
) -> None:
    selects = " UNION ALL ".join(relation.select(names, placed=placed) for relation in relations)
    connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS {selects}")


def _set_rejects_aside(connection: Backend, relations: Sequence[Relation]) -> None:
    """Keep what was no row as the quarantine does, and say which rows stand after how many of them.

    Reading rows is what makes DuckDB find the lines that are none; if nothing was read yet, they
    are counted for it.
    """
    counted = [relation.counted for relation in relations if relation.counted]
    known = connection.raw_sql("SELECT table_name FROM duckdb_tables()").fetchall()
    if not set(REJECTS) & {name for (name,) in known}:
        for rows in counted:
            connection.raw_sql(f"SELECT count(*) FROM {rows}").fetchall()
    connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {BLANK_LINES} (file VARCHAR, number BIGINT)")
    if counted:
        found = "SELECT DISTINCT file_path FROM reject_errors JOIN reject_scans USING (file_id)"
        for (name,) in connection.raw_sql(found).fetchall():
            lines = pa.array(list(blank_lines(Path(name))), pa.int64())
            connection.con.register("blank", pa.table([lines], names=["number"]))
            connection.raw_sql(
                f"INSERT INTO {BLANK_LINES} SELECT {literal(name)}, number FROM blank"
            )
    selects = [
        f"SELECT {literal(relation.label)} AS source, line, text, error "
        f"FROM ({relation.rejects}) AS rejects"
        for relation in relations
        if relation.rejects
    ]
    nothing = "SELECT '' AS source, 0::BIGINT AS line, '' AS text, '' AS error WHERE false"
    connection.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE malformed_read AS SELECT source AS {c.SOURCE}, "
        f"line AS {identifier(c.ROW)}, NULL::VARCHAR AS {c.FIELD}, "
        f"{literal(MALFORMED)} AS {c.REASON}, "
        f"to_json({{'line': text, 'error': error}})::VARCHAR AS {c.CONTENT} "
        f"FROM ({' UNION ALL '.join([nothing, *selects])})"
    )
    labels = [literal(relation.label) for relation in relations if relation.counted]
    connection.raw_sql(_SKIPS.format(counted=", ".join(labels) or "''"))


# A row stands after as many rejected lines as there are among the lines before it.
_SKIPS = f"""
CREATE OR REPLACE TEMP TABLE malformed_skips AS
WITH ranked AS (
    SELECT {c.SOURCE}, row_number() OVER (PARTITION BY {c.SOURCE} ORDER BY "{c.ROW}") AS rank,
        "{c.ROW}" - rank AS after
    FROM malformed_read WHERE {c.SOURCE} IN ({{counted}})
), skips AS (
    SELECT {c.SOURCE}, after, max(rank) AS skipped FROM ranked GROUP BY ALL
)
SELECT *, lead(after, 1, 9223372036854775807) OVER (PARTITION BY {c.SOURCE} ORDER BY after) AS until
FROM skips
"""
