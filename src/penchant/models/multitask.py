"""Several questions to one network: topics, volume, what is first, who stays away, what is spent.

Cells and users are read by one recurrent encoder. What is made of a cell serves three questions,
what is made of a user two; within each, questions share a trunk or experts (`sharing`). The losses
are weighed by what can't be known of each answer, which is learned (`weighting`).
It is for who needs the other answers: to ask more hardly betters the forecast (docs/log.md).
Sources: Caruana, "Multitask learning" (1997); Kendall, Gal and Cipolla (2018).
Shapes: U users, T topics, B users of a batch, S steps, C cutoffs, N cells, F features, D width,
H half-lives, W windows, M measures of money, Q questions.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import RecipeError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import check_topics
from penchant.interest.prospect import Prospects
from penchant.interest.task import Task
from penchant.models.batches import Batch
from penchant.models.experts import SHARING
from penchant.models.forecaster import FittedNetwork, cell_batches, fit_network
from penchant.models.network import MOST_FURTHER, Network, Shape, Tensors
from penchant.models.panel import MONEY_HALF_LIVES
from penchant.models.questions import (
    OF_CELLS,
    OF_USERS,
    QUESTIONS,
    Answers,
    answer_losses,
    expected_money,
    weighed,
)
from penchant.models.recurrent import Recurrent, RecurrentEncoder
from penchant.models.training import Training, seeded

LEAST_MONEY = 0.05  # of the average user's, added to what a user spends a step
WEIGHTING = ("uncertainty", "fixed")
FORECAST = ("active", "volume")  # questions that make up a forecast


@dataclass(frozen=True, kw_only=True)
class Multitask:
    """Recipe. Costs a little more than `recurrent`, with experts about twice as much."""

    tasks: tuple[str, ...] = QUESTIONS  # asked; the heads of others are left as drawn
    sharing: str = "hard"  # hard, mmoe or ple
    experts: int = 3  # that tasks share, with mmoe and ple
    weighting: str = "uncertainty"  # or fixed
    cell: str = "gru"  # rnn, gru or lstm
    width: int = 64  # of the state and of the heads
    dropout: float = 0.1
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tasks) - set(QUESTIONS))
        if unknown or not self.tasks:
            found = ", ".join(unknown) or "none"
            raise RecipeError(f"Tasks are some of {', '.join(QUESTIONS)}; found {found}.")
        for name, known in (("sharing", tuple(SHARING)), ("weighting", WEIGHTING)):
            if getattr(self, name) not in known:
                raise RecipeError(
                    f"{name} is one of {', '.join(known)}; found '{getattr(self, name)}'."
                )

    def fit(self, history: History, task: Task) -> "FittedMultitask":
        """Train on earlier cutoffs."""
        return FittedMultitask(fit_network(self, history, task, self.loss), self.tasks)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """The losses of the questions asked, weighed."""
        answers = net(batch)
        asked_Q = torch.tensor([float(q in self.tasks) for q in QUESTIONS])
        return weighed(
            answer_losses(answers, batch),
            answers.doubt_Q,
            asked_Q.to(answers.doubt_Q.device),
            self.weighting == "uncertainty",
        )

    def given(self, history: History, task: Task) -> Tensors:
        """The unit of money: what a user spends in each window, and in a step, on average."""
        users, _, steps = history.interest.shape
        mean = float(history.interest.money_N.sum()) / (users * steps)
        unit = np.array([mean if mean > 0 else 1.0], dtype=np.float32)
        length_W = np.array([window.length for window in task.windows], dtype=np.float32)
        return Tensors(("unit_1", "unit_W"), (unit, unit * length_W))

    def build(self, shape: Shape, given: Tensors) -> "MultitaskNetwork":
        """An untrained network."""
        return MultitaskNetwork(self, shape, given)


class CellTowers(nn.Module):
    """Answers of cells: activity, further engagements, and what comes first."""

    def __init__(self, recipe: Multitask, shape: Shape) -> None:
        super().__init__()
        width, dropout = recipe.width, recipe.dropout
        self.of_feature = nn.Linear(shape.features, width)
        self.of_state = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.sharing = SHARING[recipe.sharing](OF_CELLS, width, recipe.experts, dropout)
        sizes = {"active": shape.windows, "volume": shape.windows, "next": 1}
        self.out, self.straight = nn.ModuleDict(), nn.ModuleDict()
        for name, size in sizes.items():
            out, straight = nn.Linear(width, size), nn.Linear(shape.features, size, bias=False)
            nn.init.zeros_(straight.weight)
            nn.init.constant_(out.bias, -2.0)
            self.out[name], self.straight[name] = out, straight

    def forward(self, feature_NF: Tensor, state_ND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logit of the chance, logarithm of the further engagements, and logit of coming first."""
        hidden_ND = functional.silu(self.of_feature(feature_NF) + self.of_state(state_ND))
        shared = self.sharing(self.dropout(hidden_ND))
        logit_NW, further_NW, next_N1 = (
            self.out[name](shared[name]) + self.straight[name](feature_NF) for name in OF_CELLS
        )
        return logit_NW, further_NW.clamp(max=MOST_FURTHER), next_N1


