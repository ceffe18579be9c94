"""The command line as a newcomer meets it: from a CSV to a report, and every way to go wrong."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from typer.main import get_command

from commands import run, told
from penchant import columns as c
from penchant import demo, doctor
from penchant.cli import app
from penchant.data.worlds import Shop, mixed

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_shop"
FILES = ("orders.csv", "products.csv", "penchant.toml")
WINDOWS = ["1-4", "5-8"]
QUICK = """
model = "gamma_poisson"

[backtest]
cutoffs = 2
models = ["popularity", "gamma_poisson"]
"""
CUSTOMERS, TOPICS = 140, 12


def commands_of(group, words=()):
    """Every command under a group, by the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands_of(get_command(app)))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The example's shop, ingested, backtested and fitted by the commands."""
    folder = tmp_path_factory.mktemp("shop")
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder)
    config = folder / "penchant.toml"
    config.write_text(config.read_text() + QUICK)
    made = {"ingest": told("ingest", "-c", config), "check": told("check", "-c", config)}
    made |= {verb: told(verb, "-c", config) for verb in ("backtest", "fit")}
    return SimpleNamespace(folder=folder, config=config, made=made)


@pytest.fixture
def shop(fitted, tmp_path, monkeypatch):
    """A copy of it to stand in."""
    folder = tmp_path / "shop"
    shutil.copytree(fitted.folder, folder)
    monkeypatch.chdir(folder)
    return folder


class TestHelp:
    def test_the_commands_are_listed_with_what_they_do(self):
        shown = run("--help")
        assert shown.exit_code == 0
        verbs = ("demo", "init", "ingest", "check", "profile", "fit", "backtest", "forecast")
        for name in (*verbs, "report", "doctor", "quarantine", "worlds"):
            assert name in shown.output

    @pytest.mark.parametrize("words", sorted(COMMANDS))
    def test_every_command_explains_itself_and_its_options(self, words):
        command = COMMANDS[words]
        assert len(command.help.split()) >= 6
        for parameter in command.params:
            assert parameter.help, f"{' '.join(words)}: {parameter.name} has no help"
        assert "--json" in run(*words, "--help").output


class TestFromCsvToReport:
    def test_ingest_counts_every_row(self, fitted):
        told_of = {part["table"]: part["receipt"] for part in fitted.made["ingest"]}
        orders, products = told_of["events"], told_of["catalog"]
        lines = (EXAMPLE / "orders.csv").read_text().count("\n") - 1
        assert orders["sent"] == lines
        assert orders["accepted"] + orders["duplicate"] + orders["quarantined"] == lines
        assert orders["reasons"] == {"no user": 2, "unreadable time": 1}
        assert products["accepted"] == 72

    def test_check_says_what_is_there(self, fitted):
        facts = fitted.made["check"]
        assert facts["ok"] is True
        assert (facts["customers"], facts["topics"]) == (CUSTOMERS, TOPICS)
        assert facts["span"] == ["2020-01-06", "2021-02-28"]
        assert [found["code"] for found in facts["findings"]] == ["date_only", "quarantine"]
        kept = json.loads((fitted.folder / ".penchant/quality.json").read_text())
        assert kept["findings"] == facts["findings"]
        assert "Rows in quarantine" in Path(facts["page"]).read_text(encoding="utf-8")

    def test_backtest_puts_the_better_model_first(self, fitted):
        result = fitted.made["backtest"]
        assert result["failures"] == []
        assert Path(result["page"]).is_file()
        board = result["leaderboard"]["average_precision"]
        best = {row[c.WINDOW]: row for row in reversed(board)}
        assert sorted(best) == WINDOWS
        for row in best.values():
            assert row[c.MODEL] == "gamma_poisson"
            assert row[c.LOW] <= row[c.VALUE] <= row[c.HIGH]

    def test_fit_says_to_what(self, fitted):
        facts = fitted.made["fit"]
        assert facts["model"] == "gamma_poisson"
        assert (facts["customers"], facts["topics"]) == (CUSTOMERS, TOPICS)
        assert Path(facts["path"]).is_dir()

    def test_forecast_covers_everyone_and_shows_whom_one_asks_for(self, shop):
        said = told("forecast", "--customer", "C011", "--top", "2")
        assert said["rows"] == CUSTOMERS * TOPICS * len(WINDOWS)
        assert len(pq.read_table(said["path"])) == said["rows"]
        assert [row[c.USER] for row in said["top"]] == ["C011"] * 4
        chances = [row[c.CHANCE] for row in said["top"][:2]]
        assert 1 >= chances[0] >= chances[1] > 0
        assert said["top"][0][c.START] == "2021-03-01"

    def test_report_is_one_page(self, shop):
        page = Path(told("report")["path"]).read_text(encoding="utf-8")
        assert "leaf and bean" in page
        assert "Espresso" in page
        assert "Rows in quarantine" in page

    def test_fit_takes_another_recipe(self, shop):
        assert told("fit", "--model", "popularity")["model"] == "popularity"
        assert told("forecast")["model"] == "popularity"

    def test_ingesting_again_adds_nothing(self, shop):
        receipt = told("ingest", "orders.csv")[0]["receipt"]
        assert receipt["accepted"] == 0
        assert receipt["duplicate"] > 7000

    def test_other_windows_than_the_model_has_are_refused(self, shop):
        settings = shop / "penchant.toml"
        settings.write_text(settings.read_text().replace('["1-4", "5-8"]', '["1-2"]'))
        for verb in ("forecast", "report"):
            refused = run(verb)
            assert refused.exit_code == 2
            assert "Run `penchant fit`" in refused.output


