"""Services: what to offer beside the goods, to whom, and when.

Five kinds. *Subscription*: a topic bought at a steady cadence, likelier than not in the window.
*Refill*: one bought again and again, likelier than not in the window. *Accessory*: the complement
of something durable bought of late, *companion* that of anything else. *Warranty*: one dear
purchase of late, of a topic not bought before.
Chances and volumes are the forecast's for its first window; days come from `replenishment`, from
the lag of `complements`, or from the purchase.
Shapes: U users, T topics, C cells, P pairs, N interactions, R rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import RETURN
from penchant.data.step import Step
from penchant.decisions.complements import Complements
from penchant.decisions.replenishment import Due
from penchant.decisions.warranty import Dear
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.repurchase import Touches, touches

SERVICES_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.SERVICE, pa.string(), nullable=False),
        pa.field(c.TOPIC, pa.string(), nullable=False),
        pa.field(c.ITEM, pa.string()),
        pa.field(c.DUE, pa.date32(), nullable=False),  # first day of the step
        pa.field(c.EARLIEST, pa.date32(), nullable=False),
        pa.field(c.LATEST, pa.date32(), nullable=False),
        pa.field(c.CHANCE, pa.float32()),
        pa.field(c.VOLUME, pa.float32()),
        pa.field(c.REASON, pa.string(), nullable=False),
    ]
)
SUBSCRIPTION, REFILL, ACCESSORY = "subscription", "refill", "accessory"
COMPANION, WARRANTY = "companion", "warranty"
KINDS = (SUBSCRIPTION, REFILL, ACCESSORY, COMPANION, WARRANTY)
LIKELY = 0.5  # chance in the window, from which a topic bought again is a service
STEADY = 0.5  # standard deviation of the gaps over their mean, up to which they are steady
STEADY_TIMES = 6  # touches, to speak of a steady cadence
WORTH = 1.2  # lower end of a lift, from which a complement is offered
LONG = 26  # steps
DURABLE = 0.5  # share of buyers back within `LONG` steps, up to which a topic is durable
LEAST_BUYERS = 20  # to say whether it is


@dataclass(frozen=True)
class Row:
    """One service for one customer; steps count from the cutoff, negative ones lie before it."""

    user: int
    kind: str
    topic: int
    due: int
    early: int
    late: int
    reason: str
    item: str | None = None


@dataclass(frozen=True)
class Services:
    """Services of every customer, by kind, the likeliest first; the notes say what isn't told."""

    forecast: Forecast
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """A row of `SERVICES_SCHEMA` for each service."""
        made = self.forecast
        user_R, topic_R = (
            np.array([getattr(row, name) for row in self.rows], dtype=np.int64)
            for name in (c.USER, c.TOPIC)
        )
        untold_R = np.array([row.kind == WARRANTY for row in self.rows], dtype=bool)
        days = {
            name: [made.step.start(made.origin + step) for step in steps]
            for name, steps in (
                (c.DUE, [row.due for row in self.rows]),
                (c.EARLIEST, [row.early for row in self.rows]),
                (c.LATEST, [row.late for row in self.rows]),
            )
        }
        columns = {
            c.USER: made.users_U[user_R].tolist(),
            c.SERVICE: [row.kind for row in self.rows],
            c.TOPIC: made.topics_T[topic_R].tolist(),
            c.ITEM: [row.item for row in self.rows],
            **days,
            c.CHANCE: pa.array(made.chance_UTW[user_R, topic_R, 0], mask=untold_R),
            c.VOLUME: pa.array(made.volume_UTW[user_R, topic_R, 0], mask=untold_R),
            c.REASON: [row.reason for row in self.rows],
        }
        return pa.table(columns, schema=SERVICES_SCHEMA)


def services(
    history: History,
    forecast: Forecast,
    kinds: Sequence[str],
    replenished: Due,
    pairs: Complements | None,
    dear: Dear | None,
) -> Services:
    """Offer services to every customer of a history, by the forecast from its end.

    `pairs` are complements among its topics, None where they can't be told; `dear` are dear
    purchases, None where prices can't be. Raises HistoryError for another forecast, or one whose
    first window doesn't begin at the cutoff.
    """
    check_forecast(history, forecast)
    chance_UT = forecast.chance_UTW[:, :, 0]
    found = touches(history.interest, kinds)
    rows = _again(history, chance_UT, replenished)
    notes = []
    if not replenished.learned:
        notes.append(
            "Too few purchases came again to learn when refills are due, so only topics bought at "
            "a regular cadence are told, by their median gap."
        )
    if pairs is None:
        notes.append(
            "Too few steps are known to learn complements, so there are neither accessories nor "
            "companions."
        )
    else:
        rows += _beside(history, forecast, found, pairs)
        if not pairs.found_P.any():
            notes.append("No topic is a complement of another beyond chance.")
    if dear is None:
        notes.append("No purchase has a price, so what is worth a warranty can't be told.")
    else:
        rows += _warranties(dear, back_T(found, len(forecast.topics_T)))
        if RETURN not in history.interest.kinds_K:
            notes.append("No returns are logged, so warranties go by price alone.")
    order = sorted(
        rows,
        key=lambda row: (KINDS.index(row.kind), -chance_UT[row.user, row.topic], row.user),
    )
    return Services(forecast, tuple(order), tuple(notes))


