"""Rules of a list, in words that a shop's people can write: what may be shown, and how much of it.

Shapes: I items, R brands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.errors import RecipeError, suggest
from penchant.interest.counts import Flags
from penchant.interest.interest import Codes, Names, rows_of
from penchant.recommend.assortment import Assortment

COUNTS = ("most_per_topic", "most_per_brand", "new_days", "small_items", "most_shown", "shown_days")
DIVERSE = ("none", "mmr", "dpp", "calibrated")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a list must keep to; by default nothing."""

    exclude: tuple[str, ...] = ()  # items never shown
    in_stock: tuple[str, ...] = ()  # the only items shown; none: all
    topics: tuple[str, ...] = ()  # the only topics shown; none: all
    brands: tuple[str, ...] = ()  # the only brands shown; none: all
    least_price: float = 0.0
    most_price: float = math.inf
    most_per_topic: int = 0  # items of a list; 0: no limit
    most_per_brand: int = 0  # items of a list; 0: no limit
    new_share: float = 0.0  # of each list's slots, kept for new items where there are any
    new_days: float = 28.0  # since its first interaction, in which an item is new
    small_share: float = 0.0  # of each list's slots, kept for items of small brands
    small_items: int = 5  # items that a small brand has at most
    most_shown: int = 0  # impressions of an item to a customer, after which it rests; 0: no limit
    shown_days: float = 28.0  # in which impressions count, and for which it rests
    diversity: str = "none"  # or mmr, dpp, calibrated
    trade: float = 0.3  # of likelihood for diversity, between none and all

    def __post_init__(self) -> None:
        if self.diversity not in DIVERSE:
            raise RecipeError(
                f"There is no diversity '{self.diversity}'. {suggest(self.diversity, DIVERSE)}"
            )
        shares = (self.new_share, self.small_share, self.trade, self.new_share + self.small_share)
        if not all(0 <= share <= 1 for share in shares):
            raise RecipeError(
                "Shares lie between 0 and 1, those kept for new items and small brands together "
                f"too; found new_share {self.new_share}, small_share {self.small_share} and trade "
                f"{self.trade}."
            )
        counts = {name: getattr(self, name) for name in COUNTS if not getattr(self, name) >= 0}
        if counts:
            found = ", ".join(f"{name} {value}" for name, value in counts.items())
            raise RecipeError(f"Numbers of items and days are at least 0; found {found}.")
        if not self.least_price <= self.most_price:
            raise RecipeError(
                f"No price is at least {self.least_price} and at most {self.most_price}."
            )

    def allowed_I(self, goods: Assortment, now: int) -> Flags:
        """Items that may be shown to anyone at a moment, in seconds since 1970.

        An item without a price passes no price band. Raises RecipeError for unknown names, and
        where nothing may be shown.
        """
        allowed_I = goods.sold_I(now)
        if self.in_stock:
            allowed_I &= _named_I(self.in_stock, goods)
        allowed_I &= ~_named_I(self.exclude, goods)
        for names, known, code_I, what in (
            (self.topics, goods.topics_T, goods.topic_I, "topic"),
            (self.brands, goods.brands_R, goods.brand_I, "brand"),
        ):
            if names:
                allowed_I &= np.isin(code_I, _codes(names, known, what))
        if self.least_price > 0 or self.most_price < math.inf:
            price_I = goods.price_I
            allowed_I &= (price_I >= self.least_price) & (price_I <= self.most_price)
        if not allowed_I.any():
            raise RecipeError(
                f"None of the {len(allowed_I):,} items known passes the rules: no list could hold "
                "one. Loosen `in_stock`, `exclude`, `topics`, `brands` or the prices."
            )
        return allowed_I

    def floors(self, goods: Assortment) -> list[tuple[float, Flags]]:
        """Shares of slots, and the items they are kept for."""
        kept = []
        if self.new_share:
            kept.append((self.new_share, goods.age_I <= self.new_days))
        if self.small_share:
            size_R = np.bincount(goods.brand_I[goods.brand_I >= 0], minlength=len(goods.brands_R))
            small_R = np.append(size_R <= self.small_items, False)  # the last is no brand
            kept.append((self.small_share, small_R[goods.brand_I]))
        return kept

    def caps(self, goods: Assortment) -> list[tuple[int, Codes]]:
        """Most items of one code in a list, and the codes of all items."""
        limits = ((self.most_per_topic, goods.topic_I), (self.most_per_brand, goods.brand_I))
        return [(most, code_I) for most, code_I in limits if most]


def _named_I(names: Sequence[str], goods: Assortment) -> Flags:
    """Whether each item is among those named; names of no item are passed over."""
    named_I = np.zeros(len(goods.items_I), dtype=np.bool_)
    row = rows_of(np.array(names, dtype=np.str_), goods.items_I)
    named_I[row[row >= 0]] = True
    return named_I


def _codes(names: Sequence[str], known: Names, what: str) -> npt.NDArray[np.int64]:
    place = {name: code for code, name in enumerate(known.tolist())}
    for name in names:
        if name not in place:
            raise RecipeError(f"There is no {what} '{name}'. {suggest(name, place)}")
    return np.array([place[name] for name in names])
