"""Batches of a panel: some users at every cutoff, and the cells of theirs that are looked at.

Cells without a past hardly ever become active, so only a share of them is drawn, and weighs more.
Shapes: B users of a batch, S steps, T topics, C cutoffs, N cells drawn, F features, W windows,
M measures of a step's place in the year, H half-lives, U users of the panel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penchant.interest.counts import Integers
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.panel import Panel

HARMONICS = (1, 2)  # of the year
YEAR = 365.25  # days


@dataclass(frozen=True)
class Batch:
    """What a network reads of some users, and, while training, what came; else that is empty."""

    count_BST: Tensor  # engagements, step by step
    moment_SM: Tensor  # where each step lies in the year
    cutoff_C: Tensor  # steps known at each cutoff
    user_BCF: Tensor  # mean of the features of a user's cells
    money_BCH: Tensor  # money a step, fading at several half-lives
    active_BCW: Tensor  # whether a user did anything
    spend_BCW: Tensor  # money
    known_CW: Tensor  # whether the outcome is known
    look_N: Tensor  # place of each cell's cutoff
    user_N: Tensor  # place of its user in the batch
    topic_N: Tensor
    feature_NF: Tensor
    count_NW: Tensor
    weight_NW: Tensor  # 0 where the outcome isn't known
    first_N: Tensor  # share of the cell in what its user did first

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        return Batch(**{name: part.to(device) for name, part in vars(self).items()})


def weekly(history: History, target: tuple[str, ...]) -> Tensor:
    """Engagements of every user of a (small) history, step by step, `BST`."""
    interest = history.interest
    users, topics, steps = interest.shape
    count_BST = np.zeros((users, steps, topics), dtype=np.float32)
    count_BST[interest.user_N, interest.step_N, interest.topic_N] = interest.target_N(target)
    return torch.from_numpy(count_BST)


def moments(history: History) -> Tensor:
    """Sines and cosines of where each known step lies in the year, `SM`."""
    step, origin = history.interest.step, history.interest.origin
    day_S = np.array([step.start(origin + s).toordinal() for s in range(history.cutoff)])
    angle_S = 2 * np.pi * day_S / YEAR
    waves = [wave(k * angle_S) for k in HARMONICS for wave in (np.sin, np.cos)]
    return torch.from_numpy(np.stack(waves, axis=1).astype(np.float32))


@dataclass(frozen=True)
class Batches:
    """Ways to cut a panel into batches."""

    panel: Panel
    task: Task
    users: int  # of a batch
    shares: tuple[float, float]  # of cells drawn: with a past, and without
    seed: int

    def drawn(self, row_U: Integers, again: int, mask_CW: Floats) -> Iterator[Batch]:
        """Users `row_U` in random order, the draw told by `again`; `mask_CW` hides outcomes."""
        rng = np.random.default_rng((self.seed, again))
        order_U = rng.permutation(row_U)
        for start in range(0, len(order_U), self.users):
            yield self.batch(np.sort(order_U[start : start + self.users]), rng, mask_CW)

    def batch(self, row_B: Integers, rng: np.random.Generator, mask_CW: Floats) -> Batch:
        """The batch of some users."""
        parts: list[tuple[npt.NDArray[Any], ...]] = []
        for look, (snapshot, mask_W) in enumerate(zip(self.panel.snapshots, mask_CW, strict=True)):
            ever_N = snapshot.ever_UT[row_B].ravel()
            topics = snapshot.ever_UT.shape[1]
            count_NW = snapshot.count_UTW[row_B].reshape(len(ever_N), -1)
            sure_N = ~ever_N & ((count_NW * mask_W) > 0).any(axis=1)
            share_N = np.where(sure_N, 1.0, np.where(ever_N, *self.shares))
            cell_N = np.flatnonzero(rng.random(len(ever_N)) < share_N)
            user_N, topic_N = cell_N // topics, cell_N % topics
            weight_NW = (mask_W / share_N[cell_N, None]).astype(np.float32)
            feature_NF = snapshot.feature_UTF[row_B[user_N], topic_N].astype(np.float32)
            look_N = np.full(len(cell_N), look)
            first_N = snapshot.first_UT[row_B[user_N], topic_N].astype(np.float32)
            known = (look_N, user_N, topic_N, feature_NF)
            parts.append((*known, count_NW[cell_N], weight_NW, first_N))
        drawn = [torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)]
        block, shots = self.panel.history.only(row_B), self.panel.snapshots
        return Batch(
            weekly(block, self.task.target),
            moments(block),
            torch.tensor([shot.cutoff for shot in shots]),
            at_cutoffs([shot.user_UF[row_B] for shot in shots]),
            at_cutoffs([shot.money_UH[row_B] for shot in shots]),
            at_cutoffs([shot.count_UTW[row_B].max(axis=1) > 0 for shot in shots]).float(),
            at_cutoffs([shot.spend_UW[row_B] for shot in shots]),
            torch.from_numpy(mask_CW),
            *drawn,
        )


def at_cutoffs(parts: list[npt.NDArray[Any]]) -> Tensor:
    """What is known of some users at each cutoff, side by side."""
    return torch.from_numpy(np.stack(parts, axis=1))
