"""What segments tell of the weeks that follow: stages beside RFM, interests beside past shares.

    python benchmarks/segments.py            the whole benchmark; writes benchmarks/results
    python benchmarks/segments.py --early    the same four weeks earlier, to develop on; only prints

Means and orders of groups are learned twelve weeks before they are asked for. Forecasts are kept in
benchmarks/.cells, so that a run that was stopped goes on.
Shapes: U users, T topics, D draws, G groups, F features.
"""

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.metrics import adjusted_rand_score

from bench.grouped import RFM, kmeans, past_counts, rfm_features, rfm_names, rfm_scaled
from bench.keptforecast import kept_forecast
from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.segmentpage import page
from bench.shops import JOURNEY, complete_journey
from bench.telling import tell
from penchant.churning import better
from penchant.decisions.lifecycle import STAGES, Lifecycle, Stages
from penchant.decisions.segments import Segmenting
from penchant.decisions.whole import whole
from penchant.errors import DataError
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import rows_of
from penchant.interest.outcome import outcome, spend
from penchant.interest.task import Task, Window
from penchant.models.boosted import Boosted

RESULTS = ROOT / "benchmarks" / "results"
TASK = Task()
AHEAD = TASK.horizon
ALL_AHEAD = Task(windows=(Window(0, AHEAD),))
TESTED, EARLY, LATELY = 40, 36, 4  # weeks known; weeks earlier, that stability is asked over
OURS, OWN = "stages", "expected_spend"
PEERS = ("rfm_names", "rfm_kmeans", "rfm_kmeans_log")
MAPS = ("segments", "kmeans_shares", "nmf", "lda")
FIXED = 8  # groups, beside the number that is stable
PAIRS = 2  # of resamples
CAVEATS = """\
`spend_r2` is the share of the variance of spend in the next 12 weeks that lies between groups;
`spend_r2_ahead` is what is explained if each group's mean of 12 weeks earlier is expected of it.
`expected_spend` is each customer's own number in the sheet, and no grouping. `weeks_r2` is the same
as `spend_r2` for weeks with a purchase. `halved_auc` ranks groups, in the order learned 12 weeks
earlier, by whether spend falls to half of the last 12 weeks' or less; `less_auc` and `more_auc` by
whether purchases fall below 0.8 or rise above 1.25 times the usual level, that of the last 24
weeks, among customers known for longer than 12. That level is one of the stages' own measures, so
these two suit stages better than RFM, as spend suits RFM better. RFM is of the last 24 weeks: weeks
since the last purchase, weeks with one, and spend. Its names, by quintiles of the first two, are
ten of the usual eleven, since here everyone has bought; k-means, on all three, scaled or scaled
logarithms, has as many groups as there are stages.

In the tables of interests, `gain` is the log-likelihood of a purchase of the next 12 weeks under
the pooled shares of the customer's group, less that under the shop's; `again` is the adjusted Rand
index of groups found in two resamples of customers; `weeks_4` and `weeks_12` that of groups found 4
and 12 weeks earlier. Segments pool the forecast, the others purchases until the cutoff. Forecasts
are `boosted` ones, made at each cutoff. Thresholds, and the distance between customers, were chosen
at 28 to 36 weeks known. The time above leaves out forecasts that an earlier run kept. Brackets hold
95 % intervals over customers.
"""


@dataclass(frozen=True)
class Known:
    """What one cutoff has: the past, the forecast, and what came of it."""

    past: History
    made: Forecast
    stages: Stages
    counts_UT: np.ndarray  # purchases that followed
    spend_U: np.ndarray
    weeks_U: np.ndarray  # with a purchase
    before_U: np.ndarray  # spend of as many weeks before

    @property
    def usual_U(self) -> np.ndarray:
        """Purchases in as many weeks, at the usual level."""
        return self.stages.usual.mean_U

    @property
    def seen_U(self) -> np.ndarray:
        """Whether a customer has been known for long enough to have a level."""
        return self.stages.usual.first_U < self.past.cutoff - AHEAD


