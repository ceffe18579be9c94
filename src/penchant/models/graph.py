"""Graph networks: topics told by what is bought beside them, users by the topics they lead from.

Convolutions (GCN) or attention (GAT) over the graph of topics and their parents give each topic a
vector; no topic has a free vector of its own, so one that was hardly bought, or never while
training, is told by its neighbours, its parent and its popularity. A user's state is one more step
of propagation, along the edges to the topics engaged in, which fade with age at each cutoff: a new
user is served as soon as he has one edge. Topic and state meet in the head.
Items aren't nodes: a history knows them only by their topic (bipartite.py). One graph serves all
training cutoffs; it is learned one horizon before the fit's, so it hardly knows their outcomes.
It adds nothing where the features of cells already hold what similar users do (docs/log.md).
Sources: Kipf and Welling, "Semi-supervised classification with graph convolutional networks"
(2017); Veličković et al., "Graph attention networks" (2018); He et al., "LightGCN" (2020), for
propagation from the topics a user engaged in.
Shapes: B users of a batch, S steps, M measures of a step, T topics, C cutoffs, H half-lives,
V nodes, E edges (of a vector, its width), F features of a node or of a state, D width.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import RecipeError
from penchant.extras import needed
from penchant.interest.history import History
from penchant.interest.task import Task
from penchant.models.batches import moments
from penchant.models.bipartite import learn_topics
from penchant.models.forecaster import FittedNetwork, fit_network
from penchant.models.network import Head, Network, Shape, Tensors
from penchant.models.training import Training

LAYERS = ("gcn", "gat")
GRAPH = ("source_E", "target_E", "weight_E", "feature_VF")
HALF_LIVES = (3.0, 12.0, 52.0)  # steps, of the edges from a user to his topics
LATEST = 0.05  # weight of a batch in the mean of states
LEAST_TASTE = 1.0  # pseudo-weight of a user's edges, so that one of them doesn't shout


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Recipe. Costs about a minute for 2,500 users × 300 topics × 3 windows on one core."""

    layer: str = "gcn"  # or gat
    layers: int = 2
    width: int = 64  # of the state and of the head
    vector: int = 32  # width of a topic's vector
    nearest: int = 6  # topics bought beside each, that it is joined to
    coordinates: int = 16  # of a topic, from what is bought beside it
    heads: int = 4  # of attention, for gat
    dropout: float = 0.1
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise RecipeError(f"A layer is one of {', '.join(LAYERS)}; found '{self.layer}'.")

    def fit(self, history: History, task: Task) -> FittedNetwork:
        """Learn the graph, and train on earlier cutoffs."""
        return fit_network(self, history, task)

    def given(self, history: History, task: Task) -> Tensors:
        """Edges and features of topics and their parents, of one horizon before the cutoff.

        Later ones would tell the network, while it trains, what its own outcomes were.
        """
        past = history.until(history.cutoff - task.horizon, panel=True)
        moment_SM = moments(past).numpy()
        graph = learn_topics(past, task.target, self.nearest, self.coordinates, moment_SM)
        return Tensors(GRAPH, tuple(getattr(graph, name) for name in GRAPH))

    def build(self, shape: Shape, given: Tensors) -> Network:
        """An untrained network."""
        head = Head(shape, self.width, self.vector, self.width, self.dropout)
        head.as_vector = nn.Linear(self.width, self.vector, bias=False)  # see Centre
        encoder = UserEncoder(self, shape, given)
        return Network(head, encoder, TopicEncoder(self, shape, given))


