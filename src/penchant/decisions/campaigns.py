"""Offers: what a campaign covers, who was sent it when, and who responded.

An offer is a coupon of a campaign, or the whole campaign where it has none, and covers some items.
Shapes: U users, I items, C campaigns, O offers, P pairs of an offer and an item, M customers sent
a campaign, R responses, N interactions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from penchant.errors import DataError, suggest
from penchant.interest.counts import Flags, Integers
from penchant.interest.interactions import Interactions, Times
from penchant.interest.interest import Codes, Floats, Names, rows_of

WHOLE = ""  # the coupon of an offer that is all of its campaign


@dataclass(frozen=True)
class Offers:
    """Offers, those of one campaign one after the other, and the items that each covers."""

    campaign_O: Names
    coupon_O: Names  # WHOLE where the campaign has none
    offer_P: Codes
    item_P: Names

    @property
    def size_O(self) -> Integers:
        """Items that each covers."""
        return np.bincount(self.offer_P, minlength=len(self.campaign_O))

    def cover(self, items_I: Names) -> csr_array:
        """Which of some items, sorted, each offer covers: items × offers."""
        at_P = rows_of(self.item_P, items_I)
        kept = at_P >= 0
        place = (at_P[kept], self.offer_P[kept])
        shape = (len(items_I), len(self.campaign_O))
        return csr_array((np.ones(kept.sum(), dtype=np.float32), place), shape=shape)

    def of(self, campaign: str) -> "Offers":
        """The offers of one campaign."""
        row_O = np.flatnonzero(self.campaign_O == campaign)
        kept_P = np.isin(self.offer_P, row_O)
        offer_P = np.searchsorted(row_O, self.offer_P[kept_P]).astype(np.int32)
        return Offers(self.campaign_O[row_O], self.coupon_O[row_O], offer_P, self.item_P[kept_P])

    def whole(self) -> "Offers":
        """Each campaign as one offer."""
        names, campaign_O = np.unique(self.campaign_O, return_inverse=True)
        return offers_of(names[campaign_O[self.offer_P]], None, self.item_P)


def offers_of(campaign_P: Names, coupon_P: Names | None, item_P: Names) -> Offers:
    """Gather offers from rows of a campaign, a coupon and an item; rows may repeat."""
    if coupon_P is None:
        coupon_P = np.full(len(campaign_P), WHOLE)
    rows = sorted(set(zip(campaign_P.tolist(), coupon_P.tolist(), item_P.tolist(), strict=True)))
    pairs = list(dict.fromkeys((campaign, coupon) for campaign, coupon, _ in rows))
    code = {pair: number for number, pair in enumerate(pairs)}
    return Offers(
        np.array([campaign for campaign, _ in pairs], dtype=np.str_),
        np.array([coupon for _, coupon in pairs], dtype=np.str_),
        np.array([code[campaign, coupon] for campaign, coupon, _ in rows], dtype=np.int32),
        np.array([item for _, _, item in rows], dtype=np.str_),
    )


@dataclass(frozen=True)
class Campaigns:
    """Campaigns by when they start, and who was sent each or held out of it.

    Raises DataError for one that ends before it starts.
    """

    names_C: Names
    kind_C: Names
    start_C: Times  # first second, and first one after
    end_C: Times
    campaign_M: Codes
    user_M: Names
    treated_M: Flags  # False: held out
    cost_M: Floats  # of sending it; NaN where unknown

    def __post_init__(self) -> None:
        for name, start, end in zip(self.names_C, self.start_C, self.end_C, strict=True):
            if end <= start:
                raise DataError(f"The campaign '{name}' ends before it starts. Put its days right.")

    def row(self, name: str) -> int:
        """Where a campaign stands. Raises DataError for one that there isn't."""
        found = np.flatnonzero(self.names_C == name)
        if not len(found):
            raise DataError(f"No campaign is '{name}'. {suggest(name, self.names_C.tolist())}")
        return int(found[0])

    def members(self, campaign: int, *, treated: bool = True) -> Names:
        """Who was sent a campaign, or who was held out, sorted."""
        return np.unique(self.user_M[(self.campaign_M == campaign) & (self.treated_M == treated)])


@dataclass(frozen=True)
class Responses:
    """Responses to offers: who, to which campaign and coupon, when; the coupon may be unknown."""

    user_R: Names
    campaign_R: Names
    coupon_R: Names
    time_R: Times

    def before(self, moment: int) -> "Responses":
        """Those before a moment."""
        kept_R = self.time_R < moment
        return Responses(
            self.user_R[kept_R],
            self.campaign_R[kept_R],
            self.coupon_R[kept_R],
            self.time_R[kept_R],
        )

    def matrix(self, users_U: Names, offers: Offers) -> npt.NDArray[np.bool_]:
        """Whether each user responded to each offer of one campaign, `UO`."""
        found_UO = np.zeros((len(users_U), len(offers.campaign_O)), dtype=bool)
        mine_R = np.flatnonzero(np.isin(self.campaign_R, offers.campaign_O))
        row_R = rows_of(self.user_R[mine_R], users_U)
        order_O = np.argsort(offers.coupon_O)
        at_R = rows_of(self.coupon_R[mine_R], offers.coupon_O[order_O])
        kept_R = (row_R >= 0) & (at_R >= 0)
        found_UO[row_R[kept_R], order_O[at_R[kept_R]]] = True
        if (offers.coupon_O == WHOLE).all():
            found_UO[row_R[row_R >= 0]] = True
        return found_UO


def responses_of(events: Interactions, campaigns: Campaigns, offers: Offers) -> Responses:
    """Responses by events: one with an item that an offer covers, while its campaign runs.

    Only of customers who were sent it. An item that several coupons of a campaign cover tells of
    the one that covers the fewest.
    """
    cover = offers.cover(events.items_I)
    size_O, found = offers.size_O, []
    for code, name in enumerate(campaigns.names_C.tolist()):
        mine_O = np.flatnonzero(offers.campaign_O == name)
        users_U = campaigns.members(code)
        within_N = (events.time_N >= campaigns.start_C[code]) & (
            events.time_N < campaigns.end_C[code]
        )
        within_N &= rows_of(events.users_U, users_U)[events.user_N] >= 0
        row_N = np.flatnonzero(within_N)
        if not len(mine_O) or not len(row_N):
            continue
        covered_IO = cover[:, mine_O[np.argsort(size_O[mine_O], kind="stable")]].toarray() > 0
        first_I = np.where(covered_IO.any(axis=1), covered_IO.argmax(axis=1), -1)
        ranked_O = mine_O[np.argsort(size_O[mine_O], kind="stable")]
        at_N = first_I[events.item_N[row_N]]
        kept_N = at_N >= 0
        row_N, offer_N = row_N[kept_N], ranked_O[at_N[kept_N]]
        found.append(
            (
                events.users_U[events.user_N[row_N]],
                np.full(len(row_N), name),
                offers.coupon_O[offer_N],
                events.time_N[row_N],
            )
        )
    if not found:
        none = np.empty(0, dtype=np.str_)
        return Responses(none, none, none, np.empty(0, dtype=np.int64))
    user_R, campaign_R, coupon_R, time_R = (
        np.concatenate(part) for part in zip(*found, strict=True)
    )
    return Responses(user_R, campaign_R, coupon_R, time_R)
