"""Importers: other people's formats, one small file each.

A format is data, not code: how its files are told from others, and a `SELECT` that turns their
rows into ours. To add one, write its file and add its formats to the table below.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from re import fullmatch

from penchant.data.sources import (
    amazon_reviews,
    ga4,
    google_retail,
    gorse,
    hm,
    instacart,
    movielens,
    online_retail,
    personalize,
    rees46,
    retailrocket,
    segment,
    shopify,
    snowplow,
    taobao,
)
from penchant.data.sources.format import DELIMITERS, Dialect, Format
from penchant.errors import DataError, suggest

__all__ = ["FORMATS", "Dialect", "Format", "find", "recognise"]

FORMATS: tuple[Format, ...] = (
    ga4.EVENTS,
    segment.EVENTS,
    snowplow.EVENTS,
    google_retail.EVENTS,
    gorse.JSON,
    gorse.CSV,
    personalize.EVENTS,
    personalize.IMPRESSIONS,
    shopify.REST,
    shopify.GRAPHQL,
    shopify.CSV,
    retailrocket.EVENTS,
    retailrocket.CATALOG,
    rees46.EVENTS,
    rees46.CATALOG,
    taobao.EVENTS,
    taobao.CATALOG,
    hm.EVENTS,
    hm.CATALOG,
    hm.PEOPLE,
    instacart.EVENTS,
    instacart.CATALOG,
    online_retail.EVENTS,
    online_retail.EVENTS_2,
    online_retail.CATALOG,
    online_retail.CATALOG_2,
    amazon_reviews.EVENTS,
    amazon_reviews.EVENTS_2014,
    amazon_reviews.RATINGS,
    amazon_reviews.CATALOG,
    amazon_reviews.CATALOG_2018,
    amazon_reviews.CATALOG_2014,
    movielens.EVENTS,
    movielens.EVENTS_1M,
    movielens.EVENTS_100K,
    movielens.CATALOG,
    movielens.CATALOG_1M,
    movielens.CATALOG_100K,
)


def find(name: str, table: str = "events") -> Format:
    """Look a format up by its name; DataError when `table` has no such one."""
    names = {known.name: known for known in FORMATS if known.table == table}
    if name in names:
        return names[name]
    raise DataError(f"There is no format '{name}' for {table}. {suggest(name, names)}")


def recognise(table: str, columns: Sequence[str] | None, file_name: str) -> Format | None:
    """Tell the format of a file of `table`, or None where it looks like a plain one.

    `columns` are the cells of a text file's first line, be they names or not, or the names in JSON
    Lines or Parquet; None where they can't be had. Of several formats whose columns are all there,
    the one that asks for most wins; formats without a header are told by the look of the cells.
    """
    found = columns or ()
    lowered = {name.strip().lower() for name in found}
    known = [form for form in FORMATS if form.table == table]
    marked = [form for form in known if form.marks and form.marks <= lowered]
    if marked:
        return max(marked, key=lambda form: len(form.marks))
    bare = (form for form in known if _named_so(form, file_name))
    return next((form for form in bare if form.dialect and _looks_so(form.dialect, found)), None)


def _named_so(form: Format, file_name: str) -> bool:
    plain = file_name.lower().removesuffix(".gz")
    return not form.files or any(fnmatch(plain, pattern) for pattern in form.files)


def _looks_so(dialect: Dialect, cells: Sequence[str]) -> bool:
    """Whether a line is one of `dialect`'s, wherever it has been cut into `cells`."""
    lines = (mark.join(cells) for mark in DELIMITERS)
    return any(_fits(dialect, line.split(dialect.delimiter)) for line in lines)


def _fits(dialect: Dialect, cells: Sequence[str]) -> bool:
    if len(cells) != len(dialect.names):
        return False
    by_name = dict(zip(dialect.names, cells, strict=True))
    return all(fullmatch(shape, by_name[name]) for name, shape in dialect.shape.items())
