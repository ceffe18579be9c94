"""Lifecycle: how far each customer has come with the shop, from what they did and the forecast.

Seven stages, told apart by rules of which the first that holds counts, so that everyone is in one
and in one only:

1. new: first seen no longer ago than the forecast reaches ahead;
2. lost: more likely than not, nothing at all is ahead, as for those who long only looked;
3. fading: the forecast lies clearly below the usual level;
4. frequent high-value: in the top share both by engagements and by spend to expect;
5. growing: the forecast lies clearly above the usual level;
6. loyal: expected in at least as many steps as half of the customers who aren't new;
7. occasional: everybody else.

The usual level is that of the last steps, twice as many as are forecast, or since the customer
was first seen. Clearly is beyond that level's interval and by a least share of it. The interval is
a negative binomial's, as uneven as the customer's own steps are, so that a small basket's noise
moves nobody. The forecast's own interval doesn't serve: one that holds whatever a household may do
next is so wide that nobody would ever grow or fade.
The chance of anything, and the steps to expect it in, are those of the forecast of activity that
churn reads, where there is one: receipts with many lines are no visits apart.
Blind to why.
Shapes: U users, T topics, W windows, N entries, M pairs of a user and a step, G stages.
"""

from dataclasses import dataclass

import numpy as np

from penchant.errors import HistoryError, RecipeError
from penchant.interest import counts
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.forecast import Forecast, Total
from penchant.interest.history import History
from penchant.interest.interest import Codes, Names
from penchant.interest.task import disjoint

NEW, LOST, FADING, FREQUENT = "new", "lost", "fading", "frequent high-value"
GROWING, LOYAL, OCCASIONAL = "growing", "loyal", "occasional"
STAGES = (NEW, GROWING, LOYAL, FREQUENT, FADING, LOST, OCCASIONAL)
PRIOR_ENGAGEMENTS = 10.0  # at the shop's prices, added to a customer's own


@dataclass(frozen=True)
class Usual:
    """Engagements of each user in as many steps as are forecast, at the usual level."""

    mean_U: Doubles
    low_U: Doubles  # interval of that level
    high_U: Doubles
    first_U: Integers  # step of the first event of any kind


@dataclass(frozen=True)
class Stages:
    """Everyone's stage, and the numbers that it was told by."""

    users_U: Names
    stage_U: Codes  # place in STAGES
    steps: int  # forecast
    ahead: Total  # engagements of each user
    chance_U: Doubles  # of any engagement
    usual: Usual
    spend_U: Doubles | None  # expected; None where no event has a value
    notes: tuple[str, ...]  # what can't be told

    @property
    def size_G(self) -> Integers:
        """Customers in each stage."""
        return np.bincount(self.stage_U, minlength=len(STAGES))


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """Recipe: the rules' thresholds. Costs one pass over the forecast."""

    lost_chance: float = 0.5  # of any engagement ahead, below which a customer is lost
    level: float = 0.8  # of the usual level's interval, that a change must leave
    least_change: float = 0.2  # share of the usual level, to fade or grow
    top: float = 0.2  # share of customers that are frequent, and that are of high value
    look_back: float = 2.0  # times the steps ahead, that make the usual level

    def __post_init__(self) -> None:
        shares = (self.lost_chance, self.level, self.top, self.least_change)
        if not all(0 < share < 1 for share in shares) or not self.look_back >= 1:
            raise RecipeError(
                "The thresholds of a lifecycle lie between 0 and 1, and it looks back at least as "
                f"far as ahead; found lost_chance {self.lost_chance}, level {self.level}, top "
                f"{self.top}, least_change {self.least_change} and look_back {self.look_back}."
            )

    def stages(
        self, history: History, made: Forecast, activity: Forecast | None, target: tuple[str, ...]
    ) -> Stages:
        """Tell everyone's stage.

        `activity` forecasts one topic for one window, whose engagements are steps with any; without
        it the chance of anything comes from the forecast over topics, and a note says so. Raises
        HistoryError for a forecast of other users, or from another day on.
        """
        check_beside(history, made)
        past, ahead = history.interest, total_ahead(made)
        steps = sum(made.windows_W[w].length for w in disjoint(made.windows_W))
        chance_U, visits_U = 1 - counts.cumulative(0, ahead.mean, ahead.excess), ahead.mean
        if activity is not None:
            check_beside(history, activity)
            chance_U, visits_U = (
                of_UTW[:, 0, 0].astype(np.float64)
                for of_UTW in (activity.chance_UTW, activity.volume_UTW)
            )
        usual, spend_U = self._usual(history, steps, target), expected_spend(history, made, target)
        new_U = usual.first_U >= past.steps - steps
        high_U = upper_U(ahead.mean, self.top)
        known_U = visits_U[~new_U]
        rules = (
            (NEW, new_U),
            (LOST, chance_U < self.lost_chance),
            (FADING, self._apart(-ahead.mean, -usual.mean_U, -usual.low_U)),
            (FREQUENT, high_U & (False if spend_U is None else upper_U(spend_U, self.top))),
            (GROWING, self._apart(ahead.mean, usual.mean_U, usual.high_U)),
            (LOYAL, visits_U >= (np.median(known_U) if len(known_U) else 0)),
        )
        stage_U = np.full(len(chance_U), STAGES.index(OCCASIONAL), dtype=np.int32)
        for stage, held_U in reversed(rules):
            stage_U[held_U] = STAGES.index(stage)
        return Stages(
            users_U=past.users_U,
            stage_U=stage_U,
            steps=steps,
            ahead=ahead,
            chance_U=chance_U,
            usual=usual,
            spend_U=spend_U,
            notes=_untold(history, steps, activity is not None, spend_U is not None),
        )

    def _apart(self, mean_U: Doubles, usual_U: Doubles, end_U: Doubles) -> Flags:
        """Whose forecast lies above the interval's end, and by enough of the usual level."""
        return (mean_U > end_U) & (mean_U - usual_U > self.least_change * np.abs(usual_U))

    def _usual(self, history: History, steps: int, target: tuple[str, ...]) -> Usual:
        past = history.interest
        users, engaged_N = len(past.users_U), past.target_N(target)
        first_U = np.full(users, past.steps)
        np.minimum.at(first_U, past.user_N, past.step_N)
        start_U = np.maximum(first_U, past.steps - round(self.look_back * steps))
        span_U = np.maximum(past.steps - start_U, 1)
        late_N = past.step_N >= start_U[past.user_N]
        cell_N = past.user_N[late_N].astype(np.int64) * past.steps + past.step_N[late_N]
        cell_M, place_N = np.unique(cell_N, return_inverse=True)
        count_M, user_M = np.bincount(place_N, weights=engaged_N[late_N]), cell_M // past.steps
        sum_U = np.bincount(user_M, weights=count_M, minlength=users)
        square_U = np.bincount(user_M, weights=count_M**2, minlength=users)
        spread_U = (square_U - sum_U**2 / span_U) / np.maximum(span_U - 1, 1)
        excess_U = np.maximum(spread_U * span_U / np.maximum(sum_U, 1e-9) - 1, 0)
        low_U, high_U = (
            counts.quantile(q, sum_U, excess_U) * steps / span_U
            for q in ((1 - self.level) / 2, (1 + self.level) / 2)
        )
        return Usual(sum_U * steps / span_U, low_U, high_U, first_U)


