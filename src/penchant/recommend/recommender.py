"""Interest says which topics and when, item models say which items: what to show to whom.

Several sources propose; a ranker, taught by what followed earlier moments, weighs their scores with
the customer's habits, how each item sells, its price and promotion, and what is forecast of its
topic. It learns from forecasts as they would have been made then, so it knows how far to trust
them. Chances are of engaging in the item within the steps asked for.
It fails where items hardly ever repeat and come and go within weeks: then only topics are known.
Shapes: B users asked, U users, I items, T topics, N candidates, C all candidates, P sources,
D width of a vector, K slots, M impressions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.errors import HistoryError, RecipeError, suggest
from penchant.interest.counts import Integers
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.interest.model import Recipe
from penchant.interest.task import Task, Window
from penchant.recommend import SOURCES, USUAL
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import NONE, Asked, Source
from penchant.recommend.neighbours import UserNeighbours
from penchant.recommend.ranker import FittedRanker, Lesson, Ranked, Ranker, lesson_of
from penchant.recommend.recommendations import Recommendations
from penchant.recommend.repeat import baskets_of, habits_of
from penchant.recommend.rerank import Shelf, Taste, rerank
from penchant.recommend.rules import Rules
from penchant.recommend.sight import BY, Sight, moment
from penchant.recommend.signals import Signals, facts_of
from penchant.recommend.spectral import spectral_vectors

WIDTH, REACH = 32, 10  # of items' vectors, and events apart that make items alike


def sources_named(names: Sequence[str], encoder: str = "") -> tuple[tuple[str, Source], ...]:
    """Sources by their names in `SOURCES`, as they come; `encoder` is how `content` reads texts.

    Raises RecipeError for an unknown name, and where a package that one needs isn't installed.
    """
    for name in names:
        if name not in tuple(SOURCES):  # which imports none of them
            raise RecipeError(f"There is no source '{name}'. {suggest(name, SOURCES)}")
    options = {"content": {"encoder": encoder}}
    return tuple((name, SOURCES[name](**options.get(name, {}))) for name in names)


@dataclass(frozen=True, kw_only=True)
class Recommender:
    """Recipe. Costs the forecast and every source once for each look, and once more."""

    sources: tuple[tuple[str, Source], ...] = sources_named(USUAL)  # the first explains
    interest: Recipe | None = None  # what forecasts topics; None: nothing does
    steps: int = 4  # ahead, whose engagements are asked
    proposals: int = 60  # of each source for a user
    looks: int = 2  # earlier moments to learn from
    segment: str = ""  # attribute of people by which newcomers differ; none: all are alike
    near: UserNeighbours = field(default_factory=UserNeighbours)
    ranker: Ranker = field(default_factory=Ranker)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.sources]
        if not names or len(set(names)) < len(names):
            raise RecipeError(
                f"A recommender has sources, each named once; found {', '.join(names) or 'none'}."
            )
        least = min(self.steps, self.proposals, self.looks)
        if least < 1:
            raise RecipeError(
                "Steps, proposals and looks of a recommender are at least 1 each; "
                f"found {self.steps}, {self.proposals} and {self.looks}."
            )

    def fit(self, past: Interactions, goods: Assortment, history: History) -> "FittedRecommender":
        """Learn from what followed earlier moments; `history` ends where `past` does.

        Raises HistoryError where too little followed, or where `past` goes on after `history`.
        """
        if self.segment and history.people is None:
            raise RecipeError(
                f"Customers have no '{self.segment}': nothing is known of them. Name a source of "
                "`people`, or no segment."
            )
        if past.time_N.max(initial=0) >= moment(history, history.cutoff):
            raise HistoryError(
                f"The interactions go on after {history.cutoff_date}, where the history ends. Hand "
                "in those before it, as `past.until` gives them."
            )
        past = self.told(past.among(goods.items_I), history)
        window, step = Window(0, self.steps), history.interest.step
        task = Task(windows=(window,), target=past.kinds_K, step=step)
        rng = np.random.default_rng(self.ranker.seed)
        cutoffs = range(history.cutoff - self.steps, self.steps, -self.steps)[: self.looks]
        lessons = [
            self._lesson(past, goods, history.until(at, panel=True), task, rng) for at in cutoffs
        ]
        ranker = self.ranker.fit(lessons, past.shape[0])
        sight = self.sight(past, goods, history, task)
        return FittedRecommender(self, task, sight, ranker, unit_vectors(past))

    def _lesson(
        self,
        past: Interactions,
        goods: Assortment,
        known: History,
        task: Task,
        rng: np.random.Generator,
    ) -> Lesson:
        """What could have been said at the end of an earlier history, and what followed."""
        start, end = (moment(known, known.cutoff + ahead) for ahead in (0, self.steps))
        before = past.where(past.time_N < start)
        then = goods.known(before)
        sight = self.sight(before, then, known, task)
        came = past.where((past.time_N >= start) & (past.time_N < end))
        code = np.unique(came.user_N.astype(np.int64) * past.shape[1] + came.item_N)
        signals = sight.signals(
            sight.asked(before, known, then.sold_I(start)), known, self.proposals
        )
        everyone_U = np.ones(past.shape[0], dtype=np.bool_)
        return lesson_of(signals, code, everyone_U, self.ranker.missed_share, rng)

    def told(self, past: Interactions, history: History) -> Interactions:
        """The same, with the segment of each user."""
        people = history.people
        if not self.segment or people is None:
            return past
        if self.segment not in people.column_names:
            raise RecipeError(
                f"Customers have no '{self.segment}'. {suggest(self.segment, people.column_names)}"
            )
        row = pc.index_in(pa.array(past.users_U), people[c.USER])
        value = pc.fill_null(people[self.segment].cast(pa.string()).take(row), "")
        return replace(past, segment_U=np.array(value.to_pylist(), dtype=np.str_))

    def sight(self, past: Interactions, goods: Assortment, history: History, task: Task) -> Sight:
        """Fit sources and forecast to what was known at a moment."""
        baskets = baskets_of(past)
        return Sight(
            goods,
            facts_of(baskets, habits_of(baskets), goods, self.near),
            tuple(name for name, _ in self.sources),
            tuple(source.fit(past, goods) for _, source in self.sources),
            None if self.interest is None else self.interest.fit(history, task),
            self.steps,
        )


@dataclass(frozen=True)
class FittedRecommender:
    """What is known now, the ranker that weighs it, and which items are alike."""

    recipe: Recommender
    task: Task  # what its chances are of
    sight: Sight
    ranker: FittedRanker
    vector_ID: Floats  # of length 1, near where items are bought together

    @property
    def goods(self) -> Assortment:
        """The items it knows."""
        return self.sight.goods

    def recommend(
        self,
        past: Interactions,
        history: History,
        slots: int = 10,
        rules: Rules | None = None,
        shown: Interactions | None = None,
    ) -> Recommendations:
        """Lists for users, whom the fit need not have seen.

        `history` is theirs, and `past` may go on into the step after it; `shown` are impressions.
        Items that the fit didn't know are left out. Raises HistoryError where other engagements or
        other steps are handed in than those that the chances are of.
        """
        if slots < 1:
            raise RecipeError(f"A list has at least one slot; found {slots}.")
        self._check(past, history)
        rules, now = rules or Rules(), moment(history, history.cutoff)
        past, allowed_I = (
            self.recipe.told(self._known(past), history),
            rules.allowed_I(self.goods, now),
        )
        asked = self.sight.asked(past, history, allowed_I)
        kept = [kept_I for _, kept_I in rules.floors(self.goods)]
        signals = self.sight.signals(asked, history, max(self.recipe.proposals, slots), kept)
        ranked = self.ranker.rank(signals)
        if shown is not None:
            shown = self._known(shown.where(shown.time_N >= now - rules.shown_days * DAY))
        interest_BT = asked.volume_BT
        if interest_BT is None:
            interest_BT = topic_counts(past, self.goods)
        taste = Taste(self.vector_ID, _shares(interest_BT))
        item_BK = rerank(shelf_of(ranked, shown), self.goods, rules, slots, taste, allowed_I)
        return self._explained(asked, ranked, item_BK, now)

    def _check(self, past: Interactions, history: History) -> None:
        """Refuse what the chances aren't of."""
        target, step = self.task.target, self.task.step
        if not set(past.kinds_K) <= set(target) or history.interest.step != step:
            raise HistoryError(
                f"The recommender was fitted to the kinds {', '.join(target)} by the {step}; found "
                f"{', '.join(past.kinds_K)} by the {history.interest.step}. Fit it again."
            )

    def _known(self, past: Interactions) -> Interactions:
        """The same, its items numbered as the fit does."""
        items_I = self.goods.items_I
        return past if np.array_equal(past.items_I, items_I) else past.among(items_I)

    def _explained(self, asked: Asked, ranked: Ranked, item_BK: Codes, now: int) -> Recommendations:
        """Lists with what is to be said of each item."""
        signals, past = ranked.signals, asked.past
        row_N, slot_N = np.nonzero(item_BK != NONE)
        code_N = signals.user_N.astype(np.int64) * past.shape[1] + signals.item_N
        place_N = np.searchsorted(code_N, row_N * past.shape[1] + item_BK[row_N, slot_N])
        source_N = self._sources(signals)[place_N]
        topic_N = self.goods.topic_I[signals.item_N[place_N]]
        interest_N = np.full(len(place_N), np.nan, dtype=np.float32)
        if asked.chance_BT is not None:
            told_N = topic_N >= 0
            interest_N[told_N] = asked.chance_BT[row_N[told_N], topic_N[told_N]]
        filled = (item_BK.shape, row_N, slot_N)
        return Recommendations(
            past=past,
            goods=self.goods,
            now=now,
            sources_P=self.sight.sources_P,
            item_BK=item_BK,
            chance_BK=_laid(*filled, ranked.chance_N[place_N], np.nan),
            interest_BK=_laid(*filled, interest_N, np.nan),
            source_BK=_laid(*filled, source_N, NONE),
            because_BK=_laid(*filled, self._because(asked, signals, place_N, source_N), NONE),
        )

    def _sources(self, signals: Signals) -> Codes:
        """The first source, in the recipe's order, that proposed each candidate."""
        told_NP = [np.isfinite(signals.column(f"{BY}{name}")) for name in self.sight.sources_P]
        return np.stack(told_NP, axis=1).argmax(axis=1).astype(np.int32)

    def _because(self, asked: Asked, signals: Signals, place_N: Integers, source_N: Codes) -> Codes:
        """The user's own item behind each candidate, by the source that proposed it."""
        because_N = np.full(len(place_N), NONE, dtype=np.int32)
        for p, source in enumerate(self.sight.proposers):
            mine = np.flatnonzero(source_N == p)
            if len(mine):
                at = place_N[mine]
                because_N[mine] = source.because(asked, signals.user_N[at], signals.item_N[at])
        return because_N


