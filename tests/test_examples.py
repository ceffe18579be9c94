"""The examples run, and what they keep is what their scripts make."""

import runpy
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
MOST_KB = 300


def test_forecasting_a_csv_in_python(capsys):
    runpy.run_path(str(EXAMPLES / "forecast_csv.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert "purchases in weeks 1-4, 80 %:" in shown
    assert "gamma_poisson" in shown
    assert "popularity" in shown


def test_the_shop_is_what_its_script_makes(tmp_path):
    shutil.copy(EXAMPLES / "own_shop" / "make.py", tmp_path)
    runpy.run_path(str(tmp_path / "make.py"), run_name="__main__")
    for name in ("orders.csv", "products.csv"):
        kept = EXAMPLES / "own_shop" / name
        assert (tmp_path / name).read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("folder", [path for path in EXAMPLES.iterdir() if path.is_dir()])
def test_an_example_is_small(folder):
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    assert size <= MOST_KB * 1000


def test_the_readme_shows_the_shop_as_it_is():
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    for name, lines in (("orders.csv", 4), ("products.csv", 4)):
        kept = (EXAMPLES / "own_shop" / name).read_text(encoding="utf-8").splitlines()
        assert "\n".join(kept[:lines]) in readme
