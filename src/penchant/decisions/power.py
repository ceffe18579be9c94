"""Power: how many customers an experiment needs, and how small an effect it can find.

For a difference of two means, by the normal approximation. Deviations are of one customer's
outcome; where a covariate takes out a part `reduction` of the variance, hand over
`deviation * sqrt(1 - reduction)`.
"""

import math

from scipy import stats

from penchant.errors import SettingsError

POWER = 0.8


def smallest_effect(
    deviation: float, units: int, *, share: float = 0.5, power: float = POWER, level: float = 0.95
) -> float:
    """The difference that is found with the chance `power`, with `units` in both arms together.

    `share` is the part of them in one arm.
    """
    return _reach(power, level) * deviation / math.sqrt(units * share * (1 - share))


def units_needed(
    deviation: float,
    effect: float,
    *,
    share: float = 0.5,
    power: float = POWER,
    level: float = 0.95,
) -> int:
    """Units in both arms together that find a difference with the chance `power`.

    Raises SettingsError for an effect of 0, which no number of units finds.
    """
    if effect == 0:
        raise SettingsError(
            "No number of customers finds an effect of 0; give the least that pays."
        )
    needed = (_reach(power, level) * deviation / effect) ** 2 / (share * (1 - share))
    return math.ceil(needed)


def _reach(power: float, level: float) -> float:
    return float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power))
