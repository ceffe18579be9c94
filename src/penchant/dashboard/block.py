"""What a page is made of: charts with their table twins, tables, tiles, findings, commands.

Blocks are plain content; the templates give them their form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from penchant.dashboard import numbers

MOST_ROWS = 200  # of a table twin

Cell = str | int | float | date | None
Option = dict[str, Any]  # of ECharts, as JSON


class Form(StrEnum):
    """How the values of a column are written."""

    TEXT = "text"
    PROSE = "prose"  # a text of several words
    COUNT = "count"
    VOLUME = "volume"
    SHARE = "share"
    CHANCE = "chance"  # a share with a bar
    SPAN = "span"  # text made of numbers
    CHANGE = "change"
    DECIMAL = "decimal"
    DAY = "day"


_WRITERS: dict[Form, Any] = {
    Form.COUNT: numbers.count,
    Form.VOLUME: numbers.volume,
    Form.SHARE: numbers.share,
    Form.CHANCE: numbers.chance,
    Form.CHANGE: numbers.change,
    Form.DECIMAL: numbers.decimal,
    Form.DAY: numbers.day,
}


@dataclass(frozen=True)
class Column:
    """A column's heading and how its values are written."""

    name: str
    form: Form = Form.TEXT

    @property
    def numeric(self) -> bool:
        """Whether values are set flush right."""
        return self.form not in (Form.TEXT, Form.PROSE)

    def write(self, value: Cell) -> str:
        """The value as text."""
        if self.form in (Form.TEXT, Form.PROSE, Form.SPAN):
            return numbers.MISSING if value is None else str(value)
        return str(_WRITERS[self.form](value))

    def part(self, value: Cell) -> float | None:
        """Length of the bar of a chance."""
        if self.form is Form.CHANCE and isinstance(value, float):
            return round(value, 3)
        return None

    def key(self, value: Cell) -> str:
        """What to sort the value by: a number, an ISO date; nothing where the text will do."""
        if value is None or isinstance(value, str):
            return ""
        return value.isoformat() if isinstance(value, date) else f"{value:.6g}"


@dataclass(frozen=True)
class Written:
    """A cell ready for the page."""

    text: str
    key: str
    best: bool
    part: float | None  # length of the cell's bar, from 0 to 1


@dataclass(frozen=True)
class Table:
    """Rows under columns; cells in `best` (row, column) are set in bold."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    best: frozenset[tuple[int, int]] = frozenset()
    half: bool = False  # narrow enough to stand beside another
    kind: Literal["table"] = "table"

    @property
    def written(self) -> list[list[Written]]:
        """The first rows as text."""
        return [
            [
                Written(
                    column.write(value),
                    column.key(value),
                    (r, k) in self.best,
                    column.part(value),
                )
                for k, (column, value) in enumerate(zip(self.columns, row, strict=True))
            ]
            for r, row in enumerate(self.rows[:MOST_ROWS])
        ]

    @property
    def cut(self) -> str:
        """Says that rows were left out, if any were."""
        if len(self.rows) <= MOST_ROWS:
            return ""
        return f"The first {MOST_ROWS} of {len(self.rows):,} rows."


@dataclass(frozen=True)
class Chart:
    """A chart, one sentence on how to read it, and the same numbers as a table."""

    id: str
    title: str
    how_to_read: str
    option: Option
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    height: int = 360  # CSS pixels
    kind: Literal["chart"] = "chart"

    @property
    def twin(self) -> Table:
        """The chart's numbers as a table."""
        return Table(f"{self.id}-table", self.title, self.columns, self.rows)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from penchant.dashboard.figure import notebook_html  # a page is made of blocks

        return notebook_html(self)


@dataclass(frozen=True)
class Picker:
    """One chart of several, chosen from a list."""

    id: str
    label: str
    charts: tuple[tuple[str, Chart], ...]
    kind: Literal["picker"] = "picker"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from penchant.dashboard.figure import notebook_html  # a page is made of blocks

        return notebook_html(self)


@dataclass(frozen=True)
class Tile:
    """A headline number."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Tiles:
    """A row of headline numbers."""

    tiles: tuple[Tile, ...]
    kind: Literal["tiles"] = "tiles"


@dataclass(frozen=True)
class Findings:
    """Short statements worth acting on: what in bold, then the detail."""

    title: str
    items: tuple[tuple[str, str], ...]
    kind: Literal["findings"] = "findings"


@dataclass(frozen=True)
class NextStep:
    """Something to do next: why, and the command that does it."""

    why: str
    command: str


@dataclass(frozen=True)
class NextSteps:
    """What to do next."""

    title: str
    steps: tuple[NextStep, ...]
    kind: Literal["steps"] = "steps"


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    title: str
    terms: tuple[tuple[str, str], ...]
    kind: Literal["terms"] = "terms"


@dataclass(frozen=True)
class Notes:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    kind: Literal["notes"] = "notes"


Leaf = Chart | Picker | Table | Tiles | Findings | NextSteps | Terms | Notes


@dataclass(frozen=True)
class Group:
    """Blocks under a heading of their own."""

    id: str
    title: str
    blocks: tuple[Leaf, ...]
    kind: Literal["group"] = "group"


@dataclass(frozen=True)
class Section:
    """A numbered part of the report."""

    id: str
    title: str
    lead: str
    blocks: tuple[Leaf | Group, ...]
