"""Interest says which topics and when, item models say which items: what to show to whom.

Several sources propose; a ranker, taught by what followed earlier moments, weighs their scores with
the customer's habits, how each item sells, its price and promotion, and what is forecast of its
topic. It learns from forecasts as they would have been made then, so it knows how far to trust
them. Chances are of engaging in the item within the steps asked for.
It fails where items hardly ever repeat and come and go within weeks: then only topics are known.
Shapes: B users asked, U users, I items, T topics, N candidates, C all candidates, P sources,
D width of a vector, K slots.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time

import numpy as np

from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.interest.model import Model, Recipe
from penchant.interest.task import Task, Window
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, Candidates, Proposer, Source, gather
from penchant.recommend.content import Content
from penchant.recommend.guide import guide_columns
from penchant.recommend.neighbours import ItemNeighbours, UserNeighbours
from penchant.recommend.newcomers import Newcomers
from penchant.recommend.popular import Popular
from penchant.recommend.ranker import FittedRanker, Lesson, Ranker
from penchant.recommend.recommendations import Recommendations
from penchant.recommend.repeat import Repeat, baskets_of, habits_of
from penchant.recommend.signals import Facts, Signals, facts_of, signals_of

SOURCES: dict[str, Source] = {
    "repeat": Repeat(),
    "items": ItemNeighbours(),
    "popular": Popular(),
    "content": Content(),
    "newcomers": Newcomers(),
}


@dataclass(frozen=True, kw_only=True)
class Recommender:
    """Recipe. Costs the forecast and every source once for each look, and once more."""

    sources: tuple[tuple[str, Source], ...] = tuple(SOURCES.items())
    interest: Recipe | None = None  # what forecasts topics; None: nothing does
    steps: int = 4  # ahead, whose engagements are asked
    proposals: int = 60  # of each source for a user
    looks: int = 2  # earlier moments to learn from
    near: UserNeighbours = field(default_factory=UserNeighbours)
    ranker: Ranker = field(default_factory=Ranker)

    def fit(self, past: Interactions, goods: Assortment, history: History) -> "FittedRecommender":
        """Learn from what followed earlier moments; `history` ends where `past` does.

        Raises HistoryError where too little followed.
        """
        task = Task(
            windows=(Window(0, self.steps),), target=past.kinds_K, step=history.interest.step
        )
        lessons = []
        for look in range(1, self.looks + 1):
            cutoff = history.cutoff - look * self.steps
            if cutoff <= self.steps:
                break
            known = history.until(cutoff)
            before = past.until(moment(history, cutoff))
            now = self.learned(before, goods.known(before), known, task)
            came = past.until(moment(history, cutoff + self.steps))
            lessons.append(self.lesson(now, before, came, known, look))
        ranker = self.ranker.fit(Lesson.join(lessons), past.shape[0])
        return replace(self.learned(past, goods, history, task), ranker=ranker)

    def learned(
        self, past: Interactions, goods: Assortment, history: History, task: Task
    ) -> "FittedRecommender":
        """Sources and forecast as of a moment, and no ranker yet."""
        baskets = baskets_of(past)
        return FittedRecommender(
            self,
            goods,
            facts_of(baskets, habits_of(baskets), goods, self.near),
            tuple(name for name, _ in self.sources),
            tuple(source.fit(past, goods) for _, source in self.sources),
            None if self.interest is None else self.interest.fit(history, task),
            None,
        )

    def lesson(
        self,
        fitted: "FittedRecommender",
        before: Interactions,
        came: Interactions,
        known: History,
        look: int,
    ) -> Lesson:
        """Candidates as of a moment, and which of them were hits."""
        items = before.shape[1]
        later = came.where(came.time_N >= moment(known, known.cutoff).timestamp())
        code = np.unique(later.user_N.astype(np.int64) * items + later.item_N)
        signals, _ = fitted.signals(fitted.asked(before, known), known)
        hit_N = np.isin(signals.user_N.astype(np.int64) * items + signals.item_N, code)
        users = before.shape[0]
        size_U = np.bincount(code // items, minlength=users)
        found_U = np.bincount(signals.user_N, hit_N, minlength=users)
        part_U = (2 / np.maximum(size_U + found_U, 1)).astype(np.float32)
        rng = np.random.default_rng((self.ranker.seed, look))
        share = self.ranker.missed_share
        kept_N = (size_U > 0)[signals.user_N] & (hit_N | (rng.random(len(hit_N)) < share))
        told = signals.where(kept_N)
        return Lesson(
            told.user_N,
            told.value_NF,
            hit_N[kept_N],
            np.where(hit_N[kept_N], 1, 1 / share).astype(np.float32),
            part_U[told.user_N],
            told.column("size"),
            told.habit_N < 0,
        )


@dataclass(frozen=True)
class FittedRecommender:
    """Fitted sources, what forecasts topics, and the ranker that weighs them."""

    recipe: Recommender
    goods: Assortment
    facts: Facts
    sources_P: tuple[str, ...]
    proposers: tuple[Proposer, ...]
    interest: Model | None
    ranker: FittedRanker | None  # None only while it is being learned

    def asked(self, past: Interactions, history: History) -> Asked:
        """Users, what they did, and what is forecast of them."""
        if self.interest is None:
            return Asked(past)
        forecast = self.interest.predict(history)
        return Asked(past, *(_of(past, forecast, part) for part in ("volume_UTW", "chance_UTW")))

    def signals(self, asked: Asked, history: History) -> tuple[Signals, Candidates]:
        """All that the ranker reads of each candidate."""
        proposed = {
            name: source.propose(asked, self.recipe.proposals)
            for name, source in zip(self.sources_P, self.proposers, strict=True)
        }
        found = gather(proposed)
        baskets = baskets_of(asked.past)
        signals = signals_of(
            baskets, habits_of(baskets), self.facts, (found.row_N, found.item_N)
        )
        columns = {
            f"by_{name}": score_N
            for name, score_N in zip(found.sources_P, found.score_NP.T, strict=True)
        }
        window = Window(0, self.recipe.steps)
        promotion_T = history.calendar.promotion_TW(history.cutoff, (window,))[:, 0]
        columns |= guide_columns(asked, self.goods, promotion_T, signals)
        return signals.beside(columns), found

    def recommend(
        self, past: Interactions, history: History, slots: int = 10
    ) -> Recommendations:
        """The likeliest items of each user, whom the fit need not have seen."""
        assert self.ranker is not None
        asked = self.asked(past, history)
        signals, found = self.signals(asked, history)
        score_N = self.ranker.score(signals.value_NF)
        chance_N = self.ranker.chance(score_N, signals.column("size"), signals.habit_N < 0)
        raise NotImplementedError(slots, chance_N, found)


def moment(history: History, cutoff: int) -> datetime:
    """When a step of a history begins."""
    day = history.interest.step.start(history.interest.origin + cutoff)
    return datetime.combine(day, time(), UTC)


def _of(past: Interactions, forecast: Forecast, part: str) -> Floats:
    """What is forecast of each user's topics in the first window; 0 of users without a forecast."""
    value_UT: Floats = getattr(forecast, part)[:, :, 0]
    row_B = np.searchsorted(forecast.users_U, past.users_U).clip(max=len(value_UT) - 1)
    known_B = forecast.users_U[row_B] == past.users_U
    return np.where(known_B[:, None], value_UT[row_B], 0).astype(np.float32)


def looks_back(history: History, steps: int, looks: int) -> Iterator[int]:
    """Cutoffs whose following steps are known, the latest first."""
    for look in range(1, looks + 1):
        cutoff = history.cutoff - look * steps
        if cutoff > steps:
            yield cutoff
