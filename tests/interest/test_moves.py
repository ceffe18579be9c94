from dataclasses import replace

import numpy as np
import pytest
from planted import KINDS, seen_world

from models.shops import history_of
from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.flow import forecast_flow, observed_flow
from penchant.interest.migration import MIGRATION_SCHEMA, migrations
from penchant.interest.task import Task, Window
from penchant.models.gamma_poisson import GammaPoisson


@pytest.fixture(scope="module")
def moved():
    truth, history = seen_world("migrating", users=600)
    assert history.interest.users_U.tolist() == truth.users_U.tolist()
    return truth, history, migrations(history, KINDS)


def test_most_movers_and_few_others_are_called(moved):
    truth, _, found = moved
    mover_U = truth.role_U == "migrating"
    assert found.called_U[mover_U].mean() > 0.7
    assert found.called_U[~mover_U].mean() < 0.05


@pytest.mark.parametrize("name", ["stable", "noise", "cadenced", "seasonal"])
def test_hardly_anybody_is_called_where_nobody_moves(name):
    _, history = seen_world(name, users=400)
    assert migrations(history, KINDS).called_U.mean() <= 0.05


def test_nobody_is_called_because_customers_of_other_tastes_join():
    rng = np.random.default_rng(0)
    share_UT = rng.dirichlet(np.full(12, 0.5), size=600)
    share_UT[300:] = rng.dirichlet(np.repeat([0.1, 3.0], [10, 2]), size=300)
    count_UTS = rng.poisson(4 * share_UT[:, :, None], size=(600, 12, 80))
    count_UTS[300:, :, :40] = 0
    assert not migrations(history_of(count_UTS), KINDS).called_U.any()


def test_several_changes_of_a_customer_add_up():
    rng = np.random.default_rng(0)
    share_UTS = np.full((200, 6, 96), 0.5 / 6)
    for user in range(100):
        for quarter, topic in enumerate(rng.permutation(6)[:4]):
            share_UTS[user, topic, 24 * quarter : 24 * (quarter + 1)] += 0.5
    share_UTS[100:] += 0.5 * rng.dirichlet(np.ones(6), size=100)[:, :, None]
    history = history_of(rng.poisson(3 * share_UTS))
    found = migrations(history, KINDS)
    assert np.bincount(found.user_C, minlength=200)[:100].mean() > 2.5
    for start, end in ((0, 96), (12, 60), (48, 96)):
        flow = observed_flow(history, found, KINDS, start, end)
        assert flow.moved_TT.sum() == pytest.approx(1)
        truly = (np.maximum(share_UTS[:, :, start] - share_UTS[:, :, end - 1], 0)).sum() / 200
        assert flow.moved == pytest.approx(truly, rel=0.25)


def test_a_move_goes_where_and_when_it_was_planted(moved):
    truth, _, found = moved
    planted = truth.migrations
    of_user = {int(user): m for m, user in enumerate(planted.user_M)}
    moves = found.moves
    right, off = [], []
    for change, user in enumerate(found.user_C.tolist()):
        if user not in of_user:
            continue
        mine = (moves.change_M == change) & (moves.from_M >= 0) & (moves.to_M >= 0)
        if mine.any():
            best = np.flatnonzero(mine)[moves.share_M[mine].argmax()]
            m = of_user[user]
            pair = (planted.from_topic_M[m], planted.to_topic_M[m])
            right.append((moves.from_M[best], moves.to_M[best]) == pair)
            off.append(abs(int(found.step_C[change] - planted.step_M[m])))
    assert np.mean(right) >= 0.85
    assert np.median(off) <= 2


def test_the_table_names_topics_dates_and_shares(moved):
    _, history, found = moved
    table = found.to_table()
    assert table.schema == MIGRATION_SCHEMA
    assert len(table) == len(found.moves.share_M) > 0
    first = table.slice(0, 1).to_pylist()[0]
    step = int(found.step_C[found.moves.change_M[0]])
    assert first[c.DATE] == history.interest.step.start(history.interest.origin + step)
    assert set(table[c.FROM].drop_null().to_pylist()) <= set(history.interest.topics_T.tolist())
    assert max(table[c.CHANCE].to_pylist()) <= found.rate


