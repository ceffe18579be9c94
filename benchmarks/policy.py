"""Policies judged from logs of others, and learned from them: Open Bandit Data, a planted audience.

    python benchmarks/policy.py            the whole benchmark; writes benchmarks/results
    python benchmarks/policy.py --early    the audience with other seeds, to develop on; only prints

Needs the files of obp 0.4.1, which asks for a pandas of long ago: pip install --no-deps obp==0.4.1
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave shared cores alone

import shlex
import sys
import time

import numpy as np
from scipy import stats

from bench.machine import ROOT, setting
from bench.openbandit import CAMPAIGNS, LOGS, Log, item_chances, read_log
from bench.rows import MEAN, Row, write_rows
from bench.tables import table
from bench.telling import tell
from bench.trial import trial
from penchant.decisions.offpolicy import ESTIMATORS, Feedback, Precision, evaluate
from penchant.decisions.reward import Expected, action_features
from penchant.errors import DataError
from penchant.evaluation.ledger import ALL

RESULTS = ROOT / "benchmarks" / "results"
LOGGED, COVERED, AUDIENCE = "open bandit data", "clicks drawn anew", "audience"
COVERAGE_CAMPAIGN, REPEATS, DRAWS = "men", 100, 200
SEEDS, EARLY = range(8), range(100, 103)
GREEDY, SECONDS = "greedy", "seconds"
CAVEATS = """\
Open Bandit Data: 10,000 showings a log, of which 38 to 69 were clicked. The truth is the mean click
of the other policy's own log, which is itself known to some 15 % (its interval stands beside), so
these logs check formulas and intervals; they don't rank estimators. Rewards are modelled by a ridge
regression on the item, never on the showing itself. Intervals are percentiles of 1,000 bootstrap
draws of showings; that of `dm` leaves out that the model may be wrong. `effective` is how many
showings of the policy asked about the log is worth.

Clicks drawn anew: items, positions and chances of the campaign `men`, each item's click rate that
of its log shrunk to the mean, 10,000 showings and their clicks drawn 100 times. Here the truth is
known: coverage is how often the 95 % interval holds it.

Audience: users of the planted world `biased`, whose interest answers to what they are shown
(`decisions/audience.py`), 800 to log on and 800 others to try on, 40 steps, 8 seeds. Every policy
learns from the same log. `greedy` shows the topic of the highest forecast, `_at_once` learns from
the engagement of that moment alone, all others from what followed too. Intervals are of Student's t
over seeds. The audience was made for what pays now to differ from what pays later; how much it does
in a real shop, only an experiment tells.
"""


def chances_of(policy: str, campaign: str, log: Log) -> np.ndarray:
    """A policy's chances of every item in each decision of a log."""
    return item_chances(policy, campaign, log.items)[:, log.position_N].T


def logged_rows() -> list[Row]:
    """Each campaign's policies, judged from the log of the other."""
    rows = []
    for campaign in CAMPAIGNS:
        logs = {policy: read_log(policy, campaign) for policy in LOGS}
        for ran, asked in (LOGS, LOGS[::-1]):
            log, own_N = logs[ran], logs[asked].feedback.reward_N
            at = (f"{LOGGED}, {campaign}: {asked} from {ran}", MEAN, ALL)
            truth, error = float(own_N.mean()), float(own_N.std() / np.sqrt(len(own_N)))
            ends = (truth - 1.96 * error, truth + 1.96 * error)
            rows.append(Row(*at, "truth", "clicks", 1000 * truth, *(1000 * end for end in ends)))
            rows += estimate_rows(at, log, chances_of(asked, campaign, log), truth)
    return rows


def estimate_rows(
    at: tuple[str, str, str], log: Log, chance_NA: np.ndarray, truth: float
) -> list[Row]:
    """Every estimator's estimate, its error, and what the log is worth."""
    expected_NA = Expected().of(log.feedback, action_features(*chance_NA.shape))
    rows = []
    for name in ESTIMATORS:
        found = evaluate(log.feedback, chance_NA, name, expected_NA=expected_NA)
        clicks = (1000 * end for end in (found.value, found.low, found.high))
        rows.append(Row(*at, name, "clicks", *clicks))
        rows.append(Row(*at, name, "relative_error", abs(found.value - truth) / truth))
        rows.append(Row(*at, name, "held", float(found.low <= truth <= found.high)))
        rows.append(Row(*at, name, "effective", found.effective))
    return rows


