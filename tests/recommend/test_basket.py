"""Next baskets of a planted shop: each user has staples, and a taste that neighbours share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from carts import bought, goods_of

from penchant.errors import HistoryError, RecipeError
from penchant.recommend.assortment import DAY
from penchant.recommend.basket import NextBasket
from penchant.recommend.candidates import Asked
from penchant.recommend.ranker import Ranker
from penchant.recommend.repeat import baskets_of

ITEMS = [f"item {item:02d}" for item in range(40)]
STAPLE_CHANCE = 0.7
USERS, BASKETS = 150, 14
SMALL = NextBasket(
    looks=3,
    repeats=20,
    explored=10,
    ranker=Ranker(folds=2, rounds=30, leaves=7, missed_share=1.0, threads=1),
)


def planted(users=USERS, baskets=BASKETS, seed=1):
    """Everyone has three staples of ten, bought most weeks, and tries others now and then."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        staples = rng.choice(10, size=3, replace=False)
        for week in range(baskets):
            held = staples[rng.random(3) < STAPLE_CHANCE].tolist()
            held += rng.choice(np.arange(10, 40), size=2, replace=False).tolist()
            rows.append((f"{user:03d}", 7 * week + 1, {ITEMS[item] for item in held}))
    return bought(rows, ITEMS)


SHOP = planted()
LATEST_N = baskets_of(SHOP).back_A[SHOP.basket_N] == 0
PAST = SHOP.where(~LATEST_N)
CAME_UI = np.zeros(SHOP.shape, dtype=bool)
CAME_UI[SHOP.user_N[LATEST_N], SHOP.item_N[LATEST_N]] = True


@pytest.fixture(scope="module")
def fitted():
    return SMALL.fit(PAST, goods_of(PAST))


@pytest.fixture(scope="module")
def foreseen(fitted):
    return fitted.foresee(PAST)


def test_staples_come_first(fitted):
    top_UI = fitted.propose(Asked(PAST), 3).toarray() > 0
    assert (top_UI.sum(axis=1) == 3).all()
    assert (top_UI & CAME_UI).sum() / top_UI.sum() > 0.9 * STAPLE_CHANCE


def test_chances_add_up_to_what_comes(foreseen):
    signals = foreseen.signals
    came_N = CAME_UI[signals.user_N, signals.item_N]
    assert ((foreseen.chance_N > 0) & (foreseen.chance_N < 1)).all()
    assert foreseen.chance_N.sum() == pytest.approx(came_N.sum(), rel=0.1)
    sure_N = foreseen.chance_N > 0.5
    assert foreseen.chance_N[sure_N].mean() == pytest.approx(came_N[sure_N].mean(), abs=0.1)


def test_repeat_and_explore_are_told_apart(foreseen):
    had_UI = np.zeros(PAST.shape, dtype=bool)
    had_UI[PAST.user_N, PAST.item_N] = True
    again_UI = foreseen.top(5, ~foreseen.signals.new_N).toarray() > 0
    new_UI = foreseen.top(5, foreseen.signals.new_N).toarray() > 0
    assert again_UI.any()
    assert new_UI.any()
    assert not (again_UI & ~had_UI).any()
    assert not (new_UI & had_UI).any()


def test_same_seed_same_answers(foreseen):
    again = SMALL.fit(PAST, goods_of(PAST)).foresee(PAST)
    assert (again.score_N == foreseen.score_N).all()
    assert (again.chance_N == foreseen.chance_N).all()


def test_a_part_of_the_users_gets_what_all_get(fitted, foreseen):
    row = np.array([7, 3])
    part = fitted.foresee(PAST.only(row))
    for new, old in enumerate(row):
        mine_N, theirs_N = part.signals.user_N == new, foreseen.signals.user_N == old
        assert (part.signals.item_N[mine_N] == foreseen.signals.item_N[theirs_N]).all()
        assert part.score_N[mine_N] == pytest.approx(foreseen.score_N[theirs_N], abs=1e-5)


def test_a_user_never_seen_is_served_without_a_fit(fitted):
    stranger = bought(
        [("new", 7 * week, {"item 01", f"item {20 + week}"}) for week in range(6)], ITEMS
    )
    score_I = fitted.propose(Asked(stranger), 5).toarray()[0]
    assert score_I.argmax() == 1


def test_one_basket_is_enough_to_ask(fitted):
    stranger = bought([("new", 7, {"item 30"})], ITEMS)
    assert fitted.foresee(stranger).chance_N.max() > 0


def test_windows_of_days_ask_for_more_than_one_basket():
    now = datetime.fromtimestamp(int(SHOP.time_N.max()), UTC)
    past = SHOP.until(now - timedelta(days=27))
    later = SMALL.fit(past, goods_of(past)).foresee(past)
    sooner = SMALL.__class__(
        days=28,
        looks=2,
        repeats=20,
        explored=10,
        ranker=Ranker(folds=2, rounds=30, leaves=7, threads=1),
    )
    ahead = sooner.fit(past, goods_of(past)).foresee(past)
    assert ahead.chance_N.sum() > 1.5 * later.chance_N.sum()


def test_too_short_a_history_is_refused():
    short = planted(users=4, baskets=2)
    with pytest.raises(HistoryError, match="at least 50 things"):
        SMALL.fit(short, goods_of(short))


@pytest.mark.parametrize("ranker", [{"folds": 1}, {"missed_share": 0.0}])
def test_chances_are_learned_from_users_that_trees_never_saw(ranker):
    with pytest.raises(RecipeError, match="at least 2 folds"):
        Ranker(**ranker)


def test_who_all_buy_everything_teach_nothing():
    same = bought(
        [(f"u{i}", 7 * week, ITEMS[:3]) for i in range(9) for week in range(9)], ITEMS[:3]
    )
    with pytest.raises(HistoryError, match="did everything"):
        SMALL.fit(same, goods_of(same))


def test_too_few_users_are_refused():
    weeks = [(7 * week, set(ITEMS[week % 2 * 5 : 20])) for week in range(12)]
    alone = bought([("me", *week) for week in weeks], ITEMS)
    with pytest.raises(HistoryError, match="users in 2 parts"):
        SMALL.fit(alone, goods_of(alone))


def test_days_count_from_the_moment_asked_whoever_else_is_asked():
    days = replace(SMALL, days=28, looks=2)
    fitted = days.fit(PAST, goods_of(PAST))
    later = int(PAST.time_N.max()) + 100 * DAY
    fresh = bought([("zzz", later // DAY, {"item 01"})], ITEMS)
    both = bought([("aaa", 7, {"item 01"}), ("zzz", later // DAY, {"item 01"})], ITEMS)
    alone = fitted.foresee(bought([("aaa", 7, {"item 01"})], ITEMS))
    together = fitted.foresee(both)
    assert fitted.foresee(fresh).chance_N.max() > 0
    mine_N = together.signals.user_N == 0
    np.testing.assert_allclose(together.chance_N[mine_N], alone.chance_N, rtol=1e-5)
    assert fitted.foresee(PAST, later).chance_N.sum() < fitted.foresee(PAST).chance_N.sum()
