"""A world's events as a data frame, to find again what was planted."""

import numpy as np
import pandas as pd

from penchant import columns as c
from penchant.data.step import Step
from penchant.data.worlds import World


def seen(world: World, kind: str | None = None) -> pd.DataFrame:
    """Events with numbers for user, topic, item and step; of one kind, or all of them.

    The number of a user is -1 while only the device is known.
    """
    frame = world.log.events.to_pandas()
    frame = frame if kind is None else frame[frame[c.KIND] == kind].copy()
    catalog = world.log.catalog.to_pandas()
    topics = {name: number for number, name in enumerate(world.truth.topics_T)}
    topic_by_item = {
        item: topics[path[1]] for item, path in zip(catalog[c.ITEM], catalog[c.PATH], strict=True)
    }
    frame["who"] = pd.Index(world.truth.users_U).get_indexer(frame[c.USER])
    frame["what"] = pd.Index(catalog[c.ITEM]).get_indexer(frame[c.ITEM])
    frame["about"] = frame[c.ITEM].map(topic_by_item)
    first_day = pd.Timestamp(Step.WEEK.start(int(world.truth.steps_S[0])))
    frame["day"] = (frame[c.TIME].dt.normalize() - first_day).dt.days
    frame["when"] = frame["day"] // 7
    return frame


def counted(frame: pd.DataFrame, users: int, steps: int) -> np.ndarray:
    """Events of each user and step."""
    count_US = np.zeros((users, steps))
    np.add.at(count_US, (frame["who"], frame["when"]), 1)
    return count_US
