"""The calendar unit of interest: a day, a week from Monday, or a month.

A step is a whole number that counts units from a fixed origin, so steps of different logs agree.
"""

from datetime import date, timedelta
from enum import StrEnum

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

EPOCH = date(1970, 1, 1)
DAYS_FROM_MONDAY_TO_EPOCH = 3  # 1970-01-01 was a Thursday


class Step(StrEnum):
    """Day, week (from Monday) or month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def index_of(self, when: date) -> int:
        """Index of the step that holds the day `when`."""
        if self is Step.MONTH:
            return when.year * 12 + when.month - 1
        days = (when - EPOCH).days
        return days if self is Step.DAY else (days + DAYS_FROM_MONDAY_TO_EPOCH) // 7

    def start(self, index: int) -> date:
        """First day of the step `index`."""
        if self is Step.MONTH:
            return date(index // 12, index % 12 + 1, 1)
        days = index if self is Step.DAY else index * 7 - DAYS_FROM_MONDAY_TO_EPOCH
        return EPOCH + timedelta(days=days)

    def expression(self, time: ir.TimestampValue) -> ir.IntegerValue:
        """Step index of a timestamp column."""
        if self is Step.MONTH:
            return (time.year() * 12 + time.month() - 1).cast("int32")
        days = (time.epoch_seconds() / 86400).floor().cast("int32")
        if self is Step.DAY:
            return days
        return ((days + DAYS_FROM_MONDAY_TO_EPOCH) / 7).floor().cast("int32")

    def starts(self, indices: npt.NDArray[np.int32]) -> list[date]:
        """First day of each step."""
        return [self.start(int(index)) for index in indices]

    @property
    def per_year(self) -> int:
        """Steps in a year, rounded."""
        return {Step.DAY: 365, Step.WEEK: 52, Step.MONTH: 12}[self]

    def plural(self, count: int) -> str:
        """`1 week`, `4 weeks`."""
        return f"{count} {self.value}" + ("" if count == 1 else "s")
