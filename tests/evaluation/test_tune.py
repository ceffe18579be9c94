"""Tuning: what is found, what is kept, what is given up early, and every refusal."""

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from evaluation.toy import TASK, Steady, shop
from penchant import columns as c
from penchant.errors import ArtefactError, HistoryError, RecipeError
from penchant.evaluation.backtest import backtest
from penchant.evaluation.tune import AIMS, Plan, digest, tune
from penchant.interest.space import Between, OneOf
from penchant.interest.task import Task, Window

CUTOFFS = (32, 24)
QUICK = Plan(trials=8, draws=40)


@dataclass(frozen=True, kw_only=True)
class Tuned(Steady):
    """Strong by default, where little strength is right."""

    strength: float = 800.0
    idle: int = 3  # changes nothing

    SEARCH: ClassVar = {"strength": Between(0.5, 1000.0, log=True), "idle": Between(1, 9)}


@dataclass(frozen=True, kw_only=True)
class Idle(Steady):
    idle: int = 3  # changes nothing

    SEARCH: ClassVar = {"idle": Between(1, 9)}


@dataclass(frozen=True, kw_only=True)
class Switched(Steady):
    """Turns every forecast upside down, or fails, when told to."""

    way: str = "right"

    SEARCH: ClassVar = {"way": OneOf(("right", "wrong", "broken"))}

    def fit(self, history, task):
        if self.way == "broken":
            raise ZeroDivisionError("no such luck")
        return (
            super().fit(history, task) if self.way == "right" else Wrong(super().fit(history, task))
        )


@dataclass(frozen=True)
class Wrong:
    model: object

    def predict(self, history):
        forecast = self.model.predict(history)
        chance_UTW = (1 - forecast.chance_UTW) * np.float32(0.5)
        return replace(forecast, chance_UTW=chance_UTW, volume_UTW=chance_UTW + 1)


@pytest.fixture(scope="module")
def history():
    return shop(users=80)


@pytest.fixture(scope="module")
def found(history):
    return tune(history, Tuned(), TASK, CUTOFFS, QUICK)


def told(tuning):
    """What doesn't depend on the clock."""
    return [replace(attempt, seconds=0.0) for attempt in tuning.attempts]


def test_the_best_beats_the_recipe_as_it_came(found):
    assert found.attempts[0].parameters == {"strength": 800.0, "idle": 3}
    assert found.default == found.attempts[0]
    assert len(found.attempts) == 8
    assert found.better
    assert found.recipe == Tuned(**found.best.parameters)
    assert found.recipe.strength < 400
    assert found.best.score == max(one.score for one in found.attempts if one.state == "complete")
    assert found.gain.value == found.best.score - found.default.score
    assert 0 < found.gain.low <= found.gain.value <= found.gain.high


def test_scores_and_gain_are_those_of_a_backtest(history, found):
    recipes = {"default": Tuned(), "best": found.recipe}
    result = backtest(history, recipes, TASK, CUTOFFS, draws=QUICK.draws)
    rows = result.leaderboard("average_precision").to_pylist()
    for name, attempt in (("default", found.default), ("best", found.best)):
        mean = np.mean([row[c.VALUE] for row in rows if row[c.MODEL] == name])
        assert attempt.score == pytest.approx(mean)
    leads = [
        result.compare("best", "default", "average_precision", window.name).value
        for window in TASK.windows
    ]
    assert found.gain.value == pytest.approx(np.mean(leads))


def test_one_window_and_cutoff_has_the_interval_of_a_backtest(history):
    task = Task(windows=(Window(0, 4),))
    found = tune(history, Tuned(), task, [32], QUICK)
    recipes = {"default": Tuned(), "best": found.recipe}
    result = backtest(history, recipes, task, [32], draws=QUICK.draws)
    difference = result.compare("best", "default", "average_precision", "1-4")
    assert (found.gain.low, found.gain.high) == pytest.approx((difference.low, difference.high))


def test_values_are_of_the_sort_and_digits_that_are_written_down(found):
    for attempt in found.attempts:
        assert type(attempt.parameters["idle"]) is int
        strength = attempt.parameters["strength"]
        assert strength == float(f"{strength:.4g}")


