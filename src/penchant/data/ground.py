"""Ground: what all users of a world share, from the popularity of topics to the promotions.

Shapes: T topics, S steps, I items, A ages.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from penchant.data import demography, exposure, planting, shopping
from penchant.data.browsing import query_names
from penchant.data.complement import plan_complements
from penchant.data.pricing import plan_prices, priced_shelf, promotion_table
from penchant.data.rows import Doubles
from penchant.data.shop import FIRST_DAY, PLANS, Plan, Shop
from penchant.data.shopping import Shelf, numbered
from penchant.data.truth import Browsing, Complements, Floats, Names, Pricing

USERS_A_BLOCK = 1024  # a part of what a world is: another number gives other worlds
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
    "pricing",
    "brands",
    "appeal",
    "age",
    "link",
    "person",
    "community",
    "campaign",
    "follow-up",
    "device",
    "list",
    "show",
    "intent",
    "browse",
    "return",
    "like",
)


def streams(seed: int, block: int) -> Streams:
    """A random stream for each mechanism, from the seed, its number and the block's alone."""
    return {
        mechanism: np.random.default_rng([seed, number, block])
        for number, mechanism in enumerate(MECHANISMS)
    }


@dataclass(frozen=True)
class Ground:
    """The shop that all blocks of users come to; what a plan doesn't ask for is None."""

    name: str
    shop: Shop
    plan: Plan
    popularity_T: Doubles
    season_TS: Doubles
    price_TI: Doubles  # at first
    shelf: Shelf
    demand_TS: Doubles | None  # times what is bought, by prices
    pricing: Pricing | None
    brand_I: Names | None
    favour_I: Floats | None
    appeal_I: Floats | None
    taste_AT: Doubles | None
    complements: Complements | None
    browsing: Browsing | None

    @property
    def blocks(self) -> int:
        """How many blocks of users there are."""
        return -(-self.shop.users // USERS_A_BLOCK)

    def span(self, block: int) -> range:
        """The users of a block."""
        first = block * USERS_A_BLOCK
        return range(first, min(first + USERS_A_BLOCK, self.shop.users))

    @cached_property
    def topics_T(self) -> Names:
        """Names of the topics."""
        return numbered("topic ", self.shop.topics)

    @cached_property
    def items_I(self) -> Names:
        """Names of the items, in the order of topics and of popularity within a topic."""
        return numbered("i", self.price_TI.size)

    def catalog(self) -> pa.Table:
        """What is sold, at the prices it started with."""
        return shopping.catalog_table(self.topics_T, self.price_TI, self.brand_I)

    def promotions(self) -> pa.Table | None:
        """What is promoted, if anything."""
        return None if self.pricing is None else promotion_table(self.pricing, self.items_I)


def lay(name: str, shop: Shop) -> Ground:
    """Lay the ground of a world of the table `PLANS`."""
    plan, stream = PLANS[name], streams(shop.seed, 0)
    topics, steps, size = shop.topics, shop.steps, shop.topics * shop.items_per_topic
    season_TS = np.ones((topics, steps))
    if "seasonal" in plan.roles:
        season_TS = planting.seasons(topics, FIRST_DAY, steps, stream["season"])
    price_TI = shopping.prices(topics, shop.items_per_topic, stream["price"])
    weight_TSI = np.broadcast_to(
        shopping.popularity(shop.items_per_topic), (topics, 1, shop.items_per_topic)
    )
    goods, demand_TS, pricing = shopping.shelf(weight_TSI, price_TI[:, None, :]), None, None
    if plan.priced:
        pricing = plan_prices(price_TI, steps, stream["pricing"])
        goods, demand_TS = priced_shelf(price_TI, pricing, steps)
    brand_I, favour_I = exposure.brand_names(size, stream["brands"]) if plan.shown else (None, None)
    return Ground(
        name=name,
        shop=shop,
        plan=plan,
        popularity_T=planting.popularity(topics, stream["taste"]),
        season_TS=season_TS,
        price_TI=price_TI,
        shelf=goods,
        demand_TS=demand_TS,
        pricing=pricing,
        brand_I=brand_I,
        favour_I=favour_I,
        appeal_I=exposure.draw_appeal(size, stream["appeal"]) if plan.shown else None,
        taste_AT=demography.tastes_by_age(topics, stream["age"]) if plan.peopled else None,
        complements=plan_complements(topics, stream["link"]) if plan.linked else None,
        browsing=query_names(numbered("topic ", topics)) if plan.browsed else None,
    )
