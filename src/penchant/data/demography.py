"""Demographics: customers' attributes, and how they sway taste and activity.

Shapes: U users, T topics, A ages, H household sizes.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.people import people_table
from penchant.data.rows import Doubles
from penchant.data.shop import FIRST_DAY
from penchant.data.shopping import DAYS
from penchant.data.truth import Ints, Names

AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
HOUSEHOLDS = ("1", "2", "3", "4", "5+")
HOUSEHOLD_ACTIVITY = (0.6, 0.8, 1.0, 1.2, 1.4)  # times a user's purchases
INCOMES = ("under 25K", "25-49K", "50-74K", "75-99K", "100K+")
REGIONS = ("north", "east", "south", "west")
SWAY = 0.8  # standard deviation of the log by which an age favours a topic
JOINED_EARLIER = 0.7  # share of the users who signed up before the world's first step
LONGEST_BEFORE = 104  # steps


@dataclass(frozen=True)
class Persons:
    """Attributes as indices into the bands above."""

    age_U: Ints
    household_U: Ints
    income_U: Ints
    region_U: Ints
    signup_day_U: Ints  # from the world's first day, negative before it


def tastes_by_age(topics: int, rng: np.random.Generator) -> Doubles:
    """By how much each age multiplies the shares of topics, as `taste_AT`."""
    return np.exp(rng.normal(0.0, SWAY, size=(len(AGES), topics)))


def draw_persons(users: int, steps: int, rng: np.random.Generator) -> Persons:
    """Attributes, each drawn evenly; signups in the first half of the world, or before it."""

    def pick(count: int) -> Ints:
        return rng.integers(0, count, size=users, dtype=np.int32)

    early_U = rng.random(users) < JOINED_EARLIER
    before_U = -rng.integers(1, LONGEST_BEFORE * DAYS, size=users, dtype=np.int32)
    signup_U = rng.integers(0, max(steps // 2, 1), size=users, dtype=np.int32) * DAYS
    return Persons(
        age_U=pick(len(AGES)),
        household_U=pick(len(HOUSEHOLDS)),
        income_U=pick(len(INCOMES)),
        region_U=pick(len(REGIONS)),
        signup_day_U=np.where(early_U, before_U, signup_U),
    )


def person_table(users_U: Names, persons: Persons) -> pa.Table:
    """The table of people, as a shop keeps it."""
    signup_U = np.datetime64(FIRST_DAY, "D") + persons.signup_day_U
    return people_table(
        pa.table(
            {
                c.USER: users_U.tolist(),
                "age": np.array(AGES)[persons.age_U].tolist(),
                "household": np.array(HOUSEHOLDS)[persons.household_U].tolist(),
                "income": np.array(INCOMES)[persons.income_U].tolist(),
                "region": np.array(REGIONS)[persons.region_U].tolist(),
                "signup": signup_U.astype(str).tolist(),
            }
        )
    )
