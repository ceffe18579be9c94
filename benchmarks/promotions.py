"""Who redeems which coupon on campaigns held out; what can't be called uplift; what promotions do.

    python benchmarks/promotions.py            the whole benchmark; writes benchmarks/results
    python benchmarks/promotions.py --early    the campaigns of August, to develop on; only prints

Everything is known up to the day that the first held-out campaign begins, and of each of these, up
to its own first day. Shapes: U households, O offers of a campaign, N pairs, D draws, F features.
"""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np

from bench.journeycampaigns import journey_record
from bench.machine import ROOT, setting
from bench.rows import MEAN, Row, write_rows
from bench.tables import table
from bench.telling import tell
from penchant import columns as c
from penchant.data.journey import journey_panel
from penchant.decisions.campaigns import Offers
from penchant.decisions.offersignals import Grid
from penchant.decisions.panel import Panel, PanelEffect, panel_effects, topic_panel
from penchant.decisions.promotions import judge
from penchant.decisions.record import LEAST_STEPS, Record, forecasts
from penchant.decisions.response import Lesson, Response
from penchant.errors import DataError
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.interest.task import Task, Window
from penchant.models.gamma_poisson import GammaPoisson

RESULTS = ROOT / "benchmarks" / "results"
JOURNEY, OURS = "complete_journey", "response"
SPLIT, EARLY_SPLIT, EARLY_END = "2017-09-01", "2017-08-01", "2017-09-01"
TASK = Task(windows=(Window(0, 4), Window(4, 8)))
PLAIN = (
    *("trips", "trips_faded", "trips_lately", "since", "gap", "due", "covers", "sold"),
    *("sold_each", "offers", "days", "purchases_lately", "spend_lately", "baskets_lately"),
)  # what boosted trees alone read: no forecast, no prices, no earlier campaigns
K = 10
LEAST_WEEKS = 20  # of the year, in which a store sold a product of the panel
CAVEATS = """\
Campaigns that began on or after 1 September 2017 are held out; the last two or three run past the
data's end, so some of their redemptions aren't known. `average_precision` ranks all pairs of a
household that was sent a campaign and an offer of it; `ndcg_10` ranks a campaign's coupons for each
household that redeemed one. Households of Type A campaigns got sixteen of some two hundred coupons,
chosen for them by their purchases, and the data don't say which: all are ranked. `calibration` is
redemptions expected over those that came. `popularity` is what was sold lately of what an offer
covers, and of campaigns, how often ones of their type were heeded; `repeat_cadence` the trips to
expect by a household's own gaps; `boosted_alone` LightGBM, as shallow as ours, on counts,
recency, cadence and what an offer is. Ours adds the forecast (`gamma_poisson`, fitted twice, never
later than what it forecasts), price sensitivity and earlier campaigns, and blends trees with a
logistic model. It was developed on campaigns before September (`--early`). Brackets hold 95 %
intervals over households.
"""


@dataclass(frozen=True)
class Scored:
    """What a model says of every held-out pair."""

    name: str
    score: list[np.ndarray]  # UO, by campaign


def seconds(day: str) -> int:
    """The first second of a day."""
    return int(np.datetime64(day, "s").astype(np.int64))


def cadence(grid: Grid) -> np.ndarray:
    """Trips to expect by a household's own gaps, fading once two were missed."""
    days, since = grid.column("days"), grid.column("since")
    gap = np.where(np.isfinite(grid.column("gap")), np.maximum(grid.column("gap"), 1), 4 * since)
    return np.asarray(days / gap * 0.5 ** np.maximum(since / gap - 2, 0))


