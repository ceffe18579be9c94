"""Admission: judge one event as batch ingest judges a line of JSON, in a few microseconds.

The rules are those of `data.accept`. Here are the ways in which nearly every event is written; what
is written in another way goes to the `Referee`, which asks the batch's own expressions, so that
the two can't disagree. What the wire does differ in:

* Columns have our names. A file's may have a synonym's, because a file's columns are known.
* An event without a kind has no kind. A file in which no line has one holds purchases.
* Of a key that stands twice in an object the last value counts; in a file's line the first does.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

from penchant.columns import DWELL, EVENT, ITEM, KIND, ORDER, QUANTITY, QUERY, TIME, USER, VALUE
from penchant.data import accept
from penchant.data.accept import GRACE
from penchant.data.events import (
    ABOUT_ITEMS,
    EVENT_SCHEMA,
    KIND_SYNONYMS,
    KIND_WEIGHTS,
    PURCHASE,
    RETURN,
)
from penchant.data.quarantine import MALFORMED
from penchant.data.values import BLANKS, FIRST_DAY_NUMBER, LAST_DAY_NUMBER
from penchant.serving.commit import Refused, Row, microseconds
from penchant.serving.referee import Fault, Referee

KINDS = {**{kind: kind for kind in KIND_WEIGHTS}, **KIND_SYNONYMS}
ITEM_KINDS = frozenset(ABOUT_ITEMS)
USUAL_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
USUAL_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?"
)
FIRST, END = (
    microseconds(datetime.fromisoformat(day)) for day in (accept.FIRST_TIME, accept.END_TIME)
)
LARGEST_WHOLE = 2**63  # past it JSON readers differ in how they hold a whole number
FIRST_SECOND, LAST_SECOND = 100_000_000, 4_200_000_000  # that float arithmetic rounds as engines do
MOST_SECONDS, MOST_MILLISECONDS = 10**11, 10**14  # as `values.EPOCH_UNITS` has them
UTC_NAMES = ("UTC", "Etc/UTC")


class _Odd(Exception):  # noqa: N818  it is no error: the referee is asked
    """A cell that isn't written in a usual way."""


