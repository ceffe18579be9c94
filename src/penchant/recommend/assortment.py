"""What can be recommended: each item with its topic, brand, price and age, as codes and numbers.

Shapes: I items, T topics, R brands, N interactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.interest.counts import Doubles, Flags
from penchant.interest.interactions import Interactions, Times
from penchant.interest.interest import Codes, Floats, Names, rows_of
from penchant.interest.topics import Topics

DAY = 24 * 60 * 60  # seconds
MICROSECONDS = 1_000_000  # of a second
NOWHERE = -1  # code of an item without topic or brand


@dataclass(frozen=True)
class Assortment:
    """Items by code, as `Interactions` number them."""

    items_I: Names
    topics_T: Names
    brands_R: Names
    topic_I: Codes  # -1: none
    brand_I: Codes  # -1: unknown
    title_I: Names  # empty where unknown
    text_I: Names  # title, brand and path; empty where unknown
    listed_I: Floats  # price in the catalog; NaN where unknown
    price_I: Floats  # as last paid for one, else as listed; NaN where unknown
    first_I: Times  # seconds since 1970 of the first interaction
    from_I: Doubles  # seconds since 1970, from which on it is sold,
    until_I: Doubles  # and before which; infinite where the catalog says nothing
    latest: int  # seconds since 1970 of the last interaction with any item

    def known(self, past: Interactions) -> "Assortment":
        """The same as it was known by an earlier past: what was paid then, what was new then."""
        latest = int(past.time_N.max(initial=0))
        return replace(
            self, price_I=_paid(past, self.listed_I), first_I=_first(past), latest=latest
        )

    def sold_I(self, now: int) -> Flags:
        """Whether each item is sold at a moment."""
        return (self.from_I <= now) & (now < self.until_I)

    @property
    def age_I(self) -> Floats:
        """Days since each item was first interacted with."""
        return ((self.latest - self.first_I) / DAY).astype(np.float32)


def assortment_of(
    interactions: Interactions, topics: Topics, catalog: pa.Table | None = None
) -> Assortment:
    """Gather what is known of the items interacted with."""
    items_I = interactions.items_I
    title_I = text_I = np.full(len(items_I), "", dtype=np.str_)
    topic_I = topics.of(items_I)
    brand_I, brands_R = np.full(len(items_I), NOWHERE, dtype=np.int32), np.array([], dtype=np.str_)
    listed_I = np.full(len(items_I), np.nan, dtype=np.float32)
    from_I, until_I = (np.full(len(items_I), end) for end in (-np.inf, np.inf))
    if catalog is not None:
        listed_I = _looked_up(items_I, catalog, c.PRICE, np.nan).astype(np.float32)
        brand = pa.chunked_array(catalog[c.BRAND]).combine_chunks().dictionary_encode()
        brands_R = np.array(brand.dictionary.to_pylist(), dtype=np.str_)
        title_I = _told(items_I, catalog, (c.TITLE,))
        text_I = _told(items_I, catalog, (c.TITLE, c.BRAND, c.PATH))
        codes = pa.table({c.ITEM: catalog[c.ITEM], c.CODE: brand.indices})
        brand_I = _looked_up(items_I, codes, c.CODE, NOWHERE).astype(np.int32)
        from_I = _looked_up(items_I, catalog, c.VALID_FROM, -np.inf)
        until_I = _looked_up(items_I, catalog, c.VALID_UNTIL, np.inf)
    return Assortment(
        items_I=items_I,
        topics_T=topics.names_T,
        brands_R=brands_R,
        topic_I=topic_I,
        brand_I=brand_I,
        title_I=title_I,
        text_I=text_I,
        listed_I=listed_I,
        price_I=_paid(interactions, listed_I),
        first_I=_first(interactions),
        from_I=from_I,
        until_I=until_I,
        latest=int(interactions.time_N.max(initial=0)),
    )


def _paid(past: Interactions, listed_I: Floats) -> Floats:
    """What was last paid for one of each item, or one kilogram; as listed where nothing was."""
    paid_N = past.money_N / np.where(past.quantity_N > 0, past.quantity_N, 1)
    order_N = np.argsort(past.time_N, kind="stable")
    told_N = order_N[np.isfinite(paid_N[order_N]) & (paid_N[order_N] > 0)]
    price_I = listed_I.copy()
    price_I[past.item_N[told_N]] = paid_N[told_N]  # the last of several stays
    return price_I


def _first(past: Interactions) -> Times:
    """When each item was first interacted with; the latest moment where it wasn't yet."""
    first_I = np.full(len(past.items_I), past.time_N.max(initial=0), dtype=np.int64)
    np.minimum.at(first_I, past.item_N, past.time_N)
    return first_I


def _told(items_I: Names, catalog: pa.Table, names: Sequence[str]) -> Names:
    """What some columns of the catalog say of each item, in one line."""
    parts = [catalog[name].to_pylist() for name in names]
    told = {
        item: " ".join(word for value in values for word in _words(value))
        for item, *values in zip(catalog[c.ITEM].to_pylist(), *parts, strict=True)
    }
    return np.array([told.get(item, "") for item in items_I.tolist()], dtype=np.str_)


def _words(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _looked_up(
    items_I: Names, table: pa.Table, column: str, missing: float
) -> npt.NDArray[np.float64]:
    """A column of a table for each item, by the last of its rows; `missing` where there is none.

    Times are seconds since 1970.
    """
    value_I = np.full(len(items_I), missing)
    if column not in table.column_names:
        return value_I
    cells = table[column]
    if pa.types.is_timestamp(cells.type):
        cells = pc.divide(cells.cast(pa.timestamp("us")).cast(pa.int64()), MICROSECONDS)
    value = cells.cast(pa.float64()).to_numpy()
    place = rows_of(np.array(table[c.ITEM].to_pylist(), dtype=np.str_), items_I)
    found = (place >= 0) & np.isfinite(value)
    value_I[place[found]] = value[found]
    return value_I
