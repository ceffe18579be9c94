"""Plain series: one value a step, from numbers, a file's column or a topic of a workspace.

Shapes: T topics, S steps, F features of a step.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.frequencies import to_offset

from penchant import columns as c
from penchant.data.engine import session
from penchant.data.files import PLAIN
from penchant.data.reading import cell, read, reading_told
from penchant.data.step import Step
from penchant.errors import DataError, HistoryError, TopicsError, suggest
from penchant.pipeline import workspace_history
from penchant.workspace import Workspace

Doubles = npt.NDArray[np.float64]
Place = datetime | int  # of a step: its time, or its number from 1

WHOLE = "all"  # in place of a topic: all topics together
FREQUENCIES = {Step.DAY: "D", Step.WEEK: "W-MON", Step.MONTH: "MS"}
# What pandas calls a frequency, by how its code begins: the step's name, and steps of its season.
UNITS = {
    "min": ("minute", 60),
    "h": ("hour", 24),
    "BM": ("month", 12),
    "B": ("working day", 5),
    "D": ("day", 7),
    "W": ("week", 52),
    "M": ("month", 12),
    "BQ": ("quarter", 4),
    "Q": ("quarter", 4),
}


@dataclass(frozen=True)
class Series:
    """One value a step, evenly spaced, with no step missing."""

    name: str
    value_S: Doubles
    times: pd.DatetimeIndex | None = None  # with a frequency; None numbers the steps from 1
    counts: bool = False  # which can't fall below 0
    notes: tuple[str, ...] = ()  # on how it was read

    @property
    def unit(self) -> str:
        """What a step is called: `week`, or `step` where the calendar isn't known."""
        return self._calendar[0]

    @property
    def period(self) -> int | None:
        """Steps of the calendar's season; 1 without one, None where the calendar isn't known."""
        return self._calendar[1]

    @property
    def _calendar(self) -> tuple[str, int | None]:
        if self.times is None:
            return "step", None
        offset = self.times.freq
        assert offset is not None
        if offset.n != 1:
            return "step", None
        found = (UNITS[code] for code in UNITS if offset.rule_code.startswith(code))
        return next(found, ("year", 1))

    def places(self, ahead: int = 0) -> list[Place]:
        """Time or number of every step and of the `ahead` steps that follow."""
        steps = len(self.value_S) + ahead
        if self.times is None:
            return list(range(1, steps + 1))
        every = pd.date_range(self.times[0], periods=steps, freq=self.times.freq)
        return [moment.to_pydatetime() for moment in every]

    def calendar(self) -> Doubles | None:
        """Day of the month, month and year of every step, `SF`; None where dates aren't known."""
        if self.times is None:
            return None
        parts = (self.times.day, self.times.month, self.times.year)
        return np.stack([np.asarray(part, dtype=np.float64) for part in parts], axis=1)

    def told(self, place: Place) -> str:
        """A step's number, or as much of its time as its unit calls for: `Mar 2024`."""
        if isinstance(place, int):
            return str(place)
        if self.unit in ("month", "quarter", "year"):
            return f"{place:%Y}" if self.unit == "year" else f"{place:%b %Y}"
        day = f"{place.day} {place:%b %Y}"
        return day if (place.hour, place.minute) == (0, 0) else f"{day}, {place:%H:%M}"


def series_of_numbers(words: Sequence[str]) -> Series:
    """A series of numbers as typed; DataError names the first that is none."""
    parts = [part.rstrip(",;") for word in words for part in word.split()]
    return Series("Your numbers", _numbers(parts, "number"))


def series_of_file(path: str, column: str | None = None, time: str | None = None) -> Series:
    """A column of a file, in the order of `time` or else of the rows.

    Where no column is named, the only one of numbers is taken; where no time is named, a column of
    dates is, if they are evenly spaced. Raises DataError for anything else: several columns of
    numbers, a cell that is empty or no number, dates that repeat or leave a step out.
    """
    cells = _cells(path)
    name = _column(path, cells, column, time)
    value_S = _numbers(_without_blank_ends(cells) if len(cells) == 1 else cells[name], "row", name)
    series = Series(name if name in cells and not _is_number(name) else Path(path).name, value_S)
    if time is not None:
        if time not in cells:
            raise DataError(f"'{path}' has no column '{time}'. {suggest(time, cells)}")
        return _timed(series, cells[time], time)
    for other in cells:
        if other != name and not _is_number(cells[other][0]) and _moments(cells[other]) is not None:
            try:
                return _timed(series, cells[other], other)
            except DataError as error:
                note = f"The rows are taken in their order, without dates. {error}"
                return replace(series, notes=(note,))
    return series


def series_of_topic(workspace: Workspace, topic: str) -> Series:
    """A topic's events of the kinds forecast, step by step since its first; "all" adds all up."""
    history = workspace_history(workspace)
    count_TS = history.topic_count_TS(workspace.task.target)
    names = [str(name) for name in history.interest.topics_T]
    if topic in names:
        count_S = count_TS[names.index(topic)]
    elif topic == WHOLE:
        count_S = count_TS.sum(axis=0)
    else:
        raise TopicsError(f"There is no topic '{topic}'. {suggest(topic, [*names, WHOLE])}")
    if not count_S.any():
        raise HistoryError(f"The topic '{topic}' has no event of the kinds forecast.")
    since = int(np.flatnonzero(count_S)[0])
    step = history.interest.step
    value_S = count_S[since:].astype(np.float64)
    times = pd.date_range(
        step.start(history.interest.origin + since), periods=len(value_S), freq=FREQUENCIES[step]
    )
    return Series(topic, value_S, times, counts=True)


