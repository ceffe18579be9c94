"""Policies tried on an audience of a planted world: learned from one log, tried on other users."""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import numpy as np

from penchant import columns as c
from penchant.data.shop import Shop
from penchant.data.step import Step
from penchant.data.worlds import WORLDS
from penchant.decisions.audience import Audience, Habits, Policy, Visits
from penchant.decisions.bandit import Belief, LinThompson, LinUCB
from penchant.decisions.conservative import ConservativeQ
from penchant.decisions.offpolicy import Feedback
from penchant.decisions.policy import SoftmaxPolicy, returns
from penchant.decisions.reward import Expected
from penchant.interest.history import build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models import RECIPES

WORLD, TOPICS, WEEKS = "biased", 12, 52
LOGGED, TRIED = 800, 800  # users
STEPS = 40  # showings of a user who stays
FORECAST = 0  # place among the features
HEAT = 1.0  # of the policy that logs: chances go with the forecast's shares
UNIFORM = 0.2  # part of its showings that are any topic's alike


@dataclass(frozen=True)
class Tried:
    """Engagements of each user under each policy, all with the same users and dice."""

    engagements_U: dict[str, np.ndarray]


def audience(seed: int, habits: Habits) -> Audience:
    """Users of a world, and what a forecast by their purchases says of them."""
    shop = Shop(users=LOGGED + TRIED, topics=TOPICS, steps=WEEKS, seed=seed)
    world = WORLDS[WORLD](shop)
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    bought = events.filter(events[c.KIND] == "purchase")
    history = build_history(
        bought, choose_topics(bought, catalog, level=2, floor=0), step=Step.WEEK
    )
    task = Task(windows=(Window(0, 4),))
    forecast = RECIPES["gamma_poisson"]().fit(history, task).predict(history)
    volume_UT = np.asarray(forecast.volume_UTW[:, :, 0], dtype=np.float64)
    users = {str(name): row for row, name in enumerate(forecast.users_U)}
    topics = {str(name): place for place, name in enumerate(forecast.topics_T)}
    row_U = np.array([users.get(str(name), -1) for name in world.truth.users_U])
    place_T = np.array([topics[str(name)] for name in world.truth.topics_T])
    volume_UT = np.vstack([volume_UT, volume_UT.mean(axis=0)])[row_U][:, place_T]
    assert world.truth.exposure is not None
    affinity_UT = world.truth.exposure.affinity_UT.astype(np.float64)
    return Audience(affinity_UT, volume_UT / volume_UT.sum(axis=1, keepdims=True), habits)


def sure(choose: Callable[[np.ndarray], np.ndarray]) -> Policy:
    """A policy that always takes its best."""
    return lambda option_NTF, _: (choose(option_NTF), np.ones(len(option_NTF)))


def drawn(chances: Callable[[np.ndarray], np.ndarray]) -> Policy:
    """A policy that draws by its chances."""

    def choose(option_NTF: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chance_NT = chances(option_NTF)
        beyond_NT = rng.random((len(chance_NT), 1)) < chance_NT.cumsum(axis=1)
        topic_N = beyond_NT.argmax(axis=1)
        return topic_N, chance_NT[np.arange(len(topic_N)), topic_N]

    return choose


def logging_chances(option_NTF: np.ndarray) -> np.ndarray:
    """Mostly by the forecast, at times any topic."""
    odds_NT = np.exp(HEAT * option_NTF[:, :, FORECAST].astype(np.float64))
    return (1 - UNIFORM) * odds_NT / odds_NT.sum(axis=1, keepdims=True) + UNIFORM / TOPICS


def learned(log: Visits) -> dict[str, Policy]:
    """Policies by name: three to beat, then those that were learned to be patient."""
    feedback, option_NTF = log.feedback, log.option_NTF
    later_N = returns(feedback.reward_N, log.next_N)
    patient = Feedback(feedback.action_N, later_N, feedback.propensity_N)
    policies = {
        "random": drawn(lambda option_NTF: np.full(option_NTF.shape[:2], 1 / TOPICS)),
        "logging": drawn(logging_chances),
        "greedy": sure(lambda option_NTF: option_NTF[:, :, FORECAST].argmax(axis=1)),
    }
    now = SoftmaxPolicy(objective="ips").fit(feedback, option_NTF)
    policies["ips_at_once"] = sure(now.best)
    expected_NT = Expected().of(patient, option_NTF.astype(np.float64))
    for objective in ("reward_weighted", "ips", "dr", "top_k"):
        fitted = SoftmaxPolicy(objective=objective).fit(patient, option_NTF, expected_NT)
        policies[objective] = sure(fitted.best)
    quality = ConservativeQ().fit(feedback.action_N, feedback.reward_N, log.next_N, option_NTF)
    policies["conservative_q"] = sure(quality.best)
    shown_NF = option_NTF[np.arange(len(later_N)), feedback.action_N].astype(np.float64)
    belief = Belief.blank(shown_NF.shape[1]).seen(shown_NF, feedback.reward_N)
    policies["lin_ucb_at_once"] = sure(lambda option: LinUCB().choose(belief, option))
    policies["lin_thompson_at_once"] = lambda option, rng: (
        LinThompson().choose(belief, option, rng),
        np.ones(len(option)),
    )
    return policies


def trial(seed: int, habits: Habits | None = None) -> Tried:
    """Log on some users of a world, learn, and try every policy on the others."""
    everyone = audience(seed, habits or Habits())
    log = everyone.some(np.arange(LOGGED)).visit(drawn(logging_chances), STEPS, seed)
    others = everyone.some(np.arange(LOGGED, LOGGED + TRIED))
    found = {
        name: others.visit(policy, STEPS, 1000 + seed).engagements()
        for name, policy in learned(log).items()
    }
    return Tried(found)