def shelf_of(ranked: Ranked, shown: Interactions | None) -> Shelf:
    """Candidates of each user side by side."""
    signals = ranked.signals
    users, items = signals.shape
    start_B = np.searchsorted(signals.user_N, np.arange(users))
    slot_N = np.arange(len(signals.user_N)) - start_B[signals.user_N]
    filled = ((users, int(slot_N.max(initial=0)) + 1), signals.user_N, slot_N)
    shown_BC = None
    if shown is not None:
        code_M = np.sort(shown.user_N.astype(np.int64) * items + shown.item_N)
        code_N = signals.user_N.astype(np.int64) * items + signals.item_N
        count_N = np.searchsorted(code_M, code_N, "right") - np.searchsorted(code_M, code_N)
        shown_BC = _laid(*filled, count_N.astype(np.int32), 0)
    return Shelf(
        _laid(*filled, signals.item_N, NONE), _laid(*filled, ranked.chance_N, 0.0), shown_BC
    )


def _laid(
    shape: tuple[int, ...], row_N: npt.NDArray[Any], slot_N: Integers, value_N: Any, missing: float
) -> Any:
    """Values at their places, and `missing` everywhere else."""
    laid = np.full(shape, missing, dtype=value_N.dtype)
    laid[row_N, slot_N] = value_N
    return laid


def unit_vectors(past: Interactions) -> Floats:
    """Vectors of items, `ID`, of length 1, by what is bought within a few events of each other."""
    vector_ID = spectral_vectors(past, WIDTH, REACH, 1.0)
    return vector_ID / np.maximum(np.linalg.norm(vector_ID, axis=1, keepdims=True), 1e-12)


def topic_counts(past: Interactions, goods: Assortment) -> Floats:
    """How often each user engaged in each topic."""
    topic_N = goods.topic_I[past.item_N]
    count_BT = np.zeros((past.shape[0], len(goods.topics_T)), dtype=np.float32)
    np.add.at(count_BT, (past.user_N[topic_N >= 0], topic_N[topic_N >= 0]), 1)
    return count_BT


def _shares(volume_BT: Floats) -> Floats:
    share_BT: Floats = volume_BT / np.maximum(volume_BT.sum(axis=1, keepdims=True), 1e-12)
    return share_BT
