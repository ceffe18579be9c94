"""Half-lives: planted fading is found, and interests that stay have none."""

import numpy as np
import pytest
from planted import KINDS, seen_world

from models.shops import history_of
from penchant.data.step import Step
from penchant.interest.halflife import HalfLife, half_lives
from penchant.interest.history import History

STEPS = 104


def fading(
    half_life: float, *, floor: float = 0.0, users: int = 500, leave: bool = False, seed: int = 0
) -> History:
    """Users with a lasting interest, and eight in which they engage less and less from a start on.

    Rates are low, so that the chance of an engagement fades as they do. Half of the users leave at
    a step of their own if `leave`.
    """
    rng = np.random.default_rng(seed)
    start_UT = rng.integers(26, STEPS - 10, size=(users, 8))
    age_UTS = np.arange(STEPS) - start_UT[:, :, None]
    left_UTS = floor + (1 - floor) * 0.5 ** (np.maximum(age_UTS, 0) / half_life)
    rate_UTS = np.concatenate(
        [np.full((users, 1, STEPS), 0.5), 0.2 * left_UTS * (age_UTS >= 0)], axis=1
    )
    count_UTS = rng.poisson(rate_UTS)
    user, topic = np.indices(start_UT.shape)
    count_UTS[user, topic + 1, start_UT] = 1
    if leave:
        gone_U = np.where(np.arange(users) % 2 == 0, rng.integers(40, STEPS, size=users), STEPS)
        count_UTS *= np.arange(STEPS) < gone_U[:, None, None]
    return history_of(count_UTS)


@pytest.mark.parametrize("half_life", [4, 8, 16])
@pytest.mark.parametrize("leave", [False, True])
def test_planted_fading_is_found(half_life, leave):
    (found,) = half_lives(fading(half_life, leave=leave), KINDS)
    assert found.half_life == pytest.approx(half_life, rel=0.2)
    assert found.low <= found.half_life <= found.high < 1.5 * half_life
    assert found.note == ""
    assert found.interests > 1000


def test_intervals_hold_the_planted_half_life():
    found = [half_lives(fading(8, users=150, seed=seed), KINDS)[0] for seed in range(12)]
    # Engagements in the same step count once, which lengthens a half-life by a few per cent.
    assert sum(one.low <= 8 * 1.04 <= one.high for one in found) >= 10


def test_a_floor_lengthens_the_half_life():
    (found,) = half_lives(fading(8, floor=0.25), KINDS)
    assert found.half_life == pytest.approx(8 * np.log2(0.75 / 0.25), rel=0.25)
    assert found.fitted_A[0] > 2 * found.fitted_A[-1] > 0
    (never,) = half_lives(fading(8, floor=0.7), KINDS)
    assert never.half_life == np.inf


def test_the_curve_is_the_strength_at_each_age():
    (found,) = half_lives(fading(8), KINDS)
    quarter = found.age_A <= 13
    assert found.observed_A[quarter].mean() == pytest.approx(1, abs=0.03)
    far = found.observed_A / found.fitted_A - 1
    assert abs(far[found.age_A <= 30].mean()) < 0.05
    assert found.age_A[0] == 1


@pytest.mark.parametrize("name", ["stable", "churning"])
def test_interests_that_stay_have_no_half_life(name):
    _, history = seen_world(name, users=400, topics=15)
    found = half_lives(history, KINDS)
    assert [one.department for one in found] == ["department 1", "department 2", "department 3"]
    for one in found:
        assert one.half_life == one.high == np.inf
        assert one.note.startswith("Half of the interests had not faded after")
        assert one.fitted_A[-1] > 0.5 * one.fitted_A[0]


def test_departments_are_told_apart():
    quick, slow = fading(4, seed=1).interest, fading(20, seed=2).interest
    count_UTS = np.zeros((500, 18, STEPS))
    for part, interest in enumerate((quick, slow)):
        place = (interest.user_N, interest.topic_N + 9 * part, interest.step_N)
        count_UTS[place] = interest.count_NK[:, 0]
    parents = ["fashion > women"] * 9 + ["garden"] * 9
    fashion, garden = half_lives(history_of(count_UTS, parents), KINDS)
    assert (fashion.department, garden.department) == ("fashion", "garden")
    assert fashion.high < 8 < 12 < garden.low


def too_few(step: Step = Step.WEEK) -> HalfLife:
    return half_lives(history_of(np.ones((3, 2, 30)), step=step), KINDS)[0]


def test_too_few_interests_say_so():
    found = too_few()
    assert np.isnan([found.half_life, found.low, found.high]).all()
    assert found.note == (
        "A half-life takes 30 new interests, with 20 repeats late in their lives; "
        "0 began, followed for 0 weeks."
    )
    assert "0 months" in too_few(Step.MONTH).note
    (single,) = half_lives(history_of(np.ones((1, 1, 1))), KINDS)
    assert np.isnan(single.half_life)


def test_the_same_seed_gives_the_same_interval():
    history = fading(8, users=100)
    first, again, other = (half_lives(history, KINDS, seed)[0] for seed in (1, 1, 2))
    assert (first.low, first.high) == (again.low, again.high)
    assert first.half_life == other.half_life


def test_a_single_user_gives_a_wide_interval():
    one = fading(8, users=1).interest
    count_UTS = np.zeros((1, 9 * 40, STEPS))
    for copy in range(40):
        count_UTS[one.user_N, one.topic_N + 9 * copy, one.step_N] = 1
    (found,) = half_lives(history_of(count_UTS), KINDS)
    assert np.isfinite(found.half_life)
    assert found.high == np.inf
    assert found.note.startswith("It may as well be longer")
