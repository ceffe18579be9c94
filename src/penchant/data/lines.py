"""Read files of lines as text: CSV in its dialects, and JSON Lines.

No line is lost: one with the wrong number of fields, an unclosed quote or broken JSON is set aside
with its number, its text and what is wrong with it.
"""

import codecs
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant.data.encoding import is_packed, open_text
from penchant.data.sources.format import DELIMITERS, Dialect
from penchant.data.sql import LINE, Relation, literal, path_literal
from penchant.errors import DataError

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".dat", ".data", ".item")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
LINE_ENDINGS = tuple(
    ending + packed for ending in (*CSV_ENDINGS, *JSON_ENDINGS) for packed in ("", ".gz")
)
BLANK_LINES = "blank_lines"  # a table of files and the numbers of their blank lines
LONGEST_LINE = 16_000_000  # bytes
NEVER = "\U0010ffff"  # no text has this mark, so no line is cut at it
BYTE_ORDER_MARK = "\ufeff"


def line_relation(
    connection: Backend, path: Path, readable: Path, dialect: Dialect | None = None
) -> Relation:
    """Make a CSV or JSON Lines file selectable; `readable` is the file itself or a mended copy.

    `dialect` tells of a file whose first line isn't its header. Raises DataError when the file
    has no columns or one of them twice.
    """
    if is_json(path):
        return _json_lines(connection, path, readable)
    if dialect is None:
        return _csv(path, readable, _header(path, readable), header=True)
    return _csv(path, readable, dialect, header=False)


def is_json(path: Path) -> bool:
    """Whether a file's name is one of JSON Lines."""
    return path.name.lower().removesuffix(".gz").endswith(JSON_ENDINGS)


def first_cells(readable: Path) -> list[str]:
    """Cells of a delimited file's first line, be it a header or a row."""
    _, cells = _split(readable)
    return cells


def _split(readable: Path) -> tuple[str, list[str]]:
    """Delimiter and cells of the first line: the delimiter that gives the most of them."""
    with open_text(readable) as file:
        first = codecs.decode(file.readline(LONGEST_LINE), "utf-8", "ignore")
    line = first.lstrip(BYTE_ORDER_MARK).split("\r")[0].rstrip("\n")
    csv.field_size_limit(LONGEST_LINE)
    parsed = {mark: next(csv.reader([line], delimiter=mark), []) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: len(parsed[mark]))  # the first of equals
    return delimiter, parsed[delimiter]


def _header(path: Path, readable: Path) -> Dialect:
    """Delimiter and column names of a CSV file, from its first line."""
    delimiter, cells = _split(readable)
    if not cells:
        raise DataError(
            f"'{path}' begins with an empty line; its first line must name the columns."
        )
    return Dialect(names=column_names(cells, f"'{path}'"), delimiter=delimiter)


def column_names(cells: Sequence[str], label: str) -> tuple[str, ...]:
    """Names for columns headed by `cells`; DataError when two are the same but for case."""
    names = [name.strip() or f"column{index}" for index, name in enumerate(cells)]
    lowered = [name.lower() for name in names]
    if repeated := sorted({name for name in lowered if lowered.count(name) > 1}):
        raise DataError(f"{label} has more than one column '{repeated[0]}'; rename one of them.")
    return tuple(names)


def _csv(path: Path, readable: Path, dialect: Dialect, *, header: bool) -> Relation:
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in dialect.names)
    quote = "'\"'" if dialect.quoted else "''"
    # Without its rejects stored, DuckDB's reader drops good lines after a bad one.
    scan = (
        f"read_csv({_packed(readable)}, auto_detect = false, header = {header}, "
        f"delim = {literal(dialect.delimiter)}, quote = {quote}, escape = {quote}, "
        f"columns = {{{types}}}, max_line_size = {LONGEST_LINE}, store_rejects = true)"
    )
    # DuckDB reports a line once for each of its faults. Its number counts the header, and blank
    # lines, which are no rows unless there is only one column.
    blank = f"SELECT count(*) FROM {BLANK_LINES} AS blank WHERE file = file_path AND number < line"
    above = int(header) if len(dialect.names) == 1 else f"{int(header)} - ({blank})"
    rejects = (
        f"SELECT (line - {above})::BIGINT AS line, error, text FROM ("
        "SELECT file_path, line, min(error_message) AS error, "
        "trim(any_value(csv_line), chr(10) || chr(13)) AS text "
        "FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        f"WHERE file_path = {literal(str(readable))} GROUP BY file_path, line, line_byte_position)"
    )
    return Relation(scan, dialect.names, str(path), rejects=rejects, counted=scan)


def _packed(path: Path) -> str:
    """SQL of a file and of how it is packed."""
    return f"{path_literal(path)}, compression = '{'gzip' if is_packed(path) else 'none'}'"


def _json_lines(connection: Backend, path: Path, readable: Path) -> Relation:
    lines = (
        f"read_csv({_packed(readable)}, auto_detect = false, header = false, delim = '{NEVER}', "
        f"quote = '', escape = '', columns = {{'text': 'VARCHAR'}}, strict_mode = false, "
        f"max_line_size = {LONGEST_LINE})"
    )
    numbered = f"(SELECT row_number() OVER () AS {LINE}, text FROM {lines})"
    is_object = "CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END"
    keys = connection.raw_sql(
        f"SELECT DISTINCT unnest(json_keys(text)) AS key FROM {lines} "
        f"WHERE {is_object} ORDER BY key"
    ).fetchall()
    spellings: dict[str, list[str]] = {}  # names that differ by case alone are one
    for (key,) in keys:
        spellings.setdefault(key.replace("\0", "").lower(), []).append(key)
    values = {
        alike[-1].replace("\0", "") or "column": f"coalesce({', '.join(map(_json_text, alike))})"
        for alike in spellings.values()
    }
    names = tuple(values)
    if not names:
        raise DataError(
            f"'{path}' holds no JSON object on a line of its own. JSON Lines has one object a "
            "line; an array can be turned into it with: jq -c '.[]'"
        )
    rejects = (
        f"SELECT {LINE} AS line, text, 'not a JSON object' AS error FROM {numbered} "
        f"WHERE NOT {is_object} AND trim(coalesce(text, '')) != ''"
    )
    relation = Relation(lines, names, str(path), values, is_object, rejects=rejects)
    return replace(relation, numbered=numbered)


def _json_text(key: str) -> str:
    return f"json_extract_string(text, {json_path(key)})"


def json_path(key: str) -> str:
    """SQL of the JSON pointer to a key."""
    return literal("/" + key.replace("~", "~0").replace("/", "~1"))
