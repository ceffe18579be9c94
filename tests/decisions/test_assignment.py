"""Who gets which arm: always the same, by the weights, and apart where it must be."""

import numpy as np
import pytest

from penchant.decisions.assignment import NOBODY, Layer, Plan, Split, arms_of, sample_ratio
from penchant.errors import RecipeError, SettingsError

USERS = [f"C{number}" for number in range(20_000)]


def share(names, name):
    return float((np.asarray(names) == name).mean())


def test_an_arm_depends_on_the_id_alone():
    split = Split(salt="banner", weights={"control": 1, "new": 1})
    arms = split.assign(USERS)
    assert (split.assign(USERS[::-1])[::-1] == arms).all()
    assert split.assign(["C7"])[0] == arms[7]
    # Fixed for good: another answer would deal everybody anew.
    assert "".join(arm[0] for arm in arms[:12]) == "nnnnnncnnncn"


def test_arms_are_as_large_as_their_weights():
    arms = Split(salt="banner", weights={"control": 70, "a": 20, "b": 10}).assign(USERS)
    counts = [int((arms == name).sum()) for name in ("control", "a", "b")]
    assert sample_ratio(counts, [70, 20, 10]).ok
    assert share(arms, "b") == pytest.approx(0.1, abs=0.01)


def test_another_salt_deals_anew():
    first, second = (
        Split(salt=salt, weights={"control": 1, "new": 1}).assign(USERS) == "new"
        for salt in ("one", "two")
    )
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.03)


def test_experiments_of_a_layer_never_meet_and_stay_when_another_comes():
    layer = Layer(salt="home page", shares={"banner": 0.3, "order": 0.3})
    before = layer.experiment(USERS)
    assert share(before, "banner") == pytest.approx(0.3, abs=0.02)
    assert share(before, NOBODY) == pytest.approx(0.4, abs=0.02)
    after = Layer(salt="home page", shares={"banner": 0.3, "order": 0.3, "price": 0.4})
    kept = before != NOBODY
    assert (after.experiment(USERS)[kept] == before[kept]).all()
    assert not share(after.experiment(USERS), NOBODY)


def test_arms_within_a_layer_are_independent_of_it():
    inside = Layer(salt="home page", shares={"banner": 0.5}).experiment(USERS) == "banner"
    arms = Split(salt="banner", weights={"control": 1, "new": 1}).assign(USERS)
    assert share(arms[inside], "new") == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: Split(salt="x", weights={"control": 1}), "two arms"),
        (lambda: Split(salt="x", weights={"control": 1, "new": 0}), "above 0"),
        (lambda: Split(salt="x", weights={"control": 1, "new": float("inf")}), "above 0"),
        (lambda: Layer(salt="x", shares={"a": 0.7, "b": 0.4}), "add up to 1.1"),
    ],
)
def test_what_makes_no_split_is_refused(made, why):
    with pytest.raises(SettingsError, match=why):
        made()


def test_a_mismatch_is_found_and_chance_is_not_called_one():
    assert not sample_ratio([10_000, 10_600], [1, 1]).ok
    rng = np.random.default_rng(0)
    heads = rng.binomial(1000, 0.5, size=2000)
    called = [not sample_ratio([int(n), 1000 - int(n)], [1, 1]).ok for n in heads]
    assert np.mean(called) < 0.004


def test_plans_are_dealt_by_weight_share_and_layer():
    even = {"control": 1.0, "new": 1.0}
    plans = {
        "banner": Plan(arms=even, share=0.5, layer="home"),
        "order": Plan(arms=even, share=0.5, layer="home"),
        "price": Plan(arms={"control": 3.0, "high": 1.0}),
    }
    dealt = arms_of(plans, USERS)
    banner, order, price = (dealt[name] for name in plans)
    assert ((banner == NOBODY) != (order == NOBODY)).all()  # one of the two, and never both
    assert (banner != NOBODY).mean() == pytest.approx(0.5, abs=0.03)
    assert set(price) == {"control", "high"}
    assert (price == "high").mean() == pytest.approx(0.25, abs=0.03)
    assert (price[banner == "new"] == "high").mean() == pytest.approx(0.25, abs=0.05)
    later = arms_of(plans | {"logo": Plan(arms=even)}, USERS)
    assert all((later[name] == dealt[name]).all() for name in plans)


def test_a_plan_that_cannot_be_dealt_is_refused():
    even = {"control": 1.0, "new": 1.0}
    with pytest.raises(RecipeError, match="two or more"):
        Plan(arms={"control": 1.0})
    with pytest.raises(RecipeError, match="control = 0"):
        Plan(arms=even | {"control": 0.0})
    with pytest.raises(RecipeError, match="share"):
        Plan(arms=even, share=1.5)
    full = {name: Plan(arms=even, share=0.6, layer="home") for name in ("a", "b")}
    with pytest.raises(SettingsError, match=r"add up to 1\.2"):
        arms_of(full, USERS)
