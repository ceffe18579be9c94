"""What a benchmark writes can be read by anyone: one list of rows, and one page."""

import json
import math
import re
import sys
from pathlib import Path

import pytest

from penchant.evaluation.metrics import METRICS
from penchant.interest.task import Window

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
FIELDS = ["dataset", "cutoff", "window", "model", "metric", "value", "low", "high"]
WORD = re.compile(r"[a-z][a-z0-9_]*")
MODEL = re.compile(r"[a-z][a-z0-9_]*( [-/] [a-z][a-z0-9_]*)?")
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py"))
WRITTEN = sorted((BENCHMARKS / "results").glob("*.json"))


def number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def wrong_in(row):
    """What is wrong with a row, or an empty text."""
    if list(row) != FIELDS:
        return f"fields {list(row)}"
    if not (row["cutoff"] == "mean" or (type(row["cutoff"]) is int and row["cutoff"] > 0)):
        return f"cutoff {row['cutoff']!r}"
    if row["window"] != "all" and Window.parse(row["window"]).name != row["window"]:
        return f"window {row['window']!r}"
    if not MODEL.fullmatch(row["model"]) or not WORD.fullmatch(row["metric"]):
        return f"model {row['model']!r}, metric {row['metric']!r}"
    if not all(row[name] is None or number(row[name]) for name in ("value", "low", "high")):
        return f"numbers {row['value']!r}, {row['low']!r}, {row['high']!r}"
    if row["low"] is not None and row["low"] > row["high"]:
        return f"interval {row['low']} to {row['high']}"
    return ""


def check(path):
    rows = json.loads(path.read_text(encoding="utf-8"))
    wrong = {problem for row in rows if (problem := wrong_in(row))}
    assert rows
    assert not wrong
    places = [tuple(row[name] for name in FIELDS[:5]) for row in rows]
    assert len(set(places)) == len(places), "a number stands twice"
    return rows


@pytest.fixture
def bench(monkeypatch):
    """Make the benchmarks' own modules importable, for one test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "bench"]:
        del sys.modules[name]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_results_are_rows_that_name_what_they_measure(path):
    rows = check(path)
    names = {*METRICS, "seconds"}
    known = [row for row in rows if row["metric"] in names and row["value"] is not None]
    assert known, "no metric of the package's"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_results_have_their_script_and_their_page(path):
    assert path.stem in SCRIPTS
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    for needed in ("command: ", "commit: ", "machine: ", "versions: ", "## Caveats", "\n|"):
        assert needed in page, f"{path.stem}.md lacks '{needed.strip()}'"


@pytest.mark.usefixtures("bench")
def test_rows_come_back_as_they_were_written(tmp_path):
    from bench.rows import Row, read_rows, write_rows

    rows = [
        Row("shop", 40, "1-4", "boosted", "average_precision", 0.5461239, 0.541, 0.55),
        Row("shop", "mean", "all", "boosted", "seconds", 52.0, float("nan"), float("nan")),
        Row("shop", 40, "5-8", "boosted - popularity", "crps", -0.0123),
    ]
    path = tmp_path / "shop.json"
    write_rows(rows, path)
    assert check(path)[0]["value"] == 0.546124
    back = list(read_rows(path))
    assert [row.value for row in back] == [0.546124, 52.0, -0.0123]
    assert back[1].low is None
    assert back[2] == rows[2]


@pytest.mark.usefixtures("bench")
def test_a_goal_passes_only_at_or_past_its_bound():
    from bench.goals import CUTOFF, judge
    from bench.rows import Row, Rows
    from bench.shops import JOURNEY

    place = (JOURNEY, CUTOFF, "1-4", "boosted")
    verdicts = []
    for value in (0.5449, 0.545, None):
        judged = judge(Rows([Row(*place, "average_precision", value)]))
        verdicts.append(judged[0][2])
    assert verdicts == ["FAIL", "PASS", "not run"]
    assert {verdict for _, _, verdict in judged} == {"not run"}


@pytest.mark.usefixtures("bench")
def test_a_table_marks_the_best_and_shows_what_is_missing():
    from bench.rows import Row, Rows
    from bench.tables import metric_table

    rows = Rows(
        [
            Row("shop", 40, "1-4", "popularity", "crps", 0.2, 0.1, 0.3),
            Row("shop", 40, "1-4", "boosted", "crps", 0.1),
            Row("shop", 40, "5-8", "boosted", "crps", 0.15),
        ]
    )
    lines = metric_table(rows, ("shop", 40), "crps").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["crps", "1-4", "5-8"]
    assert cells[2] == ["popularity", "0.2000 [0.1000, 0.3000]", "–"]
    assert cells[3] == ["boosted", "**0.1000**", "0.1500"]
