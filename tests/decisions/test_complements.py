"""Planted complements are found in their direction; where there are none, none are."""

import ibis
import numpy as np
import pytest

from penchant import columns as c
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.complements import (
    COMPLEMENTS_SCHEMA,
    Sightings,
    complements,
    items_seen,
    topics_seen,
)
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.interactions import build_interactions
from penchant.interest.topics import choose_topics
from penchant.servicing import item_table, steps_of

SHOP = Shop(users=400, topics=10, steps=52, seed=1)
TARGET = ("purchase",)


def grown(name):
    world = WORLDS[name](SHOP)
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    history = build_history(events, choose_topics(events, catalog, level=2, floor=0))
    return history, build_interactions(events, TARGET), world.truth


@pytest.fixture(scope="module")
def linked():
    return grown("complementary")


def planted(truth):
    links = truth.complements
    return {
        (str(truth.topics_T[one]), str(truth.topics_T[other]))
        for one, other in zip(links.from_topic_L, links.to_topic_L, strict=True)
    }


def test_planted_links_are_found_one_way_and_nothing_else(linked):
    history, _, truth = linked
    found = complements(topics_seen(history.interest, TARGET))
    table = found.to_table("topic", history.interest.topics_T)
    assert table.schema == COMPLEMENTS_SCHEMA
    rows = table.to_pylist()
    assert {(row[c.FROM], row[c.TO]) for row in rows} == planted(truth)
    assert all(row[c.ONE_WAY] for row in rows)
    for row in rows:
        assert 1 < row[c.LOW] < row[c.LIFT] < row[c.HIGH]
        assert row[c.LAG] in (1, 2, 3)  # links last 2 to 4 steps, each as likely
        assert 20 <= row[c.CUSTOMERS] <= SHOP.users


@pytest.mark.parametrize("name", ["noise", "seasonal", "churning"])
def test_neither_seasons_nor_leaving_make_a_complement(name):
    history, _, _ = grown(name)
    found = complements(topics_seen(history.interest, TARGET))
    assert len(found.from_P) > 50
    assert not found.found_P.any()
    covered = ((found.low_P < 1) & (found.high_P > 1)).mean()
    assert covered > 0.9


def test_heavy_buyers_and_months_of_many_trips_make_no_complement():
    """All things are bought together in bursts, some customers' far longer than others'."""
    random = np.random.default_rng(0)
    users, things, steps = 300, 6, 60
    busy_US = random.random((users, steps)) < random.beta(1, 3, users)[:, None]
    busy_US &= np.repeat(random.random((users, steps // 10)) < 0.4, 10, axis=1)  # in months
    bought_UTS = (random.random((users, things, steps)) < 0.4) & busy_US[:, None]
    user_N, thing_N, step_N = (part.astype(np.int32) for part in np.nonzero(bought_UTS))
    names = np.array([f"t{t}" for t in range(things)])
    found = complements(Sightings(names, user_N, thing_N, step_N, steps))
    assert len(found.from_P) == things * (things - 1)
    assert not found.found_P.any()
    assert abs(np.log(found.lift_P).mean()) < 0.05


def test_items_are_paired_where_their_customers_are_enough(linked):
    history, past, _ = linked
    seen = items_seen(past, steps_of(history, past), history.cutoff, 5)
    assert len(seen.names_T) == 5
    pairs_N = seen.user_N.astype(np.int64) * 5 + seen.thing_N
    assert (np.diff(pairs_N * seen.steps + seen.step_N) > 0).all()
    assert item_table(history, past, 4).schema == COMPLEMENTS_SCHEMA


def test_few_customers_are_not_told_and_a_short_past_is_refused(linked):
    history, _, _ = linked
    few = complements(topics_seen(history.only(np.arange(15)).interest, TARGET))
    assert len(few.from_P) == 0
    assert len(few.to_table("topic", history.interest.topics_T)) == 0
    with pytest.raises(HistoryError, match="at least 90 known"):
        complements(topics_seen(history.interest, TARGET), within=30)
