"""Backtests end to end on a small shop: tables, rankings, failures, refusals."""

import numpy as np
import pyarrow.compute as pc
import pytest

from evaluation.toy import TASK, Broken, SmoothedShare, Steady, rates, shop
from penchant import columns as c
from penchant.errors import DataError, HistoryError, RecipeError
from penchant.evaluation import result
from penchant.evaluation.backtest import backtest, possible_cutoffs
from penchant.evaluation.metrics import METRICS
from penchant.evaluation.result import Backtest

RECIPES = {
    "popularity": SmoothedShare(strength=float("inf")),
    "steady": Steady(),
    "broken": Broken(),
}
CUTOFFS = (24, 32)


@pytest.fixture(scope="module")
def history():
    return shop(users=120)


@pytest.fixture(scope="module")
def found(history):
    return backtest(history, RECIPES, TASK, CUTOFFS, dataset="toy", panel=True, draws=60)


def test_every_metric_of_every_cutoff_window_and_model_is_there(found):
    scored = found.table.filter(pc.field(c.WINDOW) != "all")
    assert len(scored) == len(METRICS) * 2 * 2 * 2
    assert set(scored[c.METRIC].to_pylist()) == set(METRICS)
    assert set(found.table[c.DATASET].to_pylist()) == {"toy"}
    costs = set(found.table.filter(pc.field(c.WINDOW) == "all")[c.METRIC].to_pylist())
    assert costs == {"seconds", "fit_seconds", "predict_seconds", "peak_mib"}
    assert found.table.schema.equals(result.SCORES_SCHEMA)


def test_the_cutoff_has_its_date(found, history):
    dates = set(found.table[c.DATE].to_pylist())
    assert dates == {history.until(cutoff).cutoff_date for cutoff in CUTOFFS}


def test_values_lie_in_their_intervals(found):
    sure = found.table.filter(pc.field(c.METRIC).isin(["average_precision", "mae", "f1"]))
    low, value, high = (sure[name].to_numpy() for name in (c.LOW, c.VALUE, c.HIGH))
    assert (low <= value).all()
    assert (value <= high).all()
    demand = found.table.filter(pc.field(c.METRIC) == "demand_coverage_80")
    assert demand[c.LOW].null_count == len(demand)
    assert demand[c.VALUE].null_count == 0


def test_the_better_model_leads_and_clearly(found):
    board = found.leaderboard("average_precision").to_pylist()
    assert [row[c.MODEL] for row in board] == ["steady", "popularity"] * 2
    assert {row[c.CUTOFFS] for row in board} == {2}
    assert all(row[c.LOW] <= row[c.VALUE] <= row[c.HIGH] for row in board)
    losses = found.leaderboard("cross_entropy").to_pylist()
    assert losses[0][c.MODEL] == "steady"
    difference = found.compare("steady", "popularity", "average_precision", "1-4")
    assert difference.clear
    assert difference.value == pytest.approx(board[0][c.VALUE] - board[1][c.VALUE])


def test_costs_and_undefined_intervals_have_a_leaderboard_too(found):
    assert len(found.leaderboard("seconds")) == 2
    assert found.leaderboard("demand_coverage_80")[c.LOW].null_count == 4


def test_reliability_adds_up_to_all_cells(found):
    mine = found.reliability.filter(
        (pc.field(c.MODEL) == "steady") & (pc.field(c.CUTOFF) == 32) & (pc.field(c.WINDOW) == "5-8")
    )
    assert pc.sum(mine[c.CELLS]).as_py() == 120 * 12
    assert (mine[c.LOW].to_numpy() <= mine[c.CHANCE].to_numpy() + 1e-6).all()
    assert (mine[c.CHANCE].to_numpy() <= mine[c.HIGH].to_numpy() + 1e-6).all()


