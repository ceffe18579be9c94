"""Public holidays of the United States that move what households buy."""

from datetime import datetime, timedelta

import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA

# A year more than the data of Complete Journey, so that its forecasts see the holidays ahead.
US_HOLIDAYS: tuple[tuple[str, str], ...] = (
    ("2017-01-01", "New Year"),
    ("2017-04-16", "Easter"),
    ("2017-05-29", "Memorial Day"),
    ("2017-07-04", "Independence Day"),
    ("2017-09-04", "Labor Day"),
    ("2017-10-31", "Halloween"),
    ("2017-11-23", "Thanksgiving"),
    ("2017-12-25", "Christmas"),
    ("2018-01-01", "New Year"),
    ("2018-04-01", "Easter"),
    ("2018-05-28", "Memorial Day"),
    ("2018-07-04", "Independence Day"),
    ("2018-09-03", "Labor Day"),
    ("2018-10-31", "Halloween"),
    ("2018-11-22", "Thanksgiving"),
    ("2018-12-25", "Christmas"),
)


def us_holidays() -> pa.Table:
    """Eight holidays in each of 2017 and 2018, one day each, as `HOLIDAY_SCHEMA`."""
    starts = [datetime.fromisoformat(day) for day, _ in US_HOLIDAYS]
    return pa.table(
        {
            c.START: starts,
            c.END: [start + timedelta(days=1) for start in starts],
            c.NAME: [name for _, name in US_HOLIDAYS],
        },
        schema=HOLIDAY_SCHEMA,
    )
