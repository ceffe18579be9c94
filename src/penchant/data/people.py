"""Optional customer attributes: one row a customer, any columns beside the customer's id.

Attributes are text: `age` is `45-54`, `income` is `50-74K`. Nothing in a forecast needs them;
segments and fairness reports read them.
"""

import pyarrow as pa

from penchant import columns as c
from penchant.errors import DataError


def people_table(table: pa.Table) -> pa.Table:
    """Check a table of customer attributes: a `user` column, unique, and text beside it."""
    if c.USER not in table.column_names:
        found = ", ".join(table.column_names) or "none"
        raise DataError(f"Customer attributes need a column '{c.USER}'; found {found}.")
    table = table.cast(pa.schema([pa.field(name, pa.string()) for name in table.column_names]))
    if len(table[c.USER].unique()) != len(table):
        raise DataError(
            f"Customer attributes hold {len(table)} rows for {len(table[c.USER].unique())} "
            "customers; keep one row a customer."
        )
    return table
