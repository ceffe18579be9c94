"""What is known of customers and offers at a moment, before a campaign begins.

How the customer buys what the offer covers (trips, cadence, at a discount), what a forecast expects
of its topics, how sensitive to prices the customer is, how earlier campaigns went, and what the
offer is.
Shapes: U users, O offers of one campaign, I items, T topics, N interactions, A baskets, E pairs of
an interaction and an offer that covers it, K trips: baskets of a user with something covered,
F features, W windows, C campaigns, M customers sent one, R responses.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.decisions.campaigns import Campaigns, Offers, Responses
from penchant.decisions.sensitivity import Sensitivity
from penchant.interest.counts import Doubles, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats, Names, rows_of

DAY = 24 * 60 * 60  # seconds
LATELY = 56  # days
HALF = 28.0  # days, the half-life of a trip
NEVER = 1000.0  # days since a trip that there was none of


@dataclass(frozen=True)
class Sight:
    """All that is known at a moment; of users in the order of `past`."""

    moment: int  # seconds since 1970
    past: Interactions  # purchases before it
    redeemed: Interactions | None  # coupons redeemed before it, of the same users and items
    topic_I: Codes  # -1: none
    forecast: Forecast
    ahead_W: Floats  # of each of its windows, the part that the campaign takes
    sensitivity: Sensitivity
    campaigns: Campaigns
    responses: Responses  # before it

    def of(self, users_U: Names) -> Integers:
        """Rows of some users, -1 of those of whom nothing is known."""
        return rows_of(users_U, self.past.users_U)


@dataclass(frozen=True)
class Grid:
    """Features of every user and every offer of one campaign."""

    users_U: Names
    offers: Offers
    feature_UOF: Floats  # NaN where nothing is known
    names_F: tuple[str, ...]

    def column(self, name: str) -> Floats:
        """One feature, `UO`."""
        return self.feature_UOF[:, :, self.names_F.index(name)]


@dataclass(frozen=True)
class Trips:
    """Trips of users with something that an offer covers: sums by user and offer, `UO`."""

    times_UO: Floats
    faded_UO: Floats  # each halved for every HALF days of age
    lately_UO: Floats
    first_UO: Floats  # days before the moment; NEVER where there is none
    last_UO: Floats
    cheap_UO: Floats  # part of the covered purchases that was cheap; NaN where unknown


def grid_of(sight: Sight, users_U: Names, offers: Offers, days: float) -> Grid:
    """All that is known of some users and the offers of one campaign of so many days."""
    row_U = sight.of(users_U)
    trips = trips_of(sight.past, row_U, offers, sight.moment, sight.sensitivity.cheap_N)
    gap_UO = (trips.first_UO - trips.last_UO) / np.maximum(trips.times_UO - 1, 1)
    gap_UO = np.where(trips.times_UO > 1, gap_UO, np.nan)
    expected_UO = _expected(sight, row_U, offers)
    columns: dict[str, npt.NDArray[np.floating]] = {
        "trips": trips.times_UO,
        "trips_faded": trips.faded_UO,
        "trips_lately": trips.lately_UO,
        "since": trips.last_UO,
        "gap": gap_UO,
        "due": trips.last_UO / gap_UO,
        "cheap_covered": trips.cheap_UO,
        "interest": expected_UO,
        "trips_rank": _ranked(trips.faded_UO),
        "interest_rank": _ranked(expected_UO),
        **_of_users(sight, row_U),
        **_of_past_campaigns(sight, users_U, offers),
        **_of_offers(sight, offers, days),
    }
    if sight.redeemed is not None:
        columns |= _of_redemptions(sight, row_U, offers)
    shape = trips.times_UO.shape
    parts = [np.broadcast_to(part, shape).astype(np.float32) for part in columns.values()]
    return Grid(users_U, offers, np.stack(parts, axis=2), tuple(columns))


def trips_of(
    past: Interactions, row_U: Integers, offers: Offers, moment: int, cheap_N: Floats | None = None
) -> Trips:
    """Sum up the trips of some users with what each offer covers."""
    count, shape = len(offers.campaign_O), (len(row_U), len(offers.campaign_O))
    place_U = np.full(len(past.users_U) + 1, -1)
    place_U[row_U[row_U >= 0]] = np.flatnonzero(row_U >= 0)
    user_E, offer_E, row_E = _pairs(past, place_U, offers)
    cell_E = user_E * count + offer_E
    baskets = int(past.basket_N.max(initial=0)) + 1
    _, first_E = np.unique(cell_E * baskets + past.basket_N[row_E], return_index=True)
    cell_K = cell_E[first_E]
    ago_K = (moment - past.time_N[row_E[first_E]]) / DAY
    cells = shape[0] * shape[1]

    def summed(weight: npt.NDArray[np.floating] | None, cell: Integers) -> Floats:
        flat = np.bincount(cell, weights=weight, minlength=cells)
        return flat.astype(np.float32).reshape(shape)

    first_UO, last_UO = np.full(cells, -1.0), np.full(cells, NEVER)
    np.maximum.at(first_UO, cell_K, ago_K)
    np.minimum.at(last_UO, cell_K, ago_K)
    cheap_UO = np.full(shape, np.nan, dtype=np.float32)
    if cheap_N is not None:
        known_E = np.isfinite(cheap_N[row_E])
        times_UO = summed(None, cell_E[known_E])
        total_UO = summed(cheap_N[row_E[known_E]], cell_E[known_E])
        np.divide(total_UO, times_UO, out=cheap_UO, where=times_UO > 0)
    return Trips(
        times_UO=summed(None, cell_K),
        faded_UO=summed(0.5 ** (ago_K / HALF), cell_K),
        lately_UO=summed((ago_K <= LATELY).astype(np.float64), cell_K),
        first_UO=np.where(first_UO < 0, NEVER, first_UO).astype(np.float32).reshape(shape),
        last_UO=last_UO.astype(np.float32).reshape(shape),
        cheap_UO=cheap_UO,
    )


def _pairs(
    past: Interactions, place_U: Integers, offers: Offers
) -> tuple[Integers, Integers, Integers]:
    """User's place, offer and interaction of each pair of an interaction and its offer."""
    cover = offers.cover(past.items_I)
    of_item_I = np.diff(cover.indptr)
    row_N = np.flatnonzero((place_U[past.user_N] >= 0) & (of_item_I[past.item_N] > 0))
    many_N = of_item_I[past.item_N[row_N]]
    row_E = np.repeat(row_N, many_N)
    within_E = np.arange(len(row_E)) - np.repeat(np.cumsum(many_N) - many_N, many_N)
    offer_E = cover.indices[cover.indptr[past.item_N[row_E]] + within_E].astype(np.int64)
    return place_U[past.user_N[row_E]], offer_E, row_E


