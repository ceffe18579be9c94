"""Other people's column names: what each of our columns is called in a source.

A value names a source column, and a value that starts with `=` is a constant. A field left alone
takes the column of the same name, or failing that a well-known synonym.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

from penchant import columns as c
from penchant.data.catalog import PATH_SEPARATOR
from penchant.errors import DataError, suggest

CONSTANT = "="
DAY_MARK = "@"
DIRECTIVES = "aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%-"  # that may follow a `%` in a pattern

SYNONYMS: dict[str, tuple[str, ...]] = {
    c.USER: ("user_id", "userid", "customer", "customer_id", "household_id", "visitorid"),
    c.ITEM: ("item_id", "itemid", "product", "product_id", "sku", "article_id", "asin"),
    c.TIME: (
        "timestamp",
        "event_time",
        "datetime",
        "transaction_timestamp",
        "created_at",
        "date",
        "t_dat",
    ),
    c.KIND: ("event_type", "behavior", "behaviour", "action"),
    c.VALUE: ("amount", "sales_value", "revenue", "dollar_value", "price"),
    c.QUANTITY: ("qty", "units", "count"),
    c.ORDER: ("order_id", "basket_id", "session", "session_id", "user_session", "transactionid"),
    c.QUERY: ("search_term", "keyword"),
    c.DWELL: ("dwell_time", "dwell_seconds"),
    c.EVENT: ("event_id",),
    c.TITLE: ("product_name", "item_name", "name"),
    c.BRAND: ("brand_name", "manufacturer"),
    c.PRICE: ("list_price", "unit_price"),
    c.IMAGE: ("image_url", "imurl"),
    c.START: ("start_date", "valid_from", "date"),
    c.END: ("end_date", "valid_until"),
    c.STRENGTH: ("depth", "discount"),
    c.NAME: ("holiday",),
    c.ON_HAND: ("stock", "inventory", "quantity_on_hand", "available", "quantity", "qty"),
    c.ON_ORDER: ("incoming", "quantity_on_order"),
    c.LEAD_DAYS: ("lead_time", "lead_time_days"),
    c.LEAD_SPREAD: ("lead_time_std", "lead_time_deviation"),
    c.REVIEW_DAYS: ("review_period", "review_period_days"),
    c.ARM: ("variant", "group", "bucket"),
    c.ALIAS: (
        "anonymous_id",
        "anonymousid",
        "previous_id",
        "device_id",
        "client_id",
        "cookie_id",
        "visitor_id",
        "user_pseudo_id",
        "domain_userid",
        "email",
    ),
}
LEVELS: tuple[tuple[str, ...], ...] = (  # of a category tree, from the root
    ("department", "department_name"),
    ("category", "product_category", "category_name", "aisle"),
    ("subcategory", "sub_category"),
    ("type", "product_type"),
)


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """Names of an event source's columns.

    `time` may also be a number of days counted from a date, `day@2017-01-01`, or a text with its
    strptime pattern, `date@%d/%m/%Y`. Raises DataError when what follows the `@` is neither.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    kind: str | None = None  # without such a column every event is a purchase
    value: str | None = None
    quantity: str | None = None
    order: str | None = None
    query: str | None = None
    dwell: str | None = None
    event: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns with those `found`; DataError when user, time or item have none."""
        names = _resolve(self, found)
        _require(names, found, (c.USER, c.TIME))
        if c.QUERY not in names:
            _require(names, found, (c.ITEM,))
        return {c.KIND: f"{CONSTANT}purchase", **names}


@dataclass(frozen=True, kw_only=True)
class CatalogMapping:
    """Names of a catalog source's columns.

    `path` is one text column whose levels stand between `separator`s, or the columns of the
    levels from the root, by default whichever of department, category, subcategory and type exist.
    """

    item: str | None = None
    path: str | tuple[str, ...] | None = None
    separator: str = PATH_SEPARATOR
    title: str | None = None
    brand: str | None = None
    price: str | None = None
    image: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns, except the path, with those `found`; DataError without an item."""
        names = _resolve(self, found, apart=(c.PATH, "separator"))
        _require(names, found, (c.ITEM,))
        return names

    def levels(self, found: Sequence[str]) -> tuple[str, ...]:
        """Columns that hold the path: one, or one for each level; none when there is no such."""
        if self.path is None:
            if same := _match((c.PATH,), found):
                return (same,)
            return tuple(name for level in LEVELS if (name := _match(level, found)))
        asked = (self.path,) if isinstance(self.path, str) else self.path
        return tuple(_column(c.PATH, name, found) for name in asked)


@dataclass(frozen=True, kw_only=True)
class PeopleMapping:
    """Name of the column that holds the customer's id; all others are attributes."""

    user: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match the user with a column `found`, and keep the rest under their own names."""
        names = _resolve(self, found)
        _require(names, found, (c.USER,))
        return names | {name: name for name in found if name not in (c.USER, names[c.USER])}


@dataclass(frozen=True, kw_only=True)
class IdentityMapping:
    """Names of the columns of an identity source: an id, and the customer whose it is too."""

    alias: str | None = None
    user: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns with those `found`; DataError without an alias and a user."""
        names = _resolve(self, found)
        _require(names, found, (c.ALIAS, c.USER))
        return names


