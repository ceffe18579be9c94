"""Who takes part: every recipe of the package, the anchor, and the peers of a data set."""

from dataclasses import fields, is_dataclass, replace

from bench.density import HistoryDensity
from bench.goals import DIRICHLET
from bench.lifestream import Lifestream
from bench.lifetime import Lifetime
from bench.shops import Shop
from penchant.interest.model import Recipe
from penchant.models import RECIPES
from penchant.models.decayed_share import DecayedShare

# The anchor's Dirichlet baseline: nothing is tuned, and popularity remembers everything.
FIXED = DecayedShare(
    half_life=12.0, prior_strength=80.0, popularity_half_life=float("inf"), half_lives=()
)
PEERS = (DIRICHLET, "history_density", "lifestream", "pareto_nbd", "bg_nbd")
ELSEWHERE = ("lifestream",)  # in an environment of their own, which takes a while to start
NAMES = (*RECIPES, *PEERS)
QUICK_USERS, QUICK_ROUNDS = 60, 2
LONG = ("rounds", "passes", "epochs", "trials")  # how a field ends that says how long to train


def entered(name: str, shop: Shop | None = None) -> Recipe:
    """A recipe or peer with its defaults; a peer that counts reads the shop's days itself."""
    match name:
        case "history_density":
            return HistoryDensity()
        case "lifestream":
            return Lifestream()
        case "pareto_nbd" | "bg_nbd":
            assert shop is not None
            assert shop.days is not None
            return Lifetime(days=shop.days(), family=name)
        case _:
            return FIXED if name == DIRICHLET else RECIPES[name]()


def shortened(recipe: Recipe) -> Recipe:
    """A recipe that trains briefly, on one thread; for a smoke test only."""
    assert is_dataclass(recipe)
    changed: dict[str, object] = {}
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if field.name == "threads":
            changed[field.name] = 1
        elif isinstance(value, int) and field.name.endswith(LONG):
            changed[field.name] = min(value, QUICK_ROUNDS)
        elif isinstance(value, Recipe):
            changed[field.name] = shortened(value)
        elif isinstance(value, tuple) and value and all(isinstance(v, Recipe) for v in value):
            changed[field.name] = tuple(map(shortened, value))
    return replace(recipe, **changed)
