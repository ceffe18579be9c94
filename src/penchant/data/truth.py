"""What a world's maker knows: the rates, roles and changes that were planted.

Shapes: U users, T topics, S steps, M migrations.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Migrations:
    """Moves of a user's interest, one entry a move, in the order of users.

    `user_M`, `from_topic_M` and `to_topic_M` index the truth's users and topics. `step_M` is the
    first step (0 = the world's first) that differs from before; after `steps_M` steps the move is
    over.
    """

    user_M: Ints
    from_topic_M: Ints
    to_topic_M: Ints
    step_M: Ints
    steps_M: Ints


@dataclass(frozen=True)
class Truth:
    """The planted truth of a world.

    `rate_UTS` is the number of purchases to expect of each user, topic and step. It is the mean of
    a Poisson draw, except where `cadence_UT` isn't 0: there it is what to expect given the first
    purchase, and purchases follow each other after `cadence_UT` steps, plus or minus
    `jitter` steps. `season_TS` multiplies the rates of the users who follow seasons, with a mean
    near 1. `churn_step_U` is the first step without purchases, -1 for users who stay.
    """

    users_U: Names  # the events' users
    topics_T: Names  # second level of the catalog's paths
    steps_S: Ints  # `Step.WEEK` indices
    role_U: Names
    rate_UTS: Floats
    migrations: Migrations
    churn_step_U: Ints
    season_TS: Floats
    cadence_UT: Ints
    jitter: int
