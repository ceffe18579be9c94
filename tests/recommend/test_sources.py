"""What each source proposes, on a shop small enough to work out by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from penchant.errors import RecipeError
from penchant.interest.interactions import Interactions
from penchant.interest.topics import Topics
from penchant.recommend.assortment import DAY, Assortment, assortment_of
from penchant.recommend.candidates import Asked, gather, strongest
from penchant.recommend.content import Content
from penchant.recommend.ease import Ease
from penchant.recommend.neighbours import ItemNeighbours, UserNeighbours
from penchant.recommend.newcomers import Newcomers
from penchant.recommend.popular import FittedPopular, Popular
from penchant.recommend.recommender import sources_named
from penchant.recommend.repeat import Repeat

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
    listed_I=np.ones(4, dtype=np.float32),
    price_I=np.ones(4, dtype=np.float32),
    first_I=np.array([370, 390, 400, 45]) * DAY,
    from_I=np.full(4, -np.inf),
    until_I=np.full(4, np.inf),
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
    owner = shop(("dan", "green tea", 400), ("dan", "black tea", 380))
    assert not Content().fit(PAST, GOODS).propose(Asked(owner), 5).toarray()[0, 1]
    strange = replace(GOODS, text_I=np.array(["uno", "due", "tre", "x"]))
    assert Content().fit(PAST, strange).propose(Asked(PAST), 5).nnz == 0
    blank = replace(GOODS, text_I=np.full(4, ""))
    assert Content().fit(PAST, blank).propose(Asked(PAST), 5).nnz == 0


def test_content_says_which_of_the_customers_items_reads_most_alike():
    past = shop(("ann", "black tea", 370), ("ann", "rye bread", 380), ("bob", "soap", 390))
    fitted = Content().fit(past, GOODS)
    row_N, item_N = np.array([0, 1]), np.array([1, 1])  # green tea to each
    assert fitted.because(Asked(past), row_N, item_N).tolist() == [0, -1]


def test_content_may_be_read_by_a_text_model(monkeypatch):
    def encode(texts, model):
        assert model == "tiny"
        return np.array([[2.0, "tea" in text] for text in texts], dtype=np.float32)

    monkeypatch.setattr(
        "penchant.recommend.content.needed", lambda *_: SimpleNamespace(encode=encode)
    )
    goods = replace(GOODS, text_I=np.array(["black tea", "green tea", "rye bread", ""]))
    fitted = Content(encoder="tiny").fit(PAST, goods)
    score_BI = fitted.propose(Asked(PAST), 5).toarray()
    assert score_BI[0, 1] == pytest.approx(1)  # nothing but teas, of which one is new
    assert fitted.vector_ID[[3]].nnz == 0
    blank = replace(GOODS, text_I=np.full(4, ""))
    assert Content(encoder="tiny").fit(PAST, blank).propose(Asked(PAST), 5).nnz == 0


@pytest.mark.parametrize(
    "source",
    [
        Repeat(),
        ItemNeighbours(least_buyers=1),
        UserNeighbours(),
        Ease(),
        Popular(),
        Content(),
        Newcomers(),
    ],
)
@pytest.mark.parametrize("forecast", [False, True])
def test_only_what_is_allowed_is_proposed(source, forecast):
    past = shop(
        *(("ann", "black tea", 370), ("ann", "green tea", 399), ("bob", "black tea", 400)),
        *(("bob", "rye bread", 360), ("cat", "green tea", 390), ("cat", "soap", 391)),
    )
    asked = Asked(past, *([np.ones((3, 3), dtype=np.float32)] * 2 if forecast else []))
    fitted = source.fit(past, GOODS)
    every = fitted.propose(asked, 1)
    allowed_I = np.ones(4, dtype=bool)
    allowed_I[every.indices[0]] = False
    some = fitted.propose(replace(asked, allowed_I=allowed_I), 1)
    assert every.indices[0] not in some.indices
    assert (some.data > 0).all()


def test_sources_are_named():
    named = sources_named(("users", "content"), "tiny")
    assert [name for name, _ in named] == ["users", "content"]
    assert named[1][1] == Content(encoder="tiny")
    with pytest.raises(RecipeError, match=r"no source 'sequnce'\. Did you mean 'sequence'"):
        sources_named(("sequnce",))


def test_newcomers_get_what_their_segment_bought_first():
    past = replace(PAST, segment_U=np.array(["old", "young", ""]))
    dan = replace(past.only(np.array([2])), users_U=np.array(["dan"]), segment_U=np.array(["old"]))
    dan = Newcomers(strength=0.1).fit(past, GOODS).propose(Asked(dan), 1).toarray()[0]
    assert np.flatnonzero(dan).tolist() == [0]


def test_newcomers_are_those_with_few_baskets():
    proposed = Newcomers(baskets=1).fit(PAST, GOODS).propose(Asked(PAST), 3)
    assert np.diff(proposed.indptr).tolist() == [0, 0, 3]
    assert proposed.data.min() > 0


def test_the_strongest_are_the_largest_allowed_and_the_first_of_equals():
    rng = np.random.default_rng(0)
    score_BI = rng.integers(-2, 5, (30, 40)) * (rng.random((30, 40)) < 0.6)
    had_BI, allowed_I = rng.random((30, 40)) < 0.2, rng.random(40) < 0.8
    found = strongest(csr_array(score_BI), 6, allowed_I, csr_array(had_BI)).toarray()
    open_BI = np.where(had_BI | ~allowed_I, 0, score_BI)
    for found_I, open_I in zip(found, open_BI, strict=True):
        best = [item for item in np.argsort(-open_I, kind="stable")[:6] if open_I[item] > 0]
        assert np.flatnonzero(found_I).tolist() == sorted(best)
        assert found_I[best].tolist() == open_I[best].tolist()


@pytest.mark.parametrize("most", [1, 3, 50])
def test_what_is_popular_are_the_strongest_of_all_items(most):
    rng = np.random.default_rng(1)
    topic_I = rng.integers(-1, 6, 40).astype(np.int32)  # and a topic of no item
    share_I = np.where(topic_I >= 0, rng.integers(0, 4, 40), 0).astype(np.float32)
    volume_BT, allowed_I = rng.random((3, 7)).astype(np.float32), rng.random(40) < 0.7
    past = replace(PAST, items_I=np.arange(40).astype(str))
    asked = Asked(past, volume_BT, allowed_I=allowed_I)
    found = FittedPopular(topic_I, share_I, share_I).propose(asked, most)
    whole = strongest(csr_array(volume_BT[:, topic_I] * share_I), most, allowed_I)
    np.testing.assert_array_equal(found.toarray(), whole.toarray())
    assert found.nnz == whole.nnz


def test_proposals_stand_side_by_side():
    one, two = (strongest(csr_array(np.array(rows)), 2) for rows in ([[3.0, 2, 1]], [[0.0, 4, 5]]))
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
    assert goods.sold_I(0).all()


def test_what_is_paid_later_was_not_known_before():
    money_N = np.array([5, 7, 3, 4, 6], dtype=np.float32)
    money_N[PAST.time_N < 50 * DAY] = np.nan
    topics = Topics(np.array(["all"]), np.array(["all"]), pa.table({"item": [], "topic": []}), 1)
    goods = assortment_of(replace(PAST, money_N=money_N), topics)
    early = goods.known(PAST.where(PAST.time_N < 50 * DAY))
    assert np.isfinite(goods.price_I).sum() == 3
    assert np.isfinite(early.price_I).sum() == 1  # soap, which alone was bought by then


def test_prices_are_of_one_of_what_is_sold_by_weight():
    topics = Topics(np.array(["all"]), np.array(["all"]), pa.table({"item": [], "topic": []}), 1)
    quantity_N = np.full(5, 0.5, dtype=np.float32)
    quantity_N[0] = -1
    money_N = np.full(5, 2, dtype=np.float32)
    goods = assortment_of(replace(PAST, quantity_N=quantity_N, money_N=money_N), topics)
    assert goods.price_I.tolist() == [4, 4, 4, 4]


def test_the_assortment_knows_when_items_are_sold():
    catalog = pa.table(
        {
            "item": ["rye bread", "black tea", "soap"],
            "title": ["Rye", "Black", "Soap"],
            "brand": pa.nulls(3, pa.string()),
            "path": [["bread"], ["tea"], ["soap"]],
            "price": [9.0, 8.0, 7.0],
            "valid_from": pa.array([None, 86_400_000_000, None], pa.timestamp("us")),
            "valid_until": pa.array([172_800_000_000, None, None], pa.timestamp("us")),
        }
    )
    topics = Topics(np.array(["all"]), np.array(["all"]), pa.table({"item": [], "topic": []}), 1)
    goods = assortment_of(PAST, topics, catalog)
    assert goods.sold_I(0).tolist() == [False, True, True, True]
    assert goods.sold_I(DAY).tolist() == [True, True, True, True]
    assert goods.sold_I(2 * DAY).tolist() == [True, True, False, True]
