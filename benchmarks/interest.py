"""Interest forecasts, backtested: recipes that fit in minutes, at many cutoffs over a year.

    python benchmarks/interest.py            the whole benchmark; writes benchmarks/results
    python benchmarks/interest.py --quick    a few households at one early cutoff, in seconds

A run that leaves something out only prints, unless `--out` says where to write.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import argparse
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.clock import Clocked, with_costs
from bench.contestants import QUICK_USERS, entered, shortened
from bench.goals import CUTOFF, DIRICHLET, MISSED, NOT_RUN, anchor_rows, judge
from bench.machine import ROOT, setting
from bench.page import Section, page
from bench.rows import (
    MEAN,
    Row,
    Rows,
    difference_rows,
    joined,
    mean_rows,
    ratio_rows,
    score_rows,
    write_rows,
)
from bench.shops import JOURNEY, SHOPS, Shop, known_task
from bench.telling import tell
from penchant.errors import DataError, PenchantError
from penchant.evaluation.backtest import backtest
from penchant.evaluation.bootstrap import DRAWS
from penchant.evaluation.ledger import ALL, Trial
from penchant.evaluation.result import Backtest
from penchant.interest.history import History
from penchant.interest.model import Recipe

# What a laptop tries in minutes; models.py tries every recipe.
QUICK_TO_FIT = (
    *("popularity", "recent_popularity", "last_window", "seasonal_naive"),
    *("decayed_share", "gamma_poisson", "boosted", DIRICHLET),
)
PAIRS = (("boosted", "gamma_poisson"), ("boosted", "decayed_share"))
COMPARED = ("average_precision", "log_loss", "crps", "cross_entropy")
QUICK_CUTOFF, QUICK_DRAWS = 20, 20
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Plan:
    """What to run."""

    shops: Sequence[Shop]
    recipes: Mapping[str, Recipe]
    cutoffs: Sequence[int]  # none: each shop's own
    draws: int
    users: int | None  # none: all


def all_recipes() -> dict[str, Recipe]:
    """The recipes that take part, with their defaults."""
    return {name: entered(name) for name in QUICK_TO_FIT}


def load(shop: Shop, users: int | None) -> History | None:
    """The history of a shop, or of its first users; None, and a message, without its data."""
    tell(f"{shop.name}: loading")
    try:
        history = shop.load()
    except DataError as error:
        print(f"{shop.name} is left out. {error}\n", flush=True)
        return None
    if users is None:
        return history
    return history.only(np.arange(min(users, len(history.interest.users_U))))


def run_shop(shop: Shop, history: History, plan: Plan) -> Section:
    """Backtest a shop at each cutoff, for the windows whose outcome is known there."""
    cutoffs = tuple(plan.cutoffs) or shop.cutoffs
    results: dict[int, Backtest] = {}
    watch = Watch(shop.name, len(cutoffs) * len(plan.recipes))
    for cutoff in cutoffs:
        recipes = {name: Clocked(recipe) for name, recipe in plan.recipes.items()}
        result = backtest(
            history,
            recipes,
            known_task(shop, history, cutoff),
            [cutoff],
            dataset=shop.name,
            panel=shop.panel,
            draws=plan.draws,
            progress=watch,
        )
        results[cutoff] = with_costs(result, recipes)
    headline = shop.headline if shop.headline in results else cutoffs[-1]
    rows = all_rows(shop.name, results, headline)
    anchors = anchor_rows() if shop.name == JOURNEY and CUTOFF in results else []
    failures = joined(results.values()).failures.to_pylist()
    return Section(
        shop, cutoffs, headline, Rows([*rows, *anchors, *watch.facts.values()]), failures
    )


def all_rows(dataset: str, results: Mapping[int, Backtest], headline: int) -> list[Row]:
    """Scores at every cutoff, their means, paired differences and ratios of costs."""
    every = joined(results.values())
    rows = score_rows(every)
    at = (dataset, headline)
    for pair in PAIRS:
        rows += difference_rows(results[headline], at, pair, COMPARED)
        rows += ratio_rows(Rows(rows), at, pair, ("seconds", "cpu_seconds"))
    if len(results) > 1:
        rows += mean_rows(every, dataset)
        for pair in PAIRS:
            rows += difference_rows(every, (dataset, MEAN), pair, COMPARED)
    return rows


@dataclass
class Watch:
    """Tells of each trial on stderr, and keeps what was known at each cutoff."""

    dataset: str
    trials: int
    done: int = 0
    facts: dict[tuple[int, str], Row] = field(default_factory=dict)

    def __call__(self, trial: Trial, _done: int, _trials: int) -> None:
        """Note one finished trial."""
        self.done += 1
        spent = f"{trial.fit_seconds + trial.predict_seconds:.1f} s"
        tell(
            f"{self.dataset} {self.done}/{self.trials}: cutoff {trial.cutoff}, {trial.model}, "
            f"{trial.error or spent}"
        )
        users, topics, _ = trial.past.interest.shape
        events = float(trial.past.population.count_KTS.sum())
        for name, value in {"users": users, "topics": topics, "events": events}.items():
            row = Row(self.dataset, trial.cutoff, ALL, "history", name, float(value))
            self.facts[trial.cutoff, name] = row


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=SHOPS, default=[])
    parser.add_argument("--recipes", nargs="+", choices=all_recipes(), default=list(all_recipes()))
    parser.add_argument("--cutoffs", nargs="+", type=int, default=[], help="steps from the origin")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap; 0 skips it")
    parser.add_argument("--quick", action="store_true", help="few users at one early cutoff")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--out", type=Path, help="folder to write to")
    return parser.parse_args(arguments)


def plan_of(asked: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    recipes = {name: recipe for name, recipe in all_recipes().items() if name in asked.recipes}
    if asked.quick:
        recipes = {name: shortened(recipe) for name, recipe in recipes.items()}
        shops = [SHOPS[name] for name in asked.datasets or [JOURNEY]]
        return Plan(shops, recipes, asked.cutoffs or [QUICK_CUTOFF], QUICK_DRAWS, QUICK_USERS)
    shops = [SHOPS[name] for name in asked.datasets or SHOPS]
    return Plan(shops, recipes, asked.cutoffs, asked.draws, None)


def is_whole(plan: Plan) -> bool:
    """Whether nothing is left out, so that the results may be published."""
    everything = (len(plan.shops), len(plan.recipes)) == (len(SHOPS), len(all_recipes()))
    return everything and not plan.cutoffs and plan.draws == DRAWS and plan.users is None


def run(plan: Plan) -> list[Section]:
    """What was found at each shop whose data are there."""
    loaded = ((shop, load(shop, plan.users)) for shop in plan.shops)
    return [run_shop(shop, history, plan) for shop, history in loaded if history is not None]


def main() -> int:
    """Run, print and write; 1 if `--strict` and a goal is missed, 2 if it can't be run."""
    start, asked = time.perf_counter(), parse()
    plan = plan_of(asked)
    about = setting(shlex.join(["python", "benchmarks/interest.py", *sys.argv[1:]]))
    try:
        sections = run(plan)
    except PenchantError as error:
        print(error, file=sys.stderr)
        return 2
    rows = Rows(row for section in sections for row in section.rows)
    found = {section.shop.name for section in sections}
    about += [f"left out: {shop.name}" for shop in plan.shops if shop.name not in found]
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, sections, rows, plan.draws)
    print(text)
    out = asked.out or (RESULTS if is_whole(plan) and len(sections) == len(SHOPS) else None)
    if out is None:
        tell("Nothing is written, since this is not the whole benchmark; --out says where to.")
    else:
        write_rows(rows, out / "interest.json")
        (out / "interest.md").write_text(text, encoding="utf-8")
        tell(f"Written to {out}")
    missed = any(verdict in (MISSED, NOT_RUN) for _, _, verdict in judge(rows))
    return 1 if asked.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