class TopicEncoder(nn.Module):
    """Vectors of topics: layers of propagation over their graph, `TE`."""

    def __init__(self, recipe: Graph, shape: Shape, given: Tensors) -> None:
        super().__init__()
        self.topics = shape.topics
        graph = given.state()
        edge_2E = torch.stack([graph["source_E"], graph["target_E"]])
        edge_2E, weight_E = _edges(recipe, edge_2E, graph["weight_E"], len(graph["feature_VF"]))
        self.register_buffer("edge_2E", edge_2E, persistent=False)  # kept once, beside the weights
        self.register_buffer("weight_E", weight_E, persistent=False)
        self.register_buffer("feature_VF", graph["feature_VF"], persistent=False)
        features = given["feature_VF"].shape[1]
        self.straight = nn.Linear(features, recipe.vector)
        widths = [features, *[recipe.vector] * recipe.layers]
        self.layers = nn.ModuleList(_layer(recipe, into, out) for into, out in pairwise(widths))
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self) -> Tensor:
        """Vector of each topic, its own features added straight, so that layers don't blur it."""
        state: Any = self.feature_VF
        for layer in self.layers:
            state = functional.silu(layer(self.dropout(state), self.edge_2E, self.weight_E))
        vector_VE: Tensor = self.straight(self.feature_VF) + state
        return vector_VE[: self.topics]


class UserEncoder(nn.Module):
    """State of users: what their topics' vectors say, faded by age, at each cutoff."""

    def __init__(self, recipe: Graph, shape: Shape, given: Tensors) -> None:
        super().__init__()
        self.topics = TopicEncoder(recipe, shape, given)
        self.heeded = nn.Linear(recipe.vector, 1) if recipe.layer == "gat" else None
        self.out = nn.Linear(len(HALF_LIVES) * (recipe.vector + 1), recipe.width)
        self.centre = Centre(recipe.width)
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor) -> Tensor:
        """State of each user at each cutoff, `BCD`."""
        vector_TE = self.topics()
        step_S = torch.arange(count_BST.shape[1], device=count_BST.device)
        half_life_H11 = torch.tensor(HALF_LIVES, device=count_BST.device)[:, None, None]
        age_CS = cutoff_C[:, None] - 1 - step_S
        fade_HCS = 0.5 ** (age_CS.clamp(min=0) / half_life_H11) * (age_CS >= 0)
        edge_BCHT = torch.einsum("hcs,bst->bcht", fade_HCS, count_BST).log1p()
        much_BCH = edge_BCHT.sum(dim=3).log1p()
        if self.heeded is not None:  # attention over a user's topics, who has no features himself
            edge_BCHT = edge_BCHT * self.heeded(vector_TE)[:, 0].exp()
        mean_BCHT = edge_BCHT / (edge_BCHT.sum(dim=3, keepdim=True) + LEAST_TASTE)
        told_BCF = torch.cat([(mean_BCHT @ vector_TE).flatten(2), much_BCH], dim=2)
        state_BCD: Tensor = self.dropout(self.centre(functional.silu(self.out(told_BCF))))
        return state_BCD


class Centre(nn.Module):
    """A state less everybody's mean, so that topics' vectors tell users apart and nothing else.

    What a vector says of everyone alike is a bias of the topic: it learns the season of the few
    training cutoffs (docs/log.md).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean_D: Tensor
        self.register_buffer("mean_D", torch.zeros(width))

    def forward(self, state_BCD: Tensor) -> Tensor:
        """The state, off the mean of the latest batches."""
        if self.training:
            latest_D = state_BCD.detach().float().mean(dim=(0, 1))
            self.mean_D = torch.lerp(self.mean_D, latest_D, LATEST)
        return state_BCD - self.mean_D


def _edges(recipe: Graph, edge_2E: Tensor, weight_E: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Edges as the layers take them: for gcn with loops, and normed by degree once for all."""
    if recipe.layer == "gat":
        return edge_2E, weight_E
    normed: tuple[Tensor, Tensor] = _geometric().conv.gcn_conv.gcn_norm(edge_2E, weight_E, nodes)
    return normed


def _layer(recipe: Graph, into: int, out: int) -> nn.Module:
    """A layer over the graph."""
    if recipe.layer == "gcn":
        layer: nn.Module = _geometric().GCNConv(into, out, normalize=False)
    else:
        layer = _geometric().GATConv(into, out, heads=recipe.heads, concat=False, edge_dim=1)
    return layer


def _geometric() -> Any:
    """PyTorch Geometric's layers; importing them takes seconds, so it waits until it is needed."""
    return needed("torch_geometric.nn", "graph")
