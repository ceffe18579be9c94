"""Findings: what looking over a store found, how much of it, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something found.

    `share` is of the events, or of the catalog's items where the finding is about those. Counts are
    0 where they say nothing. `examples` are a few rows of a table, all with the same keys.
    """

    code: str  # of the rule
    what: str  # a sentence or two, with the counts
    advice: str = ""
    serious: bool = False  # whether it would spoil a forecast
    rows: int = 0
    share: float = 0.0
    customers: int = 0
    items: int = 0
    examples: tuple[Mapping[str, Any], ...] = ()


def several(number: int, noun: str) -> str:
    """A count with its noun: `1 event`, `1,234 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def percent(share: float) -> str:
    """A part of one as a percentage, never rounded to none or all: `12 %`, `0.3 %`."""
    shown = 100 * share
    if 0 < shown < 0.1:
        return "< 0.1 %"
    if 99 < shown < 100:
        return "> 99 %"
    return f"{shown:.1f} %" if 0 < shown < 10 else f"{shown:.0f} %"
