"""A causal self-attentive reader of events: at each, a vector that lies near the item to come.

It reads at most `length` events, and knows of an item only what was learned of it: one vector, read
and answered with. Where it is told times, it also reads how long ago the event before was, and
attention minds how long before the reading event another one was.
Sources: Kang and McAuley, "Self-attentive sequential recommendation" (2018); Zhai et al., "Actions
speak louder than words" (2024) for attention biased by gaps.
Shapes: B sequences, L events, D width, H heads, I items, N asked events, M negatives, G gaps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.recommend.excerpts import Excerpts, Read

GAPS = 20  # logarithms of hours, to base 2: the last begins after 30 years


@dataclass(frozen=True)
class Shape:
    """How a reader is built."""

    width: int
    blocks: int
    heads: int
    length: int
    dropout: float
    timed: bool


class Block(nn.Module):
    """Attention to what was before, then a layer of its own for each event."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.chance = shape.heads, shape.dropout
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.told = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        self.gap_GH = nn.Parameter(torch.zeros(GAPS, shape.heads)) if shape.timed else None
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, seen_BLD: Tensor, gap_BLL: Tensor | None) -> Tensor:
        """What each event's vector becomes."""
        one = (*seen_BLD.shape[:2], self.heads, -1)
        parts = self.asked(self.before(seen_BLD)).chunk(3, dim=-1)
        query, key, value = (part.reshape(one).transpose(1, 2) for part in parts)
        chance = self.chance if self.training else 0.0
        if self.gap_GH is None or gap_BLL is None:
            found = functional.scaled_dot_product_attention(
                query, key, value, dropout_p=chance, is_causal=True
            )
        else:
            bias_BHLL = self.gap_GH[gap_BLL].permute(0, 3, 1, 2)
            ahead_LL = torch.ones_like(gap_BLL[0], dtype=torch.bool).triu(1)
            bias_BHLL = bias_BHLL.masked_fill(ahead_LL, -torch.inf)
            found = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=bias_BHLL, dropout_p=chance
            )
        told_BLD = self.told(found.transpose(1, 2).reshape(seen_BLD.shape))
        seen_BLD = seen_BLD + self.dropout(told_BLD)
        inner_BLD = self.dropout(functional.gelu(self.inner(self.between(seen_BLD))))
        grown_BLD: Tensor = seen_BLD + self.dropout(self.outer(inner_BLD))
        return grown_BLD


class Reader(nn.Module):
    """Vectors of items and places, blocks of attention, and the answer."""

    def __init__(self, shape: Shape, vector_ID: Tensor) -> None:
        super().__init__()
        self.items = nn.Embedding(*vector_ID.shape)
        self.items.weight = nn.Parameter(vector_ID)
        self.place_LD = nn.Parameter(0.02 * torch.randn(shape.length, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.last = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.since_GD = nn.Parameter(torch.zeros(GAPS, shape.width)) if shape.timed else None

    def states(self, read: Read) -> Tensor:
        """State after each event, `BLD`, blind to later ones.

        Padding stands after the events, where none of them looks.
        """
        seen_BLD = self.items(read.item_BL) + self.place_LD[: read.item_BL.shape[1]]
        gap_BLL = None
        if self.since_GD is not None:
            hour_BL = read.hour_BL
            gap_BLL = buckets(hour_BL[:, :, None] - hour_BL[:, None, :])
            since_BL = buckets(hour_BL.diff(dim=1, prepend=hour_BL[:, :1]))
            seen_BLD = seen_BLD + self.since_GD[since_BL]
        seen_BLD = self.dropout(seen_BLD)
        for block in self.blocks:
            seen_BLD = block(seen_BLD, gap_BLL)
        state_BLD: Tensor = self.last(seen_BLD)
        return state_BLD

    def forward(self, batch: Excerpts) -> Tensor:
        """Logits of each asked event's target, then of the negatives, `N,1+M`.

        A negative's logit is corrected by how often it is drawn, so that the softmax estimates
        the one over all items; a negative that is the target itself is left out.
        """
        state_ND = self.states(batch.read)[batch.asked_BL]
        target_N = batch.target_BL[batch.asked_BL]
        hit_N1 = (state_ND * self.items(target_N)).sum(dim=1, keepdim=True)
        miss_NM = state_ND @ self.items(batch.negative_M).T - batch.drawn_M.log()
        same_NM = target_N[:, None] == batch.negative_M
        return torch.cat([hit_N1, miss_NM.masked_fill(same_NM, -torch.inf)], dim=1)

    def scores(self, read: Read) -> Tensor:
        """Logit of each item after the last event of each sequence, `BI`."""
        row_B = torch.arange(len(read.size_B), device=read.size_B.device)
        state_BD = self.states(read)[row_B, read.size_B - 1]
        return state_BD @ self.items.weight.T


def buckets(hours: Tensor) -> Tensor:
    """Bucket of each gap, by its logarithm; a gap to what is later is none."""
    return (1 + hours.clamp(min=0)).log2().long().clamp(max=GAPS - 1)
