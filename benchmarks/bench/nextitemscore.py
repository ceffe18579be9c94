"""Full rankings of next and of all future items, without what a user had already.

Shapes: B users, I items, K places of the ranking.
"""

from dataclasses import dataclass

import numpy as np

from bench.nextitemdata import Future
from bench.nextitempeers import Scorer
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats

TOP = 10
BLOCK = 1000  # users at a time
HIDDEN = np.float32(-1e30)  # score of what a user had


@dataclass(frozen=True)
class Ranked:
    """One number a user."""

    hit_U: Floats  # whether, or what share of what came, is among the first ten
    ndcg_U: Floats


def rank_next(score: Scorer, known: Interactions, next_U: Codes) -> Ranked:
    """How high the next item of each user stands among all items they hadn't had; ties halved."""
    place_U = np.zeros(len(next_U))
    for at in range(0, len(next_U), BLOCK):
        row_B = np.arange(at, min(at + BLOCK, len(next_U)))
        score_BI = unseen(score, known.only(row_B))
        mine_B1 = score_BI[np.arange(len(row_B)), next_U[row_B]][:, None]
        ties_B = (score_BI == mine_B1).sum(axis=1) - 1
        place_U[row_B] = (score_BI > mine_B1).sum(axis=1) + ties_B / 2
    hit_U = place_U < TOP
    return Ranked(hit_U.astype(np.float32), (hit_U / np.log2(place_U + 2)).astype(np.float32))


def rank_all(score: Scorer, future: Future) -> Ranked:
    """Share of each user's future items, new to them, among the first ten; and their NDCG."""
    hits, gains = [], []
    for at in range(0, len(future.known.users_U), BLOCK):
        row_B = np.arange(at, min(at + BLOCK, len(future.known.users_U)))
        known, after = future.known.only(row_B), future.after.only(row_B)
        score_BI = unseen(score, known)
        came_BI = np.zeros(score_BI.shape, dtype=np.bool_)
        came_BI[after.user_N, after.item_N] = True
        came_BI[known.user_N, known.item_N] = False
        best_BK = best_of(score_BI)
        hit_BK = np.take_along_axis(came_BI, best_BK, axis=1)
        came_B = came_BI.sum(axis=1)
        kept_B = came_B > 0
        gain_K = 1 / np.log2(np.arange(best_BK.shape[1]) + 2)
        most_B = np.cumsum(gain_K)[np.clip(came_B, 1, len(gain_K)) - 1]
        hits.append((hit_BK.sum(axis=1) / np.maximum(came_B, 1))[kept_B])
        gains.append((hit_BK @ gain_K / most_B)[kept_B])
    return Ranked(np.concatenate(hits), np.concatenate(gains))


def best_of(score_BI: Floats) -> Codes:
    """The items of the highest scores, the highest first, `BK`."""
    places = min(TOP, score_BI.shape[1])
    best_BK = np.argpartition(-score_BI, places - 1, axis=1)[:, :places]
    order_BK = np.argsort(-np.take_along_axis(score_BI, best_BK, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best_BK, order_BK, axis=1)


def unseen(score: Scorer, known: Interactions) -> Floats:
    """Scores with what each user had out of the way."""
    score_BI = score(known)
    score_BI[known.user_N, known.item_N] = HIDDEN
    return score_BI
