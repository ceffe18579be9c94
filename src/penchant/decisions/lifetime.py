"""Lifetimes: how long a customer goes on buying, told from how often and how lately they did.

While a customer is one, each step holds a purchase with the customer's own chance; after each, the
customer leaves for good with another. Both chances are Beta over customers, so the likelihood needs
only the number of steps bought in after the first, the last of them, and the steps since the first
(Fader, Hardie and Shang, "Customer-base analysis in a discrete-time noncontractual setting", 2010).
It ranks customers well, but where people return from long absences it expects too few: nobody comes
back from having left. A second model of the same steps tells whether they do: a logistic one of a
purchase in the next step, by purchases so far, silence and age. Where it makes the past likelier it
is walked ahead, and all volumes and chances are put on the level that results.
Blind to season, to money, and to what is bought.
Shapes: U users, N user-steps, P parameters, F features, W windows, S steps, J steps ahead,
L steps in which a customer may have left.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, expit, logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from penchant.errors import HistoryError
from penchant.interest import counts
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import make_forecast
from penchant.interest.task import Task

LEAST_CUSTOMERS = 20  # below, nobody's lifetime can be told from others'
LEAST_RETURNS = 20  # steps bought in again
WALK_PRICE = 2.0  # log likelihood that its two further parameters must earn (Akaike)
BLOCK = 20_000  # users at a time
STARTS = ((-0.5, 2.0, -1.0, 1.0), (0.0, 2.0, 0.0, 3.0))  # logarithms; the better top is kept
BOUNDS = (-5.0, 8.0)  # of the logarithms: beyond, all customers are alike
GRID_G = np.concatenate([[0.0], np.geomspace(0.02, 80.0, 120)])  # excess tried


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """Recipe. Costs seconds; one topic, whose engagements are steps with a purchase."""

    walked: int = 5000  # users the walk learns from, evenly chosen
    paths: int = 200_000  # walked ahead, at least
    seed: int = 0

    def fit(self, history: History, task: Task) -> "FittedLifetime":
        """Find the likeliest lifetimes and the shop's level ahead.

        Raises HistoryError for several topics, for windows that begin later than the cutoff, and
        where too few customers came back.
        """
        if len(history.interest.topics_T) != 1 or any(window.start for window in task.windows):
            raise HistoryError(
                f"Lifetimes are of one topic, from the cutoff on; found "
                f"{len(history.interest.topics_T)} topics and the windows "
                f"{', '.join(window.name for window in task.windows)}."
            )
        seen = summary(history, task)
        known = Summary(*(part[seen.age_U >= 0] for part in vars(seen).values()))
        customers, returns = len(known.age_U), int(known.again_U.sum())
        if customers < LEAST_CUSTOMERS or returns < LEAST_RETURNS:
            raise HistoryError(
                f"Who stays is learned from those who came back: {customers:,} customers returned "
                f"{returns:,} times, and at least {LEAST_CUSTOMERS} and {LEAST_RETURNS} are "
                "needed. Bring in more customers, or a longer past."
            )
        first = FittedLifetime(
            task,
            _likeliest(known).astype(np.float32),
            np.ones(len(task.windows), dtype=np.float32),
            np.zeros(len(task.windows), dtype=np.float32),
        )
        volume_UW = first.volume_UW(known).astype(np.float64)
        volume_W, active_W = volume_UW.sum(axis=0), first.active_UW(known).sum(axis=0)
        bought_US = _bought_US(history, task)
        bought_US = bought_US[
            np.linspace(0, customers - 1, min(customers, self.walked)).astype(int)
        ]
        walk = _fit_walk(bought_US)
        if walk.likelihood - WALK_PRICE > _mean_likelihood(first, known) * len(bought_US):
            volume_W, active_W = (customers * part_W for part_W in walk.ahead(self, task))
        level_W = volume_W / volume_UW.sum(axis=0)
        excess_W = [
            np.interp(
                -active_W[w],
                [-counts.chance_of(volume_UW[:, w] * level_W[w], g).sum() for g in GRID_G],
                GRID_G,
            )
            for w in range(len(task.windows))
        ]
        return FittedLifetime(
            task, first.shape_P, level_W.astype(np.float32), np.array(excess_W, dtype=np.float32)
        )


@dataclass(frozen=True)
class Walk:
    """A logistic model of a purchase in the next step, and where customers stand now."""

    weight_F: Doubles
    offset: float
    likelihood: float  # log likelihood of all steps after the first
    again_U: Integers
    silent_U: Integers
    age_U: Integers

    def ahead(self, recipe: Lifetime, task: Task) -> tuple[Doubles, Doubles]:
        """Steps with a purchase, and the chance of any, of a customer in each window."""
        copies = -(-recipe.paths // len(self.age_U))
        now = (self.again_U, self.silent_U, self.age_U)
        again_N, silent_N, age_N = (np.tile(part, copies) for part in now)
        start_N, random = again_N.copy(), np.random.default_rng(recipe.seed)
        volume_J, active_J = np.zeros((2, task.horizon))
        for j in range(task.horizon):
            silent_N, age_N = silent_N + 1, age_N + 1
            chance_N = expit(_features(again_N, silent_N, age_N) @ self.weight_F + self.offset)
            came_N = random.random(len(chance_N)) < chance_N
            again_N, silent_N = again_N + came_N, np.where(came_N, 0, silent_N)
            volume_J[j], active_J[j] = (again_N - start_N).mean(), (again_N > start_N).mean()
        end_W = np.array([window.end for window in task.windows])
        return volume_J[end_W - 1], active_J[end_W - 1]


def _fit_walk(bought_US: Flags) -> Walk:
    again_U, silent_U, age_U, feature_NF, came_N = _steps_of(bought_US)
    scaler = StandardScaler().fit(feature_NF)
    model = LogisticRegression(C=10, max_iter=500).fit(scaler.transform(feature_NF), came_N)
    weight_F = model.coef_[0] / scaler.scale_
    offset = float(model.intercept_[0] - weight_F @ scaler.mean_)
    score_N = feature_NF @ weight_F + offset
    likelihood = float((came_N * score_N - np.logaddexp(0, score_N)).sum())
    return Walk(weight_F, offset, likelihood, again_U, silent_U, age_U)


def _mean_likelihood(found: "FittedLifetime", seen: "Summary") -> float:
    """Log likelihood of a customer's steps after the first."""
    blocks = _blocks(seen.again_U, seen.last_U, seen.age_U)
    parts = [logsumexp(_likely(found.shape_P, *block), axis=1) for block in blocks]
    return float(np.concatenate(parts).mean())


