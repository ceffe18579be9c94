"""Rows: what happened, as codes and numbers, before it is written as a table of events.

Shapes: N rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA

KINDS = ("search", "impression", "view", "favourite", "cart", "purchase", "return", "social")
NONE = -1  # a code that stands for nothing

Codes = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Table = TypeVar("Table")  # a frozen dataclass of arrays of one length


@dataclass(frozen=True)
class Rows:
    """Happenings, one a row; -1 and NaN stand for nothing."""

    user_N: npt.NDArray[np.int32]  # in the block; from the number of users on, a device
    item_N: npt.NDArray[np.int32]
    time_N: Codes  # microseconds since 1970
    kind_N: npt.NDArray[np.int8]  # index into KINDS
    value_N: Doubles  # money
    quantity_N: Doubles
    order_N: Codes
    query_N: npt.NDArray[np.int32]
    dwell_N: Doubles  # seconds


@dataclass(frozen=True)
class Labels:
    """What the codes of rows stand for."""

    users: pa.Array
    items: pa.Array
    queries: pa.Array


def rows_of(kind: str, user_N: Codes, time_N: Codes, **columns: npt.NDArray[Any]) -> Rows:
    """Rows of one kind; of `item, value, quantity, order, query, dwell` what there is."""
    count = len(user_N)

    def codes(name: str, width: type[np.integer[Any]]) -> npt.NDArray[Any]:
        given = columns.get(name)
        return np.full(count, NONE, width) if given is None else given.astype(width)

    def doubles(name: str) -> Doubles:
        given = columns.get(name)
        return np.full(count, np.nan) if given is None else given.astype(np.float64)

    return Rows(
        user_N=user_N.astype(np.int32),
        item_N=codes("item", np.int32),
        time_N=time_N.astype(np.int64),
        kind_N=np.full(count, KINDS.index(kind), np.int8),
        value_N=doubles("value"),
        quantity_N=doubles("quantity"),
        order_N=codes("order", np.int64),
        query_N=codes("query", np.int32),
        dwell_N=doubles("dwell"),
    )


def take(table: Table, index: npt.NDArray[Any] | slice) -> Table:
    """Some entries of each array of a dataclass."""
    content: Any = table
    return replace(content, **{f.name: getattr(table, f.name)[index] for f in fields(content)})


def join(tables: Sequence[Table]) -> Table:
    """Dataclasses of one type, array after array."""
    first: Any = tables[0]
    return replace(
        first,
        **{f.name: np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(first)},
    )


def by_time(rows: Rows) -> Rows:
    """Order rows by time, then user, kind and item."""
    place_N = rows.user_N.astype(np.int64) * len(KINDS) + rows.kind_N
    place_N = place_N * (rows.item_N.max(initial=0) + 2) + rows.item_N
    return take(rows, np.lexsort((place_N, rows.time_N)))


def event_table(rows: Rows, labels: Labels, first_id: int) -> pa.Table:
    """Write rows as events, whose ids count from `first_id`, so that equal ones stay apart.

    Columns are those of `EVENT_SCHEMA`, but texts that repeat are dictionaries: smaller and
    quicker, and plain texts once they are cast to the schema or read from a file.
    """
    ids = pa.array(np.arange(first_id, first_id + len(rows.user_N)))
    kinds = pa.array(KINDS)
    return pa.table(
        {
            c.USER: _texts(rows.user_N, labels.users),
            c.ITEM: _texts(rows.item_N, labels.items),
            c.TIME: pa.array(rows.time_N.view("datetime64[us]")),
            c.KIND: _texts(rows.kind_N, kinds),
            c.VALUE: pa.array(rows.value_N, from_pandas=True),
            c.QUANTITY: pa.array(rows.quantity_N, from_pandas=True),
            c.ORDER: pa.array(rows.order_N, mask=rows.order_N == NONE).cast(pa.string()),
            c.QUERY: _texts(rows.query_N, labels.queries),
            c.DWELL: pa.array(rows.dwell_N, from_pandas=True),
            c.EVENT: ids.cast(pa.string()),
        },
        schema=ENCODED_SCHEMA,
    )


def _texts(code_N: npt.NDArray[Any], names: pa.Array) -> pa.DictionaryArray:
    index = pa.array(code_N.astype(np.int32, copy=False), mask=code_N == NONE)
    return pa.DictionaryArray.from_arrays(index, names)


ENCODED_SCHEMA = pa.schema(
    field.with_type(pa.dictionary(pa.int32(), pa.string()))
    if field.name in (c.USER, c.ITEM, c.KIND, c.QUERY)
    else field
    for field in EVENT_SCHEMA
)
