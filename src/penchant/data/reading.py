"""Read any source into one shape: where each row came from, and the row itself.

CSV and JSON Lines are read as text, so that one bad cell never stops a read; what can't be a row
at all is set aside with its line. The source is copied once into a temporary table of the
connection, which spills to disk where memory is short.
"""

import glob
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.lines import LINE_ENDINGS, line_relation
from penchant.data.quarantine import MALFORMED
from penchant.data.sql import Relation, identifier, literal
from penchant.errors import DataError, suggest

Source: TypeAlias = str | Path | pd.DataFrame | pa.Table | ir.Table

PARQUET_ENDINGS = (".parquet", ".pq")
DATABASE_ENDINGS = (".duckdb", ".db")
DATABASE_SEPARATOR = "::"
FORMATS = (
    "CSV (.csv, .tsv, also .gz), JSON Lines (.jsonl, .ndjson, .json, also .gz), Parquet "
    "(.parquet, a glob or a folder), a DuckDB table (shop.duckdb::orders), an Ibis table, "
    "a pandas data frame or a pyarrow table"
)


@dataclass(frozen=True)
class Reading:
    """A source, read.

    `rows` has the columns source, row and content (a struct of the source's own columns);
    `malformed` holds what was no row at all, as the quarantine keeps it.
    """

    rows: ir.Table
    malformed: ir.Table

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the source's own columns."""
        return tuple(self.rows[c.CONTENT].names)


