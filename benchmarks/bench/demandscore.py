"""How good forecasts of a hierarchy are, level by level: WRMSSE, WQL and coverage.

WRMSSE is M5's (Makridakis, Spiliotis and Assimakopoulos 2022): errors over those of yesterday's
value in the steps known, weighed by sales of the last four weeks. WQL is the mean over deciles of
twice the quantile loss, over all that came.
Shapes: N nodes, S steps known, H steps ahead, Q quantiles.
"""

import numpy as np

DECILES = tuple(k / 10 for k in range(1, 10))
WEIGHED = 4  # weeks of sales


def wrmsse(
    mean_NH: np.ndarray, came_NH: np.ndarray, past_NS: np.ndarray, sales_NS: np.ndarray
) -> float:
    """Weighted root mean squared scaled error; nodes without a scale or sales weigh nothing."""
    scale_N = np.zeros(len(past_NS))
    for node, past_S in enumerate(past_NS):
        own_S = np.trim_zeros(past_S, "f")
        scale_N[node] = (np.diff(own_S) ** 2).mean() if len(own_S) > 1 else 0.0
    weight_N = np.maximum(sales_NS[:, -WEIGHED:].sum(axis=1), 0) * (scale_N > 0)
    error_N = np.sqrt(((mean_NH - came_NH) ** 2).mean(axis=1) / np.where(scale_N > 0, scale_N, 1))
    return float((error_N * weight_N).sum() / weight_N.sum())


def wql(quantile_QNH: np.ndarray, came_NH: np.ndarray) -> float:
    """Weighted quantile loss over `DECILES`."""
    level_Q11 = np.array(DECILES)[:, None, None]
    off_QNH = came_NH - quantile_QNH
    loss_Q = 2 * np.maximum(level_Q11 * off_QNH, (level_Q11 - 1) * off_QNH).sum(axis=(1, 2))
    return float(loss_Q.mean() / came_NH.sum())


def covered(low_NH: np.ndarray, high_NH: np.ndarray, came_NH: np.ndarray) -> float:
    """Share of what came that lies within intervals, both ends counted."""
    return float(((low_NH <= came_NH) & (came_NH <= high_NH)).mean())
