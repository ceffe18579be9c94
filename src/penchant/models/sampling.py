"""Training cells of earlier cutoffs: features known then, and the counts that came.

Cells without a past are many and alike, so they are sampled more thinly, and weighted back; every
cell that became active is kept.
Shapes: U users, T topics, W windows, C all cells of a block, N cells drawn, F features.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.outcome import outcome
from penchant.interest.task import Task
from penchant.models.dense import dense, user_blocks
from penchant.models.features import (
    Context,
    feature_table,
    known_of,
    learn_context,
    look_columns,
)

SMALL = 100_000  # cells that need no sampling


@dataclass(frozen=True)
class Look:
    """An earlier cutoff: what was known, what it teaches, and which windows have passed since."""

    past: History
    context: Context
    passed: tuple[int, ...]  # places of the windows


@dataclass(frozen=True)
class Sample:
    """Weighted cells of one window."""

    feature_NF: Floats
    count_N: Floats
    weight_N: Floats

    def thinned(self, every: int) -> "Sample":
        """Each `every`-th cell."""
        feature_NF = np.ascontiguousarray(self.feature_NF[::every])
        return Sample(feature_NF, self.count_N[::every].copy(), self.weight_N[::every].copy())

    @staticmethod
    def join(samples: "list[Sample]") -> "Sample":
        """One sample of several."""
        return Sample(
            np.concatenate([sample.feature_NF for sample in samples]),
            np.concatenate([sample.count_N for sample in samples]),
            np.concatenate([sample.weight_N for sample in samples]),
        )


def earlier_looks(
    history: History, task: Task, cutoffs: int, spacing: int, least: int
) -> list[Look]:
    """Look back to cutoffs whose windows have passed: the latest `cutoffs` of each window."""
    passed: dict[int, list[int]] = {}
    for w, window in enumerate(task.windows):
        latest = history.cutoff - window.end
        chosen = [latest - spacing * back for back in range(cutoffs)]
        for cutoff in [cutoff for cutoff in chosen if cutoff >= least] or [latest]:
            passed.setdefault(cutoff, []).append(w)
    looks, known = [], known_of(history, task)
    for cutoff in sorted(passed, reverse=True):
        past = history.until(cutoff, panel=True)
        looks.append(Look(past, learn_context(past, task, known), tuple(passed[cutoff])))
    return looks


def matrix(
    columns: dict[str, Floats], extra: dict[str, Floats], topic_N: npt.NDArray[np.int64]
) -> Floats:
    """Lay out features of cells, those of a window last."""
    feature_NF = np.empty((len(topic_N), len(columns) + len(extra)), dtype=np.float32)
    for place, value_N in enumerate(columns.values()):
        feature_NF[:, place] = value_N
    for place, value_T in enumerate(extra.values(), start=len(columns)):
        feature_NF[:, place] = value_T[topic_N]
    return feature_NF


def draw(
    look: Look, later: History, task: Task, shares: tuple[float, float], seed: int
) -> dict[int, Sample]:
    """Sample cells of a look, by window: `shares` of those with a past, and of those without."""
    rng = np.random.default_rng((seed, look.past.cutoff))
    asked = Task(
        windows=tuple(task.windows[w] for w in look.passed), target=task.target, step=task.step
    )
    extras = look_columns(look.past, look.context, task)
    parts: dict[int, list[Sample]] = {w: [] for w in look.passed}
    for block in user_blocks(look.past):
        laid = dense(block, task.target)
        came = outcome(later, block.interest.users_U, look.past.cutoff, asked)
        count_CW = came.count_UTW.reshape(-1, len(look.passed))
        warm_C = laid.ever_UT.ravel()
        picked_C = rng.random(len(warm_C)) < np.where(warm_C, *shares)
        cell_N = np.flatnonzero(picked_C | (~warm_C & (count_CW > 0).any(axis=1)))
        columns = feature_table(block, laid, look.context, cell_N)
        warm_N, picked_N = warm_C[cell_N], picked_C[cell_N]
        for place, w in enumerate(look.passed):
            count_N = count_CW[cell_N, place]
            sure_N = ~warm_N & (count_N > 0)  # drawn for certain
            weight_N = np.where(sure_N, 1, 1 / np.where(warm_N, *shares)).astype(np.float32)
            feature_NF = matrix(columns, extras[w], cell_N % laid.shape[1])
            keep_N = picked_N | sure_N
            parts[w].append(Sample(feature_NF[keep_N], count_N[keep_N], weight_N[keep_N]))
    return {w: Sample.join(samples) for w, samples in parts.items()}


def fair_shares(history: History, shares: tuple[float, float], most: int) -> tuple[float, float]:
    """Shares to draw, thinned so that a cutoff gives at most about `most` cells; all when small."""
    users, topics, _ = history.interest.shape
    if users * topics <= SMALL:
        return 1.0, 1.0
    pairs = len(
        np.unique(history.interest.user_N.astype(np.int64) * topics + history.interest.topic_N)
    )
    expected = shares[0] * pairs + shares[1] * (users * topics - pairs)
    thin = min(1.0, most / expected)
    return shares[0] * thin, shares[1] * thin
