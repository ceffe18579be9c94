"""The demand of customers who aren't known yet: how many come, and how much they engage in what.

As many come in a step as did lately, and engage as those who came lately did, by steps since they
came. Whoever did anything at all is known: the forecast of users holds them. In a log that has just
begun everyone looks new, so it says too much there.
Shapes: U users, T topics, N entries, H steps ahead, A steps since a customer came (ages).
"""

import numpy as np

from penchant.interest.counts import Doubles
from penchant.interest.history import History
from penchant.interest.task import Task

LATELY = 8  # steps in which arrivals are counted
COHORTS = 26  # steps in which those came who tell how newcomers engage
LEAN = 200.0  # engagements of the whole shop, added to newcomers' own to tell their topics


def remainder_TH(history: History, task: Task, ahead: int) -> Doubles:
    """Engagements expected of customers who come after the cutoff, by topic and step ahead."""
    past = history.interest
    users, topics, steps = past.shape
    first_U = np.full(users, steps)
    count_N = past.target_N(task.target).astype(np.float64)
    met_N = count_N > 0
    np.minimum.at(first_U, past.user_N, past.step_N)  # who only looked so far is known, too
    since = max(1, steps - COHORTS)  # whoever came in the first step may be as old as the shop
    came_U = (first_U >= since) & (first_U < steps)
    new_N = came_U[past.user_N] & met_N
    all_T = np.bincount(past.topic_N, count_N, topics)
    if not new_N.any():
        return np.zeros((topics, ahead))
    lately = min(LATELY, steps - since)
    arrivals = (came_U & (first_U >= steps - lately)).sum() / lately
    age_N = past.step_N[new_N] - first_U[past.user_N[new_N]]
    engaged_A = np.bincount(age_N, count_N[new_N], COHORTS)
    age_U = steps - 1 - first_U[came_U]
    there_A = (age_U[:, None] >= np.arange(len(engaged_A))).sum(axis=0)
    engaged_A = np.divide(engaged_A, there_A, out=np.zeros(len(engaged_A)), where=there_A > 0)
    told = max(1, int((there_A > 0).sum()))
    each_H = engaged_A[np.minimum(np.arange(ahead), told - 1)]
    new_T = np.bincount(past.topic_N[new_N], count_N[new_N], topics)
    share_T = new_T + LEAN * all_T / max(all_T.sum(), 1)
    return np.outer(share_T / share_T.sum(), arrivals * np.cumsum(each_H))
