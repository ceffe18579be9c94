"""Segments of interest and groups, in worlds with planted communities and without any."""

from dataclasses import replace

import ibis
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from penchant import columns as c
from penchant.churning import warn
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.groups import ALL, CUSTOMER_SCHEMA, GROUP_SCHEMA, Moment, group
from penchant.decisions.lifecycle import STAGES, Lifecycle
from penchant.decisions.segments import EVERYONE, Segmenting, match, shares_ahead
from penchant.errors import HistoryError, RecipeError, TopicsError, UnknownError
from penchant.interest.history import build_history
from penchant.interest.model import make_forecast
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.popularity import Popularity
from penchant.segmentation import grouped

TASK = Task(windows=(Window(0, 4), Window(4, 8)))
QUICK = Segmenting(halvings=2, restarts=2)


def shop_of(name, **size):
    """A world, its history and forecast."""
    world = WORLDS[name](Shop(**{"users": 320, "topics": 16, "steps": 40, "seed": 1} | size))
    events = ibis.memtable(world.log.events)
    topics = choose_topics(events, ibis.memtable(world.log.catalog), level=2, floor=0)
    history = build_history(events, topics)
    model = GammaPoisson().fit(history, TASK)
    return world, history, model, model.predict(history)


@pytest.fixture(scope="module")
def communal():
    return shop_of("communal")


@pytest.fixture(scope="module")
def found(communal):
    _, history, model, made = communal
    return grouped(history, made, model, TASK, segmenting=QUICK)


def test_planted_communities_are_found_again(communal):
    world, _, _, made = communal
    segments = QUICK.fit(made)
    place = {user: row for row, user in enumerate(world.truth.users_U.tolist())}
    planted_U = world.truth.communities.community_U[[place[user] for user in made.users_U]]
    assert adjusted_rand_score(planted_U, segments.assign(made)) > 0.5
    assert len(segments.names_G) >= 6  # of eight communities
    assert len(set(segments.names_G.tolist())) == len(segments.names_G)
    for g, name in enumerate(segments.names_G.tolist()):
        assert name.split(" & ")[0] == segments.topics_of(g)[0]
        assert segments.lift_GT[g].max() > 1.5


def test_where_all_are_alike_there_are_no_segments_and_it_says_so():
    _, _, _, made = shop_of("noise", users=200)
    segments = QUICK.fit(made)
    assert segments.names_G.tolist() == [EVERYONE]
    assert "don't fall into groups" in segments.notes[0]
    assert set(segments.assign(made).tolist()) == {0}


def test_a_model_that_expects_the_same_of_everyone_makes_no_segments(communal):
    _, history, _, _ = communal
    made = Popularity().fit(history, TASK).predict(history)
    segments = QUICK.fit(made)
    assert segments.names_G.tolist() == [EVERYONE]
    assert "the same interests of everyone" in segments.notes[0]


def test_too_few_customers_are_not_grouped():
    _, _, _, made = shop_of("communal", users=60, steps=12)
    segments = QUICK.fit(made)
    assert segments.names_G.tolist() == [EVERYONE]
    assert "need 100 customers" in segments.notes[0]


def test_a_new_customer_is_assigned_alone_as_among_all(communal):
    made = communal[3]
    segments = QUICK.fit(made)
    everyone_U = segments.assign(made)
    for row in (0, 17):
        assert segments.assign(made.only(np.array([row])))[0] == everyone_U[row]
    with pytest.raises(TopicsError, match="Find segments"):
        segments.assign(replace(made, topics_T=made.topics_T[::-1]))


def test_segments_too_small_are_merged_and_the_same_seed_gives_the_same(communal):
    made = communal[3]
    strict = replace(QUICK, numbers=(6,), least_share=0.19, some_agreement=-1.0)
    segments = strict.fit(made)
    assert np.bincount(segments.assign(made)).min() >= 0.19 * 320
    assert "merged into others" in segments.notes[-1]
    np.testing.assert_array_equal(segments.root_GT, strict.fit(made).root_GT)


def test_groups_that_only_changed_names_match_wholly():
    before_U = np.array([0, 0, 1, 1, 2, 2, -1])
    matched = match(np.array([2, 2, 0, 0, 1, 1, 0]), before_U, 3)
    assert (matched.stayed, matched.agreement, matched.customers) == (1.0, 1.0, 6)
    assert matched.before_G.tolist() == [1, 2, 0]
    moved = match(np.array([2, 0, 0, 0, 1, 1, 0]), before_U, 3)
    assert moved.stayed == pytest.approx(5 / 6)
    with pytest.raises(HistoryError, match="the same customers"):
        match(np.array([0]), before_U, 1)


