"""Series, spread over users: the shop's demand goes on as series do, each user keeps his shares.

The shop's total and its largest topics are forecast by ARIMA, whose orders are searched, with the
promotions of the calendar as a regressor where it knows the windows; the other topics by
exponential smoothing, and those that many steps pass without by TSB, which smooths how likely
demand is apart from how large (Teunter, Syntetos and Babai, "Intermittent demand: linking
forecasting to inventory obsolescence", 2011). A user's activity is the mean of TSB and of a fading
rate, spread by decayed shares. Summed over users, the volumes are the total's forecast.
Blind to what similar customers do and to a user's own cadence; growth is that of the fit, and ages.
Shapes: U users, T topics, W windows, S steps, H steps ahead, C steps of the calendar, N series or
entries.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from penchant.data.step import Step
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.outcome import outcome
from penchant.interest.space import Between, OneOf, Space
from penchant.interest.task import Task
from penchant.models.activity import activity_U
from penchant.models.counting import Counting
from penchant.models.decayed_share import DecayedShare
from penchant.models.heads import fit_head, untrained_head
from penchant.models.univariate import (
    LEAST_SEASONS,
    LEAST_STEPS,
    LONG,
    LONG_SEASON,
    Doubles,
    project,
)

SEASONS = {Step.DAY: 7, Step.WEEK: 52, Step.MONTH: 12}  # steps
LEAST_PROMOTED = 4  # steps with promotions, for their effect to be told from chance
MOST_GROWTH = 2.0  # of a topic or the shop beside what its users' rates say, either way
HALF_SURE = 100.0  # engagements at which a topic's own series weighs half of what it may


@dataclass(frozen=True, kw_only=True)
class Arima:
    """Recipe. Costs some ten series of ARIMA, and a hundred others, a second; and shares' tuning.

    A season of a year makes each ARIMA take seconds, once two years are known.
    """

    shares: DecayedShare = field(default_factory=DecayedShare)  # of each user; tuned at the fit
    arima_topics: int = 10  # largest topics whose orders are searched, beside the total's
    most_idle: float = 0.4  # share of steps without demand beyond which TSB takes over
    trusts: tuple[float, ...] = (0.0, 0.25)  # in topics' own series; the best is kept
    chance_smoothing: float = 0.1  # of TSB
    size_smoothing: float = 0.1  # of TSB
    promotions: bool = True  # as a regressor, where the calendar knows the windows

    SEARCH: ClassVar[Space] = {
        "most_idle": Between(0.1, 0.9),
        "chance_smoothing": Between(0.02, 0.5, log=True),
        "size_smoothing": Between(0.02, 0.5, log=True),
        "promotions": OneOf((True, False)),
    }

    def fit(self, history: History, task: Task) -> Counting:
        """Forecast every series, and learn from doing so one horizon earlier."""
        topics_T, windows = history.interest.topics_T, len(task.windows)
        series = self._series(history, task)
        cutoff = history.cutoff - task.horizon
        if cutoff < 1 or not (history.interest.step_N < cutoff).any():
            spread = series.spread(np.zeros(windows))
            return Counting(spread, task, topics_T, untrained_head(len(topics_T), task))
        past = history.until(cutoff)
        came_UTW = outcome(history, past.interest.users_U, cutoff, task).count_UTW
        earlier = self._series(past, task)
        trust_W = earlier.best_trust_W(came_UTW.sum(axis=0), self.trusts)
        head = fit_head(earlier.spread(trust_W).volume_UTW(past, task), came_UTW)
        return Counting(series.spread(trust_W), task, topics_T, head)

    def _series(self, history: History, task: Task) -> "_Series":
        """Tune the shares, then compare what the series say with the sum over users."""
        tuned = replace(self, shares=self.shares.tuned(history, task))
        same_TW = np.ones((len(history.interest.topics_T), len(task.windows)))
        plain = Spread(tuned, same_TW.astype(np.float32))
        users_TW = plain.volume_UTW(history, task).sum(axis=0, dtype=np.float64)
        count_TS = history.topic_count_TS(task.target)[:, 1:].astype(np.float64)  # 0 may be partial
        if count_TS.shape[1] < LEAST_STEPS or not count_TS.any():
            return _Series(tuned, users_TW, same_TW[0], same_TW)
        ahead, promotion_TC = _Ahead(history, task), history.calendar.promotion_TC
        shop_W = self._arima_W(count_TS.sum(axis=0), promotion_TC.sum(axis=0), ahead)
        shop_W = _bounded(shop_W / users_TW.sum(axis=0))
        size_T = count_TS.sum(axis=1)
        largest = set(np.argsort(-size_T, kind="stable")[: self.arima_topics].tolist())
        topic_TW = np.stack(
            [
                self._arima_W(count_S, promotion_TC[t], ahead)
                if t in largest
                else self._simple_W(count_S, ahead)
                for t, count_S in enumerate(count_TS)
            ]
        )
        sure_T = size_T / (size_T + HALF_SURE)
        own_TW = _bounded(topic_TW / (users_TW * shop_W)) ** sure_T[:, None]
        return _Series(tuned, users_TW, shop_W, own_TW)

    def _arima_W(self, count_S: Doubles, promotion_C: Floats, ahead: "_Ahead") -> Doubles:
        """Demand of one series in each window, by ARIMA with the promotions that are known."""
        count_S = np.trim_zeros(count_S, "f")
        regressors = ahead.regressors(promotion_C, len(count_S)) if self.promotions else None
        if len(count_S) < LEAST_STEPS:
            return ahead.windows(np.full(ahead.steps, count_S.mean() if len(count_S) else 0.0))
        season = ahead.season(len(count_S))
        if regressors is None or np.ptp(count_S) == 0:
            return ahead.windows(project(count_S, "arima", ahead.steps, season=season).mean_H)
        from statsforecast.models import AutoARIMA

        long = len(count_S) > LONG or season > LONG_SEASON
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # orders tried on the way may not converge
            recipe = AutoARIMA(season_length=season, approximation=long)
            fitted = recipe.fit(count_S, X=regressors[0])
            return ahead.windows(fitted.predict(h=ahead.steps, X=regressors[1]).pop("mean"))

    def _simple_W(self, count_S: Doubles, ahead: "_Ahead") -> Doubles:
        """Demand of one series in each window, by exponential smoothing or TSB."""
        count_S = np.trim_zeros(count_S, "f")
        if len(count_S) < LEAST_STEPS or (count_S == 0).mean() > self.most_idle:
            rate_N = self.tsb_N(count_S[None, :])
            return ahead.windows(np.repeat(rate_N, ahead.steps))
        season = ahead.season(len(count_S))
        return ahead.windows(project(count_S, "ets", ahead.steps, season=season).mean_H)

    def tsb_N(self, count_NS: Doubles) -> Doubles:
        """Expected demand a step of each series, from its first demand on: chance times size."""
        active_NS = count_NS > 0
        met_NS = active_NS.cumsum(axis=1) > 0
        active_N = active_NS.sum(axis=1)
        chance_N = (active_N + 1) / (met_NS.sum(axis=1) + 2) * (active_N > 0)
        size_N = count_NS.sum(axis=1) / np.maximum(active_N, 1)
        for count_N, came_N, met_N in zip(count_NS.T, active_NS.T, met_NS.T, strict=True):
            chance_N += self.chance_smoothing * met_N * (came_N - chance_N)
            size_N += self.size_smoothing * came_N * (count_N - size_N)
        return chance_N * size_N


@dataclass(frozen=True)
class _Ahead:
    """Where a series ends, and what is asked of the steps that follow."""

    history: History
    task: Task

    @property
    def steps(self) -> int:
        """Steps to forecast."""
        return self.task.horizon

    def season(self, known: int) -> int:
        """Steps of the calendar's season, or 1 where too few are known for it."""
        season = SEASONS[self.history.interest.step]
        return season if known >= LEAST_SEASONS * season else 1

    def windows(self, mean_H: Doubles) -> Doubles:
        """Sums over windows; demand doesn't fall below 0."""
        mean_H = np.maximum(mean_H, 0.0)
        return np.array([mean_H[w.start : w.end].sum() for w in self.task.windows])

    def regressors(self, promotion_C: Floats, known: int) -> tuple[Doubles, Doubles] | None:
        """Promotions in the last `known` steps and ahead; None where they can't be told of both.

        Those ahead are kept within what was seen.
        """
        cutoff = self.history.cutoff
        past_S = promotion_C[cutoff - known : cutoff].astype(np.float64)
        ahead_H = promotion_C[cutoff : cutoff + self.steps].astype(np.float64)
        told = len(ahead_H) == self.steps and np.ptp(past_S) > 0
        if not told or (past_S > 0).sum() < LEAST_PROMOTED:
            return None
        scale = past_S.std()
        ahead_H = np.clip(ahead_H, past_S.min(), past_S.max())
        return past_S[:, None] / scale, ahead_H[:, None] / scale