def covered_rows() -> list[Row]:
    """How often intervals hold a truth that is known, with as few clicks as these logs have."""
    rows = []
    for ran, asked in (LOGS, LOGS[::-1]):
        log = read_log(ran, COVERAGE_CAMPAIGN)
        shown = item_chances(ran, COVERAGE_CAMPAIGN, log.items)
        wanted = item_chances(asked, COVERAGE_CAMPAIGN, log.items)
        shown = np.maximum(shown, 1e-3)  # every item can be shown, so that the truth can be told
        shown /= shown.sum(axis=0)
        rate = click_rates(log.feedback, log.items)
        truth = float((wanted * rate[:, None]).sum(axis=0).mean())
        held = dict.fromkeys(ESTIMATORS, 0)
        for repeat in range(REPEATS):
            rng = np.random.default_rng(repeat)
            position_N = rng.integers(0, shown.shape[1], 10_000)
            beyond_NA = rng.random((10_000, 1)) < shown.cumsum(axis=0)[:, position_N].T
            item_N = beyond_NA.argmax(axis=1)
            click_N = (rng.random(10_000) < rate[item_N]).astype(np.float64)
            feedback = Feedback(item_N, click_N, shown[item_N, position_N])
            chance_NA = wanted[:, position_N].T
            expected_NA = Expected().of(feedback, action_features(*chance_NA.shape))
            for name in ESTIMATORS:
                precision = Precision(draws=DRAWS, seed=repeat)
                found = evaluate(
                    feedback, chance_NA, name, expected_NA=expected_NA, precision=precision
                )
                held[name] += found.low <= truth <= found.high
        at = (f"{COVERED}: {asked} from {ran}", MEAN, ALL)
        rows += [Row(*at, name, "coverage", count / REPEATS) for name, count in held.items()]
        tell(f"coverage of {asked} from {ran}")
    return rows


def click_rates(feedback: Feedback, items: int) -> np.ndarray:
    """Each item's click rate, shrunk to the mean by a thousand showings."""
    shown = np.bincount(feedback.action_N, minlength=items)
    clicked = np.bincount(feedback.action_N, weights=feedback.reward_N, minlength=items)
    return (clicked + 1000 * feedback.reward_N.mean()) / (shown + 1000)


def audience_rows(seeds: range) -> list[Row]:
    """Engagements of a user under each policy, and each less the greedy one's."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        for name, each_U in trial(seed).engagements_U.items():
            found.setdefault(name, []).append(float(each_U.mean()))
        tell(f"audience {seed}")
    rows = []
    for name, values in found.items():
        apart = np.array(values) - np.array(found[GREEDY])
        rows.append(Row(AUDIENCE, MEAN, ALL, name, "engagements", *over_seeds(np.array(values))))
        if name != GREEDY:
            pair = f"{name} - {GREEDY}"
            rows.append(Row(AUDIENCE, MEAN, ALL, pair, "engagements", *over_seeds(apart)))
    return rows


def over_seeds(values: np.ndarray) -> tuple[float, float, float]:
    """The mean over seeds, and its interval by Student's t."""
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    mean = float(values.mean())
    return mean, mean - float(reach), mean + float(reach)


def page(about: list[str], rows: list[Row]) -> str:
    """The results for people."""
    parts = ["# Policies", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{CAVEATS}"]
    value = {(row.dataset, row.model, row.metric): row for row in rows}
    cells = list(dict.fromkeys(row.dataset for row in rows if row.metric == "effective"))
    if cells:
        parts += ["## Open Bandit Data", "Clicks of 1,000 showings."]
    for at in cells:
        parts.append(
            table(
                (at.removeprefix(f"{LOGGED}, "), "clicks", "off", "effective"),
                (
                    (
                        name,
                        interval(value[at, name, "clicks"]),
                        f"{value[at, name, 'relative_error'].value:.1%}"
                        if name in ESTIMATORS
                        else "–",
                        f"{value[at, name, 'effective'].value:,.0f}" if name in ESTIMATORS else "–",
                    )
                    for name in ("truth", *ESTIMATORS)
                ),
            )
        )
    covered = list(dict.fromkeys(row.dataset for row in rows if row.metric == "coverage"))
    if covered:
        body = (
            (name, *(f"{value[at, name, 'coverage'].value:.3f}" for at in covered))
            for name in ESTIMATORS
        )
        parts += [
            "## Coverage of 95 % intervals",
            table(("estimator", *(at.removeprefix(f"{COVERED}: ") for at in covered)), body),
        ]
    parts += ["## Audience", "Engagements of a user in 40 steps.", audience_table(rows)]
    return "\n\n".join(parts) + "\n"


def audience_table(rows: list[Row]) -> str:
    """Each policy's engagements, and how many more than the greedy one's."""
    found = {row.model: row for row in rows if row.dataset == AUDIENCE}
    body = (
        (name, interval(row), interval(found.get(f"{name} - {GREEDY}")))
        for name, row in found.items()
        if " - " not in name and row.metric != SECONDS
    )
    return table(("policy", "engagements", "more than greedy"), body)


def interval(row: Row | None) -> str:
    """A value and its interval."""
    if row is None:
        return "–"
    return f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"


def main() -> int:
    """Run, print and write; 2 without the data."""
    start = time.perf_counter()
    early = "--early" in sys.argv[1:]
    about = setting(shlex.join(["python", "benchmarks/policy.py", *sys.argv[1:]]))
    try:
        rows = [] if early else [*logged_rows(), *covered_rows()]
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    rows += audience_rows(EARLY if early else SEEDS)
    spent = time.perf_counter() - start
    rows.append(Row(AUDIENCE, MEAN, ALL, "all", SECONDS, spent))
    about.append(f"took {spent / 60:.1f} minutes")
    text = page(about, rows)
    print(text)
    if not early:
        write_rows(rows, RESULTS / "policy.json")
        (RESULTS / "policy.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