def known_at(history: History, cutoff: int) -> Known:
    """Forecast at a cutoff, and look up what followed."""
    start, past = time.perf_counter(), history.until(cutoff)
    made = kept_forecast(Boosted(), past, TASK)
    activity = whole(past)
    visits = better(activity, ALL_AHEAD).fit(activity, ALL_AHEAD).predict(activity)
    users_U = past.interest.users_U
    mine = past.interest
    late_N = np.maximum(mine.money_N, 0) * (mine.step_N >= cutoff - AHEAD)
    tell(f"{cutoff}: forecast in {time.perf_counter() - start:.0f} s")
    return Known(
        past=past,
        made=made,
        stages=Lifecycle().stages(past, made, visits, TASK.target),
        counts_UT=outcome(history, users_U, cutoff, ALL_AHEAD).count_UTW[:, :, 0],
        spend_U=spend(history, users_U, cutoff, ALL_AHEAD)[:, 0].astype(np.float64),
        weeks_U=outcome(whole(history), users_U, cutoff, ALL_AHEAD).count_UTW[:, 0, 0],
        before_U=np.bincount(mine.user_N, weights=late_N, minlength=len(users_U)),
    )


def groupings(then: Known, now: Known) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Codes of each grouping then and now, and how many groups it has."""
    features = [rfm_features(one.past) for one in (then, now)]
    found = {
        OURS: (then.stages.stage_U, now.stages.stage_U, len(STAGES)),
        PEERS[0]: (rfm_names(features[0]), rfm_names(features[1]), len(RFM)),
    }
    for name, told in ((PEERS[1], features), (PEERS[2], [np.log1p(one) for one in features])):
        scale = rfm_scaled(told[0])
        fitted = kmeans(scale(told[0]), len(STAGES))
        found[name] = (*(fitted.predict(scale(one)) for one in told), len(STAGES))
    return found


Value = Callable[[np.ndarray], float]  # of weights of users


def measures(then: Known, now: Known) -> dict[tuple[str, str], Value]:
    """Every metric of every grouping, as a function of users' weights."""
    found: dict[tuple[str, str], Value] = {}
    for name, (then_U, now_U, groups) in groupings(then, now).items():
        found[name, "spend_r2"] = between(now_U, now.spend_U, groups)
        mean_U = learned(then_U, then.spend_U, np.ones(len(then_U), bool), groups)[now_U]
        found[name, "spend_r2_ahead"] = explained(mean_U, now.spend_U)
        found[name, "weeks_r2"] = between(now_U, now.weeks_U, groups)
        for metric, (event_of, asked_of) in EVENTS.items():
            rate_G = learned(then_U, event_of(then), asked_of(then), groups)
            asked_U = asked_of(now)
            found[name, metric] = ranked(rate_G[now_U], event_of(now), asked_U)
    own_U = now.stages.spend_U
    assert own_U is not None
    found[OWN, "spend_r2_ahead"] = explained(own_U, now.spend_U)
    return found


EVENTS: dict[str, tuple[Callable[[Known], np.ndarray], Callable[[Known], np.ndarray]]] = {
    "halved_auc": (lambda one: one.spend_U <= one.before_U / 2, lambda one: one.before_U > 0),
    "less_auc": (
        lambda one: one.counts_UT.sum(axis=1) < 0.8 * one.usual_U,
        lambda one: one.seen_U,
    ),
    "more_auc": (
        lambda one: one.counts_UT.sum(axis=1) > 1.25 * one.usual_U,
        lambda one: one.seen_U,
    ),
}
METRICS = ("spend_r2", "spend_r2_ahead", "weeks_r2", *EVENTS)


def learned(group_U: np.ndarray, value_U: np.ndarray, asked_U: np.ndarray, groups: int):
    """Mean of each group then; everybody's for a group that had nobody."""
    size_G = np.bincount(group_U[asked_U], minlength=groups)
    sum_G = np.bincount(group_U[asked_U], weights=value_U[asked_U], minlength=groups)
    return np.where(size_G > 0, sum_G / np.maximum(size_G, 1), value_U[asked_U].mean())


def between(group_U: np.ndarray, value_U: np.ndarray, groups: int) -> Value:
    """Share of the variance between groups."""

    def value(weight_U: np.ndarray) -> float:
        size_G = np.bincount(group_U, weights=weight_U, minlength=groups)
        sum_G = np.bincount(group_U, weights=weight_U * value_U, minlength=groups)
        mean = sum_G.sum() / size_G.sum()
        apart_G = size_G * (sum_G / np.maximum(size_G, 1e-9) - mean) ** 2
        return float(apart_G.sum() / (weight_U * (value_U - mean) ** 2).sum())

    return value


