"""In `market` everything happens at once, and each thing planted is still there."""

from functools import cache

import numpy as np
import pytest
from seen import counted, seen

from penchant import columns as c
from penchant.data.planting import MOVED_SHARE
from penchant.data.rows import KINDS
from penchant.data.shop import ROLES
from penchant.data.worlds import Shop, World, market

SHOP = Shop(users=700, topics=10, steps=60, purchases=3.0, seed=8)


@cache
def world() -> World:
    return market(SHOP)


def test_every_kind_role_and_group_is_there() -> None:
    truth = world().truth
    assert set(world().log.events[c.KIND].unique().to_pylist()) == set(KINDS)
    assert set(truth.role_U) == set(ROLES)
    for group in (
        *(truth.treatments, truth.exposure, truth.browsing, truth.devices, truth.demographics),
        *(truth.pricing, truth.complements, truth.communities),
    ):
        assert group is not None
    assert world().log.people is not None
    assert world().log.promotions is not None
    assert world().identities is not None


def test_churners_are_gone_with_all_they_did() -> None:
    truth = world().truth
    for kind in ("purchase", "social", "cart"):
        count_US = counted(seen(world(), kind), SHOP.users, SHOP.steps)
        gone_US = np.arange(SHOP.steps) >= truth.churn_step_U[:, None]
        gone_US &= truth.churn_step_U[:, None] >= 0
        assert (count_US[gone_US] == 0).all()
        stayed = truth.churn_step_U < 0
        assert count_US[stayed, -10:].sum() > 0


def test_migrants_leave_their_topic() -> None:
    truth, moves = world().truth, world().truth.migrations
    frame = seen(world(), "purchase")
    count_UTS = np.zeros(truth.rate_UTS.shape)
    np.add.at(count_UTS, (frame["who"], frame["about"].astype(int), frame["when"]), 1)
    left_MS = count_UTS[moves.user_M, moves.from_topic_M]
    all_MS = count_UTS[moves.user_M].sum(axis=1)
    offset_MS = np.arange(SHOP.steps) - moves.step_M[:, None]
    before, after = offset_MS < 0, offset_MS >= moves.steps_M[:, None]
    share_before = left_MS[before].sum() / all_MS[before].sum()
    share_after = left_MS[after].sum() / all_MS[after].sum()
    # Above the share left over: what rises in a community or complements may be what was left.
    assert share_after / share_before == pytest.approx(1 - MOVED_SHARE, abs=0.15)


def test_the_lot_still_tells_the_persuaded_from_the_annoyed() -> None:
    table = world().truth.treatments
    assert table is not None
    lot = table.campaign_N == 0
    step, steps = table.step_N[0], table.steps_N[0]
    count_US = counted(seen(world(), "purchase"), SHOP.users, SHOP.steps)
    count_U = count_US[:, step : step + steps].sum(axis=1)
    for response, sign in (("persuadable", 1), ("sleeping dog", -1)):
        chosen = table.response_N[lot] == response
        treated = table.treated_N[lot]
        found = count_U[chosen & treated].mean() - count_U[chosen & ~treated].mean()
        assert sign * found > 0


def test_orders_never_mix_lists_and_purchases() -> None:
    frame = seen(world())
    listed = set(frame[frame[c.KIND] == "impression"][c.ORDER])
    bought = set(frame[frame[c.KIND] == "purchase"][c.ORDER])
    assert not listed & bought
    others = frame[c.KIND].isin(("search", "cart", "favourite", "social"))
    assert frame[others][c.ORDER].isna().all()