def _untold(history: History, steps: int, visits: bool, values: bool) -> tuple[str, ...]:
    """What can't be told, and why."""
    notes, known = [], history.interest.steps
    if not visits:
        notes.append(
            "Too few came back to forecast visits, so chances are those of the forecast over "
            "topics, which are rather too high."
        )
    if not values:
        notes.append(f"No event has a value, so nobody can be called {FREQUENT}.")
    if known <= steps:
        notes.append(
            f"{history.interest.step.plural(known)} are known, no more than the {steps} ahead, so "
            "everyone is new."
        )
    return tuple(notes)


def upper_U(value_U: Doubles, share: float) -> Flags:
    """Who is in the top share by some value, and has any of it."""
    if not len(value_U):
        return value_U > 0
    return (value_U >= np.quantile(value_U, 1 - share)) & (value_U > 0)


def check_beside(history: History, made: Forecast) -> None:
    """Refuse a forecast that doesn't begin where the history ends, or is of other users."""
    past = history.interest
    if not np.array_equal(made.users_U, past.users_U):
        raise HistoryError("Segments need a forecast of the history's users, in their order.")
    if made.step != past.step or made.origin != past.origin + past.steps:
        raise HistoryError(
            f"Segments need a forecast that begins where the history ends, {history.cutoff_date}; "
            f"found one that begins {made.step.start(made.origin)}."
        )


def total_ahead(made: Forecast) -> Total:
    """Engagements of each user over all topics, and over the windows that don't overlap.

    Counts of topics and windows are independent given the shock that a user's topics share; windows
    are taken to share it whole, which makes the interval rather too wide.
    """
    places = disjoint(made.windows_W)
    mean_UW = made.volume_UTW.sum(axis=1, dtype=np.float64)[:, places]
    own_UW = (made.volume_UTW * (1 + made.excess_UTW)).sum(axis=1)[:, places]
    shock_U = (mean_UW * made.user_shock_W[places]).sum(axis=1)
    return Total(mean_UW.sum(axis=1), np.sqrt(own_UW.sum(axis=1) + shock_U**2))


def expected_spend(history: History, made: Forecast, target: tuple[str, ...]) -> Doubles | None:
    """Spend to expect ahead: volumes at each topic's mean value, times how dear the customer buys.

    None where no event has a value.
    """
    past = history.interest
    money_N, engaged_N = np.maximum(past.money_N, 0), past.target_N(target)
    if not money_N.sum() or not engaged_N.sum():
        return None
    topics, users = len(past.topics_T), len(past.users_U)
    shop = money_N.sum() / engaged_N.sum()
    paid_T = np.bincount(past.topic_N, weights=money_N, minlength=topics)
    times_T = np.bincount(past.topic_N, weights=engaged_N, minlength=topics)
    price_T = (paid_T + PRIOR_ENGAGEMENTS * shop) / (times_T + PRIOR_ENGAGEMENTS)
    paid_U = np.bincount(past.user_N, weights=money_N, minlength=users)
    usual_N = engaged_N * price_T[past.topic_N]
    usual_U = np.bincount(past.user_N, weights=usual_N, minlength=users)
    prior = PRIOR_ENGAGEMENTS * shop
    return made.ahead_UT() @ price_T * (paid_U + prior) / (usual_U + prior)
