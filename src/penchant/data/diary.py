"""The diary of a block of users: all events around their purchases, in slices of time.

A slice ends with a day, and no session runs past midnight, so the slices one after the other are
in the order of time; only one is held at once.
Shapes: U users, T topics, S steps, I items of a topic, N rows, Y days, Z slices.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from penchant.data import browsing, community, device, exposure
from penchant.data.browsing import Intents
from penchant.data.crowd import Crowd
from penchant.data.device import Screens
from penchant.data.exposure import Display, Lists
from penchant.data.ground import USERS_A_BLOCK, Ground, Streams
from penchant.data.rows import Codes, Doubles, Labels, Rows, by_time, event_table, join, take
from penchant.data.shopping import DAY, DAYS, START, Visits, cumulated, popularity
from penchant.data.truth import Truth

ROWS_A_SLICE = 400_000  # about
ROWS_OF_AN_INTENT, ROWS_OF_A_LIST = 3, 6  # about
BLOCK_BITS = 32  # of an event's id, for its number in the block; those above are the block's

Timed = TypeVar("Timed", Rows, Intents, Lists)


class Diary(NamedTuple):
    """What the events of a block are written from."""

    ground: Ground
    crowd: Crowd
    truth: Truth
    bought: Rows
    visits: Visits
    screens: Screens | None


class Pages(NamedTuple):
    """What happens, in the order of time, some of it to be told in detail."""

    done: Rows
    intents: Intents | None
    lists: Lists | None
    display: Display | None
    item_I: Doubles  # cumulated chances of the items of a topic
    screens: Screens | None


def write(diary: Diary, rate_UTS: Doubles, stream: Streams) -> Iterator[pa.Table]:
    """Tables of events, in the order of time, each made when it is asked for.

    `rate_UTS` says how much there is to do beside the purchases, and isn't kept.
    """
    ground, crowd, truth, bought, visits, screens = diary
    first, days = crowd.span.start, ground.shop.steps * DAYS
    item_I = cumulated(popularity(ground.shop.items_per_topic))
    done, intents, lists, display = [bought], None, None, None
    if crowd.communities is not None:
        liked = community.likes(bought, crowd.communities, visits, stream["like"])
        step_N = (liked.time_N - START) // DAY // DAYS
        done.append(take(liked, crowd.present_US[liked.user_N, step_N]))
    if ground.plan.browsed:
        done.append(browsing.returns(bought, visits, stream["return"]))
        intents = _sorted(browsing.draw_intents(bought, rate_UTS, item_I, visits, stream["intent"]))
    if truth.exposure is not None:
        rate_US = rate_UTS.sum(axis=1)
        lists = _sorted(exposure.draw_lists(rate_US, truth.exposure, visits, first, stream["list"]))
        display = exposure.display(truth.exposure, crowd.share_UT, ground.popularity_T)
    pages = Pages(_sorted(join(done)), intents, lists, display, item_I, screens)
    first_id = (first // USERS_A_BLOCK) << BLOCK_BITS
    return _slices(pages, _labels(ground, truth), (days, first_id), stream)


def _labels(ground: Ground, truth: Truth) -> Labels:
    users = truth.users_U.tolist()
    if truth.devices is not None:
        users += truth.devices.device_D.tolist()
    queries = [] if truth.browsing is None else truth.browsing.query_Q.tolist()
    return Labels(
        pa.array(users), pa.array(ground.items_I.tolist()), pa.array(queries, pa.string())
    )


def _slices(
    pages: Pages, labels: Labels, ends: tuple[int, int], stream: Streams
) -> Iterator[pa.Table]:
    days, first_id = ends
    edge_Z = _edges(pages, days)
    for start, end in pairwise(edge_Z.tolist()):
        parts = [_between(pages.done, start, end)]
        if pages.intents is not None:
            intents = _between(pages.intents, start, end)
            parts += browsing.browse(intents, pages.item_I, stream["browse"])
        if pages.lists is not None and pages.display is not None:
            lists = _between(pages.lists, start, end)
            parts += exposure.show(lists, pages.display, stream["show"])
        rows = join(parts)
        if pages.screens is not None:
            rows = device.hide(rows, pages.screens)
        rows = by_time(rows)
        yield event_table(rows, labels, first_id)
        first_id += len(rows.user_N)


def _edges(pages: Pages, days: int) -> Codes:
    """Times that cut the world into slices of about as many rows, each between two days."""
    rows_Y = _rows_by_day(pages.done.time_N, days)
    if pages.intents is not None:
        rows_Y += ROWS_OF_AN_INTENT * _rows_by_day(pages.intents.time_N, days)
    if pages.lists is not None:
        rows_Y += ROWS_OF_A_LIST * _rows_by_day(pages.lists.time_N, days)
    slice_Y = rows_Y.cumsum() // ROWS_A_SLICE
    day_Z = np.flatnonzero(np.diff(slice_Y)) + 1
    return START + np.concatenate([[0], day_Z, [days]]) * DAY


def _rows_by_day(time_N: Codes, days: int) -> Codes:
    return np.bincount((time_N - START) // DAY, minlength=days)


def _sorted(timed: Timed) -> Timed:
    return take(timed, timed.time_N.argsort(kind="stable"))


def _between(timed: Timed, start: int, end: int) -> Timed:
    return take(timed, slice(*np.searchsorted(timed.time_N, [start, end])))
