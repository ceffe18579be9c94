"""A self-attentive sequence model: what comes next, by the order of what a customer did.

Learned as a softmax over items, estimated from shared negatives with their chance of being drawn
corrected for, and started from spectral vectors of co-occurring items. It answers any history of
items it knows, also of customers it has never seen, and skips items it doesn't know. It minds
order, not dates, unless `timed`; and it fails where customers have one or two events each, or
where the next order repeats the last: cadence says more there.
Sources: Kang and McAuley, "Self-attentive sequential recommendation" (2018); Klenitskiy and
Vasilev, "Turning dross into gold loss" (2023); Yi et al., "Sampling-bias-corrected neural modeling
for large corpus item recommendations" (2019).
Shapes: B users asked, I items, D width, N interactions, E excerpts, M negatives, U users.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import HistoryError
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats, Names
from penchant.models.network import Tensors
from penchant.models.training import Training, seeded, train
from penchant.recommend.assortment import Assortment
from penchant.recommend.attention import Reader, Shape
from penchant.recommend.candidates import NONE, Asked, strongest
from penchant.recommend.excerpts import (
    BLOCK,
    Excerpts,
    Flags,
    Lesson,
    Negatives,
    answers,
    cut,
    latest,
)
from penchant.recommend.spectral import spectral_vectors

MOST_HELD_OUT = 2000  # last events, which tell when to stop
LEAST_STEPS = 40  # of a pass, so that a small shop is learned too,
LEAST_EVENTS = 64  # but none with fewer events than these


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Recipe. Costs some seconds a pass for 200,000 interactions, on one core."""

    width: int = 64  # of a vector
    blocks: int = 1  # of attention
    heads: int = 1  # of a block
    length: int = 50  # events read, the last ones
    dropout: float = 0.2
    negatives: int = 1024  # drawn for each batch; 0: all items
    negative_power: float = 0.5  # of an item's interactions, by which it is drawn
    horizon_days: float = 0.0  # whose later baskets are the answer; 0: the next event is
    timed: bool = False  # whether gaps between events are read
    start_norm: float = 0.25  # mean length of the spectral vectors to start from; 0: random vectors
    batch_events: int = 1024  # at most; fewer in a small shop
    pass_events: int = 200_000  # learned from in a pass, drawn anew in each
    training: Training = field(
        default_factory=lambda: Training(passes=15, patience=3, held_out=0.05)
    )

    def fit(self, past: Interactions, goods: Assortment | None = None) -> "FittedSequence":
        """Learn what follows what; reads nothing of the assortment.

        Raises HistoryError where nobody did anything twice.
        """
        training = self.training
        held_N = held_out(past, training)
        lesson = self.lesson(past, held_N)
        with seeded(training.seed, training.threads):
            net = self.untrained(past.where(~held_N))

        def found(tried: nn.Module) -> float:
            return loss_of_last(tried, past, held_N, self.length)

        told = found if held_N.any() else None
        about = (repr(self), past)
        train(net, loss, lesson.batches, lesson.size, told, training, about)
        return FittedSequence(past.items_I, self, Tensors.of(net))

    def lesson(self, past: Interactions, held_N: Flags) -> Lesson:
        """What it learns from: every event's answer, but where that is held out."""
        begin_N, end_N = answers(past, self.horizon_days)
        # Held out are last events, so they can only be the end of a range of answers.
        end_N = end_N - held_N[end_N - 1] * (end_N > begin_N)
        first_E, size_E = cut(past, end_N > begin_N, self.length)
        if not len(first_E):
            raise HistoryError(
                "A sequence model learns what follows what, but no customer did two things. "
                "Leave it out of the sources, or wait for more events."
            )
        events = min(self.pass_events, int(size_E.sum()))
        batch = min(self.batch_events, max(LEAST_EVENTS, events // LEAST_STEPS))
        return Lesson(
            past=past,
            begin_N=begin_N,
            end_N=end_N,
            first_E=first_E,
            size_E=size_E,
            negatives=Negatives.of(past.where(~held_N), self.negatives, self.negative_power),
            pass_events=events,
            size=max(1, events // max(self.length, batch)),
            seed=self.training.seed,
        )

    def untrained(self, past: Interactions) -> Reader:
        """The network before its first pass."""
        size, seed = (len(past.items_I), self.width), self.training.seed
        if self.start_norm:
            start_ID = spectral_vectors(past, self.width, self.length, self.start_norm, seed)
        else:
            start_ID = np.random.default_rng((seed, 4)).normal(0, 0.02, size).astype(np.float32)
        return self.network(torch.from_numpy(start_ID))

    def network(self, vector_ID: Tensor) -> Reader:
        """A network with these vectors of items."""
        shape = Shape(self.width, self.blocks, self.heads, self.length, self.dropout, self.timed)
        return Reader(shape, vector_ID)


@dataclass(frozen=True)
class FittedSequence:
    """The items known, and the network's weights."""

    items_I: Names
    recipe: Sequence
    weights: Tensors

    def score(self, past: Interactions) -> Floats:
        """Logit of each known item to be next for each user, `BI`; zeros without a known past."""
        known = past.among(self.items_I)
        users, items = known.shape
        score_BI = np.zeros((users, items), dtype=np.float32)
        net = self.network()
        with seeded(0, self.recipe.training.threads), torch.no_grad():
            for row_B, seen in latest(known, known.start_U[1:], self.recipe.length):
                score_BI[row_B] = net.scores(seen).numpy()
        return score_BI

    def chance(self, past: Interactions) -> Floats:
        """Chance of each known item to be next, `BI`; equal for all without a known past."""
        chance_BI = self.score(past)
        chance_BI -= chance_BI.max(axis=1, keepdims=True)
        np.exp(chance_BI, out=chance_BI)
        chance_BI /= chance_BI.sum(axis=1, keepdims=True)
        return chance_BI

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Chances of the likeliest next items; nothing to those without a known past."""
        blocks = []
        for at in range(0, len(asked.past.users_U), BLOCK):
            users = np.arange(at, min(at + BLOCK, len(asked.past.users_U)))
            past = asked.past.only(users).among(self.items_I)
            chance_BI = self.chance(past)
            chance_BI[np.diff(past.start_U) == 0] = 0
            blocks.append(strongest(csr_array(chance_BI), most, asked.allowed_I))
        return csr_array(vstack(blocks))

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What the user did last."""
        last_B = asked.past.start_U[1:] - 1
        some_B = np.diff(asked.past.start_U) > 0
        own_B = np.where(some_B, asked.past.item_N[last_B], NONE).astype(np.int32)
        return own_B[row_N]

    def network(self) -> Reader:
        """The network, ready to be asked."""
        net = self.recipe.network(torch.from_numpy(self.weights["items.weight"].copy()))
        net.load_state_dict(self.weights.state())
        return net.eval()


def loss(net: nn.Module, batch: Excerpts) -> Tensor:
    """Cross-entropy of the targets, among the negatives drawn."""
    logit_NM = net(batch)
    first_N = torch.zeros(len(logit_NM), dtype=torch.long, device=logit_NM.device)
    return functional.cross_entropy(logit_NM, first_N)


def held_out(past: Interactions, training: Training) -> Flags:
    """The last events of some users with at least three, by which to stop."""
    held_N = np.zeros(len(past.user_N), dtype=np.bool_)
    enough_U = np.flatnonzero(np.diff(past.start_U) > 2)
    most = min(MOST_HELD_OUT, round(training.held_out * len(enough_U)))
    drawn_U = np.random.default_rng((training.seed, 1)).permutation(enough_U)[:most]
    held_N[past.start_U[drawn_U + 1] - 1] = True
    return held_N


@torch.no_grad()
def loss_of_last(net: nn.Module, past: Interactions, held_N: Flags, length: int) -> float:
    """Mean cross-entropy, among all items, of the events held out given those before them."""
    assert isinstance(net, Reader)
    before = past.only(past.user_N[held_N].astype(np.int64))
    last_U = before.start_U[1:] - 1
    device = net.place_LD.device
    total = 0.0
    for row_B, seen in latest(before, last_U, length):
        target_B = torch.from_numpy(before.item_N[last_U[row_B]].astype(np.int64)).to(device)
        score_BI = net.scores(seen.to(device))
        total += functional.cross_entropy(score_BI, target_B, reduction="sum").item()
    return total / max(1, len(last_U))
