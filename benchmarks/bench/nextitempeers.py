"""What a sequence model must beat: popularity, neighbours, EASE, and SASRec as first published.

Sources: Steck, "Embarrassingly shallow autoencoders for sparse data" (2019); Kang and McAuley,
"Self-attentive sequential recommendation" (2018).
Shapes: B users asked, I items, N interactions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor, nn
from torch.nn import functional

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.models.network import Tensors
from penchant.models.training import Training, seeded, train
from penchant.recommend.assortment import DAY
from penchant.recommend.excerpts import Excerpts
from penchant.recommend.sequence import FittedSequence, Sequence

Scorer = Callable[[Interactions], Floats]  # of some users, as `BI`


@dataclass(frozen=True, kw_only=True)
class Popular:
    """What most bought, lately if so wished."""

    weeks: float = 0.0  # counted, the last ones; 0: all

    def fit(self, past: Interactions) -> Scorer:
        """Count."""
        since = past.time_N.max() - self.weeks * 7 * DAY if self.weeks else 0
        late_N = past.item_N[past.time_N > since] if self.weeks else past.item_N
        # What is as popular of late is told apart by how popular it always was.
        count_I = np.bincount(late_N, minlength=len(past.items_I)).astype(np.float32)
        count_I += 1e-6 * np.bincount(past.item_N, minlength=len(past.items_I))
        return lambda known: np.tile(count_I, (len(known.users_U), 1))


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Items near a user's last ones, by the cosine of who bought both."""

    decay: float = 0.6  # of an event's weight, from each to the one before

    def fit(self, past: Interactions) -> Scorer:
        """Cosines of all pairs."""
        bought_UI = weights_of(past, 1.0)
        count_I = np.maximum(bought_UI.sum(axis=0), 1)
        scale_II = diags_array(count_I**-0.5)
        near_II = csr_array(scale_II @ (bought_UI.T @ bought_UI) @ scale_II)
        near_II.setdiag(0)
        return lambda known: (weights_of(known, self.decay) @ near_II).toarray()


@dataclass(frozen=True, kw_only=True)
class Ease:
    """A linear model of each item by all others, in closed form."""

    penalty: float = 100.0
    decay: float = 0.6  # as in `Neighbours`, when asked

    def fit(self, past: Interactions) -> Scorer:
        """Invert once: minutes and a gigabyte for 12,000 items."""
        bought_UI = weights_of(past, 1.0)
        gram_II = (bought_UI.T @ bought_UI).toarray().astype(np.float32)
        gram_II[np.diag_indices_from(gram_II)] += self.penalty
        half_II = torch.linalg.cholesky(torch.from_numpy(gram_II))
        weight_II = torch.cholesky_inverse(half_II).numpy()
        weight_II /= -np.diag(weight_II)
        np.fill_diagonal(weight_II, 0)
        return lambda known: weights_of(known, self.decay) @ weight_II


def weights_of(past: Interactions, decay: float) -> csr_array:
    """Users and items, `UI`: the latest event of a user counts 1, each before it `decay` of it."""
    age_N = past.start_U[1:][past.user_N] - 1 - np.arange(len(past.user_N))
    weight_N = (decay ** age_N.astype(np.float32)).astype(np.float32)
    return csr_array((weight_N, (past.user_N, past.item_N)), shape=past.shape)


@dataclass(frozen=True, kw_only=True)
class FirstSasrec:
    """SASRec as first published: two blocks, one negative to each target, random vectors."""

    recipe: Sequence = field(
        default_factory=lambda: Sequence(
            blocks=2, dropout=0.5, start_norm=0.0, negatives=1, training=Training(passes=100)
        )
    )

    def fit(self, past: Interactions) -> Scorer:
        """Train by binary cross-entropy."""
        recipe, training = self.recipe, self.recipe.training
        lesson = recipe.lesson(past, np.zeros(len(past.user_N), dtype=np.bool_))
        with seeded(training.seed, training.threads):
            net = recipe.untrained(past)
        train(net, binary_loss, lesson.batches, lesson.size, None, training)
        return FittedSequence(past.items_I, recipe, Tensors.of(net)).score


def binary_loss(net: nn.Module, batch: Excerpts) -> Tensor:
    """Cross-entropy of each target, and of an item drawn beside it, each by itself."""
    state_ND = net.states(batch.read)[batch.asked_BL]
    target_N = batch.target_BL[batch.asked_BL]
    other_N = torch.randint_like(target_N, net.items.num_embeddings)
    hit_N, miss_N = ((state_ND * net.items(item_N)).sum(dim=1) for item_N in (target_N, other_N))
    return functional.softplus(-hit_N).mean() + functional.softplus(miss_N).mean()


@dataclass(frozen=True)
class Mixture:
    """Chances of a sequence model, with a share of neighbours' cosines, which add up to one too."""

    ours: Scorer
    near: Scorer
    share: float  # of neighbours

    def score(self, known: Interactions) -> Floats:
        """The mixture for some users."""
        score_BI, near_BI = self.ours(known), self.near(known)
        score_BI = np.exp(score_BI - score_BI.max(axis=1, keepdims=True))
        score_BI *= (1 - self.share) / score_BI.sum(axis=1, keepdims=True)
        score_BI += near_BI * (self.share / np.maximum(near_BI.sum(axis=1, keepdims=True), 1e-12))
        return score_BI
