"""A search is about the topic its words mean, or about none, and counts as interest in it."""

from dataclasses import dataclass
from functools import cache

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.log import Log
from penchant.data.worlds import Shop, drifting
from penchant.evaluation.backtest import backtest
from penchant.interest.artifact import load_model, save_model
from penchant.interest.history import build_history
from penchant.interest.queries import (
    WORD_SCHEMA,
    followed_searches,
    learn_words,
    match_queries,
    split_words,
)
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.boosted import Boosted

SHELVES = {
    "bread": ["Rye bread", "White bread sliced", "Wholemeal bread rolls", "Baguette"],
    "cheese": ["Brie cheese", "Cheddar cheese sliced", "Goat cheese", "Crème fraîche"],
    "wine": ["Red wine Rioja", "White wine Riesling", "Rosé wine", "Sparkling wine"],
    "奶酪": ["新西兰 奶酪片", "马苏里拉奶酪"],
}
NAMES = list(SHELVES)


@cache
def words() -> pa.Table:
    texts = [(title, t, 5.0) for t, titles in enumerate(SHELVES.values()) for title in titles]
    return learn_words(len(NAMES), [*texts, *((name, t, 10.0) for t, name in enumerate(NAMES))])


def meant(*queries: str, learned: pa.Table | None = None) -> dict[str, str]:
    """The name of each matched query's topic."""
    found = match_queries(queries, words() if learned is None else learned, len(NAMES))
    names = [NAMES[code] for code in found[c.TOPIC].to_pylist()]
    return dict(zip(found[c.QUERY].to_pylist(), names, strict=True))


@pytest.mark.parametrize(
    ("query", "topic"),
    [
        ("cheese", "cheese"),
        ("BRIE!", "cheese"),
        ("creme fraiche", "cheese"),
        ("rioja red", "wine"),
        ("wines", "wine"),
        ("baguettes", "bread"),
        ("cheeze", "cheese"),
        ("riessling", "wine"),
        ("马苏里拉", "奶酪"),
        ("white wine", "wine"),
    ],
)
def test_a_query_finds_its_topic_whatever_its_spelling(query, topic):
    assert meant(query) == {query: topic}


@pytest.mark.parametrize(
    "query", ["", "  ?!", "white", "sliced", "opening hours", "冰箱", "bread cheese"]
)
def test_a_query_about_nothing_or_about_several_topics_has_none(query):
    assert meant(query) == {}


def test_words_are_folded():
    assert split_words("Crème-FRAÎCHE, glasses & gLaSs; 14.5 oz") == [
        *("creme", "fraiche", "glasse", "glass", "14", "5", "oz"),
    ]
    assert split_words("红葡萄酒 750ml") == ["红葡", "葡萄", "萄酒", "750ml"]
    assert split_words("İSTANBUL’s") == ["istanbul", "s"]


def test_a_big_topic_wins_no_words_by_its_size():
    texts = [("corn snack", 0, 1000.0), ("corn", 0, 10.0), ("corn", 1, 40.0)]
    found = match_queries(["corn"], learn_words(2, [*texts, ("beer", 0, 90_000.0)]), 2)
    assert found[c.TOPIC].to_pylist() == [1]


def test_customers_teach_words_that_no_item_holds():
    texts = [(name, t, 10.0) for t, name in enumerate(NAMES)]
    searches = [("plonk", 2, 30.0), ("plonk", 0, 4.0), ("jane doe 555", 1, 2.0)]
    assert meant("plonk", learned=learn_words(len(NAMES), texts)) == {}
    learned = learn_words(len(NAMES), texts, searches)
    assert meant("good plonk", learned=learned) == {"good plonk": "wine"}
    assert "jane" not in learned[c.WORD].to_pylist(), "What few have typed may be a secret."


def test_customers_correct_what_the_texts_say():
    texts = [(name, t, 10.0) for t, name in enumerate(NAMES)]
    searches = [("bread wine", 2, 1.0), ("bread", 1, 200.0), ("bread", 0, 5.0)]
    assert meant("bread", learned=learn_words(len(NAMES), texts, searches)) == {"bread": "cheese"}


