"""Promotions: which campaign or coupon for whom, as uplift where it can be told, else as response.

A campaign of the past tells uplift if it passes `refutation`; those that do teach what a planned
one adds to each customer's spend. Where none does, customers are ranked by the chance that they
respond, which says nothing of what they would have bought anyway: then no margin is told.
Shapes: U customers, C campaigns of the past, P planned campaigns, H halves, O offers of a
campaign, M customers sent one, N rows of a table or a trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.decisions.allocation import SURELY, allocate
from penchant.decisions.offersignals import DAY, grid_of
from penchant.decisions.record import Record
from penchant.decisions.refutation import Verdict, refute
from penchant.decisions.response import FittedResponse
from penchant.decisions.uplift import FittedUplift, Trial, Uplift
from penchant.errors import DataError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.interest import Names

OFFER_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.CAMPAIGN, pa.string(), nullable=False),
        pa.field(c.COUPON, pa.string()),
        pa.field(c.CHANCE, pa.float32()),
        pa.field(c.UPLIFT, pa.float32()),
        pa.field(c.LOW, pa.float32()),
        pa.field(c.HIGH, pa.float32()),
        pa.field(c.MARGIN, pa.float32()),
        pa.field(c.COST, pa.float32()),
        pa.field(c.SEND, pa.bool_(), nullable=False),
        pa.field(c.REASON, pa.string(), nullable=False),
    ]
)
VERDICT_SCHEMA = pa.schema(
    [
        pa.field(c.CAMPAIGN, pa.string(), nullable=False),
        pa.field(c.START, pa.date32(), nullable=False),
        pa.field(c.END, pa.date32(), nullable=False),
        pa.field(c.SENT, pa.int32(), nullable=False),
        pa.field(c.HELD, pa.int32(), nullable=False),
        pa.field(c.RESPONSES, pa.int32(), nullable=False),
        pa.field(c.DEALT, pa.bool_()),
        pa.field(c.UPLIFT, pa.float32()),
        pa.field(c.LOW, pa.float32()),
        pa.field(c.HIGH, pa.float32()),
        pa.field(c.DIFFERENCE, pa.float32()),
        pa.field(c.BEFORE, pa.float32()),
        pa.field(c.REASON, pa.string(), nullable=False),
    ]
)
OFFER_EXAMPLE = {  # a row, as its sheet shows it
    c.USER: "C011",
    c.CAMPAIGN: "spring",
    c.COUPON: "tea10",
    c.CHANCE: 0.12,
    c.UPLIFT: 3.1,
    c.LOW: 0.4,
    c.HIGH: 5.8,
    c.MARGIN: 0.63,
    c.COST: 0.3,
    c.SEND: True,
    c.REASON: "brings most for its cost",
}
VERDICT_EXAMPLE = {  # a row, as its sheet shows it
    c.CAMPAIGN: "autumn",
    c.START: date(2025, 9, 1),
    c.END: date(2025, 10, 1),
    c.SENT: 1200,
    c.HELD: 400,
    c.RESPONSES: 96,
    c.DEALT: True,
    c.UPLIFT: 2.4,
    c.LOW: 0.8,
    c.HIGH: 4.0,
    c.DIFFERENCE: 2.4,
    c.BEFORE: -0.2,
    c.REASON: "Nothing refutes that this is uplift.",
}
REACH = 1.96  # errors to either end of an interval of 95 %
DOG = "sleeping dog: an offer would lower what they spend"
NO_GAIN = "nothing gained by it"
DEAR = "costs more than it brings"
BROKE = "beyond the budget"
OTHER = "another campaign suits better"
BEST, LIKELY = "brings most for its cost", "likeliest to respond"
UNKNOWN = "neither uplift nor response can be told"


@dataclass(frozen=True)
class Judged:
    """A campaign of the past: what may be said of what it did."""

    campaign: int
    trial: Trial | None
    verdict: Verdict | None  # None: too few, or not over
    reason: str  # why it isn't uplift; empty where it is

    @property
    def ok(self) -> bool:
        """Whether its difference may be called uplift."""
        return self.verdict is not None and self.verdict.ok


def judge(record: Record, made: Mapping[int, Forecast], known: int) -> list[Judged]:
    """Judge every campaign that began before a moment, by forecasts from before it began."""
    judged, campaigns = [], record.campaigns
    for code, start in enumerate(campaigns.start_C.tolist()):
        if start >= known:
            continue
        end = int(campaigns.end_C[code])
        if end > known:
            judged.append(Judged(code, None, None, "It isn't over in the data."))
        elif start not in made:
            reason = "Too little is known of the time before it."
            judged.append(Judged(code, None, None, reason))
        else:
            judged.append(_judged(record, code, made[start], made.get(2 * start - end)))
    return judged


def _judged(record: Record, code: int, now: Forecast, then: Forecast | None) -> Judged:
    try:
        trial, before = record.trial(code, now, then)
    except DataError as error:
        return Judged(code, None, None, str(error))
    verdict = refute(trial, before)
    if verdict.dealt:
        share_N = np.full(len(trial.treated_N), trial.treated_N.mean())
        trial = replace(trial, propensity_N=share_N)
    return Judged(code, trial, verdict, verdict.reason)


def learn_uplift(judged: Sequence[Judged]) -> FittedUplift | None:
    """What campaigns that tell uplift teach together; None where none does."""
    trials = [one.trial for one in judged if one.ok and one.trial is not None]
    if not trials:
        return None
    chances = [trial.propensity_N for trial in trials if trial.propensity_N is not None]
    chance_N = np.concatenate(chances) if len(chances) == len(trials) else None
    return Uplift().fit(
        Trial(
            np.concatenate([trial.feature_NF for trial in trials]),
            np.concatenate([trial.treated_N for trial in trials]),
            np.concatenate([trial.outcome_N for trial in trials]),
            chance_N,
        )
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be sent: how much may be spent, and what a sale leaves."""

    now: int  # seconds since 1970, up to which the record is known
    budget: float | None = None  # money, or offers where their cost isn't known
    margin: float | None = None  # part of spend; None: not known


