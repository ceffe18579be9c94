"""What recipes may be tuned over: real fields, ranges around the defaults, ends that work."""

from dataclasses import fields, is_dataclass

import pytest

from laws.trial import TASK, past, quick
from penchant.interest.space import Between, proposed, values_of
from penchant.models import RECIPES

SPACED = [name for name in RECIPES if hasattr(RECIPES[name], "SEARCH")]
every_space = pytest.mark.parametrize("name", SPACED)


def hyperparameters(part, above=""):
    """Every field of a recipe and of the dataclasses inside, with its value."""
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            yield from hyperparameters(value, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}", value


def test_the_recipes_that_learn_can_be_tuned():
    assert {"decayed_share", "gamma_poisson", "arima", "boosted", "calibrated"} <= set(SPACED)


@every_space
def test_a_space_names_fields_and_holds_their_defaults(name):
    kind = RECIPES[name]
    known = dict(hyperparameters(kind()))
    assert kind.SEARCH
    strange = set(kind.SEARCH) - set(known)
    assert not strange, f"{kind.__name__} has no {', '.join(strange)}."
    for field, part in kind.SEARCH.items():
        assert part.holds(known[field]), f"{field} = {known[field]} is outside {part}."
        if isinstance(part, Between):
            assert part.rounded(known[field]) == known[field], f"{field} has too many digits."
            assert part.whole == isinstance(known[field], int), f"{field}: whole ends, or not?"
    assert proposed(kind(), values_of(kind())) == kind()


@every_space
def test_a_corner_of_a_space_can_be_fitted(name):
    """The low end of one range, the high end of the next, in turn."""
    values = {}
    for place, (field, part) in enumerate(RECIPES[name].SEARCH.items()):
        ends = (part.low, part.high) if isinstance(part, Between) else part.choices
        values[field] = ends[-(place % 2)]
    recipe = proposed(quick(name), values)
    forecast = recipe.fit(past(), TASK).predict(past())
    assert forecast.chance_UTW.max() > forecast.chance_UTW.min()