@given(st.lists(st.text(max_size=30), max_size=8, unique=True))
def test_any_text_can_be_asked_and_each_is_matched_on_its_own(queries):
    together = match_queries(queries, words(), len(NAMES)).to_pylist()
    alone = [row for q in queries for row in match_queries([q], words(), len(NAMES)).to_pylist()]
    assert [(r[c.QUERY], r[c.TOPIC]) for r in together] == [(r[c.QUERY], r[c.TOPIC]) for r in alone]
    assert all(0.5 <= row[c.CHANCE] <= 1 for row in together)


def test_a_huge_query_is_cut():
    assert meant("red wine " * 100_000) == {"red wine " * 100_000: "wine"}


def events(rows) -> pa.Table:
    """Rows of user, minute, kind, item and query, over a month."""
    user, minute, kind, item, query = zip(*rows, strict=True)
    start = np.datetime64("2021-03-01T10", "us")
    return pa.table(
        {
            c.USER: user,
            c.ITEM: pa.array(item, pa.string()),
            c.TIME: start + (np.array(minute) * 60).astype("timedelta64[s]"),
            c.KIND: kind,
            c.VALUE: pa.array([5.0 if k in ("purchase", "return") else None for k in kind]),
            c.QUERY: pa.array(query, pa.string()),
        }
    )


CATALOG = pa.table(
    {
        c.ITEM: [f"i{n}" for n in range(14)],
        c.PATH: [["food", name] for name, titles in SHELVES.items() for _ in titles],
        c.TITLE: [title for titles in SHELVES.values() for title in titles],
    }
)
WEEK = 7 * 24 * 60
ROWS = [
    ("ann", 0, "search", None, "brie"),
    ("ann", 1, "view", "i4", None),
    ("ann", WEEK, "search", None, "Cheddars"),
    ("ann", WEEK + 1, "search", None, "opening hours"),
    ("ann", WEEK + 2, "cart", "i5", None),
    ("ann", WEEK + 3, "purchase", "i5", None),
    ("bob", 0, "search", "i0", "wine"),  # an event with an item is about the item
    ("bob", WEEK, "purchase", "i8", None),
    ("bob", WEEK + 60, "return", "i8", None),
    ("cat", WEEK, "favourite", "i9", None),
    ("cat", WEEK, "redeem", "i9", None),
    ("cat", WEEK, "impression", "i12", None),
    ("cat", WEEK, "social", "i13", None),
    ("dan", 2 * WEEK, "search", None, "red wine"),  # nothing else is known of him
]


def history(rows=ROWS):
    table = ibis.memtable(events(rows))
    return build_history(table, choose_topics(table, ibis.memtable(CATALOG), level=2, floor=0))


def test_searches_count_as_interest_in_their_topic():
    interest = history().interest
    assert interest.users_U.tolist() == ["ann", "bob", "cat", "dan"]
    topics = interest.topics_T.tolist()
    searched_UT = interest.count_UT(("search",), 0, interest.steps)
    assert searched_UT[0, topics.index("cheese")] == 2
    assert searched_UT[1, topics.index("bread")] == 1
    assert searched_UT[3, topics.index("wine")] == 1
    assert searched_UT.sum() == 4, "Opening hours are no topic."
    assert interest.count_UT(("search",), 1, 2)[0, topics.index("cheese")] == 1


def test_every_kind_flows_through_and_a_return_gives_money_back():
    interest = history().interest
    assert set(interest.kinds_K) == {row[2] for row in ROWS}
    for kind in interest.kinds_K:
        asked = sum(row[2] == kind for row in ROWS) - (kind == "search")
        assert interest.count_UT((kind,), 0, interest.steps).sum() == asked, kind
    money_UT = interest.sum_UT(interest.money_N)
    assert money_UT.sum(axis=1).tolist() == [5, 0, 0, 0]


