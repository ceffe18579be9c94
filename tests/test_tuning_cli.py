"""`penchant tune`: before the backtest, into the settings file and back out of it."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands import run, told
from penchant import tuning
from penchant.errors import HistoryError, RecipeError, SettingsError
from penchant.evaluation.backtest import possible_cutoffs
from penchant.evaluation.tune import Plan
from penchant.models.arima import Arima
from penchant.models.boosted import Boosted
from penchant.models.gamma_poisson import GammaPoisson
from penchant.pipeline import recipe_named, workspace_history
from penchant.settings import Settings, load_settings
from penchant.tuning import earlier_cutoffs, recipe_block, write_recipe
from penchant.workspace import Workspace

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_shop"
FILES = ("orders.csv", "products.csv", "penchant.toml")
QUICK = ("tune", "gamma_poisson", "--trials", "4")
TWO = "\n[tuning]\ncutoffs = 2\n"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The example's shop, ingested and tuned by the commands."""
    folder = tmp_path_factory.mktemp("tuned")
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder)
    config = folder / "penchant.toml"
    config.write_text(config.read_text() + TWO)
    told("ingest", "-c", config)
    return SimpleNamespace(folder=folder, facts=told(*QUICK, "-c", config))


@pytest.fixture
def shop(tuned, tmp_path, monkeypatch):
    """A copy of it to stand in."""
    folder = tmp_path / "shop"
    shutil.copytree(tuned.folder, folder)
    monkeypatch.chdir(folder)
    return folder


def refused(*words, parts):
    result = run(*words)
    assert result.exit_code == 2
    assert all(part in result.stderr for part in parts), result.stderr


