"""Uplift beside its peers where single effects are known, and whether false uplift is refused.

    python benchmarks/uplift.py            the whole benchmark; writes benchmarks/results
    python benchmarks/uplift.py --early    the same on other draws, to develop on; only prints

Half of the customers are learned from, the other half are ranked. Shapes: N customers, D draws.
"""

import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import lightgbm as lgb
import numpy as np
from econml.dr import DRLearner
from econml.metalearners import XLearner

from bench.machine import ROOT, setting
from bench.rows import Row, write_rows
from bench.tables import table
from bench.telling import tell
from bench.trials import Known, households, world
from penchant.decisions.allocation import allocate
from penchant.decisions.qini import Trialled, pehe
from penchant.decisions.refutation import refute
from penchant.decisions.uplift import Trial, Uplift
from penchant.errors import DataError

RESULTS = ROOT / "benchmarks" / "results"
USERS = 4000
DRAWS, EARLY_DRAWS = range(10, 16), range(3)
REFUTED = range(100, 120)  # draws that are judged
METRICS = ("qini", "auuc", "true_qini", "pehe", "off")
OURS, THEIRS = ("dr", "x"), ("econml_dr", "econml_x")
SHARE = 0.3  # of customers that a budget affords
CAVEATS = """\
`qini` and `auuc` are read off the held-out half's outcomes as a shop could, `true_qini` off the
planted effects; `pehe` is the error of single effects and `off` that of the mean effect, which all
could have as they please by chance. In the world `promoted` who answers how is a matter of age and
luck, so no model reaches the truth: `average`, which gives everyone the mean effect, says what a
`pehe` is worth. `response` ranks by the outcome expected under treatment. The households, their
features and what they spent are Complete Journey's on the day that campaign 13 began; treatment and
effects are planted on them. econml's learners and the T-learner have LightGBM of our settings for
each of their models; only ours can be told propensities, which it is where treatment was by lot.
Brackets hold 95 % intervals over draws. `agreement` is the correlation of our single effects with
econml's, and `apart` the difference of mean effects in our errors. `gain` is the planted effect of
treating the three in ten that an allocation chooses, in parts of the best there is. `passed` counts
the trials of which `refutation` lets the difference be called uplift: all by lot should, and none
that is targeted by what no feature tells. Ours was developed with `--early`, on other draws.
"""


