"""What is asked: which future windows, of which kinds of event, in which calendar unit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from penchant.data.step import Step
from penchant.errors import HistoryError


@dataclass(frozen=True, order=True)
class Window:
    """The future steps `(start, end]` after a cutoff: `Window(4, 8)` is steps 5 to 8 ahead."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise HistoryError(
                f"A window needs 0 <= start < end; found ({self.start}, {self.end}]. "
                "Window(0, 4) is steps 1 to 4 ahead."
            )

    @classmethod
    def parse(cls, name: str) -> "Window":
        """Read a window's name: `5-8` (or `5–8`) is `Window(4, 8)`."""
        match = re.fullmatch(r"\s*(\d+)\s*[-–]\s*(\d+)\s*", name)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise HistoryError(
                f"A window is written first-last, counted from 1, such as 5-8; found '{name}'."
            )
        return cls(int(match[1]) - 1, int(match[2]))

    @property
    def name(self) -> str:
        """First and last step ahead, counted from 1: `5-8`."""
        return f"{self.start + 1}-{self.end}"

    @property
    def length(self) -> int:
        """Steps in the window."""
        return self.end - self.start


def disjoint(windows: Sequence[Window]) -> list[int]:
    """Places of windows that don't overlap: those that end first, then what begins no sooner."""
    kept: list[int] = []
    for w in sorted(range(len(windows)), key=lambda w: (windows[w].end, -windows[w].start)):
        if not kept or windows[w].start >= windows[kept[-1]].end:
            kept.append(w)
    return kept


@dataclass(frozen=True, kw_only=True)
class Task:
    """Windows to forecast, the kinds of event that count as an engagement, and the step."""

    windows: tuple[Window, ...] = (Window(0, 4), Window(4, 8), Window(8, 12))
    target: tuple[str, ...] = ("purchase",)
    step: Step = Step.WEEK

    def __post_init__(self) -> None:
        if not self.windows or not self.target:
            raise HistoryError("A task needs at least one window and one kind of event.")
        if len(set(self.windows)) < len(self.windows):
            names = ", ".join(window.name for window in self.windows)
            raise HistoryError(f"A task names each window once; found {names}.")

    @property
    def horizon(self) -> int:
        """Steps from the cutoff to the end of the last window."""
        return max(window.end for window in self.windows)
