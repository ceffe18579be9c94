"""The page of a plain series: what it shows, and that a browser draws it."""

import numpy as np
import pandas as pd
import pytest

from penchant.dashboard.page import charts_of, render
from penchant.dashboard.seriespage import figure, sections, write_series_page
from penchant.outlook import Question, outlook
from penchant.series import Series

RISING = np.array([100, 150, 200, 180, 220, 250, 300, 280, 320, 360, 340, 400.0])


@pytest.fixture(scope="module")
def rising():
    return outlook(Series("stock", RISING), Question(ahead=3))


def lines_of(chart, name):
    return [line for line in chart.option["series"] if line.get("name") == name]


def test_the_chart_holds_the_series_the_past_forecasts_and_the_fan(rising):
    chart = charts_of(sections(rising)[0])[0]
    (past,) = lines_of(chart, "what happened")
    assert [point["value"] for point in past["data"]] == [[k + 1, v] for k, v in enumerate(RISING)]
    assert past["markLine"]["data"] == [{"xAxis": 12}]
    held = lines_of(chart, "forecast at the time")
    assert [line["data"][0]["value"] for line in held] == [
        [k, RISING[k - 1]] for k in (8, 9, 10, 11)
    ]
    (ahead,) = lines_of(chart, "forecast")
    assert [point["value"][0] for point in ahead["data"]] == [12, 13, 14, 15]
    low_H, high_H = rising.ends(0.95)
    low, reach = lines_of(chart, "band-0.95")
    assert [value for _, value in low["data"]] == pytest.approx([400, *low_H])
    assert [value for _, value in reach["data"]] == pytest.approx([0, *(high_H - low_H)])
    assert len(chart.rows) == 15


def test_correlations_are_drawn_before_and_after_differencing(rising):
    charts = charts_of(sections(rising)[2])
    assert [chart.id for chart in charts] == ["correlogram-plain", "correlogram-changes"]
    acf_L = rising.reading.plain.acf_L
    bars = charts[0].option["series"][0]
    assert [point["value"] for point in bars["data"]] == pytest.approx(acf_L, abs=1e-4)
    assert charts[0].rows[0][1] == pytest.approx(acf_L[0])


def test_the_page_tells_what_was_picked_and_why(rising, tmp_path):
    write_series_page(rising, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for part in ("no clear winner", "ARIMA(0,1,1) with drift", "12 values are few", "MASE"):
        assert part in page


def test_a_constant_series_has_neither_trial_nor_correlations():
    made = outlook(Series("flat", np.full(12, 3.0)), Question())
    assert [section.id for section in sections(made)] == ["forecast"]
    assert "Every value is the same" in render("flat", sections(made))


def test_dates_stand_on_the_axis():
    months = pd.date_range("2020-01-01", periods=12, freq="MS")
    made = outlook(Series("sales", RISING, months, counts=True), Question(ahead=2))
    chart = charts_of(sections(made)[0])[0]
    assert chart.option["xAxis"]["type"] == "time"
    assert chart.rows[0][0] == "Jan 2021, forecast"
    assert chart.option["yAxis"]["scale"] is False


def test_a_name_can_not_break_out_of_the_page(rising):
    made = outlook(Series("</script><b>", RISING), Question(held_out=0))
    assert "</script><b>" not in render("x", sections(made))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (0.0123456, "0.01235"), (-2.5, "−2.5"), (0, "0"), (float("nan"), "–")],
)
def test_figures_have_the_decimals_they_need(value, text):
    assert figure(value) == text
