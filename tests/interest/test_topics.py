"""Topics are chosen where customers are, and every item keeps its place."""

import ibis
import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.errors import TopicsError
from penchant.interest.topics import Topics, choose_topics

PATHS = {  # item: path
    "i0": ["food", "bread", "rye"],
    "i1": ["food", "bread", "white"],
    "i2": ["food", "cheese", "brie"],
    "i3": ["food", "sale", "bits"],
    "i4": ["drinks", "wine", "red"],
    "i5": ["drinks", "sale", "dregs"],
    "i6": ["drinks", "wine"],  # ends above level 3
}


def events_of(customers: dict[str, int]):
    """Every item's events, one from each of its customers."""
    rows = [(f"u{u}", item) for item, count in customers.items() for u in range(count)]
    users, items = zip(*rows, strict=True)
    return ibis.memtable(pa.table({c.USER: users, c.ITEM: items}))


def catalog():
    return ibis.memtable(pa.table({c.ITEM: list(PATHS), c.PATH: list(PATHS.values())}))


EVEN = events_of(dict.fromkeys(PATHS, 30))


def place(topics: Topics) -> dict[str, str]:
    """Name of each item's topic."""
    codes = topics.items[c.TOPIC].to_numpy()
    names = topics.names_T[codes].tolist()
    return dict(zip(topics.items[c.ITEM].to_pylist(), names, strict=True))


def test_the_first_level_is_the_departments():
    topics = choose_topics(EVEN, catalog(), level=1)
    assert topics.names_T.tolist() == ["drinks", "food"]
    assert topics.parent_T.tolist() == ["all", "all"]
    assert place(topics)["i6"] == "drinks"
    assert len(topics) == 2


def test_a_name_in_two_branches_is_told_in_full():
    topics = choose_topics(EVEN, catalog(), level=2)
    assert set(topics.names_T) == {"bread", "cheese", "wine", "food > sale", "drinks > sale"}
    parents = dict(zip(topics.names_T.tolist(), topics.parent_T.tolist(), strict=True))
    assert parents["food > sale"] == "food"
    assert parents["wine"] == "drinks"
    assert place(topics)["i5"] == "drinks > sale"


def test_items_whose_path_ends_above_the_level_have_no_topic():
    assert "i6" not in place(choose_topics(EVEN, catalog(), level=3))


def test_the_level_is_the_deepest_with_enough_customers():
    assert choose_topics(EVEN, catalog(), floor=20).level == 3
    assert choose_topics(EVEN, catalog(), floor=20, most=5).level == 2
    rare = events_of({**dict.fromkeys(PATHS, 30), "i0": 1, "i1": 29, "i2": 3, "i3": 3, "i5": 3})
    assert choose_topics(rare, catalog(), floor=25).level == 2
    assert choose_topics(EVEN, catalog(), floor=1000).level == 1


def test_topics_with_few_customers_are_folded_into_other():
    thin = events_of({**dict.fromkeys(PATHS, 30), "i2": 2, "i3": 2})
    topics = choose_topics(thin, catalog(), level=2, floor=20)
    assert place(topics)["i2"] == place(topics)["i3"] == "food > other"
    assert place(topics)["i0"] == "bread"
    parents = dict(zip(topics.names_T.tolist(), topics.parent_T.tolist(), strict=True))
    assert parents["food > other"] == "food"


def test_past_the_limit_the_least_visited_are_folded():
    popular = events_of(dict(zip(PATHS, (50, 50, 40, 30, 45, 20, 45), strict=True)))
    topics = choose_topics(popular, catalog(), level=2, floor=1, most=3)
    assert set(topics.names_T) == {"bread", "wine", "food > other", "drinks > other"}
    assert place(topics)["i2"] == "food > other"


def test_codes_are_those_of_the_sorted_names():
    topics = choose_topics(EVEN, catalog(), level=2)
    codes = topics.items[c.TOPIC].to_numpy()
    assert set(codes.tolist()) == set(range(len(topics)))
    assert topics.items[c.ITEM].to_pylist() == sorted(topics.items[c.ITEM].to_pylist())


def test_without_a_catalog_each_item_is_a_topic():
    topics = choose_topics(EVEN, None, floor=20)
    assert topics.names_T.tolist() == list(PATHS)
    assert place(topics) == {item: item for item in PATHS}
    assert set(topics.parent_T) == {"all"}


def test_without_a_catalog_events_without_an_item_are_let_pass():
    some = ibis.memtable(pa.table({c.USER: ["a", "b"], c.ITEM: ["x", None]}))
    assert choose_topics(some, None, floor=0).names_T.tolist() == ["x"]


@pytest.mark.parametrize("level", [0, 4])
def test_a_level_the_tree_does_not_have_is_refused(level):
    with pytest.raises(TopicsError, match="levels 1 to 3"):
        choose_topics(EVEN, catalog(), level=level)


def test_a_catalog_without_paths_is_refused():
    empty = pa.array([[], []], pa.list_(pa.string()))
    bare = ibis.memtable(pa.table({c.ITEM: ["i0", "i1"], c.PATH: empty}))
    with pytest.raises(TopicsError, match="no category path"):
        choose_topics(EVEN, bare)


def test_a_catalog_of_other_items_is_refused():
    strange = ibis.memtable(pa.table({c.ITEM: ["z"], c.PATH: [["food", "bread"]]}))
    with pytest.raises(TopicsError, match="same ids"):
        choose_topics(EVEN, strange, level=2)


def test_topic_names_are_unique():
    items = pa.table({c.ITEM: ["a"], c.TOPIC: np.zeros(1, np.int32)})
    with pytest.raises(TopicsError, match="unique"):
        Topics(np.array(["a", "a"]), np.array(["all", "all"]), items, 1)