class UserTowers(nn.Module):
    """Answers of users: staying away, and money."""

    def __init__(self, recipe: Multitask, shape: Shape) -> None:
        super().__init__()
        width, dropout = recipe.width, recipe.dropout
        self.of_feature = nn.Linear(shape.features, width)
        self.of_state = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.sharing = SHARING[recipe.sharing](OF_USERS, width, recipe.experts, dropout)
        self.of_money = nn.Linear(len(MONEY_HALF_LIVES), width, bias=False)
        self.churn = nn.Linear(width, shape.windows)
        self.money = nn.Linear(width, 3 * shape.windows)
        self.straight = nn.Linear(len(MONEY_HALF_LIVES), 3 * shape.windows, bias=False)
        nn.init.zeros_(self.straight.weight)

    def forward(
        self, feature_BCF: Tensor, state_BCD: Tensor, money_BCH: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logit of staying away, `BCW`, and what money is expected, `BCM`."""
        hidden_BCD = self.of_feature(feature_BCF) + self.of_state(state_BCD)
        hidden_BCD = functional.silu(hidden_BCD + self.of_money(money_BCH))
        shared = self.sharing(self.dropout(hidden_BCD))
        return self.churn(shared["churn"]), self.money(shared["spend"]) + self.straight(money_BCH)


class MultitaskNetwork(Network):
    """The encoder, and towers over cells and over users."""

    def __init__(self, recipe: Multitask, shape: Shape, given: Tensors) -> None:
        trunk = Recurrent(cell=recipe.cell, width=recipe.width, dropout=recipe.dropout)
        super().__init__(CellTowers(recipe, shape))
        self.encoder: nn.Module = RecurrentEncoder(trunk, shape)
        self.users = UserTowers(recipe, shape)
        self.doubt_Q = nn.Parameter(torch.zeros(len(QUESTIONS)))
        self.unit_1: Tensor
        self.unit_W: Tensor
        for name, unit in given.state().items():
            self.register_buffer(name, unit)

    def forward(self, batch: Batch) -> Answers:
        """Every answer."""
        state_BCD: Tensor = self.encoder(batch.count_BST, batch.moment_SM, batch.cutoff_C)
        state_ND = state_BCD[batch.user_N, batch.look_N]
        logit_NW, further_NW, next_N1 = self.head(batch.feature_NF, state_ND)
        money_BCH = (batch.money_BCH / self.unit_1 + LEAST_MONEY).log()
        churn_BCW, money_BCM = self.users(batch.user_BCF, state_BCD, money_BCH)
        return Answers(
            logit_NW, further_NW, next_N1[:, 0], churn_BCW, money_BCM, self.unit_W, self.doubt_Q
        )


@dataclass(frozen=True)
class FittedMultitask:
    """A model that forecasts, and tells what is to be expected of each customer."""

    network: FittedNetwork
    tasks: tuple[str, ...]

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history.

        Raises RecipeError where the network was not taught to.
        """
        missing = [name for name in FORECAST if name not in self.tasks]
        if missing:
            raise RecipeError(
                f"This network was taught {', '.join(self.tasks)}, and a forecast needs "
                f"{' and '.join(missing)} too. Name them among its tasks, or ask it to tell."
            )
        return self.network.predict(history)

    def tell(self, history: History) -> Prospects:
        """Tell what comes first, who stays away and what is spent, where that was asked."""
        model = self.network
        check_topics(model.topics_T, history)
        net, parts = model.network(), []
        with seeded(0, model.recipe.training.threads), torch.inference_mode():
            for batch in cell_batches(history, model):
                answers = net(batch)
                next_UT = answers.next_N.view(len(batch.count_BST), -1).softmax(dim=1)
                churn_UW = answers.churn_BCW[:, 0].sigmoid()
                parts.append((next_UT, churn_UW, expected_money(answers)[:, 0]))
        found = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        told = (
            said if question in self.tasks else None
            for question, said in zip(QUESTIONS[2:], found, strict=True)
        )
        return Prospects(
            history.interest.users_U,
            history.interest.topics_T,
            model.task.windows,
            history.interest.origin + history.cutoff,
            *told,
        )