@dataclass(frozen=True)
class Promotions:
    """Offers of every candidate, and what all that are sent are expected to bring."""

    table: pa.Table  # of OFFER_SCHEMA
    sent: int
    cost: float | None  # None where it isn't known
    margin: float | None  # expected incremental margin less costs; None where it can't be told
    low: float | None
    high: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Candidates:
    """Candidates of all planned campaigns: customers × campaigns, NaN for who isn't one."""

    users_U: Names
    names_P: Names
    coupon_UP: Names
    chance_UP: Doubles
    effect_HUP: Doubles | None
    error_UP: Doubles
    cost_UP: Doubles
    asked_UP: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def promote(
    record: Record,
    standing: Forecast,
    plan: Plan,
    response: FittedResponse | None,
    uplift: FittedUplift | None,
) -> Promotions:
    """Choose whom to send the campaigns that begin at or after the plan's moment."""
    planned = np.flatnonzero(record.campaigns.start_C >= plan.now)
    notes = []
    if not len(planned):
        notes.append("No campaign lies ahead, so nobody can be chosen for one.")
        return Promotions(OFFER_SCHEMA.empty_table(), 0, 0.0, None, None, None, tuple(notes))
    asked = _candidates(record, standing, plan, planned.tolist(), (response, uplift))
    dear = bool(np.isfinite(asked.cost_UP[asked.asked_UP]).all())
    if not dear:
        notes.append(
            "What an offer costs isn't known, so costs are left out"
            + (" and the budget counts offers." if plan.budget is not None else ".")
        )
    cost_UP = asked.cost_UP if dear else np.ones_like(asked.cost_UP)
    if uplift is None:
        notes.append(
            "No campaign tells uplift, so customers are chosen by their chance to respond. That is "
            "response, not uplift: what they would have bought anyway isn't known, and no margin "
            "can be told."
        )
    elif plan.margin is None:
        notes.append("Without --margin, what of added spend is margin can't be told.")
    value_UP = _values(asked, plan, dear)
    sent = allocate(value_UP, np.nan_to_num(cost_UP), plan.budget)
    table = _table(asked, value_UP, sent.offer_U, plan, dear)
    total = _total(asked, sent.offer_U, plan, dear)
    cost = sent.cost if dear else None
    return Promotions(table, int((sent.offer_U >= 0).sum()), cost, *total, tuple(notes))


