"""Accept each row of a source or set it aside with its place and its first reason.

Expressions only: what comes in is a reading, what goes out are tables that together hold every row
that was sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.cells import Cells
from penchant.data.events import (
    ABOUT_ITEMS,
    EVENT_SCHEMA,
    KIND_SYNONYMS,
    KIND_WEIGHTS,
    PURCHASE,
    RETURN,
)
from penchant.data.identity import IDENTITY_SCHEMA
from penchant.data.mapping import (
    CatalogMapping,
    HolidayMapping,
    IdentityMapping,
    PeopleMapping,
    PromotionMapping,
)
from penchant.data.mapping import Mapping as EventMapping
from penchant.data.reading import Reading, cell
from penchant.data.step import Step
from penchant.data.values import as_content, as_path, as_text

NO_USER = "no user"
NO_ALIAS = "no alias"
NO_ITEM = "no item"
NO_TIME = "no time"
NO_NAME = "no name"
UNREADABLE_TIME = "unreadable time"
IN_THE_FUTURE = "time in the future"
OUTSIDE_TIME = "time outside 1970-2100"
UNREADABLE_NUMBER = "unreadable number"
NEGATIVE = "negative number"
NEITHER_ITEM_NOR_QUERY = "neither item nor query"
NO_KIND = "no kind"
ENDS_BEFORE_START = "ends before it starts"
CANCELLED = "cancelled purchase, kept as a return"
SIGNED_RETURN = "return with a negative number, kept without its sign"
NEGATIVE_DWELL = "negative dwell time, left out"
FIRST_TIME, END_TIME = "1970-01-01", "2101-01-01"
GRACE = timedelta(days=1)  # between clocks


@dataclass(frozen=True)
class Rule:
    """What is wrong with a row, where, and whether it is."""

    field: str
    reason: str
    broken: ir.BooleanValue


@dataclass(frozen=True)
class Judged:
    """Rows of a reading as they read, what is wrong with them, and what was put right."""

    rows: ir.Table
    values: dict[str, ir.Value]
    faults: Sequence[Rule]
    repairs: Sequence[Rule] = ()

    @property
    def verdict(self) -> ir.IntegerValue:
        """0 of a clean row, k of one that needed repair k first, -k of one whose fault k is."""
        cases = [(rule.broken, -k) for k, rule in enumerate(self.faults, start=1)]
        cases += [(rule.broken, k) for k, rule in enumerate(self.repairs, start=1)]
        return ibis.cases(*((broken, ibis.literal(k, "int16")) for broken, k in cases), else_=0)


@dataclass(frozen=True)
class Verdict:
    """A source judged: together its tables hold every row that was sent.

    `bare` judges rows without their place, which is quick, and `placed` the same rows with it.
    """

    bare: Judged
    placed: Judged
    reading: Reading

    @property
    def accepted(self) -> ir.Table:
        """Accepted rows, in our columns."""
        judged = self._marked(self.bare)
        return judged.filter(judged[c.VERDICT] >= 0).drop(c.VERDICT)

    @property
    def quarantined(self) -> ir.Table:
        """The others, as the quarantine keeps them."""
        rows, columns = self.placed.rows, self.reading.columns
        judged = rows.select(
            rows[c.SOURCE],
            rows[c.ROW],
            self.placed.verdict.name(c.VERDICT),
            as_content({name: cell(rows, name) for name in columns}).name(c.CONTENT),
        )
        faults = [(-k, rule) for k, rule in enumerate(self.placed.faults, start=1)]
        malformed = self.reading.malformed
        refused = malformed.counted_in(judged.filter(judged[c.VERDICT] < 0))
        code = refused[c.VERDICT]
        return refused.select(
            refused[c.SOURCE],
            refused[c.ROW],
            code.cases(*((k, rule.field) for k, rule in faults)).name(c.FIELD),
            code.cases(*((k, rule.reason) for k, rule in faults)).name(c.REASON),
            refused[c.CONTENT],
        ).union(malformed.lines)

    @property
    def tally(self) -> ir.Table:
        """How many rows got each verdict, in columns verdict and rows."""
        judged = self.bare.rows.select(self.bare.verdict.name(c.VERDICT))
        return judged.group_by(c.VERDICT).agg(**{c.ROWS: judged.count()})

    @property
    def staged(self) -> ir.Table:
        """Every row in our columns, with its month and its verdict; month 0 where that is a fault.

        The values of a faulty row mean nothing.
        """
        marked = self._marked(self.bare)
        kept = marked[c.VERDICT] >= 0
        month = Step.MONTH.expression(marked[c.TIME])
        return marked.mutate(**{c.MONTH: ibis.cases((kept, month), else_=ibis.literal(0, "int32"))})

    def reasons(self, counts: Mapping[int, int]) -> tuple[dict[str, int], dict[str, int]]:
        """Rows by the reason they were refused and by what was repaired, of rows by verdict."""
        refused: dict[str, int] = {}
        repaired: dict[str, int] = {}
        for verdict, rows in counts.items():
            if verdict < 0:
                reason = self.bare.faults[-verdict - 1].reason
                refused[reason] = refused.get(reason, 0) + rows
            elif verdict > 0:
                reason = self.bare.repairs[verdict - 1].reason
                repaired[reason] = repaired.get(reason, 0) + rows
        return dict(sorted(refused.items())), dict(sorted(repaired.items()))

    def _marked(self, judged: Judged) -> ir.Table:
        return judged.rows.select(**judged.values, **{c.VERDICT: judged.verdict})


def accept_events(
    reading: Reading, mapping: EventMapping, timezone: str, now: datetime | None = None
) -> Verdict:
    """Judge events; times with a zone are put on the wall clock of `timezone`.

    What lies more than a day after `now`, the shop's wall clock, can't have happened. A purchase
    of a negative number is a cancellation, and kept as a return.
    """
    names = mapping.resolve(reading.columns)
    end = (now or datetime.now(ZoneInfo(timezone)).replace(tzinfo=None)) + GRACE
    return _judge(reading, names, lambda cells: _judged_events(cells, end), timezone)


def _judged_events(cells: Cells, end: datetime) -> Judged:
    # Read first and judge then: an engine computes once what stands in a column of its own.
    cells = cells.trimmed(c.TIME)
    numbers = (c.VALUE, c.QUANTITY, c.DWELL)
    read = cells.rows.mutate(
        **{name: cells.text(name) for name in (c.USER, c.ITEM, c.ORDER, c.QUERY, c.EVENT)},
        **{name: cells.number(name) for name in numbers},
        **{c.TIME: cells.time(c.TIME), c.KIND: _kind(cells.raw(c.KIND))},
    )
    below = {name: read[name].fill_null(0.0) < 0 for name in numbers}
    taken = below[c.QUANTITY] | (read[c.QUANTITY].isnull() & below[c.VALUE])
    back = (below[c.QUANTITY] | below[c.VALUE]) & (read[c.KIND] == RETURN)
    read = read.mutate(
        **{
            CANCELLED: (taken & (read[c.KIND] == PURCHASE)).fill_null(False),
            SIGNED_RETURN: back.fill_null(False),
        }
    )
    kind, dwell, quantity = read[c.KIND], read[c.DWELL], read[c.QUANTITY]
    cancelled, returned = read[CANCELLED], read[CANCELLED] | read[SIGNED_RETURN]
    nothing = read[c.ITEM].isnull() & read[c.QUERY].isnull() & kind.isin(ABOUT_ITEMS)
    values = {name: read[name] for name in EVENT_SCHEMA.names} | {
        c.KIND: ibis.cases((cancelled, RETURN), else_=kind),
        c.VALUE: ibis.cases((returned, read[c.VALUE].abs()), else_=read[c.VALUE]),
        c.QUANTITY: ibis.cases((returned, quantity.abs()), else_=quantity),
        c.DWELL: ibis.cases((dwell < 0, ibis.null("float64")), else_=dwell),
    }
    faults = [
        Rule(c.USER, NO_USER, read[c.USER].isnull()),
        *_time_rules(cells, c.TIME, read[c.TIME], needed=True),
        Rule(c.TIME, IN_THE_FUTURE, read[c.TIME] >= ibis.timestamp(end.isoformat())),
        *(
            Rule(name, UNREADABLE_NUMBER, read[name].isnull() & ~cells.missing(name))
            for name in numbers
        ),
        *(Rule(name, NEGATIVE, below[name] & ~returned) for name in (c.VALUE, c.QUANTITY)),
        Rule(c.KIND, NO_KIND, kind.isnull()),
        Rule(c.ITEM, NEITHER_ITEM_NOR_QUERY, nothing),
    ]
    repairs = [
        Rule(c.QUANTITY, CANCELLED, cancelled),
        Rule(c.VALUE, SIGNED_RETURN, read[SIGNED_RETURN]),
        Rule(c.DWELL, NEGATIVE_DWELL, below[c.DWELL]),
    ]
    return Judged(read, values, faults, repairs)


def _kind(raw: ir.Value) -> ir.StringValue:
    """The kind a word stands for; nearly all words are usual ones, which are quick to tell."""
    named = as_text(raw).lower()
    read = named.cases(*KIND_SYNONYMS.items(), else_=named)
    if not raw.type().is_string():
        return read
    return ibis.cases(*((raw == kind, kind) for kind in KIND_WEIGHTS), else_=read)


def accept_catalog(reading: Reading, mapping: CatalogMapping) -> Verdict:
    """Judge the rows of a catalog."""
    levels = mapping.levels(reading.columns)

    def judge(cells: Cells) -> Judged:
        values = {
            c.ITEM: cells.text(c.ITEM),
            c.PATH: as_path([cell(cells.rows, name) for name in levels], mapping.separator),
            c.TITLE: cells.text(c.TITLE),
            c.BRAND: cells.text(c.BRAND),
            c.PRICE: cells.number(c.PRICE),
            c.IMAGE: cells.text(c.IMAGE),
            c.VALID_FROM: cells.time(c.VALID_FROM),
            c.VALID_UNTIL: cells.time(c.VALID_UNTIL),
        }
        faults = [
            Rule(c.ITEM, NO_ITEM, cells.unnamed(c.ITEM)),
            _number_rule(cells, c.PRICE),
            Rule(c.PRICE, NEGATIVE, cells.number(c.PRICE) < 0),
            *_time_rules(cells, c.VALID_FROM, cells.time(c.VALID_FROM), needed=False),
            *_time_rules(cells, c.VALID_UNTIL, cells.time(c.VALID_UNTIL), needed=False),
        ]
        return Judged(cells.rows, _in_order(values, CATALOG_SCHEMA), faults)

    return _judge(reading, mapping.resolve(reading.columns), judge)


def accept_people(reading: Reading, mapping: PeopleMapping) -> Verdict:
    """Judge the rows of customer attributes."""
    names = mapping.resolve(reading.columns)

    def judge(cells: Cells) -> Judged:
        values = {name: cells.text(name) for name in names}
        return Judged(cells.rows, values, [Rule(c.USER, NO_USER, cells.unnamed(c.USER))])

    return _judge(reading, names, judge)


def accept_identities(reading: Reading, mapping: IdentityMapping) -> Verdict:
    """Judge the rows of identities."""

    def judge(cells: Cells) -> Judged:
        values = {name: cells.text(name) for name in IDENTITY_SCHEMA.names}
        faults = [
            Rule(c.ALIAS, NO_ALIAS, cells.unnamed(c.ALIAS)),
            Rule(c.USER, NO_USER, cells.unnamed(c.USER)),
        ]
        return Judged(cells.rows, values, faults)

    return _judge(reading, mapping.resolve(reading.columns), judge)


def accept_promotions(reading: Reading, mapping: PromotionMapping) -> Verdict:
    """Judge the rows of promotions."""

    def judge(cells: Cells) -> Judged:
        values = {
            c.ITEM: cells.text(c.ITEM),
            c.START: cells.time(c.START),
            c.END: cells.time(c.END),
            c.STRENGTH: cells.number(c.STRENGTH).fill_null(1.0),
        }
        faults = [
            Rule(c.ITEM, NO_ITEM, cells.unnamed(c.ITEM)),
            *_time_rules(cells, c.START, cells.time(c.START), needed=True),
            *_time_rules(cells, c.END, cells.time(c.END), needed=True),
            Rule(c.END, ENDS_BEFORE_START, values[c.END] <= values[c.START]),
            _number_rule(cells, c.STRENGTH),
        ]
        return Judged(cells.rows, _in_order(values, PROMOTION_SCHEMA), faults)

    return _judge(reading, mapping.resolve(reading.columns), judge)


def accept_holidays(reading: Reading, mapping: HolidayMapping) -> Verdict:
    """Judge the rows of holidays."""

    def judge(cells: Cells) -> Judged:
        start = cells.time(c.START)
        next_day = start.truncate("D") + ibis.interval(days=1)
        values = {
            c.START: start,
            c.END: cells.time(c.END).fill_null(next_day),
            c.NAME: cells.text(c.NAME),
        }
        faults = [
            *_time_rules(cells, c.START, cells.time(c.START), needed=True),
            *_time_rules(cells, c.END, cells.time(c.END), needed=False),
            Rule(c.END, ENDS_BEFORE_START, values[c.END] <= start),
            Rule(c.NAME, NO_NAME, cells.unnamed(c.NAME)),
        ]
        return Judged(cells.rows, _in_order(values, HOLIDAY_SCHEMA), faults)

    return _judge(reading, mapping.resolve(reading.columns), judge)


def _number_rule(cells: Cells, name: str) -> Rule:
    return Rule(name, UNREADABLE_NUMBER, ~cells.missing(name) & cells.number(name).isnull())


def _time_rules(cells: Cells, name: str, time: ir.TimestampValue, *, needed: bool) -> list[Rule]:
    missing = cells.missing(name)
    outside = (time < ibis.timestamp(FIRST_TIME)) | (time >= ibis.timestamp(END_TIME))
    return [
        *([Rule(name, NO_TIME, missing)] if needed else []),
        Rule(name, UNREADABLE_TIME, ~missing & time.isnull()),
        Rule(name, OUTSIDE_TIME, outside),
    ]


def _in_order(values: dict[str, ir.Value], schema: pa.Schema) -> dict[str, ir.Value]:
    return {name: values[name] for name in schema.names}


def _judge(
    reading: Reading,
    names: Mapping[str, str],
    judge: Callable[[Cells], Judged],
    zone: str = "UTC",
) -> Verdict:
    """Judge the rows with and without their place, by the first rule each breaks."""
    bare, placed = (
        judge(Cells(rows, names, reading.columns, zone)) for rows in (reading.rows, reading.placed)
    )
    return Verdict(bare, placed, reading)
