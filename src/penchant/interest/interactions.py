"""Interactions: who did what with which item, when, and in which basket.

Interest forgets items; what recommends them needs each event. A basket is an order, or what a
customer did in one day where events name no order.
Shapes: U users, I items, K kinds, N interactions, A baskets, B some users.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.interest import Codes, Floats, Names, fetched, rows_of

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interactions:
    """Events with items, sorted by user, basket and time; baskets by when they began."""

    users_U: Names  # sorted
    items_I: Names  # sorted
    kinds_K: tuple[str, ...]
    user_N: Codes
    item_N: Codes
    kind_N: Codes
    time_N: Times  # seconds since 1970, UTC
    basket_N: Codes  # rises by one from each basket to the next, across users
    quantity_N: Floats
    money_N: Floats  # paid for all of them; NaN where unknown
    segment_U: Names | None = None  # what kind of customer each is; empty where unknown
    key_A: Names | None = None  # what tells a basket from another of its user; where asked for

    def __post_init__(self) -> None:
        parts = (self.item_N, self.kind_N, self.time_N, self.basket_N, self.quantity_N)
        if len({len(part) for part in (self.user_N, self.money_N, *parts)}) > 1:
            raise HistoryError("The columns of interactions must have one length.")
        if (np.diff(self.user_N) < 0).any() or (np.diff(self.basket_N) < 0).any():
            raise HistoryError("Interactions must be sorted by user and basket.")

    @property
    def shape(self) -> tuple[int, int]:
        """Users and items."""
        return len(self.users_U), len(self.items_I)

    @cached_property
    def start_U(self) -> npt.NDArray[np.int64]:
        """First interaction of each user, and their number at the end: U + 1 offsets."""
        return np.searchsorted(self.user_N, np.arange(len(self.users_U) + 1))

    @cached_property
    def start_A(self) -> npt.NDArray[np.int64]:
        """First interaction of each basket, and their number at the end: A + 1 offsets."""
        changes_N = np.diff(self.basket_N, prepend=-1) != 0
        return np.append(np.flatnonzero(changes_N), len(self.basket_N))

    def until(self, moment: datetime) -> "Interactions":
        """What was known before a moment (UTC where it names no zone), of all users and items."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return self.where(self.time_N < int(aware.timestamp()))

    def where(self, kept_N: npt.NDArray[np.bool_]) -> "Interactions":
        """Some of the interactions, of the same users and items; baskets are counted anew."""
        return self._taken(np.flatnonzero(kept_N), self.user_N[kept_N])

    def only(self, row_U: npt.NDArray[np.int64]) -> "Interactions":
        """The users at rows `row_U`, in that order."""
        size_B = self.start_U[row_U + 1] - self.start_U[row_U]
        new_N = np.repeat(np.arange(len(row_U), dtype=np.int32), size_B)
        within_N = np.arange(size_B.sum()) - np.repeat(np.cumsum(size_B) - size_B, size_B)
        take_N = np.repeat(self.start_U[row_U], size_B) + within_N
        segment_B = None if self.segment_U is None else self.segment_U[row_U]
        kept = self._taken(take_N, new_N)
        return replace(kept, users_U=self.users_U[row_U], segment_U=segment_B)

    def of(self, users_U: Names) -> "Interactions":
        """Those of some users, in that order; a user who isn't known has none."""
        row_U = rows_of(users_U, self.users_U)
        known = np.flatnonzero(row_U >= 0)
        mine = self.only(row_U[known])
        segment_U = None
        if mine.segment_U is not None:
            segment_U = np.full(len(users_U), "", dtype=mine.segment_U.dtype)
            segment_U[known] = mine.segment_U
        user_N = known[mine.user_N].astype(np.int32)
        return replace(mine, users_U=users_U, user_N=user_N, segment_U=segment_U)

    def among(self, items_I: Names) -> "Interactions":
        """The same, its items numbered as in `items_I` (sorted); those not in it are left out."""
        place_I = np.searchsorted(items_I, self.items_I).clip(max=len(items_I) - 1)
        known_I = items_I[place_I] == self.items_I
        kept = self.where(known_I[self.item_N])
        return replace(kept, items_I=items_I, item_N=place_I[kept.item_N].astype(np.int32))

    def _taken(self, take_N: npt.NDArray[np.int64], user_N: Codes) -> "Interactions":
        basket_N = self.basket_N[take_N]
        changes_N = np.diff(basket_N, prepend=basket_N[:1]) != 0
        first_N = np.append(True, changes_N[1:])[: len(basket_N)]
        return replace(
            self,
            user_N=user_N,
            item_N=self.item_N[take_N],
            kind_N=self.kind_N[take_N],
            time_N=self.time_N[take_N],
            basket_N=np.cumsum(changes_N, dtype=np.int32),
            quantity_N=self.quantity_N[take_N],
            money_N=self.money_N[take_N],
            key_A=None if self.key_A is None else self.key_A[basket_N[first_N]],
        )


def build_interactions(
    events: ir.Table, kinds: Sequence[str], *, keyed: bool = False
) -> Interactions:
    """Gather the events of some kinds that name an item; sorts them once.

    Events at one moment are in the order of their items. `keyed` keeps what tells baskets apart, so
    that more events can join them. Raises HistoryError where there are none.
    """
    chosen = events.filter(events[c.KIND].isin(list(kinds)) & events[c.ITEM].notnull())
    day = chosen[c.TIME].cast("date").cast("string")
    marked = chosen.select(
        *(chosen[name] for name in (c.USER, c.ITEM, c.KIND)),
        chosen[c.TIME].epoch_seconds().cast("int64").name(c.TIME),
        chosen[c.QUANTITY].cast("float32").fill_null(1.0).name(c.QUANTITY),
        chosen[c.VALUE].cast("float32").name(c.MONEY),
        ibis.coalesce("order " + chosen[c.ORDER], "day " + day).name(c.BASKET),
    )
    basket = ibis.window(group_by=[marked[c.USER], marked[c.BASKET]])
    dated = marked.mutate(**{c.BEGAN: marked[c.TIME].min().over(basket)})
    if not chosen.count().execute():
        raise HistoryError(f"No event of the kinds {', '.join(kinds)} names an item.")
    rows = fetched(dated.order_by(c.USER, c.BEGAN, c.BASKET, c.TIME, c.ITEM, c.KIND))
    users_U, user_N = np.unique(rows[c.USER].astype(np.str_), return_inverse=True)
    items_I, item_N = np.unique(rows[c.ITEM].astype(np.str_), return_inverse=True)
    kinds_K, kind_N = np.unique(rows[c.KIND].astype(np.str_), return_inverse=True)
    fresh_N = (rows[c.BASKET][1:] != rows[c.BASKET][:-1]) | (np.diff(user_N) != 0)
    begins_N = np.append(True, fresh_N)
    return Interactions(
        users_U=users_U,
        items_I=items_I,
        kinds_K=tuple(kinds_K.tolist()),
        user_N=user_N.astype(np.int32),
        item_N=item_N.astype(np.int32),
        kind_N=kind_N.astype(np.int32),
        time_N=rows[c.TIME],
        basket_N=(np.cumsum(begins_N) - 1).astype(np.int32),
        quantity_N=rows[c.QUANTITY],
        money_N=rows[c.MONEY],
        key_A=rows[c.BASKET][begins_N].astype(np.str_) if keyed else None,
    )
