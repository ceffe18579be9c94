"""From a user's past to chances and volumes: the frame that every network family fills in.

A family brings an encoder, which turns each user's steps up to a cutoff into a state, and, if it
likes, vectors of topics. The head reads one cell at a time: its features (those of the trees), the
state of its user, and how state and topic vector agree. It doesn't know which topic it looks at: a
bias of each topic would learn the season of the few training cutoffs (docs/log.md).
All windows are answered at once, none from another's answer.
Shapes: B users of a batch, S steps, M measures of a step, C cutoffs, T topics, D width, E width of
a topic's vector, N cells, F features, W windows.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.interest.counts import Doubles
from penchant.interest.history import History
from penchant.interest.task import Task
from penchant.models.batches import Batch
from penchant.models.training import Training

MOST_FURTHER = 6.0  # logarithm of engagements beyond the first
FURTHER_WEIGHT = 0.2  # of the loss of further engagements, beside that of chances


@dataclass(frozen=True)
class Shape:
    """What a network must know of its input before it is built."""

    topics: int
    columns: tuple[str, ...]  # names of the features
    windows: int
    moments: int

    @property
    def features(self) -> int:
        """Features of a cell."""
        return len(self.columns)


@dataclass(frozen=True)
class Tensors:
    """Named arrays: weights of a network, or what it is built on."""

    names: tuple[str, ...] = ()
    arrays: tuple[npt.NDArray[np.generic], ...] = ()

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        return self.arrays[self.names.index(name)]

    @classmethod
    def of(cls, net: nn.Module) -> "Tensors":
        """The weights of a network."""
        state = net.state_dict()
        return cls(tuple(state), tuple(value.detach().cpu().numpy() for value in state.values()))

    def state(self) -> dict[str, Tensor]:
        """The arrays as PyTorch's, by name."""
        return {n: torch.from_numpy(a.copy()) for n, a in zip(self.names, self.arrays, strict=True)}


class Architecture(Protocol):
    """A recipe that is a network."""

    @property
    def training(self) -> Training:
        """How it is trained."""
        ...

    def given(self, history: History, task: Task) -> Tensors:
        """What the network is built on beside its shape, learned at the fit: edges, vectors."""
        ...

    def build(self, shape: Shape, given: Tensors) -> "Network":
        """An untrained network."""
        ...


class Head(nn.Module):
    """Logits and further engagements of cells, from features, state and topic vector."""

    def __init__(self, shape: Shape, state: int, vector: int, width: int, dropout: float) -> None:
        super().__init__()
        self.of_feature = nn.Linear(shape.features, width)
        self.of_state = nn.Linear(state, width, bias=False) if state else None
        self.of_both = nn.Linear(vector, width, bias=False) if vector else None
        self.as_vector = nn.Linear(state, vector) if vector else None
        self.middle = nn.Linear(width, width)
        self.out = nn.Linear(width, 2 * shape.windows)
        self.straight = nn.Linear(shape.features, 2 * shape.windows, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.straight.weight)
        nn.init.constant_(self.out.bias, -2.0)

    def forward(
        self, feature_NF: Tensor, state_ND: Tensor | None, vector_NE: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Logit of the chance, and logarithm of the further engagements, as `NW`."""
        return self.said(feature_NF, self.hidden(feature_NF, state_ND, vector_NE))

    def hidden(
        self, feature_NF: Tensor, state_ND: Tensor | None, vector_NE: Tensor | None
    ) -> Tensor:
        """What is made of a cell before it is answered, `ND`."""
        hidden_ND: Tensor = self.of_feature(feature_NF)
        if self.of_state is not None:
            hidden_ND = hidden_ND + self.of_state(state_ND)
        if self.of_both is not None and self.as_vector is not None:
            hidden_ND = hidden_ND + self.of_both(self.as_vector(state_ND) * vector_NE)
        hidden_ND = self.dropout(functional.silu(hidden_ND))
        middle_ND: Tensor = self.dropout(functional.silu(self.middle(hidden_ND)))
        return middle_ND

    def said(self, feature_NF: Tensor, hidden_ND: Tensor) -> tuple[Tensor, Tensor]:
        """The answer that follows from it."""
        both_NW = self.out(hidden_ND) + self.straight(feature_NF)
        logit_NW, further_NW = both_NW.chunk(2, dim=1)
        return logit_NW, further_NW.clamp(max=MOST_FURTHER)


class Network(nn.Module):
    """An encoder of users, vectors of topics, and the head."""

    def __init__(
        self, head: nn.Module, encoder: nn.Module | None = None, topics: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.head = head  # (feature_NF, state_ND, vector_NE) -> logit_NW, further_NW
        self.encoder = encoder  # (count_BST, moment_SM, cutoff_C) -> state_BCD, blind to the future
        self.topics = topics  # () -> vector_TE

    def states(self, batch: Batch) -> Tensor | None:
        """State of each user at each cutoff, `BCD`."""
        if self.encoder is None:
            return None
        state_BCD: Tensor = self.encoder(batch.count_BST, batch.moment_SM, batch.cutoff_C)
        return state_BCD

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        """Logit of the chance, and logarithm of the further engagements, as `NW`, before others."""
        state_BCD = self.states(batch)
        state_ND = None if state_BCD is None else state_BCD[batch.user_N, batch.look_N]
        vector_NE = None if self.topics is None else self.topics()[batch.topic_N]
        logit_NW, further_NW = self.head(batch.feature_NF, state_ND, vector_NE)
        return logit_NW, further_NW


def forecast_loss(net: nn.Module, batch: Batch) -> Tensor:
    """Log loss of chances, and Poisson loss of further engagements where there is one."""
    logit_NW, further_NW = net(batch)[:2]
    return mean_loss(logit_NW, further_NW, batch.count_NW, batch.weight_NW)


def mean_loss(logit_NW: Tensor, further_NW: Tensor, count_NW: Tensor, weight_NW: Tensor) -> Tensor:
    """The same, of what is said of cells."""
    chance_NW, volume_NW = cell_losses(logit_NW, further_NW, count_NW)
    lost_NW = weight_NW * (chance_NW + FURTHER_WEIGHT * volume_NW)
    return lost_NW.sum() / weight_NW.sum().clamp(min=1)


def cell_losses(logit_NW: Tensor, further_NW: Tensor, count_NW: Tensor) -> tuple[Tensor, Tensor]:
    """The two losses of each cell and window, unweighted."""
    active_NW = (count_NW > 0).float()
    chance_NW = functional.binary_cross_entropy_with_logits(logit_NW, active_NW, reduction="none")
    beyond_NW = (count_NW - 1).clamp(min=0)
    return chance_NW, active_NW * (further_NW.exp() - beyond_NW * further_NW)


@torch.inference_mode()
def volumes(net: nn.Module, batch: Batch) -> tuple[Doubles, Doubles]:
    """Chances and volumes of the cells of a batch, `NW`, in doubles."""
    logit_NW, further_NW = (said_NW.double() for said_NW in net(batch)[:2])
    chance_NW = torch.sigmoid(logit_NW)
    return chance_NW.numpy(), (chance_NW * (1 + further_NW.exp())).numpy()
