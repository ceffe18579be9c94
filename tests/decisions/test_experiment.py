"""Effects of experiments: intervals that hold as often as they say, also when one looks often."""

import numpy as np
import pytest
from scipy import stats

from penchant.decisions.experiment import Outcome, effects
from penchant.decisions.power import smallest_effect, units_needed
from penchant.decisions.sequential import always_valid, bounded_mean
from penchant.errors import DataError, SettingsError

EFFECT = 0.3


def shop(rng, users=2000, effect=EFFECT):
    """Customers whose spend before and after hang together, dealt by lot."""
    taste_U = rng.gamma(2.0, 1.0, users)
    arm_U = np.where(rng.random(users) < 0.5, "new", "control")
    before_U = taste_U + rng.normal(0, 0.5, users)
    after_U = taste_U + rng.normal(0, 0.5, users) + effect * (arm_U == "new")
    return arm_U, after_U, before_U


def only(arm_U, outcome, **asked):
    (found,) = effects(arm_U, outcome, "control", **asked)
    return found


def test_without_a_covariate_it_is_welch():
    arm_U, after_U, _ = shop(np.random.default_rng(1))
    found = only(arm_U, Outcome(value_U=after_U))
    other = stats.ttest_ind(after_U[arm_U == "new"], after_U[arm_U == "control"], equal_var=False)
    assert found.value == pytest.approx(
        after_U[arm_U == "new"].mean() - after_U[arm_U == "control"].mean()
    )
    assert found.chance == pytest.approx(other.pvalue, rel=0.1)
    assert found.low == pytest.approx(other.confidence_interval().low, abs=1e-3)
    assert found.relative == pytest.approx(found.value / found.control_mean)


def test_a_covariate_narrows_without_shifting():
    arm_U, after_U, before_U = shop(np.random.default_rng(2))
    plain = only(arm_U, Outcome(value_U=after_U))
    cuped = only(arm_U, Outcome(value_U=after_U, covariate_U=before_U))
    explained = np.corrcoef(after_U, before_U)[0, 1] ** 2
    assert cuped.reduction == pytest.approx(explained, abs=0.03)
    assert cuped.high - cuped.low < 0.6 * (plain.high - plain.low)
    assert cuped.low < EFFECT < cuped.high
    assert cuped.smallest < plain.smallest


@pytest.mark.parametrize("kind", ["mean", "cuped", "ratio", "ratio cuped"])
def test_intervals_hold_as_often_as_they_say(kind):
    rng, held, runs = np.random.default_rng(3), 0, 400
    for _ in range(runs):
        arm_U, after_U, before_U = shop(rng, users=600)
        outcome, truth = Outcome(value_U=after_U), EFFECT
        if kind == "cuped":
            outcome = Outcome(value_U=after_U, covariate_U=before_U)
        if kind.startswith("ratio"):
            # Orders of each customer, all worth 5 and in the new arm 5.3 on average.
            orders_U, earlier_U = 1 + rng.poisson(before_U.clip(0)), 1 + rng.poisson(3, 600)
            worth_U = rng.normal(5, 1, 600)
            value_U = orders_U * (worth_U + EFFECT * (arm_U == "new"))
            past_U = earlier_U * worth_U
            parts = {"covariate_U": past_U, "covariate_per_U": earlier_U * 1.0}
            outcome = Outcome(
                value_U=value_U, per_U=orders_U * 1.0, **(parts if "cuped" in kind else {})
            )
        found = only(arm_U, outcome)
        held += found.low <= truth <= found.high
    assert held / runs == pytest.approx(0.95, abs=0.03)


def test_peeking_spoils_plain_intervals_and_not_those_that_are_always_valid():
    rng, runs, looks = np.random.default_rng(4), 200, range(200, 4001, 200)
    fooled = {"plain": 0, "always": 0}
    for _ in range(runs):
        arm_U, after_U, before_U = shop(rng, users=4000, effect=0.0)
        seen = []
        for n in looks:
            part = Outcome(value_U=after_U[:n], covariate_U=before_U[:n])
            found = only(arm_U[:n], part, planned=2000)
            seen.append((found.low > 0 or found.high < 0, found.chance_always < 0.05))
            assert (found.low_always > 0 or found.high_always < 0) == seen[-1][1]
        plain, always = np.any(seen, axis=0)
        fooled["plain"] += plain
        fooled["always"] += always
    assert fooled["plain"] / runs > 0.15
    assert fooled["always"] / runs < 0.05


