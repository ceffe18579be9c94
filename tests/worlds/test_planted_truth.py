"""What a world says it planted can be seen in its events.

Shapes: U users, T topics, S steps, M migrations.
"""

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pytest
from scipy import stats

from penchant import columns as c
from penchant.data import worlds
from penchant.data.planting import LONGEST_MOVE, MOVED_SHARE
from penchant.data.worlds import WORLDS, Shop, World

SHOP = Shop(users=400, topics=12, steps=80, purchases=3.0, seed=7)
Counts = npt.NDArray[np.int64]


def counts_of(world: World) -> Counts:
    """Purchases of each user, topic and step, from the tables alone, as `count_UTS`."""
    truth, catalog = world.truth, world.log.catalog
    events = world.log.events.filter(pc.equal(world.log.events[c.KIND], "purchase"))
    topic_by_item = {row[c.ITEM]: row[c.PATH][1] for row in catalog.to_pylist()}
    topics = np.array([topic_by_item[item] for item in events[c.ITEM].to_pylist()])
    days = events[c.TIME].to_numpy().astype("datetime64[D]").astype(np.int64)
    cells = (
        np.searchsorted(truth.users_U, np.array(events[c.USER].to_pylist())),
        np.searchsorted(truth.topics_T, topics),
        (days + 3) // 7 - truth.steps_S[0],
    )
    count_UTS = np.zeros(truth.rate_UTS.shape, dtype=np.int64)
    np.add.at(count_UTS, cells, 1)
    return count_UTS


def grown(name: str) -> tuple[World, Counts]:
    world = WORLDS[name](SHOP)
    return world, counts_of(world)


@pytest.mark.parametrize("name", WORLDS)
def test_counts_match_the_planted_rates(name: str) -> None:
    """Sums over any two axes lie within sampling error, and z-scores spread as they should.

    Counts are Poisson; cadenced ones vary less, so the bound holds for them too.
    """
    world, count_UTS = grown(name)
    rate_UTS = world.truth.rate_UTS.astype(np.float64)
    # A purchase that brings another makes sums over topics or steps vary more.
    linked = world.truth.complements is not None
    for axes in ((0, 2), (2,)) if linked else ((1, 2), (0, 2), (0, 1), (2,)):
        expected = rate_UTS.sum(axis=axes)
        seen = count_UTS.sum(axis=axes)
        tested = expected >= 20
        z = (seen[tested] - expected[tested]) / np.sqrt(expected[tested])
        assert np.abs(z).max() < 5
        assert np.square(z).mean() < 1.0 + 5 * np.sqrt(2 / z.size)
    assert (count_UTS[rate_UTS == 0] == 0).all()


def test_stable_users_differ_and_stay() -> None:
    world, count_UTS = grown("stable")
    rate_UTS = world.truth.rate_UTS
    assert (rate_UTS == rate_UTS[:, :, :1]).all()
    assert stats.chi2_contingency(count_UTS.sum(axis=2)).pvalue < 1e-9
    halves = count_UTS.reshape(400, 12, 2, 40).sum(axis=3)
    correlation = np.corrcoef(halves[:, :, 0].ravel(), halves[:, :, 1].ravel())[0, 1]
    assert correlation > 0.9


def test_drifting_tastes_are_further_away_the_longer_the_time() -> None:
    world, count_UTS = grown("drifting")
    share_UTS = world.truth.rate_UTS / world.truth.rate_UTS.sum(axis=1, keepdims=True)
    distance_S = np.abs(share_UTS - share_UTS[:, :, :1]).sum(axis=1).mean(axis=0)
    assert distance_S[0] == 0
    assert distance_S[10] < distance_S[30] < distance_S[79]
    # In the events: the first quarter tells less of the last than of the second.
    quarter_UTQ = count_UTS.reshape(400, 12, 4, 20).sum(axis=3).astype(np.float64)
    quarter_UTQ /= np.maximum(quarter_UTQ.sum(axis=1, keepdims=True), 1)
    gap_Q = np.abs(quarter_UTQ - quarter_UTQ[:, :, :1]).sum(axis=1).mean(axis=0)
    assert gap_Q[1] < gap_Q[2] < gap_Q[3]


