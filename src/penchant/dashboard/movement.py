"""What is forecast to move: topics that rise and fade, customers who adopt, pairs that go quiet.

Shapes: U users, T topics, S steps, W windows, N entries.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Doubles, Flags
from penchant.interest.forecast import Forecast, Total
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.stationary import lookback
from penchant.interest.task import Task

REGULAR = 3  # steps with an engagement, in the look-back, that make a pair regular
LIKELY = 0.5  # chance
LEAST_SHARE = 0.0005  # of the shop's engagements before, from which a topic's change is news


@dataclass(frozen=True)
class Movers:
    """Topics' forecast beside the last equal span, both as shares of their totals."""

    length: int  # steps compared
    before_T: Doubles  # engagements in the last `length` steps
    after_T: Doubles  # forecast over the windows
    even_T: Doubles  # what the topic would get if only the shop's total changed
    change_T: Doubles  # relative, adjusted for the total; NaN where nothing was bought before
    sure_T: Flags  # `even_T` lies outside the forecast's 80 % interval
    strength_T: Doubles  # change against its chance variation, signed; 0 for tiny topics

    def rising(self, k: int) -> npt.NDArray[np.int64]:
        """Topics that gain most, most first."""
        order_T = np.argsort(-self.strength_T, kind="stable")[:k]
        return order_T[self.strength_T[order_T] > 0]

    def fading(self, k: int) -> npt.NDArray[np.int64]:
        """Topics that lose most, most first."""
        order_T = np.argsort(self.strength_T, kind="stable")[:k]
        return order_T[self.strength_T[order_T] < 0]


def movers(history: History, forecast: Forecast, task: Task) -> Movers:
    """Compare the forecast over all windows with as many steps before the cutoff."""
    total = forecast.total("users")
    after_T = total.mean.sum(axis=1)
    length = min(sum(window.length for window in task.windows), history.cutoff)
    count_TS = history.topic_count_TS(task.target)
    before_T = count_TS[:, history.cutoff - length :].sum(axis=1, dtype=np.float64)
    even_T = before_T * after_T.sum() / max(before_T.sum(), 1.0)
    change_T = np.full(len(before_T), np.nan)
    np.divide(after_T, even_T, out=change_T, where=even_T > 0)
    # Shocks of neighbouring windows move together, so deviations add up rather than variances.
    low_T, high_T = Total(after_T, total.deviation.sum(axis=1)).interval(0.8)
    return Movers(
        length=length,
        before_T=before_T,
        after_T=after_T,
        even_T=even_T,
        change_T=change_T - 1,
        sure_T=(even_T < low_T) | (even_T > high_T),
        strength_T=np.where(
            before_T >= LEAST_SHARE * before_T.sum(),
            (after_T - even_T) / np.sqrt(after_T + even_T + 1),
            0.0,
        ),
    )


@dataclass(frozen=True)
class Migration:
    """Each pair's chance of any engagement over all windows, beside its recent past."""

    lookback: int  # steps
    chance_UT: Floats
    recent_UT: Floats  # engagements in the look-back
    steps_UT: Floats  # steps with any engagement in the look-back

    @cached_property
    def adoption_UT(self) -> Floats:
        """Chance of an engagement where the look-back has none; 0 elsewhere."""
        return np.where(self.recent_UT > 0, np.float32(0), self.chance_UT)

    @cached_property
    def quiet_UT(self) -> Floats:
        """Chance of no engagement for regular pairs; 0 elsewhere."""
        return np.where(self.steps_UT >= REGULAR, 1 - self.chance_UT, np.float32(0))

    @property
    def adopters(self) -> int:
        """Customers with at least one likely adoption."""
        return int((self.adoption_UT >= LIKELY).any(axis=1).sum())

    @property
    def adoptions(self) -> float:
        """Expected number of adopted pairs."""
        return float(self.adoption_UT.sum(dtype=np.float64))

    @property
    def regular(self) -> int:
        """Regular pairs."""
        return int((self.steps_UT >= REGULAR).sum())

    @property
    def quiet(self) -> int:
        """Regular pairs that are likely to go quiet."""
        return int((self.quiet_UT > LIKELY).sum())


def migration(history: History, forecast: Forecast, task: Task) -> Migration:
    """Chances over all windows, taking windows as independent given the forecast."""
    interest = history.interest
    steps = min(lookback(task.step), history.cutoff)
    first = history.cutoff - steps
    target_N = interest.target_N(task.target)
    active_N = ((interest.step_N >= first) & (target_N > 0)).astype(np.float32)
    return Migration(
        lookback=steps,
        chance_UT=1 - np.prod(1 - forecast.chance_UTW, axis=2),
        recent_UT=interest.count_UT(task.target, first, history.cutoff),
        steps_UT=interest.sum_UT(active_N),
    )
