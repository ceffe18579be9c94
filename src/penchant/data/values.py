"""Cells as they come, read as text, numbers, times and paths; null where they can't be read.

Expressions, not loops: a column of any type goes in, a column of ours comes out.
"""

import sys
from collections.abc import Mapping as Columns
from datetime import UTC, date, datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from penchant.data.engine import (
    INSTANT,
    from_microseconds,
    parse_instant,
    parse_time,
    wall_clock_at,
)

PLAIN_TIME = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?$"  # the usual time without a zone
ZONE = r"\d\d:\d\d.*?(\s*(Z|z|UTC|GMT)|[+-]\d\d(:?\d\d)?)$"  # a time of day, then its zone
FIRST_VISIBLE, BLANKS = "!", " \t\n\r\v\f"
# A comma before exactly three digits may be either: such a number alone is unreadable.
COMMA_DECIMAL = r"^\s*[+-]?(\d+,(\d{1,2}|\d{4,})|\d{1,3}(\.\d{3})+,\d+)\s*$"
COMMA_THOUSANDS = r"^\s*[+-]?\d{1,3}(,\d{3})+\.\d+\s*$"
UTC_NAME = r"\s*(Z|z|UTC|GMT)$"
FAR_OFFSET = r"\s+([+-]\d\d(:?\d\d)?)$"
NO_SECONDS = r"([ T]\d\d:\d\d)([+-])"
ZONE_MARKS = ("%z", "%Z")  # of a strptime pattern
NUMBER = r"^[+-]?\d+(\.\d*)?$"
FIRST_DAY_NUMBER, LAST_DAY_NUMBER = 19700101, 21001231  # 20170131 is a day, not seconds
CALENDAR = ("0001-01-01", "9999-12-31")
LARGEST = sys.float_info.max
MICROSECONDS_A_DAY = 86_400_000_000
# Numbers below the bound count the unit of so many microseconds since 1970.
EPOCH_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e19, 1e-3))


def as_text(value: ir.Value) -> ir.StringValue:
    """Trim; empty is null. A whole number held as a float loses its `.0`."""
    kind = value.type()
    if kind.is_integer():
        return value.cast("string")
    if kind.is_floating():
        whole = (value.try_cast("int64") == value) & (value.abs() < 2**53)
        text = ibis.cases(
            (value.isnan(), ibis.null("string")),
            (whole, value.try_cast("int64").cast("string")),
            else_=value.cast("string"),
        )
    else:
        text = value.cast("string")
    return _trimmed(text)


def _trimmed(text: ir.StringValue) -> ir.StringValue:
    """Trim only what needs it: looking at the ends is ten times as fast as trimming."""
    # Whatever sorts before the first visible character is empty or begins with a blank.
    blank = text < FIRST_VISIBLE
    for mark in BLANKS:
        blank |= text.endswith(mark)
    return ibis.cases((blank, text.strip().nullif("")), else_=text)


def is_missing(value: ir.Value) -> ir.BooleanValue:
    """Whether a cell holds nothing: null, or a text of blanks."""
    cheap = value.type().is_numeric() or value.type().is_temporal()
    return value.isnull() if cheap else as_text(value).isnull()


def as_number(value: ir.Value) -> ir.FloatingValue:
    """Read a finite number; anything else is null, and -0 is 0."""
    number = _number(value)
    if value.type().is_string():
        number = ibis.cases((value.contains(","), _written_number(value)), else_=number)
    finite = number.abs() <= LARGEST  # NaN is larger than any number to the engines
    return ibis.cases((finite, number + 0.0), else_=ibis.null("float64"))


def as_time(value: ir.Value, zone: str, counted: date | str | None = None) -> ir.TimestampValue:
    """Read a time, of trimmed text or another type, on the wall clock of `zone`.

    Times without a zone are wall-clock times already; times with one, and numbers of seconds or
    milliseconds since 1970, are instants and converted. `counted` is the date of day 0, or the
    strptime pattern of a text.
    """
    kind = value.type()
    if isinstance(counted, str):
        text = value.cast("string")
        if any(mark in counted for mark in ZONE_MARKS):
            return _shown(zone, parse_instant(text, counted))
        return parse_time(text, counted)
    if isinstance(counted, date):
        return _days_after(_number(value), counted)
    if kind.is_timestamp():
        if kind.timezone is None:
            return value.cast("timestamp")
        return _shown(zone, value.cast(INSTANT))
    if kind.is_date():
        return value.cast("timestamp")
    if kind.is_numeric():
        return _from_number(_number(value), zone)
    text = value.cast("string")
    return ibis.cases(
        (text.re_search(PLAIN_TIME), text.try_cast("timestamp")),
        (text.re_search(NUMBER), _from_number(_number(text), zone)),
        (
            text.re_search(ZONE),
            _shown(zone, _zoned(text).try_cast(INSTANT)),
        ),
        else_=text.try_cast("timestamp"),
    )


