"""Worlds: synthetic shops whose truth is known, to see whether a model finds what is there.

And that it finds nothing where there is nothing: `noise`. Real shops are messier; a model that
fails here fails there, not the other way round.
Shapes: U users, T topics, S steps, I items of a topic, P cadenced pairs of a user and a topic.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from penchant.data import planting
from penchant.data.log import Log
from penchant.data.planting import Array
from penchant.data.shopping import catalog_table, event_table, numbered, prices
from penchant.data.step import Step
from penchant.data.truth import Migrations, Names, Truth
from penchant.errors import RecipeError

FIRST_DAY = date(2020, 1, 6)  # a Monday
ROLES = ("stable", "drifting", "migrating", "seasonal", "cadenced", "churning")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The size of a world. The same shop gives the same tables. Raises `RecipeError`."""

    users: int = 1000
    topics: int = 30
    steps: int = 104  # weeks from Monday 2020-01-06
    items_per_topic: int = 20
    purchases: float = 2.0  # of a user in a step, on average
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"users": 1, "topics": 2, "steps": 8, "items_per_topic": 1, "seed": 0}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise RecipeError(
                    f"A shop needs at least {minimum} as '{name}'; found {getattr(self, name)}."
                )
        if not self.purchases > 0:
            raise RecipeError(f"A shop needs 'purchases' above 0; found {self.purchases}.")


@dataclass(frozen=True)
class World:
    """A shop's log and the truth behind it."""

    log: Log
    truth: Truth


STANDARD = Shop()
Streams = dict[str, np.random.Generator]

# A random stream each, so that worlds of one seed differ in nothing but what was planted.
MECHANISMS = (
    "role",
    "taste",
    "activity",
    "drift",
    "move",
    "season",
    "churn",
    "cadence",
    "repurchase",
    "count",
    "price",
    "event",
)


def stable(shop: Shop = STANDARD) -> World:
    """Tastes and activity that stay; purchases are Poisson."""
    return _grow("stable", shop, ("stable",))


def drifting(shop: Shop = STANDARD) -> World:
    """Log tastes that walk slowly at random."""
    return _grow("drifting", shop, ("drifting",))


def migrating(shop: Shop = STANDARD) -> World:
    """A third of the users leave their favourite topic for another, within 1 to 4 steps."""
    return _grow("migrating", shop, ("migrating", "stable", "stable"))


def seasonal(shop: Shop = STANDARD) -> World:
    """A third of the topics rise and fall over the year, a third over the month."""
    return _grow("seasonal", shop, ("seasonal",))


def cadenced(shop: Shop = STANDARD) -> World:
    """Every user buys in four topics at a cadence of 3 to 12 steps, give or take one."""
    return _grow("cadenced", shop, ("cadenced",))


def churning(shop: Shop = STANDARD) -> World:
    """Half of the users stop for good, at a step of their own."""
    return _grow("churning", shop, ("churning", "stable"))


def noise(shop: Shop = STANDARD) -> World:
    """All users alike and all topics equally popular: nothing to learn beyond one mean."""
    return _grow("noise", shop, ("average",))


def mixed(shop: Shop = STANDARD) -> World:
    """All six roles in one shop, in equal parts."""
    return _grow("mixed", shop, ROLES)


WORLDS: dict[str, Callable[[Shop], World]] = {
    "stable": stable,
    "drifting": drifting,
    "migrating": migrating,
    "seasonal": seasonal,
    "cadenced": cadenced,
    "churning": churning,
    "noise": noise,
    "mixed": mixed,
}


def _grow(name: str, shop: Shop, roles: tuple[str, ...]) -> World:
    """Plant the truth, draw what comes of it, and write it down as a shop would."""
    streams = {
        mechanism: np.random.default_rng([shop.seed, number])
        for number, mechanism in enumerate(MECHANISMS)
    }
    role_U = streams["role"].permutation(np.resize(np.array(roles), shop.users))
    share_UTS, migrations = _shares(shop, role_U, streams)
    truth = _truth(shop, role_U, share_UTS, migrations, streams)
    cadenced_UT = truth.cadence_UT > 0
    rate_PS, count_PS = planting.repurchases(
        truth.cadence_UT[cadenced_UT], shop.steps, streams["repurchase"]
    )
    count_UTS = streams["count"].poisson(truth.rate_UTS).astype(np.int32)
    count_UTS[cadenced_UT] = count_PS
    rate_UTS = truth.rate_UTS.copy()
    rate_UTS[cadenced_UT] = rate_PS

    price_TI = prices(shop.topics, shop.items_per_topic, streams["price"])
    log = Log(
        name,
        events=event_table(count_UTS, truth.users_U, price_TI, FIRST_DAY, streams["event"]),
        catalog=catalog_table(truth.topics_T, price_TI),
    )
    return World(log, replace(truth, rate_UTS=rate_UTS))


def _shares(shop: Shop, role_U: Names, streams: Streams) -> tuple[Array, Migrations]:
    """Each user's shares of topics, before seasons and churn."""
    share_UT = planting.tastes(shop.users, shop.topics, streams["taste"])
    share_UT[role_U == "average"] = 1.0 / shop.topics
    share_UTS = np.repeat(share_UT[:, :, None], shop.steps, axis=2)
    drifters = role_U == "drifting"
    share_UTS[drifters] = planting.drift(share_UTS[drifters], streams["drift"])
    movers = np.flatnonzero(role_U == "migrating")
    share_UTS[movers], migrations = planting.migrate(share_UTS[movers], movers, streams["move"])
    return share_UTS, migrations


def _truth(
    shop: Shop, role_U: Names, share_UTS: Array, migrations: Migrations, streams: Streams
) -> Truth:
    """The whole truth, but for the rates of cadenced pairs, which hang on their first purchase."""
    activity_U = planting.activity(shop.users, shop.purchases, streams["activity"])
    activity_U[role_U == "average"] = shop.purchases
    rate_UTS = activity_U[:, None, None] * share_UTS

    season_TS = np.ones((shop.topics, shop.steps))
    if "seasonal" in role_U:
        season_TS = planting.seasons(shop.topics, FIRST_DAY, shop.steps, streams["season"])
        rate_UTS[role_U == "seasonal"] *= season_TS

    steps_S = np.arange(shop.steps)
    churn_step_U = planting.middle_steps(shop.users, shop.steps, streams["churn"])
    churn_step_U[role_U != "churning"] = -1
    gone_US = (churn_step_U[:, None] >= 0) & (steps_S >= churn_step_U[:, None])
    rate_UTS *= ~gone_US[:, None, :]

    cadence_UT = planting.cadences(shop.users, shop.topics, streams["cadence"])
    cadence_UT[role_U != "cadenced"] = 0
    return Truth(
        users_U=numbered("u", shop.users),
        topics_T=numbered("topic ", shop.topics),
        steps_S=(Step.WEEK.index_of(FIRST_DAY) + steps_S).astype(np.int32),
        role_U=role_U,
        rate_UTS=rate_UTS.astype(np.float32),
        migrations=migrations,
        churn_step_U=churn_step_U.astype(np.int32),
        season_TS=season_TS.astype(np.float32),
        cadence_UT=cadence_UT,
        jitter=planting.JITTER,
    )