def explained(expected_U: np.ndarray, value_U: np.ndarray) -> Value:
    """1 less the squared error over that of the mean."""

    def value(weight_U: np.ndarray) -> float:
        mean = (weight_U * value_U).sum() / weight_U.sum()
        error = (weight_U * (value_U - expected_U) ** 2).sum()
        return float(1 - error / (weight_U * (value_U - mean) ** 2).sum())

    return value


def ranked(rate_U: np.ndarray, event_U: np.ndarray, asked_U: np.ndarray) -> Value:
    """Area under the curve of an event, by groups' rates; ties count half."""
    code_U = np.unique(rate_U, return_inverse=True)[1]

    def value(weight_U: np.ndarray) -> float:
        some_U = weight_U * asked_U
        came_G, not_G = (
            np.bincount(code_U, weights=some_U * sort_U, minlength=code_U.max() + 1)
            for sort_U in (event_U, ~event_U)
        )
        below_G = np.cumsum(not_G) - not_G / 2
        return float((came_G * below_G).sum() / (came_G.sum() * not_G.sum()))

    return value


def stage_rows(at: tuple[str, int, str], then: Known, now: Known) -> list[Row]:
    """Metrics of stages and RFM, and stages less each peer."""
    found, users = measures(then, now), len(now.spend_U)
    draw_DU, once_U = draw_weights(users), np.ones(users)
    drawn = {key: np.array([value(one_U) for one_U in draw_DU]) for key, value in found.items()}
    rows = [Row(*at, *key, value(once_U), *interval(drawn[key])) for key, value in found.items()]
    for peer in PEERS:
        for metric in METRICS:
            apart = found[OURS, metric](once_U) - found[peer, metric](once_U)
            ends = interval(drawn[OURS, metric] - drawn[peer, metric])
            rows.append(Row(*at, f"{OURS} - {peer}", metric, apart, *ends))
    for place, stage in enumerate(STAGES):
        mine_U = now.stages.stage_U == place
        if mine_U.any():
            rows += _stage(at, stage, now, mine_U)
    return rows


def _stage(at: tuple[str, int, str], stage: str, now: Known, mine_U: np.ndarray) -> list[Row]:
    """What was said of a stage, and what came."""
    usual = now.usual_U[mine_U].sum()
    told = {
        "customers": mine_U.sum(),
        "expected_over_usual": now.stages.ahead.mean[mine_U].sum() / usual,
        "came_over_usual": now.counts_UT[mine_U].sum() / usual,
        "none": (now.weeks_U[mine_U] == 0).mean(),
        "spend": now.spend_U[mine_U].mean(),
    }
    model = "stage_" + stage.replace(" ", "_").replace("-", "_")
    return [Row(*at, model, name, float(value)) for name, value in told.items()]


Found = tuple[Callable[[Known], np.ndarray], np.ndarray]  # who is in which group; pooled shares


def mapped(name: str, number: int, one: Known, row_U: np.ndarray, seed: int) -> Found:
    """Groups of interest found in some rows of a cutoff."""
    counts_UT = past_counts(one.past)
    if name == "segments":
        recipe = Segmenting(
            numbers=(number,), some_agreement=-1, halvings=1, least=1, least_share=0, seed=seed
        )
        fitted = recipe.fit(one.made.only(row_U))
        return lambda asked: fitted.assign(asked.made), one.made.ahead_UT()
    if name == "kmeans_shares":
        model = kmeans(_shares(counts_UT)[row_U], number, seed)
        return lambda asked: model.predict(_shares(past_counts(asked.past))), counts_UT
    if name == "nmf":
        model = NMF(number, init="nndsvda", max_iter=400, random_state=seed)
    else:
        model = LatentDirichletAllocation(number, max_doc_update_iter=20, random_state=seed)
    model.fit(csr_array(counts_UT)[row_U])
    return lambda asked: model.transform(csr_array(past_counts(asked.past))).argmax(
        axis=1
    ), counts_UT


def _shares(counts_UT: np.ndarray) -> np.ndarray:
    return counts_UT / np.maximum(counts_UT.sum(axis=1, keepdims=True), 1)


