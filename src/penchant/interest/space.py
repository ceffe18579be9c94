"""What a recipe may be tuned over: a range or a few choices for each hyperparameter that matters.

A recipe declares it on its class, next to its fields, and every range holds the field's default:

    SEARCH: ClassVar[Space] = {"half_life": Between(4.0, 104.0, log=True)}

A dot leads to a field of a dataclass inside: `training.learning_rate`.
A space says where good values have been found, not which values work: a recipe may be given others
by hand. Numbers are proposed with four digits, so that what is written down is what was tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from penchant.errors import RecipeError, suggest
from penchant.interest.model import Recipe

DIGITS = 4


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, both included; whole ones if both ends are."""

    low: float
    high: float
    log: bool = False  # whether ratios matter, rather than differences

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise RecipeError(
                f"A range needs low < high, and low > 0 on a log scale; found {self}. "
                "Turn the ends round, or leave out `log`."
            )

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Whether a value is a number of the right sort in the range."""
        sort = int if self.whole else (int, float)
        right = isinstance(value, sort) and not isinstance(value, bool)
        return right and self.low <= value <= self.high

    def rounded(self, value: float) -> float:
        """A number with the digits that are kept; whole ones keep all."""
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True)
class OneOf:
    """One of a few values, in no order: numbers, text, true or false, or tuples of them."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or None in self.choices:
            raise RecipeError(
                f"A choice is between two values or more, none of them None, which no settings "
                f"file can hold; found {self.choices}. Leave it out of the space."
            )

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the choices."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)

    def __str__(self) -> str:
        return "one of " + ", ".join(str(choice) for choice in self.choices)


Space = Mapping[str, Between | OneOf]


def space_of(recipe: Recipe) -> Space:
    """What a recipe's class says it may be tuned over.

    Raises RecipeError when that is nothing.
    """
    space: Space = getattr(recipe, "SEARCH", {})
    if not space:
        raise RecipeError(
            f"{type(recipe).__name__} declares nothing to tune. Choose a recipe with a SEARCH of "
            "its own, as docs/models.md lists them, or declare one on its class."
        )
    return space


def values_of(recipe: Recipe) -> dict[str, Any]:
    """The values that a recipe has now, of those it may be tuned over."""
    return {name: reduce(getattr, name.split("."), recipe) for name in space_of(recipe)}


def proposed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values, of those it may be tuned over.

    Raises RecipeError for a name that isn't in its space, and for a value outside it.
    """
    space = space_of(recipe)
    for name, value in values.items():
        if name not in space:
            raise RecipeError(
                f"'{name}' of {type(recipe).__name__} is not tuned. {suggest(name, space)}"
            )
        if not space[name].holds(value):
            raise RecipeError(
                f"'{name}' of {type(recipe).__name__} is tuned over {space[name]}; "
                f"found {value!r}. Start from a value inside."
            )
    for name, value in values.items():
        recipe = _replaced(recipe, name.split("."), value)
    return recipe


def _replaced(part: Any, path: Sequence[str], value: Any) -> Any:
    first, *rest = path
    return replace(part, **{first: _replaced(getattr(part, first), rest, value) if rest else value})
