"""Bandits find what pays, try what is unknown, and say with which chance."""

import numpy as np
import pytest

from penchant.decisions.bandit import Belief, LinThompson, LinUCB

SLOPE = np.array([0.2, -0.5, 0.8])


def run(choose, rounds=400, options=6, seed=0):
    """Reward missed in the first and the last quarter of some rounds, learning after each."""
    rng, belief, missed = np.random.default_rng(seed), Belief.blank(3), []
    for _ in range(rounds):
        option_NAF = rng.normal(size=(1, options, 3))
        worth = option_NAF[0] @ SLOPE
        taken = int(choose(belief, option_NAF, rng)[0])
        missed.append(worth.max() - worth[taken])
        reward = worth[taken] + rng.normal(0, 0.5)
        belief = belief.seen(option_NAF[0, [taken]], np.array([reward]))
    return np.mean(missed[: rounds // 4]), np.mean(missed[-rounds // 4 :])


@pytest.mark.parametrize(
    "choose",
    [
        lambda belief, option, _: LinUCB().choose(belief, option),
        lambda belief, option, rng: LinThompson().choose(belief, option, rng),
    ],
    ids=["ucb", "thompson"],
)
def test_a_bandit_learns_what_pays(choose):
    first, last = run(choose)
    assert last < 0.5 * first
    assert last < 0.05


def test_what_is_unknown_is_tried():
    belief = Belief.blank(2).seen(np.tile([1.0, 0.0], (50, 1)), np.full(50, 0.3))
    options = np.eye(2)[None]
    assert LinUCB(width=1.0).choose(belief, options)[0] == 1
    assert LinUCB(width=0.0).choose(belief, options)[0] == 0
    assert belief.mean_F[0] == pytest.approx(0.3, abs=0.01)


def test_chances_are_those_that_options_are_drawn_with():
    rng = np.random.default_rng(1)
    belief = Belief.blank(3).seen(rng.normal(size=(30, 3)), rng.normal(size=30))
    options = rng.normal(size=(1, 4, 3))
    chance = LinThompson().chances(belief, options, rng, draws=20_000)[0]
    taken = LinThompson().choose(belief, np.repeat(options, 20_000, axis=0), rng)
    assert chance.sum() == pytest.approx(1.0)
    assert np.bincount(taken, minlength=4) / 20_000 == pytest.approx(chance, abs=0.02)
