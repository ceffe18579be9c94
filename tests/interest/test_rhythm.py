"""Rhythms of topics and users say what moves, and what can't be told yet.

Shapes: U users, T topics, S steps.
"""

from time import perf_counter

import ibis
import numpy as np
import pytest

from models.shops import history_of
from penchant.data.step import Step
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import HistoryError
from penchant.interest.history import History, build_history
from penchant.interest.rhythm import rhythm, rhythms, topic_rhythms, user_rhythms
from penchant.interest.topics import choose_topics

BOUGHT = ("purchase",)
FIRST = 2600


def world(name: str, shop: Shop) -> tuple[History, np.ndarray]:
    made = WORLDS[name](shop)
    events, catalog = ibis.memtable(made.log.events), ibis.memtable(made.log.catalog)
    topics = choose_topics(events, catalog, level=2)
    assert topics.names_T.tolist() == made.truth.topics_T.tolist()
    return build_history(events, topics), made.truth.season_TS


def test_planted_seasons_are_told_apart() -> None:
    shop = Shop(users=300, topics=15, steps=156, purchases=1.0)
    history, season_TS = world("seasonal", shop)
    monthly = 0
    for one, factor_S in zip(topic_rhythms(history, BOUGHT)[:-1], season_TS, strict=True):
        sure = {season.cycle: season for season in one.seasons if season.sure}
        if (factor_S == 1).all():
            assert not sure
            continue
        (cycle,) = sure
        slow = np.abs(np.fft.rfft(factor_S - factor_S.mean())).argmax() < 10
        assert (cycle == "year") == slow
        monthly += cycle == "month"
        correlation = np.corrcoef(one.factor_S, factor_S)[0, 1]
        assert correlation > 0.9
        assert one.trend is not None
        assert not one.trend.changes
    assert monthly == 5


@pytest.mark.parametrize("name", ["stable", "noise"])
def test_worlds_without_seasons_have_none(name: str) -> None:
    history, _ = world(name, Shop(users=100, topics=30, steps=156, purchases=1.0))
    found = topic_rhythms(history, BOUGHT)
    assert sum(season.sure for one in found for season in one.seasons) <= 2
    assert sum(len(one.trend.changes) > 0 for one in found if one.trend) <= 2
    users = user_rhythms(history, BOUGHT, np.arange(60))
    assert sum(season.sure for one in users for season in one.seasons) <= 4
    assert sum(len(one.trend.changes) > 0 for one in users if one.trend) <= 3


def test_topics_come_in_order_and_the_shop_last() -> None:
    count_UTS = np.ones((3, 2, 20), dtype=int)
    count_UTS[:, 1, :6] = 0
    found = topic_rhythms(history_of(count_UTS), BOUGHT)
    assert [one.name for one in found] == ["topic 000", "topic 001", "all"]
    assert [one.first - FIRST for one in found] == [0, 6, 0]
    np.testing.assert_array_equal(found[1].value_S, np.full(14, 3.0))
    np.testing.assert_array_equal(found[2].value_S, [3] * 6 + [6] * 14)
    assert all(one.step is Step.WEEK for one in found)


def test_users_come_as_asked_and_begin_with_their_first_event() -> None:
    count_UTS = np.zeros((4, 2, 30), dtype=int)
    count_UTS[0, 0, 10:] = 2
    count_UTS[2, :, 5:] = 1
    found = user_rhythms(history_of(count_UTS), BOUGHT, np.array([2, 0, 1]))
    assert [one.name for one in found] == ["user 00002", "user 00000", "user 00001"]
    assert [one.first - FIRST for one in found] == [5, 10, 0]
    assert found[0].value_S.tolist() == [2.0] * 25
    assert found[1].trend is not None
    assert found[1].trend.direction == "level"
    assert found[2].trend is None
    assert "A trend needs 10 events; 0 known." in found[2].missing


def test_too_little_data_is_said_with_what_would_be_enough() -> None:
    short = rhythm("tea", [9.0] * 6, FIRST, Step.WEEK)
    assert short.trend is None
    assert short.correlogram is None
    assert short.seasons == ()
    assert short.missing == (
        "A trend needs 8 weeks; 6 known.",
        "An autocorrelation needs 16 weeks; 6 known.",
        "A monthly season needs two whole months; 6 weeks known.",
        "A yearly season needs two years; 6 weeks known.",
    )
    sparse = rhythm("tea", [1.0] + [0.0] * 103, FIRST, Step.WEEK)
    assert sparse.missing == (
        "A trend needs 10 events; 1 known.",
        "An autocorrelation needs 10 events; 1 known.",
        "A monthly season needs 20 events; 1 known.",
        "A yearly season needs 60 events; 1 known.",
    )
    enough = rhythm("tea", [3.0, 5.0, 2.0, 4.0] * 27, FIRST, Step.WEEK)
    assert enough.missing == ()
    assert [season.cycle for season in enough.seasons] == ["month", "year"]
    assert enough.season("year") is enough.seasons[1]
    assert enough.season("week") is None


def test_the_correlogram_shows_a_rhythm_of_four_steps_beside_a_huge_order() -> None:
    value_S = np.array([9.0, 1.0, 1.0, 1.0] * 25)
    value_S[41] = 5000
    found = rhythm("milk", value_S, FIRST, Step.WEEK).correlogram
    assert found is not None
    assert found.acf_L[3] > 0.5 > found.bound
    assert found.acf_L[:3].max() < 0


def test_plain_numbers_have_a_trend() -> None:
    months = [100, 150, 200, 180, 220, 250, 300, 280, 320, 360, 340, 400]
    found = rhythm("sales", months, Step.MONTH.index_of(Step.MONTH.start(24276)), Step.MONTH)
    assert found.trend is not None
    assert found.trend.direction == "rising"
    assert found.trend.low < 0.1 < found.trend.high


@pytest.mark.parametrize("value_S", [[], [1.0, -2.0], [1.0, np.inf]])
def test_what_is_no_count_is_refused(value_S: list[float]) -> None:
    with pytest.raises(HistoryError, match="one of counts"):
        rhythm("tea", value_S, FIRST, Step.WEEK)


def test_an_unknown_kind_is_refused_with_a_hint() -> None:
    history = history_of(np.ones((2, 2, 20), dtype=int))
    for call in (topic_rhythms, lambda h, k: user_rhythms(h, k, np.arange(2))):
        with pytest.raises(HistoryError, match=r"kind 'purchses'\. Did you mean 'purchase'"):
            call(history, ("purchses",))


def test_a_thousand_series_take_seconds() -> None:
    value_NS = np.random.default_rng(0).poisson(5, (1000, 156)).astype(float)
    start = perf_counter()
    found = rhythms([str(n) for n in range(1000)], value_NS, FIRST, Step.WEEK)
    assert perf_counter() - start < 10  # a tenth of that when nothing else runs
    assert len(found) == 1000
