"""Every recipe is a frozen, keyword-only dataclass that works as it comes."""

from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass

import pytest

from penchant.interest.model import Recipe
from penchant.models import RECIPES, TYPES

every_recipe = pytest.mark.parametrize("name", RECIPES)


@every_recipe
def test_a_recipe_is_a_frozen_dataclass_of_hyperparameters(name):
    kind = RECIPES[name]
    assert is_dataclass(kind)
    assert isinstance(kind(), Recipe)
    assert all(field.kw_only for field in fields(kind))
    missing = [
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    ]
    assert not missing, f"Give these a default: {', '.join(missing)}"
    assert kind() == kind()
    with pytest.raises(FrozenInstanceError):
        setattr(kind(), fields(kind)[0].name, 1)


@every_recipe
def test_a_recipe_can_be_loaded_by_name(name):
    assert TYPES[RECIPES[name].__name__] is RECIPES[name]
