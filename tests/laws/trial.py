"""What the laws are tried on: every recipe at a quick setting, and small shops."""

from dataclasses import fields, replace
from functools import cache

import ibis
import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.worlds import WORLDS, Shop, World
from penchant.interest.forecast import Forecast
from penchant.interest.history import History, build_history
from penchant.interest.model import Model, Recipe
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models import RECIPES

TASK = Task(windows=(Window(0, 4), Window(4, 8)))
CUTOFF = 40  # of the small shop
ARRAYS = ("chance_UTW", "volume_UTW", "topic_shock_W", "user_shock_W")


def quick(name: str) -> Recipe:
    """A recipe on one thread, its network, or one inside, trained once through."""
    return lighter(whole(name), passes=1, cutoffs=3)


def whole(name: str) -> Recipe:
    """A recipe as it comes, on one thread."""
    return lighter(RECIPES[name]())


def lighter(recipe: Recipe, **training: int) -> Recipe:
    """A recipe on one thread with a shorter training, and so what it holds."""
    changes = {}
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if field.name == "threads":
            changes[field.name] = 1
        elif field.name == "training":
            changes[field.name] = replace(value, **training)
        elif isinstance(value, Recipe):
            changes[field.name] = lighter(value, **training)
        elif field.name == "members":
            changes[field.name] = tuple(lighter(member, **training) for member in value)
    return replace(recipe, **changes)


@cache
def world_history(world: str, shop: Shop) -> History:
    """A world's whole history, and nothing known ahead."""
    log = WORLDS[world](shop).log
    events = ibis.memtable(log.events)
    return build_history(events, choose_topics(events, ibis.memtable(log.catalog), floor=1))


@cache
def small() -> History:
    """Sixty users, six topics, 48 weeks; promotions, holidays and customers' attributes."""
    world = WORLDS["mixed"](Shop(users=60, topics=6, steps=48, seed=1))
    events = ibis.memtable(world.log.events)
    topics = choose_topics(events, ibis.memtable(world.log.catalog), floor=1)
    return build_history(events, topics, **known_ahead(world))


def known_ahead(world: World) -> dict[str, pa.Table]:
    """Twenty promotions of two weeks, a holiday every five weeks, and a region of most users."""
    rng = np.random.default_rng(0)
    first = world.log.events[c.TIME].to_numpy().min().astype("datetime64[D]").astype("M8[us]")
    day = np.timedelta64(1, "D")
    start = first + rng.integers(0, 400, size=20) * day
    off = first + np.arange(12, 400, 35) * day
    item = rng.choice(np.array(world.log.catalog[c.ITEM].to_pylist()), size=20)
    users = world.truth.users_U.tolist()
    region = [("north", "south", None)[i % 3] for i in range(len(users))]
    promotions = {c.ITEM: item, c.START: start, c.END: start + 14 * day, c.STRENGTH: np.ones(20)}
    holidays = {c.START: off, c.END: off + day, c.NAME: [f"day {i}" for i in range(len(off))]}
    return {
        "promotions": pa.table(promotions, schema=PROMOTION_SCHEMA),
        "holidays": pa.table(holidays, schema=HOLIDAY_SCHEMA),
        "people": pa.table({c.USER: users, "region": pa.array(region, pa.string())}),
    }


@cache
def past() -> History:
    """The small shop at its cutoff."""
    return small().until(CUTOFF)


@cache
def fitted(name: str) -> Model:
    """A recipe fitted to the small shop at its cutoff."""
    return quick(name).fit(past(), TASK)


def assert_same(found: Forecast, expected: Forecast) -> None:
    """Assert that two forecasts are the same, to the bit."""
    assert found.users_U.tolist() == expected.users_U.tolist()
    assert found.origin == expected.origin
    for name in ARRAYS:
        np.testing.assert_array_equal(
            getattr(found, name), getattr(expected, name), err_msg=f"{name} differs."
        )
