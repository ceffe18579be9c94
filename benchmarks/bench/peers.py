"""Peers of a forecast of migration: scores by simpler means, and their fair calibration.

A peer scores every cell: the higher, the likelier is an engagement. Isotonic regression makes
chances of the scores.
Shapes: U users, T topics, W windows, P periods, C cutoffs.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from sklearn.isotonic import IsotonicRegression

from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.stationary import lookback
from penchant.interest.task import Task

NEIGHBOURS = 20  # topics, itself among them
PSEUDO = 5.0  # moves as popularity has them, added to each topic's
LOOKS, SPACING = 4, 4  # cutoffs that a topic's trend is drawn through, and steps between them
CELLS = 20.0  # of the mean of all topics, added to each topic's

Peer = Callable[[History, Task], Floats]


def lately_UT(history: History, task: Task) -> Floats:
    """Engagements in the look-back."""
    end, steps = history.cutoff, lookback(task.step)
    return history.interest.count_UT(task.target, max(0, end - steps), end)


def markov(history: History, task: Task) -> Floats:
    """First-order Markov chain on the topic that dominates a period as long as the first window.

    Score: chance of any engagement if each of the engagements to expect falls on a topic with the
    chance that it dominates by then. Whoever has no dominant topic starts from popularity.
    """
    length, end, topics = task.windows[0].length, history.cutoff, history.interest.shape[1]
    count_PUT = [
        history.interest.count_UT(task.target, start, start + length)
        for start in range(end % length, end, length)
    ]
    top_PU = [np.where(count_UT.any(axis=1), count_UT.argmax(axis=1), -1) for count_UT in count_PUT]
    popular_T = sum(count_UT.sum(axis=0, dtype=np.float64) for count_UT in count_PUT) + 0.5
    popular_T /= popular_T.sum()
    move_TT = np.tile(PSEUDO * popular_T, (topics, 1))
    for now_U, next_U in pairwise(top_PU):
        known_U = (now_U >= 0) & (next_U >= 0)
        np.add.at(move_TT, (now_U[known_U], next_U[known_U]), 1)
    move_TT /= move_TT.sum(axis=1, keepdims=True)
    state_U = np.full(len(top_PU[0]), -1)
    for top_U in top_PU:
        state_U = np.where(top_U >= 0, top_U, state_U)
    share_UT = np.where(state_U[:, None] >= 0, np.eye(topics)[state_U], popular_T)
    rate_U = lately_UT(history, task).sum(axis=1) / min(end, lookback(task.step))
    scores = []
    for window in task.windows:
        ahead = np.linalg.matrix_power(move_TT, round(window.end / length))
        expected_U1 = rate_U[:, None] * window.length
        scores.append(1 - (1 - share_UT @ ahead) ** expected_U1)
    return np.stack(scores, axis=2).astype(np.float32)


def copurchase(history: History, task: Task) -> Floats:
    """Sum of a user's log counts over a topic's nearest neighbours, each weighed by its cosine."""
    taste_UT = np.log1p(lately_UT(history, task)).astype(np.float64)
    size_T = np.sqrt((taste_UT**2).sum(axis=0)) + 1e-9
    cosine_TT = taste_UT.T @ taste_UT / np.outer(size_T, size_T)
    far_TT = cosine_TT < -np.sort(-cosine_TT, axis=0)[min(NEIGHBOURS, len(cosine_TT)) - 1]
    score_UT = taste_UT @ np.where(far_TT, 0, cosine_TT)
    return np.repeat(score_UT[:, :, None], len(task.windows), axis=2).astype(np.float32)


def topic_trend(history: History, task: Task) -> Floats:
    """Each topic's frequencies of adoption and of staying, drawn on along a line through the past.

    The line goes through the log-odds at the latest cutoffs whose windows have passed.
    """
    interest, end = history.interest, history.cutoff
    recent_UT = lately_UT(history, task) > 0
    score_UTW = np.empty((*recent_UT.shape, len(task.windows)), dtype=np.float32)
    for w, window in enumerate(task.windows):
        cutoff_C = [end - window.end - SPACING * back for back in range(LOOKS)]
        cutoff_C = [cutoff for cutoff in cutoff_C if cutoff >= SPACING] or [max(1, end // 2)]
        odds = np.empty((len(cutoff_C), 2, recent_UT.shape[1]))
        for place, cutoff in enumerate(cutoff_C):
            had_UT = lately_UT(history.until(cutoff, panel=True), task) > 0
            start, stop = cutoff + window.start, cutoff + window.end
            came_UT = interest.count_UT(task.target, start, stop) > 0
            for kind, among_UT in enumerate((~had_UT, had_UT)):
                cells_T, hits_T = among_UT.sum(axis=0), (among_UT & came_UT).sum(axis=0)
                mean = max(hits_T.sum(), 1) / max(cells_T.sum(), 1)
                part_T = np.clip((hits_T + CELLS * mean) / (cells_T + CELLS), 1e-6, 1 - 1e-6)
                odds[place, kind] = np.log(part_T / (1 - part_T))
        ahead = odds.mean(axis=0)
        if len(cutoff_C) > 1:
            since_C = np.array(cutoff_C) - np.mean(cutoff_C)
            slope = np.tensordot(since_C, odds, axes=1) / (since_C**2).sum()
            ahead = ahead + slope * (end - np.mean(cutoff_C))
        score_UTW[:, :, w] = np.where(recent_UT, ahead[1], ahead[0])
    return score_UTW


PEERS: dict[str, Peer] = {
    "markov_dominant": markov,
    "copurchase_knn": copurchase,
    "topic_trend": topic_trend,
}


def calibrated(
    earlier_UTW: Floats,
    active_UTW: np.ndarray,
    had_UT: np.ndarray,
    score_UTW: Floats,
    recent_UT: np.ndarray,
) -> Floats:
    """Chances from scores, by what scores of an earlier cutoff came to.

    One isotonic regression for each window, among cells that can be adopted and among those that
    can be abandoned.
    """
    chance_UTW = np.empty_like(score_UTW)
    for w in range(score_UTW.shape[2]):
        for of_recent in (False, True):
            then_UT, now_UT = had_UT == of_recent, recent_UT == of_recent
            if not then_UT.any():
                chance_UTW[now_UT, w] = active_UTW[:, :, w].mean()
                continue
            curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            curve.fit(earlier_UTW[then_UT, w], active_UTW[then_UT, w])
            chance_UTW[now_UT, w] = curve.predict(score_UTW[now_UT, w])
    return chance_UTW
