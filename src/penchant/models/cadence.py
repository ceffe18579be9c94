"""Repurchase cadence of each cell: when it was last and first touched, and how regularly.

Shapes: U users, T topics, S steps, N cells with a past.
"""

import numpy as np

from penchant.interest.interest import Floats
from penchant.models.dense import Dense

NEVER = 10  # steps longer ago than the history, for cells without a past


def cadence(dense: Dense) -> dict[str, Floats]:
    """Cadence of every user and topic of a block, by name, as `UT`; NaN where it can't be known."""
    users, topics, steps = dense.shape
    flat_NS = dense.active_UTS.reshape(users * topics, steps)
    cell_N = np.flatnonzero(dense.ever_UT.ravel())
    active_NS = flat_NS[cell_N]
    times_N = active_NS.sum(axis=1).astype(np.float32)
    first_N = active_NS.argmax(axis=1)
    last_N = steps - 1 - active_NS[:, ::-1].argmax(axis=1)
    since_N = (steps - 1 - last_N).astype(np.float32)
    again_N = times_N > 1
    gap_N = np.where(again_N, (last_N - first_N) / np.maximum(times_N - 1, 1), np.nan)
    square_N, last_gap_N = _gaps(active_NS, first_N)
    variance_N = square_N / np.maximum(times_N - 1, 1) - np.nan_to_num(gap_N) ** 2
    spread_N = np.where(times_N > 2, np.sqrt(np.maximum(variance_N, 0)), np.nan)
    visited_US = dense.count_UTS.sum(axis=1) > 0
    before_US = np.pad(visited_US[:, ::-1].cumsum(axis=1), ((0, 0), (1, 0)))  # visits in the last k
    user_N = cell_N // topics
    known = {
        "first": steps - first_N,
        "gap": gap_N,
        "gap_spread": spread_N,
        "last_gap": last_gap_N,
        "phase": since_N / gap_N,
        "per_step": dense.count_UTS.reshape(users * topics, steps)[cell_N].sum(axis=1) / times_N,
        "density": times_N / (steps - first_N),
        "visit_density": times_N / np.maximum(before_US[user_N, steps - first_N], 1),
    }
    columns = {name: _spread(dense, cell_N, value_N, np.nan) for name, value_N in known.items()}
    columns["since"] = _spread(dense, cell_N, since_N, steps + NEVER)
    visits_N = before_US[user_N, since_N.astype(int)]
    columns["visits_since"] = _spread(dense, cell_N, visits_N, steps + NEVER)
    return columns


def _gaps(active_NS: np.ndarray, first_N: np.ndarray) -> tuple[Floats, Floats]:
    """Sum of squared gaps between active steps, and the latest gap."""
    square_N = np.zeros(len(active_NS), dtype=np.float32)
    latest_N = np.full(len(active_NS), np.nan, dtype=np.float32)
    before_N = first_N.astype(np.float32)
    for step in range(active_NS.shape[1]):
        here_N = active_NS[:, step] & (step > first_N)
        gap_N = step - before_N[here_N]
        square_N[here_N] += gap_N**2
        latest_N[here_N] = gap_N
        before_N[here_N] = step
    return square_N, latest_N


def _spread(dense: Dense, cell_N: np.ndarray, value_N: np.ndarray, missing: float) -> Floats:
    users, topics, _ = dense.shape
    flat = np.full(users * topics, missing, dtype=np.float32)
    flat[cell_N] = value_N
    return flat.reshape(users, topics)
