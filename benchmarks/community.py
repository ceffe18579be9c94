"""Whether groups and affinities find planted communities and ties, and whether groups last.

    python benchmarks/community.py            the whole benchmark; writes benchmarks/results
    python benchmarks/community.py --early    other seeds and weeks, to develop on; only prints

Shapes: U users, T topics, G groups, R communities, D draws.
"""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from sklearn.preprocessing import normalize

from bench.crowds import TASK, Crowd, crowd, known, ways
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.shops import JOURNEY, SHOPS
from bench.tables import table
from bench.telling import tell
from penchant.decisions.affinity import communities, nearest, tastes
from penchant.decisions.community import Gathered, gather
from penchant.decisions.rising import LATELY
from penchant.errors import DataError
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.ledger import ALL
from penchant.interest.history import History
from penchant.models.gamma_poisson import GammaPoisson

RESULTS = ROOT / "benchmarks" / "results"
OURS = "community"
SEEDS, EARLY_SEEDS = range(10, 15), range(2)
WEEKS, EARLY_WEEKS = (13, 26, 52), (13, 26)
WITHOUT = ("stable", "noise", "drifting", "seasonal")
STABLE, EARLY_STABLE, LATER = 40, 28, 4
CAVEATS = """\
Worlds `communal`: 1,000 customers in some 25 planted communities of like taste, who follow each
other, nine times in ten within the community, and at times like what those they follow bought.
`ari` is the adjusted Rand index of the groups with the communities; `tie_auc` how well the affinity
of two customers tells a half of the follows, held out, from as many pairs of strangers. `community`
reads forecasts alone, by `gamma_poisson`; `community_likes` also ties guessed from likes;
`community_ties` the half of the follows that isn't held out. `past_counts` is the cosine of counts
by topic, `copurchase` that of items bought; their groups, too, are Louvain's on the ten nearest.
`ties_alone` is Louvain on the known half, and common neighbours; `popularity` the product of two
customers' purchases. A tie in ten is between communities and can't be told from taste.

Rising: each community has a topic that spreads from one to the next. `rising_precision` is the part
of calls (group and topic) that are the topic of the group's main community, once it had begun;
`rising_recall` the part called of those that a tenth of a community took up in the last eight
weeks; `called` the calls in worlds in which nothing rises in a group. Brackets hold the least and
the most of five seeds.

Complete Journey: `ari` is that of groups four weeks apart; `guests` the members who bought what
their group was asked to, in four weeks, over those expected, with a 95 % interval over households;
`lift` the part of those topics in what their groups bought, over that in what all bought.
"""


def planted_rows(seeds: Sequence[int], weeks: Sequence[int]) -> Iterator[Row]:
    """Communities, ties and rising topics found in planted worlds."""
    for week in weeks:
        found: dict[tuple[str, str], list[float]] = {}
        for seed in seeds:
            one = crowd("communal", seed, week)
            planted_U = one.truth.communities.community_U[one.row_U]
            came = np.repeat([1, 0], one.asked_F.shape[1])
            first, second = np.concatenate([one.asked_F, one.strangers_F], axis=1)
            for name, (group_U, score) in ways(one).items():
                if group_U is not None:
                    value = adjusted_rand_score(planted_U, group_U)
                    found.setdefault((name, "ari"), []).append(float(value))
                value = roc_auc_score(came, score(first, second))
                found.setdefault((name, "tie_auc"), []).append(float(value))
            for metric, value in risen(one).items():
                found.setdefault(("community_ties", metric), []).append(value)
            tell(f"communal, seed {seed}, week {week}")
        for (name, metric), values in found.items():
            yield spread("communal", week, name, metric, values)
    for world in WITHOUT:
        counts = []
        for seed in seeds:
            one = crowd(world, seed, max(weeks))
            made = gather(one.history, one.forecast, TASK.target)
            counts.append(float(sum(map(len, made.rising_G))))
        yield spread(world, max(weeks), OURS, "called", counts)


def spread(dataset: str, week: int, name: str, metric: str, values: list[float]) -> Row:
    """The mean over seeds, with the least and the most; what none has is left out of it."""
    told = [value for value in values if np.isfinite(value)] or [float("nan")]
    return Row(dataset, week, ALL, name, metric, float(np.mean(told)), min(told), max(told))


