"""Demand by department and category: users' sums and series as one, beside series alone.

    python benchmarks/demand.py            the whole benchmark; writes benchmarks/results
    python benchmarks/demand.py --early    the same at earlier weeks, to develop on; only prints

Every model knows the same weeks. Shapes: N nodes, T topics, I items, S steps, H steps ahead.
"""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis
import numpy as np
from scipy.stats import norm

from bench.demandpeers import Peer, peers
from bench.demandscore import DECILES, covered, wql, wrmsse
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.shops import JOURNEY, complete_journey
from bench.tables import table
from bench.telling import tell
from penchant import columns as c
from penchant.data.public import PUBLIC
from penchant.decisions.almanac import almanac
from penchant.decisions.demand import Demand, Users, demand
from penchant.decisions.direct import promoted
from penchant.decisions.stock import Stock, inventory
from penchant.decisions.tree import DEPARTMENT, LEVELS, TOPIC, Tree
from penchant.demanding import earlier_users, item_sales
from penchant.errors import DataError
from penchant.evaluation.ledger import ALL
from penchant.interest.history import History
from penchant.interest.task import Task, Window
from penchant.models.boosted import Boosted

RESULTS = ROOT / "benchmarks" / "results"
OURS, ALONE, USERS = "demand", "series_alone", "users_sum"
TESTED, EARLY = ((40, 12), (48, 4)), ((24, 8), (28, 12))  # weeks known, and ahead
ERRORS, HELD = ("wrmsse", "wql"), ("service", "units", "service_fast", "units_fast")
FAST = 12  # purchases in the last 12 weeks, from which an item is
SERVICE = 0.95
LEADS = (2, 4)  # weeks
Found = Mapping[tuple[str, str], float | None]  # by model and metric
LATELY = 8  # weeks in which an item must have been bought to be held
CAVEATS = """\
Demand is purchases, lines of receipts, by the week. `wrmsse` is M5's, weighed by sales of the last
four weeks; `wql` is over deciles; `coverage` is of 80 % intervals. `demand` draws on users'
forecasts by `boosted`, on series, the calendar and promotions; `series_alone` on all but users;
`users_sum` is the bare sum of users' forecasts, spread evenly over a window's weeks. Peers ending
in `_each` forecast every department and category by itself, so that they don't add up; those in
`_bottom_up` add categories up. `hf_…` are hierarchicalforecast's on AutoETS. `arima_calendar` is
AutoARIMA with the regressors that `demand` reads; the other peers know neither calendar nor
promotions. The last weeks hold Thanksgiving and Christmas, which no model has seen. Promotions
ahead are taken as known. Choices were made at weeks 16 to 28 (`--early`).

`service` is the share of items whose demand over the lead time stayed within the reorder point that
was to hold for 95 %, of items bought in the last eight weeks; `units` is the mean reorder point;
`_fast` are those of items bought at least 12 times in the last 12 weeks. Points are whole, so slow
movers get more service than asked for.
`normal` takes the mean and deviation of an item's last 12 weeks for normal.
"""


def ask(history: History, cutoff: int, ahead: int) -> list[Row]:
    """Rows of every model at one cutoff."""
    past, window = history.until(cutoff), Window(0, ahead).name
    task = Task(windows=tuple(Window(start, start + 4) for start in range(0, ahead, 4)))
    began = time.monotonic()
    recipe = Boosted(threads=1)
    told = recipe.fit(past, task).predict(past)
    users = Users.of(cutoff, task.windows, told.total("users").mean)
    made = demand(past, users, task, tested=earlier_users(past, recipe, task))
    seconds = time.monotonic() - began
    tell(f"{cutoff}: demand in {seconds:.0f} s, {made.weights}")
    tree = made.tree
    count_TS = history.topic_count_TS(task.target).astype(np.float64)
    unknown_NH = np.full_like(made.direct_NH, np.nan)
    found: dict[str, Any] = {OURS: made, ALONE: Peer(made.direct_NH, unknown_NH)}
    length = users.windows_W[0].length
    even_TH = np.repeat(users.sum_TW / length, length, axis=1)
    found[USERS] = Peer(tree.summed(even_TH), unknown_NH)
    found |= peers(count_TS[:, 1:cutoff], tree, ahead, features(past, tree, ahead))
    tell(f"{cutoff}: peers")
    came_NH = tree.summed(count_TS[:, cutoff : cutoff + ahead])
    past_NS = tree.summed(count_TS[:, 1:cutoff])
    rows = []
    for model, one in found.items():
        for metric, value in scores(one, came_NH, past_NS, sales(past, tree), tree).items():
            rows.append(Row(JOURNEY, cutoff, window, model, metric, value))
    rows += service_rows(history, past, made, task)
    return [*rows, Row(JOURNEY, cutoff, ALL, OURS, "seconds", seconds)]