def test_moves_take_no_more_than_was_lost_and_gained(moved):
    *_, found = moved
    lost_C, gained_C, moved_C = (
        np.bincount(places, weights, len(found.user_C))
        for places, weights in (
            (found.change_N, np.maximum(-found.shift_N, 0)),
            (found.change_N, np.maximum(found.shift_N, 0)),
            (found.moves.change_M, found.moves.share_M),
        )
    )
    np.testing.assert_allclose(moved_C, np.maximum(lost_C, gained_C), atol=1e-6)


def test_the_same_seed_calls_the_same(moved):
    _, history, found = moved
    again = migrations(history, KINDS)
    assert np.array_equal(again.chance_U, found.chance_U)
    assert again.to_table() == found.to_table()


def test_only_what_was_known_counts(moved):
    _, history, _ = moved
    early = migrations(history.until(60), KINDS)
    assert early.step_C.max() < 60


def test_a_rate_outside_its_range_is_refused(moved):
    _, history, _ = moved
    with pytest.raises(HistoryError, match="between 0 and 1; found 5"):
        migrations(history, KINDS, rate=5)


def test_kinds_that_nobody_shows_call_nobody(moved):
    _, history, _ = moved
    found = migrations(history, ("view",))
    assert not found.called_U.any()
    assert not len(found.to_table())


def test_a_flow_is_a_joint_distribution_near_the_true_one(moved):
    truth, history, found = moved
    flow = observed_flow(history, found, KINDS, 0, history.cutoff)
    assert flow.moved_TT.sum() == pytest.approx(1)
    assert (flow.moved_TT >= 0).all()
    np.testing.assert_allclose(flow.transition_TT.sum(axis=1), 1)
    rate_UTS = truth.rate_UTS.astype(float)
    before_UT, after_UT = (rate_UTS[:, :, s] / rate_UTS[:, :, s].sum(1)[:, None] for s in (0, -1))
    weight_U = rate_UTS.sum((1, 2)) / rate_UTS.sum()
    truly = float(weight_U @ np.maximum(before_UT - after_UT, 0).sum(axis=1))
    assert flow.moved == pytest.approx(truly, rel=0.25)
    left, entered, part = flow.pairs(1)[0]
    assert left != entered
    assert 0 < part <= flow.moved


def test_a_flow_of_some_users_and_steps_is_theirs_alone(moved):
    truth, history, found = moved
    stayers = np.flatnonzero(truth.role_U != "migrating")
    flow = observed_flow(history, found, KINDS, 26, 78, stayers)
    everyone = observed_flow(history, found, KINDS, 26, 78)
    assert flow.users <= len(stayers)
    assert flow.moved < 0.1 * everyone.moved
    with pytest.raises(HistoryError, match="known steps; found 78 to 26"):
        observed_flow(history, found, KINDS, 78, 26)


def test_a_flow_ahead_is_what_the_forecast_moves_from_window_to_window():
    task = Task(windows=(Window(0, 4), Window(4, 8)))
    _, history = seen_world("stable", users=300)
    past = history.until(60)
    forecast = GammaPoisson(half_life=8.0).fit(past, task).predict(past)
    flow = forecast_flow(forecast)
    assert flow.forecast
    assert (flow.start, flow.end) == (
        forecast.dates(Window(0, 4))[0],
        forecast.dates(Window(4, 8))[1],
    )
    assert flow.moved == pytest.approx(0, abs=1e-6)  # the recipe expects tastes to stay
    turned_UTW = forecast.volume_UTW.copy()
    turned_UTW[:, :2, 1] = 3 * turned_UTW[:, 1::-1, 1]  # the first two topics change places
    turned = replace(forecast, volume_UTW=turned_UTW)
    flow = forecast_flow(turned)
    assert flow.moved > 0.01
    before_T, after_T = (turned_UTW[:, :, w].sum(axis=0) for w in (0, 1))
    gains = np.argmax(flow.after_T - flow.before_T)
    assert gains == np.argmax(after_T / after_T.sum() - before_T / before_T.sum())
    with pytest.raises(HistoryError, match="is forecast any"):
        forecast_flow(forecast, np.array([], np.int64))
    with pytest.raises(HistoryError, match="two windows"):
        forecast_flow(GammaPoisson().fit(past, Task(windows=(Window(0, 4),))).predict(past))
