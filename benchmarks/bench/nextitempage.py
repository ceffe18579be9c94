"""The page of next items: goals, a table of each question beside what others published, caveats."""

from collections.abc import Sequence

from bench.goals import Goal
from bench.nextitemdata import BEAUTY, TOYS
from bench.rows import Rows
from bench.tables import NOTHING, goal_table, shown, table
from penchant import columns as c
from penchant.evaluation.ledger import ALL

LAST, BEFORE_LAST = 1, 2  # which event from the end was left out, as the rows' cutoff
DATED = "_dated"  # what a data set is called where it is cut at a date
HIT, NDCG, SECONDS = "hit_rate_10", "ndcg_10", "seconds"
NEXT, FUTURE = "next", "future"
OURS, MIXED = "sequence", "sequence_and_item_knn"
GOALS = tuple(
    Goal(OURS, metric, ALL, least=least, dataset=dataset, cutoff=LAST)
    for dataset, bounds in ((BEAUTY, (0.0928, 0.0531)), (TOYS, (0.0970, 0.0580)))
    for metric, least in zip((HIT, NDCG), bounds, strict=True)
) + tuple(
    Goal(OURS, SECONDS, ALL, most=3600.0, dataset=dataset, cutoff=LAST)
    for dataset in (BEAUTY, TOYS)
)
# As published, on the same sequences and by the same protocol; not run here.
PUBLISHED = {
    BEAUTY: {
        "SASRec, as first reported": (0.0605, 0.0318),
        "S3-Rec": (0.0647, 0.0327),
        "TIGER": (0.0648, 0.0384),
        "HSTU, recomputed by others": (0.0788, 0.0439),
        "SASRec with sampled softmax": (0.0921, 0.0531),
        "eSASRec": (0.0928, 0.0523),
    },
    TOYS: {
        "SASRec, as first reported": (0.0675, 0.0374),
        "S3-Rec": (0.0700, 0.0376),
        "TIGER": (0.0712, 0.0432),
        "HSTU, recomputed by others": (0.0778, 0.0450),
        "SASRec with sampled softmax": (0.0970, 0.0580),
        "eSASRec": (0.0939, 0.0538),
    },
}
CAVEATS = (
    "Settings were chosen by the event before the last one, of Beauty, undated: about ten were "
    "tried. Nothing was tuned on Toys, or at a date: neither the dense variant's 90 days nor the "
    "gaps of the timed one. Every model is trained once, from one seed.",
    "All models learn from all but the last two events of each user, and are then told the event "
    "before the last. What a user had is left out of the ranking; in these data nobody has an "
    "item twice.",
    "Leave-one-out lets a model learn from what others did after the day it is asked about. "
    "Cut at a date it can't; there scores are lower, and what was popular lately counts.",
    "Sequences carry no dates in the first two tables, so that order alone is used, as by those "
    "published.",
    "The mixture's share of neighbours is chosen by the event before the last, of each data set.",
    "Intervals are 95 % over users (normal approximation) at fixed data and seed.",
    "Seconds are wall-clock for the fit, on one thread of a machine that others used at the same "
    "time.",
)


def page(about: Sequence[str], rows: Rows) -> str:
    """The whole page in Markdown, from lines about how it was made."""
    parts = ["# The next item", "\n".join(f"* {line}" for line in about)]
    parts += ["## Goals", goal_table(rows, GOALS)]
    for name in (BEAUTY, TOYS):
        if rows.values(name, LAST, c.MODEL):
            parts += [f"## {name}: the last event", last_table(rows, name)]
        if rows.values(name, BEFORE_LAST, c.MODEL):
            parts += [f"## {name}: the event before, by which settings are chosen"]
            parts += [plain_table(rows, (name, BEFORE_LAST), (HIT, NDCG, SECONDS))]
    for dataset, cutoff in dict.fromkeys((row.dataset, row.cutoff) for row in rows):
        if dataset.endswith(DATED):
            name = dataset.removesuffix(DATED)
            parts += [f"## {name}: cut where {cutoff} % of the events have passed"]
            metrics = [f"{what}_{metric}" for what in (NEXT, FUTURE) for metric in (HIT, NDCG)]
            parts += [plain_table(rows, (dataset, cutoff), (*metrics, SECONDS))]
    parts += ["## Caveats", "\n".join(f"* {caveat}" for caveat in CAVEATS)]
    return "\n\n".join(parts) + "\n"


def last_table(rows: Rows, name: str) -> str:
    """What was found beside what others published."""
    metrics = (HIT, NDCG, SECONDS)
    body = lines(rows, (name, LAST), metrics)
    for model, values in PUBLISHED[name].items():
        body.append((f"{model} (published)", *(f"{value:.4f}" for value in values), NOTHING))
    return table(("model", *metrics), body)


def plain_table(rows: Rows, at: tuple[str, int | str], metrics: Sequence[str]) -> str:
    """A line a model, a column a metric."""
    return table(("model", *metrics), lines(rows, at, metrics))


def lines(rows: Rows, at: tuple[str, int | str], metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """The lines of a table."""
    models = rows.values(*at, c.MODEL)
    return [(model, *(shown(rows.find(*at, ALL, model, m)) for m in metrics)) for model in models]
