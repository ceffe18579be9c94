"""A reader of any shop's steps: each is a bag of text vectors, so no weight belongs to a topic.

The text vectors of the topics engaged in are projected and averaged; a small Transformer reads the
steps in order, nearer ones with more attention (ALiBi), and knows no calendar, since another shop's
may be another. Looking back only it gives the state at each cutoff; looking both ways it fills in
hidden steps while it is pre-trained. It can't tell topics apart whose names mean the same.
Sources: Vaswani et al., "Attention is all you need" (2017); Press, Smith and Lewis, "Train short,
test long" (2022).
Shapes: B users of a batch, S steps, T topics, E width of a text vector, D width, H heads,
M measures of a step, C cutoffs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.models.text import OFFLINE

HEADS = 4
DIMMED = 0.25  # how much more slowly attention fades with distance, from head to head


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How steps are read."""

    text: str = OFFLINE  # model that turns texts into vectors: a name or a folder
    width: int = 64  # of the state, of topics' vectors and of the head
    layers: int = 2
    dropout: float = 0.1


class Reader(nn.Module):
    """Bags of text vectors, step by step, to the state at each cutoff."""

    text_TE: Tensor

    def __init__(self, reading: Reading, text_TE: Tensor) -> None:
        super().__init__()
        width, dropout = reading.width, reading.dropout
        self.register_buffer("text_TE", text_TE, persistent=False)
        self.word = nn.Linear(text_TE.shape[1], width)
        self.step = nn.Linear(width + 1, width)
        self.layers = nn.ModuleList(Layer(width, dropout) for _ in range(reading.layers))
        self.last = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor) -> Tensor:
        """State of each user at each cutoff, `BCD`."""
        state_BCD: Tensor = self.read(count_BST, self.text_TE)[:, cutoff_C - 1]
        return state_BCD

    def read(
        self,
        count_BST: Tensor,
        text_TE: Tensor,
        said_BSD: Tensor | None = None,
        *,
        back: bool = True,
    ) -> Tensor:
        """State after each step, `BSD`; `said_BSD` is added to what a step says.

        A state knows its own step and, with `back`, those before it only.
        """
        much_BST = self.dropout(count_BST.log1p())
        much_BS1 = much_BST.sum(dim=2, keepdim=True)
        mean_BSD = much_BST @ self.word(text_TE) / much_BS1.clamp(min=1)
        state_BSD = self.step(torch.cat([mean_BSD, much_BS1.log1p()], dim=2))
        if said_BSD is not None:
            state_BSD = state_BSD + said_BSD
        far_HSS = distance(state_BSD.shape[1], back=back).to(state_BSD)
        for layer in self.layers:
            state_BSD = layer(state_BSD, far_HSS)
        last_BSD: Tensor = self.last(state_BSD)
        return last_BSD


class Layer(nn.Module):
    """Attention between steps, then a layer within each."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        inner = HEADS * -(-width // HEADS)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look, self.seen = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state_BSD: Tensor, far_HSS: Tensor) -> Tensor:
        """The same steps, each with what others say of it."""
        users, steps, _ = state_BSD.shape
        asked = self.look(self.before(state_BSD)).view(users, steps, 3, HEADS, -1)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=far_HSS)
        seen_BSD = self.seen(seen.transpose(1, 2).reshape(users, steps, -1))
        state_BSD = state_BSD + self.dropout(seen_BSD)
        wide_BSD = functional.silu(self.wide(self.between(state_BSD)))
        return state_BSD + self.dropout(self.narrow(wide_BSD))


class TopicVectors(nn.Module):
    """Vectors of topics, projected from those of their texts."""

    text_TE: Tensor

    def __init__(self, reading: Reading, text_TE: Tensor) -> None:
        super().__init__()
        self.register_buffer("text_TE", text_TE, persistent=False)
        self.word = nn.Linear(text_TE.shape[1], reading.width)

    def forward(self) -> Tensor:
        """Vector of every topic, `TD`."""
        return self.of(self.text_TE)

    def of(self, text_TE: Tensor) -> Tensor:
        """Vectors of any texts, each with a mean of 0 and a spread of 1."""
        word_TD = self.word(text_TE)
        return functional.layer_norm(word_TD, word_TD.shape[1:])


def distance(steps: int, *, back: bool) -> Tensor:
    """What attention from a step to another loses, `HSS`; with `back`, all of it ahead."""
    step_S = torch.arange(steps)
    ahead_SS = step_S[None, :] - step_S[:, None]
    slope_H = DIMMED ** torch.arange(HEADS)
    far_HSS = -ahead_SS.abs() * slope_H[:, None, None]
    return far_HSS.masked_fill(ahead_SS > 0, -torch.inf) if back else far_HSS
