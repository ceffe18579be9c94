"""Boosted trees over what a cell's past, its user, its topic and similar customers say.

For each window LightGBM models (Ke et al. 2017) of the chance of any engagement, averaged over a
plain and an extremely randomised one, and of the further engagements given one. Trained at
several cutoffs before the history's, whose windows have passed; shocks come from trees that did
not see the latest of those cutoffs.
It knows cadence, trend, promotions ahead and co-purchase; it is blind to seasons it has not seen
and to the order of events within a step.
Shapes: U users, T topics, W windows, N cells, F features.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np

from penchant.errors import HistoryError
from penchant.interest.counts import excess
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.model import check_topics, make_forecast
from penchant.interest.outcome import outcome
from penchant.interest.space import Between, Space
from penchant.interest.task import Task
from penchant.models.dense import dense, user_blocks
from penchant.models.features import (
    Context,
    block_columns,
    known_of,
    learn_context,
    look_columns,
)
from penchant.models.heads import shocks_W
from penchant.models.sampling import Look, Sample, draw, earlier_looks, fair_shares

LEAST_FURTHER = 1e-6  # engagements; a Poisson needs a mean above 0, also where nobody goes further
THIN = 3  # cells, of which the trees that tell the shocks see one


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """Recipe. Costs about a minute for 2,500 users × 300 topics × 3 windows on two cores."""

    cutoffs: int = 3  # training cutoffs for each window
    spacing: int = 4  # steps between them
    least_cutoff: int = 12  # steps a training cutoff should have before it
    warm_share: float = 0.25  # of cells with a past, drawn for training
    cold_share: float = 0.1  # of cells without one
    most_cells: int = 400_000  # drawn at one cutoff
    rounds: int = 80  # trees of the plain chance model
    extreme_rounds: int = 100  # trees of the extremely randomised one
    further_rounds: int = 60  # trees of the further engagements
    learning_rate: float = 0.08  # of the plain chance model; the others learn at 0.1
    leaves: int = 31  # of a tree
    shock_users: int = 1000  # whose totals tell the shocks
    threads: int = 2  # of LightGBM
    seed: int = 0

    SEARCH: ClassVar[Space] = {
        "cutoffs": Between(1, 6),
        "spacing": Between(2, 8),
        "rounds": Between(40, 240, log=True),
        "extreme_rounds": Between(40, 240, log=True),
        "further_rounds": Between(20, 180, log=True),
        "learning_rate": Between(0.02, 0.2, log=True),
        "leaves": Between(7, 127, log=True),
    }

    def fit(self, history: History, task: Task) -> "FittedBoosted":
        """Train on earlier cutoffs, and learn what the latest one teaches for predictions."""
        if history.cutoff <= task.horizon:
            raise HistoryError(
                f"Boosted trees learn from windows that have passed: {history.cutoff} steps are "
                f"known, and the windows reach {task.horizon} steps. Ask for nearer windows, or "
                "use gamma_poisson."
            )
        looks = earlier_looks(history, task, self.cutoffs, self.spacing, self.least_cutoff)
        shares = fair_shares(history, (self.warm_share, self.cold_share), self.most_cells)
        drawn = [draw(look, history, task, shares, self.seed) for look in looks]
        samples = [[part[w] for part in drawn if w in part] for w in range(len(task.windows))]
        trees = tuple(self._train(Sample.join(parts)) for parts in samples)
        topic_shock_W, user_shock_W = self._shocks(history, task, looks, samples)
        return FittedBoosted(
            task,
            history.interest.topics_T,
            learn_context(history, task, known_of(history, task)),
            trees,
            topic_shock_W,
            user_shock_W,
            self.threads,
        )

    def _train(self, sample: Sample) -> "WindowTrees":
        active_N = sample.count_N > 0
        plain, extreme = self._boost(
            sample.feature_NF,
            active_N.astype(np.float32),
            sample.weight_N,
            [
                ({"objective": "binary", "learning_rate": self.learning_rate}, self.rounds),
                (
                    {"objective": "binary", "learning_rate": 0.1, "extra_trees": True},
                    self.extreme_rounds,
                ),
            ],
        )
        poisson = {"objective": "poisson", "poisson_max_delta_step": 0.3, "learning_rate": 0.1}
        told_N = active_N if active_N.any() else ~active_N  # with nobody active, none goes further
        (further,) = self._boost(
            sample.feature_NF[told_N],
            np.maximum(sample.count_N[told_N] - 1, LEAST_FURTHER),
            sample.weight_N[told_N],
            [(poisson, self.further_rounds)],
        )
        return WindowTrees(plain, extreme, further)

    def _boost(
        self,
        feature_NF: Floats,
        label_N: Floats,
        weight_N: Floats,
        variants: list[tuple[Mapping[str, Any], int]],
    ) -> list[str]:
        """Boosters of one data set, as text."""
        settings = {
            "num_leaves": self.leaves,
            "max_bin": 63,
            "bin_construct_sample_cnt": 50_000,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.7 if len(label_N) > 1 else 1.0,  # 0.7 of one cell is none
            "bagging_freq": 1,
            "min_data_in_leaf": int(np.clip(len(label_N) // 300, 5, 300)),
            "lambda_l2": 20.0,
            "path_smooth": 20.0,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbose": -1,
        }
        data = lgb.Dataset(feature_NF, label_N, weight=weight_N, params=settings).construct()
        return [
            lgb.train({**settings, **variant}, data, rounds).model_to_string()
            for variant, rounds in variants
        ]

    def _shocks(
        self, history: History, task: Task, looks: list[Look], samples: list[list[Sample]]
    ) -> tuple[Floats, Floats]:
        """Shocks of each window, at its latest training cutoff, by trees of the earlier ones."""
        rng = np.random.default_rng(self.seed)
        users = len(history.interest.users_U)
        row_U = np.sort(rng.permutation(users)[: self.shock_users])
        light = replace(self, rounds=40, extreme_rounds=40, further_rounds=30, learning_rate=0.15)
        shocks = []
        for w, parts in enumerate(samples):
            trees = light._train(Sample.join(parts[1:] or parts).thinned(THIN))
            look = next(look for look in looks if w in look.passed)
            block = look.past.only(row_U)
            chance_UTW, volume_UTW = forecast_cells(
                block, look.context, task, {w: trees}, self.threads
            )
            asked = Task(windows=(task.windows[w],), target=task.target, step=task.step)
            came = outcome(history, block.interest.users_U, look.past.cutoff, asked)
            spread_UTW = excess(chance_UTW, volume_UTW).astype(np.float32)
            shocks.append(shocks_W(volume_UTW, spread_UTW, came.count_UTW))
        topic, user = zip(*shocks, strict=True)
        return np.concatenate(topic), np.concatenate(user)


@dataclass(frozen=True)
class WindowTrees:
    """The boosters of one window, as LightGBM's text."""

    plain: str
    extreme: str
    further: str

    @cached_property
    def boosters(self) -> list[lgb.Booster]:
        """The same, read."""
        return [lgb.Booster(model_str=text) for text in (self.plain, self.extreme, self.further)]

    def predict(self, feature_NF: Floats, threads: int) -> tuple[Floats, Floats]:
        """Chance and volume of cells."""
        plain_N, extreme_N, further_N = (
            np.asarray(booster.predict(feature_NF, raw_score=True, num_threads=threads))
            for booster in self.boosters
        )
        chance_N = 1 / (1 + np.exp(-(plain_N + extreme_N) / 2))
        volume_N = chance_N * (1 + np.exp(further_N))
        return chance_N.astype(np.float32), volume_N.astype(np.float32)