@dataclass(frozen=True)
class Summary:
    """What the likelihood needs of each user; age -1 is a user who never bought."""

    again_U: Doubles  # steps bought in after the first
    last_U: Doubles  # steps from the first to the last of them
    age_U: Doubles  # steps known since the first


def summary(history: History, task: Task) -> Summary:
    """Summarise the steps with a purchase of each user."""
    interest = history.interest
    bought_N = interest.target_N(task.target) > 0
    user_N, step_N = interest.user_N[bought_N], interest.step_N[bought_N]
    users = len(interest.users_U)
    first_U, last_U = np.full(users, interest.steps), np.full(users, -1)
    np.minimum.at(first_U, user_N, step_N)
    np.maximum.at(last_U, user_N, step_N)
    return Summary(
        np.maximum(np.bincount(user_N, minlength=users) - 1, 0).astype(np.float64),
        np.maximum(last_U - first_U, 0).astype(np.float64),
        (interest.steps - 1 - first_U).astype(np.float64),
    )


@dataclass(frozen=True)
class FittedLifetime:
    """Model: the two Beta distributions of chances, and the shop's level in each window."""

    task: Task
    shape_P: Floats  # logarithms of the shapes: of buying (2), of leaving (2)
    level_W: Floats  # factor on volumes
    excess_W: Floats

    def predict(self, history: History) -> Forecast:
        """Forecast every user; of one who never bought, nothing."""
        seen = summary(history, self.task)
        volume_UW = self.volume_UW(seen) * self.level_W
        volume_UW[seen.age_U < 0] = 0
        chance_UW = counts.chance_of(volume_UW, self.excess_W).astype(np.float32)
        return make_forecast(history, self.task, chance_UW[:, None], volume_UW[:, None])

    def volume_UW(self, seen: Summary) -> Floats:
        """Steps with a purchase in each window, before the shop's level is put on them."""
        told_UJ = self._ahead_UJ(seen, self.task.horizon, 1, 0).cumsum(axis=1)
        return told_UJ[:, [window.end - 1 for window in self.task.windows]].astype(np.float32)

    def active_UW(self, seen: Summary) -> Floats:
        """Chance of any purchase in each window, before the shop's level is put on it."""
        skipped_J = np.arange(self.task.horizon)  # before the first purchase ahead
        told_UJ = self._ahead_UJ(seen, self.task.horizon, 1, skipped_J).cumsum(axis=1)
        return told_UJ[:, [window.end - 1 for window in self.task.windows]].astype(np.float32)

    def alive_UJ(self, history: History, ahead: int) -> Floats:
        """Chance that a user is still a customer after each of the steps ahead; never bought: 0."""
        seen = summary(history, self.task)
        alive_UJ = self._ahead_UJ(seen, ahead, 0, 0).astype(np.float32)
        alive_UJ[seen.age_U < 0] = 0
        return alive_UJ

    @cached_property
    def _shapes(self) -> tuple[float, ...]:
        return tuple(np.exp(self.shape_P.astype(np.float64)).tolist())

    def _ahead_UJ(self, seen: Summary, ahead: int, bought: int, skipped: int | Integers) -> Doubles:
        """Chance of still being a customer in each step ahead, having bought and skipped so often.

        `bought` and `skipped` are of steps ahead whose purchases are told; others may be either.
        """
        buy, skip, leave, stay = self._shapes
        age_U, again_U = np.maximum(seen.age_U, 0), seen.again_U
        likely_U = np.concatenate(
            [
                logsumexp(_likely(self.shape_P, *block), axis=1)
                for block in _blocks(again_U, seen.last_U, age_U)
            ]
        )
        missed_UJ = (age_U - again_U)[:, None] + skipped
        bought_UJ = betaln(buy + (again_U + bought)[:, None], skip + missed_UJ) - betaln(buy, skip)
        stayed_UJ = betaln(leave, stay + age_U[:, None] + np.arange(1, ahead + 1))
        return np.exp(bought_UJ + stayed_UJ - betaln(leave, stay) - likely_U[:, None])


