"""How far a forecast could get: what knowing levels after the fact would add to it.

A cell's log-odds are shifted by one number for each household, or topic, found by Newton's method
from what happened in the window itself, with a standard normal prior. No forecast can have these
numbers; they say where the information is that a forecast lacks.
Shapes: U users, T topics.
"""

import numpy as np

from penchant.evaluation.case import Case

ROUNDS = 30

AXES = {"topics": (1,), "households": (0,), "both": (0, 1)}


def knowing(case: Case, levels: str, *, of_recent: bool) -> np.ndarray:
    """Chances of a case, among one kind of cell, with the true levels of what `levels` names."""
    among_UT = case.recent_UT == of_recent
    chance_UT = np.clip(case.chance_UT.astype(np.float64), 1e-5, 1 - 1e-5)
    plain_UT = np.log(chance_UT / (1 - chance_UT))
    shifts = {axis: np.zeros((1, 1)) for axis in AXES[levels]}
    for _ in range(ROUNDS):
        for axis in shifts:
            now_UT = 1 / (1 + np.exp(-plain_UT - sum(shifts.values())))
            over = 1 - axis
            gradient = ((case.active_UT - now_UT) * among_UT).sum(axis=over, keepdims=True)
            information = (now_UT * (1 - now_UT) * among_UT).sum(axis=over, keepdims=True)
            change = (gradient - shifts[axis]) / (information + 1)
            shifts[axis] = shifts[axis] + np.clip(change, -1, 1)
    return 1 / (1 + np.exp(-plain_UT - sum(shifts.values())))
