"""Migration: found where it was planted, and forecast on real households.

    python benchmarks/migration.py                  the whole benchmark; writes benchmarks/results
    python benchmarks/migration.py --parts journey  only the forecasts
    python benchmarks/migration.py --quick          a few households at one early cutoff

A run that leaves something out only prints, unless `--out` says where to write.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.machine import ROOT, setting
from bench.migrating import Journey, journey_rows
from bench.migrationpage import judged, page
from bench.planted import planted_rows
from bench.rows import Row, Rows, write_rows
from bench.shops import complete_journey
from bench.telling import tell
from penchant.errors import PenchantError
from penchant.evaluation.bootstrap import DRAWS
from penchant.interest.task import Task
from penchant.models.boosted import Boosted
from penchant.models.decayed_share import DecayedShare
from penchant.models.gamma_poisson import GammaPoisson

CUTOFFS = (28, 32, 36, 40)  # the last is the test; nothing was chosen by it
PARTS = ("journey", "planted")
RECIPES = {
    "boosted": Boosted(),
    "gamma_poisson": GammaPoisson(),
    "decayed_share": DecayedShare(),
}
QUICK_CUTOFF, QUICK_USERS, QUICK_ROUNDS = 28, 80, 4
RESULTS = ROOT / "benchmarks" / "results"


def journey_part(cutoffs: Sequence[int], draws: int, quick: bool) -> list[Row]:
    """Forecasts of migration on Complete Journey."""
    tell("loading Complete Journey")
    history, recipes = complete_journey(), dict(RECIPES)
    if quick:
        history = history.only(np.arange(QUICK_USERS))
        few = {f"{name}rounds": QUICK_ROUNDS for name in ("", "extreme_", "further_")}
        recipes["boosted"] = replace(Boosted(threads=1), **few)
    return journey_rows(Journey(history, recipes, Task(), tell), cutoffs, draws)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--cutoffs", nargs="+", type=int, default=[], help="steps from the origin")
    parser.add_argument("--quick", action="store_true", help="few households at one early cutoff")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--out", type=Path, help="folder to write to")
    return parser.parse_args(arguments)


def run(asked: argparse.Namespace) -> list[Row]:
    """What was asked for."""
    rows: list[Row] = []
    if "journey" in asked.parts:
        cutoffs = asked.cutoffs or ([QUICK_CUTOFF] if asked.quick else CUTOFFS)
        rows += journey_part(cutoffs, 20 if asked.quick else DRAWS, asked.quick)
    if "planted" in asked.parts and not asked.quick:
        tell("planted worlds")
        rows += planted_rows()
    return rows


def main() -> int:
    """Run, print and write; 1 if `--strict` and a goal is missed, 2 if it can't be run."""
    start, asked = time.perf_counter(), parse()
    about = setting(shlex.join(["python", "benchmarks/migration.py", *sys.argv[1:]]))
    try:
        rows = run(asked)
    except PenchantError as error:
        print(error, file=sys.stderr)
        return 2
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, Rows(rows))
    print(text)
    whole = set(asked.parts) == set(PARTS) and not asked.cutoffs and not asked.quick
    out = asked.out or (RESULTS if whole else None)
    if out is None:
        tell("Nothing is written, since this is not the whole benchmark; --out says where to.")
    else:
        write_rows(rows, out / "migration.json")
        (out / "migration.md").write_text(text, encoding="utf-8")
        tell(f"Written to {out}")
    missed = any(verdict not in ("PASS", "shown") for _, _, _, verdict in judged(Rows(rows)))
    return 1 if asked.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
