"""Complements: topics that call for another within weeks, but not the other way round.

Shapes: U users, T topics, S steps, L links, N follow-ups.
"""

import numpy as np
import numpy.typing as npt

from penchant.data.rows import Doubles
from penchant.data.truth import Complements

TOPICS_PER_LINK = 4
CHANCE = 0.5  # that a purchase brings a follow-up
LONGEST_LAG = 4  # steps


def plan_complements(topics: int, rng: np.random.Generator) -> Complements:
    """Draw the links; no topic stands in two, so nothing runs on in a chain."""
    links = max(1, topics // TOPICS_PER_LINK)
    topic_T = rng.permutation(topics).astype(np.int32)
    return Complements(
        from_topic_L=topic_T[:links],
        to_topic_L=topic_T[links : 2 * links],
        chance_L=np.full(links, CHANCE, np.float32),
        lag_L=rng.integers(2, LONGEST_LAG + 1, size=links, dtype=np.int32),
    )


def follow_up(
    count_UTS: npt.NDArray[np.int32],
    rate_UTS: Doubles,
    links: Complements,
    present_US: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Add what purchases bring later, to the counts and to their expectation, in place.

    A Poisson draw thinned and delayed is Poisson, so what is one stays one.
    """
    steps = count_UTS.shape[2]
    for source, target, chance, lag in zip(
        links.from_topic_L, links.to_topic_L, links.chance_L, links.lag_L, strict=True
    ):
        user_N, step_N = np.nonzero(count_UTS[:, source])
        bought_N = count_UTS[user_N, source, step_N]
        user_N, step_N = np.repeat(user_N, bought_N), np.repeat(step_N, bought_N)
        step_N = step_N + rng.integers(1, lag + 1, size=len(step_N))
        comes_N = (rng.random(len(step_N)) < chance) & (step_N < steps)
        user_N, step_N = user_N[comes_N], step_N[comes_N]
        here_N = present_US[user_N, step_N]
        np.add.at(count_UTS, (user_N[here_N], target, step_N[here_N]), 1)
        for late in range(1, lag + 1):
            share_US = rate_UTS[:, source, : steps - late] * (chance / lag)
            rate_UTS[:, target, late:] += share_US * present_US[:, late:]
