"""Accept each row of a source or set it aside with its place and its first reason.

Expressions only: what comes in is a reading, what goes out are two tables that together hold
every row that was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA, KIND_SYNONYMS
from penchant.data.mapping import (
    CatalogMapping,
    HolidayMapping,
    Mapping,
    PeopleMapping,
    PromotionMapping,
    split_time,
)
from penchant.data.reading import Reading
from penchant.data.values import as_content, as_number, as_path, as_text, as_time, cell, is_missing

NO_USER = "no user"
NO_ITEM = "no item"
NO_TIME = "no time"
NO_NAME = "no name"
UNREADABLE_TIME = "unreadable time"
OUTSIDE_TIME = "time outside 1970-2100"
UNREADABLE_NUMBER = "unreadable number"
NEITHER_ITEM_NOR_QUERY = "neither item nor query"
NO_KIND = "no kind"
ENDS_BEFORE_START = "ends before it starts"
FIRST_TIME, END_TIME = "1970-01-01", "2101-01-01"


@dataclass(frozen=True)
class Verdict:
    """Accepted rows in their table's columns, and quarantined rows as the quarantine keeps them."""

    accepted: ir.Table
    quarantined: ir.Table


@dataclass(frozen=True)
class _Rule:
    field: str
    reason: str
    broken: ir.BooleanValue


@dataclass(frozen=True)
class _Cells:
    """The cells of a source by our names, as they come and as they read."""

    content: ir.StructValue
    names: dict[str, str]
    zone: str = "UTC"

    def raw(self, name: str) -> ir.Value:
        if name not in self.names:
            return ibis.null("string")
        return cell(self.content, self.names[name])

    def text(self, name: str) -> ir.StringValue:
        return as_text(self.raw(name))

    def number(self, name: str) -> ir.FloatingValue:
        return as_number(self.raw(name))

    def time(self, name: str) -> ir.TimestampValue:
        if name not in self.names:
            return ibis.null("timestamp")
        column, counted = split_time(self.names[name], self.content.names)
        return as_time(cell(self.content, column), self.zone, counted)

    def missing(self, name: str) -> ir.BooleanValue:
        if name not in self.names:
            return ibis.literal(True)
        column, _ = split_time(self.names[name], self.content.names)
        return is_missing(cell(self.content, column))

    def unnamed(self, name: str) -> ir.BooleanValue:
        raw = self.raw(name)
        return raw.isnull() if raw.type().is_integer() else as_text(raw).isnull()

    def number_rule(self, name: str) -> _Rule:
        broken = ~self.missing(name) & self.number(name).isnull()
        return _Rule(name, UNREADABLE_NUMBER, broken)

    def time_rules(self, name: str, *, needed: bool) -> list[_Rule]:
        time = self.time(name)
        missing = self.missing(name)
        outside = (time < ibis.timestamp(FIRST_TIME)) | (time >= ibis.timestamp(END_TIME))
        return [
            *([_Rule(name, NO_TIME, missing)] if needed else []),
            _Rule(name, UNREADABLE_TIME, ~missing & time.isnull()),
            _Rule(name, OUTSIDE_TIME, outside),
        ]


def accept_events(
    connection: Backend, reading: Reading, mapping: Mapping, timezone: str
) -> Verdict:
    """Judge events; times with a zone are put on the wall clock of `timezone`."""
    cells = _Cells(reading.rows[c.CONTENT], mapping.resolve(reading.columns), timezone)
    kind = cells.text(c.KIND).lower()
    values = {
        c.USER: cells.text(c.USER),
        c.ITEM: cells.text(c.ITEM),
        c.TIME: cells.time(c.TIME),
        c.KIND: kind.cases(*KIND_SYNONYMS.items(), else_=kind),
        c.VALUE: cells.number(c.VALUE),
        c.QUANTITY: cells.number(c.QUANTITY),
        c.ORDER: cells.text(c.ORDER),
        c.QUERY: cells.text(c.QUERY),
        c.DWELL: cells.number(c.DWELL),
        c.EVENT: cells.text(c.EVENT),
    }
    rules = [
        _Rule(c.USER, NO_USER, cells.unnamed(c.USER)),
        *cells.time_rules(c.TIME, needed=True),
        *(cells.number_rule(name) for name in (c.VALUE, c.QUANTITY, c.DWELL)),
        _Rule(c.ITEM, NEITHER_ITEM_NOR_QUERY, cells.unnamed(c.ITEM) & cells.unnamed(c.QUERY)),
        _Rule(c.KIND, NO_KIND, cells.unnamed(c.KIND)),
    ]
    return _judge(connection, reading, _in_order(values, EVENT_SCHEMA), rules)


