"""Shops and plans: how large a world is, and what is planted in it."""

from dataclasses import dataclass
from datetime import date

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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is planted: the users' roles, in equal parts, and the mechanisms at work."""

    roles: tuple[str, ...] = ("stable",)
    browsed: bool = False  # searches, views, carts, favourites and returns around purchases
    shown: bool = False  # lists of impressions, and clicks on them
    anonymous: bool = False  # devices whose user is known only after a login
    peopled: bool = False  # customers' attributes, which sway taste, activity and exposure
    priced: bool = False  # promotions, changes of price, and demand that follows both
    treated: bool = False  # campaigns
    linked: bool = False  # complements
    social: bool = False  # communities, whom one follows, and topics that spread


PLANS = {
    "stable": Plan(),
    "drifting": Plan(roles=("drifting",)),
    "migrating": Plan(roles=("migrating", "stable", "stable")),
    "seasonal": Plan(roles=("seasonal",)),
    "cadenced": Plan(roles=("cadenced",)),
    "churning": Plan(roles=("churning", "stable")),
    "noise": Plan(roles=("average",)),
    "mixed": Plan(roles=ROLES),
    "browsing": Plan(browsed=True, shown=True, anonymous=True),
    "promoted": Plan(priced=True, treated=True, peopled=True),
    "biased": Plan(shown=True, peopled=True),
    "complementary": Plan(linked=True),
    "communal": Plan(social=True),
    "market": Plan(
        roles=ROLES,
        browsed=True,
        shown=True,
        anonymous=True,
        peopled=True,
        priced=True,
        treated=True,
        linked=True,
        social=True,
    ),
}