def alone(lessons: Sequence[Lesson]) -> lgb.LGBMClassifier:
    """Boosted trees, as shallow as ours: deeper ones learn so few redemptions by heart."""
    value_NF = np.concatenate([plain(lesson.grid) for lesson in lessons])
    taken_N = np.concatenate([lesson.taken_UO.ravel() for lesson in lessons])
    ours = Response()
    trees = lgb.LGBMClassifier(
        n_estimators=ours.rounds,
        learning_rate=ours.learning_rate,
        num_leaves=ours.leaves,
        min_child_samples=ours.least_leaf,
        reg_lambda=10.0,
        n_jobs=1,
        verbose=-1,
        random_state=0,
    )
    return trees.fit(value_NF, taken_N)


def plain(grid: Grid) -> np.ndarray:
    """The plain features, a row a pair."""
    at_F = [grid.names_F.index(name) for name in PLAIN]
    return grid.feature_UOF[:, :, at_F].reshape(-1, len(PLAIN))


def scored(learned: list[Lesson], held: list[Lesson], popular: str) -> list[Scored]:
    """Every model's scores."""
    ours, trees = Response().fit(learned), alone(learned)
    tell("fitted")
    grids = [lesson.grid for lesson in held]
    shape = [lesson.taken_UO.shape for lesson in held]
    flat = [trees.predict_proba(plain(grid))[:, 1] for grid in grids]
    by_trees = [part.reshape(at) for part, at in zip(flat, shape, strict=True)]
    return [
        Scored(OURS, [ours.chance(grid) for grid in grids]),
        Scored(
            "boosted_alone", [part.reshape(at) for part, at in zip(by_trees, shape, strict=True)]
        ),
        Scored("repeat_cadence", [cadence(grid) for grid in grids]),
        Scored("popularity", [grid.column(popular) for grid in grids]),
    ]


def precision(score_N: np.ndarray, taken_N: np.ndarray, weight_DN: np.ndarray) -> np.ndarray:
    """Average precision under each draw's weights; ties count together."""
    order = np.argsort(-score_N, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score_N[order])), len(order) - 1)
    hit_N, found = taken_N[order], []
    for weight_N in weight_DN:
        ranked_N = weight_N[order]
        hits, all_of = np.cumsum(ranked_N * hit_N)[last], np.cumsum(ranked_N)[last]
        share = np.divide(hits, all_of, out=np.zeros_like(hits), where=all_of > 0)
        found.append(float((np.diff(hits, prepend=0) * share).sum() / hits[-1]))
    return np.array(found)


def ndcg(score_UO: np.ndarray, taken_UO: np.ndarray) -> np.ndarray:
    """NDCG@10 of each row, NaN for one without a redemption."""
    order = np.argsort(-score_UO, axis=1, kind="stable")[:, :K]
    gain = 1 / np.log2(np.arange(K) + 2)
    hit = np.take_along_axis(taken_UO, order, axis=1)
    best = np.cumsum(gain)[np.minimum(taken_UO.sum(axis=1), K) - 1]
    return np.where(taken_UO.any(axis=1), (hit * gain[: hit.shape[1]]).sum(axis=1) / best, np.nan)


def response_rows(record: Record, what: str, offers: Offers, early: bool) -> list[Row]:
    """Every metric of every model, and ours less each peer's."""
    split = seconds(EARLY_SPLIT if early else SPLIT)
    end = seconds(EARLY_END) if early else int(record.past.time_N.max())
    codes = record.learnable(end)
    start_C = record.campaigns.start_C
    made = forecasts(record, GammaPoisson(), TASK, start_C[codes].tolist())
    lessons = {
        code: record.lesson(
            code,
            made[int(start_C[code])],
            offers,
            split if start_C[code] < split else None,
        )
        for code in codes
    }
    learned = [lesson for code, lesson in lessons.items() if start_C[code] < split]
    held = [lesson for code, lesson in lessons.items() if start_C[code] >= split]
    tell(f"{what}: {len(learned)} campaigns learned from, {len(held)} held out")
    found = scored(learned, held, "sold" if what == "coupons" else "kind_rate")
    return measured(what, found, held)