def test_other_events_are_counted_as_they_were_without_searches():
    silent = [row for row in ROWS if row[4] is None or row[3] is not None]
    without = history(silent).interest
    interest = history().interest
    for kind in set(without.kinds_K) - {"search"}:
        np.testing.assert_array_equal(
            interest.count_UT((kind,), 0, 2)[:3], without.count_UT((kind,), 0, 2)
        )
    assert not len(history(silent).topics.words)


def test_what_followed_a_search_is_the_next_thing_soon_after():
    items = ibis.memtable(history().topics.items)
    rows = [
        *(("eve", 0, "search", None, "hob"), ("eve", 29, "view", "i0", None)),
        *(("eve", 30, "search", None, "hob"), ("eve", 61, "view", "i4", None)),  # too late
        *(("fay", 0, "search", None, "nob"), ("fay", 1, "search", None, "hob")),
        *(("fay", 2, "view", "i1", None), ("fay", 3, "view", "i8", None)),
        *(("gus", 0, "search", None, "hob"), ("hal", 1, "view", "i8", None)),
    ]
    found = followed_searches(ibis.memtable(events(rows)), items)
    assert found.to_pydict() == {c.QUERY: ["hob"], c.TOPIC: [0], "count": [2]}


@dataclass(frozen=True)
class Silent:
    """Forecasts nothing; saving needs no more."""

    def predict(self, history):
        raise NotImplementedError


def test_a_saved_vocabulary_matches_new_queries_the_same_way(tmp_path):
    topics = history().topics
    save_model(Silent(), topics, tmp_path)
    _, loaded = load_model(tmp_path, {"Silent": Silent})
    assert loaded.words.schema.equals(WORD_SCHEMA)
    queries = ["goat chese", "rosé", "nothing at all"]
    before = match_queries(queries, topics.words, len(topics))
    assert before.equals(match_queries(queries, loaded.words, len(loaded)))
    assert len(before) == 2


def test_a_catalog_is_not_needed():
    rows = [("ann", 0, "search", None, "wine"), ("ann", 1, "purchase", "wine", None)]
    table = ibis.memtable(events([*rows, ("ann", 2, "view", "bread", None)]))
    interest = build_history(table, choose_topics(table, None, floor=0)).interest
    assert interest.count_UT(("search",), 0, 1).tolist() == [[0, 1]]


def searched_before(log: Log) -> pa.Table:
    """Four in ten purchases are searched for by their topic's name, one to three weeks before."""
    rng = np.random.default_rng(0)
    topic = dict(zip(*log.catalog.select([c.ITEM, c.PATH]).to_pydict().values(), strict=True))
    bought = log.events.filter(pa.array(rng.random(len(log.events)) < 0.4))
    ahead = rng.integers(7, 22, len(bought)).astype("timedelta64[D]").astype("timedelta64[us]")
    columns = {
        c.USER: bought[c.USER],
        c.TIME: bought[c.TIME].to_numpy() - ahead,
        c.KIND: ["search"] * len(bought),
        c.QUERY: [topic[item][-1] for item in bought[c.ITEM].to_pylist()],
    }
    empty = {name: pa.nulls(len(bought)) for name in EVENT_SCHEMA.names if name not in columns}
    table = pa.table(columns | empty).select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)
    known = pc.greater_equal(table[c.TIME], pc.min(log.events[c.TIME]))
    return pa.concat_tables([log.events, table.filter(known)])


def test_searches_that_come_before_purchases_make_a_better_forecast():
    log = drifting(Shop(users=300, topics=12, steps=60, seed=3)).log
    scores = []
    for rows in (log.events, searched_before(log)):
        table = ibis.memtable(rows)
        topics = choose_topics(table, ibis.memtable(log.catalog), floor=1)
        task = Task(windows=(Window(0, 4),))
        result = backtest(
            build_history(table, topics), {"boosted": Boosted(threads=1)}, task, [48], draws=0
        )
        scores.append(result.leaderboard("log_loss")[c.VALUE][0].as_py())
    assert scores[1] < 0.95 * scores[0]
