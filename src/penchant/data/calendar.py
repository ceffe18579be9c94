"""What is known in advance: promotions of items, and holidays.

A promotion is known before it starts, so a forecast may look at the future rows of this table and
of no other.
"""

import pyarrow as pa

from penchant import columns as c

PROMOTION_SCHEMA = pa.schema(
    [
        pa.field(c.ITEM, pa.string(), nullable=False),
        pa.field(c.START, pa.timestamp("us"), nullable=False),  # first instant
        pa.field(c.END, pa.timestamp("us"), nullable=False),  # first instant after it
        pa.field(c.STRENGTH, pa.float64(), nullable=False),  # 1 = promoted everywhere, all along
    ]
)
HOLIDAY_SCHEMA = pa.schema(
    [
        pa.field(c.START, pa.timestamp("us"), nullable=False),
        pa.field(c.END, pa.timestamp("us"), nullable=False),
        pa.field(c.NAME, pa.string(), nullable=False),
    ]
)
