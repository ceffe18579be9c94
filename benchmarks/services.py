"""When customers buy again, and what they buy after what: services beside plain ways to tell.

    python benchmarks/services.py            the whole benchmark; writes benchmarks/results
    python benchmarks/services.py --early    the same at earlier weeks, to develop on; only prints

Shapes: U users, D draws, C cells, T topics, P pairs.
"""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import ibis
import numpy as np
from sklearn.metrics import average_precision_score

from bench.gaps import gap_peers
from bench.machine import ROOT, setting
from bench.pairs import fared, held_out, pair_peers
from bench.rows import MEAN, Row, write_rows
from bench.shops import JOURNEY, SHOPS
from bench.tables import table
from bench.telling import tell
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.complements import Complements, complements, topics_seen
from penchant.decisions.replenishment import Due, due
from penchant.errors import DataError
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.ledger import ALL
from penchant.interest.history import History, build_history
from penchant.interest.interest import Interest
from penchant.interest.repurchase import touches
from penchant.interest.topics import choose_topics

RESULTS = ROOT / "benchmarks" / "results"
OURS = "services"
KINDS = ("purchase",)
AHEAD, WITHIN, TOP = 8, 4, 20
TESTED, EARLY = (44,), (30, 36)
SEEDS = range(5)
WITHOUT = ("stable", "noise", "seasonal", "drifting", "migrating", "churning", "mixed")
DATES, PAIRS = "journey dates", "journey pairs"
CAVEATS = """\
Dates: every cell of a household of Complete Journey and a product category with at least three
gaps. `mae` is the error in weeks of the date told, of cells bought in the eight weeks that follow;
`within_1` the part of all cells bought within a week of it. `poisson` and `gamma_poisson` tell the
median wait of purchases by chance, at the customer's rate, or one that leans on the topic's;
`cadence` is the median with the open gap as censored; `soon` tells everybody the second week, so
that anything bought in the first three is within one. `held` is the part of purchases that came
within our interval, which is meant to hold four in five.

Pairs: the twenty that each way ranks highest, of those with at least 20 customers, among product
categories. Asked are households that bought the first in the four weeks after the cutoff;
`precision` is the part that bought the other in the four weeks after that, `lift` the number of
them over what their own rates before the cutoff let expect. Popular categories make for precision
without being complements. Brackets hold 95 % intervals over households.

Planted: shops of 1,000 customers with seven links each, means of five seeds; brackets hold the
least and the most. `average_precision` is that of all directed pairs. Only ours says where to
stop, so only ours has a recall, a precision and, in worlds without links, a number of false ones.
Hazards, their features and the least numbers were chosen at weeks 30 and 36 (`--early`).
"""


def date_rows(history: History, cutoff: int) -> Iterator[Row]:
    """How well each way tells the date of the next purchase."""
    past = history.until(cutoff, panel=True)
    start = time.perf_counter()
    told = due(past, KINDS, AHEAD)
    tell(f"{cutoff}: {len(told.due_C)} dates in {time.perf_counter() - start:.1f} s")
    next_C = next_steps(history.interest, told, cutoff)
    came_C, users = next_C < AHEAD, len(history.interest.users_U)
    steps = {OURS: told.due_C.astype(float), **gap_peers(past, KINDS, told)}
    weight_DU = draw_weights(users)
    parts: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for name, step_C in steps.items():
        off_C = np.abs(np.round(step_C) - next_C)
        near_C = came_C & (off_C <= 1)
        parts[name, "mae"] = sums(told.user_C, np.abs(step_C - next_C), came_C, users)
        parts[name, "within_1"] = sums(told.user_C, near_C, np.ones_like(came_C), users)
    held_C = (told.early_C <= next_C) & (next_C <= told.late_C)
    parts[OURS, "held"] = sums(told.user_C, held_C, came_C, users)
    at = (DATES, cutoff, f"1-{AHEAD}")
    for (name, metric), (above_U, below_U) in parts.items():
        value_D = weight_DU @ above_U / (weight_DU @ below_U)
        yield Row(*at, name, metric, float(above_U.sum() / below_U.sum()), *interval(value_D))
        if name != OURS:
            ours = parts[OURS, metric]
            less_D = weight_DU @ ours[0] / (weight_DU @ ours[1]) - value_D
            less = ours[0].sum() / ours[1].sum() - above_U.sum() / below_U.sum()
            yield Row(*at, f"{OURS} - {name}", metric, float(less), *interval(less_D))


