"""From expected counts to a calibrated forecast: how far counts scatter around a volume.

A counting model says only how many engagements to expect. Its head, learned by looking back from
one horizon earlier, adds the excess of each topic (so that chances come true as often as they
say) and the shocks that users of a topic, and topics of a user, share.
Shapes: U users, T topics, W windows, G grid, N totals.
"""

from dataclasses import dataclass

import numpy as np

from penchant.interest import counts
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast, Total
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import make_forecast
from penchant.interest.task import Task

LEVEL = 0.8  # of the intervals that shocks are fitted to
MOST_SHOCK = 2.0
GRID_G = np.concatenate([[0.0], np.geomspace(0.05, 50.0, 15)])
SHRINK = 20.0  # active users of a topic at which its own excess weighs as much as the shop's
LEAST_MEAN = 5.0  # totals below it tell nothing of shocks


@dataclass(frozen=True)
class Head:
    """Excess of each topic and window, and the shocks of each window."""

    excess_TW: Floats
    topic_shock_W: Floats
    user_shock_W: Floats

    def forecast(self, history: History, task: Task, volume_UTW: Floats) -> Forecast:
        """Turn expected counts into a forecast."""
        chance_UTW = counts.chance_of(volume_UTW, self.excess_TW)
        return make_forecast(
            history,
            task,
            chance_UTW,
            volume_UTW,
            topic_shock_W=self.topic_shock_W,
            user_shock_W=self.user_shock_W,
        )


def untrained_head(topics: int, task: Task) -> Head:
    """Poisson counts and no shocks, for a history too short to look back."""
    none_W = np.zeros(len(task.windows), dtype=np.float32)
    return Head(np.zeros((topics, len(task.windows)), dtype=np.float32), none_W, none_W)


def fit_head(volume_UTW: Floats, count_UTW: Floats) -> Head:
    """Learn a head from volumes expected earlier and the counts that came."""
    excess_TW = np.stack(
        [_excess_T(volume_UTW[..., w], count_UTW[..., w]) for w in range(count_UTW.shape[2])],
        axis=1,
    )
    topic_shock_W, user_shock_W = shocks_W(volume_UTW, excess_TW, count_UTW)
    return Head(excess_TW, topic_shock_W, user_shock_W)


def _excess_T(volume_UT: Floats, count_UT: Floats) -> Floats:
    """Excess at which as many users are expected active in each topic as were, shrunk."""
    active_T = (count_UT > 0).sum(axis=0).astype(float)
    expected_GT = np.stack([counts.chance_of(volume_UT, s).sum(axis=0) for s in GRID_G])
    shop = np.interp(-active_T.sum(), -expected_GT.sum(axis=1), GRID_G)
    own_T = np.array(
        [
            np.interp(-active, -expected_G, GRID_G)
            for active, expected_G in zip(active_T, expected_GT.T, strict=True)
        ]
    )
    weight_T = active_T / (active_T + SHRINK)
    return (weight_T * own_T + (1 - weight_T) * shop).astype(np.float32)


def shocks_W(volume_UTW: Floats, excess_TW: Floats, count_UTW: Floats) -> tuple[Floats, Floats]:
    """Relative shocks, of topics and of users, at which 80 % intervals of totals hold 80 %."""
    own_UTW = volume_UTW * (1 + excess_TW)
    parts = (volume_UTW, own_UTW, count_UTW)
    topic_shock_W = _shock_W(*(part.sum(axis=0) for part in parts))
    user_shock_W = _shock_W(*(part.sum(axis=1) for part in parts))
    return topic_shock_W, user_shock_W


def _shock_W(mean_NW: Floats, own_NW: Floats, count_NW: Floats) -> Floats:
    shock_W = np.zeros(mean_NW.shape[1], dtype=np.float32)
    for w in range(mean_NW.shape[1]):
        large_N = mean_NW[:, w] >= LEAST_MEAN
        if large_N.any():
            mean_N, own_N, count_N = (a[large_N, w] for a in (mean_NW, own_NW, count_NW))
            shock_W[w] = _shock(mean_N.astype(float), own_N.astype(float), count_N.astype(float))
    return shock_W


def _shock(mean_N: Doubles, own_N: Doubles, count_N: Doubles) -> float:
    """Bisect to the shock whose intervals hold what they say."""
    low, high = 0.0, MOST_SHOCK
    for _ in range(12):
        shock = (low + high) / 2
        total = Total(mean_N, np.sqrt(own_N + (shock * mean_N) ** 2))
        below_N = counts.cumulative(count_N - 1, total.mean, total.excess)
        upto_N = counts.cumulative(count_N, total.mean, total.excess)
        if counts.covered(below_N, upto_N, LEVEL).mean() < LEVEL:
            low = shock
        else:
            high = shock
    return (low + high) / 2
