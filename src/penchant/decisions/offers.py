"""Offers: what to show to a group of customers, by a rule for each stage.

A rule says whose purchases count, from when, and which items pass; those that do are ranked by
what the group is expected to engage in: its volume in the item's topic, times the item's part of
the topic in the purchases that count. Low and high prices are thirds of a topic's items, so that
an entry-level wine costs more than an entry-level soap. Blind to margins and to what is in stock.
Shapes: U users, I items, T topics, N interactions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from penchant.decisions.lifecycle import (
    FADING,
    FREQUENT,
    GROWING,
    LOST,
    LOYAL,
    NEW,
    OCCASIONAL,
)
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Names
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.rules import Rules

PRICED = 6  # items of a topic with a price, from which it has a low and a high third
THIN = 5.0  # purchases of no item, added to each topic's, so that rare topics don't come first
SHOWN = 5  # items by one rule
PER_TOPIC = 2  # of them


@dataclass(frozen=True, kw_only=True)
class Show:
    """A rule: which items pass, and whose purchases rank them."""

    why: str
    whose: str = "group"  # purchases that count; or everyone, newcomers
    before: bool = False  # what was bought before the last steps, rather than in them
    price: str = ""  # low or high third of the topic
    novel: bool = False  # first sold in the last steps
    own: bool = False  # only topics that the group wants more than others do, if any


ENTRY = Show(why="entry-level", whose="newcomers", price="low")
NOVELTY = Show(why="novelty", whose="everyone", novel=True)
PREMIUM = Show(why="premium", price="high")
SHOWS: dict[str, tuple[Show, ...]] = {
    NEW: (ENTRY,),
    GROWING: (Show(why="popular in its topics", whose="everyone", own=True),),
    LOYAL: (Show(why="bought again"), NOVELTY),
    FREQUENT: (NOVELTY, PREMIUM),
    FADING: (Show(why="bought before", before=True),),
    LOST: (Show(why="bought before", before=True),),
    OCCASIONAL: (Show(why="popular", whose="everyone"),),
}
FAVOURITE = Show(why="favourite of the group", own=True)  # of an interest segment


@dataclass(frozen=True)
class Offer:
    """An item to show, and by which rule."""

    item: str
    title: str  # empty where unknown
    why: str


@dataclass(frozen=True)
class Shelf:
    """What is sold, and who bought it when; users as in the history."""

    past: Interactions
    goods: Assortment
    days: float  # in as many steps as are forecast

    def __post_init__(self) -> None:
        if not np.array_equal(self.past.items_I, self.goods.items_I):
            raise HistoryError("A shelf needs interactions and an assortment of the same items.")

    @property
    def missing(self) -> tuple[str, ...]:
        """What can't be told, and why."""
        notes = []
        if not (self.low_I.any() or self.high_I.any()):
            notes.append(
                f"No topic has prices of {PRICED} items that differ, in the catalog or the events, "
                "so entry-level and premium items can't be told."
            )
        if not self._long:
            notes.append(
                "Purchases reach back less than twice as far as the forecast ahead, so novelties "
                "can't be told."
            )
        return tuple(notes)

    @cached_property
    def _long(self) -> bool:
        first = int(self.past.time_N.min(initial=self.goods.latest))
        return self.goods.latest - first >= 2 * self.days * DAY

    @cached_property
    def low_I(self) -> Flags:
        """Items in the lowest third of their topic's prices."""
        return self._thirds[0]

    @cached_property
    def high_I(self) -> Flags:
        """Items in the highest third of their topic's prices."""
        return self._thirds[1]

    @cached_property
    def _thirds(self) -> tuple[Flags, Flags]:
        goods = self.goods
        low_I, high_I = np.zeros((2, len(goods.items_I)), dtype=np.bool_)
        priced_I = np.isfinite(goods.price_I) & (goods.price_I > 0) & (goods.topic_I >= 0)
        order = np.flatnonzero(priced_I)
        order = order[np.argsort(goods.topic_I[order], kind="stable")]
        edges = np.flatnonzero(np.diff(goods.topic_I[order])) + 1
        for items in np.split(order, edges):
            price = goods.price_I[items]
            if len(items) < PRICED or price.min() == price.max():
                continue
            low, high = np.quantile(price, (1 / 3, 2 / 3))
            low_I[items[price <= low]] = low < high
            high_I[items[price >= high]] = low < high
        return low_I, high_I

    def passing_I(self, show: Show) -> Flags:
        """Items that a rule lets pass, of those sold now."""
        passing_I = self.goods.sold_I(self.goods.latest) & (self.goods.topic_I >= 0)
        if show.price:
            passing_I &= self.low_I if show.price == "low" else self.high_I
        if show.novel:
            passing_I &= (self.goods.age_I <= self.days) & self._long
        return passing_I

    def rules(self, show: Show) -> Rules | None:
        """The rule as a recommender's, to make lists for single customers; None: nothing passes."""
        passing_I = self.passing_I(show)
        if not passing_I.any():
            return None
        names = tuple(self.goods.items_I[passing_I].tolist())
        return Rules(in_stock=names, most_per_topic=PER_TOPIC)

    def offers(
        self, shows: tuple[Show, ...], group_U: Flags, volume_T: Doubles, own_T: Names
    ) -> tuple[Offer, ...]:
        """Items to show to a group, by each rule the best first; none twice.

        `volume_T` is what the group is expected to engage in, `own_T` the topics it wants more than
        others do.
        """
        found: list[Offer] = []
        taken: set[int] = set()
        for show in shows:
            score_I = self._score_I(show, group_U, volume_T)
            if show.own and len(own_T):
                mine_T = np.append(np.isin(self.goods.topics_T, own_T), False)
                score_I *= mine_T[self.goods.topic_I]
            topics: dict[int, int] = {}
            picked = 0
            for item in np.argsort(-score_I, kind="stable").tolist():
                topic = int(self.goods.topic_I[item])
                if score_I[item] <= 0 or picked == SHOWN:
                    break
                if item in taken or topics.get(topic, 0) == PER_TOPIC:
                    continue
                topics[topic] = topics.get(topic, 0) + 1
                taken.add(item)
                picked += 1
                name, title = self.goods.items_I[item], self.goods.title_I[item]
                found.append(Offer(str(name), str(title), show.why))
        return tuple(found)

    def _score_I(self, show: Show, group_U: Flags, volume_T: Doubles) -> Doubles:
        past, goods = self.past, self.goods
        ago_N = (goods.latest - past.time_N) / DAY
        counts_N = (ago_N > self.days) if show.before else (ago_N <= 2 * self.days)
        if show.whose == "group":
            counts_N &= group_U[past.user_N]
        elif show.whose == "newcomers":
            first_U = np.full(len(past.users_U), np.inf)
            np.minimum.at(first_U, past.user_N, past.time_N)
            counts_N &= past.time_N - first_U[past.user_N] <= self.days * DAY
        passing_I = self.passing_I(show)
        count_I = np.bincount(past.item_N[counts_N], minlength=len(goods.items_I)) * passing_I
        topic_I = np.maximum(goods.topic_I, 0)
        count_T = np.bincount(topic_I, weights=count_I, minlength=len(goods.topics_T))
        return count_I / (count_T + THIN)[topic_I] * volume_T[topic_I]
