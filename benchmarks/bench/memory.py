"""Memory of this process as Linux tells it; NaN where the system can't say.

A process's highest memory is counted from its start, data set and all. Here the mark is set back
first, so that what is read afterwards is what was added since.
"""

import math
import re
from pathlib import Path

STATUS, MARKS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def held_mib() -> float:
    """Memory held now, in MiB."""
    return _told("VmRSS")


def set_mark() -> None:
    """Forget the highest memory so far."""
    if MARKS.exists():
        MARKS.write_text("5")  # as proc(5) has it


def highest_mib() -> float:
    """The most memory held since the mark was set, in MiB."""
    return _told("VmHWM")


def _told(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    return int(found[1]) / 1024 if found else math.nan
