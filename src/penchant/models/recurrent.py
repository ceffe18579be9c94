"""A recurrent network over each user's steps: what was bought, in which order, and how lately.

Each step is the bag of topics engaged in, with how much was done and where in the year it lies; an
RNN, GRU or LSTM reads the steps in order. Its state at a cutoff joins the features of each cell.
It helps where order within a user's past matters beyond counts, recency and cadence; on grocery
baskets that adds nothing (docs/log.md). It is slow on long histories: cost grows with steps.
Sources: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014); Hochreiter
and Schmidhuber, "Long short-term memory" (1997); Elman, "Finding structure in time" (1990).
Shapes: B users of a batch, S steps, T topics, M measures of a step, C cutoffs, D width.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from penchant.errors import RecipeError
from penchant.interest.history import History
from penchant.interest.space import Between, OneOf, Space
from penchant.interest.task import Task
from penchant.models.forecaster import FittedNetwork, fit_network
from penchant.models.network import Head, Network, Shape, Tensors
from penchant.models.training import Training

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True, kw_only=True)
class Recurrent:
    """Recipe. Costs a minute or two for 2,500 users × 300 topics × 3 windows on two cores."""

    cell: str = "gru"  # rnn, gru or lstm
    width: int = 64  # of the state and of the head
    layers: int = 1
    dropout: float = 0.1
    training: Training = field(default_factory=Training)

    SEARCH: ClassVar[Space] = {
        "cell": OneOf(("rnn", "gru", "lstm")),
        "width": Between(16, 256, log=True),
        "layers": Between(1, 2),
        "dropout": Between(0.0, 0.5),
        "training.learning_rate": Between(3e-4, 3e-2, log=True),
        "training.weight_decay": Between(1e-3, 0.3, log=True),
        "training.cutoffs": Between(1, 8),
    }

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise RecipeError(f"A cell is one of {', '.join(CELLS)}; found '{self.cell}'.")

    def fit(self, history: History, task: Task) -> FittedNetwork:
        """Train on earlier cutoffs."""
        return fit_network(self, history, task)

    def given(self, history: History, task: Task) -> Tensors:
        """Nothing beside the shape."""
        return Tensors()

    def build(self, shape: Shape, given: Tensors) -> Network:
        """An untrained network."""
        encoder = RecurrentEncoder(self, shape)
        return Network(Head(shape, self.width, 0, self.width, self.dropout), encoder)


class RecurrentEncoder(nn.Module):
    """Bags of topics, step by step, to the state at each cutoff."""

    def __init__(self, recipe: Recurrent, shape: Shape) -> None:
        super().__init__()
        self.bag = nn.Linear(shape.topics, recipe.width, bias=False)
        self.trunk = CELLS[recipe.cell](
            recipe.width + 1 + shape.moments,
            recipe.width,
            recipe.layers,
            batch_first=True,
            dropout=recipe.dropout if recipe.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor) -> Tensor:
        """State of each user at each cutoff, `BCD`."""
        much_BS1 = count_BST.sum(dim=2, keepdim=True).log1p()
        moment_BSM = moment_SM.expand(len(count_BST), -1, -1)
        step_BSD = torch.cat([self.bag(self.dropout(count_BST.log1p())), much_BS1, moment_BSM], 2)
        state_BSD, _ = self.trunk(step_BSD)
        state_BCD: Tensor = self.dropout(state_BSD[:, cutoff_C - 1])
        return state_BCD
