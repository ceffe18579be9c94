"""Rising topics of a group: what its members take up, more than the shop does and than chance.

Of each member, the topics touched in the latest steps are set beside what the member's own past,
leaning on the group's and moved as the rest of the shop moved, lets expect of so many. Their sum's
variance is Poisson's, with the error of those pasts, times the spread of all topics of the group
over it; false discoveries are held to a rate by Benjamini and Hochberg over all groups and topics.
A topic that is not forecast to keep a higher part than before has not risen.
Shapes: U users, G groups, T topics, N touches.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammainc

from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.discovery import rates
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.repurchase import touches

LATELY = 8  # steps
BEFORE = 52  # steps before those
LEAST_TAKERS = 5  # members who touched the topic lately
RATE = 0.05  # of false discoveries
PRIOR = 1.0  # touches at the shop's part, added to a group's
LEANING = 20.0  # touches at the group's part, added to a member's
LEAST_RISE = 1.2  # of the part of a topic, lately over before


def rising_GT(
    history: History, forecast: Forecast, kinds: Sequence[str], group_U: Integers, groups: int
) -> Flags:
    """Whether each topic rises in each group; `group_U` is -1 for users of none."""
    users, topics, steps = history.interest.shape
    lately = min(LATELY, steps // 3)
    if lately < 1:
        return np.zeros((groups, topics), dtype=bool)
    found = touches(history.interest, kinds)
    user_N, topic_N = found.user_C[found.cell_N], found.topic_C[found.cell_N]
    late_N = found.step_N >= steps - lately
    early_N = ~late_N & (found.step_N >= steps - lately - BEFORE)
    code_N = user_N.astype(np.int64) * topics + topic_N
    late_UT, early_UT = (
        np.bincount(code_N[part_N], minlength=users * topics).reshape(users, topics)
        for part_N in (late_N, early_N)
    )
    forecast_UT = forecast.ahead_UT()
    all_late_T, all_early_T = late_UT.sum(axis=0), early_UT.sum(axis=0)
    shop_T = _part(all_early_T, np.full(topics, 1 / topics))
    chance_GT = np.ones((groups, topics))
    tried_GT, more_GT = np.zeros((2, groups, topics), dtype=bool)
    for group in range(groups):
        inside_U = group_U == group
        late, early, ahead = late_UT[inside_U], early_UT[inside_U], forecast_UT[inside_U]
        early_T = early.sum(axis=0)
        before_T = (early_T + PRIOR * shop_T) / (early_T.sum() + PRIOR)
        moved_T = _part(all_late_T - late.sum(axis=0), shop_T)
        moved_T /= _part(all_early_T - early_T, shop_T)
        expected_T = before_T * moved_T / max((before_T * moved_T).sum(), 1e-12)
        chance_GT[group] = _chances(late, early, before_T, moved_T)
        tried_GT[group] = (late > 0).sum(axis=0) >= LEAST_TAKERS
        more_GT[group] = _part(late.sum(axis=0)) >= LEAST_RISE * expected_T
        more_GT[group] &= _part(ahead.sum(axis=0)) > before_T
    rate_GT = np.ones((groups, topics))
    rate_GT[tried_GT] = rates(chance_GT[tried_GT])
    return more_GT & (rate_GT <= RATE)


def _chances(late_UT: Integers, early_UT: Integers, before_T: Doubles, moved_T: Doubles) -> Doubles:
    """Chance of as many touches of each topic as there were, or more, had nothing risen.

    That of a Poisson count in units of the variance over the mean.
    """
    known_U1 = early_UT.sum(axis=1, keepdims=True) + LEANING
    own_UT = (early_UT + LEANING * before_T) / known_U1 * moved_T
    own_UT /= np.maximum(own_UT.sum(axis=1, keepdims=True), 1e-12)
    many_U1 = late_UT.sum(axis=1, keepdims=True)
    expected_UT = many_U1 * own_UT
    variance_UT = expected_UT * (1 + many_U1 / known_U1)
    above = float(((late_UT - expected_UT) ** 2).sum())
    spread = max(1.0, above / max(float(variance_UT.sum()), 1e-12))
    expected_T = np.maximum(expected_UT.sum(axis=0), 1e-12)
    unit_T = spread * np.maximum(variance_UT.sum(axis=0), 1e-12) / expected_T
    count_T = np.maximum(late_UT.sum(axis=0), 1e-12)
    return np.asarray(gammainc(count_T / unit_T, expected_T / unit_T), dtype=np.float64)


def _part(count_T: Doubles | Integers, prior_T: Doubles | None = None) -> Doubles:
    """Part of each topic in all of them."""
    if prior_T is not None:
        count_T = count_T + PRIOR * prior_T
    return np.asarray(count_T / max(float(count_T.sum()), 1e-12), dtype=np.float64)