def _candidates(
    record: Record,
    standing: Forecast,
    plan: Plan,
    planned: list[int],
    models: tuple[FittedResponse | None, FittedUplift | None],
) -> _Candidates:
    campaigns, (response, uplift) = record.campaigns, models
    users_U = np.unique(np.concatenate([campaigns.members(code) for code in planned]))
    shape = (len(users_U), len(planned))
    chance_UP, cost_UP = np.full(shape, np.nan), np.full(shape, np.nan)
    coupon_UP = np.full(shape, "", dtype=record.offers.coupon_O.dtype)
    asked_UP = np.zeros(shape, dtype=bool)
    halves = len(uplift.halves) if uplift is not None else 0
    effect_HUP = np.full((halves, *shape), np.nan)
    for at, code in enumerate(planned):
        span = int(campaigns.start_C[code]), int(campaigns.end_C[code])
        mine_U = np.flatnonzero(np.isin(users_U, campaigns.members(code)))
        asked_UP[mine_U, at] = True
        offers = record.offers.of(str(campaigns.names_C[code]))
        sight = record.sight(plan.now, standing, span)
        days = (span[1] - span[0]) / DAY
        if response is not None:
            chance_UO = response.chance(grid_of(sight, users_U[mine_U], offers, days))
            best_U = chance_UO.argmax(axis=1)
            chance_UP[mine_U, at] = chance_UO[np.arange(len(mine_U)), best_U]
            coupon_UP[mine_U, at] = offers.coupon_O[best_U]
        if uplift is not None:
            grid = grid_of(sight, users_U[mine_U], offers.whole(), days)
            effect_HUP[:, mine_U, at] = uplift.effect_HN(grid.feature_UOF[:, 0])
        row_M = np.flatnonzero(campaigns.campaign_M == code)
        at_M = np.searchsorted(users_U, campaigns.user_M[row_M])
        cost_UP[at_M, at] = campaigns.cost_M[row_M]
    error_UP = effect_HUP.std(axis=0, ddof=1) if halves else np.full(shape, np.nan)
    names_P = campaigns.names_C[planned]
    told = effect_HUP if halves else None
    return _Candidates(users_U, names_P, coupon_UP, chance_UP, told, error_UP, cost_UP, asked_UP)


def _values(asked: _Candidates, plan: Plan, dear: bool) -> Doubles:
    """What sending each brings, in the unit that the plan allows; at most 0 for who gets none."""
    if asked.effect_HUP is None:
        return np.nan_to_num(asked.chance_UP)
    effect_UP = np.nan_to_num(asked.effect_HUP.mean(axis=0))
    dog_UP = effect_UP + SURELY * np.nan_to_num(asked.error_UP) < 0
    value_UP = effect_UP
    if plan.margin is not None:
        value_UP = effect_UP * plan.margin
        if dear:
            value_UP = value_UP - np.nan_to_num(asked.cost_UP)
    return np.where(dog_UP, 0.0, value_UP)


def _total(
    asked: _Candidates, offer_U: np.ndarray, plan: Plan, dear: bool
) -> tuple[float | None, float | None, float | None]:
    """Expected incremental margin of all that are sent, with its interval."""
    if asked.effect_HUP is None or plan.margin is None:
        return None, None, None
    sent_U = np.flatnonzero(offer_U >= 0)
    total_H = asked.effect_HUP[:, sent_U, offer_U[sent_U]].sum(axis=1) * plan.margin
    cost = float(asked.cost_UP[sent_U, offer_U[sent_U]].sum()) if dear else 0.0
    value, reach = float(total_H.mean()) - cost, REACH * float(total_H.std(ddof=1))
    return value, value - reach, value + reach


