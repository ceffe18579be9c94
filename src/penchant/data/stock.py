"""What is in stock: a file with a row an item, read as other sources are.

A row that can't be used is set aside with its place and reason; it never stops the others.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from penchant import columns as c
from penchant.data.accept import NEGATIVE, NO_ITEM, UNREADABLE_NUMBER
from penchant.data.cells import Cells
from penchant.data.engine import session
from penchant.data.mapping import StockMapping
from penchant.data.reading import Source, read, reading_told
from penchant.errors import DataError

NO_COUNT = "no units on hand"
TWICE = "item more than once"
NUMBERS = (c.ON_HAND, c.ON_ORDER, c.LEAD_DAYS, c.LEAD_SPREAD, c.REVIEW_DAYS)
STOCK_FILE_SCHEMA = pa.schema(
    [
        pa.field(c.ITEM, pa.string(), nullable=False),
        pa.field(c.ON_HAND, pa.float64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in NUMBERS[1:]),
    ]
)


@dataclass(frozen=True)
class Refused:
    """A row that can't be used: its number from 1, the column at fault, and why."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True)
class StockFile:
    """Rows of `STOCK_FILE_SCHEMA`, and those that were set aside."""

    rows: pa.Table
    refused: tuple[Refused, ...]


def read_stock(source: Source, mapping: StockMapping | None = None) -> StockFile:
    """Read what is in stock; DataError where no item or no units on hand can be found at all."""
    with session() as connection, tempfile.TemporaryDirectory() as scratch:
        reading = read(connection, source, Path(scratch), table="stock")
        names = (mapping or StockMapping()).resolve(reading.columns)
        cells = Cells(reading.placed, names, reading.columns)
        columns = {c.ITEM: cells.text(c.ITEM), c.ROW: reading.placed[c.ROW]}
        for name in NUMBERS:
            columns |= {name: cells.number(name), _missing(name): cells.missing(name)}
        with reading_told(source):
            found = reading.placed.select(**columns).to_pyarrow().sort_by(c.ROW).to_pylist()
            malformed = reading.malformed.lines.to_pyarrow().to_pylist()
    refused = [Refused(line[c.ROW], "", line[c.REASON]) for line in malformed]
    kept, seen = [], set()
    for row in found:
        fault = _fault(row)
        if fault is None and row[c.ITEM] in seen:
            fault = c.ITEM, TWICE
        if fault is not None:
            refused.append(Refused(row[c.ROW], *fault))
            continue
        seen.add(row[c.ITEM])
        kept.append({name: row[name] for name in STOCK_FILE_SCHEMA.names})
    if not kept:
        why = f" The first: row {refused[0].row}, {refused[0].reason}." if refused else ""
        raise DataError(f"The stock holds no row that can be used; {len(refused)} can't be.{why}")
    return StockFile(pa.Table.from_pylist(kept, schema=STOCK_FILE_SCHEMA), tuple(refused))


def _missing(name: str) -> str:
    return f"no_{name}"


def _fault(row: dict[str, object]) -> tuple[str, str] | None:
    """The column of a row that is at fault, and why; None of a row that can be used."""
    if row[c.ITEM] is None:
        return c.ITEM, NO_ITEM
    for name in NUMBERS:
        value = row[name]
        if value is None and not row[_missing(name)]:
            return name, UNREADABLE_NUMBER
        if isinstance(value, float) and value < 0:
            return name, NEGATIVE
    return (c.ON_HAND, NO_COUNT) if row[c.ON_HAND] is None else None
