"""Growth: a block of users, from who they are to what they are expected to buy, and what they do.

Shapes: U users of the block, T topics, S steps, P cadenced pairs of a user and a topic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from penchant.data import community, demography, device, exposure, planting
from penchant.data.complement import follow_up
from penchant.data.crowd import Crowd, gather
from penchant.data.demography import person_table
from penchant.data.diary import Diary, write
from penchant.data.ground import Ground, Streams, streams
from penchant.data.rows import Doubles
from penchant.data.shop import FIRST_DAY
from penchant.data.shopping import DAYS, numbered, purchase_rows
from penchant.data.step import Step
from penchant.data.treatment import Audience, treat
from penchant.data.truth import (
    Demographics,
    Ints,
    Migrations,
    Truth,
)


@dataclass(frozen=True)
class Block:
    """Some users of a world; `events` are made as they are asked for, once, in order of time."""

    truth: Truth
    people: pa.Table | None
    identities: pa.Table | None
    events: Iterator[pa.Table]


def grow(ground: Ground, number: int) -> Block:
    """Plant the truth in one block of users, draw what comes of it, and write it down."""
    stream = streams(ground.shop.seed, number)
    crowd = gather(ground, number, stream)
    rate_UTS, migrations = _rates(ground, crowd, stream)
    cadence_UT = planting.cadences(len(crowd.span), ground.shop.topics, stream["cadence"])
    cadence_UT[crowd.role_U != "cadenced"] = 0
    treatments = None
    if ground.plan.treated and crowd.persons is not None:
        audience = Audience(
            crowd.span.start, crowd.persons.age_U, crowd.activity_U, cadence_UT == 0
        )
        treatments = treat(rate_UTS, audience, stream["campaign"])
    count_UTS = _counts(ground, crowd, rate_UTS, cadence_UT, stream)
    shown = None
    if ground.favour_I is not None and ground.appeal_I is not None:
        shown = exposure.plan_exposure(
            ground.favour_I, crowd.share_UT, crowd.persons, ground.appeal_I
        )
    truth = _truth(ground, crowd, (rate_UTS, cadence_UT), migrations)
    truth = replace(truth, treatments=treatments, exposure=shown)
    return _written(ground, crowd, truth, (count_UTS, rate_UTS), stream)


def _rates(ground: Ground, crowd: Crowd, stream: Streams) -> tuple[Doubles, Migrations]:
    """Purchases to expect of all that heed neither cadence nor campaign, as `rate_UTS`."""
    role_U, first = crowd.role_U, crowd.span.start
    share_UTS = np.repeat(crowd.share_UT[:, :, None], ground.shop.steps, axis=2)
    drifters = role_U == "drifting"
    share_UTS[drifters] = planting.drift(share_UTS[drifters], stream["drift"])
    movers = np.flatnonzero(role_U == "migrating")
    share_UTS[movers], migrations = planting.migrate(
        share_UTS[movers], movers + first, stream["move"]
    )
    if crowd.communities is not None:
        community.raise_topics(share_UTS, crowd.communities)
    rate_UTS = np.multiply(crowd.activity_U[:, None, None], share_UTS, out=share_UTS)
    if "seasonal" in ground.plan.roles:
        rate_UTS[role_U == "seasonal"] *= ground.season_TS
    if ground.demand_TS is not None:
        rate_UTS *= ground.demand_TS
    rate_UTS *= crowd.present_US[:, None, :]
    return rate_UTS, migrations


def _counts(
    ground: Ground, crowd: Crowd, rate_UTS: Doubles, cadence_UT: Ints, stream: Streams
) -> Ints:
    """Purchases as they came; puts what cadence and complements bring into the rates."""
    cadenced_UT = cadence_UT > 0
    rate_PS, count_PS = planting.repurchases(
        cadence_UT[cadenced_UT], ground.shop.steps, stream["repurchase"]
    )
    # Drawn from the rates as the truth keeps them, to the bit.
    count_UTS: Ints = stream["count"].poisson(rate_UTS.astype(np.float32)).astype(np.int32)
    present_PS = crowd.present_US[np.nonzero(cadenced_UT)[0]]
    count_UTS[cadenced_UT] = count_PS * present_PS
    rate_UTS[cadenced_UT] = rate_PS * present_PS
    if ground.complements is not None:
        follow_up(count_UTS, rate_UTS, ground.complements, crowd.present_US, stream["follow-up"])
    return count_UTS


def _truth(
    ground: Ground, crowd: Crowd, planted: tuple[Doubles, Ints], migrations: Migrations
) -> Truth:
    shop, (rate_UTS, cadence_UT), first = ground.shop, planted, crowd.span.start
    demographics = communities = None
    if crowd.persons is not None and ground.taste_AT is not None:
        demographics = Demographics(
            age_A=np.array(demography.AGES),
            taste_AT=ground.taste_AT.astype(np.float32),
            household_H=np.array(demography.HOUSEHOLDS),
            activity_H=np.array(demography.HOUSEHOLD_ACTIVITY, np.float32),
            signup_step_U=np.maximum(crowd.persons.signup_day_U // DAYS, 0),
        )
    if crowd.communities is not None:
        communities = community.in_world(crowd.communities, first)
    return Truth(
        users_U=numbered("u", shop.users, slice(first, crowd.span.stop)),
        topics_T=ground.topics_T,
        steps_S=(Step.WEEK.index_of(FIRST_DAY) + np.arange(shop.steps)).astype(np.int32),
        role_U=crowd.role_U,
        rate_UTS=rate_UTS.astype(np.float32),
        migrations=migrations,
        churn_step_U=crowd.churn_step_U.astype(np.int32),
        season_TS=ground.season_TS.astype(np.float32),
        cadence_UT=cadence_UT,
        jitter=planting.JITTER,
        browsing=ground.browsing,
        demographics=demographics,
        pricing=ground.pricing,
        complements=ground.complements,
        communities=communities,
    )


def _written(
    ground: Ground,
    crowd: Crowd,
    truth: Truth,
    drawn: tuple[Ints, Doubles],
    stream: Streams,
) -> Block:
    count_UTS, rate_UTS = drawn
    screens = identities = None
    if ground.plan.anonymous:
        devices, screens = device.draw_devices(
            crowd.span, ground.shop.users, ground.shop.steps * DAYS, stream["device"]
        )
        truth = replace(truth, devices=devices)
        identities = device.identity_table(devices, truth.users_U, crowd.span.start)
    bought, visits = purchase_rows(count_UTS, ground.shelf, crowd.span.start, stream["event"])
    diary = Diary(ground, crowd, truth, bought, visits, screens)
    people = None if crowd.persons is None else person_table(truth.users_U, crowd.persons)
    return Block(truth, people, identities, write(diary, rate_UTS, stream))
