"""A list keeps to its rules, and diversity does what its name says."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import RecipeError
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.rerank import NONE, Shelf, Taste, rerank
from penchant.recommend.rules import Rules

# Six items, likeliest first: three teas, two breads and a soap; the soap is new, of a small brand.
GOODS = Assortment(
    items_I=np.array(["a", "b", "c", "d", "e", "f"]),
    topics_T=np.array(["tea", "bread", "soap"]),
    brands_R=np.array(["big", "small"]),
    topic_I=np.array([0, 0, 0, 1, 1, 2], dtype=np.int32),
    brand_I=np.array([0, 0, 0, 0, -1, 1], dtype=np.int32),
    title_I=np.array([""] * 6),
    text_I=np.array([""] * 6),
    listed_I=np.array([1, 2, 3, 4, np.nan, 6], dtype=np.float32),
    price_I=np.array([1, 2, 3, 4, np.nan, 6], dtype=np.float32),
    first_I=np.array([0, 0, 0, 0, 0, 90 * DAY]),
    from_I=np.full(6, -np.inf),
    until_I=np.full(6, np.inf),
    latest=100 * DAY,
)
SHELF = Shelf(
    np.array([[0, 1, 2, 3, 4, 5], [5, 3, NONE, NONE, NONE, NONE]], dtype=np.int32),
    np.array([[0.9, 0.8, 0.7, 0.5, 0.4, 0.1], [0.3, 0.2, 0, 0, 0, 0]], dtype=np.float32),
)
TASTE = Taste(
    np.eye(3, dtype=np.float32)[GOODS.topic_I],
    np.array([[0.5, 0.3, 0.2], [0, 0, 1]], dtype=np.float32),
)


ALL = np.ones(6, dtype=bool)


def lists(k=3, shelf=SHELF, **rules):
    kept = Rules(**rules)
    chosen_BK = rerank(shelf, GOODS, kept, k, TASTE, kept.allowed_I(GOODS, GOODS.latest))
    names = np.append(GOODS.items_I, "-")
    return ["".join(names[chosen_K]) for chosen_K in chosen_BK]


def test_without_rules_the_likeliest_come_first():
    assert lists() == ["abc", "fd-"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"exclude": ("a",)}, ["bcd", "fd-"]),
        ({"in_stock": ("c", "d")}, ["cd-", "d--"]),
        ({"topics": ("bread",)}, ["de-", "d--"]),
        ({"brands": ("small",)}, ["f--", "f--"]),
        ({"least_price": 2, "most_price": 4}, ["bcd", "d--"]),
        ({"most_per_topic": 1}, ["adf", "fd-"]),
        ({"most_per_brand": 2}, ["abe", "fd-"]),
        ({"new_share": 0.34}, ["abf", "fd-"]),
        ({"small_share": 0.5, "small_items": 1}, ["afb", "fd-"]),
    ],
)
def test_rules_are_kept(rules, expected):
    assert lists(**rules) == expected


def test_what_was_shown_often_rests():
    shown_BC = np.zeros_like(SHELF.item_BC)
    shown_BC[0, 0] = 3
    shelf = replace(SHELF, shown_BC=shown_BC)
    assert lists(shelf=shelf, most_shown=3) == ["bcd", "fd-"]
    assert lists(shelf=shelf, most_shown=4) == ["abc", "fd-"]


@pytest.mark.parametrize("diversity", ["mmr", "dpp", "calibrated"])
def test_diversity_covers_more_topics(diversity):
    found, other = lists(diversity=diversity, trade=0.7)
    assert sorted(found) == ["a", "d", "f"]
    assert other == "fd-"


@pytest.mark.parametrize("diversity", ["mmr", "dpp", "calibrated"])
def test_without_trade_nothing_changes(diversity):
    assert lists(diversity=diversity, trade=0) == lists()


def test_calibration_follows_the_interest():
    found, _ = lists(k=6, diversity="calibrated", trade=0.9)
    assert {found[0], found[1]} == {"a", "d"}
    soapy = replace(TASTE, share_BT=TASTE.share_BT[[1, 1]])
    rules = Rules(diversity="calibrated", trade=0.9)
    assert GOODS.items_I[rerank(SHELF, GOODS, rules, 1, soapy, ALL)[0, 0]] == "f"


def test_the_determinant_is_that_of_the_kernel():
    """Greedy gains add up to the logarithm of the determinant of what was chosen."""
    rng = np.random.default_rng(0)
    vector_ID = rng.normal(size=(6, 4)).astype(np.float32)
    vector_ID /= np.linalg.norm(vector_ID, axis=1, keepdims=True)
    trade, chance = 0.5, SHELF.likely_BC[0] / SHELF.likely_BC[0].max()
    quality = np.exp((1 - trade) / trade * chance / 2)
    kernel = quality[:, None] * (vector_ID @ vector_ID.T) * quality
    chosen: list[int] = []
    for _ in range(3):
        grown = {
            i: np.linalg.det(kernel[np.ix_([*chosen, i], [*chosen, i])])
            for i in range(6)
            if i not in chosen
        }
        chosen.append(max(grown, key=grown.__getitem__))
    rules = Rules(diversity="dpp", trade=trade)
    found_BK = rerank(SHELF, GOODS, rules, 3, replace(TASTE, vector_ID=vector_ID), ALL)
    assert found_BK[0].tolist() == chosen


@pytest.mark.parametrize(
    ("rules", "match"),
    [
        ({"diversity": "mrr"}, "Did you mean 'mmr'"),
        ({"new_share": 0.6, "small_share": 0.6}, "together"),
        ({"least_price": 5, "most_price": 4}, "No price"),
        ({"least_price": float("nan")}, "No price"),
        ({"trade": float("nan")}, "between 0 and 1"),
        ({"most_per_topic": -1}, "at least 0; found most_per_topic -1"),
        ({"most_shown": -2, "new_days": -1}, "new_days -1, most_shown -2"),
    ],
)
def test_rules_that_nothing_can_keep_are_refused(rules, match):
    with pytest.raises(RecipeError, match=match):
        Rules(**rules)


@pytest.mark.parametrize(
    "rules", [{"in_stock": ("x",)}, {"least_price": 100}, {"exclude": tuple("abcdef")}]
)
def test_rules_that_no_item_passes_are_refused(rules):
    with pytest.raises(RecipeError, match="None of the 6 items"):
        lists(**rules)


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_two_floors_are_both_met(k):
    """A bread of a small brand and a new soap of a big one, both less likely than teas."""
    brand_I = np.array([0, 0, 0, 1, -1, 0], dtype=np.int32)
    goods = replace(GOODS, brand_I=brand_I)
    rules = Rules(new_share=0.5, small_share=0.5, small_items=1)
    chosen_K = rerank(SHELF, goods, rules, k, TASTE, ALL)[0]
    assert {3, 5} <= set(chosen_K.tolist())


def test_unknown_names_are_refused():
    with pytest.raises(RecipeError, match="Did you mean 'bread'"):
        lists(topics=("breads",))