def test_the_same_seed_finds_the_same(history, found):
    assert told(tune(history, Tuned(), TASK, CUTOFFS, QUICK)) == told(found)
    other = tune(history, Tuned(), TASK, CUTOFFS, replace(QUICK, seed=1))
    assert told(other)[1:] != told(found)[1:]


def test_one_trial_is_the_recipe_as_it_came(history):
    found = tune(history, Tuned(strength=2.0), TASK, CUTOFFS, replace(QUICK, trials=1))
    assert not found.better
    assert found.recipe == Tuned(strength=2.0)
    assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0)


def test_a_recipe_with_more_digits_than_are_proposed_is_tried_as_it_came(history, tmp_path):
    recipe, file = Tuned(strength=2.123456), tmp_path / "tuning.sqlite"
    for trials in (1, 2):  # begun, and resumed
        plan = replace(QUICK, trials=trials)
        found = tune(history, recipe, TASK, CUTOFFS, plan, storage=file)
        assert found.default.parameters == {"strength": 2.123456, "idle": 3}


def test_a_loss_is_made_less(history):
    found = tune(history, Tuned(), TASK, CUTOFFS, replace(QUICK, metric="log_loss"))
    assert found.best.score < found.default.score
    assert found.gain.high < 0


def test_what_changes_nothing_is_not_pruned_and_not_better(history):
    found = tune(history, Idle(), TASK, CUTOFFS, QUICK)
    assert {one.state for one in found.attempts} == {"complete"}
    assert {one.score for one in found.attempts} == {found.default.score}
    assert not found.better


def test_what_is_clearly_behind_is_given_up_at_the_first_cutoff(history):
    found = tune(history, Switched(), TASK, CUTOFFS, replace(QUICK, trials=12))
    states = {}
    for attempt in found.attempts:
        states.setdefault(attempt.parameters["way"], set()).add(attempt.state)
    assert states == {"right": {"complete"}, "wrong": {"pruned"}, "broken": {"failed"}}
    pruned = next(one for one in found.attempts if one.state == "pruned")
    assert len(pruned.scores) == 1
    assert pruned.row()["score"] is None
    failed = next(one for one in found.attempts if one.state == "failed")
    assert failed.error == "at cutoff 32: ZeroDivisionError: no such luck"
    assert not found.better


def test_without_draws_nothing_is_pruned(history):
    plan = replace(QUICK, draws=0, trials=12)
    found = tune(history, Switched(), TASK, CUTOFFS, plan)
    assert "pruned" not in {one.state for one in found.attempts}
    assert np.isnan(found.gain.low)


def test_a_recipe_that_fails_as_it_came_is_refused(history):
    with pytest.raises(RecipeError, match="as it came, at cutoff 32: ZeroDivisionError"):
        tune(history, Switched(way="broken"), TASK, CUTOFFS, QUICK)


def test_progress_tells_of_each_trial_and_the_best_so_far(history):
    seen = []
    tune(history, Tuned(), TASK, CUTOFFS, QUICK, progress=lambda *news: seen.append(news))
    assert [tried.number for tried, _, _ in seen] == list(range(8))
    bests = [best.score for _, best, _ in seen]
    assert bests == sorted(bests)
    assert {total for _, _, total in seen} == {8}


def test_after_the_timeout_no_further_trial_begins(history):
    found = tune(history, Tuned(), TASK, CUTOFFS, replace(QUICK, timeout=0.0))
    assert len(found.attempts) == 1


def test_a_file_is_gone_on_with_as_if_there_had_been_no_stop(history, found, tmp_path):
    file = tmp_path / "deep" / "tuning.sqlite"
    for trials in (3, 8):
        plan = replace(QUICK, trials=trials)
        again = tune(history, Tuned(), TASK, CUTOFFS, plan, storage=file)
    assert told(again) == told(found)
    assert again.gain == found.gain


