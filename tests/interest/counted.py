"""Histories drawn by hand."""

import numpy as np

from models.shops import history_of
from penchant.data.step import Step
from penchant.interest.history import History


def diary(*rows: str, step: Step = Step.WEEK) -> History:
    """One user's history: a row a topic, a character a step, `x` where there was a purchase."""
    return history_of(np.array([[[mark == "x" for mark in row] for row in rows]], float), step=step)