def _table(
    asked: _Candidates, value_UP: Doubles, offer_U: np.ndarray, plan: Plan, dear: bool
) -> pa.Table:
    """A row for each candidate and campaign: those that are sent first, the best of them first."""
    user_N, at_N = np.nonzero(asked.asked_UP)
    send_N = offer_U[user_N] == at_N
    order_N = np.lexsort((-value_UP[user_N, at_N], ~send_N))
    user_N, at_N, send_N = user_N[order_N], at_N[order_N], send_N[order_N]
    value_N, error_N = value_UP[user_N, at_N], asked.error_UP[user_N, at_N]
    effect_N = np.full(len(user_N), np.nan)
    if asked.effect_HUP is not None:
        effect_N = asked.effect_HUP.mean(axis=0)[user_N, at_N]
    cost_N = asked.cost_UP[user_N, at_N]
    margin_N = np.full(len(user_N), np.nan)
    if plan.margin is not None:
        margin_N = effect_N * plan.margin - (cost_N if dear else 0.0)
    told = {
        c.CHANCE: asked.chance_UP[user_N, at_N],
        c.UPLIFT: effect_N,
        c.LOW: effect_N - REACH * error_N,
        c.HIGH: effect_N + REACH * error_N,
        c.MARGIN: margin_N,
        c.COST: cost_N,
    }
    reasons = [
        _reason(*row)
        for row in zip(
            send_N,
            value_N,
            effect_N,
            effect_N + SURELY * error_N,
            offer_U[user_N] >= 0,
            strict=True,
        )
    ]
    coupons = [coupon or None for coupon in asked.coupon_UP[user_N, at_N].tolist()]
    table = pa.table(
        {
            c.USER: pa.array(asked.users_U[user_N].tolist(), pa.string()),
            c.CAMPAIGN: pa.array(asked.names_P[at_N].tolist(), pa.string()),
            c.COUPON: pa.array(coupons, pa.string()),
            **{name: pa.array(part, from_pandas=True) for name, part in told.items()},
            c.SEND: send_N,
            c.REASON: pa.array(reasons, pa.string()),
        }
    )
    return table.select(OFFER_SCHEMA.names).cast(OFFER_SCHEMA)


def _reason(send: bool, value: float, effect: float, at_best: float, other: bool) -> str:
    known = np.isfinite(effect)
    if send:
        return BEST if known else LIKELY
    if at_best < 0:
        return DOG
    if known and effect <= 0:
        return NO_GAIN
    if value <= 0:
        return DEAR if known else UNKNOWN
    return OTHER if other else BROKE


def verdict_table(record: Record, judged: Sequence[Judged]) -> pa.Table:
    """A row of `VERDICT_SCHEMA` for each campaign of the past, the latest first."""
    rows, campaigns = [], record.campaigns
    for one in reversed(judged):
        verdict, name = one.verdict, str(campaigns.names_C[one.campaign])
        days = [
            np.datetime64(int(moment[one.campaign]), "s").astype("datetime64[D]").astype(object)
            for moment in (campaigns.start_C, campaigns.end_C)
        ]
        sizes = [len(part_U) for part_U in record.compared(one.campaign)]
        responded = len(np.unique(record.responses.user_R[record.responses.campaign_R == name]))
        said: dict[str, object] = dict.fromkeys(VERDICT_SCHEMA.names)
        said |= {c.CAMPAIGN: name, c.START: days[0], c.END: days[1]}
        said |= {c.SENT: sizes[0], c.HELD: sizes[1], c.RESPONSES: responded}
        said |= {c.REASON: one.reason or "Nothing refutes that this is uplift."}
        if verdict is not None:
            reach = REACH * verdict.error
            ends = {c.LOW: verdict.effect - reach, c.HIGH: verdict.effect + reach}
            before = verdict.before if np.isfinite(verdict.before) else None
            said |= {c.DEALT: verdict.dealt, c.DIFFERENCE: verdict.effect, c.BEFORE: before}
            said |= {c.UPLIFT: verdict.effect, **ends} if one.ok else {}
        rows.append(said)
    return pa.Table.from_pylist(rows, schema=VERDICT_SCHEMA)