def test_tables_add_up_to_the_forecast_and_chances_are_those_of_churn(communal, found):
    _, history, _, made = communal
    table, groups = found.customers(), found.table()
    assert (table.schema, groups.schema) == (CUSTOMER_SCHEMA, GROUP_SCHEMA)
    volume = table[c.VOLUME].to_numpy()
    assert volume.sum() == pytest.approx(float(made.volume_UTW.sum()), rel=1e-4)
    assert (np.diff(volume) <= 0).all()
    for kind in ("stage", "segment", ALL):
        rows = [row for row in groups.to_pylist() if row[c.KIND] == kind]
        assert sum(row[c.SIZE] for row in rows) == len(made.users_U)
        assert sum(row[c.VOLUME] for row in rows) == pytest.approx(volume.sum(), rel=1e-4)
    warned = warn(history, Task(windows=(Window(0, 8),)))
    np.testing.assert_allclose(found.now.stages.chance_U, 1 - warned.gone_U, atol=1e-6)


def test_an_audience_is_the_group_it_names(found):
    for name, size in zip(found.names, found.table()[c.SIZE].to_pylist(), strict=True):
        rows = found.customers(name).to_pylist()
        assert len(rows) == size
        assert all(name in (row[c.STAGE], row[c.SEGMENT], EVERYONE) for row in rows)
    with pytest.raises(UnknownError, match="Did you mean 'fading'"):
        found.customers("fadin")


def test_what_was_earlier_goes_by_the_same_rules(communal, found):
    _, history, model, _ = communal
    past = history.until(history.cutoff - 8)
    then = found.before.stages
    assert np.array_equal(then.users_U, past.interest.users_U)
    before = {row[c.GROUP]: row[c.SIZE_BEFORE] for row in found.table().to_pylist()}
    assert sum(before[stage] for stage in STAGES) == len(past.interest.users_U)
    assert any("adjusted Rand index" in note for note in found.notes)
    short = grouped(history, model.predict(history), model, TASK, back=40, segmenting=QUICK)
    assert short.before is None
    assert "there are no trends" in short.notes[-1]
    assert {row[c.SIZE_BEFORE] for row in short.table().to_pylist()} == {None}


def test_a_topic_that_rises_beyond_noise_is_named_and_nothing_else(communal):
    _, history, _, made = communal
    segments = QUICK.fit(made)
    stages = Lifecycle().stages(history, made, None, TASK.target)
    now_U = segments.assign(made)
    before = Moment(made, stages, now_U)
    still = {one.name: one for one in group(before, before, segments, None).groups}
    assert {one.rising for one in still.values()} <= {(), None}
    raised_UTW = made.volume_UTW.copy()
    mine_U, topic = now_U == 0, 3
    random = np.random.default_rng(0)
    raised_UTW[mine_U, topic] += made.ahead_UT()[mine_U].sum(axis=1)[:, None] * random.uniform(
        0.02, 0.06, (int(mine_U.sum()), 1)
    )
    risen = make_forecast(history, TASK, made.chance_UTW, raised_UTW)
    moved = group(Moment(risen, stages, now_U), before, segments, None)
    named = {one.name: one for one in moved.groups}
    name = made.topics_T[topic]
    assert named[segments.names_G[0]].rising == (name,)
    assert name not in (named[segments.names_G[1]].rising or ())
    small = {one.name for one in moved.groups if one.rising is None}
    assert {one.name for one in moved.groups if one.size < 25} <= small


def test_shares_of_who_expects_nothing_are_everyones(communal):
    made = communal[3]
    volume_UTW, chance_UTW = made.volume_UTW.copy(), made.chance_UTW.copy()
    volume_UTW[0] = chance_UTW[0] = 0
    share_UT = shares_ahead(replace(made, volume_UTW=volume_UTW, chance_UTW=chance_UTW))
    np.testing.assert_allclose(share_UT[0], share_UT[1:].mean(axis=0))
    np.testing.assert_allclose(share_UT.sum(axis=1), 1)


def test_recipes_out_of_range_are_refused():
    with pytest.raises(RecipeError, match="2 or more"):
        Segmenting(numbers=(1, 2))
    with pytest.raises(RecipeError, match="at least"):
        Segmenting(halvings=0)
    with pytest.raises(RecipeError, match="between 0 and 1"):
        Lifecycle(lost_chance=1.5)
