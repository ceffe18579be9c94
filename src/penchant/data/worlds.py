"""Worlds: synthetic shops whose truth is known, to see whether a model finds what is there.

And that it finds nothing where there is nothing: `noise`. Real shops are messier; a model that
fails here fails there, not the other way round. A world is made of blocks of users, each drawn on
its own; here they are put together in memory, `data.making` streams the same ones to files.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.ground import lay
from penchant.data.growth import grow
from penchant.data.log import Log
from penchant.data.shop import ROLES, Shop
from penchant.data.truth import Truth
from penchant.data.truthtables import join_truths

__all__ = ["ROLES", "STANDARD", "WORLDS", "Shop", "World"]


@dataclass(frozen=True)
class World:
    """A shop's log and the truth behind it."""

    log: Log
    truth: Truth
    identities: pa.Table | None = None  # alias, user: devices that someone logged in on


STANDARD = Shop()


def stable(shop: Shop = STANDARD) -> World:
    """Tastes and activity that stay; purchases are Poisson."""
    return _grown("stable", shop)


def drifting(shop: Shop = STANDARD) -> World:
    """Log tastes that walk slowly at random."""
    return _grown("drifting", shop)


def migrating(shop: Shop = STANDARD) -> World:
    """A third of the users leave their favourite topic for another, within 1 to 4 steps."""
    return _grown("migrating", shop)


def seasonal(shop: Shop = STANDARD) -> World:
    """A third of the topics rise and fall over the year, a third over the month."""
    return _grown("seasonal", shop)


def cadenced(shop: Shop = STANDARD) -> World:
    """Every user buys in four topics at a cadence of 3 to 12 steps, give or take one."""
    return _grown("cadenced", shop)


def churning(shop: Shop = STANDARD) -> World:
    """Half of the users stop for good, at a step of their own."""
    return _grown("churning", shop)


def noise(shop: Shop = STANDARD) -> World:
    """All users alike and all topics equally popular: nothing to learn beyond one mean."""
    return _grown("noise", shop)


def mixed(shop: Shop = STANDARD) -> World:
    """All six roles in one shop, in equal parts."""
    return _grown("mixed", shop)


def browsing(shop: Shop = STANDARD) -> World:
    """Sessions of eight kinds of event around purchases, some on devices not yet logged in."""
    return _grown("browsing", shop)


def promoted(shop: Shop = STANDARD) -> World:
    """Promotions, changes of price, and two campaigns, one of them by lot."""
    return _grown("promoted", shop)


def biased(shop: Shop = STANDARD) -> World:
    """Lists whose clicks depend on position and relevance, shown to some less than to others."""
    return _grown("biased", shop)


def complementary(shop: Shop = STANDARD) -> World:
    """Topics whose purchases bring purchases in another within weeks, and not back."""
    return _grown("complementary", shop)


def communal(shop: Shop = STANDARD) -> World:
    """Communities of like taste, their follows and likes, and topics that spread in them."""
    return _grown("communal", shop)


def market(shop: Shop = STANDARD) -> World:
    """Everything at once: all roles and all mechanisms."""
    return _grown("market", shop)


WORLDS: dict[str, Callable[[Shop], World]] = {
    "stable": stable,
    "drifting": drifting,
    "migrating": migrating,
    "seasonal": seasonal,
    "cadenced": cadenced,
    "churning": churning,
    "noise": noise,
    "mixed": mixed,
    "browsing": browsing,
    "promoted": promoted,
    "biased": biased,
    "complementary": complementary,
    "communal": communal,
    "market": market,
}


def _grown(name: str, shop: Shop) -> World:
    """All blocks of a world, put together; events in the order of time."""
    ground = lay(name, shop)
    truths, people, identities, events = [], [], [], []
    for number in range(ground.blocks):
        block = grow(ground, number)
        events += [table.cast(EVENT_SCHEMA) for table in block.events]
        truths.append(block.truth)
        if block.people is not None:
            people.append(block.people)
        if block.identities is not None:
            identities.append(block.identities)
    log = Log(
        name,
        events=pa.concat_tables(events),
        catalog=ground.catalog(),
        people=pa.concat_tables(people) if people else None,
        promotions=ground.promotions(),
    )
    if ground.blocks > 1:
        log = replace(
            log, events=log.events.sort_by([(c.TIME, "ascending"), (c.USER, "ascending")])
        )
    return World(log, join_truths(truths), pa.concat_tables(identities) if identities else None)
