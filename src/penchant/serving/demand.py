"""Demand: what everyone together is forecast to do in each topic.

Shapes: U users, T topics, W windows.
"""

import numpy as np

from penchant.interest.forecast import TABLE_LEVEL, Total
from penchant.interest.model import predict_blocks
from penchant.serving.ground import Ground
from penchant.serving.messages import Demand, TopicForecast


def demands(ground: Ground) -> dict[str, TopicForecast]:
    """The forecasts of all customers, summed, by topic; none without a model.

    Costs a forecast of everyone.
    """
    if ground.model is None:
        return {}
    shape = (len(ground.history.topics), 0)
    mean_TW, own_TW, customers_TW = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    blocks = predict_blocks(ground.model, ground.history)
    for number, block in enumerate(blocks):
        volume_UTW = block.volume_UTW.astype(np.float64)
        parts = (volume_UTW, volume_UTW * (1 + block.excess_UTW), block.chance_UTW)
        sums = [part.sum(axis=0, dtype=np.float64) for part in parts]
        if not number:
            mean_TW, own_TW, customers_TW = sums
            continue
        for whole, part in zip((mean_TW, own_TW, customers_TW), sums, strict=True):
            whole += part
    total = Total(mean_TW, np.sqrt(own_TW + (block.topic_shock_W * mean_TW) ** 2))
    low_TW, high_TW = total.interval(TABLE_LEVEL)
    dates = [[day.isoformat() for day in block.dates(window)] for window in block.windows_W]
    return {
        topic: TopicForecast(
            topic=topic,
            degraded=False,
            release=ground.release,
            windows=[
                Demand(
                    window=window.name,
                    start=dates[w][0],
                    end=dates[w][1],
                    volume=float(mean_TW[t, w]),
                    low=int(low_TW[t, w]),
                    high=int(high_TW[t, w]),
                    customers=float(customers_TW[t, w]),
                )
                for w, window in enumerate(block.windows_W)
            ],
        )
        for t, topic in enumerate(block.topics_T.tolist())
    }