def measured(what: str, found: list[Scored], held: list[Lesson]) -> list[Row]:
    """Rows of scores, with intervals from households drawn anew, the same for all."""
    users = np.concatenate([lesson.grid.users_U for lesson in held])
    names_H, of_U = np.unique(users, return_inverse=True)
    wide = [lesson.taken_UO.shape[1] for lesson in held for _ in lesson.grid.users_U]
    draw_DU = np.vstack([np.ones(len(names_H)), draw_weights(len(names_H))])[:, of_U]
    draw_DN = np.repeat(draw_DU, wide, axis=1).astype(np.float32)
    taken_N = np.concatenate([lesson.taken_UO.ravel() for lesson in held])
    told: dict[tuple[str, str], np.ndarray] = {}
    rows = [Row(what, MEAN, "all", "all", "redemptions", float(taken_N.sum()))]
    for one in found:
        score_N = np.concatenate([part.ravel() for part in one.score])
        told[one.name, "average_precision"] = precision(score_N, taken_N, draw_DN)
        if what == "coupons":
            parts = zip(one.score, held, strict=True)
            each_U = np.concatenate([ndcg(score, lesson.taken_UO) for score, lesson in parts])
            kept_U = np.isfinite(each_U)
            weight_DU = draw_DU[:, kept_U]
            told[one.name, f"ndcg_{K}"] = weight_DU @ each_U[kept_U] / weight_DU.sum(axis=1)
        if one.name in (OURS, "boosted_alone"):
            told[one.name, "calibration"] = np.array([score_N.sum() / taken_N.sum()])
        tell(f"{what}: {one.name} scored")
    for (name, metric), value_D in told.items():
        rows.append(Row(what, MEAN, "all", name, metric, value_D[0], *interval(value_D[1:])))
        if name != OURS and metric != "calibration":
            apart_D = told[OURS, metric] - value_D
            pair = f"{OURS} - {name}"
            rows.append(Row(what, MEAN, "all", pair, metric, apart_D[0], *interval(apart_D[1:])))
    return rows


def verdict_rows(record: Record) -> list[Row]:
    """What every campaign that is over would seem to have added, and the window before as well."""
    known = int(record.past.time_N.max()) + 1
    record = replace(record, offers=record.offers.whole())
    start_C, end_C = record.campaigns.start_C, record.campaigns.end_C
    codes = record.learnable(known)
    moments = [*start_C[codes].tolist(), *(2 * start_C[codes] - end_C[codes]).tolist()]
    asked = [moment for moment in moments if record.cutoff(moment) >= LEAST_STEPS]
    judged = judge(record, forecasts(record, GammaPoisson(), TASK, asked), known)
    told = [one for one in judged if one.verdict is not None]
    rows = [
        Row("campaigns", MEAN, "all", "refutation", "judged", float(len(told))),
        Row("campaigns", MEAN, "all", "refutation", "passed", float(sum(one.ok for one in told))),
    ]
    for one in told:
        verdict, trial, code = one.verdict, one.trial, one.campaign
        assert verdict is not None
        assert trial is not None
        name, spans = f"campaign_{record.campaigns.names_C[code]}", (start_C[code], end_C[code])
        early = 2 * spans[0] - spans[1]
        sent_U, other_U = record.compared(code)
        for window, span in (("before", (early, spans[0])), ("during", spans)):
            means = [record.spent(users, *map(int, span)).mean() for users in (sent_U, other_U)]
            known_then = record.cutoff(int(span[0])) >= LEAST_STEPS
            raw = float(means[0] - means[1]) if known_then else None
            rows.append(Row("campaigns", MEAN, "all", name, f"raw_{window}", raw))
        sides = {"during": (verdict.effect, verdict.error)}
        sides |= {"before": (verdict.before, verdict.before_error)}
        for window, (effect, error) in sides.items():
            ends = effect - 1.96 * error, effect + 1.96 * error
            rows.append(Row("campaigns", MEAN, "all", name, f"adjusted_{window}", effect, *ends))
        tell(f"{name}: {'passed' if one.ok else one.reason}")
    return rows


