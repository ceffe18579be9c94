"""A small shop with known rates, and recipes simple enough to reason about."""

from dataclasses import dataclass

import numpy as np

from models.shops import TASK, history_of
from penchant.evaluation.case import Case
from penchant.interest import counts
from penchant.interest.history import History
from penchant.interest.model import make_forecast
from penchant.interest.outcome import outcome
from penchant.interest.task import Task

CUTOFF = 32


def rates(users: int, topics: int, seed: int = 0) -> np.ndarray:
    """Engagements per step of each user in each topic."""
    rng = np.random.default_rng(seed)
    taste_UT = rng.dirichlet(np.full(topics, 0.4), size=users)
    return taste_UT * rng.gamma(2.0, 0.3, size=(users, 1))


def shop(users: int = 60, topics: int = 12, steps: int = 40, seed: int = 0) -> History:
    """A stationary shop: Poisson counts at `rates`."""
    rate_UT = rates(users, topics, seed)
    rng = np.random.default_rng(seed + 1)
    return history_of(rng.poisson(rate_UT[:, :, None], size=(users, topics, steps)))


def case_of(history, chance_UTW, volume_UTW, *, cutoff=CUTOFF, window=0, task=TASK) -> Case:
    """A forecast with these numbers beside what the history holds after the cutoff."""
    past = history.until(cutoff, panel=True)
    forecast = make_forecast(past, task, chance_UTW, volume_UTW)
    return Case(past, task, forecast, outcome(history, past.interest.users_U, cutoff, task), window)


def random_case(seed: int = 0, digits: int | None = None, **shape) -> Case:
    """A noisy forecast of a shop; chances rounded to `digits`, so that many tie."""
    history = shop(seed=seed, **shape)
    users, topics, _ = history.interest.shape
    rng = np.random.default_rng(seed + 2)
    noise_UTW = rng.lognormal(0, 0.7, size=(users, topics, 2))
    volume_UTW = rates(users, topics, seed)[:, :, None] * 4 * noise_UTW + 1e-3
    chance_UTW = counts.chance_of(volume_UTW, 0.0)
    if digits is not None:
        chance_UTW = np.round(chance_UTW, digits)
        volume_UTW = counts.least_volume(chance_UTW)
    return case_of(history, chance_UTW, volume_UTW)


def oracle_case(*, right: bool) -> Case:
    """The truth itself as a forecast, or its opposite; every count is 0 or 3."""
    count_UTS = np.zeros((30, 8, 40), dtype=int)
    user = np.arange(30)
    count_UTS[user, user % 8, ::4] = 3
    count_UTS[user, (user + 3) % 8, 10] = 1
    history = history_of(count_UTS)
    truth = outcome(history, history.interest.users_U, CUTOFF, TASK).count_UTW
    active = truth > 0
    if right:
        return case_of(history, active.astype(float), truth)
    return case_of(history, (~active).astype(float), 20.0 * ~active)


@dataclass(frozen=True, kw_only=True)
class Steady:
    """Every cell goes on at its own past rate, mixed with the topic's."""

    strength: float = 4.0  # steps of the topic's mean rate

    def fit(self, history, task):
        return SteadyModel(self, task)


@dataclass(frozen=True)
class SteadyModel:
    recipe: Steady
    task: Task

    def predict(self, history):
        count_UT = history.interest.count_UT(self.task.target, 0, history.cutoff).astype(float)
        mean_T = count_UT.mean(axis=0) / history.cutoff
        strength = self.recipe.strength
        rate_UT = (count_UT + strength * mean_T) / (history.cutoff + strength)
        length_W = np.array([window.length for window in self.task.windows])
        volume_UTW = rate_UT[:, :, None] * length_W
        return make_forecast(history, self.task, counts.chance_of(volume_UTW, 0.0), volume_UTW)


@dataclass(frozen=True, kw_only=True)
class SmoothedShare:
    """Decayed shares with pseudo-events of popularity, at each user's own mean rate."""

    half_life: float = 12.0
    strength: float = 80.0  # pseudo-events; infinite is plain popularity

    def fit(self, history, task):
        return SmoothedShareModel(self, task)


@dataclass(frozen=True)
class SmoothedShareModel:
    recipe: SmoothedShare
    task: Task

    def predict(self, history):
        popularity_T = history.topic_count_TS(self.task.target).sum(axis=1, dtype=np.float64)
        popularity_T /= popularity_T.sum()
        decayed_UT = history.interest.decayed_UT(self.task.target, self.recipe.half_life)
        decayed_UT = decayed_UT.astype(np.float64)
        share_UT = np.broadcast_to(popularity_T, decayed_UT.shape)
        if np.isfinite(self.recipe.strength):
            total_U1 = decayed_UT.sum(axis=1, keepdims=True) + self.recipe.strength
            share_UT = (decayed_UT + self.recipe.strength * popularity_T) / total_U1
        rate_U = history.interest.count_UT(self.task.target, 0, history.cutoff).sum(axis=1)
        rate_U = (rate_U + 1) / history.cutoff
        length_W = np.array([window.length for window in self.task.windows])
        volume_UTW = (rate_U[:, None] * share_UT)[:, :, None] * length_W
        return make_forecast(history, self.task, counts.chance_of(volume_UTW, 0.0), volume_UTW)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Can't be fitted."""

    def fit(self, history, task):
        raise ZeroDivisionError("no such luck")
