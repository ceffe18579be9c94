"""Items by interest: what a forecast of topics adds to the same item model, over 28 days.

    python benchmarks/guided.py            the whole benchmark; writes benchmarks/results
    python benchmarks/guided.py --early    the same at an earlier date, to develop on; only prints

Item models alone, each with and without the forecast to guide it; and the whole recommender, whose
candidates, signals and trees are the same with and without the signals of the forecast.
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
from bench.telling import tell
from penchant.data.public import PUBLIC
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.ledger import ALL
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.model import Recipe
from penchant.interest.task import Task, Window
from penchant.models.boosted import Boosted
from penchant.models.gamma_poisson import GammaPoisson
from penchant.recommend.assortment import Assortment, assortment_of
from penchant.recommend.candidates import Asked, Source
from penchant.recommend.guided import Guided
from penchant.recommend.neighbours import ItemNeighbours, UserNeighbours
from penchant.recommend.recommender import Recommender
from penchant.recommend.repeat import Repeat
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
WHOLE = "recommender"
MODELS: dict[str, Source] = {
    "repeat": Repeat(),
    "items": ItemNeighbours(),
    "users": UserNeighbours(),
}
PARTS = ("recall", "ndcg", "repeat_recall", "explore_recall")
METRICS = tuple(f"{part}_{slots}" for slots in SLOTS for part in PARTS)
CAVEATS = """\
Complete Journey, users with at least 5 baskets and items sold at least 10 times before the cutoff.
Each user is shown ten items, or fifty; asked is what is bought in the 28 days after the cutoff, by
users who bought something then. `repeat_recall` and `explore_recall` are the parts of the recall by
items bought before, and by new ones. `repeat`, `items` and `users` are item models alone: habits,
item neighbours, user neighbours, of which the last two propose only what is new to a user; guided,
their scores lean on the chance forecast of each item's topic (`Guided`, whose weight was chosen at
cutoff 36). `recommender` is all sources and the ranker: `without` a forecast it still knows each
customer's own topics, counts and cadence. Brackets hold 95 % intervals over users of the difference
to `without`, means over the cutoffs.
"""


@dataclass(frozen=True)
class Trial:
    """One guide at one cutoff."""

    found: dict[int, Found]  # by slots
    seconds: float


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
    """Fit the recommender and recommend."""
    start = time.perf_counter()
    fitted = Recommender(interest=interest, steps=STEPS).fit(case.past, goods, history)
    lists = fitted.recommend(case.past, history, max(SLOTS))
    seconds = time.perf_counter() - start
    return Trial(shown(case, lists.item_BK), seconds)


def alone(case: Case, goods: Assortment, asked: Asked, source: Source) -> Trial:
    """Fit an item model and propose."""
    start = time.perf_counter()
    scores_BI = Guided(source).fit(case.past, goods).propose(asked, max(SLOTS))
    top_UK = top_of(scores_BI, max(SLOTS))
    return Trial(shown(case, top_UK), time.perf_counter() - start)


def top_of(scores_BI: csr_array, most: int) -> np.ndarray:
    """The best items of each user, the best first; -1 where there are no more."""
    found_M = scores_BI.tocoo()
    order_M = np.lexsort((found_M.col, -found_M.data, found_M.row))
    row_M = found_M.row[order_M]
    place_M = np.arange(len(row_M)) - np.searchsorted(row_M, row_M)
    top_UK = np.full((scores_BI.shape[0], most), -1, dtype=np.int64)
    top_UK[row_M, place_M] = found_M.col[order_M]
    return top_UK


def shown(case: Case, top_UK: np.ndarray) -> dict[int, Found]:
    """How the first items do."""
    return {slots: found(case, top_UK[:, :slots]) for slots in SLOTS}


def foreseen(case: Case, history: History, interest: Recipe | None) -> Asked:
    """The users, and what is forecast of them."""
    if interest is None:
        return Asked(case.past)
    task = Task(windows=(Window(0, STEPS),), target=case.past.kinds_K, step=history.interest.step)
    forecast = interest.fit(history, task).predict(history)
    row_U = np.searchsorted(forecast.users_U, case.past.users_U)
    assert (forecast.users_U[row_U] == case.past.users_U).all()
    volume_UT, chance_UT = forecast.volume_UTW[row_U, :, 0], forecast.chance_UTW[row_U, :, 0]
    return Asked(case.past, volume_UT, chance_UT)


Trials = dict[tuple[str, str], list[Trial]]  # by item model and guide; one a cutoff


def rows_of(trials: Trials) -> list[Row]:
    """Means over cutoffs, and each guide's lead with its interval."""
    rows = []
    for (model, guide), mine in trials.items():
        at = (JOURNEY, "mean", ALL)
        name = f"{model}_{guide}"
        for metric in METRICS:
            value = float(np.mean([each_U(trial, metric).mean() for trial in mine]))
            rows.append(Row(*at, name, metric, value))
            if guide == PLAIN:
                continue
            leads = []
            for trial, plain in zip(mine, trials[model, PLAIN], strict=True):
                lead_U = each_U(trial, metric) - each_U(plain, metric)
                weight_DU = draw_weights(len(lead_U))
                leads.append((lead_U.mean(), weight_DU @ lead_U / weight_DU.sum(axis=1)))
            low, high = interval(np.mean([draws_D for _, draws_D in leads], axis=0))
            lead = float(np.mean([mean for mean, _ in leads]))
            rows.append(Row(*at, f"{name} - {model}_{PLAIN}", metric, lead, low, high))
        rows.append(Row(*at, name, "seconds", float(np.mean([trial.seconds for trial in mine]))))
    return rows


