"""A recurrent network of one series: by default two layers of 50 LSTM cells, dropout 0.2.

It reads a window of steps, each its value and, where dates are known, day, month and year, all
scaled to 0 to 1 by the least and the most of the past, and answers every step ahead at once. A
first training counts the passes on the last origins, whose errors give the intervals, at Student's
t; a second learns from all of the past for as many passes.
A few dozen values are little for thirty thousand weights, and a level beyond all it has seen is
followed late. It wins where a series is long and its shape isn't linear; the trial says whether.
Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997).
Shapes: S steps, H steps ahead, F features of a step, O origins, L steps of a window, D width,
V levels of intervals.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.stats import t
from torch import Tensor, nn

from penchant.models.training import Training, seeded, train
from penchant.models.univariate import Asked, Doubles, Projection

LONGEST_WINDOW = 60  # steps
USUAL_WINDOW = 12  # steps, where no season is longer
TRIED = 0.2  # share of the origins, the last, on which passes are counted
LEAST_TRIED = 3  # origins
STEPS = 20  # of a pass


def usual_training() -> Training:
    """Twenty short passes at most; a batch is one of origins, not of users."""
    return Training(
        passes=20, patience=4, batch_users=32, learning_rate=5e-3, weight_decay=1e-4, held_out=0
    )


@dataclass(frozen=True, kw_only=True)
class LstmSeries:
    """How the network is built and trained."""

    width: int = 50
    layers: int = 2
    dropout: float = 0.2
    training: Training = field(default_factory=usual_training)


@dataclass(frozen=True)
class Lessons:
    """Windows of a series and what followed each, scaled; NaN where it isn't known."""

    window_OLF: Tensor
    next_OH: Tensor

    def to(self, device: torch.device) -> "Lessons":
        """The lessons on a device."""
        return Lessons(self.window_OLF.to(device), self.next_OH.to(device))

    def only(self, row_O: Tensor) -> "Lessons":
        """Some of the lessons."""
        return Lessons(self.window_OLF[row_O], self.next_OH[row_O])