def test_migrants_move_at_the_planted_step() -> None:
    world, count_UTS = grown("migrating")
    moves = world.truth.migrations
    role_U = world.truth.role_U
    np.testing.assert_array_equal(moves.user_M, np.flatnonzero(role_U == "migrating"))
    assert len(moves.user_M) == pytest.approx(400 / 3, abs=1)
    assert (moves.from_topic_M != moves.to_topic_M).all()
    assert set(moves.steps_M) == set(range(1, LONGEST_MOVE + 1))

    # Line all moves up at their own step, and compare the sides of it.
    from_MS = count_UTS[moves.user_M, moves.from_topic_M]
    to_MS = count_UTS[moves.user_M, moves.to_topic_M]
    offset_MS = np.arange(80) - moves.step_M[:, None]
    before, after = offset_MS < 0, offset_MS >= moves.steps_M[:, None]
    left = from_MS[after].mean() / from_MS[before].mean()
    assert left == pytest.approx(1 - MOVED_SHARE, abs=0.03)
    assert to_MS[after].mean() > 5 * to_MS[before].mean()
    # Right before the step nothing has moved yet; right after its span everything has.
    eve = from_MS[(offset_MS < 0) & (offset_MS >= -4)].mean()
    assert eve == pytest.approx(from_MS[before].mean(), rel=0.15)
    morrow = from_MS[after & (offset_MS < moves.steps_M[:, None] + 4)].mean()
    assert morrow < 0.2 * eve


def test_those_who_do_not_migrate_stay() -> None:
    truth = worlds.migrating(SHOP).truth
    rate_UTS = truth.rate_UTS[truth.role_U == "stable"]
    assert (rate_UTS == rate_UTS[:, :, :1]).all()


def test_churners_stop_at_the_planted_step_and_others_do_not() -> None:
    world, count_UTS = grown("churning")
    truth = world.truth
    churners = truth.role_U == "churning"
    np.testing.assert_array_equal(churners, truth.churn_step_U >= 0)
    assert churners.sum() == 200
    after_US = np.arange(80) >= truth.churn_step_U[:, None]
    count_US = count_UTS.sum(axis=1)
    assert (count_US[churners][after_US[churners]] == 0).all()
    # Active until then: the last purchase comes shortly before, as the user's rate lets expect.
    last_U = 79 - (count_US[:, ::-1] > 0).argmax(axis=1)
    idle = (truth.churn_step_U - 1 - last_U)[churners]
    assert np.median(idle) <= 1
    regulars = ~churners & (truth.rate_UTS[:, :, 0].sum(axis=1) > 1)
    assert (count_US[regulars, 70:].sum(axis=1) > 0).all()


def test_seasons_are_as_planted() -> None:
    world, count_UTS = grown("seasonal")
    season_TS = world.truth.season_TS.astype(np.float64)
    flat = (season_TS == 1).all(axis=1)
    assert flat.sum() == 4
    count_TS = count_UTS.sum(axis=0)
    for topic in range(12):
        # A quarter of the steps at the season's height against a quarter at its depth.
        order = season_TS[topic].argsort(kind="stable")
        low, high = count_TS[topic, order[:20]].sum(), count_TS[topic, order[-20:]].sum()
        planted = season_TS[topic, order[-20:]].sum() / season_TS[topic, order[:20]].sum()
        if flat[topic]:
            assert abs(high - low) < 5 * np.sqrt(high + low)
        else:
            assert planted > 3
            assert high / low == pytest.approx(planted, rel=5 * np.sqrt(1 / high + 1 / low))


