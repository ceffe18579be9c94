"""Every family of models on one leaderboard: all recipes, cutoffs, windows and data sets.

    python benchmarks/models.py            the whole benchmark; writes benchmarks/results
    python benchmarks/models.py --quick    a few households at one early cutoff

Each fit runs in a fresh process, and what is finished is kept in `benchmarks/.cells` for the same
code: run the command again and it goes on where it was. A run that leaves something out only
prints, unless `--out` says where to write; a whole run also renews its lines in the README.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from bench.boardgoals import BOARD_GOALS, FLAGSHIP, NETWORK, REFERENCE
from bench.boardpage import board_page, readme_block, renew
from bench.boardrows import Board, board, slim, time_rows
from bench.boardshops import BOARD
from bench.cell import Cell, Finished, history_folder
from bench.contestants import ELSEWHERE, NAMES, QUICK_USERS
from bench.goals import MISSED, NOT_RUN, judge
from bench.kept import is_kept, keep
from bench.machine import ROOT, setting
from bench.race import LIMIT, Clock, Race, sources
from bench.rows import Row, Rows, read_rows, score_rows, write_rows
from bench.shops import JOURNEY, Shop
from bench.telling import tell
from penchant import columns as c
from penchant.errors import DataError
from penchant.evaluation.bootstrap import DRAWS
from penchant.models import RECIPES

PARTS = ("board", "ages", "speed")
QUICK_CUTOFF, QUICK_DRAWS = 20, 20
SLOW = 60.0  # seconds from which a model is tried at one cutoff, where a shop isn't thorough
CELLS = ROOT / "benchmarks" / ".cells"
RESULTS = ROOT / "benchmarks" / "results"
LEAD = FLAGSHIP if FLAGSHIP in RECIPES else REFERENCE


@dataclass(frozen=True)
class Plan:
    """What to run."""

    parts: Sequence[str]
    shops: Sequence[Shop]
    names: Sequence[str]
    cutoffs: Sequence[int]  # none: each shop's own
    draws: int
    users: int | None  # none: all
    short: bool

    def cell(self, part: str, shop: str, cutoff: int, model: str) -> Cell:
        """One cell of the plan."""
        return Cell(part, shop, cutoff, model, self.draws, self.users, self.short)

    def cutoffs_of(self, shop: Shop) -> list[int]:
        """The cutoffs tried, first the one that everybody is tried at."""
        cutoffs = list(self.cutoffs or shop.cutoffs)
        first = shop.headline if shop.headline in cutoffs else cutoffs[-1]
        return sorted(cutoffs, key=lambda cutoff: cutoff != first)

    def entrants(self, shop: Shop) -> list[str]:
        """Who takes part there."""
        return [name for name in self.names if name in RECIPES or name in shop.peers]


def ready(shop: Shop, users: int | None, root: Path) -> bool:
    """Keep the history of a shop for the cells; False, and a message, without its data."""
    folder = history_folder(root, shop.name, users)
    if is_kept(folder):
        return True
    tell(f"{shop.name}: loading")
    try:
        history = shop.load()
    except DataError as error:
        print(f"{shop.name} is left out. {error}\n", flush=True)
        return False
    if users is not None:
        history = history.only(np.arange(min(users, len(history.interest.users_U))))
    keep(history, folder)
    return True


def run_board(plan: Plan, shops: Sequence[Shop], race: Race) -> list[Board]:
    """Try everybody everywhere, where a shop is thorough at all cutoffs; then the quick again."""
    first = [
        plan.cell("trial", shop.name, cutoff, name)
        for shop in shops
        for cutoff in plan.cutoffs_of(shop)[: None if shop.thorough else 1]
        for name in plan.entrants(shop)
    ]
    found = race.run(first)
    slow = {(done.cell.shop, done.cell.model) for done in found if not quick(done)}
    again = [
        plan.cell("trial", shop.name, cutoff, name)
        for shop in shops
        for cutoff, name in product(plan.cutoffs_of(shop)[1:], plan.entrants(shop))
        if not shop.thorough and (shop.name, name) not in slow
    ]
    found += race.run(again)
    by_shop = {shop: [done for done in found if done.cell.shop == shop.name] for shop in shops}
    return [board(shop, mine) for shop, mine in by_shop.items() if mine]


def quick(done: Finished) -> bool:
    """Whether a model was fitted and forecast in little time."""
    if done.result is None:
        return False
    spent = [row[c.VALUE] for row in done.result.table.to_pylist() if row[c.METRIC] == "seconds"]
    return max(spent) <= SLOW


def run_beside(plan: Plan, race: Race) -> tuple[list[Row], list[str]]:
    """How the best model's forecasts age, what it takes with the whole machine; what failed."""
    rows: list[Row] = []
    found: list[Finished] = []
    cutoff, *_ = plan.cutoffs_of(BOARD[JOURNEY])
    if "ages" in plan.parts:
        found += race.run([plan.cell("stale", JOURNEY, cutoff, LEAD)])
        rows += [row for done in found if done.result for row in score_rows(slim(done.result))]
    if "speed" in plan.parts:
        single = replace(race, jobs=1)
        timed_by = {"alone": (LEAD, REFERENCE, NETWORK), "large": (NETWORK,)}
        cells = [
            plan.cell(part, JOURNEY, cutoff, name)
            for part, names in timed_by.items()
            for name in dict.fromkeys(names)
        ]
        timed = single.run(cells)
        rows, found = [*rows, *time_rows(timed)], [*found, *timed]
    failed = [done for done in found if done.error]
    return rows, [f"failed: {d.cell.part} of {d.cell.model}: {d.error}" for d in failed]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    listed = {"type": lambda text: text.split(","), "metavar": "A,B"}
    parser.add_argument("--parts", **listed, default=[], help=", ".join(PARTS))
    parser.add_argument("--datasets", **listed, default=[], help=", ".join(BOARD))
    parser.add_argument("--recipes", **listed, default=[], help=", ".join(NAMES))
    parser.add_argument("--cutoffs", **listed, default=[], help="steps from the origin")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap; 0 skips it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="fits side by side")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds a fit may take")
    parser.add_argument("--minutes", type=float, default=math.inf, help="to start fits in")
    parser.add_argument("--quick", action="store_true", help="few users at one early cutoff")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--cells", type=Path, default=CELLS, help="folder of what is finished")
    parser.add_argument("--out", type=Path, help="folder to write to")
    asked = parser.parse_args(arguments)
    for name, known in (("parts", PARTS), ("datasets", BOARD), ("recipes", NAMES)):
        strange = [one for one in getattr(asked, name) if one not in known]
        if strange:
            parser.error(f"--{name} knows {', '.join(known)}; found {', '.join(strange)}")
    return asked


