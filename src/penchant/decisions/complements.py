"""Complements: what customers buy in the steps after something else, beyond what they would anyway.

Each customer is their own control, as in a self-controlled case series. For a pair A, B the steps
in which a customer bought A are set aside; the steps up to `within` after one are *after*, the
others *elsewhere*. A purchase of B falls on any of them in proportion to how many other things the
customer bought then, times the part of the shop's purchases that B had then. So neither heavy
buyers, nor a month of many trips, nor a season make a complement. Lift is the rate after over the
rate elsewhere, Mantel and Haenszel's over customers; what one customer does hangs together, so its
variance is the greater of the binomial one and the one seen between customers. False discoveries
are held to a rate by Benjamini and Hochberg over all pairs with enough buyers.

Blind to what is bought together in one step, to whoever bought B once and A never, and to a taste
that begins with A and lasts: that is a complement here, whatever caused it.
Sources: Farrington (1995), Relative incidence estimation from case series; Greenland and Robins
(1985), Estimation of a common effect parameter from sparse follow-up data.
Shapes: T things (topics or items), I items, N sightings, S steps, A and B things of one user,
P pairs, L lags from 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.discovery import rates
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Interest, Names
from penchant.interest.repurchase import touches

COMPLEMENTS_SCHEMA = pa.schema(
    [
        pa.field(c.TOPIC, pa.string(), nullable=False),  # of what is bought first
        pa.field(c.LEVEL, pa.string(), nullable=False),  # whether topics or items are paired
        pa.field(c.FROM, pa.string(), nullable=False),
        pa.field(c.TO, pa.string(), nullable=False),
        pa.field(c.LAG, pa.int32(), nullable=False),
        pa.field(c.LIFT, pa.float32(), nullable=False),
        pa.field(c.LOW, pa.float32(), nullable=False),
        pa.field(c.HIGH, pa.float32(), nullable=False),
        pa.field(c.CUSTOMERS, pa.int32(), nullable=False),
        pa.field(c.ONE_WAY, pa.bool_(), nullable=False),
    ]
)
WITHIN = 4  # steps
RATE = 0.05  # of false discoveries
LEAST_CUSTOMERS = 20  # who bought the one and, within the steps, the other
LEAST_EXPECTED = 5.0  # variance of the purchases after, below which nothing is told
NORMAL = 1.959964  # of a 95 % interval
PRIOR_SHARE = 1.0  # sightings of a step at the thing's overall share


@dataclass(frozen=True)
class Sightings:
    """In which steps customers bought which things, each once; sorted by user, thing and step."""

    names_T: Names
    user_N: Codes
    thing_N: Codes
    step_N: Codes
    steps: int


def topics_seen(interest: Interest, kinds: Sequence[str]) -> Sightings:
    """Steps with an engagement of `kinds`, by topic."""
    found = touches(interest, kinds)
    return Sightings(
        names_T=interest.topics_T,
        user_N=found.user_C[found.cell_N],
        thing_N=found.topic_C[found.cell_N],
        step_N=found.step_N,
        steps=found.steps,
    )


def items_seen(past: Interactions, step_N: Integers, steps: int, most: int) -> Sightings:
    """Steps with an interaction, of the `most` items with most customers.

    `step_N` is the step of each interaction, from 0; those outside `steps` are left out.
    """
    inside_N = (step_N >= 0) & (step_N < steps)
    pair_N = past.user_N.astype(np.int64) * len(past.items_I) + past.item_N
    item_P = np.unique(pair_N[inside_N]) % len(past.items_I)
    buyers_I = np.bincount(item_P, minlength=len(past.items_I))
    kept_I = np.sort(np.argsort(-buyers_I, kind="stable")[:most])
    place_I = np.full(len(past.items_I), -1)
    place_I[kept_I] = np.arange(len(kept_I))
    inside_N &= place_I[past.item_N] >= 0
    cell_N = past.user_N[inside_N].astype(np.int64) * len(kept_I) + place_I[past.item_N[inside_N]]
    cell_N = np.unique(cell_N * steps + step_N[inside_N])
    return Sightings(
        names_T=past.items_I[kept_I],
        user_N=(cell_N // steps // max(len(kept_I), 1)).astype(np.int32),
        thing_N=(cell_N // steps % max(len(kept_I), 1)).astype(np.int32),
        step_N=(cell_N % steps).astype(np.int32),
        steps=steps,
    )


@dataclass(frozen=True)
class Complements:
    """Pairs with enough customers, and which of them are complements, surest first."""

    names_T: Names
    within: int  # steps
    from_P: Integers
    to_P: Integers
    lift_P: Doubles  # rate of the other after the one, over its rate elsewhere
    low_P: Doubles  # 95 % interval
    high_P: Doubles
    rate_P: Doubles  # of false discoveries among pairs at least as sure
    ahead_P: Doubles  # chance that the other way round the lift is no less, were it as great
    lag_P: Codes  # median steps until the other
    buyers_P: Codes  # who bought the one
    customers_P: Codes  # of them, who bought the other within the steps

    @property
    def found_P(self) -> Flags:
        """Which pairs are complements in this direction."""
        return (self.rate_P <= RATE) & (self.lift_P > 1)

    @property
    def one_way_P(self) -> Flags:
        """Which pairs are clearly more so in this direction than the other way round."""
        return self.ahead_P <= (1 - 0.95) / 2

    def to_table(self, level: str, topic_T: Names) -> pa.Table:
        """A row of `COMPLEMENTS_SCHEMA` for each complement; `topic_T` are the things' topics."""
        kept = np.flatnonzero(self.found_P)
        columns = {
            c.TOPIC: topic_T[self.from_P[kept]].tolist(),
            c.LEVEL: [level] * len(kept),
            c.FROM: self.names_T[self.from_P[kept]].tolist(),
            c.TO: self.names_T[self.to_P[kept]].tolist(),
            c.LAG: self.lag_P[kept],
            c.LIFT: self.lift_P[kept].astype(np.float32),
            c.LOW: self.low_P[kept].astype(np.float32),
            c.HIGH: self.high_P[kept].astype(np.float32),
            c.CUSTOMERS: self.customers_P[kept],
            c.ONE_WAY: self.one_way_P[kept],
        }
        return pa.table(columns, schema=COMPLEMENTS_SCHEMA)


