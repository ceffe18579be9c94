"""Transfer: a network that learned at one shop forecasts another, with ever more customers of it.

    python benchmarks/transfer.py            the whole benchmark; writes benchmarks/results
    python benchmarks/transfer.py --quick    a few customers of both shops, in a minute or so

A run that leaves something out only prints, unless `--out` says where to write.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.clock import Clocked, with_costs
from bench.curve import drawn
from bench.machine import ROOT, setting
from bench.rows import Row, Rows, difference_rows, joined, write_rows
from bench.shops import INSTACART, JOURNEY, SHOPS
from bench.telling import tell
from bench.transferpage import (
    AMOUNTS,
    COMPARED,
    LEVELS,
    NOBODY,
    SCRATCH,
    TUNED,
    ZERO,
    curve_of,
    name_of,
    page,
)
from penchant import columns as c
from penchant.errors import PenchantError
from penchant.evaluation.backtest import backtest
from penchant.evaluation.bootstrap import DRAWS
from penchant.evaluation.ledger import ALL, Trial
from penchant.evaluation.result import Backtest
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.task import Task
from penchant.models.boosted import Boosted
from penchant.models.finetuned import base_of, save_base
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.pretrained import Pretrained
from penchant.models.training import Training

SOURCE_CUTOFF = 48  # what the base knows of its shop, which is not scored here
TUNING, TEST = 28, 36  # cutoffs of the new shop
MOST_USERS = 3000  # of the new shop, its first ones, so that a run stays short
QUICK_USERS, QUICK_DRAWS, QUICK_AMOUNTS = 120, 20, ("0", "100 %")
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Plan:
    """What to run."""

    cutoff: int
    amounts: Sequence[str]
    draws: int
    few: bool  # customers of both shops, briefly learned from


def load(name: str, users: int) -> History:
    """The history of the first users of a shop."""
    tell(f"loading {name}")
    history = SHOPS[name].load()
    return history.only(np.arange(min(users, len(history.interest.users_U))))


def training_of(plan: Plan, users: int, draw: int = 0) -> Training:
    """How every network is trained, on at most `users` customers."""
    training = Training(most_users=users, seed=draw)
    return replace(training, passes=1, cutoffs=2) if plan.few else training


def learn_base(plan: Plan, folder: Path) -> Row:
    """Learn a base at the source, save it, and say how long it took."""
    past = load(JOURNEY, QUICK_USERS if plan.few else MOST_USERS).until(SOURCE_CUTOFF, panel=True)
    tell("learning the base")
    start = time.perf_counter()
    recipe = Pretrained(training=training_of(plan, len(past.interest.users_U)))
    save_base(base_of(recipe.fit(past, Task()), recipe.reading), folder)
    spent = time.perf_counter() - start
    return Row(INSTACART, plan.cutoff, ALL, "base", "seconds", spent)


def recipes_of(plan: Plan, folder: Path, users: int, draw: int) -> dict[str, Recipe]:
    """Every way to learn, with every amount of the new shop's customers that has such a draw."""
    recipes: dict[str, Recipe] = {}
    for amount in plan.amounts:
        share, draws = AMOUNTS[amount]
        training = training_of(plan, max(2, round(share * users)), draw)
        if draw >= draws:
            continue
        if amount == NOBODY:
            recipes[ZERO] = Pretrained(base=str(folder), tune="none", training=training)
            continue
        recipes[name_of(SCRATCH, amount)] = Pretrained(objectives=(), training=training)
        for way in TUNED:
            tuned = Pretrained(base=str(folder), tune=way, training=training)
            recipes[name_of(way, amount)] = tuned
    if draw == 0 and not plan.few:
        recipes |= dict(zip(LEVELS, (Boosted(), GammaPoisson()), strict=True))
    return recipes


