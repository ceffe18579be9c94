"""Where numbers come from: the commit, the machine, and the versions that computed them."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARIES = (
    *("numpy", "scipy", "pandas", "pyarrow", "duckdb", "ibis-framework"),
    *("scikit-learn", "lightgbm", "polars"),
)


def setting(command: str) -> list[str]:
    """What a result depends on, in lines; ask before the run, which keeps the machine busy."""
    return [
        f"command: `{command}`",
        f"commit: {_commit()}",
        f"machine: {_machine()}",
        f"versions: {_versions()}",
    ]


def _commit() -> str:
    """Short hash of the commit, with `-dirty` if anything but results differs from it."""
    head = _git("rev-parse", "--short", "HEAD")
    if not head:
        return "unknown: this is no git checkout"
    changed = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    return f"{head}-dirty" if changed else head


def _machine() -> str:
    """Processor, cores and memory, and how busy it was at the start."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    busy = f"load average {os.getloadavg()[0]:.1f} at the start"
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {gib:.0f} GiB; {busy}"


def _versions() -> str:
    """Python and the libraries that the numbers depend on."""
    found = [f"Python {platform.python_version()}"]
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            found.append(f"no {library}")
    return ", ".join(found)


def _git(*arguments: str) -> str:
    # In a container the checkout often belongs to somebody else, which git refuses by default.
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
