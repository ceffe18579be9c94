"""How topics are taken up and returned to, counted over everyone at a cutoff.

Shapes: U users, T topics, W windows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penchant.interest.interest import Floats
from penchant.interest.task import Window
from penchant.models.dense import Dense

LATELY = 4  # steps
FADING = 0.8  # weight of each earlier look at a window, next to the later one
LOOKS = 3
LEAST_PAST = 4  # steps


@dataclass(frozen=True)
class Rates:
    """Customers of each topic, and how many come new or come back."""

    customers_T: Floats
    new_T: Floats  # of those without the topic, taking it up lately
    repeat_T: Floats  # of those with the topic, returning lately
    adopting_TW: Floats  # of those without it, active in a window such as each asked for
    returning_TW: Floats  # of those with it, active in a window such as each asked for


def learn_rates(blocks: Iterable[Dense], windows: Sequence[Window]) -> Rates:
    """Count over blocks of everyone."""
    lately: Any = 0.0
    seen: Any = 0.0
    came: list[Any] = [0.0] * len(windows)
    could: list[Any] = [0.0] * len(windows)
    for dense in blocks:
        steps = dense.shape[2]
        lately = lately + _counts(dense, max(1, steps - LATELY), 0, LATELY)
        seen = seen + dense.ever_UT.sum(axis=0)
        for w, window in enumerate(windows):
            for fading, cutoff, span in _looks(steps, window):
                counts = _counts(dense, cutoff, span.start, span.end)
                came[w] = came[w] + fading * counts[0]
                could[w] = could[w] + fading * counts[1]
    (new_T, again_T), (without_T, with_T) = lately
    returning = [(n[1] + 1) / (d[1] + 5) for n, d in zip(came, could, strict=True)]
    adopting = [(n[0] + 0.1) / (d[0] + 20) for n, d in zip(came, could, strict=True)]
    return Rates(
        customers_T=np.log1p(seen).astype(np.float32),
        new_T=((new_T + 0.1) / (without_T + 10)).astype(np.float32),
        repeat_T=((again_T + 0.5) / (with_T + 5)).astype(np.float32),
        adopting_TW=np.stack(adopting, axis=1).astype(np.float32),
        returning_TW=np.stack(returning, axis=1).astype(np.float32),
    )


def _looks(steps: int, window: Window) -> list[tuple[float, int, Window]]:
    """Earlier cutoffs whose window has passed; a short history looks at its last steps."""
    span = window
    if steps - window.end < 2 * LEAST_PAST:
        span = Window(0, max(1, min(LATELY, steps - LEAST_PAST)))
    cutoffs = [steps - span.end - LATELY * look for look in range(LOOKS)]
    looks = [(FADING**i, cutoff, span) for i, cutoff in enumerate(cutoffs) if cutoff >= LEAST_PAST]
    return looks or [(1.0, max(1, steps - span.end), span)]


def _counts(dense: Dense, cutoff: int, start: int, end: int) -> Floats:
    """Active in the window, and all, of users without and with each topic before it: 2 × 2 × T."""
    had_UT = dense.active_UT(0, cutoff)
    came_UT = dense.active_UT(cutoff + start, cutoff + end)
    came = [(came_UT & ~had_UT).sum(axis=0), (came_UT & had_UT).sum(axis=0)]
    could = [(~had_UT).sum(axis=0), had_UT.sum(axis=0)]
    return np.array([came, could], dtype=np.float32)
