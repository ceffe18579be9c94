"""Trials whose single effects are known: planted worlds, and planted effects on real households.

Shapes: N customers, S steps, F features.
"""

from dataclasses import dataclass

import numpy as np

from bench.journeycampaigns import journey_record
from penchant import columns as c
from penchant.data.shopping import DAY, DAYS, START
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.record import forecasts
from penchant.decisions.refutation import Before
from penchant.decisions.uplift import Trial
from penchant.interest.task import Task, Window
from penchant.models.gamma_poisson import GammaPoisson

STEPS, TOPICS = 60, 30
CAMPAIGN = "13"  # whose start, length and items features are of
LEAST, MOST = 0.1, 0.9  # chance of treatment
SLOPE = 1.2  # of its log-odds, in deviations of what it hangs on
GAIN, LOSS = 0.5, 0.15  # parts of usual spend, at the most sensitive to prices and at the least


@dataclass(frozen=True)
class Known:
    """A trial, the window before it, and the truth."""

    trial: Trial  # without propensities, as a shop has it
    before: Before
    true_N: np.ndarray
    propensity_N: np.ndarray


def world(seed: int, targeted: bool, users: int) -> Known:
    """A campaign of the planted world `promoted`: by lot, or likelier for the active."""
    made = WORLDS["promoted"](Shop(users=users, seed=seed, steps=STEPS, topics=TOPICS))
    truth, log = made.truth, made.log
    told = truth.treatments
    row_N = np.flatnonzero(told.campaign_N == int(targeted))
    step, length = int(told.step_N[row_N][0]), int(told.steps_N[row_N][0])
    user_N = told.user_N[row_N]
    time = log.events[c.TIME].to_numpy().astype("datetime64[us]").astype(np.int64)
    at = (time - START) // (DAYS * DAY)
    user = np.searchsorted(truth.users_U, np.array(log.events[c.USER].to_pylist()))
    bought_NS = np.zeros((users, STEPS))
    np.add.at(bought_NS, (user, at), 1)
    people = {name: log.people[name].to_pylist() for name in ("age", "household", "income")}
    order = np.argsort(np.searchsorted(truth.users_U, np.array(log.people[c.USER].to_pylist())))
    bands = [np.unique(part, return_inverse=True)[1][order] for part in people.values()]

    def features(until: int) -> np.ndarray:
        past = [bought_NS[:, max(0, until - back) : until].sum(axis=1) for back in (4, 12, until)]
        return np.stack([*past, *bands], axis=1).astype(np.float32)[user_N]

    def outcome(start: int) -> np.ndarray:
        return bought_NS[user_N, start : start + length].sum(axis=1)

    return Known(
        Trial(features(step), told.treated_N[row_N], outcome(step)),
        Before(features(step - length), outcome(step - length)),
        told.uplift_N[row_N].astype(np.float64),
        told.propensity_N[row_N].astype(np.float64),
    )


@dataclass(frozen=True)
class Households:
    """Real households: what was known of them at a day and before, and what they then spent."""

    feature_NF: np.ndarray
    earlier_NF: np.ndarray
    spent_N: np.ndarray
    before_N: np.ndarray
    usual_N: np.ndarray
    cheap_N: np.ndarray
    later_N: np.ndarray  # spent long after; in no feature

    def dealt(self, seed: int, by: str) -> Known:
        """Plant effects, and treat by `lot`, by what is `seen`, or by what is `hidden`."""
        rng, users = np.random.default_rng(seed), len(self.usual_N)
        rank_N = self.cheap_N.argsort().argsort() / (users - 1)
        true_N = self.usual_N * ((GAIN + LOSS) * rank_N - LOSS)
        cause_N = np.log1p(self.later_N if by == "hidden" else self.usual_N)
        odds_N = SLOPE * (cause_N - cause_N.mean()) / cause_N.std() * (by != "lot")
        chance_N = (1 / (1 + np.exp(-odds_N))).clip(LEAST, MOST)
        treated_N = rng.random(users) < chance_N
        trial = Trial(self.feature_NF, treated_N, self.spent_N + treated_N * true_N)
        return Known(trial, Before(self.earlier_NF, self.before_N), true_N, chance_N)


def households() -> Households:
    """Households of Complete Journey on the day that a campaign of theirs began."""
    record = journey_record()
    code = record.campaigns.row(CAMPAIGN)
    start, end = int(record.campaigns.start_C[code]), int(record.campaigns.end_C[code])
    early = 2 * start - end
    task = Task(windows=(Window(0, 4), Window(4, 8)))
    made = forecasts(record, GammaPoisson(), task, [early, start])
    trial, before = record.trial(code, made[start], made[early])
    assert before is not None
    sent_U, other_U = record.compared(code)
    users_U = np.union1d(sent_U, other_U)
    offer = record.offers.of(CAMPAIGN).whole()
    grid = record.grid(code, made[start], offer, users_U)
    last = int(record.past.time_N.max())
    return Households(
        feature_NF=trial.feature_NF,
        earlier_NF=before.feature_NF,
        spent_N=trial.outcome_N,
        before_N=before.outcome_N,
        usual_N=record.spent(users_U, early, start),
        cheap_N=grid.column("cheap")[:, 0],
        later_N=record.spent(users_U, end, last),
    )
