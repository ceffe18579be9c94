"""Exposure: lists of items shown, and the clicks that position, relevance and favour bring.

Shapes: U users, T topics, S steps, P positions, I items (of a topic, or of the catalog),
N lists or what stands in them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from penchant.data.demography import REGIONS, Persons
from penchant.data.rows import Codes, Doubles, Rows, rows_of
from penchant.data.shopping import DAYS, SECOND, Visits, cumulated, pick, popularity
from penchant.data.truth import Exposure, Floats, Names

POSITIONS = 6
LISTS = 0.6  # for each purchase
PERSONAL = 0.5  # share of what is shown that goes by the user's taste, not by popularity
BRANDS = 8
SLIGHTED_BRANDS, SLIGHT = 2, 0.4  # shown this much as often as others
SLIGHTED_REGION, NEGLECT = REGIONS.index("south"), 0.5
FIRST_LIST = 10**12  # what lists count from in the column `order`, well above all orders
SECONDS_BEFORE = 1700  # from a list to the purchases of the visit
LOOK, CLICK_GAP = 10, 20  # seconds from the list to its first click, between clicks
DWELL = (3.0, 0.7)  # mean and deviation of the log of a clicked page's seconds


@dataclass(frozen=True)
class Lists:
    """Lists to be shown, one an entry."""

    user_N: Codes
    time_N: Codes
    number_N: Codes  # of the visit, in the world


class Display(NamedTuple):
    """What decides on the items of a list, the same for all lists of a block."""

    exposure: Exposure
    topic_UT: Doubles  # cumulated chances of topics
    item_TI: Doubles  # cumulated chances of items in their topic


def brand_names(items: int, rng: np.random.Generator) -> tuple[Names, Floats]:
    """A brand for each item, and how much it is favoured."""
    brand_I = rng.integers(0, BRANDS, size=items)
    favour_I = np.where(brand_I < SLIGHTED_BRANDS, SLIGHT, 1.0)
    return np.array([f"brand {brand}" for brand in brand_I]), favour_I.astype(np.float32)


def plan_exposure(
    favour_I: Floats, share_UT: Doubles, persons: Persons | None, appeal_I: Floats
) -> Exposure:
    """The truth of what is looked at and what would be clicked."""
    exposure_U = np.ones(len(share_UT))
    if persons is not None:
        exposure_U[persons.region_U == SLIGHTED_REGION] = NEGLECT
    return Exposure(
        examination_P=(1 / np.arange(1, POSITIONS + 1)).astype(np.float32),
        appeal_I=appeal_I,
        favour_I=favour_I,
        exposure_U=exposure_U.astype(np.float32),
        affinity_UT=(share_UT / share_UT.max(axis=1, keepdims=True)).astype(np.float32),
    )


def draw_appeal(items: int, rng: np.random.Generator) -> Floats:
    """How likely each item is clicked by whom its topic suits best; apart from popularity."""
    return (0.1 + 0.8 * rng.beta(2.0, 2.0, size=items)).astype(np.float32)


def display(exposure: Exposure, share_UT: Doubles, popularity_T: Doubles) -> Display:
    """Ready a block's lists."""
    favour_TI = exposure.favour_I.reshape(len(popularity_T), -1)
    return Display(
        exposure,
        cumulated(PERSONAL * share_UT + (1 - PERSONAL) * popularity_T),
        cumulated(popularity(favour_TI.shape[1]) * favour_TI),
    )


def draw_lists(
    rate_US: Doubles,
    exposure: Exposure,
    visits: Visits,
    first_user: int,
    rng: np.random.Generator,
) -> Lists:
    """Lists in proportion to what the users buy, times their exposure."""
    count_US = rng.poisson(LISTS * rate_US * exposure.exposure_U[:, None])
    user_N, step_N = np.nonzero(count_US)
    count_N = count_US[user_N, step_N]
    user_N, step_N = np.repeat(user_N, count_N), np.repeat(step_N, count_N)
    day_N = step_N * DAYS + rng.integers(0, DAYS, size=len(user_N))
    # One list a visit, so that the seconds in a list are its positions.
    days = visits.second_UD.shape[1]
    visit_N = np.unique(user_N * days + day_N)
    user_N, day_N = visit_N // days, visit_N % days
    return Lists(user_N, visits.time(user_N, day_N), first_user * days + visit_N)


def show(lists: Lists, plan: Display, rng: np.random.Generator) -> list[Rows]:
    """Impressions, a second apart in the order of position, and clicks; no item twice in a list."""
    count = len(lists.user_N)
    user_NP: Codes = np.repeat(lists.user_N[:, None], POSITIONS, axis=1)
    topic_NP = pick(plan.topic_UT, user_NP, rng.random((count, POSITIONS)))
    rank_NP = pick(plan.item_TI, topic_NP, rng.random((count, POSITIONS)))
    item_NP = topic_NP * plan.item_TI.shape[1] + rank_NP
    shown_NP = _first_of_its_kind(item_NP)
    position_NP: Codes = shown_NP.cumsum(axis=1) - 1
    exposure = plan.exposure
    relevance_NP = exposure.appeal_I[item_NP] * exposure.affinity_UT[user_NP, topic_NP]
    looked_NP = rng.random((count, POSITIONS)) < exposure.examination_P[position_NP]
    clicked_NP = shown_NP & looked_NP & (rng.random((count, POSITIONS)) < relevance_NP)
    start_NP = lists.time_N[:, None] + (position_NP - SECONDS_BEFORE) * SECOND
    order_NP = np.repeat(FIRST_LIST + lists.number_N[:, None], POSITIONS, axis=1)
    click_NP = start_NP + (LOOK + CLICK_GAP * position_NP) * SECOND
    dwell = np.exp(rng.normal(*DWELL, size=int(clicked_NP.sum()))).round(1)
    return [
        rows_of(
            "impression",
            user_NP[shown_NP],
            start_NP[shown_NP],
            item=item_NP[shown_NP],
            order=order_NP[shown_NP],
        ),
        rows_of(
            "view",
            user_NP[clicked_NP],
            click_NP[clicked_NP],
            item=item_NP[clicked_NP],
            order=order_NP[clicked_NP],
            dwell=dwell,
        ),
    ]


def _first_of_its_kind(item_NP: Codes) -> npt.NDArray[np.bool_]:
    """Whether an item stands at no earlier place of its list."""
    first_NP = np.ones(item_NP.shape, dtype=bool)
    for place in range(1, item_NP.shape[1]):
        same = (item_NP[:, :place] == item_NP[:, place : place + 1]).any(axis=1)
        first_NP[:, place] = ~same
    return first_NP
