"""Tables handed in, and those of a database, in a shape and in types that DuckDB takes."""

from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from penchant.data.files import parquet_relation
from penchant.data.lines import column_names
from penchant.data.sql import Relation, described, identifier, literal
from penchant.errors import DataError, suggest

DATABASE_ENDINGS = (".duckdb", ".db")
DATABASE_SEPARATOR = "::"


def is_database(source: str) -> bool:
    """Whether a source names a DuckDB database, with or without a table."""
    return DATABASE_SEPARATOR in source or source.endswith(DATABASE_ENDINGS)


def database_relation(connection: Backend, source: str) -> Relation:
    """The rows of `shop.duckdb::orders`; DataError when there is no such table."""
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
    label = f"{path.resolve()}{DATABASE_SEPARATOR}{table}"
    return Relation(relation, tuple(described(connection, relation)), label)


def frame_relation(connection: Backend, frame: pd.DataFrame) -> Relation:
    """The rows of a data frame."""
    columns = [_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    named = pa.table(columns, names=[_as_text(name) for name in frame.columns])
    return table_relation(connection, named, "data frame")


def _column(cells: pd.Series) -> pa.Array | pa.ChunkedArray:
    """A column for Arrow; one of mixed or unknown types is text."""
    if isinstance(cells.dtype, pd.PeriodDtype):
        cells = cells.dt.to_timestamp()
    try:
        return pa.Array.from_pandas(cells)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        gone = cells.isna()
        return pa.array(
            [None if no else _as_text(cell) for cell, no in zip(cells, gone, strict=True)]
        )


def _as_text(value: object) -> str:
    """A text, in which what UTF-8 can't hold is written as an escape."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def table_relation(connection: Backend, table: pa.Table, label: str) -> Relation:
    """The rows of a pyarrow table; DataError when two columns have one name."""
    cells = [name.replace("\0", "") for name in table.schema.names]
    names = column_names(cells, f"The {label}")
    columns = [_known(column) for column in table.columns]
    connection.con.register("handed_in", pa.table(columns, names=list(names)))
    return Relation("handed_in", names, label)


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in a type that DuckDB takes."""
    if pa.types.is_float16(column.type):
        return column.cast(pa.float32())
    return column.cast(pa.string()) if pa.types.is_decimal256(column.type) else column


def ibis_relation(connection: Backend, table: ir.Table, scratch: Path) -> Relation:
    """Write an Ibis table, of whatever engine, batch by batch into a file that can be reread."""
    path = scratch / "ibis.parquet"
    batches = table.to_pyarrow_batches()
    with pq.ParquetWriter(path, batches.schema) as file:
        for batch in batches:
            file.write_batch(batch)
    return parquet_relation(connection, path, "Ibis table")
