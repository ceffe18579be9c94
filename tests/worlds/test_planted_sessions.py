"""Sessions, kinds and devices of the world `browsing` are as its truth says."""

from functools import cache

import ibis
import numpy as np
import pandas as pd
import pytest
from seen import seen

from penchant import columns as c
from penchant.data.browsing import RETURNED, SEARCHED
from penchant.data.identity import resolve_identities, with_identities
from penchant.data.sessions import with_sessions
from penchant.data.worlds import Shop, World, browsing

SHOP = Shop(users=150, topics=8, steps=20, seed=2)


@cache
def world() -> World:
    return browsing(SHOP)


@cache
def events() -> pd.DataFrame:
    """All events, devices replaced by whose they are."""
    frame = seen(world())
    devices = world().truth.devices
    assert devices is not None
    owner = dict(zip(devices.device_D, devices.user_D, strict=True))
    unknown = frame["who"] < 0
    frame.loc[unknown, "who"] = frame.loc[unknown, c.USER].map(owner).astype(int)
    return frame


def test_every_kind_is_there() -> None:
    counts = events()[c.KIND].value_counts()
    kinds = ("impression", "view", "search", "cart", "favourite", "purchase", "return")
    assert set(counts.index) == set(kinds)
    assert counts["impression"] > counts["purchase"] < counts["view"]
    assert counts["return"] / counts["purchase"] == pytest.approx(RETURNED, abs=0.015)


def test_a_day_of_a_user_is_one_session() -> None:
    log = world().log.events
    owned = ibis.memtable(
        pd.DataFrame({c.USER: events()["who"].astype(str), c.TIME: log[c.TIME].to_pandas()})
    )
    found = with_sessions(owned).execute()
    days = found[c.TIME].dt.normalize()
    assert (found.groupby([c.USER, days])[c.SESSION].nunique() == 1).all()
    assert (days.groupby([found[c.USER], found[c.SESSION]]).nunique() == 1).all()


def test_a_purchase_follows_a_view_of_its_item_in_the_same_session() -> None:
    frame = events()
    key = ["who", "what", "day"]
    viewed = frame[frame[c.KIND] == "view"].groupby(key)[c.TIME].min().rename("viewed")
    bought = frame[frame[c.KIND] == "purchase"].join(viewed, on=key)
    assert (bought["viewed"] < bought[c.TIME]).all()
    carted = frame[frame[c.KIND] == "cart"].groupby(key)[c.TIME].min().rename("carted")
    both = bought.join(carted, on=key).dropna(subset="carted")
    assert len(both) > 0.85 * len(bought)
    assert (both["viewed"] < both["carted"]).all()
    assert (both["carted"] < both[c.TIME]).all()


def test_searches_name_a_topic_before_its_purchases() -> None:
    frame = events()
    truth = world().truth.browsing
    assert truth is not None
    topic = dict(zip(truth.query_Q, truth.topic_Q, strict=True))
    searches = frame[frame[c.KIND] == "search"].copy()
    assert searches[c.ITEM].isna().all()
    searches["about"] = searches[c.QUERY].map(topic)
    key = ["who", "about", "day"]
    asked = searches.groupby(key)[c.TIME].min().rename("asked")
    bought = frame[frame[c.KIND] == "purchase"].astype({"about": int}).join(asked, on=key)
    found = bought["asked"].notna()
    assert SEARCHED < found.mean() < 2 * SEARCHED  # several intents of a day may ask
    assert (bought[found]["asked"] < bought[found][c.TIME]).all()


def test_a_return_follows_its_purchase_and_gives_its_money_back() -> None:
    frame = events()
    returned = frame[frame[c.KIND] == "return"]
    bought = frame[frame[c.KIND] == "purchase"]
    pairs = returned.merge(bought, on=["who", "what", c.ORDER, c.VALUE, c.QUANTITY])
    assert pairs["event_x"].nunique() == len(returned)
    assert pairs["day_x"].sub(pairs["day_y"]).between(3, 21).all()


def test_dwell_belongs_to_views_and_is_longer_before_a_purchase() -> None:
    frame = events()
    assert frame[frame[c.KIND] != "view"][c.DWELL].isna().all()
    views = frame[frame[c.KIND] == "view"]
    assert (views[c.DWELL] > 0).all()
    key = ["who", "what", "day"]
    bought = pd.MultiIndex.from_frame(frame[frame[c.KIND] == "purchase"][key])
    led = pd.MultiIndex.from_frame(views[key]).isin(bought)
    assert views[led][c.DWELL].median() > 1.5 * views[~led][c.DWELL].median()


def test_devices_hide_users_until_they_log_in() -> None:
    raw, truth = seen(world()), world().truth.devices
    assert truth is not None
    hidden = raw["who"] < 0
    assert set(raw[hidden][c.KIND]) == {"view", "search", "impression"}
    assert 0.15 < hidden.mean() < 0.35
    assert set(raw[hidden][c.USER]) <= set(truth.device_D)
    assert np.bincount(truth.user_D).max() == 3


def test_the_table_of_identities_brings_the_hidden_back() -> None:
    table, truth = world().identities, world().truth
    assert table is not None
    assert truth.devices is not None
    resolved = resolve_identities(table)
    assert len(resolved.ambiguous) == 0
    assert len(resolved.resolved) == truth.devices.known_D.sum()
    back = with_identities(ibis.memtable(world().log.events), ibis.memtable(resolved.resolved))
    users = back.execute().sort_values(c.EVENT, key=lambda ids: ids.astype(int))[c.USER]
    known = dict(zip(truth.devices.device_D, truth.devices.known_D, strict=True))
    left = users[~users.isin(truth.users_U)]
    assert not any(known[device] for device in left)
    assert 0 < len(left) < 0.05 * len(users)
    who = pd.Index(truth.users_U).get_indexer(users)
    inside = who >= 0
    np.testing.assert_array_equal(who[inside], events()["who"].to_numpy()[inside])
