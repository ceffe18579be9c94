"""Learning to read from event histories alone, of one or several shops: no outcome is asked for.

* `next`: what the next active step holds, among all topics of the shop (InfoNCE; a shop has few
  hundred topics, so none is left out). Their popularity is given, so that texts needn't tell it.
* `masked`: what hidden steps hold, from those before and after.
* `contrastive`: two stretches of one user's history are nearer to each other than to others'.
It pays where the new shop has little to learn from; it teaches nothing of chances, only of tastes.
Sources: van den Oord, Li and Vinyals, "Representation learning with contrastive predictive coding"
(2018); Devlin et al., "BERT" (2019); Babaev et al., "CoLES" (2022); Menon et al., "Long-tail
learning via logit adjustment" (2021).
Shapes: U users, B users of a batch, S steps, T topics, E width of a text vector, D width,
N bags, P stretches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import RecipeError
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.activity import popularity_T
from penchant.models.batches import weekly
from penchant.models.network import Tensors
from penchant.models.reader import Reader, Reading, TopicVectors
from penchant.models.text import encode, topic_texts
from penchant.models.training import Training, seeded, train

OBJECTIVES = ("next", "masked", "contrastive")
HIDDEN = 0.2  # share of steps, for `masked`
SHORTEST = 0.25  # of a stretch, as a share of the history
WARMTH = 0.1  # of the softmax between stretches
LEAST_STEPS = 20  # of a pass, so that a small shop is read too


@dataclass(frozen=True)
class Reads:
    """What is read of some users of one shop, and which parts are hidden."""

    count_BST: Tensor
    text_TE: Tensor
    share_T: Tensor  # of each topic in the shop's engagements
    hidden_BS: Tensor  # steps to fill in
    start_BP: Tensor  # first steps of two stretches
    end_BP: Tensor  # the steps after them

    def to(self, device: torch.device) -> "Reads":
        """The same on a device."""
        return Reads(**{name: part.to(device) for name, part in vars(self).items()})


class Schooling(nn.Module):
    """A reader, vectors of topics, and what only pre-training needs; gives its loss."""

    def __init__(self, reading: Reading, objectives: Sequence[str], text_TE: Tensor) -> None:
        super().__init__()
        width = reading.width
        self.losses = [getattr(self, objective) for objective in objectives]
        self.encoder = Reader(reading, text_TE)
        if {"next", "masked"} & set(objectives):
            self.topics = TopicVectors(reading, text_TE)
            self.as_vector = nn.Linear(width, width)
        if "masked" in objectives:
            self.hidden_D = nn.Parameter(torch.zeros(width))
        if "contrastive" in objectives:
            self.same = nn.Linear(width, width)

    def forward(self, reads: Reads) -> Tensor:
        """Sum of the losses of all objectives."""
        return torch.stack([loss(reads) for loss in self.losses]).sum()

    def next(self, reads: Reads) -> Tensor:
        """Loss of the bags that follow."""
        state_BSD = self.encoder.read(reads.count_BST, reads.text_TE)
        after_BS = next_active(reads.count_BST.sum(dim=2) > 0)
        known_BS = after_BS < reads.count_BST.shape[1]
        user_BS = torch.arange(len(after_BS), device=after_BS.device)[:, None].expand_as(after_BS)
        bag_NT = reads.count_BST[user_BS[known_BS], after_BS[known_BS]]
        return self.loss_of(state_BSD[known_BS], bag_NT, reads)

    def masked(self, reads: Reads) -> Tensor:
        """Loss of hidden bags, seen from both sides."""
        shown_BST = reads.count_BST.masked_fill(reads.hidden_BS[:, :, None], 0)
        said_BSD = reads.hidden_BS[:, :, None] * self.hidden_D
        state_BSD = self.encoder.read(shown_BST, reads.text_TE, said_BSD, back=False)
        asked_BS = reads.hidden_BS & (reads.count_BST.sum(dim=2) > 0)
        return self.loss_of(state_BSD[asked_BS], reads.count_BST[asked_BS], reads)

    def contrastive(self, reads: Reads) -> Tensor:
        """Loss of finding a user's other stretch among those of the batch."""
        step_S = torch.arange(reads.count_BST.shape[1], device=reads.count_BST.device)
        user_B = torch.arange(len(reads.count_BST), device=step_S.device)
        ends = []
        for start_B, end_B in zip(reads.start_BP.T, reads.end_BP.T, strict=True):
            within_BS = (step_S >= start_B[:, None]) & (step_S < end_B[:, None])
            state_BSD = self.encoder.read(reads.count_BST * within_BS[:, :, None], reads.text_TE)
            ends.append(functional.normalize(self.same(state_BSD[user_B, end_B - 1]), dim=1))
        near_BB = ends[0] @ ends[1].T / WARMTH
        return functional.cross_entropy(near_BB, user_B)

    def loss_of(self, state_ND: Tensor, bag_NT: Tensor, reads: Reads) -> Tensor:
        """Cross-entropy of bags among the shop's topics, beyond their popularity."""
        vector_TD = self.topics.of(reads.text_TE)
        logit_NT = self.as_vector(state_ND) @ vector_TD.T / vector_TD.shape[1] ** 0.5
        share_NT = bag_NT / bag_NT.sum(dim=1, keepdim=True)
        log_NT = (logit_NT + reads.share_T.log()).log_softmax(dim=1)
        return -(share_NT * log_NT).sum() / max(1, len(bag_NT))


