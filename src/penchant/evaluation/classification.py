"""Metrics of yes and no: the top topic, and which topics are active.

Shapes: U users, T topics.
"""

import numpy as np

from penchant.evaluation.case import Case, Flags
from penchant.evaluation.score import Ratio
from penchant.interest.counts import Doubles

ACTIVE = 0.5  # chance from which a cell is called active


def top_topic_accuracy(case: Case) -> Ratio:
    """Part of users whose topic of highest volume is the one they engaged in most.

    Of several that they engaged in equally often, any is right. Users without an engagement in
    the window don't count.
    """
    most_U = case.count_UT.max(axis=1)
    guess_U = case.volume_UT.argmax(axis=1)
    some_U = most_U > 0
    right_U = case.count_UT[np.arange(len(guess_U)), guess_U] == most_U
    return Ratio((right_U & some_U).astype(np.float64), some_U.astype(np.float64))


def precision(case: Case) -> Ratio:
    """Part of the cells called active that are, pooled over users."""
    called_UT = case.chance_UT >= ACTIVE
    return Ratio(_count_U(called_UT & case.active_UT), _count_U(called_UT))


def recall(case: Case) -> Ratio:
    """Part of the active cells that are called so, pooled over users."""
    called_UT = case.chance_UT >= ACTIVE
    return Ratio(_count_U(called_UT & case.active_UT), _count_U(case.active_UT))


def f1(case: Case) -> Ratio:
    """Harmonic mean of precision and recall."""
    called_UT = case.chance_UT >= ACTIVE
    both_U = _count_U(called_UT & case.active_UT)
    return Ratio(2 * both_U, _count_U(called_UT) + _count_U(case.active_UT))


def _count_U(flag_UT: Flags) -> Doubles:
    return flag_UT.sum(axis=1).astype(np.float64)
