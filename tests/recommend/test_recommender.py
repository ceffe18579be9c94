"""Lists of a planted shop: everyone has staples, and turns from tea to coffee on a known week."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.interactions import build_interactions
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson
from penchant.recommend.assortment import assortment_of
from penchant.recommend.ranker import Ranker
from penchant.recommend.recommendations import NONE, RECOMMENDATION_SCHEMA
from penchant.recommend.recommender import Recommender
from penchant.recommend.rules import Rules
from penchant.recommend.sight import moment

TOPICS = ("bread", "coffee", "tea")
ITEMS = [f"{topic} {number}" for topic in TOPICS for number in range(8)]
USERS, WEEKS, KNOWN = 120, 24, 20
RECIPE = Recommender(
    interest=GammaPoisson(),
    proposals=20,
    ranker=Ranker(folds=2, rounds=30, leaves=7, missed_share=1.0, threads=1),
)


def events():
    rng = np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        own = rng.integers(3)  # the topic liked
        staples = rng.choice(8, 2, replace=False) + 8 * own
        for week in range(WEEKS):
            held = staples[rng.random(2) < 0.7].tolist()
            held += [8 * own + rng.integers(8)] if rng.random() < 0.5 else [rng.integers(24)]
            day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week + int(rng.integers(7)))
            rows += [(f"u{user:03d}", ITEMS[item], day, "purchase") for item in set(held)]
    frame = pd.DataFrame(rows, columns=[c.USER, c.ITEM, c.TIME, c.KIND])
    return frame.assign(value=2.0, quantity=1.0, order=pd.Series([None] * len(frame), dtype=object))


CATALOG = pa.table(
    {
        c.ITEM: ITEMS,
        c.PATH: [[item.split()[0]] for item in ITEMS],
        c.TITLE: [item.title() for item in ITEMS],
        c.BRAND: ["big"] * 20 + ["small"] * 4,
        c.PRICE: np.arange(1.0, 25.0),
    }
)


@pytest.fixture(scope="module")
def shop():
    table = ibis.memtable(
        pa.Table.from_pandas(events(), preserve_index=False).cast(
            pa.schema(
                [
                    (c.USER, pa.string()),
                    (c.ITEM, pa.string()),
                    (c.TIME, pa.timestamp("us")),
                    (c.KIND, pa.string()),
                    (c.VALUE, pa.float64()),
                    (c.QUANTITY, pa.float64()),
                    (c.ORDER, pa.string()),
                ]
            )
        )
    )
    topics = choose_topics(table, ibis.memtable(CATALOG), floor=0)
    history = build_history(table, topics)
    interactions = build_interactions(table, ("purchase",))
    past = interactions.where(interactions.time_N < moment(history, KNOWN))
    return history, interactions, past, assortment_of(past, topics, CATALOG)


@pytest.fixture(scope="module")
def fitted(shop):
    history, _, past, goods = shop
    return RECIPE.fit(past, goods, history.until(KNOWN))


@pytest.fixture(scope="module")
def lists(shop, fitted):
    history, _, past, _ = shop
    return fitted.recommend(past, history.until(KNOWN), 4)


def came(shop, found):
    history, interactions, past, _ = shop
    later = interactions.where(interactions.time_N >= moment(history, KNOWN))
    came_UI = np.zeros(past.shape, dtype=bool)
    came_UI[later.user_N, later.item_N] = True
    return came_UI[np.arange(len(found.item_BK))[:, None], found.item_BK]


def test_staples_come_first_and_chances_come_true(shop, lists):
    hit_BK = came(shop, lists)
    assert hit_BK[:, :2].mean() > 0.9
    assert hit_BK.mean() == pytest.approx(lists.chance_BK.mean(), abs=0.08)


def test_the_likelier_comes_first(lists):
    assert (np.diff(lists.chance_BK, axis=1) <= 0).all()


def test_each_says_why(lists):
    rows = lists.to_table().to_pylist()
    assert lists.to_table().schema == RECOMMENDATION_SCHEMA
    first = next(row for row in rows if row[c.SLOT] == 1)
    assert first[c.SOURCE] == "repeat"
    assert f"{first[c.TOPIC]} is wanted with a chance of" in first[c.REASON]
    assert "times, the last" in first[c.REASON]
    assert all(0 < row[c.CHANCE] < 1 for row in rows)


def test_the_order_of_customers_doesnt_matter(shop, fitted, lists):
    history, _, past, _ = shop
    row = np.array([7, 2, 90])
    some = fitted.recommend(past.only(row), history.until(KNOWN).only(row), 4)
    assert (some.item_BK == lists.item_BK[row]).all()
    np.testing.assert_allclose(some.interest_BK, lists.interest_BK[row], rtol=1e-5)


def test_a_new_customer_is_answered_by_the_raw_history_alone(shop, fitted):
    history, _, past, _ = shop
    row = np.array([5])
    stranger = replace(past.only(row), users_U=np.array(["stranger"]))
    theirs = history.until(KNOWN).only(row)
    theirs = replace(theirs, interest=replace(theirs.interest, users_U=np.array(["stranger"])))
    found = fitted.recommend(stranger, theirs, 4)
    known = fitted.recommend(past.only(row), history.until(KNOWN).only(row), 4)
    assert found.to_table()[c.USER].to_pylist() == ["stranger"] * 4
    assert (found.item_BK == known.item_BK)[:, :2].all()


def test_someone_without_any_past_gets_what_newcomers_buy(shop, fitted):
    history, _, past, _ = shop
    nobody = replace(
        past.only(np.array([0])).where(np.zeros(int(past.start_U[1]), dtype=bool)),
        users_U=np.array(["nobody"]),
    )
    found = fitted.recommend(nobody, history.until(KNOWN).only(np.array([0])), 3).to_table()
    assert len(found) == 3
    assert "repeat" not in found[c.SOURCE].to_pylist()


def test_rules_are_kept(shop, fitted):
    history, _, past, goods = shop
    rules = Rules(most_price=8, most_per_topic=2)
    item_BK = fitted.recommend(past, history.until(KNOWN), 5, rules).item_BK
    assert (item_BK[item_BK != NONE] < 24).all()
    assert np.nanmax(goods.price_I[item_BK[item_BK != NONE]]) <= 8
    for topic in range(3):
        assert ((goods.topic_I[item_BK] == topic) & (item_BK != NONE)).sum(axis=1).max() <= 2


def test_what_was_shown_often_rests(shop, fitted):
    history, _, past, _ = shop
    known = history.until(KNOWN)
    first = fitted.recommend(past, known, 1).item_BK[:, 0]
    shown = replace(past.where(np.diff(past.user_N, prepend=-1) != 0), item_N=first)
    again = fitted.recommend(past, known, 1, Rules(most_shown=1), shown).item_BK[:, 0]
    assert (again != first).all()


def test_too_short_a_history_is_refused(shop):
    history, _, past, goods = shop
    with pytest.raises(HistoryError, match="at least 50 things"):
        RECIPE.fit(past, goods, history.until(8))
