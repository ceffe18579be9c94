"""Each picture says what its numbers say, has them as a table, and stands alone as a page."""

import json
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pytest

from penchant.dashboard.block import Chart, Picker
from penchant.dashboard.cadences import cadence_picker
from penchant.dashboard.chord import chord
from penchant.dashboard.correlogram import correlogram_chart
from penchant.dashboard.drift import EVERYBODY, drift_chart
from penchant.dashboard.figure import write_figure
from penchant.dashboard.migration import changes_table, migration_section
from penchant.dashboard.phasemap import phase_map
from penchant.dashboard.report import Report
from penchant.dashboard.rhythm import half_life_table, rhythm_section, rhythm_table
from penchant.dashboard.river import OTHERS, river
from penchant.dashboard.sankey import between_groups, sankey
from penchant.data.step import Step
from penchant.data.worlds import WORLDS, Shop
from penchant.interest.correlation import correlogram
from penchant.interest.counts import chance_of
from penchant.interest.drift import drift
from penchant.interest.flow import Flow
from penchant.interest.halflife import HalfLife
from penchant.interest.history import History, build_history
from penchant.interest.migration import migrations
from penchant.interest.model import make_forecast
from penchant.interest.phase import topic_phases
from penchant.interest.repurchase import topic_cadences
from penchant.interest.rhythm import rhythms
from penchant.interest.task import Task
from penchant.interest.topics import choose_topics

PURCHASES = ("purchase",)
TOPICS = np.array(["APPLES", "BREAD", "CHEESE", "TEA"])
MOVED = np.array(
    [[0.2, 0.06, 0.0, 0.0], [0.02, 0.2, 0.0, 0.0], [0.0, 0.0, 0.3, 0.02], [0.0, 0.0, 0.0, 0.2]]
)


def flow(moved_TT: np.ndarray = MOVED, *, forecast: bool = False) -> Flow:
    days = (
        (date(2018, 1, 1), date(2018, 4, 1)) if forecast else (date(2017, 10, 1), date(2018, 1, 1))
    )
    return Flow(TOPICS, *days, 100, moved_TT, forecast)


def world_history(name: str) -> History:
    log = WORLDS[name](Shop(users=300, topics=12, steps=80)).log
    events = ibis.memtable(log.events)
    return build_history(events, choose_topics(events, ibis.memtable(log.catalog)))


@pytest.fixture(scope="module")
def moving() -> History:
    return world_history("migrating")


def river_of(report: Report, bands: int = 7) -> Chart:
    return river(report.history, report.forecast, report.task, bands=bands)


def series_of(chart: Chart, name: str) -> list[dict]:
    return [one for one in chart.option["series"] if one.get("name") == name and "stack" in one]


def test_the_river_is_as_wide_as_the_shop_has_events(small: Report):
    chart = river_of(small)
    count_TS = small.history.topic_count_TS(PURCHASES)
    first_S = np.array([series_of(chart, str(t))[0]["data"][0][1] for t in TOPICS])
    assert first_S == pytest.approx(count_TS[:, 0])
    bed = chart.option["series"][0]["data"][0]["value"][1]
    assert bed == pytest.approx(-count_TS[:, 0].sum() / 2)


def test_the_river_turns_into_the_forecast_at_now(small: Report):
    chart = river_of(small)
    now = small.history.cutoff_date.isoformat()
    assert chart.option["series"][0]["markLine"]["data"][0] == {"xAxis": now}
    total = small.forecast.total("users").mean
    ahead = dict(series_of(chart, "TEA")[0]["data"])
    assert ahead[now] == pytest.approx(total[3, 0] / 4, abs=0.01)
    row = next(row for row in chart.rows if row[0] == "forecast, weeks 1–4")
    low, high = small.forecast.total("users").interval(0.8)
    assert str(row[5]).endswith(f"({low[3, 0] / 4:,.0f}–{high[3, 0] / 4:,.0f})")


