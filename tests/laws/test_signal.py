"""Every recipe finds what was planted, and nothing where nothing was.

Scored by the log loss of chances and the CRPS of counts, averaged over cells and windows.
"""

from functools import cache

import numpy as np
import pytest

from laws.trial import TASK, whole, world_history
from penchant.data.worlds import Shop
from penchant.interest import counts
from penchant.interest.model import make_forecast
from penchant.interest.outcome import outcome
from penchant.models import RECIPES

SHOP = Shop(users=300, topics=12, steps=60, seed=3)
CUTOFF = 52
REPEATS_NOISE = {"last_window", "seasonal_naive"}  # the naive forecasts themselves
KNOWS_NO_USER = {"popularity", "recent_popularity"}  # nobody's tastes, on purpose
MOST_GAIN = 0.005  # of popularity's loss, on noise: what luck may give
MOST_OVERFIT = 0.02  # of popularity's loss, on noise
LEAST_GAIN = 0.05  # of the last window's loss, on planted tastes

every_recipe = pytest.mark.parametrize("name", RECIPES)
planted = pytest.mark.parametrize("world", ["stable", "mixed"])


def uniform_guess(past):
    """The shop's mean rate for every user and topic."""
    users, topics, steps = past.interest.shape
    rate = past.interest.target_N(TASK.target).sum() / (users * topics * steps)
    length_W = np.array([window.length for window in TASK.windows])
    volume_UTW = np.broadcast_to(rate * length_W, (users, topics, len(length_W)))
    return make_forecast(past, TASK, counts.chance_of(volume_UTW, 0.0), volume_UTW)


@cache
def losses(name, world):
    """Log loss of chances and CRPS of counts."""
    history = world_history(world, SHOP)
    past = history.until(CUTOFF)
    if name == "uniform guess":
        forecast = uniform_guess(past)
    else:
        forecast = whole(name).fit(past, TASK).predict(past)
    count_UTW = outcome(history, past.interest.users_U, CUTOFF, TASK).count_UTW
    chance_UTW = np.clip(forecast.chance_UTW.astype(float), 1e-6, 1 - 1e-6)
    log_loss = -np.log(np.where(count_UTW > 0, chance_UTW, 1 - chance_UTW)).mean()
    return np.array(
        [log_loss, counts.crps(count_UTW, forecast.volume_UTW, forecast.excess_UTW).mean()]
    )


@every_recipe
@planted
def test_it_beats_a_uniform_guess_on_planted_tastes(name, world):
    assert (losses(name, world) < losses("uniform guess", world)).all()


@pytest.mark.parametrize("name", [n for n in RECIPES if n not in REPEATS_NOISE | KNOWS_NO_USER])
@planted
def test_it_beats_the_naive_forecast_on_planted_tastes(name, world):
    assert (losses(name, world) < (1 - LEAST_GAIN) * losses("last_window", world)).all()


@every_recipe
def test_it_finds_nothing_in_noise(name):
    gain = 1 - losses(name, "noise") / losses("popularity", "noise")
    assert (gain < MOST_GAIN).all(), "It claims to know what can't be known."


@pytest.mark.parametrize("name", [n for n in RECIPES if n not in REPEATS_NOISE])
def test_it_does_not_take_noise_for_signal(name):
    excess = losses(name, "noise") / losses("popularity", "noise") - 1
    assert (excess < MOST_OVERFIT).all(), "It learned what will not come again."