def read(connection: Backend, source: Source) -> Reading:
    """Read `source` into temporary tables of `connection`.

    Raises DataError when the source doesn't exist, isn't in a known format or isn't UTF-8.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="penchant-") as scratch:
            relations = _relations(connection, source, Path(scratch))
            connection.raw_sql("DROP TABLE IF EXISTS reject_errors")
            connection.raw_sql("DROP TABLE IF EXISTS reject_scans")
            connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE rows_read AS {_union(relations)}")
            _set_rejects_aside(connection, relations)
    except (duckdb.Error, OSError, EOFError, zlib.error) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"Can't read {_label(source)}: {reason} penchant reads {FORMATS}."
        ) from error
    return Reading(connection.table("rows_read"), connection.table("malformed_read"))


def _label(source: Source) -> str:
    return f"'{source}'" if isinstance(source, str | Path) else f"the {type(source).__name__}"


def _relations(connection: Backend, source: Source, scratch: Path) -> list[Relation]:
    if isinstance(source, str | Path):
        if DATABASE_SEPARATOR in str(source) or str(source).endswith(DATABASE_ENDINGS):
            return [_database(connection, str(source))]
        return [_file(connection, path, scratch) for path in _paths(str(source))]
    if isinstance(source, pd.DataFrame):
        return [_frame(connection, source)]
    if isinstance(source, pa.Table):
        return [_registered(connection, source, "pyarrow table")]
    if isinstance(source, ir.Table):
        return [_registered(connection, source.to_pyarrow_batches(), "Ibis table")]
    raise DataError(f"Can't read a {type(source).__name__}; penchant reads {FORMATS}.")


def _paths(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path.resolve()]
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if _is_data(file.relative_to(path))]
        if not files:
            raise DataError(f"The folder '{pattern}' holds no file penchant reads: {FORMATS}.")
        return [file.resolve() for file in files]
    files = [Path(name).resolve() for name in sorted(glob.glob(str(path), recursive=True))]
    if files:
        return files
    beside = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
    hint = suggest(path.name, beside) if beside else "Its folder doesn't exist or is empty."
    raise DataError(f"There is no file '{pattern}'. {hint}")


def _is_data(file: Path) -> bool:
    """Whether a file of a folder holds rows: not hidden, and no marker such as `_SUCCESS`."""
    hidden = any(part.startswith((".", "_")) for part in file.parts)
    return not hidden and file.name.lower().endswith((*LINE_ENDINGS, *PARQUET_ENDINGS))


def _file(connection: Backend, path: Path, scratch: Path) -> Relation:
    name = path.name.lower()
    if name.endswith(PARQUET_ENDINGS):
        return _described(connection, f"read_parquet({literal(str(path))})", str(path))
    if name.endswith(LINE_ENDINGS):
        return line_relation(connection, path, scratch)
    ending = path.suffix or "no ending"
    raise DataError(f"Can't tell the format of '{path}' from {ending}; penchant reads {FORMATS}.")


def _database(connection: Backend, source: str) -> Relation:
    file, _, table = source.partition(DATABASE_SEPARATOR)
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"There is no DuckDB database '{file}'.")
    connection.raw_sql(f"ATTACH {literal(str(path.resolve()))} AS shop (READ_ONLY)")
    found = connection.raw_sql(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'shop' "
        "UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = 'shop' AND NOT internal ORDER BY ALL"
    ).fetchall()
    names = {f"{schema}.{name}": (schema, name) for schema, name in found}
    names |= {name: (schema, name) for schema, name in found if schema == "main"}
    if table not in names:
        example = f"{file}{DATABASE_SEPARATOR}{min(names, default='orders')}"
        asked = f"'{table}' is no table of" if table else "Name a table of"
        raise DataError(f"{asked} '{file}', as in '{example}'. {suggest(table, names)}")
    schema, name = names[table]
    relation = f"shop.{identifier(schema)}.{identifier(name)}"
    return _described(connection, relation, f"{path.resolve()}{DATABASE_SEPARATOR}{table}")


def _frame(connection: Backend, frame: pd.DataFrame) -> Relation:
    named = frame.rename(columns=str)
    try:
        table = pa.Table.from_pandas(named, preserve_index=False)
    except pa.ArrowException:  # a column of mixed types is text
        mixed = named.astype(dict.fromkeys(named.select_dtypes("object").columns, "string"))
        table = pa.Table.from_pandas(mixed, preserve_index=False)
    return _registered(connection, table, "data frame")


def _registered(
    connection: Backend, table: pa.Table | pa.RecordBatchReader, label: str
) -> Relation:
    connection.con.register("handed_in", table)
    return Relation("handed_in", tuple(table.schema.names), label)


def _described(connection: Backend, relation: str, label: str) -> Relation:
    described = connection.raw_sql(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return Relation(relation, tuple(row[0] for row in described), label)


def _union(relations: list[Relation]) -> str:
    names = tuple(dict.fromkeys(name for relation in relations for name in relation.columns))
    if not names:
        raise DataError(f"{relations[0].label} has no columns.")
    return " UNION ALL ".join(relation.select(names) for relation in relations)


def _set_rejects_aside(connection: Backend, relations: list[Relation]) -> None:
    """Keep what was no row as the quarantine does, and count it among the rows of its file."""
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
    delimited = [literal(relation.label) for relation in relations if relation.skips_rejects]
    if delimited and connection.table("malformed_read").count().execute():
        connection.raw_sql(_RENUMBERED.format(delimited=", ".join(delimited)))


# A row stands after as many rejected lines as there are among the lines before it.
_RENUMBERED = f"""
CREATE OR REPLACE TEMP TABLE rows_read AS
WITH ranked AS (
    SELECT {c.SOURCE} AS source, row_number() OVER (PARTITION BY source ORDER BY "{c.ROW}") AS rank,
        "{c.ROW}" - rank AS good_before
    FROM malformed_read WHERE {c.SOURCE} IN ({{delimited}})
), skips AS (
    SELECT source, good_before, max(rank) AS skipped FROM ranked GROUP BY ALL
)
SELECT rows_read.{c.SOURCE}, rows_read."{c.ROW}" + coalesce(skips.skipped, 0) AS "{c.ROW}",
    rows_read.{c.CONTENT}
FROM rows_read ASOF LEFT JOIN skips
    ON rows_read.{c.SOURCE} = skips.source AND rows_read."{c.ROW}" > skips.good_before
"""