def test_half_of_the_seasons_take_a_year_and_half_a_month() -> None:
    season_TS = worlds.seasonal(Shop(users=1, topics=12, steps=208)).truth.season_TS
    spectrum_TF = np.abs(np.fft.rfft(season_TS - season_TS.mean(axis=1, keepdims=True)))
    weeks_T = 208 / np.maximum(spectrum_TF.argmax(axis=1), 1)
    seasonal_T = (season_TS != 1).any(axis=1)
    yearly = np.isclose(weeks_T, 52, rtol=0.02) & seasonal_T
    monthly = np.isclose(weeks_T, 52 / 12, rtol=0.02) & seasonal_T
    assert (yearly.sum(), monthly.sum(), seasonal_T.sum()) == (4, 4, 8)


def test_cadences_can_be_read_off_the_gaps() -> None:
    world, count_UTS = grown("cadenced")
    truth = world.truth
    assert ((truth.cadence_UT > 0).sum(axis=1) == 4).all()
    residuals = []
    for user, topic in np.argwhere(truth.cadence_UT > 0):
        assert count_UTS[user, topic].max() == 1
        gaps = np.diff(np.flatnonzero(count_UTS[user, topic]))
        residuals.append(gaps - truth.cadence_UT[user, topic])
    offsets, counts = np.unique(np.concatenate(residuals), return_counts=True)
    assert offsets.tolist() == list(range(-truth.jitter, truth.jitter + 1))
    # Even: gaps are drawn uniformly (the world's end cuts off long ones a little more often).
    assert counts.max() / counts.min() < 1.1


def test_cadenced_rates_are_what_to_expect_given_the_first_purchase() -> None:
    world, count_UTS = grown("cadenced")
    truth = world.truth
    for cadence in (3, 7, 12):
        chosen = truth.cadence_UT == cadence
        rate_PS, count_PS = truth.rate_UTS[chosen], count_UTS[chosen]
        first_P = count_PS.argmax(axis=1)
        assert (rate_PS[np.arange(len(first_P)), first_P] == 1).all()
        for since in range(3 * cadence):
            rows = np.flatnonzero(first_P + since < 80)
            seen = count_PS[rows, first_P[rows] + since]
            expected = rate_PS[rows, first_P[rows] + since]
            variance = (expected * (1 - expected)).sum()
            assert abs(seen.sum() - expected.sum()) <= 5 * np.sqrt(variance) + 1e-3


def test_noise_has_nothing_to_learn_beyond_its_mean() -> None:
    world, count_UTS = grown("noise")
    assert (world.truth.rate_UTS == world.truth.rate_UTS[0, 0, 0]).all()
    assert stats.chisquare(count_UTS.sum(axis=(1, 2))).pvalue > 0.01
    assert stats.chisquare(count_UTS.sum(axis=(0, 2))).pvalue > 0.01
    assert stats.chisquare(count_UTS.sum(axis=(0, 1))).pvalue > 0.01
    assert stats.chi2_contingency(count_UTS.sum(axis=2)).pvalue > 0.01


def test_worlds_of_one_seed_differ_only_in_what_was_planted() -> None:
    still, moving = worlds.stable(SHOP).truth, worlds.migrating(SHOP).truth
    staying = moving.role_U == "stable"
    np.testing.assert_array_equal(still.rate_UTS[staying], moving.rate_UTS[staying])


def test_every_role_of_a_mixed_world_shows_its_own_mark() -> None:
    world, count_UTS = grown("mixed")
    truth = world.truth
    np.testing.assert_array_equal(truth.churn_step_U >= 0, truth.role_U == "churning")
    np.testing.assert_array_equal((truth.cadence_UT > 0).any(axis=1), truth.role_U == "cadenced")
    np.testing.assert_array_equal(
        truth.migrations.user_M, np.flatnonzero(truth.role_U == "migrating")
    )
    changing = (truth.rate_UTS != truth.rate_UTS[:, :, :1]).any(axis=(1, 2))
    np.testing.assert_array_equal(changing, truth.role_U != "stable")
    assert pc.count_distinct(world.log.events[c.USER]).as_py() <= 400
    assert count_UTS.sum() == len(world.log.events)
