import numpy as np
import pytest
from planted import KINDS, seen_world

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


def test_a_forecast_of_stable_tastes_moves_little_and_of_movers_more():
    task = Task(windows=(Window(0, 4), Window(4, 8)))
    part = {}
    for name in ("stable", "migrating"):
        _, history = seen_world(name, users=300)
        past = history.until(60)
        forecast = GammaPoisson(half_life=8.0).fit(past, task).predict(past)
        flow = forecast_flow(past, forecast, KINDS)
        assert flow.forecast
        assert flow.moved_TT.sum() == pytest.approx(1)
        part[name] = flow.moved
    assert part["stable"] < part["migrating"]
