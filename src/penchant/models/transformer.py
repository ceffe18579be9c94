"""A causal transformer over each user's past that knows when things happened, not only their order.

A token is an active step with all its topics, or an entry (topic, step, how much), the finest that
a history keeps: with days as steps, nearly each event. Queries and keys are turned by their step
(rotary), so attention sees the time between two tokens, and a rhythm as easily as recency; a token
also says its place in the year, the gap to the step before, and an entry the gap to its topic's
last. Cutoffs are tokens that look back: at the latest tokens, and at memories, bags of all topics
ever engaged in, decayed at several half-lives. All layers together reach back `length` tokens, so
the cost of a user grows with its square, however long the past; each layer looks at its share, so
that a state is the same whether its cutoff is asked alone or with others.
It helps where order, gaps and rhythm say more than the features of cells do; on grocery baskets
that is little (docs/log.md). Tokens of one step have no order among themselves.
Sources: Vaswani et al., "Attention is all you need" (2017); Su et al., "RoFormer: enhanced
transformer with rotary position embedding" (2021); Xiong et al., "On layer normalization in the
transformer architecture" (2020).
Shapes: B users of a batch, S steps, T topics, M measures of a step, C cutoffs, L tokens, K all
tokens with those of cutoffs, Q tokens that look, A measures of a token, D width, H half-lives,
P pairs that turn, N heads, I their widths together, O memories and cutoffs.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import RecipeError
from penchant.interest.history import History
from penchant.interest.space import Between, OneOf, Space
from penchant.interest.task import Task
from penchant.models.forecaster import FittedNetwork, fit_network
from penchant.models.network import Head, Network, Shape, Tensors
from penchant.models.tokens import MEASURES, Tokens, entry_tokens, last_active, step_tokens
from penchant.models.training import Training

TOKENS = {"steps": step_tokens, "events": entry_tokens}
HEAD = 16  # width of a head
WAVES = (2.0, 512.0)  # steps of the shortest and longest turn
AT_ONCE = 64  # users looked at together, which bounds memory
SPREAD = 0.2  # of a topic's vector to start from


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """Recipe. Costs a minute or two for 2,500 users × 300 topics × 3 windows on one core.

    Events cost two to three times what steps do, even with one layer.
    """

    tokens: str = "steps"  # steps, or events: entries of topic and step
    length: int = 256  # tokens that reach the state, the latest
    half_lives: tuple[float, ...] = (2.0, 8.0, 32.0, 128.0)  # steps, of the memory
    width: int = 64  # of the state and of the head
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1
    training: Training = field(default_factory=Training)

    SEARCH: ClassVar[Space] = {
        "tokens": OneOf(("steps", "events")),
        "width": Between(16, 128, log=True),
        "layers": Between(1, 3),
        "dropout": Between(0.0, 0.5),
        "training.learning_rate": Between(3e-4, 3e-2, log=True),
        "training.weight_decay": Between(1e-3, 0.3, log=True),
        "training.cutoffs": Between(1, 8),
    }

    def __post_init__(self) -> None:
        if self.tokens not in TOKENS:
            raise RecipeError(f"Tokens are {' or '.join(TOKENS)}; found '{self.tokens}'.")
        if not 1 <= self.layers <= self.length:
            raise RecipeError(
                f"Each layer looks back at its share of the {self.length} tokens, one at least; "
                f"found {self.layers} layers. Give more length or fewer layers, at least one."
            )

    def fit(self, history: History, task: Task) -> FittedNetwork:
        """Train on earlier cutoffs."""
        return fit_network(self, history, task)

    def given(self, history: History, task: Task) -> Tensors:
        """Nothing beside the shape."""
        return Tensors()

    def build(self, shape: Shape, given: Tensors) -> Network:
        """An untrained network."""
        encoder = TransformerEncoder(self, shape)
        return Network(Head(shape, self.width, 0, self.width, self.dropout), encoder)


class TransformerEncoder(nn.Module):
    """The latest tokens and a memory of all, to the state at each cutoff."""

    def __init__(self, recipe: Transformer, shape: Shape) -> None:
        super().__init__()
        self.cut = TOKENS[recipe.tokens]
        self.length, self.reach = recipe.length, recipe.length // recipe.layers
        self.half_lives = recipe.half_lives
        self.bag = nn.Linear(shape.topics, recipe.width, bias=False)
        self.topic = nn.Embedding(shape.topics, recipe.width) if recipe.tokens == "events" else None
        self.measures = nn.Linear(MEASURES + shape.moments, recipe.width)
        self.kind = nn.Embedding(len(recipe.half_lives) + 1, recipe.width)  # the last: a cutoff
        self.layers = nn.ModuleList(Layer(recipe) for _ in range(recipe.layers))
        self.norm = nn.LayerNorm(recipe.width)
        self.dropout = nn.Dropout(recipe.dropout)
        for part in (self.bag, self.topic, self.kind):
            if part is not None:
                nn.init.normal_(part.weight, std=SPREAD)

    def forward(self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor) -> Tensor:
        """State of each user at each cutoff, `BCD`."""
        blocks = torch.split(count_BST, AT_ONCE)
        return torch.cat([self.states(block, moment_SM, cutoff_C) for block in blocks])

    def states(self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor) -> Tensor:
        """States of a block of users: tokens, then memories, then cutoffs look back."""
        tokens = self.cut(count_BST, cutoff_C, self.length)
        memory_BMD = self.memories(count_BST, cutoff_C)
        asked_BCD = self.asked(count_BST, moment_SM, cutoff_C, tokens)
        all_BKD = torch.cat([self.past(count_BST, moment_SM, tokens), memory_BMD, asked_BCD], dim=1)
        owner_O = torch.cat([cutoff_C.repeat_interleave(len(self.half_lives)), cutoff_C])
        when_BK = torch.cat([tokens.step_BL, owner_O.expand(len(count_BST), -1)], dim=1)
        turn_BKP = turns(when_BK)
        seen_BKK = seen_by_all(tokens, cutoff_C, len(self.half_lives), self.reach)
        for layer in self.layers[:-1]:
            all_BKD = layer(all_BKD, turn_BKP, seen_BKK)
        last_BCD = self.layers[-1](all_BKD, turn_BKP, seen_BKK[:, -len(cutoff_C) :])
        state_BCD: Tensor = self.dropout(self.norm(last_BCD))
        return state_BCD

    def past(self, count_BST: Tensor, moment_SM: Tensor, tokens: Tokens) -> Tensor:
        """What tokens say before they look, `BLD`."""
        step_BL = tokens.step_BL.clamp(min=0)
        if self.topic is None:
            user_B1 = torch.arange(len(count_BST), device=step_BL.device)[:, None]
            what_BLD = self.bag(self.dropout(count_BST[user_B1, step_BL].log1p()))
        else:
            what_BLD = self.topic(tokens.topic_BL)
        about = torch.cat([tokens.measure_BLA, moment_SM[step_BL]], dim=2)
        said_BLD: Tensor = what_BLD + self.measures(about)
        return said_BLD

    def memories(self, count_BST: Tensor, cutoff_C: Tensor) -> Tensor:
        """Bags of all topics before each cutoff, decayed, cutoff by cutoff: `B(CH)D`."""
        step_S = torch.arange(count_BST.shape[1], device=count_BST.device)
        age_CS = cutoff_C[:, None] - 1 - step_S
        life_H = torch.tensor(self.half_lives, device=count_BST.device)
        weight_CHS = 0.5 ** (age_CS[:, None].clamp(min=0) / life_H[:, None])
        weight_CHS = weight_CHS * (age_CS >= 0)[:, None]
        bag_BMT = weight_CHS.flatten(0, 1) @ count_BST
        kind_H = torch.arange(len(life_H), device=count_BST.device).repeat(len(cutoff_C))
        memory_BMD: Tensor = self.bag(self.dropout(bag_BMT.log1p())) + self.kind(kind_H)
        return memory_BMD

    def asked(
        self, count_BST: Tensor, moment_SM: Tensor, cutoff_C: Tensor, tokens: Tokens
    ) -> Tensor:
        """What cutoffs say before they look: the year, the silence so far, tokens so far, `BCD`."""
        last_BC = last_active(count_BST)[:, cutoff_C - 1]
        silent_BC = torch.where(last_BC < 0, 0, cutoff_C - last_BC)
        measures = (silent_BC, torch.zeros_like(silent_BC), tokens.before_BC)
        moment_BCM = moment_SM[cutoff_C - 1].expand(len(count_BST), -1, -1)
        about = torch.cat([torch.stack(measures, dim=2).float().log1p(), moment_BCM], dim=2)
        asks = torch.full_like(cutoff_C, len(self.half_lives))
        asked_BCD: Tensor = self.measures(about) + self.kind(asks)
        return asked_BCD


class Layer(nn.Module):
    """Attention, then a step of each token by itself, both added to what came in."""

    def __init__(self, recipe: Transformer) -> None:
        super().__init__()
        width, inner = recipe.width, recipe.heads * HEAD
        self.before = nn.LayerNorm(width)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.between = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self, all_BKD: Tensor, turn_BKP: Tensor, seen_BQK: Tensor) -> Tensor:
        """The last Q tokens after a look at those they see, `BQD`."""
        looking = seen_BQK.shape[1]
        normed_BKD = self.before(all_BKD)
        found = functional.scaled_dot_product_attention(
            turned(heads(self.query(normed_BKD[:, -looking:])), turn_BKP[:, -looking:]),
            turned(heads(self.key(normed_BKD)), turn_BKP),
            heads(self.value(normed_BKD)),
            seen_BQK[:, None],
        )
        found_BQI = found.transpose(1, 2).flatten(2)
        next_BQD = all_BKD[:, -looking:] + self.dropout(self.out(found_BQI))
        inner = functional.gelu(self.up(self.between(next_BQD)))
        done_BQD: Tensor = next_BQD + self.dropout(self.down(inner))
        return done_BQD


def seen_by_all(tokens: Tokens, cutoff_C: Tensor, memories: int, reach: int) -> Tensor:
    """Which tokens (last) each token sees, memories and cutoffs included, `BKK`.

    Tokens see tokens only. Memories and cutoffs see the tokens before their cutoff, and each other.
    """
    place_C = torch.arange(len(cutoff_C), device=cutoff_C.device)
    owner_O = torch.cat([place_C.repeat_interleave(memories), place_C])
    seen_BLL, seen_BCL = tokens.seen_BLL(reach), tokens.seen_BCL(reach)
    users, past = seen_BLL.shape[:2]
    never_BLO = seen_BLL.new_zeros(users, past, len(owner_O))
    own_BOO = (owner_O[:, None] == owner_O).expand(users, -1, -1)
    tops = torch.cat([seen_BLL, never_BLO], dim=2)
    return torch.cat([tops, torch.cat([seen_BCL[:, owner_O], own_BOO], dim=2)], dim=1)


def turns(when_BK: Tensor) -> Tensor:
    """Angles by which pairs are turned at a step, from quick to slow, `BKP`."""
    wave_P = torch.logspace(0, 1, HEAD // 2, base=WAVES[1] / WAVES[0], device=when_BK.device)
    return 2 * torch.pi * when_BK[:, :, None] / (WAVES[0] * wave_P)


def heads(inner_BKI: Tensor) -> Tensor:
    """A head after the other, `BNKI`."""
    return inner_BKI.view(*inner_BKI.shape[:2], -1, HEAD).transpose(1, 2)


def turned(part_BNKI: Tensor, turn_BKP: Tensor) -> Tensor:
    """Pairs of a head turned, so that a product of two depends on the time between them."""
    one, other = part_BNKI.chunk(2, dim=3)
    cos, sin = turn_BKP.cos()[:, None], turn_BKP.sin()[:, None]
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=3).to(one.dtype)
