"""What is shown to whom, on a shelf whose prices, dates and buyers are known."""

import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.decisions.lifecycle import FADING, FREQUENT, LOYAL, NEW
from penchant.decisions.offers import ENTRY, FAVOURITE, NOVELTY, PREMIUM, SHOWS, Shelf
from penchant.errors import HistoryError
from penchant.interest.interactions import Interactions
from penchant.interest.topics import Topics
from penchant.recommend.assortment import DAY, assortment_of

ITEMS = np.array([f"{topic}{n}" for topic in ("soap", "wine") for n in range(6)])
PRICE = {
    f"{topic}{n}": base * (n + 1) for topic, base in (("soap", 1), ("wine", 10)) for n in range(6)
}
DAYS = 56.0
# User, item, day: an old customer, a new one, one who went quiet.
BOUGHT = [
    *(("old", item, day) for day in range(0, 300, 10) for item in ("soap2", "wine5", "soap5")),
    *(("old", "soap3", day) for day in (280, 290)),  # first sold then
    *(("quiet", "wine2", day) for day in range(0, 200, 10)),
    *(("young", item, day) for day in (270, 280, 290) for item in ("soap0", "soap1", "wine0")),
    *(("old", item, 0) for item in ITEMS if item not in ("soap3",)),
]


def shelf_of(*, prices=True, days=DAYS):
    rows = sorted(BOUGHT, key=lambda row: (row[0], row[2], row[1]))
    users_U, user_N = np.unique([user for user, _, _ in rows], return_inverse=True)
    item_N = np.searchsorted(ITEMS, [item for _, item, _ in rows])
    day_N = np.array([day for *_, day in rows])
    basket_N = np.cumsum(np.diff(user_N * 1000 + day_N, prepend=0) != 0)
    count = len(rows)
    past = Interactions(
        users_U=users_U,
        items_I=ITEMS,
        kinds_K=("purchase",),
        user_N=user_N.astype(np.int32),
        item_N=item_N.astype(np.int32),
        kind_N=np.zeros(count, dtype=np.int32),
        time_N=day_N.astype(np.int64) * DAY,
        basket_N=basket_N.astype(np.int32),
        quantity_N=np.ones(count, dtype=np.float32),
        money_N=np.full(count, np.nan, dtype=np.float32),
    )
    topic = pa.array([0] * 6 + [1] * 6, pa.int32())
    topics = Topics(
        np.array(["soap", "wine"]),
        np.array(["all", "all"]),
        pa.table({c.ITEM: ITEMS.tolist(), c.TOPIC: topic}),
        level=1,
    )
    catalog = pa.table(
        {
            c.ITEM: ITEMS.tolist(),
            c.PRICE: pa.array([PRICE[item] if prices else None for item in ITEMS], pa.float64()),
            c.BRAND: pa.nulls(12, pa.string()),
            c.TITLE: [f"The {item}" for item in ITEMS],
            c.PATH: [[item[:4]] for item in ITEMS],
        }
    )
    return Shelf(past, assortment_of(past, topics, catalog), days)


def offered(shelf, stage, user=None):
    group_U = shelf.past.users_U == user if user else np.ones(len(shelf.past.users_U), dtype=bool)
    found = shelf.offers(SHOWS[stage], group_U, np.array([5.0, 5.0]), np.array(["soap"]))
    return {show.why: [one.item for one in found if one.why == show.why] for show in SHOWS[stage]}


def test_newcomers_see_the_low_third_of_each_topic_that_newcomers_buy():
    found = offered(shelf_of(), NEW)[ENTRY.why]
    assert set(found) == {"soap0", "soap1", "wine0"}


def test_frequent_customers_see_novelties_and_the_high_third():
    found = offered(shelf_of(), FREQUENT, "old")
    assert found[NOVELTY.why] == ["soap3"]
    assert set(found[PREMIUM.why]) == {"soap5", "wine5"}


def test_who_fades_sees_what_the_group_used_to_buy():
    assert offered(shelf_of(), FADING, "quiet")["bought before"] == ["wine2"]


def test_a_segments_favourites_are_of_its_own_topics():
    shelf = shelf_of()
    everyone_U, volume_T = np.ones(3, dtype=bool), np.array([5.0, 5.0])
    found = shelf.offers((FAVOURITE,), everyone_U, volume_T, np.array(["wine"]))
    assert found
    assert all(one.item.startswith("wine") and one.title == f"The {one.item}" for one in found)


def test_without_prices_neither_entry_level_nor_premium_is_told():
    shelf = shelf_of(prices=False)
    assert offered(shelf, NEW)[ENTRY.why] == []
    assert offered(shelf, FREQUENT, "old")[PREMIUM.why] == []
    assert "entry-level and premium items can't be told" in shelf.missing[0]
    assert shelf.rules(PREMIUM) is None
    assert shelf_of().missing == ()


def test_a_short_past_has_no_novelties():
    shelf = shelf_of(days=200.0)
    assert "novelties can't be told" in shelf.missing[-1]
    assert offered(shelf, LOYAL)[NOVELTY.why] == []


def test_a_rule_is_one_that_a_recommender_keeps_to():
    shelf = shelf_of()
    for show in (ENTRY, PREMIUM, NOVELTY):
        allowed_I = shelf.rules(show).allowed_I(shelf.goods, shelf.goods.latest)
        np.testing.assert_array_equal(allowed_I, shelf.passing_I(show))


def test_a_shelf_of_other_items_is_refused():
    shelf = shelf_of()
    other = shelf.past.among(ITEMS[:6])
    with pytest.raises(HistoryError, match="same items"):
        Shelf(other, shelf.goods, DAYS)
