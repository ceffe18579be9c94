"""Next baskets, and the next 28 days: repeat and explore ranked together, beside tuned peers.

    python benchmarks/basket.py            the whole benchmark; writes benchmarks/results
    python benchmarks/basket.py --early    the same at an earlier date, to develop on; only prints

Peers take the settings that do best on the latest basket, or window, before the one that is asked.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import shlex
import sys
import time
from dataclasses import dataclass
from datetime import datetime

import ibis
import numpy as np

from bench.basketcases import RANKS, Case, Found, basket_case, enough, found, window_case
from bench.basketpeers import GRIDS, Peer, top_UK, tuned
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.tables import table
from bench.telling import tell
from penchant.data.journey import complete_journey
from penchant.errors import DataError
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.ledger import ALL
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.topics import Topics, choose_topics
from penchant.recommend.assortment import Assortment, assortment_of
from penchant.recommend.basket import NextBasket
from penchant.recommend.candidates import Asked
from penchant.recommend.ranker import Ranked
from penchant.recommend.repeat import Repeat

RESULTS = ROOT / "benchmarks" / "results"
EARLY = datetime(2017, 9, 4)  # the end of week 36
DAYS = 28
TYPES = 3  # level of the catalog that product types stand at
WEEKS = {"next_basket": 53, "next_28_days": 49}  # begun before what is asked
GOAL = 1.05  # times the best peer's
SECONDS = 60
OURS = "next_basket"
METRICS = ("recall", "ndcg", "repeat_recall", "explore_recall")
CAVEATS = """\
Users with at least 5 baskets and items sold at least 10 times; all else is left out before
anything is learned. The first table asks for each user's last basket, whose time nobody is told;
the second for all that is bought in 28 days after one date, by users who bought something then.
Recall and NDCG at 10 are means over users; `repeat_recall` and `explore_recall` are the parts of
the recall by items that the user had bought before, and by new ones. Peers get the settings that
did best on the latest basket or window before, found one at a time in two sweeps; ours were chosen
on the last basket but one. `next_basket` learns from baskets before the one asked. Seconds are
those of a fit and of scoring every user once; peers need none but their score's. Brackets hold
95 % intervals over users, of ours less the best peer's.
"""


@dataclass(frozen=True)
class Result:
    """What one model found, and how long it took."""

    found: Found
    fit_seconds: float
    score_seconds: float

    def value(self, metric: str) -> float:
        """The mean over users."""
        return float(self.each_U(metric).mean())

    def each_U(self, metric: str) -> np.ndarray:
        """A metric of each user."""
        parts = (self.found.recall_U, self.found.ndcg_U, self.found.repeat_U, self.found.explore_U)
        return dict(zip(METRICS, parts, strict=True))[metric]


@dataclass(frozen=True)
class Question:
    """What is asked: a case to choose settings on, and a later one that counts."""

    name: str
    before: Case
    asked: Case
    recipe: NextBasket


def questions(interactions: Interactions) -> list[Question]:
    """The next basket, and the next 28 days."""
    return [
        Question(
            "next_basket",
            basket_case(interactions, 1),
            basket_case(interactions, 0),
            NextBasket(),
        ),
        Question(
            "next_28_days",
            window_case(interactions, DAYS, 1),
            window_case(interactions, DAYS, 0),
            NextBasket(days=DAYS),
        ),
    ]


def run(question: Question, topics: Topics) -> dict[str, Result]:
    """Every peer, and ours."""
    results = {}
    for name, (start, grid) in GRIDS.items():
        peer = tuned(start, grid, lambda peer: _ranked(peer, question.before).found.both)
        tell(f"{question.name}: {peer}")
        results[name] = _ranked(peer, question.asked)
        tell(f"{question.name}: {name} {results[name].value('recall'):.4f}")
    past = question.asked.past
    goods = assortment_of(past, topics)
    results["repeat"] = _proposed(past, goods, question.asked)
    results[OURS], foreseen = _ours(question, goods)
    tell(f"{question.name}: {OURS} {results[OURS].value('recall'):.4f}")
    tell(f"{question.name}: chances {_told(foreseen, question.asked)}")
    return results


def _ranked(peer: Peer, case: Case) -> Result:
    start = time.perf_counter()
    top = top_UK(peer.score_UI(case.past), case.past, RANKS)
    return Result(found(case, top), 0.0, time.perf_counter() - start)


def _proposed(past: Interactions, goods: Assortment, case: Case) -> Result:
    start = time.perf_counter()
    fitted = Repeat().fit(past, goods)
    middle = time.perf_counter()
    top = top_UK(fitted.propose(Asked(past), RANKS), past, RANKS)
    return Result(found(case, top), middle - start, time.perf_counter() - middle)


def _ours(question: Question, goods: Assortment) -> tuple[Result, Ranked]:
    past = question.asked.past
    start = time.perf_counter()
    fitted = question.recipe.fit(past, goods)
    middle = time.perf_counter()
    foreseen = fitted.foresee(past)
    top = top_UK(foreseen.top(RANKS), past, RANKS)
    result = Result(found(question.asked, top), middle - start, time.perf_counter() - middle)
    return result, foreseen


def _told(foreseen: Ranked, case: Case) -> str:
    """Purchases expected of candidates, and those that came, again and new."""
    signals = foreseen.signals
    asked_N = case.asked_U[signals.user_N]
    came_N = np.asarray(case.came_UI[signals.user_N, signals.item_N]).ravel() > 0
    parts = []
    for name, kind_N in (("again", ~foreseen.signals.new_N), ("new", foreseen.signals.new_N)):
        some_N = asked_N & kind_N
        parts.append(f"{name} {foreseen.chance_N[some_N].sum():.0f} of {came_N[some_N].sum()}")
    return ", ".join(parts)


def rows_of(question: Question, results: dict[str, Result]) -> list[Row]:
    """Every number, and how much better ours is than the best peer in each metric."""
    at = (question.name, WEEKS[question.name], ALL)
    rows = [
        Row(*at, model, metric, result.value(metric))
        for model, result in results.items()
        for metric in METRICS
    ]
    for model, result in results.items():
        rows.append(Row(*at, model, "seconds", result.fit_seconds + result.score_seconds))
    weight_DU = draw_weights(int(question.asked.asked_U.sum()))
    for metric in METRICS[:2]:
        best = max(GRIDS, key=lambda name: results[name].value(metric))
        ours_U, theirs_U = (results[name].each_U(metric) for name in (OURS, best))
        low, high = interval((weight_DU @ (ours_U - theirs_U)) / weight_DU.sum(axis=1))
        apart = float((ours_U - theirs_U).mean())
        rows.append(Row(*at, f"{OURS} - {best}", metric, apart, low, high))
    return rows


def page(about: list[str], asked: list[Question], rows: list[Row]) -> str:
    """The results for people."""
    parts = ["# Next baskets", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for question in asked:
        mine = [row for row in rows if row.dataset == question.name]
        value = {(row.model, row.metric): row for row in mine}
        past = question.asked.past
        parts.append(
            f"## {question.name}\n\n{int(question.asked.asked_U.sum()):,} users asked; "
            f"{past.shape[1]:,} items, {len(past.user_N):,} purchases before."
        )
        models = [model for model, metric in value if metric == "seconds"]
        parts.append(
            table(
                ("model", *METRICS, "seconds"),
                (
                    (
                        model,
                        *(f"{value[model, metric].value:.4f}" for metric in METRICS),
                        f"{value[model, 'seconds'].value:.1f}",
                    )
                    for model in models
                ),
            )
        )
        parts.append("\n".join(_verdicts(mine, value)))
    return "\n\n".join(parts) + "\n"


def _verdicts(mine: list[Row], value: dict[tuple[str, str], Row]) -> list[str]:
    lines = []
    for row in mine:
        if " - " in row.model:
            peer = row.model.removeprefix(f"{OURS} - ")
            times = value[OURS, row.metric].value / value[peer, row.metric].value
            said = "reached" if times >= GOAL else "missed"
            lines.append(
                f"* {row.metric}: {100 * (times - 1):+.1f} % on {peer} "
                f"({row.value:+.4f} [{row.low:+.4f}, {row.high:+.4f}]); at least +5 %: {said}"
            )
    spent = value[OURS, "seconds"].value
    said = "reached" if spent <= SECONDS else "missed"
    lines.append(f"* {spent:.0f} s to fit and score; at most {SECONDS} s: {said}")
    return lines


def loaded(early: bool) -> tuple[Interactions, Topics]:
    """What households bought, and the product types."""
    log = complete_journey()
    events = ibis.memtable(log.events)
    topics = choose_topics(events, ibis.memtable(log.catalog), level=TYPES, floor=0)
    interactions = build_interactions(events, ["purchase"])
    return enough(interactions.until(EARLY) if early else interactions), topics


def main() -> int:
    """Run, print and write; 2 without the data."""
    start = time.perf_counter()
    early = "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/basket.py", *sys.argv[1:]]))
    try:
        interactions, topics = loaded(early)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    tell(f"{interactions.shape[0]} users, {interactions.shape[1]} items")
    asked = questions(interactions)
    rows = [row for question in asked for row in rows_of(question, run(question, topics))]
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, asked, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "basket.json")
        (RESULTS / "basket.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
