"""The two contracts of every forecasting family: a recipe is fitted, a model predicts.

Shapes: U users, T topics, W windows.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

from penchant.errors import HistoryError, TopicsError
from penchant.interest.counts import Doubles, least_volume
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.task import Task


@runtime_checkable
class Model(Protocol):
    """A fitted, immutable forecaster; `predict` is pure."""

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history, also users never seen before."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """A frozen set of hyperparameters that can be fitted to a history."""

    def fit(self, history: History, task: Task) -> Model:
        """Fit to everything known at the history's cutoff."""
        ...


def check_topics(topics_T: Names, history: History) -> None:
    """Refuse a history whose topics are not those a model was fitted to."""
    found_T = history.interest.topics_T
    if len(found_T) != len(topics_T) or (found_T != topics_T).any():
        strange = sorted(set(found_T.tolist()) ^ set(topics_T.tolist()))[:3]
        raise TopicsError(
            f"The model knows {len(topics_T)} topics and the history has {len(found_T)}; "
            f"they differ in {', '.join(strange) or 'their order'}. "
            "Build the history with the topics saved beside the model, or fit again."
        )


def make_forecast(
    history: History,
    task: Task,
    chance_UTW: Floats | Doubles,
    volume_UTW: Floats | Doubles,
    *,
    topic_shock_W: Floats | None = None,
    user_shock_W: Floats | None = None,
) -> Forecast:
    """Build a forecast after a history, raising volumes to the least that each chance allows.

    Raises HistoryError when the history counts other steps than the task.
    """
    if task.step != history.interest.step:
        raise HistoryError(
            f"The model forecasts by the {task.step} and the history counts by the "
            f"{history.interest.step}. Build the history with that step, or fit again."
        )
    below_UTW = np.clip(chance_UTW, 0, 1 - 1e-6)
    # By the chance before it is rounded: near 1, one bit of it is many of the least volume's.
    raised_UTW = np.maximum(volume_UTW, least_volume(below_UTW))
    none_W = np.zeros(len(task.windows), dtype=np.float32)
    return Forecast(
        users_U=history.interest.users_U,
        topics_T=history.interest.topics_T,
        windows_W=task.windows,
        step=task.step,
        origin=history.interest.origin + history.cutoff,
        chance_UTW=below_UTW.astype(np.float32),
        volume_UTW=raised_UTW.astype(np.float32),
        topic_shock_W=none_W if topic_shock_W is None else topic_shock_W,
        user_shock_W=none_W if user_shock_W is None else user_shock_W,
    )


def predict_blocks(model: Model, history: History, size: int = 5000) -> Iterator[Forecast]:
    """Forecast a history in blocks of users, so that memory stays bounded."""
    for block in history.blocks(size):
        yield model.predict(block)