def _bounded(growth: Doubles) -> Doubles:
    return np.clip(growth, 1 / MOST_GROWTH, MOST_GROWTH)


@dataclass(frozen=True)
class _Series:
    """What series say of the shop and of each topic beside it, as factors of the sum over users."""

    recipe: Arima
    users_TW: Doubles
    shop_W: Doubles
    own_TW: Doubles

    def growth_TW(self, trust_W: Doubles) -> Doubles:
        """Factors at a trust in topics' own series; the total stays the shop's."""
        growth_TW = self.own_TW**trust_W
        total_W, grown_W = self.users_TW.sum(axis=0), (self.users_TW * growth_TW).sum(axis=0)
        kept_W = np.divide(total_W, grown_W, out=np.ones_like(total_W), where=grown_W > 0)
        return growth_TW * self.shop_W * kept_W

    def spread(self, trust_W: Doubles) -> "Spread":
        """The counter that lets users' rates grow so."""
        return Spread(self.recipe, self.growth_TW(trust_W).astype(np.float32))

    def best_trust_W(self, came_TW: Floats, trusts: Sequence[float]) -> Doubles:
        """The trust at which topics' shares of the demand say best what came, by window."""
        loss = []
        for trust in trusts:
            demand_TW = self.users_TW * self.growth_TW(np.full(len(self.shop_W), trust))
            demand_TW = np.maximum(demand_TW, 1e-9)
            loss.append(-(came_TW * np.log(demand_TW / demand_TW.sum(axis=0))).sum(axis=0))
        return np.array(trusts)[np.argmin(loss, axis=0)]


@dataclass(frozen=True)
class Spread:
    """What series say beside users' rates, and how a user's activity is spread."""

    recipe: Arima
    growth_TW: Floats

    def volume_UTW(self, history: History, task: Task) -> Floats:
        """Spread each user's activity by his shares, and let each topic grow."""
        share_UT = self.recipe.shares.share_UT(history, task)
        length_W = np.array([window.length for window in task.windows], dtype=np.float32)
        rate_UT = self._rate_U(history, task)[:, None] * share_UT
        return rate_UT[:, :, None] * (length_W * self.growth_TW)

    def _rate_U(self, history: History, task: Task) -> Floats:
        """Mean of TSB and the fading rate, whose errors differ."""
        interest = history.interest
        users, steps = len(interest.users_U), interest.steps
        code_N = interest.user_N.astype(np.int64) * steps + interest.step_N
        weight_N = interest.target_N(task.target)
        count_N = np.bincount(code_N, weights=weight_N, minlength=users * steps)
        tsb_U = self.recipe.tsb_N(count_N.astype(np.float64).reshape(users, steps))
        fading_U = activity_U(history, task.target, self.recipe.shares.activity_half_life)
        return ((tsb_U + fading_U) / 2).astype(np.float32)
