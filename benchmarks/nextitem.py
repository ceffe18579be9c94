"""The next item: the sequence model and its peers on sequences that others published numbers for.

    python benchmarks/nextitem.py            the whole benchmark; writes benchmarks/results
    python benchmarks/nextitem.py --quick    a few users, in a minute or so
    python benchmarks/nextitem.py --tuning   to try things: the test isn't looked at

A run that leaves something out only prints, unless `--out` says where to write. The sequences
(`Beauty.txt.gz` and others) are sought in `--data`.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.machine import ROOT, setting
from bench.nextitemdata import BEAUTY, TOYS, Future, dated, left_out, split, undated
from bench.nextitempage import (
    BEFORE_LAST,
    DATED,
    FUTURE,
    HIT,
    LAST,
    MIXED,
    NDCG,
    NEXT,
    OURS,
    SECONDS,
    page,
)
from bench.nextitempeers import Ease, FirstSasrec, Mixture, Neighbours, Popular, Scorer
from bench.nextitemscore import Ranked, rank_all, rank_next
from bench.rows import Row, Rows, write_rows
from bench.telling import tell
from penchant.errors import PenchantError
from penchant.evaluation.ledger import ALL
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.models.training import Training
from penchant.recommend.sequence import Sequence as SequenceModel

RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT.parent / "shared" / "data" / "s3rec_amazon_sequences"
QUICK_USERS, QUICK_PASSES = 1500, 2
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # of neighbours in the mixture, tried
CHOSEN_ON = 5000  # users by whom the share is chosen
CUTS = {False: (80, 90), True: (90, 100)}  # per cent of events past at the date and at the end
HORIZON = 90.0  # days whose items are the answer of the dense variant
TRAINING = Training(passes=15, patience=15, held_out=0.0)


class Contestant(Protocol):
    """What can be fitted to score."""

    def fit(self, past: Interactions) -> Scorer:
        """Learn; returns what scores any users."""
        ...


@dataclass(frozen=True)
class Scored:
    """A sequence model as a contestant."""

    recipe: SequenceModel

    def fit(self, past: Interactions) -> Scorer:
        """Train it."""
        return self.recipe.fit(past).score


@dataclass(frozen=True)
class Plan:
    """What to run."""

    data: Path
    names: Sequence[str]
    most: int | None = None  # users; none: all
    passes: int | None = None  # of every network; none: its own number
    test: bool = True  # whether to look at what is looked at once


def contestants(plan: Plan) -> dict[str, Contestant]:
    """Who is asked for the event left out."""
    first, ours = FirstSasrec(), SequenceModel(training=TRAINING)
    if plan.passes:
        first = FirstSasrec(recipe=briefly(first.recipe, plan.passes))
        ours = briefly(ours, plan.passes)
    peers = {"popularity": Popular(), "item_knn": Neighbours(), "ease": Ease()}
    return {**peers, "sasrec_first": first, OURS: Scored(ours)}


def dated_contestants(plan: Plan) -> dict[str, Contestant]:
    """Who is asked at a date."""
    ours = SequenceModel(training=TRAINING)
    if plan.passes:
        ours = briefly(ours, plan.passes)
    return {
        "popularity": Popular(),
        "popular_4_weeks": Popular(weeks=4),
        "item_knn": Neighbours(),
        OURS: Scored(ours),
        "sequence_timed": Scored(replace(ours, timed=True)),
        "sequence_dense": Scored(replace(ours, horizon_days=HORIZON)),
    }


def briefly(recipe: SequenceModel, passes: int) -> SequenceModel:
    """The recipe with few passes."""
    return replace(recipe, training=replace(recipe.training, passes=passes))


def leave_one_out(plan: Plan, name: str) -> list[Row]:
    """Ask all for the last event and the one before, having learned from all before these."""
    test = left_out(undated(plan.data, name, plan.most))
    valid = left_out(test.past)
    cases = {BEFORE_LAST: valid, LAST: test} if plan.test else {BEFORE_LAST: valid}
    rows, fitted = [], {}
    for model, contestant in contestants(plan).items():
        score, spent = timed(contestant, valid.past)
        tell(f"{name}: {model}, {spent:.0f} s")
        fitted[model] = score
        for cutoff, case in cases.items():
            place = (name, cutoff, ALL, model)
            rows += ranked_rows(place, rank_next(score, case.past, case.next_U))
        rows.append(Row(*place, SECONDS, spent))
    few = np.arange(min(CHOSEN_ON, len(valid.next_U)))
    known, wanted = valid.past.only(few), valid.next_U[few]
    mixtures = {share: Mixture(fitted[OURS], fitted["item_knn"], share) for share in SHARES}
    best = max(SHARES, key=lambda s: rank_next(mixtures[s].score, known, wanted).ndcg_U.mean())
    tell(f"{name}: a share of {best:g} for neighbours")
    for cutoff, case in cases.items():
        found = rank_next(mixtures[best].score, case.past, case.next_U)
        rows += ranked_rows((name, cutoff, ALL, MIXED), found)
    return rows


def cut_at_a_date(plan: Plan, name: str) -> list[Row]:
    """Ask all for the next and for all future items of who came back after a date."""
    cut, end = CUTS[plan.test]
    future = split(dated(plan.data, name, plan.most), cut / 100, end / 100)
    rows = []
    for model, contestant in dated_contestants(plan).items():
        score, spent = timed(contestant, future.past)
        tell(f"{name} at a date: {model}, {spent:.0f} s")
        place = (name + DATED, cut, ALL, model)
        rows += dated_rows(place, score, future)
        rows.append(Row(*place, SECONDS, spent))
    return rows


def dated_rows(place: tuple[str, int, str, str], score: Scorer, future: Future) -> list[Row]:
    """How well the next and all future items are said."""
    next_U = future.after.item_N[future.after.start_U[:-1]]
    return [
        *ranked_rows(place, rank_next(score, future.known, next_U), f"{NEXT}_"),
        *ranked_rows(place, rank_all(score, future), f"{FUTURE}_"),
    ]


def timed(contestant: Contestant, past: Interactions) -> tuple[Scorer, float]:
    """What was fitted, and the seconds that took."""
    start = time.perf_counter()
    return contestant.fit(past), time.perf_counter() - start


def ranked_rows(place: tuple[str, int, str, str], ranked: Ranked, prefix: str = "") -> list[Row]:
    """Both metrics with their intervals."""
    return [
        Row(*place, prefix + metric, *mean_of(value_U))
        for metric, value_U in ((HIT, ranked.hit_U), (NDCG, ranked.ndcg_U))
    ]


def mean_of(value_U: Floats) -> tuple[float, float, float]:
    """Mean over users and the ends of its 95 % interval."""
    mean, off = float(value_U.mean()), 1.96 * float(value_U.std()) / len(value_U) ** 0.5
    return mean, mean - off, mean + off


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the sequences")
    parser.add_argument("--only", choices=(BEAUTY, TOYS), help="one data set")
    parser.add_argument("--quick", action="store_true", help="few users, learned from briefly")
    parser.add_argument(
        "--tuning", action="store_true", help="the event before the last, and an earlier date"
    )
    parser.add_argument("--out", type=Path, help="folder to write to")
    return parser.parse_args(arguments)


def run(plan: Plan) -> Rows:
    """Ask everybody everything."""
    rows: list[Row] = []
    for name in plan.names:
        rows += leave_one_out(plan, name)
        rows += cut_at_a_date(plan, name)
    return Rows(rows)


def main() -> int:
    """Run, print and write; 2 if it can't be run."""
    start, asked = time.perf_counter(), parse()
    names = (asked.only,) if asked.only else (BEAUTY, TOYS)
    plan = Plan(asked.data, names, test=not asked.tuning)
    if asked.quick:
        plan = replace(plan, most=QUICK_USERS, passes=QUICK_PASSES)
    about = setting(shlex.join(["python", "benchmarks/nextitem.py", *sys.argv[1:]]))
    try:
        rows = run(plan)
    except PenchantError as error:
        print(error, file=sys.stderr)
        return 2
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    out = asked.out or (None if asked.quick or asked.only or asked.tuning else RESULTS)
    if out is None:
        tell("Nothing is written, since this is not the whole benchmark; --out says where to.")
    else:
        write_rows(rows, out / "nextitem.json")
        (out / "nextitem.md").write_text(text, encoding="utf-8")
        tell(f"Written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