def _expected(sight: Sight, row_U: Integers, offers: Offers) -> Doubles:
    """Purchases that the forecast expects of what each offer covers, while it runs.

    A topic's are shared out among its items as the shop's purchases were.
    """
    topics = len(sight.forecast.topics_T)
    weight_I = np.bincount(sight.past.item_N, minlength=len(sight.past.items_I)).astype(float)
    known_I = sight.topic_I >= 0
    total_T = np.bincount(sight.topic_I[known_I], weight_I[known_I], minlength=topics)
    share_I = np.zeros(len(weight_I))
    share_I[known_I] = weight_I[known_I] / np.maximum(total_T[sight.topic_I[known_I]], 1)
    covered = offers.cover(sight.past.items_I).tocoo()
    kept = known_I[covered.row]
    share_TO = np.zeros((topics, len(offers.campaign_O)))
    np.add.at(
        share_TO,
        (sight.topic_I[covered.row[kept]], covered.col[kept]),
        share_I[covered.row[kept]],
    )
    order_U = np.argsort(sight.forecast.users_U)
    at_U = rows_of(_names(sight, row_U), sight.forecast.users_U[order_U])
    volume_UT = np.zeros((len(row_U), topics))
    told_UT = sight.forecast.volume_UTW @ sight.ahead_W
    volume_UT[at_U >= 0] = told_UT[order_U[at_U[at_U >= 0]]]
    return volume_UT @ share_TO


def _names(sight: Sight, row_U: Integers) -> Names:
    known_U = np.append(sight.past.users_U, "")
    return known_U[row_U]


