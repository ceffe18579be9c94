"""Read files of lines as text: CSV in its dialects, and JSON Lines.

No line is lost: one with the wrong number of fields, an unclosed quote or broken JSON is set aside
with its number, its text and what is wrong with it.
"""

import codecs
import csv
import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ibis.backends.duckdb import Backend

from penchant.data.sql import Relation, literal
from penchant.errors import DataError

CSV_ENDINGS = (".csv", ".tsv", ".txt")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
LINE_ENDINGS = tuple(
    ending + packed for ending in (*CSV_ENDINGS, *JSON_ENDINGS) for packed in ("", ".gz")
)
DELIMITERS = ",;\t|"
LONGEST_LINE = 16_000_000  # bytes
CHUNK = 1 << 20  # bytes
BYTE_ORDER_MARK = "\ufeff"


def line_relation(connection: Backend, path: Path, scratch: Path) -> Relation:
    """Make a CSV or JSON Lines file selectable, by way of the folder `scratch` if need be.

    Raises DataError when the file is empty or isn't UTF-8.
    """
    mixed = _line_ends_differ(path)
    if path.name.lower().removesuffix(".gz").endswith(CSV_ENDINGS):
        return _csv(path, _with_plain_line_ends(path, scratch) if mixed else path)
    return _json_lines(connection, path)


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


def _chunks(path: Path) -> Iterator[bytes]:
    with _open(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _line_ends_differ(path: Path) -> bool:
    """Whether a file mixes line ends, having checked that it is UTF-8 and not empty."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    windows = plain = seen = 0
    last = b""
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
            seen += len(chunk)
            both = chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            windows, plain = windows + both, plain + chunk.count(b"\n") - both
            last = chunk[-1:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path}' isn't UTF-8: byte 0x{error.object[error.start]:02x} after some {seen} bytes "
            "can't be read. Save it as UTF-8, for example with: "
            f"iconv -f LATIN1 -t UTF-8 '{path.name}'"
        ) from error
    if not seen:
        raise DataError(f"'{path}' is empty.")
    return bool(windows and plain)


def _with_plain_line_ends(path: Path, scratch: Path) -> Path:
    """Copy a file with plain line ends, as DuckDB's CSV reader refuses a mixture."""
    copy = Path(tempfile.mkdtemp(dir=scratch)) / f"{path.stem}.csv"
    carried = b""
    with copy.open("wb") as file:
        for chunk in _chunks(path):
            joined = carried + chunk
            carried = b"\r" if joined.endswith(b"\r") else b""
            file.write(joined.removesuffix(b"\r").replace(b"\r\n", b"\n"))
        file.write(carried)
    return copy


def _header(path: Path) -> tuple[str, list[str]]:
    """Delimiter and column names of a CSV file, from its first line."""
    with _open(path) as file:
        first = codecs.decode(file.readline(LONGEST_LINE), "utf-8", "ignore")
    line = first.lstrip(BYTE_ORDER_MARK).split("\r")[0]
    parsed = {mark: next(csv.reader([line], delimiter=mark), []) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: len(parsed[mark]))  # the first of equals
    names = [name.strip() or f"column{index}" for index, name in enumerate(parsed[delimiter])]
    lowered = [name.lower() for name in names]
    if repeated := sorted({name for name in lowered if lowered.count(name) > 1}):
        raise DataError(f"'{path}' has more than one column '{repeated[0]}'; rename one of them.")
    if not names:
        raise DataError(
            f"'{path}' begins with an empty line; its first line must name the columns."
        )
    return delimiter, names


def _csv(path: Path, readable: Path) -> Relation:
    delimiter, names = _header(readable)
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    scan = (
        f"read_csv({literal(str(readable))}, auto_detect = false, header = true, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', columns = {{{types}}}, "
        f"max_line_size = {LONGEST_LINE}, store_rejects = true)"
    )
    # DuckDB reports a line once for each of its faults, and counts lines with the header.
    rejects = (
        "SELECT (line - 1)::BIGINT AS line, min(error_message) AS error, "
        "trim(any_value(csv_line), chr(10) || chr(13)) AS text "
        "FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        f"WHERE file_path = {literal(str(readable))} GROUP BY line, line_byte_position"
    )
    return Relation(scan, tuple(names), str(path), rejects=rejects, skips_rejects=True)


def _json_lines(connection: Backend, path: Path) -> Relation:
    lines = (
        "(SELECT row_number() OVER () AS line, text FROM "
        f"read_csv({literal(str(path))}, auto_detect = false, header = false, delim = '\x01', "
        f"quote = '', escape = '', columns = {{'text': 'VARCHAR'}}, strict_mode = false, "
        f"max_line_size = {LONGEST_LINE}))"
    )
    is_object = "CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END"
    keys = connection.raw_sql(
        f"SELECT DISTINCT unnest(json_keys(text)) AS key FROM {lines} "
        f"WHERE {is_object} ORDER BY key"
    ).fetchall()
    names = tuple(key for (key,) in keys)
    if not names:
        raise DataError(
            f"'{path}' holds no JSON object on a line of its own. JSON Lines has one object a "
            "line; an array can be turned into it with: jq -c '.[]'"
        )
    values = {name: f"json_extract_string(text, {_json_path(name)})" for name in names}
    rejects = (
        f"SELECT line, text, 'not a JSON object' AS error FROM {lines} "
        f"WHERE NOT {is_object} AND trim(coalesce(text, '')) != ''"
    )
    return Relation(lines, names, str(path), values, "line", is_object, rejects)


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{escaped}"')
