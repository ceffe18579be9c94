"""What goes together, and who is alike, on shops small enough to work out by hand."""

import numpy as np
import pytest
from carts import bought, goods_of, named

from penchant.recommend.candidates import Asked
from penchant.recommend.ease import Ease
from penchant.recommend.neighbours import ItemNeighbours, UserNeighbours
from penchant.recommend.repeat import baskets_of

ITEMS = ["honey", "mustard", "sausage", "tea"]
BASKETS = [
    *((f"t{user}", 1, {"tea", "honey"}) for user in range(5)),
    *((f"s{user}", 1, {"sausage", "mustard"}) for user in range(5)),
    ("m", 1, {"tea", "mustard"}),
]
PAST = bought(BASKETS, ITEMS)
NEW = bought([("x", 5, {"tea"}), ("y", 5, {"sausage"})], ITEMS)


@pytest.fixture(
    params=[ItemNeighbours(), UserNeighbours(), Ease(penalty=1.0)], ids=["items", "users", "ease"]
)
def fitted(request):
    return request.param.fit(PAST, goods_of(PAST))


def test_what_goes_together_is_proposed_to_newcomers(fitted):
    best = named(NEW, fitted.propose(Asked(NEW), 2))
    assert best["x"][0] == "honey"
    assert best["y"][0] == "mustard"


def test_nothing_that_a_user_has_is_proposed(fitted):
    score_BI = fitted.propose(Asked(PAST), 4)
    had = set(zip(PAST.user_N.tolist(), PAST.item_N.tolist(), strict=True))
    assert not had & set(zip(*(part.tolist() for part in score_BI.nonzero()), strict=True))


def test_users_without_a_past_get_nothing(fitted):
    empty = NEW.where(NEW.user_N > 0)
    assert named(empty, fitted.propose(Asked(empty), 2))["x"] == []


def test_a_user_is_no_neighbour_of_their_own():
    near_BU = UserNeighbours().fit(PAST, goods_of(PAST)).near(baskets_of(PAST))
    assert not near_BU.diagonal().any()
    assert near_BU.sum(axis=1) == pytest.approx(np.ones(len(PAST.users_U)), abs=1e-5)


def test_only_some_users_are_kept_where_there_are_many():
    few = UserNeighbours(most_users=4).fit(PAST, goods_of(PAST))
    assert len(few.users_U) == 4
    assert few.propose(Asked(PAST), 2).shape == PAST.shape


def test_popular_items_are_reached_less_with_more_beta():
    crowd = [(f"c{user}", 1, {"honey"}) for user in range(50)]
    past = bought([*BASKETS, *crowd, ("m2", 1, {"tea", "mustard"})], ITEMS)
    new = bought([("x", 5, {"tea"})], ITEMS)
    strict = ItemNeighbours(beta=2.0).fit(past, goods_of(past)).propose(Asked(new), 2)
    mild = ItemNeighbours(beta=0.0).fit(past, goods_of(past)).propose(Asked(new), 2)
    assert named(new, mild)["x"][0] == "honey"
    assert named(new, strict)["x"][0] == "mustard"


def test_ease_is_what_its_closed_form_says():
    fitted = Ease(penalty=2.0).fit(PAST, goods_of(PAST))
    bought_UI = np.zeros(PAST.shape)
    bought_UI[PAST.user_N, PAST.item_N] = 1
    inverse_II = np.linalg.inv(bought_UI.T @ bought_UI + 2 * np.eye(4))
    weight_II = inverse_II / -np.diag(inverse_II)
    np.fill_diagonal(weight_II, 0)
    assert fitted.weight_KK == pytest.approx(weight_II, abs=1e-6)
    assert (weight_II < 0).any()


def test_ease_keeps_the_most_bought_and_says_what_led_to_each():
    past = bought([*BASKETS, *((f"h{user}", 1, {"honey", "tea"}) for user in range(3))], ITEMS)
    few = Ease(penalty=1.0, most_items=2).fit(past, goods_of(past))
    assert few.kept_K.tolist() == [0, 3]  # honey and tea
    proposed = few.propose(Asked(NEW), 3)
    assert named(NEW, proposed) == {"x": ["honey"], "y": []}
    row_N, item_N = (part.astype(np.int32) for part in proposed.nonzero())
    assert few.because(Asked(NEW), row_N, item_N).tolist() == [3]
    every = Ease(penalty=1.0).fit(past, goods_of(past))
    row_N, item_N = np.array([0, 1, 1]), np.array([0, 1, 3])
    assert every.because(Asked(NEW), row_N, item_N).tolist() == [3, 2, -1]
