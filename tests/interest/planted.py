"""Worlds as the interest layer sees them."""

from functools import cache

import ibis

from penchant.data.truth import Truth
from penchant.data.worlds import WORLDS, Shop
from penchant.interest.history import History, build_history
from penchant.interest.topics import choose_topics

KINDS = ("purchase",)


@cache
def seen_world(name: str, **size: int) -> tuple[Truth, History]:
    """The truth and the history of a world; topics of both are in the same order.

    So are users, if all of them have an event.
    """
    world = WORLDS[name](Shop(**size))
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    topics = choose_topics(events, catalog, level=2, floor=0)
    history = build_history(events, topics)
    assert history.interest.topics_T.tolist() == world.truth.topics_T.tolist()
    return world.truth, history
