"""The leaderboard: cells in fresh processes, kept when finished, and rows that hold."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import ibis
import numpy as np
import pytest

from penchant.data.worlds import WORLDS, Shop
from penchant.evaluation.backtest import backtest
from penchant.interest.history import build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.decayed_share import DecayedShare
from penchant.models.popularity import Popularity

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CUTOFF, DRAWS = 20, 20
TASK = Task(windows=(Window(0, 4), Window(4, 8)))


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    """Make the benchmarks importable, for one test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("bench", "models")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def history():
    log = WORLDS["mixed"](Shop(users=60, topics=6, steps=40, seed=1)).log
    events = ibis.memtable(log.events)
    return build_history(events, choose_topics(events, ibis.memtable(log.catalog), floor=1))


def test_a_kept_history_comes_back_whole(history, tmp_path):
    from bench.kept import is_kept, keep, kept

    assert not is_kept(tmp_path)
    keep(history, tmp_path)
    back = kept(tmp_path)
    assert is_kept(tmp_path)
    assert back.interest.users_U.tolist() == history.interest.users_U.tolist()
    assert back.interest.kinds_K == history.interest.kinds_K
    np.testing.assert_array_equal(back.interest.count_NK, history.interest.count_NK)
    np.testing.assert_array_equal(back.population.count_KTS, history.population.count_KTS)
    assert back.topics.items.equals(history.topics.items)
    found, expected = (
        DecayedShare().fit(one.until(CUTOFF), TASK).predict(one.until(CUTOFF))
        for one in (back, history)
    )
    np.testing.assert_array_equal(found.chance_UTW, expected.chance_UTW)


def test_a_quick_run_prints_writes_and_is_not_run_twice(history, tmp_path, capsys):
    import models
    from bench.cell import history_folder
    from bench.contestants import QUICK_USERS
    from bench.kept import keep
    from bench.race import sources
    from bench.shops import JOURNEY

    keep(history, history_folder(tmp_path / sources(), JOURNEY, QUICK_USERS))
    asked = ["--quick", "--recipes", "popularity,decayed_share,boosted"]
    asked += ["--cells", str(tmp_path), "--out", str(tmp_path / "out"), "--jobs", "2"]
    assert models.main(asked) == 0
    first = capsys.readouterr()
    assert "3 of 3 cells to run" in first.err
    assert "| `popularity`" in first.out

    rows = json.loads((tmp_path / "out" / "models.json").read_text())
    found = {(row["model"], row["window"], row["metric"]): row["value"] for row in rows}
    share = found["boosted", "1-4", "average_precision"]
    other = found["decayed_share", "1-4", "average_precision"]
    pair = found["boosted / decayed_share", "1-4", "average_precision"]
    assert pair == pytest.approx(share / other, rel=1e-4)
    assert found["boosted", "all", "own_mib"] > 0
    assert found["history", "all", "users"] == 60

    assert models.main(asked) == 0
    assert "cells to run" not in capsys.readouterr().err


def test_a_recipe_that_refuses_is_a_finding(history, tmp_path):
    from bench.boardpage import board_page
    from bench.boardrows import board
    from bench.boardshops import BOARD
    from bench.cell import Cell, history_folder, read, run
    from bench.kept import keep

    keep(history, history_folder(tmp_path, "journey_trips", None))
    cells = [Cell("trial", "journey_trips", CUTOFF, name, 0) for name in ("popularity", "boosted")]
    found = [run(cell, tmp_path) for cell in cells]
    assert "learn from windows that have passed" not in found[0].error
    late = run(replace(cells[1], cutoff=10), tmp_path)
    assert late.error.startswith("HistoryError: Boosted trees learn from windows")
    assert read(tmp_path, late.cell) == late
    told = board(BOARD["journey_trips"], [found[0], late])
    page = board_page(["machine: any"], [told], told.rows, 0, "boosted")
    assert "* boosted at cutoff 10: HistoryError" in page


def test_a_large_shop_is_timed(history, tmp_path):
    from bench.boardpage import speed_table
    from bench.boardrows import time_rows
    from bench.cell import Cell, history_folder, run
    from bench.kept import keep
    from bench.rows import Rows
    from bench.shops import JOURNEY

    keep(history, history_folder(tmp_path, JOURNEY, 50))
    done = [
        run(Cell(p, JOURNEY, CUTOFF, "popularity", 0, 50), tmp_path) for p in ("alone", "large")
    ]
    assert done[1].facts["users"] == 50
    assert done[1].facts["topics"] == 300
    lines = speed_table(Rows(time_rows(done))).splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:]] == [JOURNEY, JOURNEY, "large"]