@dataclass(frozen=True)
class FittedBoosted:
    """Trees of each window, and what the cutoff of the fit teaches of everyone."""

    task: Task
    topics_T: Names
    context: Context
    trees_W: tuple[WindowTrees, ...]
    topic_shock_W: Floats
    user_shock_W: Floats
    threads: int

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history, block by block."""
        check_topics(self.topics_T, history)
        trees = dict(enumerate(self.trees_W))
        chance_UTW, volume_UTW = forecast_cells(
            history, self.context, self.task, trees, self.threads
        )
        return make_forecast(
            history,
            self.task,
            chance_UTW,
            volume_UTW,
            topic_shock_W=self.topic_shock_W,
            user_shock_W=self.user_shock_W,
        )


def forecast_cells(
    history: History, context: Context, task: Task, trees: Mapping[int, WindowTrees], threads: int
) -> tuple[Floats, Floats]:
    """Chance and volume of every cell in the windows that have trees, block by block."""
    users, topics, _ = history.interest.shape
    chance_UTW = np.empty((users, topics, len(trees)), dtype=np.float32)
    volume_UTW = np.empty_like(chance_UTW)
    extras = look_columns(history, context, task)
    row = 0
    for block in user_blocks(history):
        columns = block_columns(block, dense(block, task.target), context)
        rows = slice(row, row + len(block.interest.users_U))
        width = len(columns) + len(extras[0])
        feature_UTF = np.empty((rows.stop - row, topics, width), dtype=np.float32)
        for place, value_UT in enumerate(columns.values()):
            feature_UTF[:, :, place] = value_UT
        for place, (w, window_trees) in enumerate(trees.items()):
            feature_UTF[:, :, len(columns) :] = np.stack(list(extras[w].values()), axis=1)
            answers = window_trees.predict(feature_UTF.reshape(-1, width), threads)
            chance_UTW[rows, :, place], volume_UTW[rows, :, place] = (
                answer_N.reshape(-1, topics) for answer_N in answers
            )
        row = rows.stop
    return chance_UTW, volume_UTW
