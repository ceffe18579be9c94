"""`penchant experiment`: from files or the store to an effect, and every way to go wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ownshop
from commands import run, told
from penchant.dashboard.experiments import experiments_section
from penchant.dashboard.page import render
from penchant.decisions.assignment import Split
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

USERS = [f"C{number:03}" for number in range(1000)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def dealt(folder):
    """A thousand customers in two arms, the new one spending 2 more."""
    arm_U = Split(salt="banner", weights={"control": 1, "new": 1}).assign(USERS)
    rng = np.random.default_rng(0)
    before_U = rng.gamma(2, 5, 1000)
    value_U = before_U + rng.normal(0, 3, 1000) + 2 * (arm_U == "new")
    pd.DataFrame({"customer_id": USERS, "variant": arm_U}).to_csv("arms.csv", index=False)
    table = pd.DataFrame({"user": USERS, "value": value_U, "covariate": before_U})
    table.to_parquet("outcomes.parquet", index=False)
    return table


def refused(*words, parts):
    result = run("experiment", *words)
    assert result.exit_code == 2
    for part in parts:
        assert part in result.stderr


def test_files_give_effect_interval_and_sample_ratio(dealt):
    shown = told("experiment", "arms.csv", "--outcomes", "outcomes.parquet")
    assert shown["sample_ratio"]["ok"]
    assert sum(arm["customers"] for arm in shown["arms"]) == 1000
    (effect,) = shown["effects"]
    assert (effect["arm"], effect["control"]) == ("new", "control")
    assert effect["low_always"] < effect["low"] < 2 < effect["high"] < effect["high_always"]
    assert effect["reduction"] > 0.7
    text = run("experiment", "arms.csv", "--outcomes", "outcomes.parquet").output
    assert "as large as planned" in text
    assert "interval at one planned look" in text


def test_a_plan_that_was_not_met_is_said_first(dealt):
    words = ("arms.csv", "--outcomes", "outcomes.parquet", "--plan", "control=2,new=1")
    assert not told("experiment", *words)["sample_ratio"]["ok"]
    assert "Don't trust what follows" in run("experiment", *words).output


def test_missing_strange_and_torn_customers_are_counted(dealt):
    more = pd.DataFrame({"customer_id": ["C001"], "variant": ["third"]})
    arms = pd.concat([pd.read_csv("arms.csv"), more])
    arms = arms[arms.customer_id != "C005"]
    arms.to_csv("arms.csv", index=False)
    dealt[dealt.user != "C002"].to_csv("outcomes.csv", index=False)
    shown = told("experiment", "arms.csv", "--outcomes", "outcomes.csv")
    assert shown["torn"] == 1
    assert shown["notes"][0].startswith("1 customers of the experiment have no row")
    assert shown["notes"][1].startswith("2 rows are of customers outside")


def test_the_store_tells_spend_and_purchases_since_a_day(folder):
    ownshop.ingested(folder)
    orders = pd.read_csv("orders.csv")
    days = pd.to_datetime(orders.day, format="%d/%m/%Y", errors="coerce")
    users = sorted(set(orders.customer.dropna()))
    arms = pd.DataFrame({"user": users, "arm": ["control", "new"] * (len(users) // 2)})
    arms.to_csv("arms.csv", index=False)
    words = ("experiment", "arms.csv", "--since", "2020-11-02", "--until", "2020-12-28")
    (effect,) = told(*words, "--outcome", "purchases")["effects"]
    within = orders[(days >= "2020-11-02") & (days < "2020-12-28")]
    counted = within.groupby("customer").size().reindex(users, fill_value=0)
    assert effect["mean"] == pytest.approx(counted.to_numpy()[1::2].mean(), rel=0.02)
    assert effect["reduction"] > 0
    (spend,) = told(*words)["effects"]
    assert spend["mean"] > effect["mean"]
    (any_at_all,) = told(*words, "--outcome", "buyers")["effects"]
    assert 0 < any_at_all["mean"] <= 1
    early = told("experiment", "arms.csv", "--since", "2020-01-06")
    assert early["effects"][0]["reduction"] == 0
    assert "no covariate helps" in early["notes"][0]
    refused("arms.csv", "--since", "2031-01-01", parts=("Events are from",))
    refused("arms.csv", "--since", "2020-11-02", "--outcome", "spent", parts=("'spend'",))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("arms.csv",), ("--outcomes FILE",)),
        (("arms.csv", "--outcomes", "outcomes.parquet", "--since", "2020-01-01"), ("not both",)),
        (("outcomes.parquet", "--outcomes", "outcomes.parquet"), ("no column 'arm'",)),
        (("arms.csv", "--outcomes", "arms.csv"), ("no column 'value'",)),
        (("arms.csv", "--outcomes", "none.csv"), ("no file 'none.csv'",)),
        (("arms.csv", "--outcomes", "outcomes.parquet", "--plan", "new"), ("control=1,new=1",)),
        (("arms.csv", "--outcomes", "outcomes.parquet", "--plan", "a=1,new=1"), ("Weights",)),
        (("arms.csv", "--outcomes", "outcomes.parquet", "--plan", "new=-1"), ("above 0",)),
        (("arms.csv", "--since", "2020-01-01"), ("penchant.toml",)),
    ],
)
def test_what_cannot_be_read_is_refused(dealt, words, parts):
    refused(*words, parts=parts)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("user,value\nC001,1\nC001,2\n", "more than once"),
        ("user,value\nC001,many\n", "'value'"),
        ("user,value\nC001,\n", "'value'"),
        ("user,value\nC001,inf\n", "finite"),
    ],
)
def test_outcomes_that_are_none_are_refused(dealt, text, why):
    Path("bad.csv").write_text(text)
    refused("arms.csv", "--outcomes", "bad.csv", parts=(why,))


def test_a_row_without_an_arm_is_refused(dealt):
    Path("bad.csv").write_text("user,arm\nC001,control\nC002,\n")
    refused("bad.csv", "--outcomes", "outcomes.parquet", parts=("without a customer or an arm",))


def test_a_planned_experiment_needs_no_file_and_is_kept(folder):
    ownshop.ingested(folder)
    config = folder / "penchant.toml"
    plan = "\n[experiments.banner]\narms = { control = 1, new = 1 }\nshare = 0.9\n"
    config.write_text(config.read_text() + plan)
    words = ("experiment", "banner", "--since", "2020-11-02")
    (effect,) = told(*words)["effects"]
    everyone = pd.read_csv("orders.csv").customer.nunique()
    assert 0.8 * everyone < effect["units"] + effect["control_units"] < everyone
    told("experiment", "banner", "--since", "2020-12-07")
    (row,) = read_sheets(Workspace.open(config))["experiments"].rows  # the last look alone
    assert (row["experiment"], row["outcome"]) == ("banner", "spend")
    assert str(row["start"]) == "2020-12-07"
    refused("baner", "--since", "2020-11-02", parts=("no experiment that is planned", "'banner'"))
    assert "What experiments found" in build_page(read_sheets(Workspace.open(config)))
    config.write_text(config.read_text().replace("share = 0.9", "share = 2"))
    refused("banner", "--since", "2020-11-02", parts=("experiments.banner", "share"))


def test_nobody_of_the_store_or_a_sheet_of_another_version_stops_nothing_else(folder):
    ownshop.ingested(folder)
    pd.DataFrame({"user": USERS[500:540], "arm": ["control", "new"] * 20}).to_csv("arms.csv")
    refused("arms.csv", "--since", "2020-11-02", parts=("None of the 40 customers",))
    users = sorted(pd.read_csv("orders.csv").customer.dropna().unique())
    arms = pd.DataFrame({"user": users, "arm": ["control", "new"] * (len(users) // 2)})
    arms.to_csv("arms.csv", index=False)
    kept = folder / ".penchant" / "experiments.parquet"
    pd.DataFrame({"experiment": ["old"]}).to_parquet(kept)
    told("experiment", "arms.csv", "--since", "2020-11-02")
    (row,) = read_sheets(Workspace.open(folder / "penchant.toml"))["experiments"].rows
    assert row["experiment"] == "arms"
    torn = pd.concat([arms[arms.arm == "control"], arms[:2].assign(arm="new")])
    torn[torn.user.isin(users[:2:2]) | (torn.arm == "control")].to_csv("arms.csv", index=False)
    refused("arms.csv", "--since", "2020-11-02", parts=("1 customers several arms",))


def build_page(sheets):
    return render("", (experiments_section(sheets),))
