"""Communities: users of like taste, whom they follow, and topics that spread from one to the next.

A community lies within one block of users, so that a world of any size is made block by block.
Shapes: U users, T topics, S steps, R communities and their rising topics, F follows, N likes.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from penchant.data.planting import CONCENTRATION, TASTE_FLOOR
from penchant.data.rows import Codes, Doubles, Rows, rows_of
from penchant.data.shopping import DAY, START, Visits
from penchant.data.truth import Communities

USERS_PER_COMMUNITY = 40
LIKENESS = 30.0  # concentration of members' tastes around the community's
FOLLOWS = 6  # a user's
WITHIN = 0.9  # chance that one follows within the community
CATCH = 0.03  # chance a step to take up a topic, for each followed user who has
RISEN_SHARE = 0.4  # of the purchases of those who have
LIKED = 0.1  # chance that a follower likes a purchase
LONGEST_WAIT = 3  # days until then


def found(
    users: int, popularity_T: Doubles, steps: int, rng: np.random.Generator
) -> tuple[Communities, Doubles]:
    """Draw communities of a block and their members' tastes, `share_UT`; indices in the block."""
    topics = len(popularity_T)
    communities = max(1, users // USERS_PER_COMMUNITY)
    community_U = rng.integers(0, communities, size=users)
    centre_RT = rng.dirichlet(CONCENTRATION * popularity_T, size=communities) + TASTE_FLOOR
    share_UT = rng.standard_gamma(LIKENESS * centre_RT[community_U]) + TASTE_FLOOR
    share_UT /= share_UT.sum(axis=1, keepdims=True)
    follower_F, followed_F = _follows(community_U, rng)
    step_R = rng.integers(steps // 8, max(steps // 2, steps // 8 + 1), size=communities)
    # What rises is new to the community: one of the lower half of its tastes.
    rank_R = rng.integers(0, max(topics // 2, 1), size=communities)
    topic_R = np.take_along_axis(centre_RT.argsort(axis=1), rank_R[:, None], axis=1)[:, 0]
    adopted_U = _spread(community_U, step_R, (follower_F, followed_F), steps, rng)
    return Communities(
        community_U=community_U.astype(np.int32),
        adopted_step_U=adopted_U.astype(np.int32),
        topic_R=topic_R.astype(np.int32),
        step_R=step_R.astype(np.int32),
        follower_F=follower_F.astype(np.int32),
        followed_F=followed_F.astype(np.int32),
    ), share_UT


def in_world(communities: Communities, first_user: int) -> Communities:
    """The same with indices in the world: users, and communities of one block after another."""
    first_community = first_user // USERS_PER_COMMUNITY
    return replace(
        communities,
        community_U=communities.community_U + np.int32(first_community),
        follower_F=communities.follower_F + np.int32(first_user),
        followed_F=communities.followed_F + np.int32(first_user),
    )


def _follows(community_U: Codes, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Pairs of users, in order, none twice and none with oneself."""
    users = len(community_U)
    member_U = community_U.argsort(kind="stable")
    size_R = np.bincount(community_U)
    first_R = size_R.cumsum() - size_R
    follower = np.repeat(np.arange(users), FOLLOWS)
    draw = rng.random(len(follower))
    mates = community_U[follower]
    mate = member_U[first_R[mates] + (draw * size_R[mates]).astype(np.int64)]
    anyone = rng.integers(0, users, size=len(follower))
    followed = np.where(rng.random(len(follower)) < WITHIN, mate, anyone)
    pair = np.unique(follower[follower != followed] * users + followed[follower != followed])
    return pair // users, pair % users


def _spread(
    community_U: Codes,
    step_R: Codes,
    follows: tuple[Codes, Codes],
    steps: int,
    rng: np.random.Generator,
) -> Codes:
    """The step at which each user takes up the community's topic, -1 for never."""
    users = len(community_U)
    inside_F = community_U[follows[0]] == community_U[follows[1]]
    ends = (follows[0][inside_F], follows[1][inside_F])
    links = csr_array((np.ones(len(ends[0])), ends), shape=(users, users))
    adopted_U = np.full(users, -1)
    first_U = rng.permutation(users)
    _, where_R = np.unique(community_U[first_U], return_index=True)
    seeds = first_U[where_R]  # one of each community that has members
    for step in range(steps):
        starting = seeds[step_R[community_U[seeds]] == step]
        heard_U = links @ (adopted_U >= 0).astype(np.float64)
        catches_U = rng.random(users) < 1 - (1 - CATCH) ** heard_U
        catches_U[starting] = True
        adopted_U[catches_U & (adopted_U < 0)] = step
    return adopted_U


def raise_topics(share_UTS: Doubles, communities: Communities) -> None:
    """Give the rising topic its share from the step of adoption on, in place."""
    adopters_U = np.flatnonzero(communities.adopted_step_U >= 0)
    for user in adopters_U:
        since = slice(communities.adopted_step_U[user], None)
        share_UTS[user, :, since] *= 1 - RISEN_SHARE
        share_UTS[user, communities.topic_R[communities.community_U[user]], since] += RISEN_SHARE


def likes(bought: Rows, communities: Communities, visits: Visits, rng: np.random.Generator) -> Rows:
    """Followers' `social` events about purchases of those they follow, some days later."""
    users, days = visits.second_UD.shape
    order_F = communities.followed_F.argsort(kind="stable")
    fans_U = np.bincount(communities.followed_F, minlength=users)
    first_U = fans_U.cumsum() - fans_U
    fans_N = fans_U[bought.user_N]
    source_N = np.repeat(np.arange(len(bought.user_N)), fans_N)
    rank_N = np.arange(len(source_N)) - np.repeat(fans_N.cumsum() - fans_N, fans_N)
    liked_N = rng.random(len(source_N)) < LIKED
    source_N, rank_N = source_N[liked_N], rank_N[liked_N]
    follow_N = order_F[first_U[bought.user_N[source_N]] + rank_N]
    day_N = (bought.time_N[source_N] - START) // DAY
    day_N = day_N + rng.integers(1, LONGEST_WAIT + 1, size=len(day_N))
    inside = day_N < days
    user_N = communities.follower_F[follow_N][inside].astype(np.int64)
    return rows_of(
        "social",
        user_N,
        visits.time(user_N, day_N[inside]),
        item=bought.item_N[source_N][inside],
    )
