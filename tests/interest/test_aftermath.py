"""What came of a customer after a cutoff: money, and what was bought first."""

import numpy as np
import pytest

from models.shops import history_of
from penchant.errors import HistoryError
from penchant.interest.outcome import first_share, spend
from penchant.interest.task import Task, Window

TASK = Task(windows=(Window(0, 2), Window(2, 4)))


@pytest.fixture
def shop():
    """Three users, two topics, eight weeks; each purchase costs 2."""
    count_UTS = np.zeros((3, 2, 8), dtype=int)
    count_UTS[0, 0, 3] = 9  # before the cutoff
    count_UTS[0, 0, 5], count_UTS[0, 1, 5] = 3, 1  # the first step of user 0
    count_UTS[0, 1, 6] = 5
    count_UTS[1, 1, 7] = 2
    return history_of(count_UTS)


def test_money_is_that_of_each_window(shop):
    spend_UW = spend(shop, shop.interest.users_U, 4, TASK)
    assert spend_UW.tolist() == [[8, 10], [0, 4], [0, 0]]


def test_what_shares_the_first_step_shares_being_first(shop):
    first_UT = first_share(shop, shop.interest.users_U, 4, TASK)
    assert first_UT.tolist() == [[0.75, 0.25], [0, 1], [0, 0]]


def test_users_may_be_asked_in_any_order(shop):
    users_U = shop.interest.users_U[::-1]
    assert spend(shop, users_U, 4, TASK)[2].tolist() == [8, 10]


def test_a_future_that_is_not_known_is_refused(shop):
    with pytest.raises(HistoryError, match="needs 4 steps"):
        first_share(shop, shop.interest.users_U, 6, TASK)
