"""The cells of a source by our names: as they come, and as they read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from penchant.data.mapping import CONSTANT, split_time
from penchant.data.reading import cell
from penchant.data.values import as_number, as_text, as_time, is_missing

TRIMMED = "trimmed_"  # before the name of a time


@dataclass(frozen=True)
class Cells:
    """The cells of a source by our names, as they come and as they read."""

    rows: ir.Table
    names: Mapping[str, str]
    found: Sequence[str]
    zone: str = "UTC"

    def raw(self, name: str) -> ir.Value:
        """The cell as it comes; a constant where the mapping has one, null where it has nothing."""
        asked = self.names.get(name)
        if asked is None:
            return ibis.null("string")
        if asked.startswith(CONSTANT):
            return ibis.literal(asked[len(CONSTANT) :], type="string")
        return cell(self.rows, asked)

    def text(self, name: str) -> ir.StringValue:
        """The cell as trimmed text."""
        return as_text(self.raw(name))

    def number(self, name: str) -> ir.FloatingValue:
        """The cell as a number, null where it is none."""
        return as_number(self.raw(name))

    def time(self, name: str) -> ir.TimestampValue:
        """The cell as a time, null where it is none."""
        if name not in self.names:
            return ibis.null("timestamp")
        _, counted = split_time(self.names[name], self.found)
        raw, trimmed = self._timed(name), f"{TRIMMED}{name}"
        if trimmed in self.rows.columns:
            raw = self.rows[trimmed]
        elif raw.type().is_string():
            raw = as_text(raw)
        return as_time(raw, self.zone, counted)

    def trimmed(self, name: str) -> "Cells":
        """The same with a time that is text trimmed in a column of its own."""
        if name not in self.names:
            return self
        raw = self._timed(name)
        if not raw.type().is_string():
            return self
        return replace(self, rows=self.rows.mutate(**{f"{TRIMMED}{name}": as_text(raw)}))

    def _timed(self, name: str) -> ir.Value:
        column, _ = split_time(self.names[name], self.found)
        return replace(self, names={name: column}).raw(name)

    def missing(self, name: str) -> ir.BooleanValue:
        """Whether the cell holds nothing."""
        if name not in self.names:
            return ibis.literal(True)
        return is_missing(self._timed(name))

    def unnamed(self, name: str) -> ir.BooleanValue:
        """Whether the cell holds no id."""
        raw = self.raw(name)
        return raw.isnull() if raw.type().is_integer() else as_text(raw).isnull()