def halves(known: Known, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Customers to learn from and to rank."""
    order = np.random.default_rng(seed).permutation(len(known.true_N))
    return order[::2], order[1::2]


def trees(**more: object) -> lgb.LGBMRegressor:
    """LightGBM as ours has it."""
    return lgb.LGBMRegressor(**SETTINGS, **more)


SETTINGS = {
    "n_estimators": 60,
    "learning_rate": 0.06,
    "num_leaves": 8,
    "min_child_samples": 20,
    "reg_lambda": 10.0,
    "verbose": -1,
    "n_jobs": 1,
}


def econml_effect(name: str, seen: Trial, ask_NF: np.ndarray) -> np.ndarray:
    """Effects by econml."""
    data = (seen.outcome_N, seen.treated_N.astype(int))
    feature_NF, ask_NF = (np.nan_to_num(part, nan=-1) for part in (seen.feature_NF, ask_NF))
    chance = lgb.LGBMClassifier(**SETTINGS)
    if name == "econml_dr":
        model = DRLearner(
            model_propensity=chance,
            model_regression=trees(),
            model_final=trees(),
            cv=5,
            random_state=0,
        )
    else:
        model = XLearner(models=trees(), propensity_model=chance)
    return np.asarray(model.fit(*data, X=feature_NF).effect(ask_NF)).ravel()


def effects(known: Known, dealt: bool, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """Effects of the held-out half by each model, and the error of our mean effect."""
    learn, ask = halves(known, seed)
    trial = known.trial
    chance_N = known.propensity_N[learn] if dealt else None
    seen = Trial(trial.feature_NF[learn], trial.treated_N[learn], trial.outcome_N[learn], chance_N)
    ask_NF = trial.feature_NF[ask]
    told: dict[str, np.ndarray] = {}
    error = 0.0
    for learner in OURS:
        fitted = Uplift(learner=learner).fit(seen)
        told[learner], error = fitted.effect(ask_NF)[0], fitted.error
    for name in THEIRS:
        told[name] = econml_effect(name, seen, ask_NF)
    arms = [trees().fit(ask_of[0], ask_of[1]) for ask_of in _arms(seen)]
    told["t_learner"] = arms[1].predict(ask_NF) - arms[0].predict(ask_NF)
    told["response"] = arms[1].predict(ask_NF)
    told["random"] = np.random.default_rng(seed).random(len(ask))
    told["average"] = np.full(len(ask), told["dr"].mean())
    told["truth"] = known.true_N[ask]
    return told, error


def _arms(seen: Trial) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for arm in (False, True):
        kept = seen.treated_N == arm
        yield seen.feature_NF[kept], seen.outcome_N[kept]


def measured(known: Known, told: dict[str, np.ndarray], seed: int) -> dict[tuple[str, str], float]:
    """Every metric of every model on the held-out half."""
    _, ask = halves(known, seed)
    trial, true_N = known.trial, known.true_N[ask]
    asked = Trialled(trial.treated_N[ask], trial.outcome_N[ask], known.propensity_N[ask])
    best_N = np.sort(true_N)[::-1][: int(SHARE * len(ask))]
    found = {}
    for name, score_N in told.items():
        found[name, "auuc"], found[name, "qini"] = asked.areas(score_N)
        found[name, "true_qini"] = true_area(true_N, score_N)
        if name not in ("random", "response"):
            found[name, "pehe"] = pehe(score_N, true_N)
            found[name, "off"] = float(score_N.mean() - true_N.mean())
        ones = np.ones((len(ask), 1))
        sent = allocate(score_N[:, None], ones, SHARE * len(ask)).offer_U >= 0
        found[name, "gain"] = float(true_N[sent].sum() / best_N[best_N > 0].sum())
    for ours, theirs in zip(OURS, THEIRS, strict=True):
        if min(told[ours].std(), told[theirs].std()) > 0:  # an average for all agrees with nothing
            pair = np.corrcoef(told[ours], told[theirs])[0, 1]
            found[f"{ours} / {theirs}", "agreement"] = float(pair)
    return found


def true_area(true_N: np.ndarray, score_N: np.ndarray) -> float:
    """Qini by the planted effects."""
    curve_N = np.cumsum(true_N[np.argsort(-score_N, kind="stable")]) / len(true_N)
    return float(curve_N.mean() - curve_N[-1] / 2)


def rows_of(dataset: str, draw: Callable[[int], Known], dealt: bool, seeds: range) -> list[Row]:
    """Means over draws, with their intervals."""
    found: dict[tuple[str, str], list[float]] = {}
    for seed in seeds:
        known = draw(seed)
        told, error = effects(known, dealt, seed)
        for place, value in measured(known, told, seed).items():
            found.setdefault(place, []).append(value)
        apart = abs(told["dr"].mean() - told["econml_dr"].mean()) / error
        found.setdefault(("dr / econml_dr", "apart"), []).append(float(apart))
        tell(f"{dataset}: draw {seed}")
    rows = []
    for (model, metric), values in found.items():
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
        ends = mean - 1.96 * spread, mean + 1.96 * spread
        rows.append(Row(dataset, "mean", "all", model, metric, mean, *ends))
    return rows


def refuted(dataset: str, draw: Callable[[int], Known], seeds: Sequence[int]) -> Row:
    """How many draws pass as uplift."""
    passed = sum(_passes(draw(seed)) for seed in seeds)
    tell(f"{dataset}: {passed} of {len(seeds)} passed")
    return Row(dataset, "mean", "all", "refutation", f"passed_of_{len(seeds)}", float(passed))


def _passes(known: Known) -> bool:
    return refute(replace(known.trial, propensity_N=None), known.before).ok


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    parts = ["# Uplift", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    for dataset in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == dataset]
        value = {(row.model, row.metric): row for row in mine}
        models = [model for model, metric in value if metric == "qini"]
        body = [
            (model, *(_shown(value.get((model, metric))) for metric in (*METRICS, "gain")))
            for model in models
        ]
        parts.append(f"## {dataset}")
        if body:
            parts.append(table(("model", *METRICS, "gain"), body))
        lines = [
            f"* {row.model}: {row.metric} {row.value:.2f}"
            for row in mine
            if row.model not in models
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _shown(row: Row | None) -> str:
    if row is None or row.value is None:
        return "–"
    return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"


def main() -> int:
    """Run, print and write; 2 without the data."""
    start, early = time.perf_counter(), "--early" in sys.argv[1:]
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    about = setting(shlex.join(["python", "benchmarks/uplift.py", *sys.argv[1:]]))
    seeds = EARLY_DRAWS if early else DRAWS
    try:
        real = households()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    tell(f"{len(real.usual_N)} households")
    rows: list[Row] = []
    for targeted, name in ((False, "world_lot"), (True, "world_targeted")):
        rows += rows_of(name, lambda seed, t=targeted: world(seed, t, USERS), not targeted, seeds)
    for by in ("lot", "seen"):
        name = f"households_{by}"
        rows += rows_of(name, lambda seed, b=by: real.dealt(seed, b), by == "lot", seeds)
    judged = range(5) if early else REFUTED
    for by in ("lot", "seen", "hidden"):
        rows.append(refuted(f"households_{by}", lambda seed, b=by: real.dealt(seed, b), judged))
    spent = time.perf_counter() - start
    about.append(f"took {spent / 60:.1f} minutes")
    text = page(about, sorted(rows, key=lambda row: row.dataset))
    print(text)
    if not early:
        rows.append(Row("script", "mean", "all", "uplift", "seconds", spent))
        write_rows(rows, RESULTS / "uplift.json")
        (RESULTS / "uplift.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