def test_bounded_means_hold_at_every_unit_from_the_first():
    rng, runs, missed = np.random.default_rng(5), 200, 0
    for _ in range(runs):
        low_N, high_N = bounded_mean(rng.binomial(1, 0.1, 2000).astype(float))
        missed += bool(((low_N > 0.1) | (high_N < 0.1)).any())
    assert missed / runs < 0.05
    assert high_N[-1] - low_N[-1] < 0.08
    wide_N = bounded_mean(np.array([4.0, 6.0]), low=0, high=10)[1]
    assert wide_N.tolist() == [10.0, 10.0]
    with pytest.raises(DataError, match=r"\[0, 1\]; found 4 to 6"):
        bounded_mean(np.array([4.0, 6.0]))


def test_the_always_valid_margin_is_tightest_near_what_was_planned():
    ratio = [
        always_valid(0.0, 1.0, n, planned=10_000).margin / stats.norm.ppf(0.975)
        for n in (100, 10_000, 1_000_000)
    ]
    assert ratio[1] < 1.6 < min(ratio[0], ratio[2])


def test_what_is_needed_finds_the_effect_as_often_as_asked():
    units = units_needed(2.0, 0.25)
    assert smallest_effect(2.0, units) == pytest.approx(0.25, rel=0.01)
    rng, runs = np.random.default_rng(6), 300
    arm_U = np.where(np.arange(units) % 2, "new", "control")
    found = 0
    for _ in range(runs):
        value_U = rng.normal(0, 2.0, units) + 0.25 * (arm_U == "new")
        found += only(arm_U, Outcome(value_U=value_U)).low > 0
    assert found / runs == pytest.approx(0.8, abs=0.07)
    with pytest.raises(SettingsError, match="effect of 0"):
        units_needed(1.0, 0.0)


def test_several_arms_share_the_error():
    rng = np.random.default_rng(7)
    arm_U = rng.choice(["a", "b", "control"], 3000)
    value_U = rng.normal(size=3000)
    both = effects(arm_U, Outcome(value_U=value_U), "control")
    alone = only(arm_U[arm_U != "b"], Outcome(value_U=value_U[arm_U != "b"]))
    assert [one.arm for one in both] == ["a", "b"]
    assert both[0].high - both[0].low > alone.high - alone.low


def test_what_cannot_be_told_is_said():
    arm_U = np.array(["control", "new"] * 200)
    nothing = only(arm_U, Outcome(value_U=np.zeros(400)))
    assert np.isnan(nothing.low)
    assert np.isnan(nothing.relative)
    assert "no interval" in nothing.notes[0]
    rare_U = np.zeros(400)
    rare_U[:3] = 1
    assert "customers in an arm" in only(arm_U, Outcome(value_U=rare_U)).notes[0]


@pytest.mark.parametrize(
    ("arms", "outcome", "why"),
    [
        (["a", "b", "b"], {"value_U": [1, 2, 3]}, "'control'"),
        (["control", "b", "b"], {"value_U": [1, 2, 3]}, "at least two"),
        (["control", "control", "b", "b"], {"value_U": [1] * 4, "per_U": [0, 0, 1, 1]}, "up to 0"),
        (["control", "b"], {"value_U": [1, np.nan]}, "finite number"),
        (["control", "b"], {"value_U": [1, 2], "covariate_U": [1]}, "covariate_U"),
    ],
)
def test_what_is_no_experiment_is_refused(arms, outcome, why):
    parts = {name: np.array(part, dtype=float) for name, part in outcome.items()}
    with pytest.raises(DataError, match=why):
        effects(np.array(arms), Outcome(**parts), "control")
