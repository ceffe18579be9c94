"""A world is a shop of the size asked for, the same whenever asked."""

from datetime import datetime

import numpy as np
import pyarrow.compute as pc
import pytest

from penchant import columns as c
from penchant.data.step import Step
from penchant.data.worlds import ROLES, WORLDS, Shop, mixed, stable
from penchant.errors import RecipeError

SMALL = Shop(users=40, topics=7, steps=20, items_per_topic=5)


@pytest.mark.parametrize("name", WORLDS)
def test_same_seed_same_tables(name: str) -> None:
    first, second = WORLDS[name](SMALL), WORLDS[name](SMALL)
    assert first.log == second.log
    np.testing.assert_array_equal(first.truth.rate_UTS, second.truth.rate_UTS)


@pytest.mark.parametrize("name", WORLDS)
def test_another_seed_another_shop(name: str) -> None:
    other = Shop(users=40, topics=7, steps=20, items_per_topic=5, seed=1)
    assert WORLDS[name](SMALL).log.events != WORLDS[name](other).log.events


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_named_and_of_the_size_asked_for(name: str) -> None:
    world = WORLDS[name](SMALL)
    assert world.log.name == name
    assert len(world.log.catalog) == 35
    assert world.truth.rate_UTS.shape == (40, 7, 20)
    assert np.isfinite(world.truth.rate_UTS).all()
    assert (world.truth.rate_UTS >= 0).all()
    paths = world.log.catalog[c.PATH].to_pylist()
    assert [path[1] for path in paths[::5]] == list(world.truth.topics_T)
    assert {path[0] for path in paths} == {"department 1", "department 2"}


def test_events_lie_within_the_steps_in_the_order_of_time() -> None:
    world = stable(SMALL)
    times = world.log.events[c.TIME].to_pylist()
    assert times == sorted(times)
    assert min(times) >= datetime(2020, 1, 6)
    steps = {Step.WEEK.index_of(time.date()) for time in times}
    assert steps == set(world.truth.steps_S.tolist())


def test_an_order_is_one_visit_of_one_user() -> None:
    events = stable(SMALL).log.events
    visits = events.group_by([c.ORDER, c.USER, c.TIME]).aggregate([])
    assert len(visits) == len(events[c.ORDER].unique()) < len(events)
    assert len(events[c.EVENT].unique()) == len(events)


def test_money_is_price_times_units() -> None:
    log = stable(SMALL).log
    rows = log.events.join(log.catalog.select([c.ITEM, c.PRICE]), c.ITEM)
    paid = pc.multiply(rows[c.PRICE], rows[c.QUANTITY])
    np.testing.assert_allclose(rows[c.VALUE].to_numpy(), paid.to_numpy(), atol=0.005)


def test_the_first_item_of_a_topic_sells_best() -> None:
    events = stable(Shop(users=300, topics=2, steps=30, items_per_topic=5)).log.events
    sold = {row["values"]: row["counts"] for row in events[c.ITEM].value_counts().to_pylist()}
    counts_TI = np.array([sold[item] for item in sorted(sold)]).reshape(2, 5)
    share_I = 1 / np.arange(1, 6)
    expected_TI = counts_TI.sum(axis=1, keepdims=True) * share_I / share_I.sum()
    assert (np.abs(counts_TI - expected_TI) < 5 * np.sqrt(expected_TI)).all()


def test_a_mixed_world_has_every_role() -> None:
    roles, counts = np.unique(
        mixed(Shop(users=60, topics=7, steps=20)).truth.role_U, return_counts=True
    )
    assert sorted(ROLES) == roles.tolist()
    assert counts.tolist() == [10] * 6


@pytest.mark.parametrize("name", WORLDS)
def test_the_smallest_shop_works(name: str) -> None:
    world = WORLDS[name](Shop(users=1, topics=2, steps=8, items_per_topic=1))
    assert world.truth.rate_UTS.shape == (1, 2, 8)


@pytest.mark.parametrize(
    ("field", "value"), [("users", 0), ("topics", 1), ("steps", 7), ("items_per_topic", 0)]
)
def test_a_shop_too_small_is_refused(field: str, value: int) -> None:
    with pytest.raises(RecipeError, match=f"as '{field}'; found {value}"):
        Shop(**{field: value})


def test_a_shop_without_purchases_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"'purchases' above 0; found 0\.0"):
        Shop(purchases=0.0)