@dataclass
class _Sums:
    """Sums over customers, of every pair of things."""

    after_TT: Doubles  # Mantel and Haenszel's two sides
    elsewhere_TT: Doubles
    binomial_TT: Doubles  # variance of their difference
    between_TT: Doubles  # the same, as seen between customers
    lag_LTT: Doubles
    followers_TT: Doubles
    buyers_T: Doubles

    @classmethod
    def of(cls, things: int, within: int) -> "_Sums":
        """Sums of nobody."""
        after, elsewhere, binomial, between, followers = np.zeros((5, things, things))
        lag = np.zeros((within, things, things))
        return cls(after, elsewhere, binomial, between, lag, followers, np.zeros(things))

    def add(self, thing_A: Codes, bought_AS: Flags, share_AS: Doubles) -> None:
        """Add one customer: the steps in which they bought each of their things."""
        at, bought = np.ix_(thing_A, thing_A), bought_AS.astype(np.float64)
        after_AS, steps = np.zeros_like(bought_AS), bought_AS.shape[1]
        for lag in range(1, min(len(self.lag_LTT), steps - 1) + 1):
            after_AS[:, lag:] |= bought_AS[:, :-lag]
            self.lag_LTT[lag - 1][at] += bought[:, :-lag] @ bought[:, lag:].T
        after_AS &= ~bought_AS
        many_S = bought.sum(axis=0)
        fair_BS = (many_S - bought + 1) * (many_S > 0) * share_AS
        after, other = after_AS.astype(np.float64), (~(after_AS | bought_AS)).astype(np.float64)
        hit_AB, miss_AB = after @ bought.T, other @ bought.T
        fair_AB, rest_AB = after @ fair_BS.T, other @ fair_BS.T
        whole_AB = np.maximum(fair_AB + rest_AB, 1e-300)
        part_AB = fair_AB / whole_AB
        side_AB, away_AB = hit_AB * (1 - part_AB), miss_AB * part_AB
        self.after_TT[at] += side_AB
        self.elsewhere_TT[at] += away_AB
        self.binomial_TT[at] += (hit_AB + miss_AB) * part_AB * (1 - part_AB)
        self.between_TT[at] += (side_AB - away_AB) ** 2
        self.followers_TT[at] += hit_AB > 0
        self.buyers_T[thing_A] += 1


