"""The graph of topics shows what is bought beside what, beyond popularity and activity."""

from dataclasses import replace

import numpy as np
import pytest

from models.shops import history_of, lopsided
from penchant.interest.history import History
from penchant.models.bipartite import TopicGraph, learn_topics, tastes_UT, ties_TT, walk_TT

TARGET = ("purchase",)


def learn(history: History, nearest: int = 2) -> TopicGraph:
    day_S = np.arange(history.cutoff) / 52.0
    moment_SM = np.stack([np.sin(2 * np.pi * day_S), np.cos(2 * np.pi * day_S)], axis=1)
    return learn_topics(history, TARGET, nearest, 4, moment_SM)


def pairs_of(graph: TopicGraph) -> set[tuple[int, int]]:
    return set(zip(graph.source_E.tolist(), graph.target_E.tolist(), strict=True))


def beside(users: int = 300, steps: int = 60) -> np.ndarray:
    """Topics 0 and 1 are bought by the same half of the users, 2 to 5 by anyone."""
    rng = np.random.default_rng(0)
    rate_UT = np.full((users, 6), 0.05)
    rate_UT[: users // 2, :2] = 0.1
    rate_UT[users // 2 :, :2] = 0.002
    activity_U1 = rng.gamma(2.0, 1.0, size=(users, 1))
    return rng.poisson((activity_U1 * rate_UT)[:, :, None], size=(users, 6, steps))


def test_a_walk_goes_to_a_user_and_on_to_a_topic():
    count_UTS = np.zeros((3, 3, 1))
    count_UTS[0, [0, 1]] = 1
    count_UTS[1, 0] = 1
    expected = [[0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    taste_UT = tastes_UT(history_of(count_UTS), TARGET, np.inf)
    np.testing.assert_allclose(walk_TT(taste_UT), expected)


def test_tastes_fade_and_add_up():
    count_UTS = np.zeros((1, 2, 9))
    count_UTS[0, 0, [0, 8]] = 4, 1
    taste_UT = tastes_UT(history_of(count_UTS), TARGET, 4.0).toarray()
    np.testing.assert_allclose(taste_UT, [[np.log1p(2.0), 0.0]])


def test_topics_bought_together_are_tied_and_popular_ones_are_not():
    tie_TT = ties_TT(tastes_UT(history_of(beside()), TARGET, np.inf))
    others = np.abs(tie_TT[2:, 2:][~np.eye(4, dtype=bool)])
    assert tie_TT[0, 1] > 5 * others.max()
    assert (0, 1) in pairs_of(learn(history_of(beside()), nearest=1))


def test_edges_go_both_ways_and_parents_are_nodes():
    graph = learn(history_of(beside(), parents=["a", "a", "a", "b", "b", "b"]))
    pairs = pairs_of(graph)
    assert pairs == {(right, left) for left, right in pairs}
    assert {(0, 6), (2, 6), (3, 7), (7, 5)} <= pairs
    assert not {(0, 7), (3, 6), (6, 7)} & pairs
    np.testing.assert_allclose(
        graph.feature_VF[6, :-1], graph.feature_VF[:3, :-1].mean(axis=0), atol=1e-6
    )
    assert graph.feature_VF[:, -1].tolist() == [0] * 6 + [1, 1]


def test_a_single_parent_of_all_topics_is_no_node():
    assert len(learn(history_of(beside())).feature_VF) == 6


def test_a_topic_that_nobody_bought_is_joined_to_its_parent_only():
    count_UTS = beside()
    count_UTS[:, 5] = 0
    graph = learn(history_of(count_UTS, parents=["a", "a", "a", "b", "b", "b"]))
    assert {pair for pair in pairs_of(graph) if 5 in pair} == {(5, 7), (7, 5)}
    assert np.isfinite(graph.feature_VF).all()


def test_a_season_is_told_only_once_a_year_has_passed():
    rng = np.random.default_rng(0)
    summer_S = np.arange(60) % 52 < 26
    rate_TS = np.stack([0.2 * summer_S, 0.2 * ~summer_S, np.full(60, 0.1)])
    history = history_of(rng.poisson(rate_TS, size=(200, 3, 60)))
    sine_T = learn(history).feature_VF[:, 3]
    assert sine_T[0] > 0.5
    assert sine_T[1] < -0.5
    np.testing.assert_array_equal(learn(history.until(50)).feature_VF[:, 3:5], 0)


def test_the_graph_sees_nothing_after_the_cutoff():
    count_UTS = beside()
    later_UTS = count_UTS.copy()
    later_UTS[:, :, 40:] = later_UTS[:, ::-1, 40:] * 3
    known, other = (learn(history_of(c).until(40, panel=True)) for c in (count_UTS, later_UTS))
    for name in ("source_E", "target_E", "weight_E", "feature_VF"):
        np.testing.assert_array_equal(getattr(known, name), getattr(other, name))


@pytest.mark.parametrize("topics", [1, 2])
def test_a_tiny_or_empty_shop_has_a_graph(topics):
    for history in (lopsided(topics=topics), history_of(np.ones((1, topics, 1)))):
        graph = learn(history)
        assert np.isfinite(graph.feature_VF).all()
        assert graph.feature_VF.shape[0] == topics
    views = replace(history, interest=replace(history.interest, kinds_K=("view",)))
    assert np.isfinite(learn(views).feature_VF).all()
    assert not len(learn(views).weight_E)
