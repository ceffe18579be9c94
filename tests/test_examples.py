"""The examples run, and what they keep is what their scripts make."""

import re
import runpy
import shutil
from dataclasses import is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from penchant.cli import app
from penchant.data import accept
from penchant.evaluation.metrics import METRICS
from penchant.settings import Settings

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOP = EXAMPLES / "own_shop"
MOST_KB = 300


def test_forecasting_a_csv_in_python(capsys):
    runpy.run_path(str(EXAMPLES / "forecast_csv.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert "purchases in weeks 1-4, 80 %:" in shown
    assert "gamma_poisson" in shown
    assert "popularity" in shown


def test_the_shop_is_what_its_script_makes(tmp_path):
    shutil.copy(SHOP / "make.py", tmp_path)
    runpy.run_path(str(tmp_path / "make.py"), run_name="__main__")
    for name in ("orders.csv", "products.csv"):
        assert (tmp_path / name).read_bytes() == (SHOP / name).read_bytes()


@pytest.mark.parametrize("folder", [path for path in EXAMPLES.iterdir() if path.is_dir()])
def test_an_example_is_small(folder):
    assert sum(path.stat().st_size for path in folder.glob("*.*")) <= MOST_KB * 1000


class TestReadme:
    """What the README shows is what the example holds, and it runs."""

    def blocks(self, language):
        readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)

    def test_shows_the_shop_as_it_is(self):
        for name in ("orders.csv", "products.csv"):
            kept = (SHOP / name).read_text(encoding="utf-8").splitlines()
            assert "\n".join(kept[:4]) + "\n" in self.blocks("csv")
        assert self.blocks("toml") == [(SHOP / "penchant.toml").read_text(encoding="utf-8")]

    def test_its_commands_lead_to_a_report(self, tmp_path, monkeypatch):
        folder = tmp_path / "shop"
        shutil.copytree(SHOP, folder)
        monkeypatch.chdir(folder)
        lines = "".join(self.blocks("sh")).splitlines()
        commands = [line.split("#")[0].split() for line in lines if line.startswith("penchant")]
        verbs = ["profile", "ingest", "check", "backtest", "fit", "forecast"]
        verbs += ["recommend", "churn", "segments", "services", "community"]
        verbs += ["demand", "rhythm", "migrate", "report"]
        assert [words[1] for words in commands] == verbs
        for words in commands:
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, result.output
        assert (folder / ".penchant" / "report.html").is_file()

    def test_its_python_runs(self, monkeypatch, capsys):
        monkeypatch.chdir(SHOP)
        (code,) = self.blocks("python")
        with pytest.warns(UserWarning, match="3 of 7,302 rows are left out"):
            exec(code, {})
        shown = capsys.readouterr().out
        assert "Espresso" in shown
        assert "popularity" in shown


class TestGuide:
    """The guide is complete."""

    def page(self, name):
        return (EXAMPLES.parent / "docs" / name).read_text(encoding="utf-8")

    def settings_of(self, kind, at=""):
        for name, hint in get_type_hints(kind).items():
            if is_dataclass(hint):
                yield from self.settings_of(hint, f"{at}{name}.")
            else:
                yield at, name

    def test_it_has_every_setting(self):
        page = self.page("guide.md")
        for section, name in self.settings_of(Settings):
            row = f"`{section.rstrip('.')}`" if section.startswith("mapping") else f"`{section}"
            lines = [line for line in page.splitlines() if line.startswith("|") and row in line]
            assert any(name in line for line in lines), f"{section}{name}"

    def test_it_has_every_metric(self):
        page = self.page("evaluation.md")
        assert [name for name in METRICS if f"`{name}`" not in page] == []

    def test_it_has_every_reason_for_quarantine(self):
        constants = [value for name, value in vars(accept).items() if name.isupper()]
        reasons = [text for text in constants if isinstance(text, str) and " " in text]
        assert len(reasons) >= 9
        page = " ".join(self.page("guide.md").split())
        assert [text for text in reasons if f"`{text}`" not in page] == []