def accept_catalog(connection: Backend, reading: Reading, mapping: CatalogMapping) -> Verdict:
    """Judge the rows of a catalog."""
    content = reading.rows[c.CONTENT]
    cells = _Cells(content, mapping.resolve(reading.columns))
    levels = [content[name] for name in mapping.levels(reading.columns)]
    values = {
        c.ITEM: cells.text(c.ITEM),
        c.PATH: as_path(levels, mapping.separator),
        c.TITLE: cells.text(c.TITLE),
        c.BRAND: cells.text(c.BRAND),
        c.PRICE: cells.number(c.PRICE),
        c.IMAGE: cells.text(c.IMAGE),
        c.VALID_FROM: cells.time(c.VALID_FROM),
        c.VALID_UNTIL: cells.time(c.VALID_UNTIL),
    }
    rules = [
        _Rule(c.ITEM, NO_ITEM, cells.unnamed(c.ITEM)),
        cells.number_rule(c.PRICE),
        *cells.time_rules(c.VALID_FROM, needed=False),
        *cells.time_rules(c.VALID_UNTIL, needed=False),
    ]
    return _judge(connection, reading, _in_order(values, CATALOG_SCHEMA), rules)


def accept_people(connection: Backend, reading: Reading, mapping: PeopleMapping) -> Verdict:
    """Judge the rows of customer attributes."""
    names = mapping.resolve(reading.columns)
    cells = _Cells(reading.rows[c.CONTENT], names)
    values = {name: cells.text(name) for name in names}
    rules = [_Rule(c.USER, NO_USER, cells.unnamed(c.USER))]
    return _judge(connection, reading, values, rules)


def accept_promotions(connection: Backend, reading: Reading, mapping: PromotionMapping) -> Verdict:
    """Judge the rows of promotions."""
    cells = _Cells(reading.rows[c.CONTENT], mapping.resolve(reading.columns))
    values = {
        c.ITEM: cells.text(c.ITEM),
        c.START: cells.time(c.START),
        c.END: cells.time(c.END),
        c.STRENGTH: cells.number(c.STRENGTH).fill_null(1.0),
    }
    rules = [
        _Rule(c.ITEM, NO_ITEM, cells.unnamed(c.ITEM)),
        *cells.time_rules(c.START, needed=True),
        *cells.time_rules(c.END, needed=True),
        _Rule(c.END, ENDS_BEFORE_START, values[c.END] <= values[c.START]),
        cells.number_rule(c.STRENGTH),
    ]
    return _judge(connection, reading, _in_order(values, PROMOTION_SCHEMA), rules)


def accept_holidays(connection: Backend, reading: Reading, mapping: HolidayMapping) -> Verdict:
    """Judge the rows of holidays."""
    cells = _Cells(reading.rows[c.CONTENT], mapping.resolve(reading.columns))
    start = cells.time(c.START)
    next_day = start.truncate("D") + ibis.interval(days=1)
    values = {
        c.START: start,
        c.END: cells.time(c.END).fill_null(next_day),
        c.NAME: cells.text(c.NAME),
    }
    rules = [
        *cells.time_rules(c.START, needed=True),
        *cells.time_rules(c.END, needed=False),
        _Rule(c.END, ENDS_BEFORE_START, values[c.END] <= start),
        _Rule(c.NAME, NO_NAME, cells.unnamed(c.NAME)),
    ]
    return _judge(connection, reading, _in_order(values, HOLIDAY_SCHEMA), rules)


def _in_order(values: dict[str, ir.Value], schema: pa.Schema) -> dict[str, ir.Value]:
    return {name: values[name] for name in schema.names}


def _judge(
    connection: Backend, reading: Reading, values: dict[str, ir.Value], rules: Sequence[_Rule]
) -> Verdict:
    """Apply the rules in their order, the first broken one being the reason."""
    rows = reading.rows
    faults = [
        (
            rule.broken,
            ibis.struct(
                {
                    c.FIELD: ibis.literal(rule.field),
                    c.REASON: ibis.literal(rule.reason),
                    c.CONTENT: as_content(rows[c.CONTENT]),
                }
            ),
        )
        for rule in rules
    ]
    # Two structs, so that a source's columns may have any name.
    judged = connection.create_table(
        "judged_rows",
        rows.select(
            rows[c.SOURCE],
            rows[c.ROW],
            **{c.REASON: ibis.cases(*faults), c.CONTENT: ibis.struct(values)},
        ),
        temp=True,
        overwrite=True,
    )
    fault, kept = judged[c.REASON], judged[c.CONTENT]
    accepted = judged.filter(fault.isnull()).select(**{name: kept[name] for name in values})
    quarantined = judged.filter(fault.notnull()).select(
        judged[c.SOURCE],
        judged[c.ROW],
        **{name: fault[name] for name in (c.FIELD, c.REASON, c.CONTENT)},
    )
    return Verdict(accepted, quarantined.union(reading.malformed))