@pytest.mark.parametrize("fits", [0, 7])
def test_a_trial_that_was_cut_off_is_tried_again(history, found, tmp_path, monkeypatch, fits):
    file, made = tmp_path / "tuning.sqlite", []

    def fit(self, history, task):
        if len(made) == fits:
            raise KeyboardInterrupt
        made.append(self)
        return Steady.fit(self, history, task)

    with monkeypatch.context() as patched:
        patched.setattr(Tuned, "fit", fit)
        with pytest.raises(KeyboardInterrupt):
            tune(history, Tuned(), TASK, CUTOFFS, QUICK, storage=file)
    assert told(tune(history, Tuned(), TASK, CUTOFFS, QUICK, storage=file)) == told(found)


def test_later_data_do_not_stop_a_tuning_and_earlier_data_do(history, tmp_path):
    file, plan = tmp_path / "tuning.sqlite", replace(QUICK, trials=2)
    first = tune(history.until(36), Tuned(), TASK, (28, 24), plan, storage=file)
    assert told(tune(history, Tuned(), TASK, (28, 24), plan, storage=file)) == told(first)
    with pytest.raises(RecipeError, match="differs in its data"):
        tune(shop(users=80, seed=5), Tuned(), TASK, (28, 24), plan, storage=file)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"recipe": Tuned(strength=700.0)}, "recipe"),
        ({"recipe": Switched()}, "recipe"),
        ({"cutoffs": (32, 20)}, "cutoffs"),
        ({"task": Task(windows=(Window(0, 8),))}, "windows, target or step"),
        ({"plan": replace(QUICK, metric="log_loss")}, "metric"),
    ],
)
def test_a_file_of_another_tuning_is_refused(history, tmp_path, change, what):
    asked = {"recipe": Tuned(), "task": TASK, "cutoffs": CUTOFFS, "plan": replace(QUICK, trials=1)}
    file = tmp_path / "tuning.sqlite"
    tune(history, **asked, storage=file)
    with pytest.raises(RecipeError, match=f"differs in its {what}.* --fresh"):
        tune(history, **asked | change, storage=file)


def test_a_file_that_is_no_tuning_is_refused_and_kept(history, tmp_path):
    file = tmp_path / "tuning.sqlite"
    file.write_text("not a database, but long enough to be looked at as if it were one\n" * 20)
    before = file.read_bytes()
    with pytest.raises(ArtefactError, match="can't be read as a tuning"):
        tune(history, Tuned(), TASK, CUTOFFS, QUICK, storage=file)
    assert file.read_bytes() == before


def test_without_optuna_it_says_how_to_install_it(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RecipeError, match=r"pip install 'penchant\[tune\]'"):
        tune(history, Tuned(), TASK, CUTOFFS, QUICK)


def test_impossible_questions_are_refused(history):
    with pytest.raises(RecipeError, match="Steady declares nothing to tune"):
        tune(history, Steady(), TASK, CUTOFFS, QUICK)
    with pytest.raises(RecipeError, match=r"tuned over 0\.5 to 1000\.0; found 2000\.0"):
        tune(history, Tuned(strength=2000.0), TASK, CUTOFFS, QUICK)
    with pytest.raises(HistoryError, match="Cutoffs 1 to 32"):
        tune(history, Tuned(), TASK, (32, 33), QUICK)
    with pytest.raises(RecipeError, match="at least 1 trial"):
        Plan(trials=0)
    with pytest.raises(RecipeError, match="Did you mean 'average_precision'"):
        Plan(metric="averge_precision")


@pytest.mark.parametrize("metric", ["bias", "coverage_80", "demand_coverage_80"])
def test_what_can_be_overshot_is_nothing_to_tune_by(metric):
    assert metric not in AIMS
    with pytest.raises(RecipeError, match="can be overshot"):
        Plan(metric=metric)


def test_a_digest_tells_arrays_and_tables_apart(history):
    interest = history.interest
    assert digest(interest) == digest(replace(interest))
    assert digest(interest) != digest(replace(interest, money_N=interest.money_N + 1))
    assert digest((np.zeros(2), np.zeros(4))) != digest((np.zeros(4), np.zeros(2)))
    items = history.topics.items
    assert digest(items) == digest(items.slice(0))
    assert digest(items) != digest(items.slice(1))
