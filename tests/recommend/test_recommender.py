"""Lists of a planted shop: everyone has staples, and turns from tea to coffee on a known week."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError, RecipeError
from penchant.interest.history import build_history
from penchant.interest.interactions import build_interactions
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson
from penchant.recommend.assortment import assortment_of
from penchant.recommend.popular import Popular
from penchant.recommend.ranker import Ranker
from penchant.recommend.recommendations import NONE, RECOMMENDATION_SCHEMA
from penchant.recommend.recommender import Recommender
from penchant.recommend.repeat import Repeat
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
    return pd.DataFrame(rows, columns=[c.USER, c.ITEM, c.TIME, c.KIND])


def read(frame):
    """Events as a table, with the topics and the history of them."""
    frame = frame.assign(
        value=2.0, quantity=1.0, order=pd.Series([None] * len(frame), dtype=object)
    )
    schema = pa.schema(
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
    table = ibis.memtable(pa.Table.from_pandas(frame, preserve_index=False).cast(schema))
    topics = choose_topics(table, ibis.memtable(CATALOG), floor=0)
    return table, topics, build_history(table, topics)


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
    table, topics, history = read(events())
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
    assert "times, last" in first[c.REASON]
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
    shown = past.where(np.diff(past.user_N, prepend=-1) != 0)
    shown = replace(shown, item_N=first, time_N=np.full_like(shown.time_N, past.time_N.max()))
    again = fitted.recommend(past, known, 1, Rules(most_shown=1), shown).item_BK[:, 0]
    assert (again != first).all()
    rested = Rules(most_shown=1, shown_days=0.5)
    assert (fitted.recommend(past, known, 1, rested, shown).item_BK[:, 0] == first).all()


def test_too_short_a_history_is_refused(shop):
    history, _, past, goods = shop
    known = history.until(8)
    with pytest.raises(HistoryError, match="at least 50 things"):
        RECIPE.fit(past.where(past.time_N < moment(known, 8)), goods, known)


def test_interactions_after_the_history_are_refused(shop):
    history, interactions, _, goods = shop
    with pytest.raises(HistoryError, match="go on after 2024-05-20"):
        RECIPE.fit(interactions, goods, history.until(KNOWN))


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"sources": ()}, "found none"),
        ({"sources": (RECIPE.sources[0],) * 2}, "named once; found repeat, repeat"),
        ({"steps": 0}, "found 0, 20 and 2"),
    ],
)
def test_recommenders_that_nothing_can_fit_are_refused(changed, match):
    with pytest.raises(RecipeError, match=match):
        replace(RECIPE, **changed)


def test_segments_of_unknown_customers_are_refused(shop):
    history, _, past, goods = shop
    with pytest.raises(RecipeError, match="no 'age': nothing is known"):
        replace(RECIPE, segment="age").fit(past, goods, history.until(KNOWN))


def test_other_engagements_and_steps_than_those_fitted_are_refused(shop, fitted):
    history, _, past, _ = shop
    viewed = replace(past, kinds_K=("view",))
    with pytest.raises(HistoryError, match="fitted to the kinds purchase by the week; found view"):
        fitted.recommend(viewed, history.until(KNOWN))
    daily = replace(history.until(KNOWN), interest=replace(history.interest, step=Step.DAY))
    with pytest.raises(HistoryError, match="by the day"):
        fitted.recommend(past, daily)


def test_items_may_be_numbered_in_another_way(shop, fitted, lists):
    history, _, past, _ = shop
    more_I = np.insert(past.items_I, 0, "a thing nobody knows")
    other = replace(past, items_I=more_I, item_N=past.item_N + np.int32(1))
    assert (fitted.recommend(other, history.until(KNOWN), 4).item_BK == lists.item_BK).all()


def test_rules_are_asked_before_sources_choose(shop, fitted):
    """Lists are as long as asked where enough items may be shown, however unlikely they are."""
    history, _, past, _ = shop
    few = replace(fitted, recipe=replace(RECIPE, proposals=2))
    rules = Rules(in_stock=tuple(ITEMS[16:22]))
    item_BK = few.recommend(past, history.until(KNOWN), 3, rules).item_BK
    assert ((item_BK >= 0).sum(axis=1) == 3).all()


def test_floors_are_met_by_items_that_would_not_be_candidates(shop, fitted):
    history, _, past, goods = shop
    few = replace(fitted, recipe=replace(RECIPE, proposals=3))
    rules = Rules(small_share=0.25)
    found = few.recommend(past, history.until(KNOWN), 4, rules)
    small_BK = goods.brand_I[found.item_BK] == goods.brands_R.tolist().index("small")
    assert small_BK.any(axis=1).all()


def test_lists_are_as_long_as_asked_also_beyond_the_proposals(shop, fitted):
    history, _, past, _ = shop
    few = replace(fitted, recipe=replace(RECIPE, proposals=1))
    item_BK = few.recommend(past, history.until(KNOWN), 12).item_BK
    assert ((item_BK >= 0).sum(axis=1) == 12).all()


def test_a_source_of_ones_own_gives_a_reason(shop):
    history, _, past, goods = shop
    own = replace(RECIPE, sources=(("trending", Popular()),), interest=None)
    found = own.fit(past, goods, history.until(KNOWN)).recommend(past, history.until(KNOWN), 1)
    assert set(found.to_table()[c.REASON].to_pylist()) == {"proposed by trending"}


def test_nothing_is_recommended_where_no_source_knows_anything(shop):
    history, _, past, goods = shop
    known = history.until(KNOWN)
    again = replace(RECIPE, sources=(("repeat", Repeat()),)).fit(past, goods, known)
    nobody = past.of(np.array(["nobody"]))
    found = again.recommend(nobody, known.of(nobody.users_U), 3)
    assert found.to_table().num_rows == 0


def test_an_item_is_not_recommended_after_the_catalog_withdraws_it(shop):
    history, _, past, _ = shop
    day = pa.array([pd.Timestamp("2024-05-01")] * 12 + [None] * 12, pa.timestamp("us"))
    empty = pa.nulls(24, pa.timestamp("us"))
    catalog = CATALOG.append_column(c.VALID_FROM, empty).append_column(c.VALID_UNTIL, day)
    goods = assortment_of(past, history.topics, catalog)
    known = history.until(KNOWN)
    item_BK = RECIPE.fit(past, goods, known).recommend(past, known, 5).item_BK
    withdrawn = set(ITEMS[:12])
    assert not withdrawn & set(goods.items_I[item_BK[item_BK >= 0]].tolist())


def test_chances_of_customers_who_stop_come_true():
    """Half the customers stop; those who stay and those who don't are told apart."""
    rows = []
    rng = np.random.default_rng(3)
    for user in range(300):
        last = rng.integers(4, 40) if user % 2 else 40
        for week in range(last):
            if rng.random() < 0.5:
                day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week + 3)
                rows.append((f"u{user:03d}", ITEMS[user % 24], day, "purchase"))
    table, topics, history = read(pd.DataFrame(rows, columns=[c.USER, c.ITEM, c.TIME, c.KIND]))
    interactions = build_interactions(table, ("purchase",))
    known = history.until(32, panel=True)
    past = interactions.where(interactions.time_N < moment(history, 32))
    goods = assortment_of(past, topics, CATALOG)
    found = RECIPE.fit(past, goods, known).recommend(past, known, 1)
    later = interactions.where(interactions.time_N >= moment(history, 32))
    later = later.where(later.time_N < moment(history, 36)).of(past.users_U)
    came_UI = np.zeros(past.shape, dtype=bool)
    came_UI[later.user_N, later.item_N] = True
    hit_U = came_UI[np.arange(past.shape[0]), found.item_BK[:, 0]]
    chance_U = found.chance_BK[:, 0]
    quiet_U = past.time_N[past.start_U[1:] - 1] < moment(history, 26)
    assert chance_U.mean() == pytest.approx(hit_U.mean(), abs=0.06)
    assert hit_U[quiet_U].mean() < 0.05
    assert chance_U[quiet_U].mean() < 0.1


def test_one_item_is_enough_of_a_shop():
    rng = np.random.default_rng(4)
    days = [pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week) for week in range(20)]
    rows = [
        (f"u{user:03d}", ITEMS[0], day, "purchase")
        for user in range(60)
        for day in days
        if rng.random() < 0.2
    ]
    table, topics, history = read(pd.DataFrame(rows, columns=[c.USER, c.ITEM, c.TIME, c.KIND]))
    past = build_interactions(table, ("purchase",))
    goods = assortment_of(past, topics, CATALOG)
    found = RECIPE.fit(past, goods, history).recommend(past, history, 3, Rules(diversity="mmr"))
    assert (found.item_BK == [0, NONE, NONE]).all()
