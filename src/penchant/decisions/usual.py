"""The usual item: which item of a topic a customer buys again and again, if there is one.

Shapes: N interactions, I items, R pairs of user and topic, P pairs of user and item.
"""

from dataclasses import replace

import numpy as np

from penchant.decisions.services import REFILL, SUBSCRIPTION, Services
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import rows_of

LEAST_TIMES = 3  # baskets with the item
LEAST_SHARE = 0.5  # of the customer's baskets with the topic


def name_usual(found: Services, history: History, past: Interactions) -> Services:
    """The same services, refills and subscriptions with the customer's usual item if any."""
    usual = usual_items(history, past)
    rows = tuple(
        replace(row, item=usual.get((row.user, row.topic)))
        if row.kind in (REFILL, SUBSCRIPTION)
        else row
        for row in found.rows
    )
    return replace(found, rows=rows)


def usual_items(history: History, past: Interactions) -> dict[tuple[int, int], str]:
    """The usual item by row of the user and code of the topic, where there is one."""
    topic_I = history.topics.of(past.items_I)
    user_N = rows_of(past.users_U, history.interest.users_U)[past.user_N]
    kept_N = (user_N >= 0) & (topic_I[past.item_N] >= 0)
    number = len(past.items_I)
    once_N = np.unique(  # an item counts once a basket
        past.basket_N[kept_N].astype(np.int64) * number + past.item_N[kept_N], return_index=True
    )[1]
    user_N, item_N = user_N[kept_N][once_N], past.item_N[kept_N][once_N].astype(np.int64)
    pair_P, times_P = np.unique(user_N * number + item_N, return_counts=True)
    user_P, item_P = pair_P // number, pair_P % number
    cell_P = user_P * len(history.interest.topics_T) + topic_I[item_P]
    cell_R, cell_P = np.unique(cell_P, return_inverse=True)
    basket_N = past.basket_N[kept_N][once_N].astype(np.int64)
    told_N = user_N * len(history.interest.topics_T) + topic_I[item_N]
    pairs = np.unique(np.stack([basket_N, told_N]), axis=1)[1]  # a topic counts once a basket
    whole_P = np.bincount(np.searchsorted(cell_R, pairs), minlength=len(cell_R))[cell_P]
    most_P = np.zeros(cell_P.max(initial=-1) + 1)
    np.maximum.at(most_P, cell_P, times_P)
    chosen = (times_P == most_P[cell_P]) & (times_P >= LEAST_TIMES)
    chosen &= times_P >= LEAST_SHARE * whole_P
    return {
        (int(user_P[p]), int(topic_I[item_P[p]])): str(past.items_I[item_P[p]])
        for p in np.flatnonzero(chosen)[::-1]  # the first of equals stays
    }