def check_forecast(history: History, forecast: Forecast) -> None:
    """Refuse a forecast of others, or one whose first window doesn't begin at the cutoff."""
    past = history.interest
    if not np.array_equal(forecast.users_U, past.users_U) or not np.array_equal(
        forecast.topics_T, past.topics_T
    ):
        raise HistoryError("Services need a forecast of the history's users and topics, in order.")
    if forecast.origin != past.origin + past.steps or forecast.windows_W[0].start:
        raise HistoryError(
            "Services read the forecast's first window, which has to begin where the history ends; "
            f"found {forecast.windows_W[0].name}. Put a window such as 1-4 first."
        )


def _again(history: History, chance_UT: Floats, told: Due) -> list[Row]:
    """Subscriptions and refills: topics bought again and again, likelier than not in the window."""
    past = history.interest
    likely_C = (chance_UT[told.user_C, told.topic_C] >= LIKELY) & (told.due_C >= 0)
    steady_C = (told.spread_C <= STEADY) & (told.times_C >= STEADY_TIMES)
    steady_C &= past.steps - 1 - told.last_C <= 2 * told.gap_C
    rows = []
    for cell in np.flatnonzero(likely_C).tolist():
        last = past.step.start(past.origin + int(told.last_C[cell]))
        gap = told.gap_C[cell]
        every = f", about every {_every(gap, past.step)}" if np.isfinite(gap) else ""
        said = f"in {past.step.plural(int(told.times_C[cell]))}{every}; last on {last}"
        rows.append(
            Row(
                user=int(told.user_C[cell]),
                kind=SUBSCRIPTION if steady_C[cell] else REFILL,
                topic=int(told.topic_C[cell]),
                due=int(told.due_C[cell]),
                early=int(told.early_C[cell]),
                late=int(told.late_C[cell]),
                reason=said,
            )
        )
    return rows


def _every(gap: float, step: Step) -> str:
    return f"{step}" if round(gap) == 1 else step.plural(round(gap))


def back_T(found: Touches, topics: int) -> Doubles:
    """Share of a topic's buyers back in it within `LONG` steps, or half of those known.

    NaN with fewer than `LEAST_BUYERS` who bought it so long ago.
    """
    wait = min(LONG, found.steps // 2)
    early_C = found.first_C < found.steps - wait
    second_C = np.full(len(found.user_C), found.steps + wait)
    back_C = found.times_C > 1
    second_C[back_C] = found.step_N[found.start_C[:-1][back_C] + 1]
    again_C = early_C & (second_C - found.first_C <= wait)
    buyers_T = np.bincount(found.topic_C[early_C], minlength=topics)
    again_T = np.bincount(found.topic_C[again_C], minlength=topics)
    return np.where(buyers_T >= LEAST_BUYERS, again_T / np.maximum(buyers_T, 1), np.nan)


def _beside(history: History, forecast: Forecast, found: Touches, pairs: Complements) -> list[Row]:
    """Complements of what was bought in the last steps and hasn't been followed by them yet."""
    past, within = history.interest, pairs.within
    topics, ahead = len(past.topics_T), forecast.windows_W[0].end
    last_UT = np.full((len(past.users_U), topics), -1, dtype=np.int32)
    last_UT[found.user_C, found.topic_C] = found.last_C
    lasting_T = back_T(found, topics) <= DURABLE  # never where it isn't known
    taken: set[tuple[int, int]] = set()
    rows = []
    worth_P = pairs.found_P & (pairs.low_P >= WORTH)
    for pair in np.flatnonzero(worth_P).tolist():  # the surest first
        one, other = int(pairs.from_P[pair]), int(pairs.to_P[pair])
        since_U = past.steps - 1 - last_UT[:, one]
        open_U = (last_UT[:, one] >= 0) & (since_U < within) & (last_UT[:, other] < last_UT[:, one])
        for user in np.flatnonzero(open_U).tolist():
            if (user, other) in taken:
                continue
            taken.add((user, other))
            silent = int(since_U[user])
            day = past.step.start(past.origin + int(last_UT[user, one]))
            late = min(max(within - silent - 1, 0), ahead - 1)
            rows.append(
                Row(
                    user=user,
                    kind=ACCESSORY if lasting_T[one] else COMPANION,
                    topic=other,
                    due=min(max(int(pairs.lag_P[pair]) - silent - 1, 0), late),
                    early=0,
                    late=late,
                    reason=(
                        f"bought {past.topics_T[one]} on {day}; {past.topics_T[other]} follows "
                        f"{pairs.lift_P[pair]:.1f} times as often as otherwise"
                    ),
                )
            )
    return rows


def _warranties(dear: Dear, back_T: Doubles) -> list[Row]:
    """Warranties for dear purchases, due in the first step; none of what most buy again."""
    rows = []
    for r, item in enumerate(dear.item_R.tolist()):
        if back_T[dear.topic_R[r]] > DURABLE:
            continue
        back = dear.back_R[r]
        returned = "" if np.isnan(back) else f"; {back:.0%} of such purchases come back"
        said = (
            f"bought on {dear.day_R[r]} for {dear.price_R[r]:,.2f}, {dear.times_R[r]:.0f} times "
            f"the usual price{returned}"
        )
        user, topic = int(dear.user_R[r]), int(dear.topic_R[r])
        rows.append(Row(user, WARRANTY, topic, 0, 0, 0, said, item))
    return rows