def map_rows(at: tuple[str, int, str], number: int, moments: dict[int, Known]) -> list[Row]:
    """Metrics of groups of interest, of one number."""
    now, cutoff = moments[at[1]], at[1]
    users = len(now.made.users_U)
    draw_DU, rows, gains = draw_weights(users), [], {}
    random = np.random.default_rng(0)
    resamples = [[random.choice(users, users) for _ in range(2)] for _ in range(PAIRS)]
    for name in MAPS:
        tell(f"{number} groups by {name}")
        who, pooled_UT = mapped(name, number, now, np.arange(users), 0)
        group_U = who(now)
        gains[name] = gain_U(group_U, pooled_UT, now, number)
        again = [
            adjusted_rand_score(*(mapped(name, number, now, row_U, k)[0](now) for row_U in pair))
            for k, pair in enumerate(resamples)
        ]
        label = f"{name}_{number}"
        rows.append(Row(*at, label, "gain", *_gain(gains[name], now, draw_DU)))
        rows.append(Row(*at, label, "again", float(np.mean(again))))
        for weeks in (LATELY, AHEAD):
            then = moments[cutoff - weeks]
            codes = mapped(name, number, then, np.arange(len(then.made.users_U)), 0)[0](then)
            row_U = rows_of(then.made.users_U, now.made.users_U)
            value = adjusted_rand_score(codes, group_U[row_U])
            rows.append(Row(*at, label, f"weeks_{weeks}", float(value)))
    for peer in MAPS[1:]:
        value = _gain(gains[MAPS[0]] - gains[peer], now, draw_DU)
        rows.append(Row(*at, f"{MAPS[0]}_{number} - {peer}_{number}", "gain", *value))
    return rows


def gain_U(group_U: np.ndarray, pooled_UT: np.ndarray, now: Known, number: int) -> np.ndarray:
    """Log-likelihood of each customer's next purchases by the group's shares, less the shop's."""
    shop_T = past_counts(now.past).sum(axis=0) + 1e-3
    shop_T = shop_T / shop_T.sum()
    sum_GT = np.stack([pooled_UT[group_U == group].sum(axis=0) for group in range(number)])
    share_GT = sum_GT + 50 * shop_T  # so that no topic is impossible
    share_GT /= share_GT.sum(axis=1, keepdims=True)
    return (now.counts_UT * np.log(share_GT / shop_T)[group_U]).sum(axis=1)


def _gain(gain_U: np.ndarray, now: Known, draw_DU: np.ndarray) -> tuple[float, float, float]:
    """A purchase's, with its interval over customers."""
    count_U = now.counts_UT.sum(axis=1)
    drawn = (draw_DU @ gain_U) / (draw_DU @ count_U)
    return float(gain_U.sum() / count_U.sum()), *interval(drawn)


def stable_number(now: Known) -> tuple[int, list[tuple[int, float]]]:
    """The number of groups that halves agree on, and how far they do on each."""
    found = Segmenting().fit(now.made)
    agreed = list(zip(found.tried_K, found.agreement_K.tolist(), strict=True))
    stable = [number for number, value in agreed if value >= Segmenting().agreement]
    return max(stable, default=max(agreed, key=lambda pair: pair[1])[0]), agreed


def main() -> int:
    """Run, print and write; 2 without the data."""
    start, early = time.perf_counter(), "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/segments.py", *sys.argv[1:]]))
    try:
        history = complete_journey()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    cutoff = EARLY if early else TESTED
    moments = {at: known_at(history, at) for at in (cutoff - AHEAD, cutoff - LATELY, cutoff)}
    at = (JOURNEY, cutoff, f"1-{AHEAD}")
    rows = stage_rows(at, moments[cutoff - AHEAD], moments[cutoff])
    number, agreed = stable_number(moments[cutoff])
    rows += [Row(*at, f"groups_{tried}", "halves", value) for tried, value in agreed]
    for groups in dict.fromkeys((number, FIXED)):
        rows += map_rows(at, groups, moments)
    spent = time.perf_counter() - start
    about.append(f"took {spent / 60:.1f} minutes")
    text = page(about, rows, CAVEATS)
    print(text)
    if not early:
        rows.append(Row("script", "mean", "all", "segments", "seconds", spent))
        write_rows(rows, RESULTS / "segments.json")
        (RESULTS / "segments.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