def run(plan: Plan) -> Rows:
    """Learn the base, forecast the new shop in every way, and score."""
    with tempfile.TemporaryDirectory() as scratch:
        base = learn_base(plan, Path(scratch))
        history = load(INSTACART, QUICK_USERS if plan.few else MOST_USERS)
        users = len(history.until(plan.cutoff).interest.users_U)
        draws = range(1 if plan.few else max(draws for _, draws in AMOUNTS.values()))
        result = joined(
            trial_of(plan, history, recipes_of(plan, Path(scratch), users, draw), draw)
            for draw in draws
        )
    at = (INSTACART, plan.cutoff)
    rows = [*mean_of(result, plan.cutoff), base]
    for amount in plan.amounts[1:]:
        for way in TUNED:
            pair = (name_of(way, amount), name_of(SCRATCH, amount))
            rows += difference_rows(result, at, pair, COMPARED)
    return Rows(rows)


def trial_of(plan: Plan, history: History, recipes: Mapping[str, Recipe], draw: int) -> Backtest:
    """A backtest whose cutoffs are the draws, so that means are over them."""
    clocked = {name: Clocked(recipe) for name, recipe in recipes.items()}
    result = backtest(
        history,
        clocked,
        Task(),
        [plan.cutoff],
        dataset=INSTACART,
        draws=plan.draws,
        progress=watch,
    )
    return by_draw(with_costs(result, clocked), draw)


def by_draw(result: Backtest, draw: int) -> Backtest:
    """The result with a draw's number in place of the cutoff."""

    def told(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(c.CUTOFF)
        return table.set_column(
            place, table.schema.field(place), pa.array([draw] * len(table), pa.int32())
        )

    tables = {one.name: told(getattr(result, one.name)) for one in fields(result)}
    return Backtest(**tables)


def mean_of(result: Backtest, cutoff: int) -> list[Row]:
    """Every metric's mean over the draws of who is learned from."""
    models = list(dict.fromkeys(result.table[c.MODEL].to_pylist()))
    rows = [
        Row(
            *(INSTACART, cutoff, at[c.WINDOW], at[c.MODEL]),
            *(metric, at[c.VALUE], at[c.LOW], at[c.HIGH]),
        )
        for metric in dict.fromkeys(result.table[c.METRIC].to_pylist())
        for at in result.leaderboard(metric).to_pylist()
    ]
    return sorted(rows, key=lambda row: models.index(row.model))


def watch(trial: Trial, done: int, trials: int) -> None:
    """Tell of each trial."""
    spent = f"{trial.fit_seconds + trial.predict_seconds:.0f} s"
    tell(f"{done}/{trials}: {trial.model}, {trial.error or spent}")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--cutoff", type=int, choices=(TUNING, TEST), help="28 to try things, 36 to test"
    )
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap; 0 skips it")
    parser.add_argument("--quick", action="store_true", help="few customers, learned from briefly")
    parser.add_argument("--out", type=Path, help="folder to write to")
    return parser.parse_args(arguments)


def plan_of(asked: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    if asked.quick:
        return Plan(asked.cutoff or TUNING, QUICK_AMOUNTS, QUICK_DRAWS, few=True)
    return Plan(asked.cutoff or TEST, tuple(AMOUNTS), asked.draws, few=False)


def main() -> int:
    """Run, print and write; 2 if it can't be run."""
    start, asked = time.perf_counter(), parse()
    plan = plan_of(asked)
    about = setting(shlex.join(["python", "benchmarks/transfer.py", *sys.argv[1:]]))
    try:
        rows = run(plan)
    except PenchantError as error:
        print(error, file=sys.stderr)
        return 2
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    at = (INSTACART, plan.cutoff)
    text = page(about, rows, at, plan.amounts)
    print(text)
    whole = plan == Plan(TEST, tuple(AMOUNTS), DRAWS, few=False)
    out = asked.out or (RESULTS if whole else None)
    if out is None:
        tell("Nothing is written, since this is not the whole benchmark; --out says where to.")
    else:
        write_rows(rows, out / "transfer.json")
        (out / "transfer.md").write_text(text, encoding="utf-8")
        (out / "transfer.svg").write_text(drawn(curve_of(rows, at, plan.amounts)), encoding="utf-8")
        tell(f"Written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
