"""Similarity to the first period: 1 where tastes stay, falling where they walk."""

from datetime import date

import ibis
import numpy as np
import pytest

from penchant.data.step import Step
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import HistoryError
from penchant.interest.drift import Drift, drift
from penchant.interest.history import build_history
from penchant.interest.topics import choose_topics

PURCHASES = ("purchase",)
SHOP = Shop(users=1000, steps=80)


def world_drift(name: str, step: Step = Step.WEEK) -> Drift:
    log = WORLDS[name](SHOP).log
    events = ibis.memtable(log.events)
    topics = choose_topics(events, ibis.memtable(log.catalog))
    return drift(build_history(events, topics, step=step), PURCHASES)


@pytest.fixture(scope="module")
def stable() -> Drift:
    return world_drift("stable")


def test_tastes_that_stay_are_as_similar_after_a_year_as_after_a_month(stable: Drift):
    similarity_P = stable.everybody.similarity_P
    assert similarity_P.mean() == pytest.approx(1, abs=0.04)
    assert similarity_P[:5].mean() == pytest.approx(similarity_P[-5:].mean(), abs=0.04)
    held_P = (stable.everybody.low_P <= 1) & (stable.everybody.high_P >= 1)
    assert held_P.mean() >= 0.8


def test_tastes_that_walk_grow_unlike_the_first_month(stable: Drift):
    walked = world_drift("drifting").everybody
    assert walked.similarity_P[-3:].mean() < walked.similarity_P[:3].mean() - 0.1
    assert (walked.high_P[-3:] < 1).all()
    assert stable.strangers < walked.similarity_P.min()


def test_where_all_are_alike_strangers_are_as_similar_as_oneself():
    assert world_drift("noise").strangers == pytest.approx(1, abs=0.15)


def test_small_baskets_are_not_taken_for_drift():
    """The same tastes, of customers who buy twice a month on average."""
    log = WORLDS["stable"](Shop(users=600, steps=40, purchases=0.5)).log
    events = ibis.memtable(log.events)
    history = build_history(events, choose_topics(events, ibis.memtable(log.catalog)))
    assert drift(history, PURCHASES).everybody.similarity_P.mean() == pytest.approx(1, abs=0.1)


def test_cells_of_few_customers_stay_empty(stable: Drift):
    for cohort in (stable.everybody, *stable.cohorts):
        assert (np.isnan(cohort.similarity_P) == (cohort.customers_P < 30)).all()
    assert all(np.isfinite(cohort.similarity_P).any() for cohort in stable.cohorts)
    assert stable.cohorts[0].month == date(2020, 1, 1)
    assert stable.everybody.size == 1000


def test_a_period_is_a_quarter_where_steps_are_months():
    by_month = world_drift("stable", Step.MONTH)
    assert (by_month.unit, by_month.period) == ("quarter", 3)
    assert by_month.everybody.similarity_P.mean() == pytest.approx(1, abs=0.05)


def test_without_an_event_of_the_kind_it_says_so():
    log = WORLDS["stable"](Shop(users=30, steps=10)).log
    events = ibis.memtable(log.events)
    history = build_history(events, choose_topics(events, ibis.memtable(log.catalog), floor=0))
    with pytest.raises(HistoryError, match="no event of search"):
        drift(history, ("search",))