def next_active(active_BS: Tensor) -> Tensor:
    """The first active step after each step; the number of steps where there is none."""
    steps = active_BS.shape[1]
    at_BS = torch.arange(steps, device=active_BS.device).expand_as(active_BS)
    since_BS = at_BS.masked_fill(~active_BS, steps).flip(1).cummin(dim=1).values.flip(1)
    return functional.pad(since_BS[:, 1:], (0, 1), value=steps)


@dataclass(frozen=True)
class Shop:
    """One shop to read: its history, its topics' text vectors and their popularity."""

    history: History
    target: tuple[str, ...]
    text_TE: Floats
    share_T: Floats

    def reads(self, row_B: np.ndarray, rng: np.random.Generator) -> Reads:
        """What is read of some users: hidden steps and stretches are drawn."""
        steps = self.history.cutoff
        shortest = max(1, round(SHORTEST * steps))
        length_BP = rng.integers(shortest, steps + 1, size=(len(row_B), 2))
        start_BP = rng.integers(0, steps - length_BP + 1)
        drawn = (rng.random((len(row_B), steps)) < HIDDEN, start_BP, start_BP + length_BP)
        return Reads(
            weekly(self.history.only(row_B), self.target),
            torch.from_numpy(self.text_TE),
            torch.from_numpy(self.share_T),
            *(torch.from_numpy(part) for part in drawn),
        )


def pretrain(
    histories: Sequence[History],
    task: Task,
    reading: Reading,
    objectives: Sequence[str],
    training: Training,
) -> Tensors:
    """Learn to read from histories of one or several shops; returns weights by name.

    The names are those of a `Network`. Of `training` only passes, batches, rates, users and seed
    matter; nothing is held out. Raises RecipeError for an objective that doesn't exist.
    """
    wrong = [name for name in objectives if name not in OBJECTIVES]
    if wrong or not objectives or not histories:
        raise RecipeError(
            f"Pre-training needs a history and objectives among {', '.join(OBJECTIVES)}; "
            f"found {len(histories)} histories and {', '.join(wrong) or len(objectives)}."
        )
    shops = [shop_of(history, task, reading.text) for history in histories]
    with seeded(training.seed, training.threads):
        net = Schooling(reading, objectives, torch.from_numpy(shops[0].text_TE))
    size = len(list(rows(shops, training, 0)))
    train(
        net,
        lambda net, reads: net(reads),
        lambda again: read_in_turn(shops, training, again),
        size,
        None,
        training,
        (repr(reading), tuple(objectives), task, tuple(histories)),
    )
    learned = Tensors.of(net)
    names = {
        name: f"head.{name}" if name.startswith("as_vector") else name for name in learned.names
    }
    kept = [i for i, name in enumerate(learned.names) if not name.startswith(("hidden", "same"))]
    return Tensors(
        tuple(names[learned.names[i]] for i in kept), tuple(learned.arrays[i] for i in kept)
    )


def shop_of(history: History, task: Task, text: str) -> Shop:
    """A shop to read, its topics' texts as vectors."""
    text_TE = encode(topic_texts(history.topics), text)
    return Shop(history, task.target, text_TE, popularity_T(history, task.target))


def rows(
    shops: Sequence[Shop], training: Training, again: int
) -> Iterator[tuple[Shop, np.ndarray]]:
    """Users of a pass, batch by batch, the shops mixed."""
    rng = np.random.default_rng((training.seed, again, 0))
    batches = []
    for shop in shops:
        users = len(shop.history.interest.users_U)
        row_U = np.random.default_rng(training.seed).permutation(users)[: training.most_users]
        row_U = rng.permutation(row_U)
        size = max(2, min(training.batch_users, len(row_U) // LEAST_STEPS))
        batches += [(shop, np.sort(row_U[at : at + size])) for at in range(0, len(row_U), size)]
    for place in rng.permutation(len(batches)):
        yield batches[place]


def read_in_turn(shops: Sequence[Shop], training: Training, again: int) -> Iterator[Reads]:
    """The batches of a pass."""
    rng = np.random.default_rng((training.seed, again, 1))
    for shop, row_B in rows(shops, training, again):
        yield shop.reads(row_B, rng)
