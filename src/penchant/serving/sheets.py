"""What decisions said, over HTTP: routes of each sheet, with messages made from its columns."""

from typing import Any

import msgspec
import pyarrow as pa

from penchant import columns as c
from penchant.serving.query import Whole
from penchant.serving.route import Call, Route
from penchant.sheet import MADE, NOTES, Filled, Sheet
from penchant.sheets import SHEETS

START = Whole(
    name="start", default=0, least=0, most=999_999_999, meaning="Rows before the first of the page."
)
LIMIT = Whole(name="limit", default=100, most=1000, meaning="Rows of a page.")
PLURALS = {c.POLICY: "policies"}  # of keys, where an s doesn't make one
KINDS: tuple[tuple[Any, type], ...] = (
    (pa.types.is_string, str),
    (pa.types.is_floating, float),
    (pa.types.is_integer, int),
    (pa.types.is_boolean, bool),
    (pa.types.is_date, str),
)


class Told(msgspec.Struct, kw_only=True):
    """What a sheet's rows are about."""

    start: str  # first day ahead
    end: str  # first day after those ahead
    made: str
    notes: list[str]  # what can't be told
    next: int | None = None  # `start` of the next page; none: this is the last


def one_path(sheet: Sheet) -> str:
    """The path to the rows of one key."""
    kind = PLURALS.get(sheet.key, f"{sheet.key}s")
    place = f"/v1/{kind}/{{{sheet.key}}}"
    return place if sheet.name == kind else f"{place}/{sheet.name}"


def example(sheet: Sheet) -> msgspec.Struct:
    """An example of a sheet's reply."""
    told = {
        c.START: "2026-03-02",
        c.END: "2026-05-25",
        MADE: "2026-03-02T06:00:00+00:00",
        NOTES: [],
        c.ROWS: [dict(sheet.example)],
    }
    return msgspec.convert(msgspec.to_builtins(told), REPLIES[sheet.name])


def _reply(sheet: Sheet) -> type[msgspec.Struct]:
    title = sheet.name.capitalize()
    fields = [
        (field.name, _kind(field.type) | None if field.nullable else _kind(field.type))
        for field in sheet.schema
    ]
    row = msgspec.defstruct(f"{title}Row", fields, kw_only=True)
    row.__doc__ = "What was said of one."
    rows: Any = list[row]  # type: ignore[valid-type]  # a type made at run time
    reply = msgspec.defstruct(f"{title}Sheet", [(c.ROWS, rows)], bases=(Told,), kw_only=True)
    reply.__doc__ = sheet.about
    return reply


def _kind(told: pa.DataType) -> Any:
    if pa.types.is_list(told):
        return list[_kind(told.value_type)]  # type: ignore[misc]  # a type made at run time
    return next(kind for fits, kind in KINDS if fits(told))


def _routes(sheet: Sheet) -> tuple[Route, Route]:
    """All rows in order, a page at a time, and the rows of one key."""
    reply = REPLIES[sheet.name]

    async def page(call: Call) -> msgspec.Struct:
        start, limit = call.values
        filled, rows = await call.shop.sheet_page(sheet, start, limit)
        return _message(filled, reply, start + limit if start + limit < rows else None)

    async def one(call: Call) -> msgspec.Struct:
        return _message(await call.shop.sheet_rows(sheet, call.value), reply, None)

    whole = Route(
        method="GET",
        path=f"/v1/{sheet.name}",
        name=sheet.name,
        summary=f"{sheet.about} A page at a time, as `{sheet.verb}` last did.",
        answer=page,
        scope="read",
        query=(START, LIMIT),
        reply=reply,
        errors=(404, 409),
    )
    part = Route(
        method="GET",
        path=one_path(sheet),
        name=f"{sheet.key}{sheet.name.capitalize()}",
        summary=f"{sheet.about} Of one {sheet.key}, as `{sheet.verb}` last did.",
        answer=one,
        scope="read",
        reply=reply,
        errors=(404, 409),
    )
    return whole, part


def _message(filled: Filled, reply: type[msgspec.Struct], following: int | None) -> msgspec.Struct:
    told = {
        c.START: filled.start,
        c.END: filled.end,
        MADE: filled.made,
        NOTES: filled.notes,
        "next": following,
        c.ROWS: filled.rows,
    }
    return msgspec.convert(msgspec.to_builtins(told), reply)


REPLIES = {sheet.name: _reply(sheet) for sheet in SHEETS}
SHEET_ROUTES = {sheet.name: _routes(sheet) for sheet in SHEETS}
