"""The next basket: what a customer buys again and what they try, each with its chance.

Candidates are the customer's habits and what near customers buy; one ranker orders both. It learns
from everyone's latest baskets, each foreseen from those before it, or from the latest windows of
days. It isn't told when the next basket comes, and doesn't know promotions.
Shapes: U users, I items, N interactions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from penchant.interest.counts import Integers
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked, nothing_own
from penchant.recommend.neighbours import UserNeighbours
from penchant.recommend.ranker import FittedRanker, Lesson, Ranked, Ranker, lesson_of
from penchant.recommend.repeat import Baskets, baskets_of, habits_of
from penchant.recommend.signals import Facts, Signals, chosen, facts_of, signals_of


@dataclass(frozen=True, kw_only=True)
class NextBasket:
    """Recipe. Costs a minute of one core for 150,000 baskets of 2,300 users."""

    days: int | None = None  # ahead, all of whose purchases are asked; None: the next basket
    looks: int = 4  # latest baskets, or windows, to learn from
    repeats: int = 100  # habits of a user that are considered
    explored: int = 25  # items new to the user that are
    near: UserNeighbours = field(default_factory=UserNeighbours)
    ranker: Ranker = field(default_factory=Ranker)

    def fit(self, past: Interactions, goods: Assortment) -> "FittedNextBasket":
        """Learn from what followed earlier pasts."""
        rng = np.random.default_rng(self.ranker.seed)
        lessons = [
            self._lesson(baskets, came, goods, rng)
            for baskets, came in self._looks(past, goods.latest)
        ]
        baskets = baskets_of(past)
        facts = facts_of(baskets, habits_of(baskets), goods, self.near)
        return FittedNextBasket(self, facts, self.ranker.fit(lessons, past.shape[0]), goods.latest)

    def _looks(self, past: Interactions, latest: int) -> Iterator[tuple[Baskets, Integers]]:
        """Earlier pasts, and what followed each: user · I + item."""
        back_N = baskets_of(past).back_A[past.basket_N]
        for look in range(self.looks):
            if self.days is None:
                told_N, now = back_N == look, None
                before_N = back_N > look
            else:
                now = latest - self.days * DAY * (look + 1)
                told_N = (past.time_N > now) & (past.time_N <= now + self.days * DAY)
                before_N = past.time_N <= now
            if before_N.any():
                code_N = past.user_N[told_N].astype(np.int64) * past.shape[1] + past.item_N[told_N]
                yield baskets_of(past.where(before_N), now), np.unique(code_N)

    def _lesson(
        self, baskets: Baskets, code: Integers, goods: Assortment, rng: np.random.Generator
    ) -> Lesson:
        facts = facts_of(baskets, habits_of(baskets), goods, self.near)
        users, items = baskets.past.shape
        asked_U = np.ones(users, dtype=np.bool_)
        if self.days is None:  # of the next basket: who had none wasn't asked
            asked_U = np.bincount(code // items, minlength=users) > 0
        return lesson_of(self.signals(baskets, facts), code, asked_U, self.ranker.missed_share, rng)

    def signals(self, baskets: Baskets, facts: Facts) -> Signals:
        """What the ranker reads of the candidates of each user."""
        habits = habits_of(baskets)
        pairs = chosen(baskets, habits, facts, self.repeats, self.explored)
        return signals_of(baskets, habits, facts, pairs)


@dataclass(frozen=True)
class FittedNextBasket:
    """What everyone's baskets say of items, and the ranker."""

    recipe: NextBasket
    facts: Facts
    ranker: FittedRanker
    latest: int  # seconds since 1970, of the fit

    def foresee(self, past: Interactions, now: int | None = None) -> Ranked:
        """The chance of each candidate of users, whom the fit need not have seen.

        Where days are asked, they begin `now`, in seconds since 1970; without it, at the fit.
        """
        if self.recipe.days is None:
            now = None
        elif now is None:
            now = self.latest
        return self.ranker.rank(self.recipe.signals(baskets_of(past, now), self.facts))

    def propose(self, asked: Asked, most: int) -> csr_array:
        """The likeliest items of each user, repeated or new."""
        found, allowed_I = self.foresee(asked.past), asked.allowed_I
        return found.top(most, None if allowed_I is None else allowed_I[found.signals.item_N])

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """No item of the user's own."""
        return nothing_own(row_N)
