"""The little SQL that reading needs: quoting, and one relation as rows with a place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant import columns as c

THEIRS = "their_"  # before a source's own column names, so that they can't be taken for ours
LINE = "line"


def literal(text: str) -> str:
    """Quote a text for SQL."""
    parts = ("'" + part.replace("'", "''") + "'" for part in text.split("\0"))
    return " || chr(0) || ".join(parts)


def path_literal(path: str | Path) -> str:
    """Quote a path for SQL, so that no character of it is taken for a pattern."""
    return literal(re.sub(r"[\[*?]", r"[\g<0>]", str(path)))


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def parquet(paths: Iterable[Path]) -> str:
    """Scan Parquet files, with no column but their own."""
    listed = ", ".join(map(path_literal, paths))
    return f"read_parquet([{listed}], hive_partitioning = false)"


@dataclass(frozen=True)
class Relation:
    """Something to select from: its SQL, its columns, and what to call it in the quarantine.

    `values` gives the SQL of each column where it isn't simply the column's name, and `where` keeps
    what is a row at all. `numbered` is the same relation with each row's number in the column
    `line`; without it rows are numbered as they come.
    """

    sql: str
    columns: tuple[str, ...]
    label: str
    values: dict[str, str] = field(default_factory=dict)
    where: str = "true"
    numbered: str = ""
    line: str = ""  # SQL of a row's number in `numbered`, where it isn't the column `line`
    source: str = ""  # SQL of a row's source, where that isn't the label
    rejects: str = ""  # SQL of line, text and error of what is no row
    counted: str = ""  # SQL of a file whose rejects are found by reading it, and aren't numbered
    form: str = ""  # name of the known source's format, if it is in one
    beside: tuple["Relation", ...] = ()  # other files that the SQL reads
    alike: str = ""  # the same of files that can be read in one scan
    mended: int = 0  # lines that weren't UTF-8 and are read as Windows-1252

    def select(self, names: tuple[str, ...], *, placed: bool) -> str:
        """Select `names`, null where this relation has no such one, after source and row if asked.

        Numbering is what makes rows come one after the other, so it is left out where it can be.
        """
        cells = [f"{self._value(name)} AS {identifier(THEIRS + name)}" for name in names]
        if placed:
            known = self.line or f"relation.{LINE}"
            number = known if self.numbered else "row_number() OVER ()"
            source = self.source or literal(self.label)
            cells = [f"{source} AS {c.SOURCE}", f"{number} AS {identifier(c.ROW)}", *cells]
        sql = self.numbered if placed and self.numbered else self.sql
        return f"SELECT {', '.join(cells)} FROM {sql} AS relation WHERE {self.where}"

    def _value(self, name: str) -> str:
        # Column names that differ by case alone are one, to DuckDB as to us.
        mine = next((own for own in self.columns if own.lower() == name.lower()), None)
        if mine is None:
            return "NULL"
        return self.values.get(mine, f"relation.{identifier(mine)}")


def described(connection: Backend, relation: str) -> dict[str, str]:
    """Types of a relation's columns by their names."""
    rows = connection.raw_sql(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in rows}
