"""Metrics of chance: whether P(any engagement) is sharp, and whether it keeps its word.

Shapes: U users, T topics.
"""

import numpy as np

from penchant.evaluation.case import Case
from penchant.evaluation.score import Binned, Ranked, Ratio
from penchant.interest.counts import Doubles

LEAST_CHANCE = 1e-6  # a sure forecast that is wrong costs this much, not infinity


def per_cell(loss_UT: Doubles, root: bool = False) -> Ratio:
    """Mean of a loss over cells."""
    topics = loss_UT.shape[1]
    sum_U = loss_UT.sum(axis=1, dtype=np.float64)
    return Ratio(sum_U, np.full(len(loss_UT), float(topics)), root)


def average_precision(case: Case) -> Ranked:
    """Average precision of active cells, all users' cells pooled."""
    return Ranked(case.ranking, "average_precision")


def auc(case: Case) -> Ranked:
    """P(an active cell has a higher chance than an idle one), all users' cells pooled."""
    return Ranked(case.ranking, "auc")


def log_loss(case: Case) -> Ratio:
    """Negative log likelihood of active or idle, in nats per cell."""
    chance_UT = np.clip(case.chance_UT.astype(np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)
    return per_cell(-np.log(np.where(case.active_UT, chance_UT, 1 - chance_UT)))


def brier(case: Case) -> Ratio:
    """Mean squared difference of chance and what happened."""
    return per_cell((case.chance_UT.astype(np.float64) - case.active_UT) ** 2)


def ece(case: Case) -> Binned:
    """Expected calibration error over 20 bins of equal width."""
    return Binned.of(case.chance_UT, case.active_UT)
