"""`penchant series`: from numbers, files and topics to a forecast, and every way to go wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import commands

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_shop"
TWELVE = ["100", "150", "200", "180", "220", "250", "300", "280", "320", "360", "340", "400"]


def run(*words):
    """Run the command; anything but a clean exit is a failure of the test."""
    return commands.run("series", *words)


def told(*words, code=0):
    """What the command writes as JSON."""
    return commands.told("series", *words, code=code)


def refused(*words, parts=()):
    """Assert that the command stops with a sentence that has all these words."""
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("Stopped:")
    for part in parts:
        assert part in result.stderr
    assert all(part in told(*words, code=2)["error"] for part in parts)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def monthly(steps=48, seed=0):
    """Sales by month with a yearly season."""
    rng = np.random.default_rng(seed)
    place_S = np.arange(steps)
    season_S = 40 * np.sin(place_S * np.pi / 6)
    value_S = 200 + 2 * place_S + season_S + rng.normal(0, 5, steps)
    months = pd.date_range("2020-01-01", periods=steps, freq="MS").strftime("%Y-%m-%d")
    return pd.DataFrame({"month": months, "sales": value_S.round(1)})


class TestNumbers:
    def test_the_twelve_are_forecast_to_rise(self):
        said = told(*TWELVE)
        assert [row["step"] for row in said["forecast"]] == [13, 14, 15]
        means = [row["mean"] for row in said["forecast"]]
        assert 400 < means[0] < means[1] < means[2] < 600
        for row, sensible in zip(said["forecast"], (420, 450, 475), strict=True):
            assert row["low"] < sensible < row["high"]
        assert said["season"]["steps"] == 1
        assert any("12 values are few" in note for note in said["notes"])
        assert said["trial"]["clear_winner"] is False
        assert {row["method"] for row in said["methods"]} == {"arima", "ets", "naive"}
        assert said["correlations"]["series"]["acf"][0] > said["correlations"]["series"]["bound"]

    def test_people_read_correlations_orders_errors_and_intervals(self, folder):
        shown = run(*TWELVE)
        assert shown.exit_code == 0
        for part in ("ACF", "PACF", "Suggested: ARIMA(", "MASE", "80% low", "no clear winner"):
            assert part in shown.output
        assert "penchant-series.html" in shown.output
        assert "ARIMA" in (folder / "penchant-series.html").read_text(encoding="utf-8")

    def test_one_quoted_text_is_a_series_too(self):
        assert told(" ".join(TWELVE))["forecast"] == told(*TWELVE)["forecast"]

    def test_negative_numbers_are_numbers(self):
        values = [-5, 3, -1, 4, -2.5, 6, -3, 2, -1, 0]
        said = told(*values, "--holdout", "0")
        again = run("--holdout", "0", "--json", "--", *values)
        assert json.loads(again.stdout) == said
        assert said["steps"] == 10
        assert any("Nothing was held out" in note for note in said["notes"])

    def test_a_constant_is_told_as_one(self):
        said = told(*[7] * 10)
        assert [row["mean"] for row in said["forecast"]] == [7, 7]
        assert "Every value is the same" in said["why"]
        assert said["correlations"] is None
        assert "no width" in run(*[7] * 10).output

    def test_options_are_followed(self, folder):
        said = told(*TWELVE, "--ahead", 5, "--season", 3, "--level", 95, "--model", "ets",
                    "--holdout", 2, "--out", "pages/mine.html")  # fmt: skip
        assert len(said["forecast"]) == 5
        assert (said["season"]["steps"], said["level"], said["method"]) == (3, 0.95, "ets")
        assert said["trial"]["held_out"] == 2
        assert "as asked" in said["why"]
        assert (folder / "pages/mine.html").stat().st_size > 100_000
        narrow = told(*TWELVE, "--ahead", 5, "--season", 3, "--level", 50, "--model", "ets")
        assert narrow["forecast"][0]["high"] < said["forecast"][0]["high"]


class TestFiles:
    def test_a_column_of_dates_gives_the_season_and_the_dates_ahead(self):
        monthly().sample(frac=1, random_state=1).to_csv("sales.csv", index=False)
        said = told("--file", "sales.csv")
        assert (said["name"], said["unit"], said["first"]) == (
            "sales",
            "month",
            "2020-01-01T00:00:00",
        )
        assert said["season"]["steps"] == 12
        assert len(said["forecast"]) == 12
        assert said["forecast"][0]["step"].startswith("2024-01-01")
        means = [row["mean"] for row in said["forecast"]]
        assert int(np.argmax(means)) in (2, 3, 4)
        assert "Jan 2024" in run("--file", "sales.csv").output

    def test_a_list_of_numbers_needs_no_header(self):
        Path("list.txt").write_text("\n".join(TWELVE) + "\n\n")
        assert told("--file", "list.txt")["forecast"] == told(*TWELVE)["forecast"]

    def test_several_columns_ask_which(self):
        monthly().assign(visits=range(48)).to_csv("sales.csv", index=False)
        refused("--file", "sales.csv", parts=("Which column", "sales, visits", "--column"))
        assert told("--file", "sales.csv", "--column", "sales")["name"] == "sales"
        refused("--file", "sales.csv", "--column", "sale", parts=("'sale'", "'sales'"))
        refused("--file", "sales.csv", "--time", "moth", "--column", "sales", parts=("'month'",))

    @pytest.mark.parametrize(
        ("cell", "says"), [("", "empty"), ("NaN", "'NaN'"), ("12 kg", "'12 kg'"), ("1,5", "'1,5'")]
    )
    def test_a_cell_that_is_no_number_is_named(self, cell, says):
        frame = monthly().astype({"sales": object})
        frame.loc[4, "sales"] = cell
        frame.to_csv("sales.csv", index=False)
        refused("--file", "sales.csv", "--column", "sales", parts=("row 5 of 'sales'", says))

    def test_dates_that_leave_a_step_out_are_refused_where_named_and_told_where_found(self):
        monthly().drop(index=7).to_csv("sales.csv", index=False)
        parts = ("evenly spaced", "2020-07-01 is followed by 2020-09-01", "1 months")
        refused("--file", "sales.csv", "--time", "month", parts=parts)
        said = told("--file", "sales.csv")
        assert said["unit"] == "step"
        assert "without dates" in said["notes"][0]

    def test_dates_that_repeat_or_are_none(self):
        frame = monthly()
        frame.loc[3, "month"] = frame.loc[2, "month"]
        frame.assign(shop="a").to_csv("sales.csv", index=False)
        refused("--file", "sales.csv", "--time", "month", parts=("2020-03-01", "more than once"))
        refused("--file", "sales.csv", "--time", "shop", parts=("'shop'", "2024-01-31"))

    def test_a_file_that_is_not_there(self):
        monthly().to_csv("sales.csv", index=False)
        refused("--file", "sale.csv", parts=("Did you mean 'sales.csv'?",))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    for name in ("orders.csv", "products.csv", "penchant.toml"):
        shutil.copy(EXAMPLE / name, folder)
    commands.told("ingest", "-c", folder / "penchant.toml")
    return folder / "penchant.toml"


class TestTopics:
    def test_a_topic_is_forecast_by_week_and_never_below_zero(self, shop):
        said = told("--topic", "Honey", "-c", shop, "--level", 99)
        assert said["unit"] == "week"
        assert said["forecast"][0]["step"].startswith("2021-03-01")
        assert all(row["low"] >= 0 for row in said["forecast"])
        everything = told("--topic", "all", "-c", shop)
        assert everything["forecast"][0]["mean"] > said["forecast"][0]["mean"]
        begins = pd.Timestamp(commands.told("check", "-c", shop)["span"][0])
        assert (
            pd.Timestamp(everything["first"])
            <= begins
            < pd.Timestamp(everything["first"]) + pd.Timedelta(weeks=1)
        )

    def test_a_misspelt_topic_gets_a_suggestion(self, shop):
        refused("--topic", "Hony", "-c", shop, parts=("'Hony'", "Did you mean 'Honey'?"))

    def test_a_topic_needs_a_store(self):
        refused("--topic", "Honey", parts=("penchant.toml", "penchant init"))


class TestErrors:
    def test_text_among_the_numbers(self):
        refused("100", "abc", "120", parts=("number 2", "'abc'"))
        refused("100", "nan", parts=("number 2", "'nan'"))
        refused("100", "1,200", parts=("'1,200'", "separators"))

    def test_too_few(self):
        refused("1", "2", "3", parts=("at least 8 values", "found 3"))

    def test_nothing_or_too_much(self):
        refused(parts=("found 0", "penchant series 100"))
        refused(*TWELVE, "--file", "x.csv", parts=("found 2",))
        refused(*TWELVE, "--column", "x", parts=("--file",))

    def test_an_unknown_option_is_no_number(self):
        refused(*TWELVE, "--levle", "90", parts=("'--levle'", "--help"))

    @pytest.mark.parametrize(
        ("option", "value", "parts"),
        [
            ("--season", "9", ("18 values", "found 12")),
            ("--ahead", "13", ("12",)),
            ("--holdout", "9", ("9 of 12", "leaves 5")),
            ("--model", "arma", ("'arma'", "'arima'")),
            ("--model", "lstm", ("'lstm'", "24 finite numbers; found 12")),
        ],
    )
    def test_what_the_series_can_not_bear(self, option, value, parts):
        refused(*TWELVE, option, value, parts=parts)