def test_the_readme_gets_its_lines_between_its_marks(history, tmp_path):
    from bench.boardpage import readme_block, renew
    from bench.boardrows import board
    from bench.boardshops import BOARD
    from bench.cell import Cell, history_folder, run
    from bench.kept import keep
    from bench.shops import JOURNEY

    keep(history, history_folder(tmp_path, JOURNEY, None))
    cells = [Cell("trial", JOURNEY, cutoff, "popularity", DRAWS) for cutoff in (CUTOFF, 28)]
    told = board(BOARD[JOURNEY], [run(cell, tmp_path) for cell in cells])
    path = tmp_path / "README.md"
    path.write_text("# shop\n")
    block = readme_block(told, ["machine: one core; busy"])
    assert not renew(path, block)
    path.write_text(
        "# shop\n<!-- numbers: benchmarks/models.py -->\nlast year\n<!-- /numbers -->\nend\n"
    )
    assert renew(path, block)
    text = path.read_text()
    assert "last year" not in text
    assert text.endswith("<!-- /numbers -->\nend\n")
    shown = told.rows.find(JOURNEY, "mean", "1-4", "popularity", "average_precision")
    assert f"| `popularity` | {shown.value:.3f} / " in " ".join(text.split())
    assert "20 and 28, 60 households × 6 categories" in text


def test_a_forecast_is_as_old_as_its_history(history):
    from bench.boardshops import BOARD
    from bench.staleness import aged, restated

    shop = replace(BOARD["complete_journey"], task=TASK)
    recipe = DecayedShare(half_life=4.0, half_lives=())
    result = aged(history, shop, ("fading", recipe), CUTOFF, DRAWS)
    assert set(result.table["model"].to_pylist()) == {"fading_0_weeks_old", "fading_4_weeks_old"}
    past = history.until(CUTOFF, panel=True)
    forecast = recipe.fit(past, TASK).predict(past)
    later = restated(forecast, 1, 4)
    assert later.windows_W == (Window(0, 4),)
    assert later.origin == history.interest.origin + CUTOFF + 4
    np.testing.assert_array_equal(later.chance_UTW[..., 0], forecast.chance_UTW[..., 1])


def test_history_density_is_the_rate_of_the_last_horizon(history):
    from bench.density import HistoryDensity

    past = history.until(CUTOFF)
    forecast = HistoryDensity().fit(past, TASK).predict(past)
    count_UT = past.interest.count_UT(TASK.target, CUTOFF - 8, CUTOFF)
    np.testing.assert_allclose(forecast.volume_UTW[:, :, 0], count_UT / 2, rtol=1e-5, atol=1e-5)
    assert (forecast.chance_UTW[count_UT == 0] == 0).all()


def test_a_ratio_is_paired_and_a_goal_wants_it_surely_above(history):
    from bench.boardrows import gain_rows
    from bench.goals import Goal

    recipes = {"decayed_share": DecayedShare(), "popularity": Popularity()}
    result = backtest(history, recipes, TASK, [CUTOFF, 28], draws=DRAWS)
    rows = {
        (row.window, row.metric): row
        for row in gain_rows(result, ("shop", "mean"), ("decayed_share", "popularity"))
    }
    row = rows["1-4", "average_precision"]
    means = {
        line["model"]: line["value"]
        for line in result.leaderboard("average_precision").to_pylist()
        if line["window"] == "1-4"
    }
    assert row.value == pytest.approx(means["decayed_share"] / means["popularity"])
    assert row.low < row.value < row.high
    goal = Goal(row.model, row.metric, row.window, least=1.0, apart=1.0)
    assert goal.verdict(row) == "PASS"
    assert goal.verdict(replace(row, low=0.99)) == "FAIL"
    assert goal.verdict(replace(row, value=0.99)) == "FAIL"


def test_topics_are_learned_from_titles():
    from bench.reviews import titled_topics

    kinds = ("red nail polish", "argan hair oil", "wooden train track")
    titles = [f"{kind} number {i}" for kind in kinds for i in range(8)]
    topics = titled_topics([str(i) for i in range(len(titles))], titles, topics=3)
    code_I = np.array(topics.items["topic"].to_pylist()).reshape(3, 8)
    assert (code_I == code_I[:, :1]).all()
    assert len(set(code_I[:, 0])) == 3
    assert topics.names_T.tolist() == sorted(topics.names_T.tolist())


@pytest.mark.filterwarnings("ignore")  # of a package that isn't maintained
def test_lifetimes_models_reach_what_is_known_of_them_on_cdnow():
    from bench.counted import cdnow_days, counts_of
    from bench.lifetime import Lifetime

    days = cdnow_days()
    history = counts_of(lambda: days)
    past, task = history.until(39), Task(windows=(Window(0, 39),))
    assert past.interest.shape[:2] == (2357, 1)
    count_U = history.interest.count_UT(task.target, 39, 78)[:, 0]
    for family, known in (("pareto_nbd", 0.7545), ("bg_nbd", 0.7855)):
        forecast = Lifetime(days=days, family=family).fit(past, task).predict(past)
        error = np.abs(forecast.volume_UTW[:, 0, 0] - count_U).mean()
        assert error == pytest.approx(known, abs=0.01)
        assert (forecast.chance_UTW <= forecast.volume_UTW + 1e-6).all()
