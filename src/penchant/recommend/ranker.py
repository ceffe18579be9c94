"""Ranks candidates by boosted trees, and turns what they say into chances.

Trees of several folds of users are averaged; each fold's own users, whom its trees never saw, teach
the curve that makes chances of scores. What a user does counts the same however much it is, so that
the ranking serves small baskets too; the curve undoes that, since it knows their size.
Sources: Ke et al., "LightGBM" (2017); Platt, "Probabilistic outputs for support vector machines"
(1999).
Shapes: N candidates, F signals, G folds, P parameters of the curve, U users.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import lightgbm as lgb
import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags
from penchant.interest.interest import Codes, Floats

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


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """Recipe. Costs some seconds for 100,000 candidates of 80 signals."""

    folds: int = 3  # of users; trees of each fold see the others
    rounds: int = 120  # trees of a fold
    learning_rate: float = 0.08
    leaves: int = 31  # of a tree
    missed_share: float = 0.3  # of the candidates that were no hit, that are learned from
    threads: int = 2  # of LightGBM
    seed: int = 0

    def fit(self, lesson: Lesson, users: int) -> "FittedRanker":
        """Learn from the lesson of `users` users.

        Raises HistoryError where there are too few hits.
        """
        hits = int(lesson.hit_N.sum())
        if hits < LEAST_TOLD:
            raise HistoryError(
                f"A ranking is learned from at least {LEAST_TOLD} things that users did after "
                f"others; {hits} were found. Hand in a longer history."
            )
        fold_U = np.random.default_rng(self.seed).integers(self.folds, size=users)
        fold_N = fold_U[lesson.user_N]
        trees_G, score_N = [], np.zeros(len(fold_N))
        for fold in range(self.folds):
            own_N = fold_N == fold
            trees_G.append(self._trees(lesson, ~own_N if self.folds > 1 else own_N))
            score_N[own_N] = _scored(trees_G[-1], lesson.value_NF[own_N], self.threads)
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
class FittedRanker:
    """Trees of each fold as LightGBM's text, and the curve of chances."""

    trees_G: tuple[str, ...]
    curve_P: Floats
    threads: int

    def score(self, value_NF: Floats) -> Floats:
        """Log-odds of each candidate, for ranking."""
        scores = [_scored(trees, value_NF, self.threads) for trees in self.trees_G]
        return np.mean(scores, axis=0).astype(np.float32)

    def chance(self, score_N: Floats, size_N: Floats, new_N: Flags) -> Floats:
        """Chance of each candidate to be a hit, by its score, the user's basket and whether new."""
        chance_N: Floats = expit(_columns(score_N, size_N, new_N) @ self.curve_P).astype(np.float32)
        return chance_N


def _scored(trees: str, value_NF: Floats, threads: int) -> Doubles:
    """Log-odds of some trees."""
    if not len(value_NF):
        return np.zeros(0)
    booster = lgb.Booster(model_str=trees)
    return np.asarray(booster.predict(value_NF, raw_score=True, num_threads=threads))


def _columns(score_N: Floats | Doubles, size_N: Floats, new_N: Flags) -> Doubles:
    """What the curve of chances reads: trees count users alike, however much they buy."""
    score_N, size_N = score_N.astype(np.float64), np.log1p(size_N.astype(np.float64))
    columns = (score_N, score_N**2, size_N, size_N**2, score_N * size_N, new_N.astype(float))
    return np.stack([*columns, np.ones(len(score_N))], axis=1)


def _curve(score_N: Doubles, lesson: Lesson) -> Floats:
    column_NP = _columns(score_N, lesson.size_N, lesson.new_N)
    curve = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=1000)
    curve.fit(column_NP, lesson.hit_N, sample_weight=lesson.drawn_N)
    curve_P: Floats = curve.coef_[0].astype(np.float32)
    return curve_P