class TestForPeople:
    def test_a_starter_is_written_once(self, empty):
        assert "penchant ingest" in run("init").output
        again = run("init")
        assert again.exit_code == 2
        assert "exists already" in again.output
        assert told("init", "other")["path"] == "other/penchant.toml"

    def test_ingest_shows_counts_and_reasons(self, empty):
        for name in FILES:
            shutil.copy(EXAMPLE / name, empty)
        shown = run("ingest").output
        assert "7,299" in shown
        assert "orders.csv: 2 in quarantine, no user" in shown

    def test_check_ends_with_a_verdict(self, shop):
        shown = run("check").output
        assert "3 rows of all sent" in shown
        assert "quality.html" in shown
        assert shown.endswith("Ready to forecast.\n")

    def test_what_a_rule_found_is_set_aside(self, shop):
        rows = [f"b{n},robot,04/05/2020,i{n % 40:02d},1.00" for n in range(400)]
        Path("robot.csv").write_text("line,customer,day,sku,amount\n" + "\n".join(rows) + "\n")
        run("ingest", "robot.csv")
        shown = run("check").output
        assert "bot Programs seem to act as 1 customer, with 400 events" in shown
        assert "customer robot" in shown
        shown = run("check", "--set-aside", "bot").output
        assert "Set aside 400 events found by the rule bot." in shown
        assert "Programs" not in shown
        assert told("check", "--set-aside", "bot,burst")["set_aside"] == {"bot": 0, "burst": 0}
        told_of = {row["reason"]: row["rows"] for row in told("quarantine", "list")}
        assert told_of == {"looks like a bot": 400, "no user": 2, "unreadable time": 1}

    def test_a_log_is_described_with_settings_to_paste(self, shop):
        shown = run("profile").output
        assert "purchase" in shown
        assert "level = 2" in shown
        assert 'step = "week"' in shown
        facts = told("profile", "orders.csv")
        assert facts["customers"] == CUSTOMERS
        assert facts["toml"] in shown

    def test_a_file_is_described_before_there_are_settings(self, empty):
        Path("log.csv").write_text("user,item,time\nann,tea,2024-01-03\nann,tea,2024-01-09\n")
        facts = told("profile", "log.csv")
        assert (facts["events"], facts["repeat_items"]) == (2, 0.5)
        assert facts["gap_quartiles"] == [6, 6, 6]
        assert not list(Path().glob(".penchant*"))

    def test_rows_in_quarantine_are_listed_and_shown(self, shop):
        shown = run("quarantine", "list").output
        assert "unreadable time" in shown
        shown = run("quarantine", "show", "--reason", "unreadable time").output
        assert "orders.csv, row" in shown
        assert "unreadable time in time" in shown
        rows = told("quarantine", "show", "--limit", "1")
        assert rows[0]["content"]["customer"] is None
        assert run("quarantine", "show", "--reason", "x").output == "No row in quarantine fits.\n"

    def test_worlds_are_named_with_what_is_planted(self):
        assert "seasonal" in run("worlds", "list").output
        assert {"world", "planted"} == set(told("worlds", "list")[0])

    def test_a_world_is_made_and_ingested(self, empty):
        size = ("--users", "60", "--topics", "5", "--weeks", "20")
        shown = run("worlds", "make", "market", "--out", "shop", *size).output
        assert "60 customers to shop" in shown
        parts = told("ingest", "-c", "shop/penchant.toml")
        assert parts[0]["receipt"]["quarantined"] == 0
        made = told("worlds", "make", "market", "--out", "again", *size)
        assert made["events"] == parts[0]["receipt"]["accepted"]
        assert made["kinds"]["purchase"] > 100

    def test_the_leaderboard_has_models_and_windows(self, shop):
        shown = run("backtest", "popularity", "--cutoffs", "1").output
        assert "average precision" in shown
        assert "weeks 5-8" in shown
        assert "backtest.html" in shown

    def test_a_forecast_reads_as_a_table(self, shop):
        shown = run("forecast", "--customer", "C011", "--top", "1").output
        assert "C011" in shown
        assert "Honey" in shown
        assert "forecast.parquet" in shown

    def test_fit_and_report_say_where_things_are(self, shop):
        assert "Fitted gamma_poisson to 140 customers, 12 topics and 60 weeks" in run("fit").output
        assert "report.html; open it in a browser" in run("report").output

    def test_doctor_looks_at_this_machine(self, monkeypatch):
        assert "lightgbm" in run("doctor").output
        assert told("doctor")["ok"] is True
        monkeypatch.setattr(doctor, "NEEDED", ("no-such-package",))
        parts = {part["name"]: part for part in told("doctor", code=1)["parts"]}
        assert parts["no-such-package"]["found"] == "not installed"

    def test_a_hint_keeps_its_brackets(self, monkeypatch):
        monkeypatch.setattr(doctor, "OPTIONAL", {"no-such-package": "pip install it[all]"})
        assert "it[all]" in run("doctor").output


