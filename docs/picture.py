"""Take the README's picture of a report: the headline and interest over time, side by side.

    python docs/picture.py report.html [docs/report.png]

Needs Chromium (`apt-get install chromium`). The report is opened from disk, beside itself, in two
frames of one page; nothing is loaded from anywhere else.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT = 1280, 900  # pixels of the picture
PAGE = 1000  # pixels of each frame before it is scaled down to half the picture
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --hide-scrollbars "
    "--blink-settings=preferredColorScheme=1 --virtual-time-budget=15000"
)


def frames(report: Path) -> str:
    """A page that shows the report's start and its second section, each in half the width."""
    scale = WIDTH / 2 / PAGE
    style = f"border:0;width:{PAGE}px;height:{HEIGHT / scale:.0f}px;"
    style += f"transform:scale({scale});transform-origin:0 0;position:absolute;top:0;"
    return "".join(
        f'<iframe src="{report.resolve().as_uri()}{part}" style="{style}left:{left}px"></iframe>'
        for part, left in (("", 0), ("#timeline", WIDTH // 2))
    )


def take(report: Path, picture: Path) -> None:
    """Write a PNG of the report."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium isn't installed. Run: apt-get install chromium")
    if not report.is_file():
        sys.exit(f"There is no report at {report}. Run: penchant report")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "picture.html"
        page.write_text(f"<body style='margin:0'>{frames(report)}</body>", encoding="utf-8")
        subprocess.run(
            [
                chromium,
                *FLAGS.split(),
                f"--user-data-dir={folder}/profile",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={picture.resolve()}",
                page.as_uri(),
            ],
            check=True,
            timeout=120,
            capture_output=True,
        )
    print(f"{picture}: {picture.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Usage: python docs/picture.py report.html [docs/report.png]")
    target = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "report.png"
    take(Path(sys.argv[1]), target)
