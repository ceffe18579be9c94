"""Campaigns: who is treated, with what chance, and what it does to each.

Two campaigns: one draws by lot whom to treat, one is likelier to treat the active. The first
measures an effect by a difference in means, the second only with its propensities.
Shapes: U users, T topics, S steps, N treatments, R responses.
"""

from typing import NamedTuple

import numpy as np

from penchant.data.demography import AGES
from penchant.data.rows import Codes, Doubles, join
from penchant.data.truth import Flags, Ints, Treatments

STEPS = 4  # of a campaign
LOT = 0.5  # chance of treatment
LEAST, MOST = 0.1, 0.9  # chance of treatment where it is targeted
RESPONSES = ("persuadable", "sure thing", "lost cause", "sleeping dog")
FACTORS = (1.8, 1.0, 1.0, 0.4)
# How likely the youngest and the oldest respond in each way; ages in between lie in between.
YOUNGEST, OLDEST = (0.55, 0.20, 0.20, 0.05), (0.10, 0.25, 0.25, 0.40)


class Audience(NamedTuple):
    """What campaigns go by."""

    first_user: int
    age_U: Ints
    activity_U: Doubles
    # Topics bought at a cadence don't heed campaigns.
    free_UT: Flags


def treat(rate_UTS: Doubles, audience: Audience, rng: np.random.Generator) -> Treatments:
    """Run two campaigns; multiplies the treated users' rates in place."""
    users, _, steps = rate_UTS.shape
    weight_U = audience.age_U / (len(AGES) - 1)
    chance_UR = np.outer(1 - weight_U, YOUNGEST) + np.outer(weight_U, OLDEST)
    response_U = (rng.random((users, 1)) > chance_UR.cumsum(axis=1)).sum(axis=1)
    response_U = np.minimum(response_U, len(RESPONSES) - 1)
    active_U = np.log(np.maximum(audience.activity_U, 1e-9))
    targeted_U = 1 / (1 + np.exp(-2 * (active_U - np.median(active_U))))
    propensities = (np.full(users, LOT), targeted_U.clip(LEAST, MOST))
    return join(
        [
            _campaign(rate_UTS, audience, response_U, (number, steps * at // 8), chance_U, rng)
            for number, (at, chance_U) in enumerate(zip((4, 6), propensities, strict=True))
        ]
    )


def _campaign(
    rate_UTS: Doubles,
    audience: Audience,
    response_U: Codes,
    campaign: tuple[int, int],
    propensity_U: Doubles,
    rng: np.random.Generator,
) -> Treatments:
    number, step = campaign
    users = len(rate_UTS)
    factor_U = np.array(FACTORS)[response_U]
    treated_U = rng.random(users) < propensity_U
    during = slice(step, step + STEPS)
    free_UTS = rate_UTS[:, :, during] * audience.free_UT[:, :, None]
    uplift_U = (factor_U - 1) * free_UTS.sum(axis=(1, 2))
    applied_U = np.where(treated_U, factor_U, 1.0)
    rate_UTS[:, :, during] *= applied_U[:, None, None]
    return Treatments(
        campaign_N=np.full(users, number, np.int32),
        user_N=np.arange(audience.first_user, audience.first_user + users, dtype=np.int32),
        response_N=np.array(RESPONSES)[response_U],
        propensity_N=propensity_U.astype(np.float32),
        treated_N=treated_U,
        step_N=np.full(users, step, np.int32),
        steps_N=np.full(users, STEPS, np.int32),
        factor_N=factor_U.astype(np.float32),
        uplift_N=uplift_U.astype(np.float32),
    )
