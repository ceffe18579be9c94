"""The little SQL that reading needs: quoting, and one relation as rows with a place."""

from dataclasses import dataclass, field

from penchant import columns as c


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Relation:
    """Something to select from: its SQL, its columns, and what to call it in the quarantine.

    `values` gives the SQL of each column where it isn't simply the column's name, `row` the SQL of
    the row number, and `where` keeps what is a row at all.
    """

    sql: str
    columns: tuple[str, ...]
    label: str
    values: dict[str, str] = field(default_factory=dict)
    row: str = "row_number() OVER ()"
    where: str = "true"
    rejects: str = ""  # SQL of line, text and error of what is no row
    skips_rejects: bool = False  # whether `row` counts only the lines that are rows

    def select(self, names: tuple[str, ...]) -> str:
        """Select source, row and a struct of `names`, null where this relation has no such one."""
        fields = ", ".join(f"{identifier(name)} := {self._value(name)}" for name in names)
        return (
            f"SELECT {literal(self.label)} AS {c.SOURCE}, {self.row} AS {identifier(c.ROW)}, "
            f"struct_pack({fields}) AS {c.CONTENT} FROM {self.sql} AS relation WHERE {self.where}"
        )

    def _value(self, name: str) -> str:
        if name not in self.columns:
            return "NULL"
        return self.values.get(name, f"relation.{identifier(name)}")
