"""An audience answers to what it is shown, and patience pays with it."""

import numpy as np
import pytest

from penchant.data.shop import Shop
from penchant.data.worlds import WORLDS
from penchant.decisions.audience import FEATURES, Audience, Habits
from penchant.decisions.offpolicy import Feedback
from penchant.decisions.policy import SoftmaxPolicy, returns
from penchant.decisions.scorer import Training

STEPS, TOPICS = 30, 8


@pytest.fixture(scope="module")
def audience():
    truth = WORLDS["biased"](Shop(users=500, topics=TOPICS, steps=8)).truth
    share_UT = truth.rate_UTS.mean(axis=2)
    share_UT = share_UT / share_UT.sum(axis=1, keepdims=True)
    return Audience(truth.exposure.affinity_UT.astype(float), share_UT.astype(float), Habits())


def evenly(option_NTF, rng):
    count = len(option_NTF)
    return rng.integers(0, TOPICS, count), np.full(count, 1 / TOPICS)


def greedily(option_NTF, _):
    forecast_NT = option_NTF[:, :, FEATURES.index("forecast")]
    return forecast_NT.argmax(axis=1), np.ones(len(option_NTF))


def test_the_same_topic_bores_and_rest_helps(audience):
    rng, mood = np.random.default_rng(0), audience.start()
    favourite_U = audience.interest_UT.argmax(axis=1)
    came = []
    for _ in range(6):
        mood, came_U = audience.react(mood._replace(here_U=mood.here_U | True), favourite_U, rng)
        came.append(came_U.mean())
    assert came[-1] < 0.6 * came[0]
    bored = mood.bored_UT.max()
    mood, _ = audience.react(mood, (favourite_U + 1) % TOPICS, rng)
    assert mood.bored_UT[np.arange(500), favourite_U].max() < bored


def test_a_topic_that_was_engaged_in_grows_dear(audience):
    rng, mood = np.random.default_rng(1), audience.start()
    topic_U = audience.interest_UT.argsort(axis=1)[:, -2]
    after, came_U = audience.react(mood, topic_U, rng)
    grown_U = after.interest_UT.sum(axis=1) - mood.interest_UT.sum(axis=1)
    assert (grown_U[came_U > 0] > 0).all()
    assert (grown_U[came_U == 0] == 0).all()


def test_a_log_holds_each_users_decisions_in_order(audience):
    log = audience.visit(evenly, STEPS, seed=0)
    again = audience.visit(evenly, STEPS, seed=0)
    assert (log.feedback.reward_N == again.feedback.reward_N).all()
    rows = np.flatnonzero(log.next_N >= 0)
    assert (log.next_N[rows] > rows).all()
    assert (log.user_N[log.next_N[rows]] == log.user_N[rows]).all()
    assert (log.next_N < 0).sum() == log.users == len(log.engagements())
    assert log.option_NTF.shape == (len(log.user_N), TOPICS, len(FEATURES))
    assert log.engagements().sum() == log.feedback.reward_N.sum()


def test_a_patient_policy_beats_the_greedy_one_on_users_it_never_saw(audience):
    log = audience.some(np.arange(300)).visit(evenly, STEPS, seed=1)
    later_N = returns(log.feedback.reward_N, log.next_N)
    patient = Feedback(log.feedback.action_N, later_N, log.feedback.propensity_N)
    recipe = SoftmaxPolicy(objective="ips", training=Training(epochs=10))
    fitted = recipe.fit(patient, log.option_NTF)
    others = audience.some(np.arange(300, 500))
    best = others.visit(lambda option, _: (fitted.best(option), np.ones(len(option))), STEPS, 2)
    greedy = others.visit(greedily, STEPS, 2)
    apart_U = best.engagements() - greedy.engagements()
    assert apart_U.mean() > 3 * apart_U.std() / np.sqrt(len(apart_U))
