"""What goes with an item: bought together first, then alike.

Shapes: I items, D width of a vector.
"""

import numpy as np

from penchant.errors import UnknownError
from penchant.interest.fresh import coded
from penchant.recommend.neighbours import FittedItemNeighbours
from penchant.serving.ground import Ground
from penchant.serving.messages import Related, RelatedItems


def related(ground: Ground, item: str, slots: int) -> RelatedItems:
    """What goes with an item, the closest first; UnknownError for an item nobody knows."""
    recommender = ground.recommender
    if recommender is None:
        raise UnknownError("No recommender is promoted, so nothing is known of items.")
    goods = recommender.goods
    code = int(coded(goods.items_I, np.array([item]))[0])
    if code < 0:
        raise UnknownError(f"There is no item '{item}' among those the recommender knows.")
    vector_ID = recommender.vector_ID
    score_I = vector_ID @ vector_ID[code]
    for source in recommender.sight.proposers:
        if isinstance(source, FittedItemNeighbours):
            near_I = source.weight_II[[code]].toarray()[0]
            score_I = np.where(near_I > 0, 1 + near_I, score_I)  # bought together, then alike
    score_I[code] = -np.inf
    most = min(slots, len(score_I) - 1)
    best = np.argpartition(-score_I, most)[:most] if most else np.zeros(0, dtype=np.int64)
    best = best[np.argsort(-score_I[best], kind="stable")]
    return RelatedItems(
        item=item,
        degraded=False,
        release=ground.release,
        items=[
            Related(
                item=str(goods.items_I[i]),
                score=float(score_I[i]),
                title=str(goods.title_I[i]) or None if len(goods.title_I) else None,
                topic=str(goods.topics_T[goods.topic_I[i]]) if goods.topic_I[i] >= 0 else None,
            )
            for i in best.tolist()
            if score_I[i] > 0
        ],
    )
