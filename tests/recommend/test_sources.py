"""What each source proposes, on a shop small enough to work out by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from penchant.interest.interactions import Interactions
from penchant.interest.topics import Topics
from penchant.recommend.assortment import DAY, Assortment, assortment_of
from penchant.recommend.candidates import Asked, gather, strongest
from penchant.recommend.content import Content
from penchant.recommend.newcomers import Newcomers
from penchant.recommend.popular import Popular

ITEMS = np.array(["black tea", "green tea", "rye bread", "soap"])


def shop(*rows):
    """Interactions of (user, item, day), each day a basket."""
    rows = sorted(rows, key=lambda row: (row[0], row[2]))
    user, item, day = (np.array(column) for column in zip(*rows, strict=True))
    users_U, user_N = np.unique(user, return_inverse=True)
    fresh_N = (np.diff(user_N, prepend=0) != 0) | (np.diff(day, prepend=day[0]) != 0)
    return Interactions(
        users_U=users_U,
        items_I=ITEMS,
        kinds_K=("purchase",),
        user_N=user_N.astype(np.int32),
        item_N=np.searchsorted(ITEMS, item).astype(np.int32),
        kind_N=np.zeros(len(rows), dtype=np.int32),
        time_N=day * DAY,
        basket_N=np.cumsum(fresh_N).astype(np.int32),
        quantity_N=np.ones(len(rows), dtype=np.float32),
        money_N=np.ones(len(rows), dtype=np.float32),
    )


PAST = shop(
    ("ann", "black tea", 370),
    ("ann", "black tea", 399),
    ("bob", "rye bread", 400),
    ("bob", "green tea", 360),
    ("cat", "soap", 45),
)
GOODS = Assortment(
    items_I=ITEMS,
    topics_T=np.array(["bread", "soap", "tea"]),
    brands_R=np.array([]),
    topic_I=np.array([2, 2, 0, -1], dtype=np.int32),
    brand_I=np.full(4, -1, dtype=np.int32),
    title_I=np.array(["black", "green", "rye", "soap"]),
    text_I=np.array(["black tea leaves", "green tea leaves", "rye bread", "white soap"]),
    price_I=np.ones(4, dtype=np.float32),
    first_I=np.array([370, 390, 400, 45]) * DAY,
    latest=400 * DAY,
)


def test_popular_items_of_the_shop_are_the_same_for_all():
    score_BI = Popular().fit(PAST, GOODS).propose(Asked(PAST), 2).toarray()
    assert (score_BI == score_BI[0]).all()
    assert np.flatnonzero(score_BI[0]).tolist() == [0, 2]


def test_popular_items_follow_the_topics_that_are_wanted():
    volume_BT = np.array([[0.1, 0, 3], [2, 0, 0], [0, 5, 0]], dtype=np.float32)
    score_BI = Popular().fit(PAST, GOODS).propose(Asked(PAST, volume_BT), 2).toarray()
    assert score_BI[0].argmax() == 0
    assert np.flatnonzero(score_BI[1]).tolist() == [2]
    assert not score_BI[2].any()  # soap has no topic
    tea = Popular().fit(PAST, GOODS).of_topic_I[:2]
    assert tea.sum() == pytest.approx(1)


def test_what_sold_in_the_same_weeks_a_year_ago_counts():
    plain = Popular(season_weight=0).fit(PAST, GOODS).of_shop_I
    seasonal = Popular(season_weight=1).fit(PAST, GOODS).of_shop_I
    assert seasonal[3] > 10 * plain[3]


def test_content_proposes_new_items_alone():
    score_BI = Content().fit(PAST, GOODS).propose(Asked(PAST), 5).toarray()
    assert score_BI[0].argmax() == 1  # green tea is new, and reads like black tea
    assert score_BI[0, 0] == 0
    blank = replace(GOODS, text_I=np.full(4, ""))
    assert Content().fit(PAST, blank).propose(Asked(PAST), 5).nnz == 0


def test_newcomers_get_what_their_segment_bought_first():
    past = replace(PAST, segment_U=np.array(["old", "young", ""]))
    dan = replace(past.only(np.array([2])), users_U=np.array(["dan"]), segment_U=np.array(["old"]))
    dan = Newcomers(strength=0.1).fit(past, GOODS).propose(Asked(dan), 1).toarray()[0]
    assert np.flatnonzero(dan).tolist() == [0]


def test_newcomers_are_those_with_few_baskets():
    score_BI = Newcomers(baskets=1).fit(PAST, GOODS).propose(Asked(PAST), 3).toarray()
    assert score_BI.any(axis=1).tolist() == [False, False, True]


def test_proposals_stand_side_by_side():
    one, two = (strongest(np.array(rows), 2) for rows in ([[3.0, 2, 1]], [[0.0, 4, 5]]))
    found = gather({"one": one, "two": two})
    assert found.item_N.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.score_NP, [[3, np.nan], [2, 4], [np.nan, 5]])
    assert found.sources_P == ("one", "two")


def test_the_assortment_knows_what_catalog_and_purchases_say():
    catalog = pa.table(
        {
            "item": ["rye bread", "black tea", "beer"],
            "title": ["Rye", "Black", "Beer"],
            "brand": ["mill", None, "brew"],
            "path": [["bread"], ["tea"], ["beer"]],
            "price": [9.0, 8.0, 7.0],
        }
    )
    items = pa.table({"item": ["black tea", "rye bread"], "topic": pa.array([1, 0], pa.int32())})
    topics = Topics(np.array(["bread", "tea"]), np.array(["all", "all"]), items, 1)
    money_N = np.where(PAST.item_N == 2, np.nan, 2).astype(np.float32)
    goods = assortment_of(replace(PAST, money_N=money_N), topics, catalog)
    assert goods.topic_I.tolist() == [1, -1, 0, -1]
    assert goods.brands_R[goods.brand_I[2]] == "mill"
    assert goods.brand_I.tolist().count(-1) == 3
    assert goods.price_I.tolist() == [2, 2, 9, 2]
    assert goods.text_I.tolist() == ["Black tea", "", "Rye mill bread", ""]
    assert goods.age_I.tolist() == [30, 40, 0, 355]
