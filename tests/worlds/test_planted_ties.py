"""Complements between topics and communities of users can be found in the events."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from seen import seen

from penchant import columns as c
from penchant.data.community import RISEN_SHARE
from penchant.data.worlds import Shop, World, communal, complementary

SHOP = Shop(users=600, topics=12, steps=60, seed=6)


@cache
def linked() -> World:
    return complementary(SHOP)


@cache
def social() -> World:
    return communal(SHOP)


def counts_of(frame: pd.DataFrame) -> np.ndarray:
    count_UTS = np.zeros((SHOP.users, SHOP.topics, SHOP.steps))
    np.add.at(count_UTS, (frame["who"], frame["about"].astype(int), frame["when"]), 1)
    return count_UTS


def response(count_UTS: np.ndarray, cause: int, effect: int, lag: int) -> float:
    """Purchases of `effect` that go with one of `cause` `lag` steps before, within a user.

    A regression on the deviations from each user's mean.
    """
    x_US = count_UTS[:, cause, :-lag]
    y_US = count_UTS[:, effect, lag:]
    x_US = x_US - x_US.mean(axis=1, keepdims=True)
    y_US = y_US - y_US.mean(axis=1, keepdims=True)
    return float((x_US * y_US).sum() / (x_US * x_US).sum())


def test_a_purchase_brings_its_complement_within_the_lag_and_not_back() -> None:
    links = linked().truth.complements
    assert links is not None
    assert len(links.from_topic_L) == 3
    assert len({*links.from_topic_L, *links.to_topic_L}) == 6
    count_UTS = counts_of(seen(linked()))
    for source, target, chance, lag in zip(
        links.from_topic_L, links.to_topic_L, links.chance_L, links.lag_L, strict=True
    ):
        forth = [response(count_UTS, source, target, late) for late in range(1, lag + 1)]
        assert sum(forth) == pytest.approx(chance, abs=0.12)
        assert min(forth) > 0.5 * chance / lag
        assert abs(response(count_UTS, source, target, lag + 1)) < 0.25 * chance / lag + 0.03
        back = sum(response(count_UTS, target, source, late) for late in range(1, lag + 1))
        assert abs(back) < 0.08


def test_members_of_a_community_buy_alike() -> None:
    truth = social().truth.communities
    assert truth is not None
    count_UT = counts_of(seen(social(), "purchase"))[:, :, :8].sum(axis=2)
    count_UT = count_UT[count_UT.sum(axis=1) > 8]
    known = counts_of(seen(social(), "purchase"))[:, :, :8].sum(axis=(1, 2)) > 8
    share_UT = count_UT / np.linalg.norm(count_UT, axis=1, keepdims=True)
    alike_UU = share_UT @ share_UT.T
    member = truth.community_U[known]
    same = member[:, None] == member[None, :]
    np.fill_diagonal(same, False)
    other = member[:, None] != member[None, :]
    assert alike_UU[same].mean() > alike_UU[other].mean() + 0.2


def test_follows_stay_mostly_within_a_community() -> None:
    truth = social().truth.communities
    assert truth is not None
    assert (truth.follower_F != truth.followed_F).all()
    within = truth.community_U[truth.follower_F] == truth.community_U[truth.followed_F]
    assert within.mean() > 0.85


def test_whoever_likes_follows_a_buyer() -> None:
    truth = social().truth.communities
    assert truth is not None
    bought = seen(social(), "purchase")[["who", "what", "day"]]
    liked = seen(social(), "social").reset_index()
    edges = pd.DataFrame({"who": truth.follower_F, "followed": truth.followed_F})
    pairs = liked.merge(edges, on="who").merge(
        bought.rename(columns={"who": "followed"}), on=["followed", "what"]
    )
    recent = pairs[(pairs["day_x"] - pairs["day_y"]).between(1, 3)]
    assert recent["index"].nunique() == len(liked) > 0


def test_a_topic_spreads_from_one_to_those_who_follow() -> None:
    truth = social().truth.communities
    assert truth is not None
    adopted_U, community_U = truth.adopted_step_U, truth.community_U
    for community, start in enumerate(truth.step_R):
        steps = np.sort(adopted_U[(community_U == community) & (adopted_U >= 0)])
        assert steps[0] == start
        assert (steps == start).sum() == 1
    # Nobody adopts before one they follow did, but for the first of each community.
    follows = pd.DataFrame({"follower": truth.follower_F, "followed": truth.followed_F})
    follows["step"] = np.where(
        adopted_U[follows["followed"]] < 0, SHOP.steps, adopted_U[follows["followed"]]
    )
    inside = community_U[follows["follower"]] == community_U[follows["followed"]]
    heard = follows[inside].groupby("follower")["step"].min()
    late = np.flatnonzero((adopted_U >= 0) & (adopted_U > truth.step_R[community_U]))
    assert len(late) > 100
    assert (heard.reindex(late) < adopted_U[late]).all()
    assert 0.2 < (adopted_U >= 0).mean() < 0.95


def test_adopters_buy_the_risen_topic() -> None:
    truth = social().truth.communities
    assert truth is not None
    count_UTS = counts_of(seen(social(), "purchase"))
    topic_U = truth.topic_R[truth.community_U]
    own_US = count_UTS[np.arange(SHOP.users), topic_U]
    all_US = count_UTS.sum(axis=1)
    since_US = np.arange(SHOP.steps) >= truth.adopted_step_U[:, None]
    since_US &= truth.adopted_step_U[:, None] >= 0
    share = own_US[since_US].sum() / all_US[since_US].sum()
    before = own_US[~since_US].sum() / all_US[~since_US].sum()
    assert share == pytest.approx(RISEN_SHARE + (1 - RISEN_SHARE) * before, abs=0.05)
    assert before < 0.1
    assert len(seen(social(), "social")[c.ITEM].dropna()) == len(seen(social(), "social"))
