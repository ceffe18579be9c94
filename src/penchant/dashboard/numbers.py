"""Numbers as people read them: 1,234 and 12 %, 0.541 and 6 March 2017."""

import math
from datetime import date

SPACE = "\N{NO-BREAK SPACE}"
MISSING = "–"


def count(value: float | None) -> str:
    """A whole number with thousands separated: `1,234`."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def volume(value: float | None) -> str:
    """An expected count: one decimal where it is small enough to matter."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def share(value: float | None) -> str:
    """A part of one as a percentage: `12 %`, `3.4 %` below a tenth, `< 0.1 %`."""
    if value is None or not math.isfinite(value):
        return MISSING
    percent = 100 * value
    if 0 < percent < 0.1:
        return f"<{SPACE}0.1{SPACE}%"
    if 99 < percent < 100:  # never rounded to all
        return f"{math.floor(percent * 10) / 10:.1f}{SPACE}%"
    return f"{percent:.1f}{SPACE}%" if 0 < abs(percent) < 10 else f"{percent:.0f}{SPACE}%"


def chance(value: float | None) -> str:
    """A probability in whole percent, never rounded to certainty: `43 %`, `> 99 %`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < value < 0.01:
        return f"<{SPACE}1{SPACE}%"
    return f">{SPACE}99{SPACE}%" if value > 0.99 else f"{100 * value:.0f}{SPACE}%"


def change(value: float | None) -> str:
    """A relative change with its sign: `+12 %`, `−8 %`."""
    if value is None or not math.isfinite(value):
        return MISSING
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{abs(100 * value):.0f}{SPACE}%"


def decimal(value: float | None) -> str:
    """A score to three decimals: `0.541`."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.3f}".replace("-", "−")


def day(value: date | None) -> str:
    """A date: `6 Mar 2017`."""
    return MISSING if value is None else f"{value.day} {value:%b %Y}"


def span(low: float, high: float) -> str:
    """Both ends of an interval of counts: `0–3`."""
    return f"{low:,.0f}–{high:,.0f}"


def window(name: str) -> str:
    """A window's name with an en dash: `1–4`."""
    return name.replace("-", "–")


def several(number: float, noun: str) -> str:
    """A count with its noun: `1 topic`, `1,234 topics`."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")
