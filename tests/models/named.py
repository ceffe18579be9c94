"""Shops whose topics have names that mean something."""

from dataclasses import replace

import numpy as np

from models.shops import history_of
from penchant.interest.history import History

FRUIT = ("apples", "pears", "plums", "cherries", "grapes", "melons")
HARDWARE = ("hammers", "nails", "paint", "ladders")


def named(count_UTS: np.ndarray, names: tuple[str, ...]) -> History:
    """A history of purchases with these counts, of topics with these names."""
    history = history_of(count_UTS)
    return replace(
        history,
        topics=replace(history.topics, names_T=np.array(names)),
        interest=replace(history.interest, topics_T=np.array(names)),
    )
