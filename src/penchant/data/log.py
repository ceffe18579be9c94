"""A log: all that one shop tells, as tables. Every public data set and every world is one."""

from dataclasses import dataclass

import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.people import people_table
from penchant.errors import DataError


@dataclass(frozen=True)
class Log:
    """Events, catalog and, where the shop has them, people, promotions and holidays.

    Checked once, when built: the schemas are exactly those of `data.events`, `data.catalog` and
    `data.calendar`, required columns hold no nulls, and a catalog has one row an item. Events of
    items that the catalog doesn't know are allowed. Raises `DataError`.
    """

    name: str
    events: pa.Table
    catalog: pa.Table
    people: pa.Table | None = None
    promotions: pa.Table | None = None
    holidays: pa.Table | None = None

    def __post_init__(self) -> None:
        self._check("events", self.events, EVENT_SCHEMA)
        self._check("catalog", self.catalog, CATALOG_SCHEMA)
        if self.promotions is not None:
            self._check("promotions", self.promotions, PROMOTION_SCHEMA)
        if self.holidays is not None:
            self._check("holidays", self.holidays, HOLIDAY_SCHEMA)
        if self.people is not None:
            self._check("people", self.people, people_table(self.people).schema)
        items = len(self.catalog[c.ITEM].unique())
        if items != len(self.catalog):
            raise DataError(
                f"The catalog of '{self.name}' holds {len(self.catalog)} rows for {items} items; "
                "keep one row an item."
            )

    def _check(self, part: str, table: pa.Table, schema: pa.Schema) -> None:
        where = f"The {part} of '{self.name}'"
        if table.column_names != schema.names:
            raise DataError(
                f"{where} need the columns {', '.join(schema.names)}, in this order; found "
                f"{', '.join(table.column_names) or 'none'}. Select and rename them first."
            )
        for field in schema:
            found = table.schema.field(field.name)
            if found.type != field.type:
                raise DataError(
                    f"{where} need {field.type} in '{field.name}'; found {found.type}. "
                    "Cast the table to the schema first."
                )
            nulls = table[field.name].null_count
            if nulls and not field.nullable:
                raise DataError(
                    f"{where} need a value in every row of '{field.name}'; found {nulls} nulls. "
                    "Fill them or leave those rows out."
                )