def plan_of(asked: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    shops = asked.datasets or ([JOURNEY] if asked.quick else list(BOARD))
    cutoffs = [int(cutoff) for cutoff in asked.cutoffs]
    names = [name for name in NAMES if not (asked.quick and name in ELSEWHERE)]
    return Plan(
        asked.parts or (["board"] if asked.quick else list(PARTS)),
        [BOARD[name] for name in shops],
        asked.recipes or names,
        cutoffs or ([QUICK_CUTOFF] if asked.quick else []),
        QUICK_DRAWS if asked.quick else asked.draws,
        QUICK_USERS if asked.quick else None,
        asked.quick,
    )


def is_whole(plan: Plan, shops: Sequence[Shop]) -> bool:
    """Whether nothing is left out, so that the results may be published."""
    sizes = (len(plan.parts), len(shops), len(plan.names))
    everything = sizes == (len(PARTS), len(BOARD), len(NAMES))
    return everything and not plan.cutoffs and plan.draws == DRAWS and not plan.short


def publish(out: Path, rows: Rows, text: str) -> None:
    """Write the rows and the page."""
    write_rows(rows, out / "models.json")
    (out / "models.md").write_text(text, encoding="utf-8")
    tell(f"Written to {out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write; 1 if `--strict` and a goal is missed."""
    start, asked = time.perf_counter(), parse(arguments)
    plan = plan_of(asked)
    about = setting(shlex.join(["python", "benchmarks/models.py", *sys.argv[1:]]))
    root, last = asked.cells / sources(), RESULTS / "models.json"
    clock = Clock.of(read_rows(last)) if last.is_file() else Clock()
    until = time.monotonic() + 60 * asked.minutes
    race = Race(root, asked.jobs, clock, tell, asked.limit, until)
    needed = [BOARD[JOURNEY]] if {"ages", "speed"} & set(plan.parts) else []
    there = [shop for shop in {*plan.shops, *needed} if ready(shop, plan.users, root)]
    shops = [shop for shop in plan.shops if shop in there and "board" in plan.parts]
    boards = run_board(plan, shops, race)
    beside, failed = run_beside(plan, race) if BOARD[JOURNEY] in there else ([], [])
    rows = Rows([*(row for one in boards for row in one.rows), *beside])
    about += [f"left out: {shop.name}" for shop in plan.shops if shop not in there]
    about += failed
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes beyond what was finished")
    text = board_page(about, boards, rows, plan.draws, LEAD)
    print(text)
    whole = is_whole(plan, shops) and not race.skipped
    if race.skipped:
        tell(f"{len(race.skipped)} cells are left for want of time; run the command again")
    if out := asked.out or (RESULTS if whole else None):
        publish(out, rows, text)
    else:
        tell("Nothing is written, since this is not the whole benchmark; --out says where to.")
    if whole and not renew(ROOT / "README.md", readme_block(boards[0], about)):
        tell("README.md has no marks of benchmarks/models.py, so it stays as it is.")
    missed = any(verdict in (MISSED, NOT_RUN) for *_, verdict in judge(rows, BOARD_GOALS))
    return 1 if asked.strict and missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        tell("Stopped. What is finished is kept; run the command again to go on.")
        sys.exit(130)
