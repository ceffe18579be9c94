"""What a world's maker knows: the rates, roles and changes that were planted.

One group of arrays for each mechanism, None where it isn't planted. Indices count from 0: users in
the order of the world, items in the order of the catalog, steps from the world's first.
Shapes: U users, T topics, S steps, M migrations, N treatments, I items, P positions, Q queries,
R rising topics (one a community), F follows, D devices, L links from a topic to its complement,
K changes of price, V promotions, A ages, H household sizes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
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
class Treatments:
    """Campaigns, one entry for each user who could have been treated in each.

    `campaign_N` is 0 for the campaign whose treatment is drawn by lot, 1 for the one that is
    targeted at active users; `propensity_N` is the chance of treatment that the draw
    `treated_N` had. From `step_N` on, for `steps_N` steps, a treated user's rate is
    multiplied by `factor_N`, as `response_N` has it: above 1 for the persuadable, 1 for sure things
    and lost causes, below 1 for sleeping dogs. `uplift_N` is the number of purchases to expect that
    treatment adds in those steps, without the complements that follow later.
    """

    campaign_N: Ints
    user_N: Ints
    response_N: Names
    propensity_N: Floats
    treated_N: Flags
    step_N: Ints
    steps_N: Ints
    factor_N: Floats
    uplift_N: Floats


@dataclass(frozen=True)
class Exposure:
    """What is shown, and what would be clicked if it were looked at.

    A list's position p, from 1 at the index 0, is looked at with the chance `examination_P`. What
    is looked at is clicked with the chance `appeal_I` × `affinity_UT`, its relevance to the user,
    for the item's topic. An item is shown in proportion to its topic's and its own popularity,
    times `favour_I`, which is below 1 for some brands; a user sees `exposure_U` times as many
    lists as others of the same activity, below 1 in one region. Neither is earned by relevance.
    """

    examination_P: Floats
    appeal_I: Floats
    favour_I: Floats
    exposure_U: Floats
    affinity_UT: Floats


@dataclass(frozen=True)
class Browsing:
    """Texts that are searched for, `query_Q`, and the topic that each is about, `topic_Q`."""

    query_Q: Names
    topic_Q: Ints


@dataclass(frozen=True)
class Devices:
    """Devices whose events carry an id of their own until their user logs in.

    `device_D` is that id, `user_D` whose it is; `known_D` says whether the user ever logged in on
    it, so that the shop's table of identities holds it.
    """

    device_D: Names
    user_D: Ints
    known_D: Flags


@dataclass(frozen=True)
class Demographics:
    """How customers' attributes sway what they do; who has which stands in the table of people.

    Shares of topics are multiplied by `taste_AT` of the age band `age_A`, activity by `activity_H`
    of the household size `household_H`. Before `signup_step_U` a user buys nothing; it is 0 for
    those who were there from the start.
    """

    age_A: Names
    taste_AT: Floats
    household_H: Names
    activity_H: Floats
    signup_step_U: Ints


@dataclass(frozen=True)
class Pricing:
    """Prices and promotions, and how demand answers.

    The list price of `item_K` is `price_K` from `step_K` on. `promoted_V` costs the share `depth_V`
    less from `start_V` on for `steps_V` steps. Demand for an item goes with its price to the power
    of minus `elasticity`, so a promotion sells `lift_V` times as much of it.
    """

    item_K: Ints
    step_K: Ints
    price_K: Floats
    promoted_V: Ints
    start_V: Ints
    steps_V: Ints
    depth_V: Floats
    lift_V: Floats
    elasticity: float


@dataclass(frozen=True)
class Complements:
    """Topics that call for another: each purchase in one may bring one in the other, not back.

    A purchase in `from_topic_L` brings one in `to_topic_L` with the chance `chance_L`, after 1 to
    `lag_L` steps, each as likely, unless the user is gone by then.
    """

    from_topic_L: Ints
    to_topic_L: Ints
    chance_L: Floats
    lag_L: Ints


@dataclass(frozen=True)
class Communities:
    """Users of like taste, whom they follow, and the topics that spread along that.

    `community_U` is a user's; `adopted_step_U` the step at which the rising topic of the community
    reached the user, -1 for never. In the community r `topic_R` started to rise at `step_R`.
    `follower_F` follows `followed_F` and at times likes what that user bought.
    """

    community_U: Ints
    adopted_step_U: Ints
    topic_R: Ints
    step_R: Ints
    follower_F: Ints
    followed_F: Ints


@dataclass(frozen=True)
class Truth:
    """The planted truth of a world.

    `rate_UTS` is the number of purchases to expect of each user, topic and step. It is the mean of
    a Poisson draw, except where `cadence_UT` isn't 0: there it is what to expect given the first
    purchase, and purchases follow each other after `cadence_UT` steps, plus or minus
    `jitter` steps. `season_TS` multiplies the rates of the users who follow seasons, with a mean
    near 1. `churn_step_U` is the first step without purchases, -1 for users who stay. `steps_S`
    are the calendar's weeks.
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
    treatments: Treatments | None = None
    exposure: Exposure | None = None
    browsing: Browsing | None = None
    devices: Devices | None = None
    demographics: Demographics | None = None
    pricing: Pricing | None = None
    complements: Complements | None = None
    communities: Communities | None = None
