"""Lay a known source's format over its file: its rows come out in columns of ours."""

from dataclasses import replace
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.encoding import readable_text
from penchant.data.lines import line_relation
from penchant.data.sources.format import Format
from penchant.data.sql import LINE, THEIRS, Relation, described, identifier
from penchant.errors import DataError

NESTED = ("STRUCT", "MAP", "JSON")  # and whatever ends with brackets: written as JSON


def formed(connection: Backend, raw: Relation, form: Format, path: Path, scratch: Path) -> Relation:
    """The rows of `form` in the file `path`, which `raw` reads.

    Raises DataError when a file that the format needs isn't beside it, or when the file isn't in
    that format.
    """
    if missing := form.marks - {name.lower() for name in raw.columns}:
        raise DataError(
            f"'{path}' isn't in the format '{form.name}' ({form.title}): it has no column "
            f"'{min(missing)}'. Found: {', '.join(raw.columns)}."
        )
    beside = _beside(connection, form, path, scratch)
    known = [
        f"{identifier(name)} AS ({_texts(connection, relation, ())})"
        for name, relation in beside.items()
    ]
    known.append(f"raw AS ({_texts(connection, raw, form.optional)})")
    sql = f"(WITH {', '.join(known)} SELECT * FROM ({form.select}))"
    names = tuple(name for name in described(connection, sql) if name != c.ROW)
    row = identifier(c.ROW)
    return replace(
        raw,
        sql=sql,
        columns=names,
        values={},
        where="true",
        numbered=f"(SELECT {row} AS {LINE}, * EXCLUDE ({row}) FROM {sql})",
        form=form.name,
        beside=tuple(beside.values()),
        alike="",
    )


def _beside(connection: Backend, form: Format, path: Path, scratch: Path) -> dict[str, Relation]:
    found = {}
    for pattern in form.beside:
        files = sorted(path.parent.glob(pattern))
        if not files:
            raise DataError(
                f"'{path}' is in the format '{form.name}' ({form.title}), which needs the file "
                f"'{pattern}' beside it. Put it into the same folder."
            )
        for file in files:
            readable, _ = readable_text(file, scratch)
            found[file.name.partition(".")[0]] = line_relation(connection, file, readable)
    return found


def _texts(connection: Backend, relation: Relation, optional: tuple[str, ...]) -> str:
    """Select row and every column as text: what is nested as JSON, what isn't there as null."""
    bare = relation.select(relation.columns, placed=False)
    kinds = described(connection, f"({bare})").values()
    cells = [
        f"{_text(identifier(THEIRS + name), kind)} AS {identifier(name)}"
        for name, kind in zip(relation.columns, kinds, strict=True)
    ]
    there = {name.lower() for name in relation.columns}
    cells += [f"NULL::VARCHAR AS {identifier(n)}" for n in optional if n.lower() not in there]
    placed = relation.select(relation.columns, placed=True)
    return f"SELECT {identifier(c.ROW)}, {', '.join(cells)} FROM ({placed})"


def _text(name: str, kind: str) -> str:
    if kind == "VARCHAR":
        return name
    nested = kind.endswith("]") or kind.startswith(NESTED)
    return f"to_json({name})::VARCHAR" if nested else f"{name}::VARCHAR"
