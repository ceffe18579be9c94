"""Cells as they come, read as text, numbers, times and paths; null where they can't be read.

Expressions, not loops: a column of any type goes in, a column of ours comes out.
"""

from collections.abc import Mapping as Columns
from datetime import UTC, date, datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from penchant.data.engine import INSTANT, from_microseconds, parse_time, wall_clock_at
from penchant.data.mapping import CONSTANT

ZONE = r"\d\d:\d\d.*?(\s*(Z|z|UTC|GMT)|[+-]\d\d(:?\d\d)?)$"  # a time of day, then its zone
UTC_NAME = r"\s*(Z|z|UTC|GMT)$"
NUMBER = r"^[+-]?\d+(\.\d*)?$"
FIRST_DAY_NUMBER, LAST_DAY_NUMBER = 19700101, 21001231  # 20170131 is a day, not seconds
MICROSECONDS_A_DAY = 86_400_000_000
# Numbers below the bound count the unit of so many microseconds since 1970.
EPOCH_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e19, 1e-3))


def cell(content: ir.StructValue, name: str) -> ir.Value:
    """Pick the source's column `name`, or the constant that `=` introduces."""
    if name.startswith(CONSTANT):
        return ibis.literal(name[len(CONSTANT) :], type="string")
    return content[name]


def as_text(value: ir.Value) -> ir.StringValue:
    """Trim; empty is null. A whole number held as a float loses its `.0`."""
    kind = value.type()
    if kind.is_floating():
        whole = (value == value.floor()) & (value.abs() < 2**53)
        text = ibis.cases(
            (value.isnan(), ibis.null("string")),
            (whole, value.try_cast("int64").cast("string")),
            else_=value.cast("string"),
        )
    else:
        text = value.cast("string")
    return text.strip().nullif("")


def is_missing(value: ir.Value) -> ir.BooleanValue:
    """Whether a cell holds nothing: null, or a text of blanks."""
    cheap = value.type().is_numeric() or value.type().is_temporal()
    return value.isnull() if cheap else as_text(value).isnull()


def as_number(value: ir.Value) -> ir.FloatingValue:
    """Read a finite number; anything else is null, and -0 is 0."""
    numeric = value.type().is_numeric()
    number = value.cast("float64") if numeric else as_text(value).try_cast("float64")
    bad = number.isnan() | number.isinf()
    return ibis.cases((bad, ibis.null("float64")), (number == 0, 0.0), else_=number)


def as_time(value: ir.Value, zone: str, counted: date | str | None = None) -> ir.TimestampValue:
    """Read a time on the wall clock of `zone`.

    Times without a zone are wall-clock times already; times with one, and numbers of seconds or
    milliseconds since 1970, are instants and converted. `counted` is the date of day 0, or the
    strptime pattern of a text.
    """
    kind = value.type()
    if isinstance(counted, str):
        return parse_time(as_text(value), counted)
    if isinstance(counted, date):
        return _days_after(as_number(value), counted)
    if kind.is_timestamp():
        if kind.timezone is None:
            return value.cast("timestamp")
        return wall_clock_at(zone, value.cast(INSTANT))
    if kind.is_date():
        return value.cast("timestamp")
    text = as_text(value)
    if kind.is_numeric():
        return _from_number(text, zone)
    return ibis.cases(
        (text.re_search(NUMBER), _from_number(text, zone)),
        (
            text.re_search(ZONE),
            wall_clock_at(zone, text.re_replace(UTC_NAME, "+00").try_cast(INSTANT)),
        ),
        else_=text.try_cast("timestamp"),
    )


def _days_after(days: ir.FloatingValue, first: date) -> ir.TimestampValue:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1e6
    within = ibis.cases((days.abs() < 1e6, days), else_=ibis.null("float64"))
    return from_microseconds((within * MICROSECONDS_A_DAY + start).round().cast("int64"))


def _from_number(text: ir.StringValue, zone: str) -> ir.TimestampValue:
    number = as_number(text)
    day = (number >= FIRST_DAY_NUMBER) & (number <= LAST_DAY_NUMBER)
    parts = ibis.literal("-").join([text.substr(0, 4), text.substr(4, 2), text.substr(6, 2)])
    scaled = ibis.cases(
        *((number.abs() < bound, number * unit) for bound, unit in EPOCH_UNITS),
        else_=ibis.null("float64"),
    )
    instant = from_microseconds(scaled.round().cast("int64")).cast(INSTANT)
    return ibis.cases((day, parts.try_cast("timestamp")), else_=wall_clock_at(zone, instant))


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


def as_content(content: ir.StructValue) -> ir.StringValue:
    """Write a source's row as a JSON object of texts."""
    texts: Columns[str, ir.Value] = {name: content[name].cast("string") for name in content.names}
    return ibis.struct(dict(texts)).cast("json").cast("string")