class Admission:
    """Judges events of a shop; times that carry a zone are put on the wall clock of `timezone`.

    Not to be used by two threads at once.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = UTC if timezone in UTC_NAMES else ZoneInfo(timezone)
        self._referee = Referee(timezone)

    def end(self) -> int:
        """The first time that lies too far ahead to have happened, as the clock stands."""
        now = datetime.now(self._zone).replace(tzinfo=None)
        return microseconds(now + GRACE)

    def judge(self, events: Sequence[object], end: int) -> list[Row | Refused]:
        """Accept or refuse each event, in their order; `end` is as the method of that name has it.

        `events` are what JSON decodes to; one that is no object is refused as malformed.
        """
        verdicts: list[Row | Refused] = []
        odd: list[tuple[int, dict[str, object]]] = []
        for number, event in enumerate(events):
            if not isinstance(event, dict):
                verdicts.append(Refused(None, MALFORMED, _line(event)))
                continue
            try:
                judged = self._judged(event, end)
            except _Odd:
                odd.append((number, event))
                judged = NO_KIND  # its place is taken below
            verdicts.append(judged if isinstance(judged, Row) else _refused(judged, event))
        if odd:
            told = self._referee.judge([event for _, event in odd], end)
            for (number, event), one in zip(odd, told, strict=True):
                verdicts[number] = one if isinstance(one, Row) else _refused(one, event)
        return verdicts

    def _judged(self, event: dict[str, object], end: int) -> Row | Fault:
        """By the first rule that it breaks; the order is `accept_events`'s."""
        cell = event.get
        user, item = _text(cell(USER)), _text(cell(ITEM))
        if user is None:
            return NO_USER
        time = self._time(cell(TIME))
        if time is None:
            return NO_TIME
        if not FIRST <= time < END:
            return OUTSIDE
        if time >= end:
            return FUTURE
        value, quantity = _number(cell(VALUE)), _number(cell(QUANTITY))
        dwell, kind = _number(cell(DWELL)), _kind(cell(KIND))
        if dwell is not None and dwell < 0:
            dwell = None
        if (quantity is not None and quantity < 0) or (value is not None and value < 0):
            taken = quantity < 0 if quantity is not None else True
            if kind == RETURN or (kind == PURCHASE and taken):
                kind = RETURN
                value = None if value is None else abs(value)
                quantity = None if quantity is None else abs(quantity)
            else:
                return NEGATIVE_VALUE if value is not None and value < 0 else NEGATIVE_QUANTITY
        if kind is None:
            return NO_KIND
        query = _text(cell(QUERY))
        if item is None and query is None and kind in ITEM_KINDS:
            return NEITHER
        order, own = _text(cell(ORDER)), _text(cell(EVENT))
        return Row(user, item, time, kind, value, quantity, order, query, dwell, own)

    def _time(self, raw: object) -> int | None:
        """Microseconds since 1970 on the shop's wall clock, or None without a time."""
        if type(raw) is str:
            text = raw.strip(BLANKS)
            if not text:
                return None
            if USUAL_TIME.fullmatch(text) is None:
                raise _Odd
            try:
                time = datetime.fromisoformat(text)
            except ValueError as error:  # such as a 31st of June: the referee says what it is
                raise _Odd from error
            return microseconds(time if time.tzinfo is None else self._shown(time))
        if raw is None:
            return None
        if type(raw) is int and 0 <= raw < MOST_MILLISECONDS:
            return self._counted(raw)
        if type(raw) is float and FIRST_SECOND < raw < LAST_SECOND:
            whole = int(raw * 1e6 + 0.5)
            second, rest = divmod(whole, 1_000_000)
            return microseconds(self._shown(datetime.fromtimestamp(second, UTC))) + rest
        raise _Odd

    def _counted(self, number: int) -> int:
        """The time that a whole number stands for: a day, seconds or milliseconds since 1970."""
        if FIRST_DAY_NUMBER <= number <= LAST_DAY_NUMBER:
            try:
                day = date(number // 10_000, number // 100 % 100, number % 100)
            except ValueError as error:
                raise _Odd from error
            return microseconds(datetime(day.year, day.month, day.day))
        second, rest = (number, 0) if number < MOST_SECONDS else divmod(number, 1000)
        if second > LAST_SECOND:
            raise _Odd
        return microseconds(self._shown(datetime.fromtimestamp(second, UTC))) + rest * 1000

    def _shown(self, instant: datetime) -> datetime:
        try:
            return instant.astimezone(self._zone).replace(tzinfo=None)
        except OverflowError as error:
            raise _Odd from error


def _text(raw: object) -> str | None:
    if type(raw) is str:
        return raw.strip(BLANKS) or None
    if raw is None:
        return None
    if type(raw) is int and -LARGEST_WHOLE <= raw < LARGEST_WHOLE:
        return str(raw)
    raise _Odd


def _number(raw: object) -> float | None:
    if raw is None:
        return None
    if type(raw) is float:
        return raw + 0.0  # -0 is 0
    if type(raw) is int and -LARGEST_WHOLE <= raw < LARGEST_WHOLE:
        return float(raw)
    if type(raw) is str:
        if USUAL_NUMBER.fullmatch(raw):
            return float(raw) + 0.0
        if not raw.strip(BLANKS):
            return None
    raise _Odd


def _kind(raw: object) -> str | None:
    if type(raw) is not str:
        return _text(raw)
    known = KINDS.get(raw)
    if known is not None:
        return known
    text = raw.strip(BLANKS)
    if not text.isascii():  # languages differ in how they fold a letter
        raise _Odd
    folded = text.lower()
    return KINDS.get(folded, folded) or None


def _refused(fault: Fault, event: dict[str, object]) -> Refused:
    """An event and its fault, the event as the quarantine keeps rows: an object of texts.

    All our columns are in it, so that it can be sent again like a row of any file.
    """
    cells = {**dict.fromkeys(EVENT_SCHEMA.names), **event}
    texts = {name: _written(raw) for name, raw in cells.items()}
    return Refused(fault.field, fault.reason, msgspec.json.encode(texts).decode())


def _written(raw: object) -> str | None:
    return raw if raw is None or isinstance(raw, str) else msgspec.json.encode(raw).decode()


def _line(event: object) -> str:
    told = {"line": msgspec.json.encode(event).decode(), "error": "not a JSON object"}
    return msgspec.json.encode(told).decode()


NO_USER, NO_TIME = Fault(USER, accept.NO_USER), Fault(TIME, accept.NO_TIME)
OUTSIDE, FUTURE = Fault(TIME, accept.OUTSIDE_TIME), Fault(TIME, accept.IN_THE_FUTURE)
NEGATIVE_VALUE = Fault(VALUE, accept.NEGATIVE)
NEGATIVE_QUANTITY = Fault(QUANTITY, accept.NEGATIVE)
NO_KIND, NEITHER = Fault(KIND, accept.NO_KIND), Fault(ITEM, accept.NEITHER_ITEM_NOR_QUERY)