class TestErrors:
    def says(self, *words, parts=()):
        """Assert that a command is refused, with all these words and without a traceback."""
        result = run(*words)
        assert result.exit_code == 2
        assert result.stderr.startswith("Stopped:")
        assert "Traceback" not in result.output
        for part in parts:
            assert part in result.stderr
        answer = told(*words, code=2)
        assert answer["type"].endswith("Error")
        assert all(part in answer["error"] for part in parts)

    @pytest.mark.parametrize("verb", ["ingest", "check", "profile", "fit", "forecast", "report"])
    def test_without_settings(self, empty, verb):
        self.says(verb, parts=("penchant.toml", "penchant init"))

    def test_an_unknown_setting_is_refused_with_a_likely_one(self, empty):
        Path("penchant.toml").write_text('[forecast]\nmodle = "boosted"\n')
        self.says("ingest", parts=("forecast.modle", "'model'"))

    def test_a_setting_of_the_wrong_sort(self, empty):
        Path("penchant.toml").write_text('[forecast]\nstep = "weeks"\n')
        self.says("ingest", parts=("forecast.step", "day, week or month", "weeks"))

    def test_a_file_that_is_not_toml(self, empty):
        Path("penchant.toml").write_text("name = my shop\n")
        self.says("ingest", parts=("not valid TOML", "line 1"))

    def test_nothing_to_ingest(self, empty):
        Path("penchant.toml").write_text("")
        self.says("ingest", parts=("[sources]", "orders.csv"))

    def test_a_file_that_is_not_there(self, shop):
        self.says("ingest", "order.csv", parts=("order.csv", "Did you mean 'orders.csv'?"))

    def test_a_column_that_is_not_there(self, shop):
        text = Path("penchant.toml").read_text()
        Path("penchant.toml").write_text(text.replace('event = "line"', 'event = "lines"'))
        self.says("ingest", parts=("'event'", "'lines'", "Did you mean 'line'?"))

    @pytest.mark.parametrize("verb", ["check", "profile", "backtest", "fit"])
    def test_before_ingesting(self, empty, verb):
        Path("penchant.toml").write_text("")
        self.says(verb, parts=("penchant ingest",))

    @pytest.mark.parametrize("verb", ["forecast", "report"])
    def test_before_fitting(self, empty, verb):
        Path("penchant.toml").write_text("")
        self.says(verb, parts=("penchant fit",))

    def test_an_unknown_rule(self, shop):
        self.says("check", "--set-aside", "bots", parts=("'bots'", "Did you mean 'bot'?"))

    def test_nothing_but_quarantine(self, empty):
        Path("log.csv").write_text("user,item,time\nann,tea,soon\n")
        self.says("profile", "log.csv", parts=("every row went into quarantine",))

    def test_a_world_that_is_not_there_or_not_possible(self, empty):
        self.says("worlds", "make", "markt", "--out", "x", parts=("'markt'", "'market'"))
        self.says("worlds", "make", "market", "--out", "x", "--users", "0", parts=("'users'", "0"))

    def test_an_unknown_recipe(self, shop):
        self.says("fit", "--model", "bosted", parts=("'bosted'", "'boosted'"))
        self.says("backtest", "popular", parts=("'popular'", "'popularity'"))

    def test_an_unknown_customer(self, shop):
        self.says("forecast", "--customer", "C11", parts=("'C11'", "Did you mean"))

    def test_a_kind_that_never_happens(self, shop):
        text = Path("penchant.toml").read_text()
        Path("penchant.toml").write_text(
            text.replace("[forecast]", '[forecast]\ntarget = ["purchases"]')
        )
        self.says("fit", parts=("purchases", "Did you mean 'purchase'?"))
        facts = told("check", code=1)
        assert facts["ok"] is False
        assert any(found["serious"] for found in facts["findings"])
        shown = run("check")
        assert shown.exit_code == 1
        assert "would spoil a forecast" in shown.output

    def test_a_history_too_short_to_try(self, shop):
        text = Path("penchant.toml").read_text()
        Path("penchant.toml").write_text(text.replace('"5-8"', '"5-90"'))
        self.says("backtest", parts=("90", "60"))
        assert told("check", code=1)["ok"] is False

    def test_a_damaged_store(self, shop):
        part = next(Path(".penchant/store/events").rglob("*.parquet"))
        part.write_bytes(part.read_bytes()[:-1] + b"?")
        facts = told("check", code=1)
        assert any(part.name in found["what"] for found in facts["findings"])
        self.says("fit", parts=("can't be read", "penchant check"))


@pytest.fixture
def small_demo(monkeypatch):
    """The demo on a planted world and two quick models."""
    monkeypatch.setitem(
        demo.PUBLIC, demo.DATASET, lambda: mixed(Shop(users=120, topics=6, steps=40)).log
    )
    monkeypatch.setattr(demo, "MODELS", ("popularity", "gamma_poisson"))
    monkeypatch.setattr(demo, "CUTOFFS", 1)


def test_the_demo_ends_with_numbers_and_the_report(small_demo, empty):
    said = told("demo", "shown")
    assert said["model"] == "gamma_poisson"
    assert [row[c.WINDOW] for row in said["backtest"]] == ["1-4", "5-8", "9-12"]
    for row in said["backtest"]:
        assert row["average_precision"] > row["of_popularity"] > 0
    assert Path(said["report"]).stat().st_size > 100_000
    assert (said["households"], said["weeks"]) == (120, 40)

    again = run("demo", "shown")  # goes on with its store
    assert again.exit_code == 0
    assert "Open the report: shown/.penchant/report.html" in again.output
    assert run("forecast", "-c", "shown/penchant.toml", "--customer", "u007").exit_code == 0
