"""Shops of a few customers, written as the baskets they buy."""

from itertools import groupby

import numpy as np

from penchant.interest.interactions import Interactions
from penchant.recommend.assortment import DAY, Assortment


def bought(baskets, items):
    """Interactions of (user, day, items); users and items are names."""
    ordered = sorted(baskets, key=lambda basket: basket[:2])
    rows = [
        (user, day, item, place)
        for place, (user, day, held) in enumerate(ordered)
        for item in sorted(held)
    ]
    user, day, item, basket = (np.array(column) for column in zip(*rows, strict=True))
    users_U, user_N = np.unique(user, return_inverse=True)
    return Interactions(
        users_U=users_U,
        items_I=np.array(items),
        kinds_K=("purchase",),
        user_N=user_N.astype(np.int32),
        item_N=np.searchsorted(items, item).astype(np.int32),
        kind_N=np.zeros(len(rows), dtype=np.int32),
        time_N=day * DAY,
        basket_N=basket.astype(np.int32),
        quantity_N=np.ones(len(rows), dtype=np.float32),
        money_N=np.ones(len(rows), dtype=np.float32),
    )


def goods_of(past, topic_I=None):
    """An assortment that knows topics at most."""
    items = len(past.items_I)
    return Assortment(
        items_I=past.items_I,
        topics_T=np.array([]),
        brands_R=np.array([]),
        topic_I=np.full(items, -1, dtype=np.int32) if topic_I is None else topic_I,
        brand_I=np.full(items, -1, dtype=np.int32),
        title_I=past.items_I,
        text_I=past.items_I,
        listed_I=np.ones(items, dtype=np.float32),
        price_I=np.ones(items, dtype=np.float32),
        first_I=np.zeros(items, dtype=np.int64),
        from_I=np.full(items, -np.inf),
        until_I=np.full(items, np.inf),
        latest=int(past.time_N.max()),
    )


def named(past, score_BI):
    """What is proposed to each user, best first."""
    found = score_BI.tocoo()
    rows = sorted(zip(found.row, -found.data, found.col, strict=True))
    best = {user: [] for user in past.users_U.tolist()}
    for row, group in groupby(rows, key=lambda entry: entry[0]):
        best[past.users_U[row]] = [str(past.items_I[item]) for _, _, item in group]
    return best
