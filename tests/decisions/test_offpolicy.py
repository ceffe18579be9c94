"""What another policy would have earned: by the formulas of others, and against a known truth."""

import numpy as np
import pytest

from penchant.decisions.offpolicy import (
    ESTIMATORS,
    SELF_NORMALISED,
    Feedback,
    Precision,
    evaluate,
)
from penchant.decisions.reward import Expected, action_features
from penchant.errors import DataError, RecipeError

# Printed by the estimators of obp 0.4.1 (switch with tau = 1.5) for the log of `worked` below.
PUBLISHED = {
    "dm": 0.402751917169,
    "ipw": 0.838184763825,
    "snipw": 0.551769271114,
    "dr": 0.482193626122,
    "sndr": 0.455047658797,
    "switch": 0.282630277428,
}
ACTIONS = 5
VALUE_A = np.array([0.1, 0.2, 0.3, 0.4, 0.6])


def worked():
    """A log made by rules, so that anybody can make it again."""
    row, actions = np.arange(40), np.arange(4)
    action = (row * 7 + row // 3) % 4
    logged = 1.0 + (row[:, None] * 3 + actions * 5) % 7
    other = 1.0 + (row[:, None] * 5 + actions * 11) % 13
    logged, other = (part / part.sum(axis=1, keepdims=True) for part in (logged, other))
    reward = ((row * row + action) % 5 == 0) * (1.0 + row % 3)
    expected = ((row[:, None] + 2 * actions) % 9) / 10
    return Feedback(action, reward, logged[row, action]), other, expected


def drawn(rng, units=2000):
    """A log of a policy that likes low actions, a policy that likes high ones, and its value."""
    logging_A, policy_A = np.array([0.3, 0.3, 0.2, 0.1, 0.1]), np.array([0.1, 0.1, 0.2, 0.3, 0.3])
    action = rng.choice(ACTIONS, units, p=logging_A)
    reward = rng.binomial(1, VALUE_A[action]).astype(float)
    chance = np.broadcast_to(policy_A, (units, ACTIONS))
    return Feedback(action, reward, logging_A[action]), chance, float(policy_A @ VALUE_A)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_those_of_the_open_bandit_pipeline(name):
    feedback, chance, expected = worked()
    found = evaluate(feedback, chance, name, expected_NA=expected, threshold=1.5)
    assert found.value == pytest.approx(PUBLISHED[name], abs=1e-6)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "dm"])
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    rng, runs, held = np.random.default_rng(0), 150, 0
    for _ in range(runs):
        feedback, chance, truth = drawn(rng, units=800)
        expected = Expected().of(feedback, action_features(800, ACTIONS))
        found = evaluate(
            feedback, chance, name, expected_NA=expected, precision=Precision(draws=200)
        )
        held += found.low <= truth <= found.high
    assert held / runs > 0.89


def test_bernstein_intervals_hold_and_are_wide():
    feedback, chance, truth = drawn(np.random.default_rng(1))
    sure = evaluate(feedback, chance, "ipw", precision=Precision(span=3.0))
    usual = evaluate(feedback, chance, "ipw")
    assert sure.low < usual.low < truth < usual.high < sure.high
    with pytest.raises(DataError, match="more than the span"):
        evaluate(feedback, chance, "ipw", precision=Precision(span=1.0))
    for name in SELF_NORMALISED:
        with pytest.raises(RecipeError, match="empirical Bernstein"):
            evaluate(feedback, chance, name, expected_NA=chance, precision=Precision(span=3.0))


def test_decisions_that_hang_together_are_drawn_together():
    feedback, chance, _ = drawn(np.random.default_rng(2), units=500)
    ten = Feedback(*(np.repeat(part, 10) for part in vars(feedback).values()))
    chance = np.repeat(chance, 10, axis=0)
    group = np.repeat(np.arange(500), 10)
    blind, seeing = (
        evaluate(ten, chance, "snipw", precision=Precision(group_N=part)) for part in (None, group)
    )
    assert seeing.value == blind.value
    assert seeing.high - seeing.low == pytest.approx(10**0.5 * (blind.high - blind.low), rel=0.2)


def test_a_good_model_makes_doubly_robust_narrower():
    rng = np.random.default_rng(3)
    feedback, chance, _ = drawn(rng)
    noiseless = Feedback(feedback.action_N, VALUE_A[feedback.action_N], feedback.propensity_N)
    expected = np.broadcast_to(VALUE_A, chance.shape)
    plain = evaluate(noiseless, chance, "ipw")
    robust = evaluate(noiseless, chance, "dr", expected_NA=expected)
    assert robust.high - robust.low < 1e-9 < plain.high - plain.low


def test_the_same_policy_keeps_every_decision():
    feedback, _, _ = drawn(np.random.default_rng(4))
    chance = np.zeros((2000, ACTIONS))
    chance[:] = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    found = evaluate(feedback, chance, "ipw")
    assert found.value == pytest.approx(feedback.reward_N.mean())
    assert found.effective == pytest.approx(2000)
    assert not found.notes


def test_a_policy_that_the_log_does_not_tell_of_is_said_to_be_one():
    rng = np.random.default_rng(5)
    logging = np.array([0.4, 0.3, 0.29, 0.01, 0.0])
    action = rng.choice(ACTIONS, 300, p=logging)
    feedback = Feedback(action, np.ones(300), logging[action])
    chance = np.broadcast_to(np.array([0.0, 0.0, 0.0, 0.9, 0.1]), (300, ACTIONS))
    notes = " ".join(evaluate(feedback, chance, "snipw").notes)
    assert "too few" in notes
    assert "of all weight" in notes
    assert "never logged" in notes
    wrong = Feedback(action, np.ones(300), np.full(300, 0.2))
    told = evaluate(wrong, np.broadcast_to(logging, (300, ACTIONS)), "ipw").notes
    assert any("aren't those" in note for note in told)


def test_the_model_never_sees_what_it_predicts():
    feedback, _, _ = drawn(np.random.default_rng(6), units=400)
    features = action_features(400, ACTIONS)
    before = Expected().of(feedback, features)
    changed = feedback.reward_N.copy()
    changed[7] = 100
    after = Expected().of(Feedback(feedback.action_N, changed, feedback.propensity_N), features)
    assert np.allclose(before[7], after[7])
    assert not np.allclose(before, after)


@pytest.mark.parametrize(
    ("action", "reward", "propensity", "why"),
    [
        ([0, 1], [1], [0.5, 0.5], "2, 1 and 2"),
        ([], [], [], "0, 0 and 0"),
        ([0, 1], [1, 0], [0.5, 0.0], "1 propensities"),
        ([0, 1], [1, np.nan], [0.5, 0.5], "finite"),
    ],
)
def test_a_log_that_is_none_is_refused(action, reward, propensity, why):
    parts = np.array(action, dtype=np.int64), np.array(reward, float), np.array(propensity, float)
    with pytest.raises(DataError, match=why):
        Feedback(*parts)


def test_questions_that_cannot_be_answered_are_refused():
    feedback, chance, _ = worked()
    with pytest.raises(RecipeError, match="'snipw'"):
        evaluate(feedback, chance, "snipv")
    with pytest.raises(RecipeError, match="expected_NA"):
        evaluate(feedback, chance, "dr")
    with pytest.raises(DataError, match="add up to 1"):
        evaluate(feedback, chance * 2, "ipw")
    with pytest.raises(DataError, match="40 decisions"):
        evaluate(feedback, chance[:9], "ipw")
