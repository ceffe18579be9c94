"""The data sets that interest is forecast on, each with the cutoffs it is tried at.

Shapes: T topics.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import ibis
import numpy as np
import pyarrow as pa

from bench.machine import ROOT
from penchant import columns as c
from penchant.data.log import Log
from penchant.data.mapping import CatalogMapping, Mapping
from penchant.data.public import PUBLIC
from penchant.errors import DataError, HistoryError
from penchant.interest.history import History, build_history
from penchant.interest.task import Task
from penchant.interest.topics import Topics, choose_topics
from penchant.pipeline import read_history
from penchant.settings import TopicSettings

JOURNEY = "complete_journey"
INSTACART = "instacart_case_subset"
EVERYTHING = TopicSettings(level=2, floor=0)  # every aisle, however few bought there


@dataclass(frozen=True)
class Shop:
    """A data set: how to load it, and how it is backtested."""

    name: str
    load: Callable[[], History]  # DataError without the data
    cutoffs: tuple[int, ...]  # steps from the history's origin
    headline: int  # the cutoff whose tables are shown in full
    panel: bool  # whether users without an event before the cutoff are forecast too
    caveats: tuple[str, ...]
    task: Task = field(default_factory=Task)
    peers: tuple[str, ...] = ()  # who takes part in models.py beside the recipes
    thorough: bool = False  # whether slow models, too, are tried at every cutoff there
    days: Callable[[], pa.Table] | None = None  # with a purchase, where peers count those


def known_task(shop: Shop, history: History, cutoff: int) -> Task:
    """The shop's windows whose outcome the history knows."""
    ahead = history.cutoff - cutoff
    windows = tuple(window for window in shop.task.windows if window.end <= ahead)
    if not windows:
        raise HistoryError(f"Cutoff {cutoff} leaves {ahead} steps to score; choose an earlier one.")
    return replace(shop.task, windows=windows)


def complete_journey() -> History:
    """Every household, product categories as topics, and what the shop knows in advance."""
    log = PUBLIC[JOURNEY]()
    return _journey(log, _categories(log))


def journey_departments() -> History:
    """The same households, and the shop's departments as topics."""
    log = PUBLIC[JOURNEY]()
    events, catalog = ibis.memtable(log.events), ibis.memtable(log.catalog)
    return _journey(log, choose_topics(events, catalog, level=1, floor=0))


def _journey(log: Log, topics: Topics) -> History:
    return build_history(
        ibis.memtable(log.events),
        topics,
        promotions=log.promotions,
        holidays=log.holidays,
        people=log.people,
    )


def _categories(log: Log) -> Topics:
    """Product categories as topics, under the department that most of their products are in.

    A category's products can stand in several departments, so the category alone is the path.
    """
    items, paths = log.catalog[c.ITEM].to_pylist(), log.catalog[c.PATH].to_pylist()
    path_of = {item: path for item, path in zip(items, paths, strict=True) if len(path) > 1}
    catalog = pa.table({c.ITEM: list(path_of), c.PATH: [path[1:2] for path in path_of.values()]})
    topics = choose_topics(ibis.memtable(log.events), ibis.memtable(catalog), level=1, floor=0)
    departments: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in topics.items.to_pylist():
        departments[row[c.TOPIC]][path_of[row[c.ITEM]][0]] += 1
    parent_T = np.array([departments[topic].most_common(1)[0][0] for topic in range(len(topics))])
    return replace(topics, parent_T=parent_T)


def instacart() -> History:
    """Aisles as topics, on a calendar of each customer's own."""
    folder = ROOT.parent / "shared" / "data" / INSTACART
    if not folder.is_dir():
        raise DataError(
            f"'{INSTACART}' is left out: there is no ../shared/data/{INSTACART} beside the "
            "repository. Put its purchases.parquet and products.parquet there."
        )
    return read_history(
        str(folder / "purchases.parquet"),
        str(folder / "products.parquet"),
        mapping=Mapping(
            user="user_id", item="item_id", time="day@2017-01-02", kind="=purchase"
        ),  # day 0 on a Monday, so that week 1 is days 0 to 6
        catalog_mapping=CatalogMapping(
            item="product_id", path=("department", "aisle"), title="product_name"
        ),
        topics=EVERYTHING,
    )


SHOPS = {
    shop.name: shop
    for shop in (
        Shop(
            name=JOURNEY,
            load=complete_journey,
            cutoffs=(28, 32, 36, 40, 44, 48),
            headline=40,
            panel=True,
            caveats=(
                "Cutoff N is N steps from the origin; step 1 holds a single day, 2017-01-01.",
                "All 2,469 households are forecast at every cutoff, also those not seen yet, as "
                "for the anchors.",
                "Rows named anchor_… are baselines computed from the same data by other code, "
                "before this project; they have no intervals and no pairing.",
                "With less than a year known, seasonal_naive falls back to last_window.",
                "Promotions of the windows ahead are taken as known at the cutoff. They record "
                "what the stores showed, which a shop plans ahead but may change at short notice.",
                "It is one year: no model has seen a season twice, and the windows of the last "
                "cutoffs hold Thanksgiving and Christmas.",
                "The households are frequent shoppers of the shop; one-time buyers are few.",
                "At cutoff 44 only weeks 1–8, at 48 only weeks 1–4 are known, so a mean over "
                "cutoffs has fewer cutoffs in the later windows.",
            ),
        ),
        Shop(
            name=INSTACART,
            load=instacart,
            cutoffs=(28, 36),
            headline=36,
            panel=False,
            caveats=(
                "The calendar is relative: day 0 is at most six weeks before each customer's "
                "first purchase, so a step mixes seasons and holds no holidays or promotions.",
                "Histories were cut at different lengths (of 5,619 customers 2,180 have a "
                "purchase in step 29 or later, 1,496 in step 37 or later), and a customer's last "
                "order is the end of their data. Absence late in the calendar is partly "
                "censoring, which cannot be told from leaving: recall and average precision are "
                "too low, and models that expect customers to carry on overshoot volumes.",
                "Calendar cutoffs rather than each customer's own last orders decide what is past, "
                "so the last steps, which few reach, are not scored.",
                "Gaps between orders are capped at 30 days in the source, so whoever has been "
                "quiet for longer has almost surely ended. A model that reads recency, as boosted "
                "does, gains from that in every metric of chance and volume. Cross-entropy, which "
                "counts only those who bought, is the fair comparison here.",
                "The product table covers 85 % of the purchases; the rest have no topic.",
                "Only customers with a purchase before the cutoff are forecast.",
                "It is a subset of customers (the validation and test users of CASE).",
            ),
        ),
    )
}