def test_small_topics_flow_along_the_banks(small: Report):
    chart = river_of(small, bands=2)
    count_TS = small.history.topic_count_TS(PURCHASES)
    order = np.argsort(-count_TS.sum(axis=1), kind="stable")
    upper, lower = series_of(chart, OTHERS)
    expected = count_TS[order[2:], 0].sum() / 2
    assert upper["data"][0][1] == pytest.approx(expected)
    assert lower["data"][0][1] == pytest.approx(-expected)
    assert chart.option["legend"]["selected"] == {OTHERS: True}


def test_the_sankey_holds_what_moved_and_not_what_stayed():
    chart = sankey(flow(), flow(MOVED.T, forecast=True))
    links = {
        (link["source"], link["target"]): link["value"]
        for link in chart.option["series"][0]["links"]
    }
    assert len(links) == 6
    assert links["APPLES", "BREAD\u200b"] == pytest.approx(0.6)
    assert links["BREAD\u200b", "APPLES\u200b\u200b"] == pytest.approx(0.6)
    names = [node["name"] for node in chart.option["series"][0]["data"]]
    assert len(names) == len(set(names))
    assert ("APPLES", "BREAD", pytest.approx(0.6), pytest.approx(0.2)) in list(chart.rows)
    assert "10 %" in chart.how_to_read.replace("\xa0", " ")


def test_moves_within_a_group_count_as_stayed():
    grouped = between_groups(flow(), np.array(["food", "food", "food", "drink"]))
    assert grouped.topics_T.tolist() == ["drink", "food"]
    assert grouped.moved == pytest.approx(0.02)
    assert grouped.moved_TT.sum() == pytest.approx(1)


def test_the_chord_draws_the_net_direction():
    links = chord(flow()).option["series"][0]["links"]
    assert [(link["source"], link["target"]) for link in links] == [
        ("APPLES", "BREAD"),
        ("CHEESE", "TEA"),
    ]
    assert links[0]["value"] == pytest.approx(0.04 / 0.06)


def test_a_topic_has_one_colour_in_both_flow_charts():
    def colours(chart: Chart) -> dict[str, str]:
        nodes = chart.option["series"][0]["data"]
        return {node["name"].rstrip("\u200b"): node["itemStyle"]["color"] for node in nodes}

    assert colours(chord(flow())).items() <= colours(sankey(flow())).items()


def test_the_drift_map_has_a_square_for_each_known_cell(moving: History):
    found = drift(moving, PURCHASES)
    chart = drift_chart(found)
    squares = chart.option["series"][0]["data"]
    assert len(found.cohorts) == 1  # all came in the first month, so their row is everybody's
    known = np.isfinite(found.everybody.similarity_P).sum()
    assert len(squares) == known == len(chart.rows)
    assert chart.rows[0][0] == EVERYBODY
    assert max(square["value"][2] for square in squares) <= 1


def test_the_map_puts_growing_topics_right_and_large_ones_high(small: Report):
    history = small.history
    chart = phase_map(history, PURCHASES, topic_phases(history, PURCHASES))
    count_TS = history.topic_count_TS(PURCHASES)
    length = 13
    after, before = (
        count_TS[:, -length:].sum(axis=1),
        count_TS[:, -2 * length : -length].sum(axis=1),
    )
    growth = after.sum() / before.sum()
    points = {
        point["name"]: point["value"]
        for series in chart.option["series"]
        if series["type"] == "scatter"
        for point in series["data"]
    }
    assert set(points) == set(TOPICS.tolist())
    for t, name in enumerate(TOPICS):
        ratio, size = points[name]
        assert size == after[t]
        assert ratio == pytest.approx((after[t] + 0.5) / (before[t] + 0.5) / growth, abs=1e-3)


def test_a_cadence_histogram_counts_every_gap_and_marks_the_median():
    history = world_history("cadenced")
    found = topic_cadences(history, PURCHASES)
    picker = cadence_picker(found, Step.WEEK)
    name, chart = picker.charts[0]
    topic = found.topics_T.tolist().index(name)
    assert sum(row[1] for row in chart.rows) == found.gaps_T[topic]
    assert sum(row[2] for row in chart.rows) == pytest.approx(1)
    marks = [mark["xAxis"] for mark in chart.option["series"][0]["markLine"]["data"]]
    assert int(found.gap_T[topic]) - 1 in marks