@dataclass(frozen=True, kw_only=True)
class PromotionMapping:
    """Names of a promotion source's columns; without a strength it is 1."""

    item: str | None = None
    start: str | None = None
    end: str | None = None
    strength: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns with those `found`; DataError without an item, a start and an end."""
        names = _resolve(self, found)
        _require(names, found, (c.ITEM, c.START, c.END))
        return {c.STRENGTH: f"{CONSTANT}1", **names}


@dataclass(frozen=True, kw_only=True)
class HolidayMapping:
    """Names of a holiday source's columns; without an end a holiday lasts the day it starts."""

    start: str | None = None
    end: str | None = None
    name: str | None = None

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns with those `found`; DataError without a start and a name."""
        names = _resolve(self, found)
        _require(names, found, (c.START, c.NAME))
        return names


@dataclass(frozen=True, kw_only=True)
class StockMapping:
    """Names of a stock's columns; all but the item and the units on hand may be left out."""

    item: str | None = None
    on_hand: str | None = None  # units
    on_order: str | None = None  # units that will arrive
    lead_days: str | None = None  # from an order to its arrival
    lead_spread: str | None = None  # standard deviation of the lead days
    review_days: str | None = None  # between two orders

    def resolve(self, found: Sequence[str]) -> dict[str, str]:
        """Match our columns with those `found`; DataError without an item and units on hand."""
        names = _resolve(self, found)
        _require(names, found, (c.ITEM, c.ON_HAND))
        return names


AnyMapping = (
    Mapping
    | CatalogMapping
    | PeopleMapping
    | IdentityMapping
    | PromotionMapping
    | HolidayMapping
    | StockMapping
)


def split_time(name: str, found: Iterable[str]) -> tuple[str, date | str | None]:
    """Split `day@2017-01-01` into column and first day, `date@%d/%m/%Y` into column and pattern."""
    column, mark, rest = name.rpartition(DAY_MARK)
    if name.startswith(CONSTANT) or name in found or not mark:
        return name, None
    if "%" in rest:
        unknown = set(re.findall("%(.?)", rest)) - set(DIRECTIVES)
        if not unknown:
            return column, rest
        raise DataError(
            f"The time '{name}' can't be read: '%{min(unknown)}' means nothing in a pattern. "
            "Write one as in 'date@%d/%m/%Y %H:%M'."
        )
    if re.fullmatch(r"\d{4}-\d\d-\d\d", rest):
        try:
            return column, date.fromisoformat(rest)
        except ValueError:
            pass  # not a day of the calendar: told below
    raise DataError(
        f"The time '{name}' can't be read: found '{rest}' after the '{DAY_MARK}'. Give the date of "
        "day 0, as in 'day@2017-01-01', or a pattern, as in 'date@%d/%m/%Y'."
    )


def _resolve(
    mapping: AnyMapping, found: Sequence[str], apart: tuple[str, ...] = ()
) -> dict[str, str]:
    names: dict[str, str] = {}
    for field in fields(mapping):
        if field.name in apart:
            continue
        asked: str | None = getattr(mapping, field.name)
        if asked is None:
            if match := _match((field.name, *SYNONYMS.get(field.name, ())), found):
                names[field.name] = match
        elif asked.startswith(CONSTANT):
            names[field.name] = asked
        else:
            column, _ = split_time(asked, found) if field.name == c.TIME else (asked, None)
            exact = _column(field.name, column, found)
            names[field.name] = exact + asked[len(column) :]
    return names


def _match(candidates: Iterable[str], found: Sequence[str]) -> str | None:
    lowered = {name.lower(): name for name in reversed(found)}
    return next((lowered[name] for name in candidates if name in lowered), None)


def _column(ours: str, asked: str, found: Sequence[str]) -> str:
    if asked in found:
        return asked
    if match := _match((asked.lower(),), found):
        return match
    raise DataError(
        f"The mapping says that '{ours}' is the column '{asked}', which isn't there. "
        f"Found: {', '.join(found)}. {_near(asked, found)}"
    )


def _require(names: dict[str, str], found: Sequence[str], needed: tuple[str, ...]) -> None:
    for ours in needed:
        if ours not in names:
            raise DataError(
                f"There is no column for '{ours}'. Found: {', '.join(found)}. "
                f"{_near(ours, found)} Name it in the mapping, as in {ours}='{found[0]}'."
            )


def _near(name: str, found: Sequence[str]) -> str:
    if len(found) == 1 and len(re.findall(r"\w+", found[0])) > 1:
        return "Is there another mark than a comma, semicolon, tab or bar between the columns?"
    hint = suggest(name, found)
    tried = ", ".join((name, *SYNONYMS.get(name, ())))
    return hint if hint.startswith("Did") else f"Tried: {tried}."
