"""Ways in which several tasks share what they make of a row: one trunk, or experts behind gates.

`hard` gives every task the same. `mmoe` lets each task weigh experts that belong to all. `ple` also
gives each task an expert of its own, over two levels, so that tasks that hinder each other can
part. Gates cost little; experts cost a layer each.
Sources: Ma et al., "Modeling task relationships in multi-task learning with multi-gate
mixture-of-experts" (2018); Tang et al., "Progressive layered extraction" (2020).
Shapes: N rows, D width, E experts.
"""

import torch
from torch import Tensor, nn

LEVELS = 2  # of the progressive extraction


class Trunk(nn.Module):
    """One expert for all tasks."""

    def __init__(self, tasks: tuple[str, ...], width: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.tasks = tasks
        self.expert = expert(width, dropout)

    def forward(self, hidden_ND: Tensor) -> dict[str, Tensor]:
        """What each task gets of a row."""
        made_ND = self.expert(hidden_ND)
        return dict.fromkeys(self.tasks, made_ND)


class Mixture(nn.Module):
    """Experts of all tasks, weighed by a gate of each task."""

    def __init__(self, tasks: tuple[str, ...], width: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.experts = nn.ModuleList(expert(width, dropout) for _ in range(experts))
        self.gates = nn.ModuleDict({task: nn.Linear(width, experts) for task in tasks})

    def forward(self, hidden_ND: Tensor) -> dict[str, Tensor]:
        """What each task gets of a row."""
        made = [one(hidden_ND) for one in self.experts]
        return {task: gated(gate(hidden_ND), made) for task, gate in self.gates.items()}


class Progressive(nn.Module):
    """Levels of experts: each task's own and those of all."""

    def __init__(self, tasks: tuple[str, ...], width: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.tasks = tasks
        sizes = [experts + len(tasks)] * (LEVELS - 1) + [0]
        self.levels = nn.ModuleList(Level(tasks, width, experts, dropout, size) for size in sizes)

    def forward(self, hidden_ND: Tensor) -> dict[str, Tensor]:
        """What each task gets of a row."""
        by_task, common_ND = dict.fromkeys(self.tasks, hidden_ND), hidden_ND
        for level in self.levels:
            by_task, common_ND = level(by_task, common_ND)
        return by_task


class Level(nn.Module):
    """One level of a progressive extraction; the last has no gate for what all share."""

    def __init__(
        self, tasks: tuple[str, ...], width: int, experts: int, dropout: float, common: int
    ) -> None:
        super().__init__()
        self.own = nn.ModuleDict({task: expert(width, dropout) for task in tasks})
        self.shared = nn.ModuleList(expert(width, dropout) for _ in range(experts))
        self.gates = nn.ModuleDict({task: nn.Linear(width, 1 + experts) for task in tasks})
        self.common = nn.Linear(width, common) if common else None

    def forward(
        self, by_task: dict[str, Tensor], common_ND: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """What each task, and all of them, get of the level below."""
        own = {task: one(by_task[task]) for task, one in self.own.items()}
        shared = [one(common_ND) for one in self.shared]
        found = {
            task: gated(gate(by_task[task]), [own[task], *shared])
            for task, gate in self.gates.items()
        }
        if self.common is None:
            return found, common_ND
        return found, gated(self.common(common_ND), [*own.values(), *shared])


SHARING: dict[str, type[Trunk | Mixture | Progressive]] = {
    "hard": Trunk,
    "mmoe": Mixture,
    "ple": Progressive,
}


def expert(width: int, dropout: float) -> nn.Module:
    """A layer from a row to a row."""
    return nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout))


def gated(logit_NE: Tensor, made: list[Tensor]) -> Tensor:
    """The experts' rows, weighed by a gate."""
    weight_NE = torch.softmax(logit_NE, dim=-1)
    return (weight_NE.unsqueeze(-1) * torch.stack(made, dim=-2)).sum(dim=-2)