class TestTune:
    def test_windows_end_before_the_backtest_begins(self, tuned):
        workspace = Workspace.open(tuned.folder / "penchant.toml")
        history = workspace_history(workspace)
        first = possible_cutoffs(history, workspace.task, 3)[0]
        begins = history.until(first).cutoff_date
        assert tuned.facts["seen_until"] == str(begins)
        days = [date.fromisoformat(day) for day in tuned.facts["cutoffs"]]
        assert days == sorted(days, reverse=True)
        assert len(days) == 2
        assert days[0] + timedelta(weeks=workspace.task.horizon) == begins

    def test_nothing_after_it_is_handed_on(self, shop, monkeypatch):
        seen = []

        def stop(history, *rest, **more):
            seen.append(history)
            raise InterruptedError

        monkeypatch.setattr(tuning, "tune", stop)
        with pytest.raises(InterruptedError):
            tuning.tune_recipe(Workspace.open(), "gamma_poisson", Plan())
        assert seen[0].cutoff_date == date(2020, 8, 3)
        assert seen[0].interest.step_N.max() < seen[0].cutoff

    def test_the_best_is_told_beside_the_defaults(self, tuned):
        facts = tuned.facts
        assert [row["trial"] for row in facts["trials"]] == [0, 1, 2, 3]
        assert facts["trials"][0]["parameters"] == {"half_life": 20.0, "activity_half_life": 12.0}
        assert facts["default"] == facts["trials"][0]["score"]
        assert facts["score"] > facts["default"]
        assert facts["gain"]["low"] <= facts["gain"]["value"] <= facts["gain"]["high"]
        assert facts["toml"] == recipe_block("gamma_poisson", facts["parameters"])
        assert facts["written"] is False

    def test_the_same_again_costs_nothing_and_more_trials_go_on(self, shop, tuned):
        assert told(*QUICK)["trials"] == tuned.facts["trials"]
        more = told(*QUICK[:-1], "5")
        assert more["trials"][:4] == tuned.facts["trials"]
        assert len(more["trials"]) == 5

    def test_another_question_is_refused_until_one_starts_afresh(self, shop):
        refused(*QUICK, "--metric", "log_loss", parts=("differs in its metric", "--fresh"))
        fresh = told(*QUICK[:-1], "2", "--metric", "log_loss", "--fresh")
        assert len(fresh["trials"]) == 2
        assert fresh["metric"] == "log_loss"

    def test_people_read_trials_and_what_to_do_next(self, shop, tuned):
        shown = run(*QUICK)
        assert shown.exit_code == 0
        for part in ("defaults", "4 trials", "2020-08-03", "Best less defaults: +0.0", "--write"):
            assert part in shown.output
        assert tuned.facts["toml"] in shown.output

    def test_no_gain_is_said_and_nothing_written(self, shop):
        before = Path("penchant.toml").read_text()
        shown = run(*QUICK[:-1], "1", "--fresh", "--write")
        assert "No trial beat the defaults" in shown.output
        assert Path("penchant.toml").read_text() == before

    def test_what_is_written_is_what_is_fitted_and_tuned_from_its_defaults(self, shop, tuned):
        before = Path("penchant.toml").read_text()
        assert told(*QUICK, "--write")["written"] is True
        after = Path("penchant.toml").read_text()
        assert after.startswith(before)
        recipe = recipe_named(Workspace.open(), "gamma_poisson")
        assert recipe == GammaPoisson(**tuned.facts["parameters"])
        assert told("fit", "--model", "gamma_poisson")["model"] == "gamma_poisson"
        assert told(*QUICK)["trials"] == tuned.facts["trials"]

    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (("tune", "bosted"), ("Did you mean 'boosted'",)),
            (("tune", "popularity"), ("Popularity declares nothing to tune",)),
            (("tune", "gamma_poisson", "--metric", "bias"), ("can be overshot", "crps")),
            (("tune", "gamma_poisson", "--metric", "auk"), ("Did you mean 'auc'",)),
        ],
    )
    def test_what_cannot_be_tuned_is_refused(self, shop, words, parts):
        refused(*words, parts=parts)

    def test_too_little_history_is_said(self, shop):
        settings = Path("penchant.toml")
        text = settings.read_text().replace('["1-4", "5-8"]', '["1-16"]')
        settings.write_text(text)
        parts = ("too little history", "begins after 30 weeks", "16 weeks", "cutoffs = 1")
        refused(*QUICK, parts=parts)
        settings.write_text(text.replace("1-16", "1-20") + "\n[backtest]\ncutoffs = 1\n")
        with pytest.raises(HistoryError, match="begins after 40 weeks") as raised:
            tuning.tune_recipe(Workspace.open(), "gamma_poisson", Plan())
        assert "cutoffs = 1" not in str(raised.value)

    def test_cutoffs_leave_more_to_learn_from_than_the_windows_reach(self, shop):
        workspace = Workspace.open()
        history, task = workspace_history(workspace), workspace.task
        assert earlier_cutoffs(history, task, 30, 3) == (22, 18, 15)
        assert earlier_cutoffs(history, task, 30, 1) == (22,)
        assert earlier_cutoffs(history, task, 17, 3) == (9,)