def test_demand_shows_what_sold_beside_what_was_forecast(found, history):
    mine = found.demand.filter(
        (pc.field(c.MODEL) == "steady") & (pc.field(c.CUTOFF) == 32) & (pc.field(c.WINDOW) == "1-4")
    )
    actual_T = history.interest.count_UT(TASK.target, 32, 36).sum(axis=0)
    assert mine[c.ACTUAL].to_pylist() == actual_T.tolist()
    expected = rates(120, 12).sum(axis=0) * 4
    np.testing.assert_allclose(mine[c.MEAN].to_numpy(), expected, rtol=0.5)
    assert (mine[c.LOW].to_numpy() <= mine[c.HIGH].to_numpy()).all()


def test_a_failing_recipe_is_listed_and_the_others_go_on(found):
    failures = found.failures.to_pylist()
    assert [(row[c.MODEL], row[c.CUTOFF]) for row in failures] == [("broken", 24), ("broken", 32)]
    assert failures[0][c.ERROR] == "ZeroDivisionError: no such luck"


def test_only_if_all_fail_is_that_an_error(history):
    with pytest.raises(RecipeError, match="'broken' at cutoff 32: ZeroDivisionError: no such luck"):
        backtest(history, {"broken": Broken()}, TASK, [32], draws=0)


def test_a_backtest_comes_back_from_its_folder(found, tmp_path):
    found.write(tmp_path / "backtest")
    again = Backtest.read(tmp_path / "backtest")
    assert again == found
    (tmp_path / "backtest" / "demand.parquet").unlink()
    with pytest.raises(DataError, match=r"demand\.parquet"):
        Backtest.read(tmp_path / "backtest")


def test_draws_can_be_skipped(history):
    quick = backtest(history, {"steady": Steady()}, TASK, [32], draws=0)
    assert quick.table[c.LOW].null_count == len(quick.table)
    assert quick.leaderboard("auc")[c.VALUE].null_count == 0


def test_progress_tells_of_each_trial_with_its_forecast(history):
    seen = []

    def watch(*news):
        seen.append(news)

    backtest(history, RECIPES, TASK, [32], panel=True, draws=0, progress=watch)
    assert [(trial.model, done, of) for trial, done, of in seen] == [
        ("popularity", 1, 3), ("steady", 2, 3), ("broken", 3, 3),
    ]  # fmt: skip
    assert seen[1][0].forecast.chance_UTW.shape == (120, 12, 2)
    assert seen[2][0].forecast is None


def test_users_unknown_at_the_cutoff_are_scored_only_in_a_panel(history):
    known, everyone = (
        backtest(history, {"steady": Steady()}, TASK, [2], panel=panel, draws=20)
        for panel in (False, True)
    )
    cells = [pc.sum(found.reliability[c.CELLS]).as_py() for found in (known, everyone)]
    assert cells[0] < cells[1] == 2 * 120 * 12


def test_cutoffs_spread_evenly_up_to_the_last_that_can_be_scored(history):
    assert possible_cutoffs(history, TASK, 4) == (20, 24, 28, 32)
    assert possible_cutoffs(history, TASK, 3, first=10) == (10, 21, 32)
    assert possible_cutoffs(history, TASK, 1) == (32,)
    assert possible_cutoffs(history, TASK, 9, first=31) == (31, 32)


def test_impossible_questions_are_refused_with_what_is_possible(history):
    with pytest.raises(HistoryError, match=r"Cutoffs 1 to 32 .* found 33, 40"):
        backtest(history, RECIPES, TASK, [30, 33, 40])
    with pytest.raises(HistoryError, match="1 to 32"):
        possible_cutoffs(history, TASK, 3, first=33)
    with pytest.raises(HistoryError, match="more than the 8 steps"):
        possible_cutoffs(history.until(8), TASK, 1)
    with pytest.raises(HistoryError, match="each cutoff once"):
        backtest(history, RECIPES, TASK, [30, 30])
    with pytest.raises(RecipeError, match="at least one recipe"):
        backtest(history, {}, TASK, [30])


def test_unknown_names_are_refused_with_a_suggestion(found):
    with pytest.raises(DataError, match="Did you mean 'average_precision'"):
        found.leaderboard("averge_precision")
    with pytest.raises(DataError, match="Models with it: popularity, steady"):
        found.compare("steady", "boosted", "auc", "1-4")