def panel_rows(record: Record) -> list[Row]:
    """What mailers and displays do to the log of units, and their placebo leads."""
    panel = journey_panel(LEAST_WEEKS)
    item_N, store_N = (
        np.unique(panel[name].to_numpy(), return_inverse=True)[1] for name in (c.ITEM, c.STORE)
    )
    names = (c.MAILER, c.DISPLAY)
    shown = [panel[name].to_numpy(zero_copy_only=False).astype(float) for name in names]
    thing_N = item_N * (int(store_N.max()) + 1) + store_N
    sold_N = np.log1p(panel[c.QUANTITY].to_numpy())
    stores = Panel(
        thing_N, panel[c.STEP].to_numpy(), item_N, sold_N, np.stack(shown, axis=1), names
    )
    rows = [row for effect in panel_effects(stores) for row in _effect_rows("stores", effect)]
    topics = topic_panel(record.history, ("purchase",))
    if topics is not None:
        rows += _effect_rows("topics", panel_effects(topics)[0])
    return rows


def _effect_rows(dataset: str, effect: PanelEffect) -> list[Row]:
    found = []
    for metric, value, error in (
        ("effect", effect.effect, effect.error),
        ("placebo_lead", effect.lead, effect.lead_error),
    ):
        ends = value - 1.96 * error, value + 1.96 * error
        found.append(Row(dataset, MEAN, "all", effect.name, metric, value, *ends))
    return found


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    parts = ["# Promotions", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for what in ("coupons", "campaigns_heeded"):
        mine = [row for row in rows if row.dataset == what]
        metrics = list(dict.fromkeys(row.metric for row in mine[1:]))
        value = {(row.model, row.metric): row for row in mine}
        models = dict.fromkeys(row.model for row in mine[1:])
        parts.append(f"## {what}: {mine[0].value:,.0f} redeemed")
        body = [
            (name, *(_shown(value.get((name, metric))) for metric in metrics)) for name in models
        ]
        parts.append(table(("model", *metrics), body))
    mine = [row for row in rows if row.dataset == "campaigns"]
    told = {(row.model, row.metric): row for row in mine[2:]}
    sides = [f"{kind}_{window}" for kind in ("raw", "adjusted") for window in ("before", "during")]
    body = [
        (name, *(_shown(told.get((name, side)), 1) for side in sides))
        for name in dict.fromkeys(place[0] for place in told)
    ]
    parts.append("## Spend of who was sent a campaign, less that of who wasn't")
    parts.append(table(("campaign", *sides), body))
    parts.append("\n".join(f"* {row.metric}: {row.value:.0f}" for row in mine[:2]))
    parts.append("## What promotions do to the log of units")
    body = [
        (f"{row.dataset}: {row.model}", row.metric, _shown(row))
        for row in rows
        if row.dataset in ("stores", "topics")
    ]
    parts.append(table(("panel", "metric", "value"), body))
    return "\n\n".join(parts) + "\n"


def _shown(row: Row | None, digits: int = 4) -> str:
    if row is None or row.value is None or not np.isfinite(row.value):
        return "–"
    text = f"{row.value:.{digits}f}"
    if row.low is None or not np.isfinite(row.low):
        return text
    return f"{text} [{row.low:.{digits}f}, {row.high:.{digits}f}]"


def main() -> int:
    """Run, print and write; 2 without the data."""
    start, early = time.perf_counter(), "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/promotions.py", *sys.argv[1:]]))
    try:
        record = journey_record()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    tell(f"{len(record.campaigns.names_C)} campaigns")
    rows = response_rows(record, "coupons", record.offers, early)
    rows += response_rows(record, "campaigns_heeded", record.offers.whole(), early)
    rows += [] if early else verdict_rows(record)
    rows += panel_rows(record)
    about.append(f"took {(time.perf_counter() - start) / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "promotions.json")
        (RESULTS / "promotions.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