@dataclass(frozen=True)
class Scaled:
    """A series and its calendar, the past scaled to 0 to 1."""

    step_SF: Doubles  # the value first
    least: float
    spread: float
    known: int  # steps that may be learned from
    window: int
    ahead: int

    @classmethod
    def of(cls, value_S: Doubles, asked: Asked, known: int) -> "Scaled":
        """Scale by the first `known` steps."""
        step_SF = value_S[:, None]
        if asked.calendar_SF is not None:
            step_SF = np.concatenate([step_SF, asked.calendar_SF], axis=1)
        least_F = step_SF[:known].min(axis=0)
        spread_F = np.ptp(step_SF[:known], axis=0)
        spread_F[spread_F == 0] = 1  # such as the day of the first of every month
        scaled_SF = (step_SF - least_F) / spread_F
        window = min(LONGEST_WINDOW, max(asked.season, USUAL_WINDOW), len(value_S) // 3)
        return cls(scaled_SF, least_F[0], spread_F[0], known, window, asked.ahead)

    def lessons(self, first: int, last: int, until: int) -> Lessons:
        """Lessons at the origins from `first` to `last`; what came from step `until` on is NaN."""
        origin_O = np.arange(first, last + 1)
        window_OL = origin_O[:, None] + np.arange(-self.window, 0)
        next_OH = origin_O[:, None] + np.arange(self.ahead)
        value_S = np.append(self.step_SF[:until, 0], np.full(self.ahead + 1, np.nan))
        came_OH = value_S[np.minimum(next_OH, until)]
        parts = (self.step_SF[window_OL], came_OH)
        return Lessons(*(torch.from_numpy(part).float() for part in parts))

    def values(self, scaled_OH: Tensor) -> Doubles:
        """Scaled values in the series' unit."""
        return self.least + self.spread * scaled_OH.double().numpy()


class Reader(nn.Module):
    """A window to every step ahead, told as the difference to the window's last value."""

    def __init__(self, recipe: LstmSeries, features: int, ahead: int) -> None:
        super().__init__()
        self.trunk = nn.LSTM(
            features,
            recipe.width,
            recipe.layers,
            batch_first=True,
            dropout=recipe.dropout if recipe.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(recipe.dropout)
        self.out = nn.Linear(recipe.width, ahead)

    def forward(self, window_OLF: Tensor) -> Tensor:
        """Scaled values of the steps ahead, `OH`."""
        state_OLD, _ = self.trunk(window_OLF)
        next_OH: Tensor = window_OLF[:, -1, :1] + self.out(self.dropout(state_OLD[:, -1]))
        return next_OH


def project_lstm(value_S: Doubles, asked: Asked, recipe: LstmSeries | None = None) -> Projection:
    """Train on a series and forecast it, at some seconds; `recipe` None is the preset."""
    recipe = recipe or LstmSeries()
    steps = len(value_S)
    late = Scaled.of(value_S, asked, steps)
    tried = max(LEAST_TRIED, round(TRIED * (steps - late.window)))
    early = Scaled.of(value_S, asked, steps - tried)
    with seeded(recipe.training.seed, recipe.training.threads):
        first, again = (Reader(recipe, late.step_SF.shape[1], asked.ahead) for _ in range(2))
    unseen = early.lessons(early.known, steps - 1, steps)
    known = early.lessons(early.window, early.known - 1, early.known)
    losses = teach(first, known, unseen, recipe.training)
    passes = int(np.argmin(losses)) + 1
    everything = late.lessons(late.window, steps - 1, steps)
    teach(again, everything, None, replace(recipe.training, passes=passes))
    with torch.inference_mode():
        off_OH = early.values(first(unseen.window_OLF)) - early.values(unseen.next_OH)
        told_OH = late.values(again(everything.window_OLF))
        mean_H = late.values(again(late.lessons(steps, steps, steps).window_OLF))[0]
    half_VH = _reach(off_OH, asked.levels)
    return Projection(
        "lstm",
        f"LSTM of {recipe.layers} layers of {recipe.width} over {late.window} steps",
        mean_H,
        asked.levels,
        mean_H - half_VH,
        mean_H + half_VH,
        np.concatenate([np.full(late.window, np.nan), value_S[late.window :] - told_OH[:, 0]]),
    )


def teach(
    net: nn.Module, lessons: Lessons, unseen: Lessons | None, settings: Training
) -> list[float]:
    """Train a network; returns the losses on lessons unseen, after each pass."""

    def drawn(again: int) -> Iterator[Lessons]:
        rng = np.random.default_rng((settings.seed, again))
        size = min(settings.batch_users, len(lessons.next_OH))
        for _ in range(STEPS):
            row_O = rng.choice(len(lessons.next_OH), size, replace=False)
            yield lessons.only(torch.from_numpy(row_O))

    known = (lessons, unseen) if unseen else (lessons,)
    about = tuple(part.numpy() for one in known for part in vars(one).values())

    @torch.inference_mode()
    def held_out(net: nn.Module) -> float:
        assert unseen is not None
        device = next(net.parameters()).device
        return float(squared_error(net, unseen.to(device)))

    return train(net, squared_error, drawn, STEPS, held_out if unseen else None, settings, about)


def squared_error(net: nn.Module, lessons: Lessons) -> Tensor:
    """Mean squared error of what is known."""
    known_OH = lessons.next_OH.isfinite()
    off_OH = net(lessons.window_OLF) - lessons.next_OH.nan_to_num()
    return (off_OH.square() * known_OH).sum() / known_OH.sum().clamp(min=1)


def _reach(off_OH: Doubles, levels: tuple[float, ...]) -> Doubles:
    """Half the width of intervals, by errors at each step ahead; none is surer than one nearer.

    The fewer errors are known of a step, the wider. Beyond the last of which any is, errors are
    taken to grow as those of a random walk.
    """
    known_OH = np.isfinite(off_OH)
    known_H = known_OH.sum(axis=0)
    freedom_H = np.maximum(1, known_H)
    scale_H = np.sqrt((np.where(known_OH, off_OH, 0) ** 2).sum(axis=0) / freedom_H)
    reach_VH = t.ppf((1 + np.array(levels)[:, None]) / 2, freedom_H) * scale_H
    step_H = np.arange(1, len(known_H) + 1)
    further_H = np.sqrt(np.maximum(1, step_H / np.count_nonzero(known_H)))
    return np.maximum.accumulate(reach_VH, axis=1) * further_H
