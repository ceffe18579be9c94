"""The crowd: who the users of a block are, and when they are there at all.

Shapes: U users of the block, T topics, S steps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.data import community, demography, planting
from penchant.data.demography import Persons, draw_persons
from penchant.data.ground import Ground, Streams
from penchant.data.rows import Doubles
from penchant.data.shopping import DAYS
from penchant.data.truth import Communities, Flags, Names


@dataclass(frozen=True)
class Crowd:
    """Who the users of a block are."""

    span: range
    role_U: Names
    persons: Persons | None
    communities: Communities | None  # indices in the block
    share_UT: Doubles  # of topics, at first
    activity_U: Doubles  # purchases a step
    churn_step_U: npt.NDArray[np.int64]
    present_US: Flags


def gather(ground: Ground, number: int, stream: Streams) -> Crowd:
    """Draw the users of a block: roles, attributes, communities, tastes, activity, presence."""
    shop, plan, span = ground.shop, ground.plan, ground.span(number)
    users = len(span)
    role_U = stream["role"].permutation(np.resize(np.array(plan.roles), users))
    # In the first block this stream has given the shop's popularity, so all pass over it.
    planting.popularity(shop.topics, stream["taste"])
    share_UT = planting.tastes(users, ground.popularity_T, stream["taste"])
    share_UT[role_U == "average"] = 1.0 / shop.topics
    activity_U = planting.activity(users, shop.purchases, stream["activity"])
    activity_U[role_U == "average"] = shop.purchases
    churn_step_U = planting.middle_steps(users, shop.steps, stream["churn"])
    churn_step_U[role_U != "churning"] = -1
    steps_S = np.arange(shop.steps)
    present_US = (churn_step_U[:, None] < 0) | (steps_S < churn_step_U[:, None])
    communities = persons = None
    if plan.social:
        communities, share_UT = community.found(
            users, ground.popularity_T, shop.steps, stream["community"]
        )
    if ground.taste_AT is not None:
        persons = draw_persons(users, shop.steps, stream["person"])
        share_UT = share_UT * ground.taste_AT[persons.age_U]
        share_UT /= share_UT.sum(axis=1, keepdims=True)
        activity_U *= np.array(demography.HOUSEHOLD_ACTIVITY)[persons.household_U]
        present_US &= steps_S * DAYS >= persons.signup_day_U[:, None]
    return Crowd(span, role_U, persons, communities, share_UT, activity_U, churn_step_U, present_US)
