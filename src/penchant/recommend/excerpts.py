"""What a sequence model reads and is asked: excerpts of histories, and what came after each event.

A long history is cut into excerpts. What came after an event is the next one, or, where a horizon
is set, any event of later baskets within it, drawn anew in each pass: the model then learns what
the coming days hold, rather than the order within a basket.
Source of the horizon: Pancha et al., "PinnerFormer" (2022).
Shapes: B sequences, L events, N interactions, E excerpts, I items, M negatives, S draws, U users.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.recommend.assortment import DAY

HOUR = 60 * 60  # seconds
SORTED = 4096  # excerpts among which those of one length are put together, to pad little
BLOCK = 512  # users at a time
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Read:
    """Events in order, those of short sequences padded at the end."""

    item_BL: Tensor
    hour_BL: Tensor  # since 1970
    size_B: Tensor  # events of each sequence

    def to(self, device: torch.device) -> "Read":
        """The same elsewhere."""
        return Read(self.item_BL.to(device), self.hour_BL.to(device), self.size_B.to(device))


@dataclass(frozen=True)
class Excerpts:
    """A batch to learn from."""

    read: Read
    asked_BL: Tensor  # whether there is an answer to an event
    target_BL: Tensor  # item of the answer
    negative_M: Tensor  # items to tell targets from, each once
    drawn_M: Tensor  # chance that such an item is among them

    def to(self, device: torch.device) -> "Excerpts":
        """The same batch elsewhere."""
        return Excerpts(
            self.read.to(device),
            self.asked_BL.to(device),
            self.target_BL.to(device),
            self.negative_M.to(device),
            self.drawn_M.to(device),
        )


@dataclass(frozen=True)
class Negatives:
    """Items drawn beside the targets, popular ones more often."""

    drawn_I: Floats  # chance of each item to be among those of a batch
    draw_cdf_I: Floats  # cumulated share of draws
    draws: int  # for each batch; 0: all items stand beside the targets

    @classmethod
    def of(cls, past: Interactions, draws: int, power: float) -> "Negatives":
        """Negatives drawn by the number of interactions to a power."""
        count_I = np.bincount(past.item_N, minlength=len(past.items_I))
        share_I = (count_I + 1.0) ** power
        share_I /= share_I.sum()
        drawn_I = 1 - (1 - share_I) ** draws if draws else np.ones_like(share_I)
        return cls(drawn_I.astype(np.float32), np.cumsum(share_I), draws)

    def draw(self, random: np.random.Generator) -> Integers:
        """Codes of those of one batch."""
        if not self.draws:
            return np.arange(len(self.drawn_I))
        place_S = np.searchsorted(self.draw_cdf_I, random.random(self.draws))
        return np.unique(place_S.clip(max=len(self.drawn_I) - 1))


@dataclass(frozen=True)
class Lesson:
    """All excerpts, and where each event's answer is to be found."""

    past: Interactions
    begin_N: Integers  # first event that may be the answer to an event
    end_N: Integers  # past the last; none: the event is not asked about
    first_E: Integers  # event of each excerpt
    size_E: Integers  # events
    negatives: Negatives
    pass_events: int  # in a pass, about; at most all
    size: int  # batches of a pass
    seed: int

    def batches(self, number: int) -> Iterator[Excerpts]:
        """The batches of a pass."""
        random = np.random.default_rng((self.seed, 2, number))
        for part_E in self.parts(random):
            yield self.batch(part_E, random)

    def parts(self, random: np.random.Generator) -> list[Integers]:
        """Excerpts of each batch of a pass: drawn, then those of about one length together."""
        excerpts = len(self.first_E)
        drawn = min(excerpts, -(-excerpts * self.pass_events // self.size_E.sum()))
        drawn_E = random.permutation(excerpts)[:drawn]
        near_E = np.arange(drawn) // SORTED
        drawn_E = drawn_E[np.lexsort((self.size_E[drawn_E], near_E))]
        before_E = np.cumsum(self.size_E[drawn_E]) - self.size_E[drawn_E]
        batch_E = before_E * self.size // self.size_E[drawn_E].sum()
        parts = np.split(drawn_E, np.flatnonzero(np.diff(batch_E)) + 1)
        return [parts[place] for place in random.permutation(len(parts))]

    def batch(self, part_E: Integers, random: np.random.Generator) -> Excerpts:
        """Some excerpts, with an answer to each event drawn, and negatives beside them."""
        place_BL, there_BL = places(self.first_E[part_E], self.size_E[part_E])
        choice_BL = self.end_N[place_BL] - self.begin_N[place_BL]
        step_BL = np.floor(random.random(place_BL.shape) * choice_BL).astype(np.int64)
        asked_BL = there_BL & (choice_BL > 0)
        answer_BL = np.where(asked_BL, self.begin_N[place_BL] + step_BL, 0)
        negative_M = self.negatives.draw(random)
        return Excerpts(
            read(self.past, self.first_E[part_E], self.size_E[part_E]),
            torch.from_numpy(asked_BL),
            torch.from_numpy(self.past.item_N[answer_BL].astype(np.int64)),
            torch.from_numpy(negative_M),
            torch.from_numpy(self.negatives.drawn_I[negative_M]),
        )


def answers(past: Interactions, horizon_days: float) -> tuple[Integers, Integers]:
    """Where the answer to each event begins and ends: the next event, or later baskets' events."""
    number_N = np.arange(len(past.user_N))
    last_N = past.start_U[past.user_N + 1]
    if not horizon_days:
        return number_N + 1, np.minimum(number_N + 2, last_N)
    begin_N = np.minimum(past.start_A[past.basket_N + 1], last_N)
    span = int(past.time_N.max()) - int(past.time_N.min()) + 1
    ahead = int(horizon_days * DAY)
    # Baskets of a user may overlap in time; an event counts as no earlier than those before it.
    order_N = np.maximum.accumulate(past.user_N * (span + ahead + 1) + past.time_N)
    return begin_N, np.minimum(np.searchsorted(order_N, order_N + ahead, side="right"), last_N)


def cut(past: Interactions, asked_N: Flags, length: int) -> tuple[Integers, ...]:
    """First event and size of each excerpt of at most `length` events; the first may be shorter.

    Events at the end that aren't asked about are left out, as are excerpts with none that is.
    """
    end_U = past.start_U[:-1].copy()
    np.maximum.at(end_U, past.user_N[asked_N], np.flatnonzero(asked_N) + 1)
    size_U = end_U - past.start_U[:-1]
    pieces_U = -(-size_U // length)
    user_E = np.repeat(np.arange(len(size_U)), pieces_U)
    nth_E = np.arange(len(user_E)) - np.repeat(np.cumsum(pieces_U) - pieces_U, pieces_U)
    stop_E = end_U[user_E] - nth_E * length
    first_E = np.maximum(stop_E - length, past.start_U[user_E])
    before_N = np.append(0, np.cumsum(asked_N))
    kept_E = before_N[stop_E] > before_N[first_E]
    return first_E[kept_E], (stop_E - first_E)[kept_E]


def places(first_B: Integers, size_B: Integers) -> tuple[Integers, Flags]:
    """Event at each place of some sequences, `BL`, and whether there is one."""
    step_L = np.arange(size_B.max(initial=1))
    there_BL = step_L < size_B[:, None]
    return first_B[:, None] + np.where(there_BL, step_L, 0), there_BL


def read(past: Interactions, first_B: Integers, size_B: Integers) -> Read:
    """Some sequences of events."""
    place_BL, _ = places(first_B, size_B)
    return Read(
        torch.from_numpy(past.item_N[place_BL].astype(np.int64)),
        torch.from_numpy(past.time_N[place_BL] // HOUR),
        torch.from_numpy(size_B),
    )


def latest(past: Interactions, end_U: Integers, length: int) -> Iterator[tuple[Integers, Read]]:
    """The last events of users before event `end_U`: rows of users who have some, and what to read.

    In blocks of about one length.
    """
    size_U = np.minimum(end_U - past.start_U[:-1], length)
    order_U = np.argsort(size_U, kind="stable")
    order_U = order_U[size_U[order_U] > 0]
    for at in range(0, len(order_U), BLOCK):
        row_B = order_U[at : at + BLOCK]
        yield row_B, read(past, end_U[row_B] - size_U[row_B], size_U[row_B])
