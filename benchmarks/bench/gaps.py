"""Plain ways to tell when a customer buys a topic again, from the gaps between purchases.

Each gives the step, counted from the cutoff, of every cell asked for.
Shapes: C cells, D gaps, T topics.
"""

import numpy as np

from penchant.decisions.replenishment import Due
from penchant.interest.history import History
from penchant.interest.repurchase import cadences, touches

SOON = 1  # the second step: a date that the most purchases are within a step of


def gap_peers(history: History, kinds: tuple[str, ...], asked: Due) -> dict[str, np.ndarray]:
    """Steps of every peer, by name, for the cells of a `Due`."""
    found = touches(history.interest, kinds)
    topics = len(history.interest.topics_T)
    code_C = found.user_C.astype(np.int64) * topics + found.topic_C
    kept = np.searchsorted(code_C, asked.user_C.astype(np.int64) * topics + asked.topic_C)
    cell_N, steps = found.cell_N, history.cutoff
    inner_D = np.flatnonzero(cell_N[1:] == cell_N[:-1])
    cell_D, gap_D = cell_N[inner_D], found.step_N[inner_D + 1] - found.step_N[inner_D]
    latest_C = np.zeros(len(code_C))
    latest_C[cell_D] = gap_D
    times_C, known_C = found.times_C, steps - found.first_C
    shape_T, scale_T = topic_rates(found.topic_C, times_C, known_C, topics)
    shape_C = shape_T[found.topic_C] + times_C
    scale_C = scale_T[found.topic_C] + known_C
    gaps = {
        "mean_gap": (found.last_C - found.first_C) / np.maximum(times_C - 1, 1),
        "median_gap": median_gaps(cell_D, gap_D, len(code_C)),
        "last_gap": latest_C,
        "cadence": np.nan_to_num(cadences(history, kinds).gap_C, posinf=steps),
    }
    told = {
        name: np.maximum(found.last_C + gap_C, steps)[kept] - steps for name, gap_C in gaps.items()
    }
    # Purchases by chance have no memory: the wait is counted from now, and its median is told.
    told["poisson"] = (known_C / times_C * np.log(2) - 1)[kept]
    told["gamma_poisson"] = (scale_C * (2 ** (1 / shape_C) - 1) - 1)[kept]
    told["soon"] = np.full(len(kept), SOON)
    return {name: np.maximum(step_C, 0) for name, step_C in told.items()}


def median_gaps(cell_D: np.ndarray, gap_D: np.ndarray, cells: int) -> np.ndarray:
    """Plain median of each cell's closed gaps, which leaves out the open one; 0 without any."""
    order_D = np.lexsort((gap_D, cell_D))
    start_C = np.searchsorted(cell_D[order_D], np.arange(cells + 1))
    count_C, sorted_D = np.diff(start_C), gap_D[order_D]
    some = np.flatnonzero(count_C)
    median_C = np.zeros(cells)
    below, above = ((count_C[some] - 1) // 2, count_C[some] // 2)
    median_C[some] = (sorted_D[start_C[some] + below] + sorted_D[start_C[some] + above]) / 2
    return median_C


def topic_rates(
    topic_C: np.ndarray, times_C: np.ndarray, known_C: np.ndarray, topics: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gamma of the customers' rates in each topic, by moments: shape, and scale in steps."""
    rate_C = times_C / known_C
    count_T = np.maximum(np.bincount(topic_C, minlength=topics), 1)
    mean_T = np.bincount(topic_C, weights=rate_C, minlength=topics) / count_T
    square_T = np.bincount(topic_C, weights=rate_C**2, minlength=topics) / count_T
    noise_T = np.bincount(topic_C, weights=rate_C / known_C, minlength=topics) / count_T
    spread_T = np.maximum(square_T - mean_T**2 - noise_T, 0.05 * np.maximum(mean_T, 1e-6) ** 2)
    return mean_T**2 / spread_T, np.maximum(mean_T, 1e-6) / spread_T
