"""Interactions: rows in order, baskets by order or day, and cuts that count baskets anew."""

from datetime import UTC, datetime

import ibis
import numpy as np
import pandas as pd
import pytest

from penchant.errors import HistoryError
from penchant.interest.interactions import Interactions, build_interactions

ROWS = [
    # user, item, time, kind, order, quantity, value
    ("bo", "milk", "2024-01-02 09:00", "purchase", "7", 2.0, 3.0),
    ("bo", "bread", "2024-01-02 09:00", "purchase", "7", None, None),
    ("bo", "eggs", "2024-01-02 08:00", "purchase", "6", 1.0, 2.5),
    ("bo", "milk", "2024-01-01 08:00", "view", None, None, None),
    ("al", "tea", "2024-01-03 10:00", "purchase", None, 1.0, 4.0),
    ("al", "milk", "2024-01-03 23:00", "purchase", None, 1.0, 1.5),
    ("al", "tea", "2024-01-04 01:00", "purchase", None, 1.0, 4.0),
    ("al", None, "2024-01-04 02:00", "purchase", None, 1.0, 4.0),
]
NAMES = ["user", "item", "time", "kind", "order", "quantity", "value"]


def built(*kinds: str) -> Interactions:
    frame = pd.DataFrame(ROWS, columns=NAMES)
    frame["time"] = pd.to_datetime(frame["time"])
    return build_interactions(ibis.memtable(frame), kinds)


def items(found: Interactions) -> list[str]:
    return found.items_I[found.item_N].tolist()


def test_rows_are_sorted_by_user_basket_and_time():
    found = built("purchase")
    assert found.users_U.tolist() == ["al", "bo"]
    assert items(found) == ["tea", "milk", "tea", "eggs", "bread", "milk"]
    assert found.start_U.tolist() == [0, 3, 6]


def test_a_basket_is_an_order_or_a_day():
    found = built("purchase")
    assert found.basket_N.tolist() == [0, 0, 1, 2, 3, 3]
    assert found.start_A.tolist() == [0, 2, 3, 4, 6]


def test_what_is_unknown_says_so():
    found = built("purchase")
    bread = items(found).index("bread")
    assert found.quantity_N[bread] == 1
    assert np.isnan(found.money_N[bread])


def test_the_past_of_a_moment_ends_before_it():
    found = built("purchase", "view").until(datetime(2024, 1, 3, 23, tzinfo=UTC))
    assert items(found) == ["tea", "milk", "eggs", "bread", "milk"]
    assert found.shape == (2, 4)
    assert found.basket_N.tolist() == [0, 1, 2, 3, 3]


def test_some_users_in_another_order():
    found = built("purchase").only(np.array([1, 0]))
    assert found.users_U.tolist() == ["bo", "al"]
    assert items(found) == ["eggs", "bread", "milk", "tea", "milk", "tea"]
    assert found.basket_N.tolist() == [0, 1, 1, 2, 2, 3]


def test_items_are_numbered_as_elsewhere_and_strange_ones_left_out():
    found = built("purchase").among(np.array(["beer", "bread", "milk", "tea"]))
    assert items(found) == ["tea", "milk", "tea", "bread", "milk"]
    assert found.shape == (2, 4)


def test_of_users_who_may_have_done_nothing():
    found = built("purchase").of(np.array(["bo", "cy", "al"]))
    assert found.users_U.tolist() == ["bo", "cy", "al"]
    assert found.start_U.tolist() == [0, 3, 3, 6]
    assert items(found) == ["eggs", "bread", "milk", "tea", "milk", "tea"]


def test_no_event_with_an_item_is_refused():
    with pytest.raises(HistoryError, match="refund names an item"):
        built("refund")
