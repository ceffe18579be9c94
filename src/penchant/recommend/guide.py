"""What guides from topics to items: the forecast of the item's topic, its price and its promotion.

Shapes: B users asked, T topics, I items, N candidates.
"""

import numpy as np

from penchant.interest.interest import Floats
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked
from penchant.recommend.signals import Signals


def guide_columns(
    asked: Asked, goods: Assortment, promotion_T: Floats, signals: Signals
) -> dict[str, Floats]:
    """Signals of each candidate, NaN where its topic or price isn't known.

    Without a forecast there are none of interest.
    """
    user_N, item_N = signals.user_N, signals.item_N
    topic_N = goods.topic_I[item_N]
    columns = _price_columns(asked, goods, signals)
    columns["promotion"] = np.where(topic_N >= 0, promotion_T[topic_N], np.nan)
    columns["age"] = goods.age_I[item_N]
    if asked.volume_BT is None or asked.chance_BT is None:
        return columns
    volume_N = np.where(topic_N >= 0, asked.volume_BT[user_N, topic_N], np.nan)
    return columns | {
        "interest_chance": np.where(topic_N >= 0, asked.chance_BT[user_N, topic_N], np.nan),
        "interest_volume": volume_N,
        "interest_all": asked.volume_BT.sum(axis=1)[user_N],
        "expected_as_before": volume_N * signals.column("share_of_topic"),
        "expected_as_others": volume_N * signals.column("item_of_topic"),
    }


def _price_columns(asked: Asked, goods: Assortment, signals: Signals) -> dict[str, Floats]:
    """The price, and how it lies beside those the user paid, over all and within the topic."""
    past, topics = asked.past, len(goods.topics_T) + 1
    price_N = goods.price_I[signals.item_N]
    paid_N = np.log(np.maximum(goods.price_I[past.item_N], 0.01))
    told_N = np.isfinite(paid_N)
    columns = {"price": price_N}
    whole_I = np.zeros_like(goods.topic_I)
    for name, own_I, size in (("all", whole_I, 1), ("topic", goods.topic_I + 1, topics)):
        cell_N = past.user_N[told_N].astype(np.int64) * size + own_I[past.item_N[told_N]]
        cells = past.shape[0] * size
        count = np.bincount(cell_N, minlength=cells)
        total = np.bincount(cell_N, paid_N[told_N], minlength=cells)
        usual = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        asked_N = signals.user_N.astype(np.int64) * size + own_I[signals.item_N]
        columns[f"price_beside_{name}"] = np.log(np.maximum(price_N, 0.01)) - usual[asked_N]
    return columns