def features(past: History, tree: Tree, ahead: int) -> np.ndarray:
    """The calendar and promotions of every node in the steps known and ahead, as `demand` reads."""
    known, calendar = past.cutoff - 1, past.calendar
    later = replace(calendar, holiday_C=calendar.holiday_C[1:])
    days_CF = almanac(past.interest.step, past.interest.origin + 1, known, ahead, later).feature_NF
    promotion_NC = tree.summed(calendar.promotion_TC[:, 1 : past.cutoff + ahead].astype(float))
    promoted_NC = promoted(promotion_NC, known, known + ahead)
    every_NCF = np.broadcast_to(days_CF, (len(promoted_NC), *days_CF.shape))
    return np.concatenate([every_NCF, promoted_NC[:, :, None]], axis=2)


def sales(past: History, tree: Tree) -> np.ndarray:
    """Money by node and step."""
    known = past.interest
    money_TS = np.zeros((len(known.topics_T), known.steps))
    np.add.at(money_TS, (known.topic_N, known.step_N), known.money_N)
    return tree.summed(money_TS)


def scores(
    one: Any, came_NH: np.ndarray, past_NS: np.ndarray, sales_NS: np.ndarray, tree: Tree
) -> Mapping[str, float]:
    """Every metric of one model at both levels; no quantiles where it tells none."""
    found = {}
    tells = isinstance(one, Demand) or np.isfinite(one.deviation_NH).all()
    quantile_QNH = np.stack([one.quantile_NH(q) for q in DECILES]) if tells else None
    for level in (DEPARTMENT, TOPIC):
        of_N = tree.level_N == LEVELS.index(level)
        name = "category" if level == TOPIC else level
        known = (came_NH[of_N], past_NS[of_N], sales_NS[of_N])
        found[f"wrmsse_{name}"] = wrmsse(one.mean_NH[of_N], *known)
        if quantile_QNH is not None:
            low_NH, high_NH = quantile_QNH[0][of_N], quantile_QNH[-1][of_N]
            found[f"wql_{name}"] = wql(quantile_QNH[:, of_N], came_NH[of_N])
            found[f"coverage_{name}"] = covered(low_NH, high_NH, came_NH[of_N])
    return found