def each_U(trial: Trial, metric: str) -> np.ndarray:
    """A metric of each user asked."""
    part, _, slots = metric.rpartition("_")
    told = trial.found[int(slots)]
    parts = (told.recall_U, told.ndcg_U, told.repeat_U, told.explore_U)
    return dict(zip(PARTS, parts, strict=True))[part]


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    value = {(row.model, row.metric): row for row in rows}
    names = list(dict.fromkeys(row.model for row in rows if " - " not in row.model))
    lines = [
        (
            name,
            *(f"{value[name, metric].value:.4f}" for metric in METRICS),
            f"{value[name, 'seconds'].value:.0f}",
        )
        for name in names
    ]
    leads = [
        (
            row.model,
            row.metric,
            f"{row.value:+.4f} [{row.low:+.4f}, {row.high:+.4f}]",
            f"{100 * row.value / max(value[plain_of(row.model), row.metric].value, 1e-12):+.1f} %",
        )
        for row in rows
        if " - " in row.model and row.metric.startswith("recall")
    ]
    parts = (
        "# Items by interest",
        "\n".join(f"* {line}" for line in about),
        f"## Caveats\n\n{CAVEATS}",
        table(("item model, forecast", *METRICS, "seconds"), lines),
        table(("difference", "metric", "lead", ""), leads),
    )
    return "\n\n".join(parts) + "\n"


def plain_of(name: str) -> str:
    """The same item model without a forecast."""
    return name.partition(" - ")[2]


def main() -> int:
    """Run, print and write."""
    early = "--early" in sys.argv[1:]
    start = time.perf_counter()
    about = setting(shlex.join(["python", "benchmarks/guided.py", *sys.argv[1:]]))
    log, history = PUBLIC[JOURNEY](), complete_journey()
    every = build_interactions(ibis.memtable(log.events), ["purchase"])
    trials: Trials = {(model, guide): [] for model in (*MODELS, WHOLE) for guide in GUIDES}
    for cutoff in EARLY if early else CUTOFFS:
        case, known = case_at(every, history, cutoff), history.until(cutoff, panel=True)
        goods = assortment_of(case.past, history.topics, log.catalog)
        for guide, interest in GUIDES.items():
            asked = foreseen(case, known, interest)
            for model, source in MODELS.items():
                trials[model, guide].append(alone(case, goods, asked, source))
            trials[WHOLE, guide].append(tried(case, goods, known, interest))
            recalls = [
                f"{model} {each_U(trials[model, guide][-1], METRICS[0]).mean():.4f}"
                for model in (*MODELS, WHOLE)
            ]
            tell(f"cutoff {cutoff}, {guide}: recall@10 {', '.join(recalls)}")
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
