"""Files of rows: found by name or pattern, in a plain format or a known source's."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant.data.encoding import readable_text
from penchant.data.forming import formed
from penchant.data.lines import LINE_ENDINGS, first_cells, is_json, line_relation
from penchant.data.sources import find, recognise
from penchant.data.sources.format import Format
from penchant.data.sql import Relation, described, path_literal
from penchant.errors import DataError, suggest

PARQUET_ENDINGS = (".parquet", ".pq")
PLAIN = "plain"  # in no known source's format
WIDEST = 38  # digits of a decimal
FORMATS = (
    "CSV (.csv, .tsv, also .gz), JSON Lines (.jsonl, .ndjson, .json, also .gz), Parquet "
    "(.parquet, a glob or a folder), a DuckDB table (shop.duckdb::orders), an Ibis table, "
    "a pandas data frame or a pyarrow table"
)
PLACE = ("filename", "file_row_number")  # columns that DuckDB adds to those of Parquet files


@dataclass(frozen=True)
class Shape:
    """Which table is read, and in which known format if one was named."""

    table: str
    form: str | None

    def of(self, columns: Sequence[str], path: Path) -> Format | None:
        """The format of a file that has these columns, or None for a plain one."""
        if self.form == PLAIN:
            return None
        known = recognise(self.table, columns, path.name)
        if self.form is None or (known is not None and known.name == self.form):
            return known
        return find(self.form, self.table)


def file_relations(
    connection: Backend, pattern: str, scratch: Path, shape: Shape
) -> list[Relation]:
    """The rows of a file, or of all files of a folder or a glob.

    Raises DataError when there is no such file, or one is in no format that penchant reads.
    """
    files = [_file(connection, path, scratch, shape) for path in find_files(pattern)]
    return _scanned_together(files)


def parquet_relation(connection: Backend, path: Path, label: str) -> Relation:
    """The rows of one Parquet file.

    A folder's `name=value` is a column too, unless the file has one of that name. Raises DataError
    when a decimal is wider than DuckDB's.
    """
    wide = connection.raw_sql(
        f"SELECT name FROM parquet_schema({path_literal(path)}) WHERE precision > {WIDEST}"
    ).fetchone()
    if wide:
        raise DataError(
            f"The column '{wide[0]}' of '{label}' holds decimals of more than {WIDEST} digits, "
            "which would be misread. Write it with fewer digits, or as text."
        )
    bare = f"read_parquet({path_literal(path)}, hive_partitioning = false)"
    own = described(connection, bare)
    folders = {part.partition("=")[0].lower() for part in path.parts[:-1] if "=" in part}
    hive = bool(folders) and not folders & {name.lower() for name in own}
    columns = own
    if hive:
        columns = described(connection, bare.replace("false", "true"))
    alike = "" if set(PLACE) & set(columns) else f"{hive} {columns}"
    scan = bare.replace("false", "true") if hive else bare
    return Relation(scan, tuple(columns), label, alike=alike)


def find_files(pattern: str) -> list[Path]:
    """The files that a path, folder or glob names; DataError when there is none."""
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


def _file(connection: Backend, path: Path, scratch: Path, shape: Shape) -> Relation:
    name = path.name.lower()
    if name.endswith(PARQUET_ENDINGS):
        relation = parquet_relation(connection, path, str(path))
        known = shape.of(relation.columns, path)
    elif name.endswith(LINE_ENDINGS):
        readable, mended = readable_text(path, scratch, quotes=not is_json(path))
        known, dialect = None, None
        if not is_json(path):
            known = shape.of(first_cells(readable), path)
            dialect = known.dialect if known else None
        relation = replace(line_relation(connection, path, readable, dialect), mended=mended)
        if is_json(path):
            known = shape.of(relation.columns, path)
    else:
        ending = path.suffix or "no ending"
        raise DataError(
            f"Can't tell the format of '{path}' from {ending}; penchant reads {FORMATS}."
        )
    return relation if known is None else formed(connection, relation, known, path, scratch)


def _scanned_together(files: list[Relation]) -> list[Relation]:
    """Make one scan of the Parquet files that have the same columns: there may be thousands."""
    alike: dict[str, list[str]] = {}
    for file in files:
        if file.alike:
            alike.setdefault(file.alike, []).append(file.label)
    scans = []
    for file in files:
        labels = alike.pop(file.alike, []) if file.alike else [file.label]
        if len(labels) == 1:
            scans.append(file)
        elif labels:
            scans.append(_one_scan(file, labels))
    return scans


def _one_scan(file: Relation, labels: list[str]) -> Relation:
    options = file.sql.rpartition(", ")[2].removesuffix(")")
    listed = f"read_parquet([{', '.join(map(path_literal, labels))}], {options}"
    name, number = PLACE
    return replace(
        file,
        sql=f"{listed})",
        numbered=f"{listed}, {name} = true, {number} = true)",
        line=f"relation.{number} + 1",
        source=f"relation.{name}",
    )
