"""Planted communities and their rising topics are found; where there are none, none are told."""

from datetime import datetime, time

import ibis
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from penchant import columns as c
from penchant.communities import liked_ties
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.affinity import nearest, tastes
from penchant.decisions.community import COMMUNITIES_SCHEMA, COMMUNITY_SCHEMA, gather
from penchant.decisions.ties import ties_among
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.interactions import build_interactions
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson

TASK = Task(windows=(Window(0, 4), Window(4, 8)))


def known_until(name, week, users=320, steps=48):
    """A world's history, forecast, truth and interactions up to a week."""
    world = WORLDS[name](Shop(users=users, topics=20, steps=steps, seed=4))
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    history = build_history(events, choose_topics(events, catalog, level=2, floor=0)).until(week)
    past = build_interactions(events, ("purchase", "social"))
    past = past.until(datetime.combine(history.cutoff_date, time()))
    return history, GammaPoisson().fit(history, TASK).predict(history), world.truth, past


def follows(truth, history):
    """Planted ties between customers of a history."""
    planted = truth.communities
    ends = (truth.users_U[planted.follower_F], truth.users_U[planted.followed_F])
    return ties_among(*(part.tolist() for part in ends), history.interest.users_U)[0]


@pytest.fixture(scope="module")
def communal():
    return known_until("communal", 40)


def test_groups_are_the_planted_communities_and_ties_help(communal):
    history, forecast, truth, _ = communal
    row_U = np.searchsorted(truth.users_U, history.interest.users_U)
    planted_U = truth.communities.community_U[row_U]
    alone = gather(history, forecast, TASK.target)
    tied = gather(history, forecast, TASK.target, follows(truth, history))
    scores = [adjusted_rand_score(planted_U, made.group_U) for made in (alone, tied)]
    assert scores[0] > 0.8
    assert scores[1] > max(0.9, scores[0])
    assert "forecast interests alone" in alone.notes[0]
    assert not any("alone" in note for note in tied.notes)


def test_likes_give_ties_away(communal):
    history, _, truth, past = communal
    guessed, planted = liked_ties(history, past), follows(truth, history)
    users = len(history.interest.users_U)
    known = set((planted.one_F * users + planted.other_F).tolist())
    found = set((guessed.one_F * users + guessed.other_F).tolist())
    assert len(found) > 0.2 * len(known)
    assert len(found & known) > 0.9 * len(found)
    assert not guessed.known
    purchases = past.where(past.kind_N == past.kinds_K.index("purchase"))
    assert liked_ties(history, purchases) is None


def test_what_rises_in_a_group_is_what_spreads_in_it(communal):
    history, forecast, truth, _ = communal
    made = gather(history, forecast, TASK.target, follows(truth, history))
    row_U = np.searchsorted(truth.users_U, history.interest.users_U)
    planted_U = truth.communities.community_U[row_U]
    calls = []
    for group, topics in enumerate(made.rising_G):
        main = np.bincount(planted_U[made.group_U == group]).argmax()
        spreading = str(truth.topics_T[truth.communities.topic_R[main]])
        calls += [str(forecast.topics_T[topic]) == spreading for topic in topics]
    assert len(calls) >= 2
    assert np.mean(calls) > 0.6


def test_tables_agree_with_the_forecast(communal):
    history, forecast, truth, _ = communal
    made = gather(history, forecast, TASK.target, follows(truth, history))
    groups, people = made.groups_table(), made.to_table()
    assert groups.schema == COMMUNITIES_SCHEMA
    assert people.schema == COMMUNITY_SCHEMA
    rows = people.to_pylist()
    assert sorted(row[c.USER] for row in rows) == history.interest.users_U.tolist()
    topic = {name: t for t, name in enumerate(forecast.topics_T.tolist())}
    user = {name: u for u, name in enumerate(forecast.users_U.tolist())}
    for group in groups.to_pylist():
        mine = [row for row in rows if row[c.GROUP] == group[c.GROUP]]
        assert group[c.MEMBERS] == len(mine) >= 20
        asked = topic[group[c.SUGGESTED]]
        guests = sum(forecast.chance_UTW[user[row[c.USER]], asked, 0] for row in mine)
        assert group[c.VOLUME] == pytest.approx(guests, rel=1e-4)
        assert group[c.SUGGESTED] in group[c.ABOUT] + group[c.RISING]
        for row in mine:
            at = (user[row[c.USER]], topic[row[c.SUGGESTED]], 0)
            assert row[c.CHANCE] == forecast.chance_UTW[at]


def test_mates_are_known_ties_and_never_strangers_or_guesses(communal):
    history, forecast, truth, past = communal
    planted = follows(truth, history)
    users_U = history.interest.users_U
    ends = zip(users_U[planted.one_F], users_U[planted.other_F], strict=True)
    tied = {frozenset(pair) for pair in ends}
    rows = gather(history, forecast, TASK.target, planted).to_table().to_pylist()
    named = [(row[c.USER], mate) for row in rows for mate in row[c.MATES]]
    assert len(named) > 100
    assert all(frozenset(pair) in tied for pair in named)
    for ties in (None, liked_ties(history, past)):
        table = gather(history, forecast, TASK.target, ties).to_table()
        assert not any(table[c.MATES].to_pylist())


def test_where_all_are_alike_or_few_no_group_is_told(communal):
    history, forecast, _, _ = known_until("noise", 30, users=200, steps=38)
    made = gather(history, forecast, TASK.target)
    assert made.name_G == ()
    assert len(made.groups_table()) == 0
    assert {row[c.GROUP] for row in made.to_table().to_pylist()} == {None}
    assert any("No group of at least 20" in note for note in made.notes)
    few = communal[0].only(np.arange(15))
    made = gather(few, communal[1].only(np.arange(15)), TASK.target)
    assert made.name_G == ()
    assert "in no group of at least 20" in made.to_table()[c.REASON][0].as_py()


def test_the_nearest_are_the_same_in_blocks_and_at_once(communal, monkeypatch):
    taste_UT = tastes(communal[1])
    whole = nearest(taste_UT).toarray()
    monkeypatch.setattr("penchant.decisions.affinity.BLOCK", 50)
    np.testing.assert_allclose(nearest(taste_UT).toarray(), whole, rtol=1e-5)
    assert ((whole > 0).sum(axis=1) >= 1).all()
    assert not np.diag(whole).any()
    assert nearest(taste_UT[:1]).nnz == 0


def test_ties_of_strangers_are_counted_and_another_forecast_refused(communal):
    history, forecast, _, _ = communal
    users_U = history.interest.users_U
    one, two, three = users_U[:3].tolist()
    ties, strange = ties_among([one, two, "nobody", three], [two, one, two, three], users_U)
    assert (ties.one_F.tolist(), ties.other_F.tolist(), strange) == ([0], [1], 1)
    with pytest.raises(HistoryError, match="history's users"):
        gather(history, forecast.only(np.arange(9)), TASK.target)
