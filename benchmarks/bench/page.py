"""The page of a benchmark: how it was run, its tables, and what to keep in mind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import tables
from bench.rows import MEAN, Rows
from bench.shops import JOURNEY, Shop
from penchant import columns as c
from penchant.evaluation.ledger import ALL

HEADLINES = (
    *("average_precision", "adoption_average_precision", "cross_entropy"),
    *("log_loss", "ece", "crps", "bias", "coverage_80"),
)
FACTS = ("users", "topics", "events")
CAVEATS = (
    "The lowest memory a model needs can't be read off `peak_mib`: it is the most that the whole "
    "process held from the model's fit on, data and what earlier models left included.",
    "Seconds are wall-clock on the machine above, which others may have used at the same time; "
    "`cpu_seconds` adds up all threads. Compare ratios within the run.",
    "An interval is over users at fixed data and seed. It says nothing of other shops or years.",
    "A bootstrap of `ece` lies a little above its value: resampled frequencies are noisier.",
    "`demand_coverage_80` is about topics, so it has no interval over users.",
)


@dataclass(frozen=True)
class Section:
    """What was found at one shop."""

    shop: Shop
    cutoffs: Sequence[int]
    headline: int
    rows: Rows
    failures: Sequence[dict[str, Any]]


def page(about: Sequence[str], sections: Sequence[Section], rows: Rows, draws: int) -> str:
    """The whole page in Markdown, from lines about how it was made."""
    parts = [
        "# Interest forecasts, backtested",
        "\n".join(f"* {line}" for line in about),
        f"Brackets hold 95 % intervals from {draws} bootstrap draws of users. Windows are weeks "
        "after the cutoff. Bold is the best of its column; among differences, one whose interval "
        "leaves out 0.",
    ]
    if any(section.shop.name == JOURNEY for section in sections):
        parts += ["## Goals", tables.goal_table(rows)]
    for section in sections:
        parts += _section(section)
    parts += ["## Caveats", "\n".join(f"* {caveat}" for caveat in CAVEATS)]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    name, headline, rows = section.shop.name, section.headline, section.rows
    at = (name, headline)
    parts = [f"## {name}", known(name, section.cutoffs, rows)]
    if section.failures:
        parts += ["### Failed", failed(section.failures)]
    parts.append(f"### Cutoff {headline}")
    parts += [tables.metric_table(rows, at, metric) for metric in HEADLINES]
    if any(" - " in model for model in rows.values(*at, c.MODEL)):
        parts += [f"### Cutoff {headline}: paired differences", tables.difference_table(rows, at)]
    if len(section.cutoffs) > 1:
        cutoffs, mean = ", ".join(map(str, section.cutoffs)), (name, MEAN)
        parts.append(f"### Mean over the cutoffs {cutoffs}")
        parts += [tables.metric_table(rows, mean, metric) for metric in HEADLINES]
        if any(" - " in model for model in rows.values(*mean, c.MODEL)):
            parts += ["### The same: paired differences", tables.difference_table(rows, mean)]
    parts += [f"### Cutoff {headline}: costs", tables.cost_table(rows, at)]
    parts.append(f"### Cutoff {headline}: every metric")
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    parts += [tables.window_table(rows, at, window) for window in windows]
    parts += ["### What to keep in mind", "\n".join(f"* {text}" for text in section.shop.caveats)]
    return parts


def failed(failures: Iterable[Mapping[str, Any]]) -> str:
    """Who failed where, and why."""
    lines = (f"* {f[c.MODEL]} at cutoff {f[c.CUTOFF]}: {f[c.ERROR]}" for f in failures)
    return "\n".join(lines)


def known(name: str, cutoffs: Iterable[int], rows: Rows) -> str:
    """What was known at each cutoff."""
    body = []
    for cutoff in cutoffs:
        at = (name, cutoff, ALL, "history")
        found = (rows.find(*at, fact) for fact in FACTS)
        body.append((str(cutoff), *(f"{row.value:,.0f}" if row else "–" for row in found)))
    return tables.table(("known at cutoff", *FACTS), body)