class TestSettings:
    def named(self, tmp_path, text, name="boosted"):
        path = tmp_path / "penchant.toml"
        path.write_text(text, encoding="utf-8")
        return recipe_named(Workspace.open(path), name)

    def test_a_recipe_has_the_hyperparameters_of_its_table(self, tmp_path):
        text = "[recipes.boosted]\nlearning_rate = 1\nrounds = 120\n[recipes.gamma_poisson]\n"
        assert self.named(tmp_path, text) == Boosted(learning_rate=1.0, rounds=120)
        assert self.named(tmp_path, text, "gamma_poisson") == GammaPoisson()
        assert self.named(tmp_path, "") == Boosted()

    def test_lists_and_recipes_inside_have_their_place(self, tmp_path):
        text = "[recipes.arima]\ntrusts = [0, 0.5]\n[recipes.arima.shares]\nhalf_lives = []\n"
        found = self.named(tmp_path, text, "arima")
        assert isinstance(found, Arima)
        assert found.trusts == (0.0, 0.5)
        assert found.shares.half_lives == ()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[recipes.boosted]\nround = 9", r"no setting 'recipes\.boosted\.round'.*'rounds'"),
            ("[recipes.boosted]\nSEARCH = 9", r"no setting 'recipes\.boosted\.SEARCH'"),
            ("[recipes.boosted]\nrounds = 9.5", "takes a whole number; found 9.5"),
            ("[recipes.boosted]\nlearning_rate = true", "takes a number; found True"),
            ("[recipes.arima]\npromotions = 1", "takes true or false; found 1"),
            ("[recipes.calibrated]\nrecipe = 'boosted'", "takes a recipe, which only Python"),
            ("[recipes.ensemble]\nmembers = []", r"\[recipes\.ensemble\] .* at least one member"),
            ("[recipes.bosted]\nrounds = 9", "no recipe 'bosted' in penchant.toml. .*'boosted'"),
            ("[tuning]\ncutoffs = 0", r"Under \[tuning\] .* at least 1; found 0"),
            ("recipes = 3", r"takes a table, \[recipes\]"),
            ("[recipes]\nboosted = 3", r"takes a table, \[recipes\.boosted\]"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, tmp_path, text, message):
        name = text.partition("recipes.")[2].partition("]")[0]
        name = name if name in ("arima", "calibrated", "ensemble") else "boosted"
        with pytest.raises(SettingsError, match=message):
            self.named(tmp_path, text, name)

    def test_an_unknown_recipe_is_refused(self, tmp_path):
        with pytest.raises(RecipeError, match=r"no recipe 'bosted'\. Did you mean 'boosted'"):
            self.named(tmp_path, "", "bosted")


class TestWriting:
    def test_only_its_lines_change(self, tmp_path):
        path = tmp_path / "penchant.toml"
        path.write_text(
            '# mine\nname = "a"\n\n[recipes.boosted] # tuned\n# old\nrounds = 80 # trees\n'
            "threads = 1\n\n[recipes.arima]\nrounds = 1\n"
        )
        write_recipe(path, "boosted", {"rounds": 120, "learning_rate": 0.05})
        assert path.read_text() == (
            '# mine\nname = "a"\n\n[recipes.boosted] # tuned\n# old\nrounds = 120\n'
            "threads = 1\nlearning_rate = 0.05\n\n[recipes.arima]\nrounds = 1\n"
        )

    def test_a_field_inside_has_its_place(self, tmp_path):
        path = tmp_path / "penchant.toml"
        path.write_text("[recipes.arima]\nshares.half_life = 9.0\n\n[tuning]\n")
        write_recipe(path, "arima", {"shares.half_life": 30.0, "shares.prior_strength": 7.5})
        block = "[recipes.arima]\nshares.half_life = 30.0\nshares.prior_strength = 7.5\n"
        assert path.read_text() == block + "\n[tuning]\n"
        shares = recipe_named(Workspace.open(path), "arima").shares
        assert (shares.half_life, shares.prior_strength) == (30.0, 7.5)

    def test_a_file_without_the_table_gets_it_at_the_end(self, tmp_path):
        path = tmp_path / "penchant.toml"
        for before, after in (("", ""), ('name = "a"', 'name = "a"\n\n')):
            path.write_text(before)
            write_recipe(path, "new", {"a": 1e-05, "b": True, "c": 'x "y"', "d": (1, 2)})
            block = '[recipes.new]\na = 1e-05\nb = true\nc = "x \\"y\\""\nd = [1, 2]\n'
            assert path.read_text() == after + block
            assert load_settings(path) == Settings(
                name="a" if before else "shop",
                recipes={"new": {"a": 1e-05, "b": True, "c": 'x "y"', "d": [1, 2]}},
            )

    @pytest.mark.parametrize(
        "text",
        [
            "recipes = { boosted = { rounds = 3 } }\n",
            "recipes.boosted.rounds = 3\n",
            "[recipes]\nboosted.rounds = 3\n",
            "[recipes.boosted]\nrounds = [\n3,\n]\n",
        ],
    )
    def test_a_form_it_cannot_change_is_left_with_what_to_write(self, tmp_path, text):
        path = tmp_path / "penchant.toml"
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"by hand:\n\[recipes\.boosted\]\nrounds = 9"):
            write_recipe(path, "boosted", {"rounds": 9})
        assert path.read_text() == text
