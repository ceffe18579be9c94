"""The page in a real browser: every chart is drawn and the console stays silent."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from penchant.dashboard.report import Report, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --enable-logging=stderr "
    "--virtual-time-budget=8000 --window-size=1280,2000 --dump-dom"
)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed: apt-get install chromium")
def test_charts_are_drawn_without_a_console_message(small: Report, tmp_path: Path):
    write_report(small, tmp_path / "report.html")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    address = (tmp_path / "report.html").as_uri()
    run = subprocess.run(
        [str(CHROMIUM), *FLAGS.split(), profile, address],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    page = run.stdout
    # Charts of a list's other choices are drawn when they are chosen.
    hidden = len(re.findall(r'data-panel="[^"]*" hidden', page))
    shown = page.count("data-chart=") - hidden
    assert shown >= 9
    assert page.count("<svg") == shown
    assert page.count("<path") > 10 * shown
