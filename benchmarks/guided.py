"""Items by interest: what a forecast of topics adds to the same item model, over 28 days.

    python benchmarks/guided.py            the whole benchmark; writes benchmarks/results
    python benchmarks/guided.py --early    the same at an earlier date, to develop on; only prints

The same candidates, signals and trees, with and without the signals of the forecast.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import shlex
import sys
import time
from dataclasses import dataclass

import ibis
import numpy as np
from scipy.sparse import csr_array

from bench.basketcases import Case, Found, enough, found
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.shops import JOURNEY, complete_journey
from bench.tables import table
from penchant.data.public import PUBLIC
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.ledger import ALL
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.model import Recipe
from penchant.models.boosted import Boosted
from penchant.models.gamma_poisson import GammaPoisson
from penchant.recommend.assortment import Assortment, assortment_of
from penchant.recommend.recommender import Recommender
from penchant.recommend.sight import moment

RESULTS = ROOT / "benchmarks" / "results"
CUTOFFS, EARLY = (44, 48), (36,)  # steps from the origin
STEPS, SLOTS = 4, (10, 50)
PLAIN = "without"
GUIDES: dict[str, Recipe | None] = {
    PLAIN: None,
    "gamma_poisson": GammaPoisson(),
    "boosted": Boosted(),
}
PARTS = ("recall", "ndcg", "repeat_recall", "explore_recall")
METRICS = tuple(f"{part}@{slots}" for slots in SLOTS for part in PARTS)
CAVEATS = """\
Complete Journey, users with at least 5 baskets and items sold at least 10 times before the cutoff.
Each user is shown ten items, or fifty; asked is what is bought in the 28 days after the cutoff, by
users who bought something then. `without` is the same recommender with
nothing forecast: it still knows each customer's own topics, counts and cadence. `repeat_recall` and
`explore_recall` are the parts of the recall by items bought before, and by new ones. Chances are
summed over all that was shown, and held against what came. Brackets hold 95 % intervals over users
of the difference to `without`, means over the cutoffs.
"""


@dataclass(frozen=True)
class Trial:
    """One guide at one cutoff."""

    found: dict[int, Found]  # by slots
    expected: float  # hits, by the chances
    came: float
    seconds: float


def tell(what: str) -> None:
    """Say what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def case_at(every: Interactions, history: History, cutoff: int) -> Case:
    """What was bought before a cutoff, and in the steps after it."""
    start, end = moment(history, cutoff), moment(history, cutoff + STEPS)
    past = enough(every.where(every.time_N < start))
    came = every.where((every.time_N >= start) & (every.time_N < end))
    came = came.of(past.users_U).among(past.items_I)
    came_UI = np.zeros(past.shape, dtype=np.float32)
    came_UI[came.user_N, came.item_N] = 1
    return Case(past, csr_array(came_UI))


def tried(case: Case, goods: Assortment, history: History, interest: Recipe | None) -> Trial:
    """Fit and recommend."""
    start = time.perf_counter()
    fitted = Recommender(interest=interest, steps=STEPS).fit(case.past, goods, history)
    lists = fitted.recommend(case.past, history, max(SLOTS))
    seconds = time.perf_counter() - start
    shown = {slots: found(case, lists.item_BK[:, :slots]) for slots in SLOTS}
    row_BK = np.arange(len(lists.item_BK))[:, None]
    hit_BK = (case.came_UI.toarray()[row_BK, lists.item_BK] > 0) & (lists.item_BK >= 0)
    expected = float(np.nansum(lists.chance_BK))
    return Trial(shown, expected, float(hit_BK.sum()), seconds)


def rows_of(trials: dict[str, dict[int, Trial]]) -> list[Row]:
    """Means over cutoffs, and each guide's lead with its interval."""
    rows = []
    for guide, by_cutoff in trials.items():
        at = (JOURNEY, "mean", ALL)
        for metric in METRICS:
            value = float(np.mean([each_U(t, metric).mean() for t in by_cutoff.values()]))
            rows.append(Row(*at, guide, metric, value))
            if guide == PLAIN:
                continue
            leads = []
            for cutoff, trial in by_cutoff.items():
                lead_U = each_U(trial, metric) - each_U(trials[PLAIN][cutoff], metric)
                weight_DU = draw_weights(len(lead_U))
                leads.append((lead_U.mean(), weight_DU @ lead_U / weight_DU.sum(axis=1)))
            low, high = interval(np.mean([draws_D for _, draws_D in leads], axis=0))
            lead = float(np.mean([mean for mean, _ in leads]))
            rows.append(Row(*at, f"{guide} - {PLAIN}", metric, lead, low, high))
        for name in ("expected", "came", "seconds"):
            mean = float(np.mean([getattr(trial, name) for trial in by_cutoff.values()]))
            rows.append(Row(*at, guide, name, mean))
    return rows


def each_U(trial: Trial, metric: str) -> np.ndarray:
    """A metric of each user asked."""
    part, _, slots = metric.partition("@")
    told = trial.found[int(slots)]
    parts = (told.recall_U, told.ndcg_U, told.repeat_U, told.explore_U)
    return dict(zip(PARTS, parts, strict=True))[part]


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    value = {(row.model, row.metric): row for row in rows}
    columns = (*METRICS, "expected", "came", "seconds")
    lines = [
        (
            guide,
            *(f"{value[guide, name].value:.{4 if name in METRICS else 0}f}" for name in columns),
        )
        for guide in GUIDES
    ]
    leads = [
        (
            row.model,
            row.metric,
            f"{row.value:+.4f} [{row.low:+.4f}, {row.high:+.4f}]",
        )
        for row in rows
        if " - " in row.model
    ]
    return (
        "\n\n".join(
            [
                "# Items by interest",
                "\n".join(f"* {line}" for line in about),
                CAVEATS,
                table(("forecast", *columns), lines),
                table(("difference", "metric", "lead"), leads),
            ]
        )
        + "\n"
    )


def main() -> int:
    """Run, print and write."""
    early = "--early" in sys.argv[1:]
    start = time.perf_counter()
    about = setting(shlex.join(["python", "benchmarks/guided.py", *sys.argv[1:]]))
    log, history = PUBLIC[JOURNEY](), complete_journey()
    every = build_interactions(ibis.memtable(log.events), ["purchase"])
    trials: dict[str, dict[int, Trial]] = {guide: {} for guide in GUIDES}
    for cutoff in EARLY if early else CUTOFFS:
        case, known = case_at(every, history, cutoff), history.until(cutoff, panel=True)
        goods = assortment_of(case.past, history.topics, log.catalog)
        for guide, interest in GUIDES.items():
            trials[guide][cutoff] = tried(case, goods, known, interest)
            recall = each_U(trials[guide][cutoff], METRICS[0]).mean()
            tell(f"cutoff {cutoff}, {guide}: recall {recall:.4f}")
    rows = rows_of(trials)
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "guided.json")
        (RESULTS / "guided.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