def test_stems_outside_the_band_stand_out():
    value_S = np.tile([10.0, 0, 0, 0], 20)
    chart = correlogram_chart("TEA", correlogram(value_S, 8), "week")
    opacity = [point["itemStyle"]["opacity"] for point in chart.option["series"][0]["data"]]
    assert opacity[3] == opacity[7] == 1
    assert chart.rows[3][3] in ("both", "autocorrelation")
    assert chart.option["series"][0]["markArea"]["data"][0][1]["yAxis"] == pytest.approx(
        1.96 / 80**0.5
    )


@pytest.mark.parametrize("picker", [False, True])
def test_a_figure_is_a_page_of_its_own(small: Report, tmp_path: Path, picker: bool):
    chart = river_of(small)
    figure = Picker("rivers", "Which", (("one", chart),)) if picker else chart
    page = write_figure(figure, tmp_path / "river.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '<figure id="river">' in page
    assert '<details id="river-table">' in page
    assert "default-src 'none'" in page
    options = page.partition('id="options">')[2].partition("</script>")[0]
    assert list(json.loads(options)) == ["river"]


def test_a_notebook_shows_the_page_in_a_frame(small: Report):
    shown = river_of(small)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown  # escaped into the attribute


def test_the_section_on_migration_shows_who_moved(moving: History):
    task = Task()
    rate_UT = moving.interest.decayed_UT(PURCHASES, 12) / 17 + 0.01
    volume_UTW = np.stack([rate_UT * window.length for window in task.windows], axis=2)
    forecast = make_forecast(moving, task, chance_of(volume_UTW, 0.5), volume_UTW)
    section = migration_section(moving, forecast, task)
    ids = [getattr(block, "id", block.kind) for block in section.blocks]
    assert ids == ["tiles", "sankey", "chord-observed", "changes", "drift"]


def test_the_surest_changes_come_first(moving: History):
    found = migrations(moving, PURCHASES)
    table = changes_table(found)
    sure = [row[-1] for row in table.rows]
    assert sure == sorted(sure)
    assert {row[0] for row in table.rows} <= set(found.users_U[found.called_U].tolist())


def test_where_nobody_moved_it_says_so(small: Report):
    section = migration_section(small.history, small.forecast, small.task)
    assert "No change was called" in section.blocks[0].paragraphs[0]


def test_the_section_on_rhythm_starts_with_the_map_and_says_what_is_missing(small: Report):
    section = rhythm_section(small.history, small.task)
    ids = [getattr(block, "id", block.kind) for block in section.blocks]
    assert ids == ["phases", "rhythms", "correlograms", "cadences", "notes"]
    season, half_life = section.blocks[-1].paragraphs
    assert "A yearly season needs two years" in season
    assert "new interests" in half_life


def test_topics_that_do_nothing_are_counted_and_not_listed():
    steps = 60
    value_NS = np.full((4, steps), 20.0)
    value_NS[1] = 20 * 1.03 ** np.arange(steps)
    value_NS[2, 30:] = 60
    found = list(rhythms(["all", "rises", "jumps", "stays"], value_NS, 2500, Step.WEEK))
    table = rhythm_table(found)
    assert [row[0] for row in table.rows] == ["all topics", "rises", "jumps"]
    assert "Of 3, 2 do; all of them are shown." in table.note


def test_half_lives_that_cannot_be_told_are_counted_and_not_listed():
    nan, ages, none = float("nan"), np.arange(1, 21), np.array([])
    found = (
        HalfLife("few", nan, nan, nan, 3, ages[:0], none, none, ""),
        HalfLife("fades", 4.0, 2.0, 7.0, 90, ages, none, none, ""),
        HalfLife("stays", float("inf"), float("inf"), float("inf"), 400, ages, none, none, ""),
    )
    table = half_life_table(found, "week")
    longer = ">\N{NO-BREAK SPACE}20"
    assert table.rows == [("stays", 400, longer, longer), ("fades", 90, "4", "2 to 7")]
    assert "Left out: 1 department with too few new interests." in table.note


def test_a_shop_of_three_steps_still_has_its_pictures(small: Report):
    section = rhythm_section(small.history.until(3), Task())
    assert section.blocks[0].id == "phases"
