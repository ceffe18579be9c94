"""Browsing: what customers search for, look at and put aside around their purchases.

A visit is one session: everything happens within the half hour before its purchases, each purchase
after a view of its item. Days ahead of some purchases the item was looked up already; other visits
come to nothing.
Shapes: U users, T topics, S steps, I items of a topic, Q queries, N intents or rows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.data.rows import Codes, Doubles, Rows, join, rows_of, take
from penchant.data.shopping import DAY, DAYS, SECOND, START, Visits, pick
from penchant.data.truth import Browsing, Flags, Names

RESEARCHED = 0.4  # share of the purchases whose item was looked up on an earlier day
LONGEST_RESEARCH = 10  # days
IDLE = 0.8  # intents that come to nothing, for each purchase
SEARCHED = 0.35  # share of intents
OTHER_VIEWS = 0.8  # of other items of the topic, for each intent
SET_ASIDE = 0.06  # share of intents with a favourite
CARTED_WHEN_BOUGHT, CARTED_WHEN_NOT = 0.9, 0.1
RETURNED = 0.05  # share of purchases
RETURN_DAYS = (3, 22)
PHRASES = ("{}", "cheap {}", "new {}", "{} offers")
DWELL = (3.5, 0.8)  # mean and deviation of the log of a page's seconds
CLOSER_LOOK = 2.0  # times as long is looked at what is bought
# Seconds before the purchase, first and last, in the order things happen.
SEARCH, OTHER_VIEW, VIEW, FAVOURITE, CART = (
    (1100, 1500),
    (300, 1100),
    (120, 300),
    (70, 120),
    (10, 70),
)


@dataclass(frozen=True)
class Intents:
    """What brought a user to the shop: an item, bought or not."""

    user_N: Codes
    item_N: Codes
    time_N: Codes
    bought_N: Flags


def query_names(topics_T: Names) -> Browsing:
    """What is searched for: some phrases for each topic, in the order of topics."""
    return Browsing(
        query_Q=np.array([phrase.format(topic) for topic in topics_T for phrase in PHRASES]),
        topic_Q=np.repeat(np.arange(len(topics_T), dtype=np.int32), len(PHRASES)),
    )


def draw_intents(
    bought: Rows,
    rate_UTS: Doubles,
    item_I: Doubles,
    visits: Visits,
    rng: np.random.Generator,
) -> Intents:
    """An intent for each purchase, one some days before for some, and others without any.

    `item_I` are cumulated chances of a topic's items.
    """
    day_N = (bought.time_N - START) // DAY - rng.integers(
        1, LONGEST_RESEARCH + 1, size=len(bought.user_N)
    )
    looked_N = (rng.random(len(day_N)) < RESEARCHED) & (day_N >= 0)
    researcher_N = bought.user_N[looked_N].astype(np.int64)

    cells = np.flatnonzero((count_UTS := rng.poisson(IDLE * rate_UTS)).ravel())
    cells = np.repeat(cells, count_UTS.ravel()[cells])
    user_N, topic_N, step_N = np.unravel_index(cells, rate_UTS.shape)
    idle_day_N = step_N * DAYS + rng.integers(0, DAYS, size=len(cells))
    rank_N = pick(item_I[None, :], np.zeros(len(cells), np.int64), rng.random(len(cells)))
    return join(
        [
            Intents(
                bought.user_N.astype(np.int64),
                bought.item_N.astype(np.int64),
                bought.time_N,
                np.ones(len(bought.user_N), dtype=bool),
            ),
            Intents(
                researcher_N,
                bought.item_N[looked_N].astype(np.int64),
                visits.time(researcher_N, day_N[looked_N]),
                np.zeros(len(researcher_N), dtype=bool),
            ),
            Intents(
                user_N,
                topic_N * len(item_I) + rank_N,
                visits.time(user_N, idle_day_N),
                np.zeros(len(user_N), dtype=bool),
            ),
        ]
    )


def returns(bought: Rows, visits: Visits, rng: np.random.Generator) -> Rows:
    """What is brought back: item, units and money as bought, on a later visit."""
    sent_N = np.flatnonzero(rng.random(len(bought.user_N)) < RETURNED)
    day_N = (bought.time_N[sent_N] - START) // DAY + rng.integers(*RETURN_DAYS, size=len(sent_N))
    inside = day_N < visits.second_UD.shape[1]
    back = take(bought, sent_N[inside])
    user_N = back.user_N.astype(np.int64)
    return rows_of(
        "return",
        user_N,
        visits.time(user_N, day_N[inside]),
        item=back.item_N,
        value=back.value_N,
        quantity=back.quantity_N,
        order=back.order_N,
    )


def browse(intents: Intents, item_I: Doubles, rng: np.random.Generator) -> list[Rows]:
    """Everything that intents lead to, but for the purchases themselves."""
    count, items = len(intents.user_N), len(item_I)
    topic_N = intents.item_N // items
    searched = np.flatnonzero(rng.random(count) < SEARCHED)
    phrase = rng.integers(0, len(PHRASES), size=len(searched))
    other = np.repeat(np.arange(count), rng.poisson(OTHER_VIEWS, size=count))
    rank = pick(item_I[None, :], np.zeros(len(other), np.int64), rng.random(len(other)))
    every = np.arange(count)
    aside = np.flatnonzero(rng.random(count) < SET_ASIDE)
    chance_N = np.where(intents.bought_N, CARTED_WHEN_BOUGHT, CARTED_WHEN_NOT)
    carted = np.flatnonzero(rng.random(count) < chance_N)
    longer_N = np.where(intents.bought_N, CLOSER_LOOK, 1.0)

    def rows(kind: str, chosen: Codes, span: tuple[int, int], **columns: Codes | Doubles) -> Rows:
        time_N = intents.time_N[chosen] - rng.integers(*span, size=len(chosen)) * SECOND
        return rows_of(kind, intents.user_N[chosen], time_N, **columns)

    return [
        rows("search", searched, SEARCH, query=topic_N[searched] * len(PHRASES) + phrase),
        rows(
            "view",
            other,
            OTHER_VIEW,
            item=topic_N[other] * items + rank,
            dwell=_seconds(len(other), rng),
        ),
        rows(
            "view",
            every,
            VIEW,
            item=intents.item_N,
            dwell=(longer_N * _seconds(count, rng)).round(1),
        ),
        rows("favourite", aside, FAVOURITE, item=intents.item_N[aside]),
        rows("cart", carted, CART, item=intents.item_N[carted]),
    ]


def _seconds(count: int, rng: np.random.Generator) -> Doubles:
    return np.exp(rng.normal(*DWELL, size=count)).round(1)