def complements(seen: Sightings, within: int = WITHIN) -> Complements:
    """Look for complements among all pairs of things.

    Costs, for each customer, the square of their things times the steps. Raises HistoryError where
    the past is too short to have steps that are not just after others.
    """
    if within < 1 or seen.steps < 3 * within:
        raise HistoryError(
            f"Complements within {within} steps need at least {3 * within} known; found "
            f"{seen.steps}. Ask for fewer steps, or come back with a longer past."
        )
    things = len(seen.names_T)
    sums, share_TS = _Sums.of(things, within), _shares(seen)
    cut = np.flatnonzero(np.diff(seen.user_N, prepend=-1, append=-1))
    for start, end in zip(cut[:-1].tolist(), cut[1:].tolist(), strict=True):
        thing_A, row_N = np.unique(seen.thing_N[start:end], return_inverse=True)
        step_N = seen.step_N[start:end]
        first, last = int(step_N.min()), int(step_N.max())
        bought_AS = np.zeros((len(thing_A), last - first + 1), dtype=bool)
        bought_AS[row_N, step_N - first] = True
        sums.add(thing_A, bought_AS, share_TS[thing_A, first : last + 1])
    return _told(seen.names_T, sums, within)


def _shares(seen: Sightings) -> Doubles:
    """Part of each step's sightings that each thing has, leaning on its part of all, `TS`."""
    things, steps = len(seen.names_T), seen.steps
    code_N = seen.thing_N.astype(np.int64) * steps + seen.step_N
    count_TS = np.bincount(code_N, minlength=things * steps).reshape(things, steps)
    overall_T1 = count_TS.sum(axis=1, keepdims=True) / max(1, len(code_N))
    share_TS = (count_TS + PRIOR_SHARE * overall_T1) / (count_TS.sum(axis=0) + PRIOR_SHARE)
    return np.asarray(share_TS, dtype=np.float64)


def _told(names_T: Names, sums: _Sums, within: int) -> Complements:
    """What the sums tell of pairs with enough customers."""
    wide_TT = np.maximum(sums.binomial_TT, sums.between_TT)
    enough_TT = (sums.followers_TT >= LEAST_CUSTOMERS) & (sums.binomial_TT >= LEAST_EXPECTED)
    enough_TT &= (sums.after_TT > 0) & (sums.elsewhere_TT > 0)
    np.fill_diagonal(enough_TT, False)
    log_TT, error_TT = np.full(wide_TT.shape, np.nan), np.full(wide_TT.shape, np.nan)
    side, away = sums.after_TT[enough_TT], sums.elsewhere_TT[enough_TT]
    log_TT[enough_TT] = np.log(side / away)
    error_TT[enough_TT] = np.sqrt(wide_TT[enough_TT] / (side * away))
    from_P, to_P = np.nonzero(enough_TT)
    log_P, error_P = log_TT[from_P, to_P], error_TT[from_P, to_P]
    back_P, doubt_P = log_TT[to_P, from_P], error_TT[to_P, from_P]
    ahead_P = np.where(np.isnan(back_P), 1.0, ndtr((back_P - log_P) / np.hypot(error_P, doubt_P)))
    score_P = (side - away) / np.sqrt(wide_TT[enough_TT])
    running_LP = sums.lag_LTT[:, from_P, to_P].cumsum(axis=0)
    order = np.argsort(-score_P, kind="stable")
    return Complements(
        names_T=names_T,
        within=within,
        from_P=from_P[order],
        to_P=to_P[order],
        lift_P=np.exp(log_P)[order],
        low_P=np.exp(log_P - NORMAL * error_P)[order],
        high_P=np.exp(log_P + NORMAL * error_P)[order],
        rate_P=rates(ndtr(-score_P))[order],
        ahead_P=ahead_P[order],
        lag_P=(1 + (running_LP < running_LP[-1] / 2).sum(axis=0)).astype(np.int32)[order],
        buyers_P=sums.buyers_T[from_P].astype(np.int32)[order],
        customers_P=sums.followers_TT[from_P, to_P].astype(np.int32)[order],
    )
