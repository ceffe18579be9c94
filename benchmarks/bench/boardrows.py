"""Rows of the leaderboard, from what its cells found.

A mean is over every test cutoff that knows a window; a model that lacks one of them has none.
Shapes: D draws, C cutoffs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench.boardgoals import ADOPTION, AP, FLAGSHIP, GAIN, LARGE, PROFILES, REFERENCE
from bench.cell import Finished
from bench.rows import MEAN, Row, Rows, difference_rows, joined, mean_rows, score_rows
from bench.shops import Shop
from bench.tables import COSTS
from penchant import columns as c
from penchant.evaluation.bootstrap import interval
from penchant.evaluation.ledger import ALL
from penchant.evaluation.result import Backtest
from penchant.interest.counts import Doubles

METRICS = (
    *(AP, ADOPTION, GAIN, "cross_entropy", "log_loss", "auc", "ece", "mae", "crps", "bias"),
    *("coverage_50", "coverage_80", "coverage_95", "demand_coverage_80", "activity_coverage_80"),
)
COMPARED = (AP, ADOPTION, "log_loss", "cross_entropy")  # in pairs
RIVALS = (REFERENCE, *PROFILES)
RATIOS = (AP, ADOPTION, GAIN)


@dataclass(frozen=True)
class Board:
    """What was found at one data set."""

    shop: Shop
    cutoffs: Sequence[int]  # that anything was found at
    headline: int
    rows: Rows
    failures: Sequence[dict[str, Any]]


def board(shop: Shop, found: Sequence[Finished]) -> Board:
    """Scores, means, differences and ratios of one data set's cells."""
    cutoffs = sorted({done.cell.cutoff for done in found})
    headline = shop.headline if shop.headline in cutoffs else cutoffs[-1]
    scored = [done for done in found if done.result is not None]
    failures = [
        {c.MODEL: done.cell.model, c.CUTOFF: done.cell.cutoff, c.ERROR: done.error}
        for done in found
        if done.error
    ]
    rows = list(fact_rows(found))
    if scored:
        every = slim(joined(done.result for done in scored))
        rows += score_rows(every)
        rows += compared_rows(at_cutoff(every, headline), (shop.name, headline))
        if len(cutoffs) > 1:
            whole = whole_models(every)
            rows += mean_rows(whole, shop.name, least=1)
            rows += compared_rows(whole, (shop.name, MEAN))
    return Board(shop, cutoffs, headline, Rows(rows), failures)


def fact_rows(found: Iterable[Finished]) -> Iterable[Row]:
    """What was known at each cutoff."""
    for done in found:
        for name, value in done.facts.items():
            yield Row(done.cell.shop, done.cell.cutoff, ALL, "history", name, value)


def time_rows(found: Iterable[Finished]) -> Iterable[Row]:
    """Timings with the whole machine, and those of the large shop."""
    for done in found:
        cell = done.cell
        place = (LARGE, MEAN) if cell.part == "large" else (cell.shop, cell.cutoff)
        for name, value in done.facts.items():
            yield Row(*place, ALL, cell.model, name, value)


def slim(result: Backtest) -> Backtest:
    """Only what the leaderboard shows."""
    kept = pc.field(c.METRIC).isin([*METRICS, *COSTS])
    parts = {name: getattr(result, name) for name in ("reliability", "demand", "failures")}
    table, replicates = (part.filter(kept) for part in (result.table, result.replicates))
    return Backtest(table=table, replicates=replicates, **parts)


def at_cutoff(result: Backtest, cutoff: int) -> Backtest:
    """One cutoff's part."""
    return _where(result, pc.field(c.CUTOFF) == cutoff)


def whole_models(result: Backtest) -> Backtest:
    """The models that were scored wherever any was."""
    places = result.table.select([c.CUTOFF, c.WINDOW, c.MODEL]).to_pylist()
    seen = {(row[c.MODEL], row[c.CUTOFF], row[c.WINDOW]) for row in places}
    asked = {(cutoff, window) for _, cutoff, window in seen}
    models = dict.fromkeys(row[c.MODEL] for row in places)
    whole = [name for name in models if all((name, *place) in seen for place in asked)]
    return _where(result, pc.field(c.MODEL).isin(whole))


def _where(result: Backtest, wanted: pc.Expression) -> Backtest:
    names = ("table", "replicates", "reliability", "demand", "failures")
    return Backtest(**{name: getattr(result, name).filter(wanted) for name in names})


def compared_rows(result: Backtest, at: tuple[str, int | str]) -> list[Row]:
    """Every model less each rival, and the ratios that goals ask for."""
    models = list(dict.fromkeys(result.table[c.MODEL].to_pylist()))
    pairs = [(a, b) for b, a in product(RIVALS, models) if a != b and b in models]
    rows = [row for pair in pairs for row in difference_rows(result, at, pair, COMPARED)]
    leading = [pair for pair in pairs if pair[0] in (FLAGSHIP, REFERENCE)]
    return rows + [row for pair in leading for row in gain_rows(result, at, pair)]


def gain_rows(
    result: Backtest, at: tuple[str, int | str], models: tuple[str, str]
) -> Iterable[Row]:
    """A model's metric over another's, paired over users, in each window."""
    drawn = draws_of(result, models)
    for metric in RATIOS:
        for window in dict.fromkeys(place[2] for place in drawn if place[1] == metric):
            above, below = (drawn.get((model, metric, window)) for model in models)
            if above is None or below is None or not below[0]:
                continue
            ends = interval(above[1] / below[1])
            yield Row(*at, window, " / ".join(models), metric, above[0] / below[0], *ends)


def draws_of(
    result: Backtest, models: Sequence[str]
) -> Mapping[tuple[str, str, str], tuple[float, Doubles]]:
    """Value and draws of each model, metric and window, both means over cutoffs."""
    mine = pc.field(c.MODEL).isin(models) & pc.field(c.METRIC).isin(RATIOS)
    names = (c.MODEL, c.METRIC, c.WINDOW)
    value_C: dict[Any, list[float]] = {}
    draws_CD: dict[Any, list[Doubles]] = {}
    for row in result.table.filter(mine & pc.field(c.VALUE).is_valid()).to_pylist():
        value_C.setdefault(tuple(row[name] for name in names), []).append(row[c.VALUE])
    for row in result.replicates.filter(mine).to_pylist():
        place = tuple(row[name] for name in names)
        draws_CD.setdefault(place, []).append(np.array(row[c.DRAWS], dtype=np.float64))
    return {
        place: (float(np.mean(values)), np.mean(draws_CD[place], axis=0))
        for place, values in value_C.items()
    }
