"""Walks lead from what a user buys to what those buy who buy it too."""

from functools import cache

import numpy as np
import pytest

from models.shops import TASK, history_of
from penchant.errors import RecipeError
from penchant.interest.history import History
from penchant.interest.outcome import outcome
from penchant.models import RECIPES

Walk = RECIPES["walk"]
RARE, POPULAR, CUTOFF = 1, 0, 40
methods = pytest.mark.parametrize("method", ["rp3beta", "ease"])


@cache
def rare_beside_popular() -> History:
    """A rare topic, bought now and then by those users only who buy a popular one."""
    rng = np.random.default_rng(0)
    rate_UT = np.full((400, 8), 0.1)
    rate_UT[:200, POPULAR], rate_UT[200:, POPULAR] = 0.3, 0.0
    rate_UT[200:, 2] = 0.3  # the others buy as much
    rate_UT[:200, RARE], rate_UT[200:, RARE] = 0.01, 0.0
    return history_of(rng.poisson(rate_UT[:, :, None], size=(400, 8, CUTOFF + 8)))


def loss_on_rare(recipe) -> float:
    """Log loss of the rare topic's chances for those who never bought it."""
    past = rare_beside_popular().until(CUTOFF)
    chance_UW = recipe.fit(past, TASK).predict(past).chance_UTW[:, RARE]
    came = outcome(rare_beside_popular(), past.interest.users_U, CUTOFF, TASK).count_UTW[:, RARE]
    cold_U = past.interest.count_UT(("purchase",), 0, CUTOFF)[:, RARE] == 0
    told_UW = np.where(came > 0, chance_UW, 1 - chance_UW)[cold_U]
    return float(-np.log(told_UW).mean())


@methods
def test_a_rare_topic_is_forecast_from_the_one_it_is_bought_with(method):
    assert loss_on_rare(Walk(method=method)) < 0.97 * loss_on_rare(RECIPES["gamma_poisson"]())


@methods
def test_a_user_of_one_basket_is_led_to_what_goes_with_it(method):
    model = Walk(method=method).fit(rare_beside_popular().until(CUTOFF), TASK)
    count_UTS = np.zeros((3, 8, CUTOFF))
    count_UTS[0, POPULAR, -1] = count_UTS[1, 2, -1] = 1  # and a third who did nothing
    volume_UT = model.predict(history_of(count_UTS)).volume_UTW[:, :, 0]
    assert volume_UT[0, RARE] > 1.3 * volume_UT[1, RARE]
    assert (volume_UT > 0).all()


def test_a_walk_is_that_of_rp3beta():
    count_UTS = np.random.default_rng(0).poisson(0.3, size=(12, 4, 9))
    history = history_of(count_UTS)
    recipe = Walk(method="rp3beta", power=1.3, damping=0.4, half_life=np.inf)
    taste_UT = np.log1p(count_UTS.sum(axis=2))
    to_topic_UT = (taste_UT / taste_UT.sum(axis=1, keepdims=True)) ** 1.3
    to_user_TU = (taste_UT / taste_UT.sum(axis=0)).T ** 1.3
    score_UT = to_topic_UT @ to_user_TU @ to_topic_UT / taste_UT.sum(axis=0) ** 0.4
    expected = score_UT / score_UT.sum(axis=1, keepdims=True)
    found = recipe.reach(history, TASK).led_UT(history, TASK, np.full(4, 0.25))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_where_baskets_tell_nothing_the_graph_gets_no_part():
    """Everyone has the same tastes, so that nobody's baskets tell of other topics."""
    rng = np.random.default_rng(0)
    alike = history_of(rng.poisson(0.3, size=(200, 5, 36)))
    told = Walk().fit(rare_beside_popular(), TASK).counter.part
    assert Walk().fit(alike, TASK).counter.part < told


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "pagerank"}, "rp3beta, ease"),
        ({"parts": (0.5, 1.0)}, "below 1"),
        ({"parts": ()}, "one or more"),
        ({"strengths": (0.0,)}, "above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(RecipeError, match=said):
        Walk(**wrong)
