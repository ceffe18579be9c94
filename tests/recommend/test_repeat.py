"""What customers buy again, on shops small enough to work out by hand."""

import numpy as np
import pytest
from carts import bought, goods_of, named

from penchant.recommend.candidates import Asked
from penchant.recommend.repeat import Repeat, baskets_of, habits_of

ITEMS = ["bread", "jam", "milk", "salt"]


def proposed(past, most=4, taught=None):
    taught = past if taught is None else taught
    return named(past, Repeat().fit(taught, goods_of(taught)).propose(Asked(past), most))


def test_what_is_bought_often_and_lately_comes_first():
    past = bought(
        [("ann", 1, {"salt"}), ("ann", 90, {"milk", "jam"}), ("ann", 97, {"milk"})], ITEMS
    )
    assert proposed(past) == {"ann": ["milk", "jam", "salt"]}
    assert proposed(past, most=1) == {"ann": ["milk"]}


def test_who_bought_nothing_is_proposed_nothing():
    past = bought([("ann", 1, {"salt"}), ("bob", 1, {"milk"}), ("bob", 2, {"milk"})], ITEMS)
    assert proposed(past.where(past.user_N == 1)) == {"ann": [], "bob": ["milk"]}


def alternating(users):
    """Everyone buys bread and jam in turns, and ends with bread."""
    return bought(
        [
            (f"{user:03d}", 7 * week, {"bread"} if week % 2 else {"jam"})
            for user in range(users)
            for week in range(12)
        ],
        ITEMS,
    )


def test_what_is_due_comes_before_what_was_just_bought():
    past = alternating(200)
    assert proposed(past)["000"] == ["jam", "bread"]


def test_without_a_lesson_in_cadence_recency_decides():
    past = alternating(1)
    assert proposed(past)["000"] == ["bread", "jam"]


def test_a_user_never_seen_is_served_by_the_same_history():
    everyone = alternating(200)
    stranger = bought([("new", 7, {"jam"}), ("new", 14, {"bread"}), ("new", 21, {"jam"})], ITEMS)
    assert proposed(stranger, taught=everyone)["new"][0] in {"bread", "jam"}
    twin = everyone.only(np.array([3]))
    assert proposed(twin, taught=everyone)["003"] == proposed(everyone)["003"]


def test_an_item_twice_in_a_basket_counts_once():
    once = bought([("ann", 1, {"milk"}), ("ann", 8, {"milk", "jam"})], ITEMS)
    rows = np.array([0, 0, 1, 2, 2])
    doubled = type(once)(
        once.users_U,
        once.items_I,
        once.kinds_K,
        *(
            getattr(once, name)[rows]
            for name in ("user_N", "item_N", "kind_N", "time_N", "basket_N")
        ),
        once.quantity_N[rows],
        once.money_N[rows],
    )
    for name, column in habits_of(baskets_of(once)).columns.items():
        same = habits_of(baskets_of(doubled)).columns[name]
        assert same == pytest.approx(column, nan_ok=True), name


def test_cadence_is_told_in_baskets_and_days():
    past = bought([("ann", day, {"milk"}) for day in (1, 8, 15, 22)], ITEMS)
    habits = habits_of(baskets_of(past, now=int(past.time_N.max()) + 7 * 86400))
    told = {name: float(column[0]) for name, column in habits.columns.items()}
    assert told["gap_days"] == pytest.approx(7)
    assert told["gap"] == pytest.approx(1)
    assert told["gap_spread"] == pytest.approx(0, abs=1e-3)
    assert told["days_since"] == pytest.approx(7)
