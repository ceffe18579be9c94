"""A history as one topic: the steps in which a customer did anything, whatever it was about.

Shapes: N entries, K kinds.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.interest.calendar import Calendar
from penchant.interest.history import History, population_of
from penchant.interest.topics import Topics

EVERYTHING = "everything"


def whole(history: History) -> History:
    """The same customers and steps; an entry counts 1 of each kind, and holds all its money.

    Steps are counted, not events, since the lines of one receipt are no purchases apart. Promotions
    of single topics are dropped, holidays stay.
    """
    past = history.interest
    one = replace(
        past,
        topics_T=np.array([EVERYTHING], dtype=np.str_),
        topic_N=np.zeros_like(past.topic_N),
    ).summed()
    interest = replace(one, count_NK=(one.count_NK > 0).astype(np.float32))
    known = history.topics.items
    items = pa.table({c.ITEM: known[c.ITEM], c.TOPIC: pa.array(np.zeros(len(known), np.int32))})
    topics = Topics(interest.topics_T, np.array(["all"], dtype=np.str_), items, level=1)
    calendar = Calendar(np.zeros((1, 0), dtype=np.float32), history.calendar.holiday_C)
    population = replace(population_of(interest), users=history.population.users)
    return History(interest, population, topics, calendar, history.people)
