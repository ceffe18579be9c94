"""Positions, popularity and unequal exposure of `biased` can be measured and undone."""

from functools import cache

import numpy as np
import pandas as pd
from seen import seen

from penchant import columns as c
from penchant.data.exposure import NEGLECT, SLIGHT
from penchant.data.truth import Exposure
from penchant.data.worlds import Shop, World, biased

SHOP = Shop(users=800, topics=6, steps=40, purchases=3.0, items_per_topic=10, seed=5)


@cache
def world() -> World:
    return biased(SHOP)


def truth() -> Exposure:
    planted = world().truth.exposure
    assert planted is not None
    return planted


@cache
def lists() -> pd.DataFrame:
    """Impressions with their position, the relevance behind them, and whether one was clicked."""
    frame = seen(world())
    shown = frame[frame[c.KIND] == "impression"].sort_values([c.ORDER, c.TIME])
    shown["position"] = shown.groupby(c.ORDER).cumcount()
    clicks = frame[frame[c.KIND] == "view"][[c.ORDER, c.ITEM]]
    clicked = pd.MultiIndex.from_frame(clicks)
    shown["clicked"] = pd.MultiIndex.from_frame(shown[[c.ORDER, c.ITEM]]).isin(clicked)
    assert shown["clicked"].sum() == len(clicks)
    about = shown["about"].astype(int)
    shown["relevance"] = truth().appeal_I[shown["what"]] * truth().affinity_UT[shown["who"], about]
    return shown


def test_a_list_is_one_users_and_holds_no_item_twice() -> None:
    assert (lists().groupby(c.ORDER)[c.USER].nunique() == 1).all()
    assert not lists().duplicated([c.ORDER, c.ITEM]).any()
    assert lists()["position"].max() == len(truth().examination_P) - 1


def test_clicks_over_relevance_give_each_position_its_propensity() -> None:
    for position, planted in enumerate(truth().examination_P):
        here = lists()[lists()["position"] == position]
        expected = planted * here["relevance"].sum()
        assert abs(here["clicked"].sum() - expected) < 4 * np.sqrt(expected)


def test_clicks_follow_relevance_at_one_position() -> None:
    top = lists()[lists()["position"] == 0]
    for _, part in top.groupby(pd.qcut(top["relevance"], 5), observed=True):
        expected = part["relevance"].sum()
        assert abs(part["clicked"].sum() - expected) < 4 * np.sqrt(expected)


def test_the_popular_are_shown_more_than_they_are_relevant() -> None:
    shown_I = lists()["what"].value_counts().reindex(range(60), fill_value=0).to_numpy()
    rank_I = np.tile(np.arange(10), 6)
    favoured = truth().favour_I == 1
    assert shown_I[favoured & (rank_I == 0)].mean() > 4 * shown_I[favoured & (rank_I > 6)].mean()
    appeal_I = truth().appeal_I
    assert abs(np.corrcoef(appeal_I[favoured], shown_I[favoured])[0, 1]) < 0.5


def test_slighted_brands_are_shown_less_at_the_same_rank() -> None:
    shown_I = lists()["what"].value_counts().reindex(range(60), fill_value=0).to_numpy()
    rank_I = np.tile(np.arange(10), 6)
    brands = set(world().log.catalog.to_pandas()[c.BRAND])
    assert len(brands) == 8
    ratios = []
    for rank in range(10):
        slighted = (rank_I == rank) & (truth().favour_I < 1)
        others = (rank_I == rank) & (truth().favour_I == 1)
        if slighted.any() and others.any():
            ratios.append(shown_I[slighted].mean() / shown_I[others].mean())
    assert abs(np.mean(ratios) - SLIGHT) < 0.2


def test_one_region_sees_fewer_lists_though_it_buys_as_much() -> None:
    people = world().log.people
    assert people is not None
    region = people.to_pandas().set_index(c.USER)["region"]
    bought = seen(world(), "purchase")
    seen_lists = lists().drop_duplicates(c.ORDER)[c.USER].map(region).value_counts()
    per_purchase = seen_lists / bought[c.USER].map(region).value_counts()
    rest = per_purchase.drop("south").mean()
    assert abs(per_purchase["south"] / rest - NEGLECT) < 0.12
