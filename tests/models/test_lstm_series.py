"""The LSTM of one series: what it learns, how sure it is, and that nobody else waits for it."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from penchant.dashboard.page import charts_of
from penchant.dashboard.seriespage import sections
from penchant.errors import DataError
from penchant.models import lstm_series
from penchant.models.lstm_series import LstmSeries, Scaled, project_lstm, usual_training
from penchant.models.rolling import least_past, trial, usual_held_out
from penchant.models.univariate import METHODS, Asked, least_steps, project
from penchant.outlook import Question, outlook
from penchant.series import Series

BRIEF = LstmSeries(training=replace(usual_training(), passes=3))
LEVELS = (0.8, 0.95)


def bent(steps, seed=1):
    """A series that turns on its sign of two steps ago, which nothing linear follows."""
    rng = np.random.default_rng(seed)
    value_S = np.zeros(steps)
    for s in range(2, steps):
        low = value_S[s - 2] < 0
        value_S[s] = (0.9 if low else -0.7) * value_S[s - 1] + (3 if low else -1)
        value_S[s] += rng.normal(0, 0.3)
    return value_S


def test_the_preset_is_two_layers_of_fifty_with_a_dropout_of_a_fifth():
    preset = LstmSeries()
    assert (preset.layers, preset.width, preset.dropout) == (2, 50, 0.2)


def test_it_follows_what_no_linear_method_does():
    value_S = bent(164, seed=2)
    known_S, came_H = value_S[:-4], value_S[-4:]
    recipe = LstmSeries(training=replace(usual_training(), passes=10))
    error = np.abs(project_lstm(known_S, Asked(4, 1, LEVELS), recipe).mean_H - came_H).mean()
    others = [np.abs(project(known_S, name, 4).mean_H - came_H).mean() for name in METHODS]
    assert error < 0.6 * min(others)


def test_it_reads_value_day_month_and_year_each_from_0_to_1():
    months = pd.date_range("2020-03-01", periods=40, freq="MS")
    series = Series("sales", bent(40) + 20, months)
    asked = Asked(2, 1, LEVELS, series.calendar())
    step_SF = Scaled.of(series.value_S, asked, 30).step_SF
    value_S, day_S, month_S, year_S = step_SF.T
    for known_S in (value_S[:30], month_S[:30], year_S[:30]):
        assert (known_S.min(), known_S.max()) == (0, 1)
    assert not day_S.any(), "Every month is told by its first day, which says nothing."
    assert month_S[:2].tolist() == pytest.approx([2 / 11, 3 / 11])
    dated, bare = (
        project_lstm(series.value_S, a, BRIEF).mean_H for a in (asked, Asked(2, 1, LEVELS))
    )
    assert not np.allclose(dated, bare)


def test_the_unit_changes_nothing_but_the_unit():
    value_S = bent(60)
    asked = Asked(3, 1, LEVELS)
    one, other = (project_lstm(v, asked, BRIEF) for v in (value_S, 5 + 1e6 * value_S))
    np.testing.assert_allclose(other.mean_H, 5 + 1e6 * one.mean_H, rtol=1e-3)
    assert project_lstm(value_S, asked, BRIEF).mean_H.tolist() == one.mean_H.tolist()


def test_intervals_open_and_hold_the_forecast():
    made = project_lstm(bent(80), Asked(6, 1, LEVELS), BRIEF)
    width_VH = made.high_VH - made.low_VH
    assert (np.diff(width_VH, axis=1) >= -1e-9).all()  # but for rounding
    assert (width_VH[1] > width_VH[0]).all()
    np.testing.assert_allclose((made.high_VH + made.low_VH) / 2, np.tile(made.mean_H, (2, 1)))
    assert np.isfinite(made.rest_S).sum() == 80 - 12


def test_intervals_go_on_opening_where_no_error_is_known():
    value_S = bent(40)
    tried = round(lstm_series.TRIED * (40 - lstm_series.USUAL_WINDOW))
    made = project_lstm(value_S, Asked(12, 1, LEVELS), BRIEF)
    width_VH = made.high_VH - made.low_VH
    step_H = np.arange(tried, 13)
    expected_VH = width_VH[:, [tried - 1]] * np.sqrt(step_H / tried)
    np.testing.assert_allclose(width_VH[:, tried - 1 :], expected_VH)


def test_intervals_are_wider_where_fewer_errors_are_known():
    off_OH = np.array([[1.0, 1, 1, 1], [1, 1, 1, np.nan], [1, 1, np.nan, np.nan]])
    known_H = [3, 3, 2, 1]
    half_VH = lstm_series._reach(off_OH, LEVELS)
    for level, half_H in zip(LEVELS, half_VH, strict=True):
        np.testing.assert_allclose(half_H, student.ppf((1 + level) / 2, known_H))


@pytest.mark.parametrize(("ahead", "season"), [(1, 1), (12, 12), (14, 1)])
def test_the_shortest_series_is_forecast_and_a_shorter_one_refused(ahead, season):
    least = least_steps("lstm", ahead, season)
    value_S = np.random.default_rng(0).normal(0, 1, least)
    made = project_lstm(value_S, Asked(ahead, season, LEVELS), BRIEF)
    assert np.isfinite([*made.mean_H, *made.low_VH.ravel()]).all()
    with pytest.raises(DataError, match=f"at least {least}"):
        project(value_S[1:], "lstm", ahead, season=season)


def test_a_trial_leaves_it_enough_to_learn_from():
    methods = ("lstm", *METHODS)
    assert least_past(1, 3, methods) == 24
    assert usual_held_out(30, 4, 1, methods) == 6
    assert usual_held_out(24, 4, 1, methods) == 0


@pytest.fixture(scope="module")
def asked_for():
    series = Series("bent", bent(40) + 20, pd.date_range("2020-01-01", periods=40, freq="MS"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lstm_series, "STEPS", 1)
        return outlook(series, Question(ahead=2, season=1, method="lstm", held_out=4))


def test_it_is_tried_beside_the_others_and_drawn_true_against_predicted(asked_for):
    assert asked_for.trial.methods == ("lstm", "arima", "ets", "naive")
    assert {score.method for score in asked_for.trial.scores} == {"lstm", *METHODS}
    assert asked_for.chosen.method == "lstm"
    assert "LSTM is used as asked" in asked_for.choice_words
    chart = charts_of(sections(asked_for)[0])[0]
    held = [line for line in chart.option["series"] if line.get("name") == "forecast at the time"]
    assert len(held) == 4
    assert held[0]["data"][1]["value"][1] == pytest.approx(asked_for.trial.mean_MOH[0, 0, 0])


def test_it_sees_nothing_that_comes_later(monkeypatch):
    monkeypatch.setattr(lstm_series, "STEPS", 1)
    value_S = bent(34)
    changed_S = value_S.copy()
    changed_S[30:] += 50
    asked = {"ahead": 2, "season": 1, "level": 0.8, "held_out": 4, "methods": ("lstm",)}
    one, other = (trial(v, **asked) for v in (value_S, changed_S))
    np.testing.assert_array_equal(one.mean_MOH[:, 0], other.mean_MOH[:, 0])


def test_nobody_waits_for_pytorch_who_did_not_ask():
    code = (
        "import sys, numpy as np\n"
        "from penchant.outlook import Question, outlook\n"
        "from penchant.series import Series\n"
        "outlook(Series('x', np.arange(12.0) ** 1.1), Question())\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