def _cells(path: str) -> dict[str, list[str | None]]:
    """Every cell of a file as text, by column; numbers in its first line are no names."""
    with session() as connection, tempfile.TemporaryDirectory() as scratch:
        reading = read(connection, path, Path(scratch), format=PLAIN)
        with reading_told(path):
            named = {name: cell(reading.rows, name).cast("string") for name in reading.columns}
            cells = reading.rows.select(**named).to_pyarrow().to_pydict()
            malformed = reading.malformed.lines.limit(1).to_pyarrow().to_pylist()
    if malformed:
        raise DataError(f"Line {malformed[0][c.ROW]} of '{path}' can't be read as a row.")
    if all(_is_number(name) for name in cells):
        cells = {name: [name, *rows] for name, rows in cells.items()}
    if not any(cells.values()):
        raise DataError(f"'{path}' has columns but no rows: {', '.join(cells)}.")
    return cells


def _column(
    path: str, cells: dict[str, list[str | None]], column: str | None, time: str | None
) -> str:
    """The column asked for, or the only one of numbers."""
    if column is not None:
        if column not in cells:
            raise DataError(f"'{path}' has no column '{column}'. {suggest(column, cells)}")
        return column
    if len(cells) == 1:
        return next(iter(cells))
    numeric = [
        name
        for name, rows in cells.items()
        if name != time and all(text is None or _is_number(text) for text in rows)
    ]
    if len(numeric) == 1:
        return numeric[0]
    found = (
        f"Its columns of numbers: {', '.join(numeric)}."
        if numeric
        else (f"No column holds numbers alone; its columns: {', '.join(cells)}.")
    )
    raise DataError(f"Which column of '{path}' is the series? {found} Name one with --column.")


def _without_blank_ends(cells: dict[str, list[str | None]]) -> list[str | None]:
    """The only column without the empty lines at the file's end, which are no rows."""
    rows = list(next(iter(cells.values())))
    while rows and not (rows[-1] or "").strip():
        rows.pop()
    return rows


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def _numbers(texts: Sequence[str | None], what: str, column: str = "") -> Doubles:
    """Texts as numbers; DataError names the first that is none and its place."""
    for place, text in enumerate(texts, 1):
        if not _is_number(text):
            where = f"{what} {place}" + (f" of '{column}'" if column else "")
            shown = f"'{text}', which is no number" if (text or "").strip() else "empty"
            raise DataError(
                f"A series needs a number at every step; {where} is {shown}. Write numbers with a "
                "point and without separators, and fill or cut out what is missing."
            )
    return np.array([float(text or "") for text in texts], dtype=np.float64)


def _moments(texts: Sequence[str | None]) -> pd.DatetimeIndex | None:
    """Texts as times, or None where one of them can't be read."""
    known = [text for text in texts if text is not None]
    if len(known) < len(texts):
        return None
    try:
        moments = pd.DatetimeIndex(pd.to_datetime(known, format="ISO8601"))
    except (ValueError, TypeError):
        return None
    return None if moments.hasnans else moments.tz_localize(None)


def _timed(series: Series, texts: Sequence[str | None], column: str) -> Series:
    """The series in the order of its times; DataError where they aren't evenly spaced."""
    moments = _moments(texts)
    if moments is None:
        raise DataError(f"The column '{column}' isn't all dates. Write them as 2024-01-31.")
    order = moments.argsort(kind="stable")
    moments = moments[order]
    if moments.has_duplicates:
        twice = moments[moments.duplicated()][0]
        raise DataError(
            f"In '{column}', {_day(twice)} comes more than once. Add its rows up, or keep one."
        )
    if len(moments) < 3:
        raise DataError(f"A series in time needs at least 3 dates; found {len(moments)}.")
    frequency = pd.infer_freq(moments)
    if frequency is None:
        raise DataError(_uneven(moments, column))
    times = pd.DatetimeIndex(moments, freq=to_offset(frequency))
    return replace(series, value_S=series.value_S[order], times=times)


def _uneven(moments: pd.DatetimeIndex, column: str) -> str:
    """What to say of times of which two are farther apart than usual, or nearer."""
    monthly = moments.day.nunique() == 1 or bool(moments.is_month_end.all())
    place_S = np.asarray(moments.year * 12 + moments.month if monthly else moments)
    gap_S = np.diff(place_S)
    gaps, counts = np.unique(gap_S, return_counts=True)
    usual = gaps[counts.argmax()]
    odd = int((gap_S != usual).argmax())
    step = f"{usual} months" if monthly else _day(pd.Timedelta(usual))
    return (
        f"The times in '{column}' aren't evenly spaced: {_day(moments[odd])} is followed by "
        f"{_day(moments[odd + 1])}, where most steps are {step}. Add what is missing, with 0 or a "
        "guess, or cut the series there."
    )


def _day(moment: pd.Timestamp | pd.Timedelta) -> str:
    """A moment or a span, without the time of day where that says nothing."""
    return str(moment).removesuffix(" 00:00:00")