def _of_users(sight: Sight, row_U: Integers) -> dict[str, Doubles]:
    past = sight.past
    ago_N = (sight.moment - past.time_N) / DAY
    late_N = ago_N <= LATELY
    users = len(past.users_U)
    money_N = np.nan_to_num(past.money_N)
    _, first_N = np.unique(past.basket_N, return_index=True)
    told: dict[str, npt.NDArray[Any]] = {
        "purchases_lately": np.bincount(past.user_N, late_N, minlength=users),
        "spend_lately": np.bincount(past.user_N, late_N * money_N, minlength=users),
        "baskets_lately": np.bincount(past.user_N[first_N], late_N[first_N], minlength=users),
        "baskets": np.bincount(past.user_N[first_N], minlength=users).astype(float),
        "cheap": sight.sensitivity.cheap_U,
        "promoted": sight.sensitivity.promoted_U,
    }
    return {name: np.append(part, np.nan)[row_U][:, None] for name, part in told.items()}


def _of_past_campaigns(sight: Sight, users_U: Names, offers: Offers) -> dict[str, Doubles]:
    """How earlier campaigns went: for the user, for offers of the same kind, for everyone."""
    campaigns, sent = sight.campaigns, sight.campaigns.treated_M
    begun_M = sent & (campaigns.start_C[campaigns.campaign_M] < sight.moment)
    kind = campaigns.kind_C[campaigns.row(str(offers.campaign_O[0]))]
    alike_C = (campaigns.kind_C == kind) | (kind == "")
    alike_M = begun_M & alike_C[campaigns.campaign_M]
    pairs = np.unique(
        np.stack([sight.responses.user_R, sight.responses.campaign_R], axis=1), axis=0
    )
    heeded_U = _times(pairs[:, 0], users_U)
    sent_U = _times(campaigns.user_M[begun_M], users_U)
    of_kind = np.isin(pairs[:, 1], campaigns.names_C[alike_C]).sum()
    return {
        "sent": sent_U[:, None],
        "heeded": heeded_U[:, None],
        "heeded_rate": ((heeded_U + 0.1) / (sent_U + 1))[:, None],
        "kind_rate": np.array([[(of_kind + 1) / (alike_M.sum() + 20)]]),
    }


def _of_offers(sight: Sight, offers: Offers, days: float) -> dict[str, Doubles]:
    cover = offers.cover(sight.past.items_I)
    late_N = sight.past.time_N >= sight.moment - LATELY * DAY
    sold_I = np.bincount(sight.past.item_N, late_N, minlength=len(sight.past.items_I))
    sold_O = cover.T @ sold_I
    return {
        "covers": offers.size_O[None, :].astype(float),
        "sold": sold_O[None, :],
        "sold_each": (sold_O / np.maximum(offers.size_O, 1))[None, :],
        "offers": np.array([[float(len(offers.campaign_O))]]),
        "days": np.array([[days]]),
    }


def _of_redemptions(sight: Sight, row_U: Integers, offers: Offers) -> dict[str, Doubles]:
    """Coupons redeemed before for what an offer covers, by the user and by everyone."""
    redeemed = sight.redeemed
    assert redeemed is not None
    own = trips_of(redeemed, row_U, offers, sight.moment)
    all_U = np.append(np.bincount(redeemed.user_N, minlength=len(redeemed.users_U)), 0)
    times_I = np.bincount(redeemed.item_N, minlength=len(redeemed.items_I))
    all_O = offers.cover(redeemed.items_I).T @ times_I
    return {
        "redeemed": all_U[row_U][:, None].astype(np.float64),
        "redeemed_covered": own.times_UO.astype(np.float64),
        "redeemed_all": all_O[None, :].astype(np.float64),
    }


def _times(name_R: Names, users_U: Names) -> Doubles:
    order_U = np.argsort(users_U)
    at_R = rows_of(name_R, users_U[order_U])
    times_U = np.zeros(len(users_U))
    np.add.at(times_U, order_U[at_R[at_R >= 0]], 1)
    return times_U


def _ranked(value_UO: npt.NDArray[np.floating]) -> Doubles:
    """Place of each offer among a user's, from 1 for the best; ties share their mean place."""
    above_UO = (-value_UO).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1.0
    return np.where(value_UO > 0, above_UO, value_UO.shape[1])
