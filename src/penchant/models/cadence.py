"""Repurchase cadence of each cell: when it was last and first touched, and how regularly.

Shapes: U users, T topics, S steps, N entries, C cells with a past.
"""

import numpy as np

from penchant.interest.interest import Floats
from penchant.models.dense import Dense

NEVER = 10  # steps longer ago than the history, for cells without a past


def cadence(dense: Dense) -> dict[str, Floats]:
    """Cadence of every user and topic of a block, by name, as `UT`; NaN where it can't be known."""
    _, topics, steps = dense.shape
    start_C, cell_C = dense.start_C, dense.cell_C
    size_C = np.diff(start_C, append=len(dense.cell_N))
    end_C, times_C = start_C + size_C, size_C.astype(np.float32)
    first_C, last_C = dense.step_N[start_C], dense.step_N[end_C - 1]
    since_C = (steps - 1 - last_C).astype(np.float32)
    gap_C = np.where(times_C > 1, (last_C - first_C) / np.maximum(times_C - 1, 1), np.nan)
    gap_N = np.diff(dense.step_N, prepend=0).astype(np.float32)
    gap_N[start_C] = 0
    square_C = np.add.reduceat(gap_N**2, start_C) if len(start_C) else times_C
    variance_C = square_C / np.maximum(times_C - 1, 1) - np.nan_to_num(gap_C) ** 2
    visits_US = dense.visited_US[:, ::-1].cumsum(axis=1)
    before_US = np.pad(visits_US, ((0, 0), (1, 0)))  # visits in the last k
    user_C = cell_C // topics
    known = {
        "first": steps - first_C,
        "gap": gap_C,
        "gap_spread": np.where(times_C > 2, np.sqrt(np.maximum(variance_C, 0)), np.nan),
        "last_gap": np.where(times_C > 1, gap_N[end_C - 1], np.nan),
        "phase": since_C / gap_C,
        "per_step": dense.decayed_HUT[-1].ravel()[cell_C] / times_C,
        "density": times_C / (steps - first_C),
        "visit_density": times_C / np.maximum(before_US[user_C, steps - first_C], 1),
    }
    columns = {name: dense.spread_UT(value_C, np.nan) for name, value_C in known.items()}
    columns["since"] = dense.spread_UT(since_C, steps + NEVER)
    visits_C = before_US[user_C, since_C.astype(int)]
    columns["visits_since"] = dense.spread_UT(visits_C, steps + NEVER)
    return columns
