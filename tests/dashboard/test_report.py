import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.dashboard.block import NextStep
from penchant.dashboard.report import Report, build_report, write_report
from penchant.errors import HistoryError
from penchant.sheet import Filled
from penchant.sheets import sheet_named

CHURN, CHOICES, POLICIES = (sheet_named(name) for name in ("churn", "choices", "policies"))
SECTIONS = (
    "headline",
    "timeline",
    "rhythm",
    "migration",
    "hindsight",
    "calibration",
    "leaderboard",
    "customers",
    "method",
)
HOSTILE = "</script><b>$ink"


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.options = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = "options" if dict(attrs).get("id") == "options" else tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "options":
            self.options += data
        elif self._inside not in ("script", "style"):
            self.text += data

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


@pytest.fixture(scope="module")
def page(small: Report) -> Page:
    return Page(build_report(small))


def test_the_file_loads_nothing(small: Report, page: Page):
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            address = attrs.get(name)
            assert address is None or address.startswith("#") or address == "data:,", (tag, attrs)
    html = build_report(small)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert "default-src 'none'" in html


def test_every_section_is_there_in_order_and_in_the_contents(page: Page):
    found = [attrs["id"] for tag, attrs in page.elements if tag == "section"]
    assert tuple(found) == SECTIONS
    links = [attrs.get("href") for tag, attrs in page.elements if tag == "a"]
    assert links[-len(SECTIONS) :] == [f"#{name}" for name in SECTIONS]


def test_every_chart_has_its_option_its_table_and_a_sentence(page: Page):
    charts = [attrs["data-chart"] for _, attrs in page.elements if "data-chart" in attrs]
    ids = page.ids()
    assert len(charts) >= 15
    assert set(charts) == set(json.loads(page.options))
    for chart in charts:
        assert f"{chart}-table" in ids
        assert f"{chart}-how" in ids


def test_ids_are_unique(page: Page):
    assert len(page.ids()) == len(set(page.ids()))


def test_the_headline_names_the_best_model_and_what_it_beat(page: Page):
    assert "the best of 2 models is boosted" in page.text
    assert "average precision of 0.500 (popularity alone: 0.400)" in page.text
    assert "off by 1.0 percentage points" in page.text
    assert "80\xa0% intervals" in page.text.replace("80 %", "80\xa0%")


def test_hostile_names_stay_text(make_report: Callable[..., Report]):
    report = make_report([HOSTILE, "TEA"], ["<img src=x onerror=alert(1)>", "u2"], 30)
    html = build_report(replace(report, title=HOSTILE))
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"b", "img"}
    assert html.count("<script") == html.count("</script>") == 3
    assert HOSTILE in page.text
    assert "Customer <img src=x onerror=alert(1)>" in page.text
    assert HOSTILE in json.loads(page.options)["river"]["legend"]["data"]


def test_without_a_backtest_the_report_says_how_to_get_one(make_report: Callable[..., Report]):
    page = Page(build_report(make_report(["APPLES", "TEA"], ["a", "b", "c"], 30, backtest=False)))
    assert [attrs["id"] for tag, attrs in page.elements if tag == "section"] == list(SECTIONS)
    assert page.text.count("Run penchant backtest, then penchant report again.") >= 3


@pytest.mark.parametrize("backtest", [True, False])
def test_the_smallest_history_builds(make_report: Callable[..., Report], backtest: bool):
    page = Page(build_report(make_report(["TEA"], ["a", "b"], 3, backtest=backtest)))
    assert "3 weeks" in page.text
    assert "nan" not in page.options.lower()


def test_a_customer_with_no_event_builds(make_report: Callable[..., Report]):
    report = make_report(["APPLES", "TEA"], ["a"], 30)
    silent = replace(
        report.history.interest,
        user_N=np.empty(0, np.int32),
        topic_N=np.empty(0, np.int32),
        step_N=np.empty(0, np.int32),
        count_NK=np.empty((0, 1), np.float32),
        money_N=np.empty(0, np.float32),
    )
    page = Page(build_report(replace(report, history=replace(report.history, interest=silent))))
    assert "never so far" in page.text


def test_next_steps_and_settings_are_shown(small: Report):
    report = replace(
        small,
        next_steps=(NextStep("Fit again.", "penchant fit --all"),),
        settings=(("Half-life", "12 weeks"),),
    )
    page = Page(build_report(report))
    assert "penchant fit --all" in page.text
    assert "Half-life" in page.text


def test_every_metric_shown_is_explained(small: Report):
    html = build_report(small)
    method = html[html.index('<section id="method"') :]
    for label in ("Average precision", "Calibration error", "80 % interval holds", "Novel metric"):
        assert f"<dt>{label}</dt>" in method


def test_the_same_input_gives_the_same_file(small: Report):
    assert build_report(small) == build_report(small)


def test_a_forecast_of_another_cutoff_is_refused(small: Report):
    with pytest.raises(HistoryError, match="differ in their cutoff"):
        replace(small, forecast=replace(small.forecast, origin=small.forecast.origin + 1))


def test_write_report_leaves_only_the_complete_file(small: Report, tmp_path: Path):
    write_report(small, tmp_path / "out" / "report.html")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert len(text) < 3_000_000


def test_only_rows_up_to_the_limit_are_written_and_it_says_so(make_report: Callable[..., Report]):
    topics = [f"T{k:03d}" for k in range(250)]
    html = build_report(make_report(topics, ["a", "b"], 30))
    assert "The first 200 of 250 rows." in html
    table = re.search(r'<details id="scatter-0-table">.*?</details>', html, re.DOTALL)
    assert table is not None
    assert table[0].count("<tr>") == 201


def table_of(sheet):
    return pa.Table.from_pylist([dict(sheet.example)], schema=sheet.schema)


def test_what_was_decided_has_a_section_and_says_when_it_is_old(small: Report):
    first, cutoff = small.history.interest.users_U, small.history.cutoff_date
    rows = [
        dict(CHURN.example) | {c.USER: str(user), c.GONE: 0.04 * k, c.AT_RISK: 10.0 * k}
        for k, user in enumerate(first)
    ]
    table = pa.Table.from_pylist(rows, schema=CHURN.schema)
    days = cutoff + timedelta(days=84), datetime(2026, 3, 2, tzinfo=UTC)
    filled = Filled(CHURN, table, cutoff, *days, ("Nothing is known of prices.",))
    page = Page(build_report(replace(small, sheets={"churn": filled})))
    assert "section" in {tag for tag, attrs in page.elements if attrs.get("id") == "churn"}
    assert "Nothing is known of prices." in page.text
    assert "of 12 customers" in page.text
    assert "Run penchant churn again" not in page.text
    stale = Filled(CHOICES, table_of(CHOICES), cutoff - timedelta(days=7), *days, ())
    policies = Filled(POLICIES, table_of(POLICIES), cutoff - timedelta(days=70), *days, ())
    page = Page(build_report(replace(small, sheets={"policies": policies, "choices": stale})))
    assert "policies-table" in page.ids()
    assert "choices-table" not in page.ids()
    old = replace(filled, start=cutoff - timedelta(days=7))
    page = Page(build_report(replace(small, sheets={"churn": old})))
    assert "Run penchant churn again" in page.text
