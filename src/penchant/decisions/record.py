"""The record of a shop's campaigns: what was known when each began, and what came of it.

Shapes: U users, O offers of a campaign, W windows, I items, J items of topics, N interactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from penchant.decisions.campaigns import Campaigns, Offers, Responses
from penchant.decisions.offersignals import DAY, Grid, Sight, grid_of
from penchant.decisions.refutation import Before
from penchant.decisions.response import Lesson
from penchant.decisions.sensitivity import price_sensitivity, strength_N
from penchant.decisions.uplift import Trial, enough
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats, Names, rows_of
from penchant.interest.model import Recipe
from penchant.interest.task import Task

LEAST_STEPS = 4  # known before a campaign that is learned from
FITS = 2  # of the forecast's recipe, for all campaigns of the past


@dataclass(frozen=True)
class Record:
    """Purchases, coupons redeemed, promotions, campaigns, offers and responses of one shop."""

    history: History
    past: Interactions  # purchases
    redeemed: Interactions | None  # of the same users and items
    promotions: pa.Table | None
    campaigns: Campaigns
    offers: Offers
    responses: Responses

    @cached_property
    def promoted_N(self) -> Doubles:
        """How promoted each purchase was; NaN where no promotions are known."""
        if self.promotions is None or not len(self.promotions):
            return np.full(len(self.past.user_N), np.nan)
        return strength_N(self.past, self.promotions)

    @cached_property
    def topic_I(self) -> Codes:
        """Topic of each item, -1 for none."""
        return self.history.topics.of(self.past.items_I)

    def cutoff(self, moment: int) -> int:
        """Whole steps of the history before a moment."""
        interest = self.history.interest
        day = datetime.fromtimestamp(moment, UTC).date()
        return min(interest.step.index_of(day) - interest.origin, self.history.cutoff)

    def learnable(self, before: int) -> list[int]:
        """Campaigns that began before a moment, and before which enough was known."""
        return [
            code
            for code, start in enumerate(self.campaigns.start_C.tolist())
            if start < before and self.cutoff(start) >= LEAST_STEPS
        ]

    def sight(self, moment: int, forecast: Forecast, span: tuple[int, int]) -> Sight:
        """What was known at a moment, for a campaign from one moment to before another."""
        known_N = self.past.time_N < moment
        past = self.past.where(known_N)
        redeemed = self.redeemed and self.redeemed.until(datetime.fromtimestamp(moment, UTC))
        return Sight(
            moment=moment,
            past=past,
            redeemed=redeemed,
            topic_I=self.topic_I,
            forecast=forecast,
            ahead_W=_ahead(forecast, *span),
            sensitivity=price_sensitivity(past, self.promoted_N[known_N]),
            campaigns=self.campaigns,
            responses=self.responses.before(moment),
        )

    def grid(self, code: int, forecast: Forecast, offers: Offers, users_U: Names) -> Grid:
        """What was known of users and of offers of a campaign when it began."""
        start, end = int(self.campaigns.start_C[code]), int(self.campaigns.end_C[code])
        return grid_of(
            self.sight(start, forecast, (start, end)), users_U, offers, (end - start) / DAY
        )

    def lesson(
        self, code: int, forecast: Forecast, offers: Offers, until: int | None = None
    ) -> Lesson:
        """A campaign's grid and who took up what, as far as was known by a moment."""
        told = self.responses if until is None else self.responses.before(until)
        mine = offers.of(str(self.campaigns.names_C[code]))
        users_U = self.campaigns.members(code)
        return Lesson(self.grid(code, forecast, mine, users_U), told.matrix(users_U, mine))

    def spent(self, users_U: Names, start: int, end: int) -> Doubles:
        """What each of some users paid from a moment to before another; NaN without any value."""
        within_N = (self.past.time_N >= start) & (self.past.time_N < end)
        if not np.isfinite(self.past.money_N).any():
            return np.full(len(users_U), np.nan)
        money_N = np.nan_to_num(self.past.money_N) * within_N
        paid_U = np.bincount(self.past.user_N, money_N, minlength=len(self.past.users_U))
        row_U = rows_of(users_U, self.past.users_U)
        return np.where(row_U >= 0, np.append(paid_U, 0.0)[row_U], 0.0)

    def compared(self, code: int) -> tuple[Names, Names]:
        """Who was sent a campaign, and whom they are compared with.

        Those are the ones held out, or else all who had bought before it and weren't sent it.
        """
        sent_U, held_U = (self.campaigns.members(code, treated=arm) for arm in (True, False))
        start = int(self.campaigns.start_C[code])
        if not len(held_U):
            early_N = self.past.time_N < start
            known_U = self.past.users_U[np.unique(self.past.user_N[early_N])]
            return np.intersect1d(sent_U, known_U), np.setdiff1d(known_U, sent_U)
        return sent_U, held_U

    def trial(self, code: int, now: Forecast, then: Forecast | None) -> tuple[Trial, Before | None]:
        """A campaign as a trial of what customers spend in it, and the window as long before it.

        `now` is forecast at its start, `then` at the start of the window before, where that is
        known. Raises DataError where too few were sent it or not.
        """
        start, end = int(self.campaigns.start_C[code]), int(self.campaigns.end_C[code])
        sent_U, other_U = self.compared(code)
        enough((len(sent_U), len(other_U)))
        users_U = np.union1d(sent_U, other_U)
        offer = self.offers.of(str(self.campaigns.names_C[code])).whole()
        trial = Trial(
            self.grid(code, now, offer, users_U).feature_UOF[:, 0],
            np.isin(users_U, sent_U),
            self.spent(users_U, start, end),
        )
        if then is None:
            return trial, None
        earlier = start - (end - start)
        sight = self.sight(earlier, then, (earlier, start))
        grid = grid_of(sight, users_U, offer, (end - start) / DAY)
        return trial, Before(grid.feature_UOF[:, 0], self.spent(users_U, earlier, start))


def _ahead(forecast: Forecast, moment: int, end: int) -> Floats:
    """Of each window of a forecast, the part that lies between two moments."""
    parts = []
    for window in forecast.windows_W:
        first, last = (
            int(np.datetime64(day, "s").astype(np.int64)) for day in forecast.dates(window)
        )
        inside = max(0, min(last, end) - max(first, moment))
        parts.append(inside / (last - first))
    return np.array(parts, dtype=np.float32)


def forecasts(
    record: Record, recipe: Recipe, task: Task, moments: Sequence[int], fits: int = FITS
) -> Mapping[int, Forecast]:
    """A forecast from the last whole step before each moment, by what was known then.

    The recipe is fitted `fits` times: each model forecasts at the moments from its own on, until
    the next is fitted, so none has seen what it forecasts. Moments before which a recipe can't be
    fitted have no forecast.
    """
    cutoffs = {moment: record.cutoff(moment) for moment in moments}
    steps = sorted(set(cutoffs.values()))
    model, since, made = None, 0, dict[int, Forecast]()
    anew = {steps[at * len(steps) // fits] for at in range(fits)} if steps else set()
    for step in steps:
        known = record.history.until(step)
        if model is None or step in anew:
            try:
                model, since = recipe.fit(known, task), step
            except HistoryError:
                continue
        assert since <= step
        made[step] = model.predict(known)
    return {moment: made[step] for moment, step in cutoffs.items() if step in made}
