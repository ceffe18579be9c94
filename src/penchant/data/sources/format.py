"""What a format is: how to tell a file of it, and the SQL that turns its rows into ours.

The SQL spells our columns' names out, since a `SELECT` full of placeholders can't be read; a test
holds what comes out of every one against the constants of `columns.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

DELIMITERS = ",;\t|"  # between the cells of a line, where nothing else is said


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Of a text file whose first line is a row and no header.

    `shape` holds regular expressions of the cells that give such a line away, by column.
    """

    names: tuple[str, ...]
    delimiter: str = ","
    quoted: bool = True
    shape: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Format:
    """Somebody else's way of writing down events, a catalog or people.

    `select` reads the relation `raw`: a column `row`, the number of the source's row from 1, and
    the source's own columns, all of them text. JSON that isn't a string, and nested Parquet, come
    as JSON text. It gives `row` and columns of ours; a record of several items becomes several
    rows, and one without any stays a row, for the next stage to refuse with its reason. It never
    raises on a cell.
    """

    name: str  # what settings and the command line call it
    title: str  # what messages and the documents call it
    table: str = "events"  # or "catalog" or "people"
    marks: frozenset[str] = frozenset()  # lower-case columns that together give a file away
    files: tuple[str, ...] = ()  # patterns of file names, needed too where the shape tells little
    dialect: Dialect | None = None  # where there is no header
    optional: tuple[str, ...] = ()  # columns that a file may lack; they are null then
    beside: tuple[str, ...] = ()  # patterns of files of the same folder that `select` reads too,
    # as tables of text named by their stems up to the first dot
    select: str
