"""Who buys nothing, and how often the others come: lifetimes beside their peers, and recency.

    python benchmarks/churn.py            the whole benchmark; writes benchmarks/results
    python benchmarks/churn.py --early    the same at earlier weeks, to develop on; only prints

Every model is fitted to the same weeks. Shapes: U users, D draws.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.metrics import roc_auc_score

from bench.counted import cdnow_days, counts_of, journey_days
from bench.lifetime import Lifetime as Peer
from bench.lifetime import summary
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.tables import table
from bench.telling import tell
from penchant.churning import better, log_loss
from penchant.decisions.churn import PRIOR_STEPS
from penchant.decisions.whole import whole
from penchant.errors import DataError
from penchant.evaluation.bootstrap import interval
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.models.gamma_poisson import GammaPoisson

RESULTS = ROOT / "benchmarks" / "results"
OURS, PEERS = "churn", ("pareto_nbd", "bg_nbd")
METRICS = ("auc", "auc_by_count", "log_loss", "mae", "median_mae", "total", "active")
DRAWS = 200
TESTED = (("cdnow", 39, 39), ("journey_trips", 40, 8))
EARLY = (("cdnow", 17, 17), ("cdnow", 20, 19), ("cdnow", 26, 13), ("cdnow", 30, 9))
GOALS = (("auc", "at least 0.79"), ("mae", "at most 0.74"), ("total", "within 0.03"))
CAVEATS = """\
`auc` ranks customers by the chance of no purchase, `auc_by_count` by the purchases expected, which
is kinder to the peers. `mae` is that of expected purchases, `median_mae` that of the median of
each model's counts; `total` and `active` are all purchases, and all customers with any, expected
over those that came, less 1. `churn` counts weeks with a purchase; purchases are so many times the
customer's purchases in such a week, which lean on the shop's. Recency is the time since the last
purchase and says no more than an order; `always_zero` expects nothing. Choices between models were
made on CDNOW before week 39 (`--early`) and on Complete Journey before week 40; but how well the
peers and simple orders of customers do on the tested weeks of CDNOW was known by then, and
purchases in a week were made the customer's own after a first run of this script. Peers are the
package lifetimes, fitted to days. Brackets hold 95 % intervals over customers.
"""


@dataclass(frozen=True)
class Told:
    """What a model says of every customer; None where it says nothing of the kind."""

    chance_U: np.ndarray | None
    volume_U: np.ndarray | None
    median_U: np.ndarray | None
    rank_U: np.ndarray  # the higher, the sooner a purchase

    @classmethod
    def of(cls, made: Forecast, scale_U: np.ndarray | float = 1.0) -> "Told":
        """A forecast, its counts multiplied."""
        volume_U = made.volume_UTW[:, 0, 0] * scale_U
        return cls(
            made.chance_UTW[:, 0, 0], volume_U, made.quantile(0.5)[:, 0, 0] * scale_U, volume_U
        )


def ask(name: str, counted: History, days: pa.Table, cutoff: int, ahead: int) -> list[Row]:
    """Rows of every model at one cutoff."""
    task, past = Task(windows=(Window(0, ahead),)), counted.until(cutoff)
    count_U = outcome(counted, past.interest.users_U, cutoff, task).count_UTW[:, 0, 0]
    steps = whole(past)
    events_U, active_U = (
        one.interest.count_UT(task.target, 0, cutoff).sum(axis=1) for one in (past, steps)
    )
    prior = PRIOR_STEPS * events_U.sum() / active_U.sum()
    per_step_U = (events_U + prior) / (active_U + PRIOR_STEPS)  # as spend of a step is told
    recipe = better(steps, task)
    tell(f"{cutoff}: churn forecasts by {type(recipe).__name__}")
    told = {OURS: Told.of(recipe.fit(steps, task).predict(steps), per_step_U)}
    for family in PEERS:
        peer = Peer(days=days, family=family)
        told[family] = Told.of(peer.fit(past, task).predict(past))
    told["gamma_poisson"] = Told.of(GammaPoisson().fit(past, task).predict(past))
    seen = summary(days, past)
    told["recency"] = Told(None, None, None, -(seen["T"] - seen["recency"]).to_numpy())
    none_U = np.zeros(len(count_U))
    told["always_zero"] = Told(None, none_U, none_U, none_U)
    return rows_of((name, cutoff, task.windows[0].name), told, count_U)


def rows_of(at: tuple[str, int, str], told: dict[str, Told], count_U: np.ndarray) -> list[Row]:
    """Every metric of every model, and how much better ours ranks than each peer."""
    pick_DU = np.random.default_rng(0).integers(0, len(count_U), (DRAWS, len(count_U)))
    rows = []
    for model, one in told.items():
        for metric in METRICS:
            value = measure(metric, one, count_U)
            if value is not None:
                rows.append(Row(*at, model, metric, value))
    ours = told[OURS].rank_U
    for peer in (*PEERS, "recency"):
        apart_D = [
            auc(ours[pick_U], count_U[pick_U]) - auc(told[peer].rank_U[pick_U], count_U[pick_U])
            for pick_U in pick_DU
        ]
        apart = auc(ours, count_U) - auc(told[peer].rank_U, count_U)
        pair = f"{OURS} - {peer}"
        rows.append(Row(*at, pair, "auc_by_count", apart, *interval(np.array(apart_D))))
    return rows


def measure(metric: str, one: Told, count_U: np.ndarray) -> float | None:
    """One metric of one model; None where it says nothing of the kind."""
    came_U, chance_U, volume_U = count_U > 0, one.chance_U, one.volume_U
    if metric == "auc_by_count":
        return auc(one.rank_U, count_U)
    if metric in ("mae", "total"):
        if volume_U is None:
            return None
        error = (
            np.abs(volume_U - count_U).mean()
            if metric == "mae"
            else (volume_U.sum() / count_U.sum() - 1)
        )
        return float(error)
    if metric == "median_mae":
        return None if one.median_U is None else float(np.abs(one.median_U - count_U).mean())
    if chance_U is None:
        return None
    if metric == "auc":
        return auc(chance_U, count_U)
    if metric == "active":
        return float(chance_U.sum() / came_U.sum() - 1)
    return log_loss(chance_U, came_U)


def auc(rank_U: np.ndarray, count_U: np.ndarray) -> float:
    """Area under the curve of any purchase."""
    return float(roc_auc_score(count_U > 0, rank_U))


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """The results for people."""
    parts = ["# Churn", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for dataset, cutoff, window in dict.fromkeys((r.dataset, r.cutoff, r.window) for r in rows):
        mine = [row for row in rows if (row.dataset, row.cutoff) == (dataset, cutoff)]
        parts.append(f"## {dataset}: {cutoff} weeks known, weeks {window}")
        found = {(row.model, row.metric): row.value for row in mine}
        models = dict.fromkeys(row.model for row in mine if " " not in row.model)
        body = [
            (
                model,
                *(
                    f"{found[model, metric]:.4f}" if (model, metric) in found else "–"
                    for metric in METRICS
                ),
            )
            for model in models
        ]
        parts.append(table(("model", *METRICS), body))
        apart = [row for row in mine if " - " in row.model]
        parts.append(
            "\n".join(
                f"* {row.model}: {row.value:+.4f} [{row.low:+.4f}, {row.high:+.4f}] in {row.metric}"
                for row in apart
            )
        )
        if (dataset, cutoff) == TESTED[0][:2]:
            parts.append(
                "\n".join(
                    f"* wanted of {OURS}: {metric} {goal}; found {found[OURS, metric]:.4f}"
                    for metric, goal in GOALS
                )
            )
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run, print and write; 2 without the data."""
    early = "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/churn.py", *sys.argv[1:]]))
    rows: list[Row] = []
    try:
        for name, cutoff, ahead in EARLY if early else TESTED:
            days = {"cdnow": cdnow_days, "journey_trips": journey_days}[name]
            rows += ask(name, counts_of(days), days(), cutoff, ahead)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "churn.json")
        (RESULTS / "churn.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