def service_rows(history: History, past: History, made: Demand, task: Task) -> list[Row]:
    """How often reorder points held, over items bought lately."""
    items_I = np.array(history.topics.items[c.ITEM].to_pylist(), dtype=np.str_)
    later = item_sales(ibis.memtable(PUBLIC[JOURNEY]().events), history, task, items_I)
    cutoff = past.cutoff
    lately_I = later.count_IS[:, cutoff - LATELY : cutoff].any(axis=1)
    whole_IS, topic_I = later.count_IS[lately_I], later.topic_I[lately_I]
    known_IS = whole_IS[:, :cutoff]
    # In purchases: every one counts one unit, as quantities of some departments are no units.
    once = replace(
        later,
        topic_I=topic_I,
        count_IS=known_IS,
        units_I=known_IS.sum(axis=1),
        squares_I=known_IS.sum(axis=1),
    )
    count_TS = past.topic_count_TS(task.target).astype(np.float64)
    nothing_I = np.zeros(len(topic_I))
    rows = []
    for lead in LEADS:
        stock = Stock(
            items_I[lately_I], nothing_I, nothing_I, nothing_I + 7.0 * lead, nothing_I, nothing_I
        )
        held = inventory(made, count_TS, once, stock, SERVICE)
        came_I = whole_IS[:, cutoff : cutoff + lead].sum(axis=1)
        last_IS = known_IS[:, -12:]
        mean_I, deviation_I = last_IS.mean(axis=1), last_IS.std(axis=1, ddof=1)
        usual_I = np.ceil(lead * mean_I + norm.ppf(SERVICE) * np.sqrt(lead) * deviation_I)
        for model, point_I in ((OURS, held.reorder_I), ("normal", usual_I)):
            at = (JOURNEY, cutoff, Window(0, lead).name, model)
            for name, some_I in (("", point_I >= 0), ("_fast", last_IS.sum(axis=1) >= FAST)):
                lasted = float((came_I <= point_I)[some_I].mean())
                rows.append(Row(*at, f"service{name}", lasted))
                rows.append(Row(*at, f"units{name}", float(point_I[some_I].mean())))
    return rows


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """The results for people."""
    parts = ["# Demand", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for cutoff in dict.fromkeys(row.cutoff for row in rows):
        mine = [row for row in rows if row.cutoff == cutoff]
        window = mine[0].window
        parts.append(f"## Complete Journey: {cutoff} weeks known, weeks {window}")
        scored = [row for row in mine if row.metric not in (*HELD, "seconds")]
        found = {(row.model, row.metric): row.value for row in scored}
        metrics = list(dict.fromkeys(row.metric for row in scored))
        models = list(dict.fromkeys(row.model for row in scored))
        parts.append(table(("model", *metrics), ([m, *_cells(found, m, metrics)] for m in models)))
        parts.append("\n".join(verdicts(found, models)))
        held = {(row.model, row.window, row.metric): row.value for row in mine}
        leads = [Window(0, lead).name for lead in LEADS]
        body = [
            (model, *(f"{held[model, lead, metric]:.4f}" for lead in leads for metric in HELD))
            for model in (OURS, "normal")
        ]
        heads = [f"{metric}, weeks {lead}" for lead in leads for metric in HELD]
        parts.append(table(("reorder point", *heads), body))
        spent = held[OURS, ALL, "seconds"]
        parts.append(
            f"* seconds of {OURS}, fits of `boosted` to two cutoffs among them: {spent:.1f}"
        )
    return "\n\n".join(parts) + "\n"


def _cells(found: Found, model: str, metrics: Sequence[str]) -> list[str]:
    values = [found.get((model, metric)) for metric in metrics]
    return ["–" if value is None else f"{value:.4f}" for value in values]


def verdicts(found: Found, models: Sequence[str]) -> list[str]:
    """Ours beside the best peer in every error."""
    lines = []
    rivals = [model for model in models if model not in (OURS, ALONE, USERS)]
    for metric in (f"{kind}_{level}" for kind in ERRORS for level in (DEPARTMENT, "category")):
        told = {m: found[m, metric] for m in rivals if found.get((m, metric)) is not None}
        best = min(told, key=lambda model: told[model])
        wanted = "below" if metric.endswith("department") else "no worse than"
        lines.append(
            f"* wanted of {OURS}: {metric} {wanted} the best peer's, {best}'s {told[best]:.4f}; "
            f"found {found[OURS, metric]:.4f}"
        )
    return lines


def main() -> int:
    """Run, print and write; 2 without the data."""
    early = "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/demand.py", *sys.argv[1:]]))
    rows: list[Row] = []
    try:
        history = complete_journey()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    for cutoff, ahead in EARLY if early else TESTED:
        rows += ask(history, cutoff, ahead)
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "demand.json")
        (RESULTS / "demand.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
