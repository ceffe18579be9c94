"""How sure is a score? Bootstrap over users, whose cells hang together.

Every score of the same users is resampled with the same draws, so that two forecasts compare in
pairs: what makes a user hard to forecast cancels out of their difference.
Shapes: U users, D draws.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from penchant.errors import HistoryError
from penchant.evaluation.score import Score
from penchant.interest.counts import Doubles

DRAWS = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Value of one score less another's, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@lru_cache(maxsize=4)
def draw_weights(users: int, draws: int = DRAWS, seed: int = 0) -> Doubles:
    """How often each user is drawn, `DU`: multinomial, read-only, the same for the same seed."""
    rng = np.random.default_rng(seed)
    weight_DU = rng.multinomial(users, np.full(users, 1 / users), size=draws).astype(np.float64)
    weight_DU.flags.writeable = False
    return weight_DU


def interval(value_D: Doubles) -> tuple[float, float]:
    """Ends of the 95 % percentile interval of resampled values; NaN if there are none."""
    known_D = value_D[np.isfinite(value_D)]
    if not len(known_D):
        return float("nan"), float("nan")
    low, high = np.quantile(known_D, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap(score: Score, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Ends of a score's 95 % interval over users; NaN without draws, or if it has no users."""
    return interval(score.values(draw_weights(score.users, draws, seed)))


def compare(score_a: Score, score_b: Score, draws: int = DRAWS, seed: int = 0) -> Difference:
    """Score `a` less score `b`, paired on the same draws of the same users."""
    if score_a.users != score_b.users:
        raise HistoryError(
            f"Only scores of the same users compare; found {score_a.users} and {score_b.users}. "
            "Score both forecasts at the same cutoff."
        )
    weight_DU = draw_weights(score_a.users, draws, seed)
    low, high = interval(score_a.values(weight_DU) - score_b.values(weight_DU))
    return Difference(score_a.value() - score_b.value(), low, high)
