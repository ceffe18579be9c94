"""The next basket: what a customer buys again and what they try, each with its chance.

Candidates are the customer's habits and what near customers buy; boosted trees (LightGBM; Ke et
al. 2017) rank both together. They learn from everyone's latest baskets, each foreseen from those
before it, or from the latest windows of days. A basket counts the same whatever its size, so that
the ranking serves small baskets as well. Trees of several folds of customers are averaged; each
fold's own customers, which its trees never saw, tell the chances.
It isn't told when the next basket comes, and doesn't know promotions.
Shapes: B users asked, I items, N candidates, F signals, G folds, P parameters of the curve.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from penchant.errors import HistoryError
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked
from penchant.recommend.neighbours import UserNeighbours
from penchant.recommend.repeat import Baskets, baskets_of, habits_of, rank_within
from penchant.recommend.signals import Facts, Signals, facts_of, signals_of

LEAST_TOLD = 50  # purchases to learn from


@dataclass(frozen=True, kw_only=True)
class NextBasket:
    """Recipe. Costs a minute of one core for 150,000 baskets of 2,300 users."""

    days: int | None = None  # ahead, all of whose purchases are asked; None: the next basket
    looks: int = 4  # latest baskets, or windows, to learn from
    repeats: int = 100  # habits of a user that are considered
    explored: int = 25  # items new to the user that are
    near: UserNeighbours = field(default_factory=UserNeighbours)
    folds: int = 3  # of users; trees of each fold see the others
    rounds: int = 120  # trees of a fold
    learning_rate: float = 0.08
    leaves: int = 31  # of a tree
    missed_share: float = 0.3  # of the candidates not bought that are learned from
    threads: int = 2  # of LightGBM
    seed: int = 0

    def fit(self, past: Interactions, goods: Assortment) -> "FittedNextBasket":
        """Learn from what followed earlier pasts."""
        rng = np.random.default_rng(self.seed)
        fold_U = rng.integers(self.folds, size=past.shape[0])
        lessons = [self._lesson(look, goods, rng) for look in self._looks(past, goods.latest)]
        lesson = Lesson.join([part for part in lessons if len(part.hit_N)])
        if lesson.hit_N.sum() < LEAST_TOLD:
            raise HistoryError(
                f"Baskets are learned from at least {LEAST_TOLD} purchases that followed others; "
                f"{int(lesson.hit_N.sum())} were found. Hand in a longer history, or use Repeat."
            )
        fold_N = fold_U[lesson.user_N]
        trees_G, score_N = [], np.zeros(len(fold_N), dtype=np.float32)
        for fold in range(self.folds):
            out_N = fold_N == fold
            trees = self._trees(lesson, ~out_N if self.folds > 1 else out_N)
            score_N[out_N] = _score(trees, lesson.value_NF[out_N], self.threads)
            trees_G.append(trees.model_to_string())
        baskets = baskets_of(past)
        return FittedNextBasket(
            self,
            facts_of(baskets, habits_of(baskets), goods, self.near),
            tuple(trees_G),
            _curve(score_N, lesson),
            goods.latest,
        )

    def _looks(self, past: Interactions, latest: int) -> Iterator["Look"]:
        """Earlier pasts, and what followed each."""
        baskets = baskets_of(past)
        back_N = baskets.back_A[past.basket_N]
        for look in range(self.looks):
            if self.days is None:
                told_N, now = back_N == look, None
                before_N = back_N > look
            else:
                now = latest - self.days * DAY * (look + 1)
                told_N = (past.time_N > now) & (past.time_N <= now + self.days * DAY)
                before_N = past.time_N <= now
            if before_N.any():
                items = past.shape[1]
                code_N = past.user_N[told_N].astype(np.int64) * items + past.item_N[told_N]
                yield Look(baskets_of(past.where(before_N), now), np.unique(code_N))

    def _lesson(self, look: "Look", goods: Assortment, rng: np.random.Generator) -> "Lesson":
        habits = habits_of(look.baskets)
        facts = facts_of(look.baskets, habits, goods, self.near)
        signals = signals_of(look.baskets, habits, facts, self.repeats, self.explored)
        users, items = look.baskets.past.shape
        hit_N = np.isin(signals.user_N.astype(np.int64) * items + signals.item_N, look.code)
        size_U = np.bincount(look.code // items, minlength=users)
        asked_N = (size_U > 0)[signals.user_N] & (look.baskets.count_U > 0)[signals.user_N]
        found_U = np.bincount(signals.user_N, hit_N, minlength=users)
        part_U = 2 / np.maximum(size_U + found_U, 1)
        kept_N = asked_N & (hit_N | (rng.random(len(hit_N)) < self.missed_share))
        drawn_N = np.where(hit_N, 1, 1 / self.missed_share)
        told = signals.where(kept_N)
        return Lesson(
            told.user_N,
            told.value_NF,
            hit_N[kept_N],
            drawn_N[kept_N].astype(np.float32),
            part_U[told.user_N].astype(np.float32),
            told.column("size"),
            told.column("times"),
        )

    def _trees(self, lesson: "Lesson", seen_N: npt.NDArray[np.bool_]) -> lgb.Booster:
        settings = {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "max_bin": 63,
            "bin_construct_sample_cnt": 50_000,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "min_data_in_leaf": int(np.clip(seen_N.sum() // 2_000, 5, 100)),
            "lambda_l2": 10.0,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        data = lgb.Dataset(
            lesson.value_NF[seen_N],
            lesson.hit_N[seen_N].astype(np.float32),
            weight=(lesson.drawn_N * lesson.part_N)[seen_N],
            params=settings,
        )
        return lgb.train(settings, data, self.rounds)


@dataclass(frozen=True)
class Look:
    """An earlier past, and what followed."""

    baskets: Baskets
    code: npt.NDArray[np.int64]  # of user and item in one number


@dataclass(frozen=True)
class Lesson:
    """Candidates of earlier pasts, and which were bought."""

    user_N: Codes
    value_NF: Floats
    hit_N: npt.NDArray[np.bool_]
    drawn_N: Floats  # candidates that each stands for
    part_N: Floats  # weight of one purchase, so that baskets weigh alike
    size_N: Floats  # the user's mean basket
    times_N: Floats  # that the user bought the item; NaN: never

    @staticmethod
    def join(parts: list["Lesson"]) -> "Lesson":
        """Several lessons as one."""
        if not parts:
            nothing_N = np.zeros(0, dtype=np.float32)
            return Lesson(
                nothing_N.astype(np.int32), nothing_N[:, None], nothing_N > 0, *(nothing_N,) * 4
            )
        names = [field.name for field in fields(Lesson)]
        return Lesson(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


@dataclass(frozen=True)
class Foreseen:
    """Candidates with their chances, sorted by user and item; what tells them apart is beside."""

    shape: tuple[int, int]
    signals: Signals
    score_N: Floats  # for ranking: a chance that counts each basket the same, whatever its size
    chance_N: Floats  # of being bought

    @property
    def repeat_N(self) -> npt.NDArray[np.bool_]:
        """Whether the user bought the item before."""
        return self.signals.habit_N >= 0

    def top(self, most: int, among_N: npt.NDArray[np.bool_] | None = None) -> csr_array:
        """Scores of the best `most` items of each user, of some of the candidates or of all."""
        kept = np.flatnonzero(among_N) if among_N is not None else np.arange(len(self.score_N))
        user_N, score_N = self.signals.user_N[kept], self.score_N[kept]
        best = rank_within(user_N, score_N) < most
        place = (user_N[best], self.signals.item_N[kept][best])
        return csr_array((score_N[best], place), shape=self.shape)


@dataclass(frozen=True)
class FittedNextBasket:
    """Trees of each fold, and what everyone's baskets say of items."""

    recipe: NextBasket
    facts: Facts
    trees_G: tuple[str, ...]
    curve_P: Floats
    latest: int  # seconds since 1970, of the fit

    def foresee(self, past: Interactions) -> Foreseen:
        """The chance of each candidate of users, whom the fit need not have seen."""
        now = None if self.recipe.days is None else max(self.latest, past.time_N.max(initial=0))
        baskets = baskets_of(past, now)
        signals = signals_of(
            baskets, habits_of(baskets), self.facts, self.recipe.repeats, self.recipe.explored
        )
        scores = [
            _score(lgb.Booster(model_str=text), signals.value_NF, self.recipe.threads)
            for text in self.trees_G
        ]
        score_N = np.mean(scores, axis=0)
        column_NP = _columns(score_N, signals.column("size"), signals.column("times"))
        chance_N = expit(column_NP @ self.curve_P).astype(np.float32)
        return Foreseen(past.shape, signals, expit(score_N).astype(np.float32), chance_N)

    def propose(self, asked: Asked, most: int) -> csr_array:
        """The likeliest items of each user, repeated or new."""
        return self.foresee(asked.past).top(most)


def _score(trees: lgb.Booster, value_NF: Floats, threads: int) -> Floats:
    """Log-odds of the trees."""
    if not len(value_NF):
        return np.zeros(0, dtype=np.float32)
    return np.asarray(trees.predict(value_NF, raw_score=True, num_threads=threads))


def _columns(score_N: Floats, size_N: Floats, times_N: Floats) -> Floats:
    """What the curve of chances reads: trees count baskets alike, whatever their size."""
    size_N = np.log1p(size_N)
    new_N = np.isnan(times_N).astype(np.float32)
    columns = (score_N, score_N**2, size_N, size_N**2, score_N * size_N, new_N)
    return np.stack([*columns, np.ones(len(score_N))], axis=1)


def _curve(score_N: Floats, lesson: Lesson) -> Floats:
    """Platt's curve, by users whom the trees did not see."""
    column_NP = _columns(score_N, lesson.size_N, lesson.times_N)
    curve = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=1000)
    curve.fit(column_NP, lesson.hit_N, sample_weight=lesson.drawn_N)
    return curve.coef_[0].astype(np.float32)
