"""Ranks candidates by boosted trees, and turns what they say into chances.

Trees of several folds of users are averaged; each fold's own users, whom its trees never saw, teach
the curve that makes chances of scores. What a user does counts the same however much it is, so that
the ranking serves small baskets too; the curve undoes that, since it knows their size.
Sources: Ke et al., "LightGBM" (2017); Platt, "Probabilistic outputs for support vector machines"
(1999).
Shapes: N candidates, F signals, G folds, P parameters of the curve, U users, I items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import lightgbm as lgb
import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from penchant.errors import HistoryError, RecipeError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.interest import Codes, Floats
from penchant.recommend.repeat import rank_within
from penchant.recommend.signals import Signals

LEAST_TOLD = 50  # hits to learn from


@dataclass(frozen=True)
class Lesson:
    """Candidates of earlier moments, and which were hits."""

    user_N: Codes
    value_NF: Floats
    hit_N: Flags
    drawn_N: Floats  # candidates that each stands for
    part_N: Floats  # weight of a hit, so that users weigh alike
    size_N: Floats  # the user's mean basket
    new_N: Flags  # whether the item is new to the user

    @staticmethod
    def join(parts: Sequence["Lesson"]) -> "Lesson":
        """Several lessons as one."""
        names = [field.name for field in fields(Lesson)]
        return Lesson(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def lesson_of(
    signals: Signals, code: Integers, asked_U: Flags, share: float, rng: np.random.Generator
) -> Lesson:
    """Which candidates were hits, and a `share` of those that weren't.

    `code` is user · I + item of each hit, sorted. Users who weren't asked, or of whom nothing was
    known, tell nothing. Those who then bought nothing weigh as if it had been a usual basket.
    """
    users, items = signals.shape
    hit_N = np.isin(signals.user_N.astype(np.int64) * items + signals.item_N, code)
    size_U = np.bincount(code // items, minlength=users)
    found_U = np.bincount(signals.user_N, hit_N, minlength=users)
    told_N = asked_U[signals.user_N] & (signals.column("baskets") > 0)
    kept_N = told_N & (hit_N | (rng.random(len(hit_N)) < share))
    told, hit_N = signals.where(kept_N), hit_N[kept_N]
    came_N, usual_N = (size_U + found_U)[told.user_N], 2 * told.column("size")
    part_N = (2 / np.where(came_N > 0, came_N, usual_N)).astype(np.float32)
    drawn_N = np.where(hit_N, 1, 1 / share).astype(np.float32)
    parts = (told.user_N, told.value_NF, hit_N, drawn_N, part_N)
    return Lesson(*parts, told.column("size"), told.new_N)


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """Recipe. Costs some seconds for 100,000 candidates of 80 signals."""

    folds: int = 3  # of users, at least 2; trees of each fold see the others
    rounds: int = 120  # trees of a fold
    learning_rate: float = 0.08
    leaves: int = 31  # of a tree
    missed_share: float = 0.3  # of the candidates that were no hit, that are learned from
    threads: int = 2  # of LightGBM
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or not 0 < self.missed_share <= 1:
            raise RecipeError(
                "A ranker has at least 2 folds, as chances are learned from users that trees never "
                "saw, and a missed_share above 0 and up to 1; "
                f"found {self.folds} and {self.missed_share}."
            )

    def fit(self, lessons: Sequence[Lesson], users: int) -> "FittedRanker":
        """Learn from lessons of the same `users` users.

        Raises HistoryError where there are too few hits, or users with any.
        """
        hits = sum(int(lesson.hit_N.sum()) for lesson in lessons)
        if hits < LEAST_TOLD:
            raise HistoryError(
                f"A ranking is learned from at least {LEAST_TOLD} things that users did after "
                f"others; {hits} were found. Hand in a longer history, or ask for fewer steps."
            )
        lesson = Lesson.join(lessons)
        if lesson.hit_N.all():
            raise HistoryError(
                "A ranking is learned from what users did and what they didn't, but everyone did "
                "everything that could be proposed. Ask for fewer steps."
            )
        fold_U = np.random.default_rng(self.seed).integers(self.folds, size=users)
        fold_N = fold_U[lesson.user_N]
        if len(np.unique(fold_N)) < self.folds:
            raise HistoryError(
                f"A ranking is learned from users in {self.folds} parts, each of some of whom "
                f"something is known; {len(np.unique(lesson.user_N))} were found. Hand in more."
            )
        trees_G, score_N = [], np.zeros(len(fold_N))
        for fold in range(self.folds):
            own_N = fold_N == fold
            trees_G.append(self._trees(lesson, ~own_N))
            booster = lgb.Booster(model_str=trees_G[-1])
            score_N[own_N] = _scored(booster, lesson.value_NF[own_N], self.threads)
        return FittedRanker(tuple(trees_G), _curve(score_N, lesson), self.threads)

    def _trees(self, lesson: Lesson, seen_N: Flags) -> str:
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
        return lgb.train(settings, data, self.rounds).model_to_string()


@dataclass(frozen=True)
class Ranked:
    """Candidates with their chances; what tells them apart is beside."""

    signals: Signals
    score_N: Floats  # for ranking: a chance that counts users the same, however much they buy
    chance_N: Floats  # of a hit

    def top(self, most: int, among_N: Flags | None = None) -> csr_array:
        """Scores of the best `most` items of each user, of some of the candidates or of all."""
        kept = np.flatnonzero(among_N) if among_N is not None else np.arange(len(self.score_N))
        user_N, score_N = self.signals.user_N[kept], self.score_N[kept]
        best = rank_within(user_N, score_N) < most
        place = (user_N[best], self.signals.item_N[kept][best])
        return csr_array((score_N[best], place), shape=self.signals.shape)


@dataclass(frozen=True)
class FittedRanker:
    """Trees of each fold as LightGBM's text, and the curve of chances."""

    trees_G: tuple[str, ...]
    curve_P: Floats
    threads: int

    @cached_property
    def _boosters(self) -> list[lgb.Booster]:
        return [lgb.Booster(model_str=trees) for trees in self.trees_G]

    def rank(self, signals: Signals) -> Ranked:
        """Score and chance of each candidate."""
        scores = [_scored(booster, signals.value_NF, self.threads) for booster in self._boosters]
        score_N = np.mean(scores, axis=0)
        column_NP = _columns(score_N, signals.column("size"), signals.new_N)
        ranked_N, chance_N = (
            np.asarray(expit(value_N), dtype=np.float32)
            for value_N in (score_N, column_NP @ self.curve_P)
        )
        return Ranked(signals, ranked_N, chance_N)


def _scored(booster: lgb.Booster, value_NF: Floats, threads: int) -> Doubles:
    """Log-odds of some trees."""
    if not len(value_NF):
        return np.zeros(0)
    return np.asarray(booster.predict(value_NF, raw_score=True, num_threads=threads))


def _columns(score_N: Doubles, size_N: Floats | Doubles, new_N: Flags) -> Doubles:
    """What the curve of chances reads: trees count users alike, however much they buy."""
    size_N = np.log1p(size_N.astype(np.float64))
    columns = (score_N, score_N**2, size_N, size_N**2, score_N * size_N, new_N.astype(float))
    return np.stack([*columns, np.ones(len(score_N))], axis=1)


def _curve(score_N: Doubles, lesson: Lesson) -> Floats:
    """What makes chances of scores of users whom the trees never saw."""
    column_NP = _columns(score_N, lesson.size_N, lesson.new_N)
    curve = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=1000)
    curve.fit(column_NP, lesson.hit_N, sample_weight=lesson.drawn_N)
    curve_P: Floats = curve.coef_[0].astype(np.float32)
    return curve_P
