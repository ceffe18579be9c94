"""The catalog: what is sold, and where it stands in the category tree."""

import pyarrow as pa

from penchant import columns as c

CATALOG_SCHEMA = pa.schema(
    [
        pa.field(c.ITEM, pa.string(), nullable=False),
        pa.field(c.PATH, pa.list_(pa.string()), nullable=False),  # department > category > type
        pa.field(c.TITLE, pa.string()),
        pa.field(c.BRAND, pa.string()),
        pa.field(c.PRICE, pa.float64()),
        pa.field(c.IMAGE, pa.string()),
        pa.field(c.VALID_FROM, pa.timestamp("us")),
        pa.field(c.VALID_UNTIL, pa.timestamp("us")),
    ]
)
PATH_SEPARATOR = " > "