def _blocks(*parts: Doubles) -> list[tuple[Doubles, ...]]:
    """The same rows of several arrays, a block at a time; one block where there are none."""
    rows = range(0, max(1, len(parts[0])), BLOCK)
    return [tuple(part[start : start + BLOCK] for part in parts) for start in rows]


def _likely(
    shape_P: npt.NDArray[np.floating], again_U: Doubles, last_U: Doubles, age_U: Doubles
) -> Doubles:
    """Log likelihood of having stayed (first column), or left after each later step (`U1+L`)."""
    buy, skip, leave, stay = np.exp(shape_P.astype(np.float64))
    quiet_U = age_U - last_U
    left_L = np.arange(int(quiet_U.max(initial=0)))
    skipped_UL = (last_U - again_U)[:, None] + left_L
    log_UL = betaln(buy + again_U[:, None], skip + skipped_UL) - betaln(buy, skip)
    log_UL += betaln(leave + 1, stay + last_U[:, None] + left_L) - betaln(leave, stay)
    stayed_U = betaln(buy + again_U, skip + age_U - again_U) - betaln(buy, skip)
    stayed_U += betaln(leave, stay + age_U) - betaln(leave, stay)
    return np.column_stack([stayed_U, np.where(left_L < quiet_U[:, None], log_UL, -np.inf)])


def _likeliest(seen: Summary) -> Doubles:
    """Logarithms of the four shapes with the greatest likelihood."""
    rows_UP = np.column_stack([seen.again_U, seen.last_U, seen.age_U])
    alike_UP, times_U = np.unique(rows_UP, axis=0, return_counts=True)
    again_U, last_U, age_U = alike_UP.T

    def lost(shape_P: Doubles) -> float:
        found_U = logsumexp(_likely(shape_P, again_U, last_U, age_U), axis=1)
        return -float(times_U @ found_U)

    tops = [
        minimize(lost, start, method="L-BFGS-B", bounds=[BOUNDS] * len(start)) for start in STARTS
    ]
    return np.asarray(min(tops, key=lambda top: top.fun).x)


def _bought_US(history: History, task: Task) -> Flags:
    """Whether each user bought in each step; users who never did are left out."""
    interest = history.interest
    bought_N = interest.target_N(task.target) > 0
    bought_US = np.zeros((len(interest.users_U), interest.steps), dtype=np.bool_)
    bought_US[interest.user_N[bought_N], interest.step_N[bought_N]] = True
    return bought_US[bought_US.any(axis=1)]


def _steps_of(bought_US: Flags) -> tuple[Integers, Integers, Integers, Doubles, Flags]:
    """Where every user stands now, and the features and outcome of every step after a first."""
    users, steps = bought_US.shape
    again_U, silent_U, age_U = (np.full(users, -1, dtype=np.int64) for _ in range(3))
    features, outcomes = [], []
    for step in range(steps):
        known_U, came_U = again_U >= 0, bought_US[:, step]
        silent_U, age_U = silent_U + known_U, age_U + known_U
        features.append(_features(again_U[known_U], silent_U[known_U], age_U[known_U]))
        outcomes.append(came_U[known_U])
        age_U = np.where(came_U & ~known_U, 0, age_U)
        again_U, silent_U = again_U + came_U, np.where(came_U, 0, silent_U)
    return again_U, silent_U, age_U, np.concatenate(features), np.concatenate(outcomes)


def _features(again_N: Integers, silent_N: Integers, age_N: Integers) -> Doubles:
    """Purchases again, silence and age on log scales, and whether the first was the only one."""
    silence_N, once_N = np.log1p(silent_N), again_N == 0
    return np.column_stack(
        [np.log(again_N + 0.5), silence_N, np.log1p(age_N), once_N, once_N * silence_N]
    )