def sums(
    user_C: np.ndarray, value_C: np.ndarray, asked_C: np.ndarray, users: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of a value over each user's cells."""
    weight_C = asked_C.astype(float)
    above_U = np.bincount(user_C, weights=value_C * weight_C, minlength=users)
    return above_U, np.bincount(user_C, weights=weight_C, minlength=users)


def next_steps(later: Interest, told: Due, cutoff: int) -> np.ndarray:
    """Steps from the cutoff to each cell's next purchase, `AHEAD` for none before that."""
    found, topics = touches(later, KINDS), len(later.topics_T)
    soon_N = (found.step_N >= cutoff) & (found.step_N < cutoff + AHEAD)
    code_N = (found.user_C.astype(np.int64) * topics + found.topic_C)[found.cell_N][soon_N]
    code_P, first_P = np.unique(code_N, return_index=True)
    code_C = told.user_C.astype(np.int64) * topics + told.topic_C
    place_C = np.searchsorted(code_P, code_C).clip(max=len(code_P) - 1)
    step_P = found.step_N[soon_N][first_P] - cutoff
    return np.where(code_P[place_C] == code_C, step_P[place_C], AHEAD)


def pair_rows(history: History, cutoff: int) -> Iterator[Row]:
    """How the pairs ranked highest fare in the weeks held out."""
    users = len(history.interest.users_U)
    past = topics_seen(history.interest.until(cutoff), KINDS)
    start = time.perf_counter()
    found = complements(past, WITHIN)
    tell(f"{cutoff}: {found.found_P.sum()} complements in {time.perf_counter() - start:.1f} s")
    held = held_out(topics_seen(history.interest, KINDS), users, cutoff, WITHIN)
    weight_DU, at = draw_weights(users), (PAIRS, cutoff, f"1-{2 * WITHIN}")
    results: dict[tuple[str, str], tuple[float, np.ndarray]] = {}
    for name, score_P in ranked(found, past, users).items():
        top = np.argsort(-score_P, kind="stable")[:TOP]
        pairs = zip(found.from_P[top].tolist(), found.to_P[top].tolist(), strict=True)
        each = [fared(held, pair, WITHIN) for pair in pairs]
        asked_U, came_U, own_U = (np.sum(part, axis=0) for part in zip(*each, strict=True))
        for metric, below_U in (("precision", asked_U), ("lift", own_U)):
            value_D = weight_DU @ came_U / (weight_DU @ below_U)
            value = float(came_U.sum() / below_U.sum())
            results[name, metric] = (value, value_D)
            yield Row(*at, name, metric, value, *interval(value_D))
    for (name, metric), (value, value_D) in results.items():
        if name != OURS:
            ours, ours_D = results[OURS, metric]
            pair = f"{OURS} - {name}"
            yield Row(*at, pair, metric, ours - value, *interval(ours_D - value_D))
    yield Row(*at, OURS, "found", float(found.found_P.sum()))


def ranked(found: Complements, past, users: int) -> dict[str, np.ndarray]:
    """Scores of the pairs with enough customers, ours first."""
    peers = pair_peers(past, users, WITHIN)
    return {OURS: -np.arange(len(found.from_P), dtype=float)} | {  # they are in their order
        name: score_TT[found.from_P, found.to_P] for name, score_TT in peers.items()
    }


def planted_rows(seeds: Sequence[int]) -> Iterator[Row]:
    """Links found in worlds that have them, and found in worlds that have none."""
    scores: dict[tuple[str, str], list[float]] = {}
    for seed in seeds:
        history, truth = grown("complementary", seed)
        seen = topics_seen(history.interest, KINDS)
        found = complements(seen, WITHIN)
        links = truth.complements
        topic_T = np.searchsorted(truth.topics_T, history.interest.topics_T)
        planted = set(zip(links.from_topic_L.tolist(), links.to_topic_L.tolist(), strict=True))
        pairs = list(zip(topic_T[found.from_P], topic_T[found.to_P], strict=True))
        true_P = np.array([(int(a), int(b)) in planted for a, b in pairs])
        for name, score_P in ranked(found, seen, len(history.interest.users_U)).items():
            value = float(average_precision_score(true_P, score_P))
            scores.setdefault((name, "average_precision"), []).append(value)
        called_P = found.found_P
        hits = float((true_P & called_P).sum())
        scores.setdefault((OURS, "recall"), []).append(hits / len(planted))
        scores.setdefault((OURS, "precision"), []).append(hits / max(1, called_P.sum()))
    for (name, metric), values in scores.items():
        mean = float(np.mean(values))
        yield Row("complementary", MEAN, ALL, name, metric, mean, min(values), max(values))
    for world in WITHOUT:
        counts = []
        for seed in seeds:
            seen = topics_seen(grown(world, seed)[0].interest, KINDS)
            counts.append(float(complements(seen, WITHIN).found_P.sum()))
        mean = float(np.mean(counts))
        yield Row(world, MEAN, ALL, OURS, "false_ones", mean, min(counts), max(counts))


def grown(name: str, seed: int):
    """A world's history and truth."""
    world = WORLDS[name](Shop(seed=seed))
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    return build_history(events, choose_topics(events, catalog, level=2, floor=0)), world.truth


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """The results for people."""
    parts = ["# Services", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for dataset, cutoff in dict.fromkeys((row.dataset, row.cutoff) for row in rows):
        mine = [row for row in rows if (row.dataset, row.cutoff) == (dataset, cutoff)]
        known = "" if cutoff == MEAN else f": {cutoff} weeks known, weeks {mine[0].window}"
        metrics = list(dict.fromkeys(row.metric for row in mine))
        found = {(row.model, row.metric): row for row in mine}
        models = dict.fromkeys(row.model for row in mine)
        body = [(name, *(_shown(found.get((name, m))) for m in metrics)) for name in models]
        parts += [f"## {dataset}{known}", table(("model", *metrics), body)]
    return "\n\n".join(parts) + "\n"


def _shown(row: Row | None) -> str:
    if row is None:
        return "–"
    if row.low is None or row.high is None:
        return f"{row.value:.0f}"
    return f"{row.value:.4f} [{row.low:.4f}, {row.high:.4f}]"


def main() -> int:
    """Run, print and write; 2 without the data."""
    early = "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/services.py", *sys.argv[1:]]))
    try:
        history = SHOPS[JOURNEY].load()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    parts: tuple[Callable[[History, int], Iterator[Row]], ...] = (date_rows, pair_rows)
    cutoffs = EARLY if early else TESTED
    rows = [row for part in parts for cutoff in cutoffs for row in part(history, cutoff)]
    rows += planted_rows(SEEDS[:1] if early else SEEDS)
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "services.json")
        (RESULTS / "services.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
