"""Response: the chance that a customer takes up an offer that is sent.

The mean of what shallow boosted trees and a logistic model say, in log-odds: responses are few, and
either errs by itself. Learned from offers of earlier campaigns and who took them up. It is a chance
of response and no uplift: who redeems most might have bought most without a coupon.
Source: Ke et al., LightGBM, 2017.
Shapes: U users, O offers of a campaign, N pairs of a user and an offer, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np
from scipy.special import expit

from penchant.decisions.logistic import Logistic, fit_logistic
from penchant.decisions.offersignals import Grid
from penchant.errors import DataError, HistoryError
from penchant.interest.counts import Flags
from penchant.interest.interest import Floats

LEAST_RESPONSES = 30  # to learn from


@dataclass(frozen=True)
class Lesson:
    """A campaign of the past: its grid at its start, and which offers were taken up."""

    grid: Grid
    taken_UO: Flags


@dataclass(frozen=True, kw_only=True)
class Response:
    """Recipe. Costs some seconds for a million pairs of a customer and an offer."""

    most_refused: int = 150_000  # pairs that weren't taken up, drawn to learn from
    models: int = 2  # averaged
    rounds: int = 200  # trees of each
    learning_rate: float = 0.04
    leaves: int = 4  # of a tree
    least_leaf: int = 60  # pairs in a leaf
    looseness: float = 0.01  # of the logistic model
    threads: int = 1  # of LightGBM
    seed: int = 0

    def fit(self, lessons: Sequence[Lesson]) -> "FittedResponse":
        """Learn from campaigns of the past. Raises HistoryError where too few responded."""
        taken = sum(int(lesson.taken_UO.sum()) for lesson in lessons)
        if taken < LEAST_RESPONSES:
            raise HistoryError(
                f"Chances of response are learned from {LEAST_RESPONSES} responses to earlier "
                f"campaigns at least; {taken} were found. Who will respond can't be told yet."
            )
        names_F = lessons[0].grid.names_F
        if any(lesson.grid.names_F != names_F for lesson in lessons):
            raise DataError("Campaigns must be seen by the same features.")
        rng = np.random.default_rng(self.seed)
        every = sum(lesson.taken_UO.size for lesson in lessons)
        share = min(1.0, self.most_refused / max(every - taken, 1))
        feature_NF, taken_N = _drawn(lessons, share, rng)
        weight_N = np.where(taken_N, 1.0, 1 / share)
        settings = {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "max_bin": 63,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "min_data_in_leaf": self.least_leaf,
            "lambda_l2": 10.0,
            "path_smooth": 5.0,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        data = lgb.Dataset(feature_NF, taken_N.astype(np.float32), weight=weight_N, params=settings)
        trees = tuple(
            lgb.train({**settings, "seed": self.seed + model}, data, self.rounds).model_to_string()
            for model in range(self.models)
        )
        straight = fit_logistic(feature_NF, taken_N, weight_N, self.looseness)
        return FittedResponse(trees, straight, names_F, taken)


def _drawn(
    lessons: Sequence[Lesson], share: float, rng: np.random.Generator
) -> tuple[Floats, Flags]:
    """Every pair that was taken up, and a share of the others."""
    features, taken = [], []
    for lesson in lessons:
        kept_UO = lesson.taken_UO | (rng.random(lesson.taken_UO.shape) < share)
        features.append(lesson.grid.feature_UOF[kept_UO])
        taken.append(lesson.taken_UO[kept_UO])
    return np.concatenate(features), np.concatenate(taken)


@dataclass(frozen=True)
class FittedResponse:
    """Model."""

    trees: tuple[str, ...]
    straight: Logistic
    names_F: tuple[str, ...]
    taken: int  # responses that it was learned from

    @cached_property
    def _boosters(self) -> list[lgb.Booster]:
        return [lgb.Booster(model_str=text) for text in self.trees]

    def chance(self, grid: Grid) -> Floats:
        """The chance that each user takes up each offer, `UO`."""
        if grid.names_F != self.names_F:
            raise DataError("A campaign must be seen by the features that were learned from.")
        users, offers, features = grid.feature_UOF.shape
        feature_NF = grid.feature_UOF.reshape(-1, features)
        if not len(feature_NF):
            return np.zeros((users, offers), dtype=np.float32)
        told = [
            np.asarray(booster.predict(feature_NF, raw_score=True, num_threads=1))
            for booster in self._boosters
        ]
        odds_N = (np.mean(told, axis=0) + self.straight.log_odds(feature_NF)) / 2
        chance_N: Floats = expit(odds_N).astype(np.float32)
        return chance_N.reshape(users, offers)

    def weight_F(self) -> dict[str, float]:
        """How much each feature was used: its part of what all gained."""
        gains = [booster.feature_importance("gain") for booster in self._boosters]
        gain_F = np.sum(gains, axis=0)
        total = float(gain_F.sum()) or 1.0
        return dict(zip(self.names_F, (gain_F / total).tolist(), strict=True))
