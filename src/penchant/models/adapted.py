"""A network that is made to see two shops, or the branches of one, alike.

What it makes of a cell must forecast, and must not tell where the cell is from: either a critic
guesses the domain and the network learns to mislead it, or means and covariances of the domains are
pulled together. A shop with little past of its own then borrows another's: features are free of
topics, and each shop's are brought to a scale of their own, which alone does most of it.
It harms where domains differ in what follows from the same past, and gains nothing on one shop
whose branches all have a past (docs/log.md).
Sources: Ganin et al., "Domain-adversarial training of neural networks" (2016); Sun and Saenko,
"Deep CORAL" (2016).
Shapes: U users, T topics, N cells, F features, D width, K domains, W windows, C cutoffs, B users of
a batch.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import HistoryError, RecipeError
from penchant.interest.history import History
from penchant.interest.task import Task
from penchant.models.batches import HARMONICS, Batch
from penchant.models.domains import Cells, moments_apart, pair_of
from penchant.models.features import learn_context
from penchant.models.forecaster import FittedNetwork, fit_network, untrained
from penchant.models.network import Head, Network, Shape, Tensors, mean_loss
from penchant.models.training import Training, train

ALIGNMENTS = ("moments", "adversarial")


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """Recipe. Fitted to one history, its domains are the branches above the topics."""

    alignment: str = "moments"  # or adversarial
    strength: float = 0.03  # of the alignment, beside the forecast's loss; 0: none
    width: int = 64
    dropout: float = 0.1
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.alignment not in ALIGNMENTS:
            raise RecipeError(
                f"An alignment is one of {', '.join(ALIGNMENTS)}; found '{self.alignment}'."
            )

    def fit(self, history: History, task: Task) -> FittedNetwork:
        """Train on earlier cutoffs, with what is made of cells alike in all branches."""
        domain_T = torch.from_numpy(self.given(history, task)["domain_T"])

        def loss(net: nn.Module, batch: Batch) -> Tensor:
            return self.loss(net, Cells.of(batch, domain_T.to(batch.topic_N.device)[batch.topic_N]))

        return fit_network(self, history, task, loss)

    def given(self, history: History, task: Task) -> Tensors:
        """The branch of each topic, and the names of branches."""
        domain_K, domain_T = np.unique(history.topics.parent_T, return_inverse=True)
        return Tensors(("domain_T", "domain_K"), (domain_T.astype(np.int64), domain_K))

    def build(self, shape: Shape, given: Tensors) -> Network:
        """An untrained network; it reads no user's steps, since they are of a shop's own topics."""
        head = Head(shape, 0, 0, self.width, self.dropout)
        return AdaptedNetwork(head, self, len(given["domain_K"]))

    def loss(self, net: nn.Module, cells: Cells) -> Tensor:
        """The forecast's loss and, while training, how far domains can be told apart."""
        said = net(cells)
        forecast = mean_loss(said.logit_NW, said.further_NW, cells.count_NW, cells.weight_NW)
        drawn = len(cells.domain_N)  # none where none of a few users' cells were drawn
        if not (self.strength and net.training and drawn):
            return forecast
        if self.alignment == "adversarial":
            return forecast + functional.cross_entropy(said.domain_NK, cells.domain_N)
        return forecast + self.strength * moments_apart(said.hidden_ND, cells.domain_N)


class Said(NamedTuple):
    """What a network says of cells: the forecast, what it follows from, and the critic's guess."""

    logit_NW: Tensor
    further_NW: Tensor
    hidden_ND: Tensor
    domain_NK: Tensor


class AdaptedNetwork(Network):
    """A head on features alone, and a critic that guesses where a cell is from."""

    head: Head

    def __init__(self, head: Head, recipe: Adapted, domains: int) -> None:
        super().__init__(head)
        width = recipe.width
        self.critic = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, domains))
        self.strength = recipe.strength

    def forward(self, batch: Batch | Cells) -> Said:
        """Logits, further engagements, and the critic's guess, whose gradient is turned around."""
        hidden_ND = self.head.hidden(batch.feature_NF, None, None)
        logit_NW, further_NW = self.head.said(batch.feature_NF, hidden_ND)
        turned_ND = (1 + self.strength) * hidden_ND.detach() - self.strength * hidden_ND
        return Said(logit_NW, further_NW, hidden_ND, self.critic(turned_ND))


def adapt(
    recipe: Adapted, source: History, target: History, task: Task, labelled: float = 1.0
) -> FittedNetwork:
    """Train on one shop for another, whose topics may differ; the model is the target's.

    `labelled` is the share of the target's users from whose outcomes it learns; what was known of
    the others still tells how to align. Shocks are the source's. Costs as much as a fit to each.
    Raises HistoryError where either is too short, or lacks a kind that is to be forecast.
    """
    for name, history in (("source", source), ("target", target)):
        if history.cutoff <= task.horizon:
            raise HistoryError(
                f"The {name} has {history.cutoff} steps, and the windows reach {task.horizon}. "
                "Ask for nearer windows."
            )
    pair = pair_of(source, target, task, recipe.training)
    topics, moments = len(target.interest.topics_T), len(HARMONICS) * 2
    shape = Shape(topics, pair.scaling.columns, len(task.windows), moments)
    domains = (np.ones(topics, dtype=np.int64), np.array(["source", "target"]))
    given = Tensors(("domain_T", "domain_K"), domains)
    net = untrained(recipe, shape, given)
    row_U = pair.some(labelled)
    about = (repr(recipe), task, labelled, source, target)
    drawn = partial(pair.drawn, row_U)
    train(net, recipe.loss, drawn, pair.size, None, pair.settings, about)
    topic_shock_W, user_shock_W = pair.source.shocks(untrained(recipe, shape, given))
    return FittedNetwork(
        task,
        target.interest.topics_T,
        learn_context(target, task, pair.known),
        pair.scaling,
        recipe,
        shape,
        given,
        Tensors.of(net),
        topic_shock_W,
        user_shock_W,
    )
