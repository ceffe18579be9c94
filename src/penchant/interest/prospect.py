"""What a customer as a whole will do: stay away, spend, and come back for what.

Not every model answers this; one that does says it beside its forecast.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass

from penchant.errors import HistoryError
from penchant.interest.interest import Floats, Names
from penchant.interest.task import Window


@dataclass(frozen=True)
class Prospects:
    """What is expected of each user after a cutoff, over all topics."""

    users_U: Names
    topics_T: Names
    windows_W: tuple[Window, ...]
    origin: int  # absolute index of the first step ahead
    first_UT: Floats | None  # probability that a topic is what the user does first; None: not asked
    churn_UW: Floats | None  # probability of no engagement at all
    spend_UW: Floats | None  # expected money, in the shop's currency

    def __post_init__(self) -> None:
        users, windows = len(self.users_U), len(self.windows_W)
        shapes = {
            "first_UT": (users, len(self.topics_T)),
            "churn_UW": (users, windows),
            "spend_UW": (users, windows),
        }
        for name, shape in shapes.items():
            found = getattr(self, name)
            if found is not None and found.shape != shape:
                raise HistoryError(f"{name} must be {shape}; found {found.shape}.")
