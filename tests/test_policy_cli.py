"""`penchant policy`: a log in, verdicts and choices out; nothing is chosen on weak evidence."""

import numpy as np
import pandas as pd
import pytest

import ownshop
from commands import run, told
from penchant.dashboard.page import render
from penchant.dashboard.policy import policy_section
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

OPTIONS = ["coffee offer", "nothing", "tea offer"]
TASTE = {"Tea": "tea offer", "Coffee": "coffee offer"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = ownshop.ingested(tmp_path_factory.mktemp("choosing"))
    told("fit", "--model", "gamma_poisson", "-c", folder / "penchant.toml")
    return folder


@pytest.fixture(scope="module")
def favourites(shop):
    """Whether each customer buys more tea or more coffee."""
    orders = pd.read_csv(shop / "orders.csv").merge(pd.read_csv(shop / "products.csv"), on="sku")
    bought = orders[orders.department.isin(TASTE)].groupby(["customer", "department"]).size()
    return bought.unstack(fill_value=0).idxmax(axis=1)


def log_of(favourites, path, *, matters=True, decisions=60):
    """Every option by lot; the one that suits the customer earns most, if it matters."""
    rng = np.random.default_rng(3)
    users = np.repeat(favourites.index.to_numpy(), decisions)
    option = rng.choice(OPTIONS, len(users), p=[0.25, 0.5, 0.25])
    suits = option == favourites.loc[users].map(TASTE).to_numpy()
    chance = 0.1 + 0.6 * (suits & matters)
    frame = pd.DataFrame(
        {
            "user": users,
            "option": option,
            "reward": (rng.random(len(users)) < chance).astype(int),
            "propensity": np.where(option == "nothing", 0.5, 0.25),
            "time": "2020-11-30T10:00",
        }
    )
    frame.to_csv(path, index=False)
    return path


def test_what_suits_whom_is_found_and_shown(shop, favourites):
    config, log = shop / "penchant.toml", log_of(favourites, shop / "log.csv")
    found = told("policy", log, "-c", config)
    verdicts = {row["policy"]: row for row in found["policies"]}
    assert set(verdicts) == {"even", "best_option", "greedy", "softmax"}
    assert found["chosen"] in ("greedy", "softmax")
    assert verdicts[found["chosen"]]["gain_low"] > 0.1
    assert verdicts["even"]["gain"] == pytest.approx(0.033, abs=0.05)
    sheets = read_sheets(Workspace.open(config))
    shown = pd.DataFrame(sheets["choices"].rows).set_index("user")
    assert found["rows"] == len(shown)
    mine = shown.loc[favourites.index.intersection(shown.index)]
    suits = mine.option == favourites.loc[mine.index].map(TASTE)
    assert suits.mean() > 0.6
    explored = mine.propensity.min()
    assert explored >= 0.1 / 3 - 1e-9  # whatever was drawn had at least the chance of exploring
    assert "Show " in run("policy", log, "-c", config).output
    again = read_sheets(Workspace.open(config))
    assert again["choices"].table == sheets["choices"].table  # the same draw for everyone
    assert again["policies"].table == sheets["policies"].table
    assert found["chosen"] in render("", (policy_section(sheets),))


def test_where_nothing_matters_nothing_is_chosen(shop, favourites):
    log = log_of(favourites, shop / "flat.csv", matters=False)
    found = told("policy", log, "-c", shop / "penchant.toml")
    assert found["chosen"] is None
    assert found["rows"] == 0
    assert "nothing is chosen" in found["notes"][-1]


def test_what_cannot_be_judged_is_refused(shop, favourites):
    config = shop / "penchant.toml"
    good = pd.read_csv(log_of(favourites, shop / "good.csv", decisions=4))

    def refused(frame, *parts):
        frame.to_csv(shop / "bad.csv", index=False)
        result = run("policy", shop / "bad.csv", "-c", config)
        assert result.exit_code == 2
        for part in parts:
            assert part in result.stderr

    refused(good, "at least 100 times")
    refused(good.drop(columns="propensity"), "no column 'propensity'")
    refused(good.assign(propensity=0), "aren't in (0, 1]")
    refused(good.assign(reward="often"), "'reward'")
    refused(good.assign(time="yesterday"), "'time'")
    refused(good.assign(time="2001-01-01"), "before anything was known")
    assert run("policy", "none.csv", "-c", config).exit_code == 2
    assert run("policy", shop / "good.csv", "--explore", "2", "-c", config).exit_code == 2
