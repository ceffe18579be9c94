"""A network that forecasts: trained at earlier cutoffs, asked about any history.

Shapes: U users, T topics, W windows, N cells, F features.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.model import check_topics, make_forecast
from penchant.interest.task import Task
from penchant.models.batches import Batch, moments, weekly
from penchant.models.features import Context, known_of, learn_context, look_columns
from penchant.models.lesson import Lesson
from penchant.models.network import Architecture, Network, Shape, Tensors, forecast_loss, volumes
from penchant.models.panel import Scaling, cell_table, money_rates, panel_of
from penchant.models.sampling import earlier_looks
from penchant.models.training import Loss, seeded

CELLS_AT_ONCE = 60_000  # small enough for caches
WORKERS = min(4, os.cpu_count() or 1)  # blocks forecast beside each other


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network: how it is built, its weights, and how it reads a history."""

    task: Task
    topics_T: Names
    context: Context
    scaling: Scaling
    recipe: Architecture
    shape: Shape
    given: Tensors
    weights: Tensors
    topic_shock_W: Floats
    user_shock_W: Floats

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history, block by block."""
        check_topics(self.topics_T, history)
        chance_UTW, volume_UTW = forecast_cells(self.network(), history, self)
        return make_forecast(
            history,
            self.task,
            chance_UTW,
            volume_UTW,
            topic_shock_W=self.topic_shock_W,
            user_shock_W=self.user_shock_W,
        )

    def network(self) -> Network:
        """The network, ready to be asked."""
        net = untrained(self.recipe, self.shape, self.given)
        net.load_state_dict(self.weights.state())
        return net.eval()


def fit_network(
    recipe: Architecture, history: History, task: Task, loss: Loss = forecast_loss
) -> FittedNetwork:
    """Train a network on earlier cutoffs, as one step past each window it has seen come true.

    Raises HistoryError where no window has passed yet.
    """
    if history.cutoff <= task.horizon:
        raise HistoryError(
            f"A network learns from windows that have passed: {history.cutoff} steps are known, "
            f"and the windows reach {task.horizon} steps. Ask for nearer windows, or use "
            "gamma_poisson."
        )
    settings = recipe.training
    looks = earlier_looks(history, task, settings.cutoffs, settings.spacing, settings.least_cutoff)
    panel, scaling = panel_of(history, looks, task, settings.most_users, settings.seed)
    topics, year = history.interest.shape[1], moments(panel.history).shape[1]
    shape = Shape(topics, scaling.columns, len(task.windows), year)
    given = recipe.given(history, task)
    lesson = Lesson(panel, task, settings, loss, (repr(recipe), task, history))
    net = untrained(recipe, shape, given)
    lesson.teach(net)
    topic_shock_W, user_shock_W = lesson.shocks(untrained(recipe, shape, given))
    return FittedNetwork(
        task,
        history.interest.topics_T,
        learn_context(history, task, known_of(history, task)),
        scaling,
        recipe,
        shape,
        given,
        Tensors.of(net),
        topic_shock_W,
        user_shock_W,
    )


def untrained(recipe: Architecture, shape: Shape, given: Tensors) -> Network:
    """The network of a recipe, its weights drawn by the recipe's seed."""
    with seeded(recipe.training.seed, recipe.training.threads):
        return recipe.build(shape, given)


def forecast_cells(net: Network, history: History, model: FittedNetwork) -> tuple[Doubles, Doubles]:
    """Chance and volume of every cell of a history, some blocks at a time."""
    extras = look_columns(history, model.context, model.task)
    with seeded(0, model.recipe.training.threads), ThreadPoolExecutor(WORKERS) as workers:
        parts = workers.map(
            lambda block: volumes(net, cell_batch(block, model, extras)), blocks(history)
        )
        chance_NW, volume_NW = map(np.concatenate, zip(*parts, strict=True))
    shape = (-1, history.interest.shape[1], model.shape.windows)
    return chance_NW.reshape(shape), volume_NW.reshape(shape)


def cell_batches(history: History, model: FittedNetwork) -> Iterator[Batch]:
    """Every cell of a history, user by user, in batches of whole users."""
    extras = look_columns(history, model.context, model.task)
    return (cell_batch(block, model, extras) for block in blocks(history))


def blocks(history: History) -> Iterator[History]:
    """Blocks of users that are read at once."""
    return history.blocks(max(1, CELLS_AT_ONCE // history.interest.shape[1]))


def cell_batch(block: History, model: FittedNetwork, extras: list[dict[str, Floats]]) -> Batch:
    """Every cell of a block of users; `extras` are features of topics in each window."""
    cells = cell_table(block, model.context, model.task, extras)
    feature_NF = torch.from_numpy(model.scaling(cells.raw_NF))
    users, topics, _ = block.interest.shape
    user_N = torch.arange(users).repeat_interleave(topics)
    nothing = torch.zeros(0)
    return Batch(
        weekly(block, model.task.target),
        moments(block),
        torch.tensor([block.cutoff]),
        feature_NF.reshape(users, 1, topics, -1).mean(dim=2),
        torch.from_numpy(money_rates(block)).unsqueeze(1),
        *(nothing, nothing, nothing),  # what came of users
        torch.zeros_like(user_N),
        user_N,
        torch.arange(topics).repeat(users),
        feature_NF,
        *(nothing, nothing, nothing),  # what came of cells
    )
