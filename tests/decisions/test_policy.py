"""Policies learned from a log beat the one that wrote it, and patient ones the hasty."""

import sys

import numpy as np
import pytest

from penchant.decisions.conservative import ConservativeQ
from penchant.decisions.offpolicy import Feedback
from penchant.decisions.policy import OBJECTIVES, SoftmaxPolicy, returns
from penchant.decisions.reward import Expected
from penchant.decisions.scorer import Training
from penchant.errors import DataError, RecipeError

QUICK = Training(epochs=15, batch=256)
UNITS, OPTIONS = 3000, 5


@pytest.fixture(scope="module")
def log():
    """Options of which those with a high first and a low second feature please."""
    rng = np.random.default_rng(0)
    option_NAF = rng.normal(size=(UNITS, OPTIONS, 3)).astype(np.float32)
    worth_NA = 1 / (1 + np.exp(1 - 1.5 * option_NAF[:, :, 0] + option_NAF[:, :, 1]))
    odds_NA = np.exp(0.5 * option_NAF[:, :, 2])  # the log goes by what doesn't matter
    chance_NA = odds_NA / odds_NA.sum(axis=1, keepdims=True)
    action_N = (rng.random((UNITS, 1)) < chance_NA.cumsum(axis=1)).argmax(axis=1)
    rows_N = np.arange(UNITS)
    reward_N = (rng.random(UNITS) < worth_NA[rows_N, action_N]).astype(np.float64)
    feedback = Feedback(action_N, reward_N, chance_NA[rows_N, action_N])
    return feedback, option_NAF, worth_NA, chance_NA


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_is_learned_beats_what_was_logged(log, objective):
    feedback, option_NAF, worth_NA, chance_NA = log
    expected_NA = Expected().of(feedback, option_NAF.astype(np.float64))
    recipe = SoftmaxPolicy(objective=objective, training=QUICK)
    fitted = recipe.fit(feedback, option_NAF, expected_NA)
    found_NA = fitted.chances(option_NAF)
    assert found_NA.sum(axis=1) == pytest.approx(1.0)
    logged, learned = (
        float((part * worth_NA).sum(axis=1).mean()) for part in (chance_NA, found_NA)
    )
    best = worth_NA.max(axis=1).mean()
    assert learned - logged > 0.5 * (best - logged)
    assert (fitted.best(option_NAF) == found_NA.argmax(axis=1)).all()
    again = recipe.fit(feedback, option_NAF, expected_NA)
    assert (again.chances(option_NAF) == found_NA).all()


def test_returns_follow_each_users_own_decisions():
    reward, follows = np.array([1.0, 0.0, 1.0, 1.0]), np.array([2, 3, -1, -1])
    assert returns(reward, follows, 0.5).tolist() == [1.5, 0.5, 1.0, 1.0]


def test_conservative_q_gives_up_a_little_now_for_more_later():
    """The first option pays 1 and ends it; the second pays nothing, and 3 at the next step."""
    rng, sequences = np.random.default_rng(1), 600
    option = np.zeros((2 * sequences, 2, 3), dtype=np.float32)
    option[:, 1, 0] = 1  # which option
    option[sequences:, :, 1] = 1  # the second step
    option[:, :, 2] = rng.normal(size=(2 * sequences, 2))
    first = rng.integers(0, 2, sequences)
    action = np.concatenate([first, rng.integers(0, 2, sequences)])
    follows = np.concatenate([np.where(first == 1, np.arange(sequences) + sequences, -1)] * 2)
    follows[sequences:] = -1
    kept = np.concatenate([np.ones(sequences, bool), first == 1])
    place = np.append(kept.cumsum() - 1, -1)
    reward = np.concatenate([(first == 0) * 1.0, np.full(sequences, 3.0)])
    training = Training(epochs=60, batch=256)
    now, later = (
        ConservativeQ(discount=discount, training=training)
        .fit(action[kept], reward[kept], place[follows[kept]], option[kept])
        .best(option[:sequences])
        .mean()
        for discount in (0.0, 0.9)
    )
    assert now < 0.1
    assert later > 0.9


def test_what_cannot_be_learned_from_is_refused(log, monkeypatch):
    feedback, option_NAF, _, _ = log
    with pytest.raises(RecipeError, match="'ips'"):
        SoftmaxPolicy(objective="isp")
    with pytest.raises(RecipeError, match="expected_NA"):
        SoftmaxPolicy(objective="dr").fit(feedback, option_NAF)
    below = Feedback(feedback.action_N, feedback.reward_N - 1, feedback.propensity_N)
    with pytest.raises(DataError, match="at least 0; found -1"):
        SoftmaxPolicy().fit(below, option_NAF)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RecipeError, match=r"needs the package torch"):
        SoftmaxPolicy().fit(feedback, option_NAF)