def _zoned(text: ir.StringValue) -> ir.StringValue:
    """A time with its zone, written as the engine reads it: seconds, and the offset right after."""
    for found, written in ((UTC_NAME, "+00"), (FAR_OFFSET, r"\1"), (NO_SECONDS, r"\1:00\2")):
        text = text.re_replace(found, written)
    return text


def _shown(zone: str, instant: ir.TimestampValue) -> ir.TimestampValue:
    """The wall clock at an instant; the engine can't give it at the far ends of its calendar."""
    first, last = (ibis.timestamp(end, timezone="UTC") for end in CALENDAR)
    beyond = (instant < first) | (instant > last)
    return ibis.cases((beyond, ibis.timestamp(CALENDAR[1])), else_=wall_clock_at(zone, instant))


def _number(value: ir.Value) -> ir.FloatingValue:
    numeric = value.type().is_numeric()
    return value.cast("float64") if numeric else value.cast("string").try_cast("float64")


def _written_number(text: ir.StringValue) -> ir.FloatingValue:
    """A number with a comma, where there is one way to read it: `1,5`, `1.234,50`, `1,234.50`."""
    marked = ibis.cases(
        (text.re_search(COMMA_DECIMAL), text.replace(".", "").replace(",", ".")),
        (text.re_search(COMMA_THOUSANDS), text.replace(",", "")),
    )
    return marked.try_cast("float64")


def _days_after(days: ir.FloatingValue, first: date) -> ir.TimestampValue:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1e6
    within = ibis.cases((days.abs() < 1e6, days), else_=ibis.null("float64"))
    return from_microseconds((within * MICROSECONDS_A_DAY + start).round().cast("int64"))


def _from_number(number: ir.FloatingValue, zone: str) -> ir.TimestampValue:
    day = (number >= FIRST_DAY_NUMBER) & (number <= LAST_DAY_NUMBER)
    digits = number.try_cast("int64").cast("string")
    scaled = ibis.cases(
        *((number.abs() < bound, number * unit) for bound, unit in EPOCH_UNITS),
        else_=ibis.null("float64"),
    )
    instant = from_microseconds(scaled.round().cast("int64")).cast(INSTANT)
    return ibis.cases((day, parse_time(digits, "%Y%m%d")), else_=wall_clock_at(zone, instant))


def as_path(values: list[ir.Value], separator: str) -> ir.ArrayValue:
    """Read a category path from the columns of its levels, or from one column.

    One column is a list already, or text cut at each `separator`. An empty level ends the path.
    """
    nothing = ibis.literal([], type="array<string>")
    if not values:
        return nothing
    if len(values) > 1:
        return _from_levels([as_text(value) for value in values], nothing)
    if isinstance(values[0].type(), dt.Array):
        parts = values[0].cast("array<string>")
    else:
        parts = values[0].cast("string").split(separator)
    levels = parts.map(lambda level: level.strip().fill_null(""))
    end = levels.index("")
    return ibis.cases((levels.isnull(), nothing), (end >= 0, levels[:end]), else_=levels)


def _from_levels(levels: list[ir.StringValue], nothing: ir.ArrayValue) -> ir.ArrayValue:
    cut = [
        (level.isnull(), ibis.array(levels[:depth]) if depth else nothing)
        for depth, level in enumerate(levels)
    ]
    return ibis.cases(*cut, else_=ibis.array(levels))


def as_content(cells: Columns[str, ir.Value]) -> ir.StringValue:
    """Write a source's row as a JSON object of texts, which read again as they did."""
    texts = {name: _as_written(value) for name, value in cells.items()}
    return ibis.struct(texts).cast("json").cast("string")


def _as_written(value: ir.Value) -> ir.StringValue:
    if value.type().is_floating():
        return ibis.cases((value.isnan(), "nan"), else_=as_text(value))
    return value.cast("string")
