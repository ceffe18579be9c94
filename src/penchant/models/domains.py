"""Two shops side by side: what a network learns from both, and how far apart it sees them.

The target is read as the source is: the same kinds of event, the same columns; each has a scale of
its own. Alignment looks at cells as they are drawn, and for the target at no outcome.
Shapes: U users, B users of a batch, N cells, F features, D width, W windows, C cutoffs, K kinds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from penchant.errors import HistoryError
from penchant.interest.counts import Integers
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.batches import Batch, Batches
from penchant.models.features import Known, known_of
from penchant.models.lesson import Lesson
from penchant.models.panel import Scaling, panel_of
from penchant.models.sampling import earlier_looks
from penchant.models.training import Training

ECHO = 4  # times that a user of the target is learned from in a pass, at most


@dataclass(frozen=True)
class Cells:
    """Cells of one or two shops."""

    feature_NF: Tensor
    count_NW: Tensor
    weight_NW: Tensor  # 0 where the outcome isn't known, or isn't to be learned from
    domain_N: Tensor

    @classmethod
    def of(cls, batch: Batch, domain_N: Tensor) -> "Cells":
        """The cells of a batch."""
        return cls(batch.feature_NF, batch.count_NW, batch.weight_NW, domain_N)

    @classmethod
    def join(cls, parts: "list[Cells]") -> "Cells":
        """Cells of several batches."""
        names = ("feature_NF", "count_NW", "weight_NW", "domain_N")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def to(self, device: torch.device) -> "Cells":
        """The cells on a device."""
        return Cells(**{name: part.to(device) for name, part in vars(self).items()})


@dataclass(frozen=True)
class Pair:
    """Lessons of two shops, to be learned together."""

    source: Lesson
    target: Lesson
    scaling: Scaling  # of the target
    known: Known
    settings: Training

    @property
    def size(self) -> int:
        """Batches of a pass, in which every user of the source comes once."""
        users, batches = size_of(self.source)
        return -(-users // batches.users)

    def some(self, share: float) -> Integers:
        """Rows of a share of the target's users."""
        users = size_of(self.target)[0]
        order_U = np.random.default_rng((self.settings.seed, 2)).permutation(users)
        return order_U[: round(share * users)]

    def drawn(self, row_U: Integers, again: int) -> Iterator[Cells]:
        """Batches of a pass, where `row_U` of the target's users are learned from.

        Where there are any, the source's outcomes count ever less, and nothing in the last pass.
        """
        fading = again / max(1, self.settings.passes - 1) if len(row_U) else 0.0
        rng = np.random.default_rng((self.settings.seed, again))
        users, cut = size_of(self.source)
        others, near = size_of(self.target)
        passed_CW, hidden_CW = self.target.passed_CW, np.zeros_like(self.target.passed_CW)
        most = self.size * cut.users
        steps = zip(
            portions(np.arange(users), 1, self.size, most, rng),
            portions(row_U, ECHO, self.size, most, rng),
            portions(np.arange(others), -(-most // others), self.size, most, rng),
            strict=True,
        )
        for known_B, told_B, seen_B in steps:
            parts = [cells_of(cut, known_B, rng, self.source.passed_CW, 0, 1 - fading)]
            if len(told_B):
                parts.append(cells_of(near, told_B, rng, passed_CW, 1))
            parts.append(cells_of(near, seen_B, rng, hidden_CW, 1))
            yield Cells.join(parts)


def pair_of(source: History, target: History, task: Task, settings: Training) -> Pair:
    """Lay out the kinds of event that both shops know.

    Raises HistoryError where a shop lacks a kind that is to be forecast.
    """
    for name, history in (("source", source), ("target", target)):
        missing = [kind for kind in task.target if kind not in history.interest.kinds_K]
        if missing:
            raise HistoryError(
                f"The {name} has no event of {' or '.join(missing)}, which is to be forecast; it "
                f"has {', '.join(history.interest.kinds_K)}. Forecast kinds that both shops know."
            )
    kinds = set(source.interest.kinds_K) & set(target.interest.kinds_K)
    source, target = with_kinds(source, kinds), with_kinds(target, kinds)
    lessons: list[Lesson] = []
    missing_F = None
    for history in (source, target):
        spaced = (settings.cutoffs, settings.spacing, settings.least_cutoff)
        looks = earlier_looks(history, task, *spaced)
        panel, scaling = panel_of(
            history, looks, task, settings.most_users, settings.seed, missing_F
        )
        missing_F = scaling.missing_F
        lessons.append(Lesson(panel, task, settings))
    return Pair(lessons[0], lessons[1], scaling, known_of(target, task), settings)


def with_kinds(history: History, kinds: set[str]) -> History:
    """A history of some kinds of event only."""
    interest, population = history.interest, history.population
    kept = [k for k, kind in enumerate(interest.kinds_K) if kind in kinds]
    return replace(
        history,
        interest=replace(
            interest,
            kinds_K=tuple(interest.kinds_K[k] for k in kept),
            count_NK=interest.count_NK[:, kept],
        ),
        population=replace(population, count_KTS=population.count_KTS[kept]),
    )


def size_of(lesson: Lesson) -> tuple[int, Batches]:
    """Users of a panel, and how it is cut into batches."""
    users = len(lesson.panel.history.interest.users_U)
    return users, lesson.batches(users)


def portions(
    row_U: Integers, copies: int, size: int, most: int, rng: np.random.Generator
) -> list[Integers]:
    """Rows in random order, several times over, at most `most` of them in `size` portions."""
    order_U = np.concatenate([rng.permutation(row_U) for _ in range(copies)])
    return np.array_split(order_U[:most], size)


def cells_of(
    cut: Batches,
    row_B: Integers,
    rng: np.random.Generator,
    mask_CW: Floats,
    domain: int,
    weight: float = 1.0,
) -> Cells:
    """Cells drawn of some users of a shop, whose outcomes count by `weight`."""
    batch = cut.batch(row_B, rng, mask_CW)
    cells = Cells.of(batch, torch.full_like(batch.topic_N, domain))
    return replace(cells, weight_NW=cells.weight_NW * weight)


def moments_apart(hidden_ND: Tensor, domain_N: Tensor) -> Tensor:
    """How far means and covariances of the domains lie from those of all, averaged over domains."""
    middle_D, covariance_DD = mean_and_covariance(hidden_ND)
    width, apart = len(middle_D), []
    for domain in torch.bincount(domain_N).nonzero()[:, 0]:
        own_D, own_DD = mean_and_covariance(hidden_ND[domain_N == domain])
        second = ((own_DD - covariance_DD) ** 2).sum() / (4 * width)
        apart.append(((own_D - middle_D) ** 2).sum() + second)
    return torch.stack(apart).mean()


def mean_and_covariance(hidden_ND: Tensor) -> tuple[Tensor, Tensor]:
    """The first two moments of rows."""
    middle_D = hidden_ND.mean(dim=0)
    centred_ND = hidden_ND - middle_D
    return middle_D, centred_ND.T @ centred_ND / len(hidden_ND)