def risen(one: Crowd) -> dict[str, float]:
    """How well rising topics are told."""
    made = gather(one.history, one.forecast, TASK.target, known(one))
    truth, week = one.truth.communities, one.history.cutoff
    planted_U, adopted_U = truth.community_U[one.row_U], truth.adopted_step_U[one.row_U]
    topic_T = np.searchsorted(one.truth.topics_T, one.history.interest.topics_T)
    main_G = [np.bincount(planted_U[made.group_U == g]).argmax() for g in range(len(made.name_G))]
    calls = [(int(main_G[g]), int(topic_T[t])) for g, ts in enumerate(made.rising_G) for t in ts]
    begun = {
        (r, int(truth.topic_R[r])) for r in range(len(truth.topic_R)) if truth.step_R[r] < week
    }
    late_U = (adopted_U >= week - LATELY) & (adopted_U < week)
    members_R = np.bincount(planted_U)
    fresh_R = np.bincount(planted_U, weights=late_U, minlength=len(members_R)) >= 0.1 * members_R
    due = {(r, topic) for r, topic in begun if r < len(fresh_R) and fresh_R[r]}
    nan = float("nan")
    return {
        "rising_precision": float(np.mean([call in begun for call in calls])) if calls else nan,
        "rising_recall": len(due & set(calls)) / len(due) if due else nan,
    }


def journey_rows(history: History, cutoff: int) -> Iterator[Row]:
    """Groups of real households: whether they last, and whether their guests come."""
    pasts = [history.until(cutoff + later, panel=True) for later in (0, LATER)]
    made = [GammaPoisson().fit(past, TASK).predict(past) for past in pasts]
    told = {
        OURS: [tastes(one) for one in made],
        "past_counts": [
            normalize(past.interest.count_UT(TASK.target, 0, past.cutoff)) for past in pasts
        ],
    }
    known_U = np.diff(pasts[0].interest.start_U) > 0
    for name, (early_UT, late_UT) in told.items():
        groups = [communities(nearest(taste_UT[known_U])) for taste_UT in (early_UT, late_UT)]
        value = float(adjusted_rand_score(*groups))
        yield Row(JOURNEY, cutoff, f"1-{LATER}", name, "ari", value)
        yield Row(JOURNEY, cutoff, f"1-{LATER}", name, "groups", float(groups[0].max() + 1))
    yield from guest_rows(history, gather(pasts[0], made[0], TASK.target), cutoff)


def guest_rows(history: History, found: Gathered, cutoff: int) -> Iterator[Row]:
    """Guests over those expected, and lift, of the topics that groups are asked to."""
    count_UT = history.interest.count_UT(TASK.target, cutoff, cutoff + LATER)
    inside = np.flatnonzero(found.group_U >= 0)
    topic_U = found.asked_G[found.group_U[inside]]
    came_U, told_U = count_UT[inside, topic_U] > 0, found.forecast.chance_UTW[inside, topic_U, 0]
    weight_DU = draw_weights(len(inside))
    ratio_D = weight_DU @ came_U / (weight_DU @ told_U)
    at = (JOURNEY, cutoff, f"1-{LATER}", OURS)
    yield Row(*at, "guests", float(came_U.sum() / told_U.sum()), *interval(ratio_D))
    part_U, whole_U = count_UT[inside, topic_U], count_UT[inside].sum(axis=1)
    shop_T = count_UT.sum(axis=0) / count_UT.sum()
    usual_U = whole_U * shop_T[topic_U]
    lift_D = weight_DU @ part_U / (weight_DU @ usual_U)
    yield Row(*at, "lift", float(part_U.sum() / usual_U.sum()), *interval(lift_D))


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """The results for people."""
    parts = ["# Community", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for dataset, week in dict.fromkeys((row.dataset, row.cutoff) for row in rows):
        mine = [row for row in rows if (row.dataset, row.cutoff) == (dataset, week)]
        metrics = list(dict.fromkeys(row.metric for row in mine))
        found = {(row.model, row.metric): row for row in mine}
        models = dict.fromkeys(row.model for row in mine)
        body = [(name, *(_shown(found.get((name, m))) for m in metrics)) for name in models]
        parts += [f"## {dataset}: {week} weeks known", table(("model", *metrics), body)]
    return "\n\n".join(parts) + "\n"


def _shown(row: Row | None) -> str:
    if row is None or row.value is None or not np.isfinite(row.value):
        return "–"
    if row.low is None or row.high is None:
        return f"{row.value:.4g}"
    return f"{row.value:.4f} [{row.low:.4f}, {row.high:.4f}]"


def main() -> int:
    """Run, print and write; 2 without the data."""
    start, early = time.perf_counter(), "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/community.py", *sys.argv[1:]]))
    try:
        history = SHOPS[JOURNEY].load()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    rows = list(journey_rows(history, EARLY_STABLE if early else STABLE))
    del history
    rows += planted_rows(*((EARLY_SEEDS, EARLY_WEEKS) if early else (SEEDS, WEEKS)))
    spent = time.perf_counter() - start
    about.append(f"took {spent / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    if not early:
        rows.append(Row("script", "mean", "all", "community", "seconds", spent))
        write_rows(rows, RESULTS / "community.json")
        (RESULTS / "community.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
