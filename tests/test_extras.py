"""What is missing is named, with the extra that brings it."""

import sys
from types import ModuleType

import pytest

from penchant.errors import RecipeError
from penchant.extras import EXTRAS, needed
from penchant.models import RECIPES


@pytest.mark.parametrize(("package", "extra"), EXTRAS.items())
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, extra):
    monkeypatch.setitem(sys.modules, package, None)  # as Python sees what isn't there
    with pytest.raises(RecipeError, match=rf"'it' needs the package {package}.*\[{extra}\]"):
        needed(f"{package}.part" if package == "torch_geometric" else package, "it")


def test_a_recipe_says_what_it_lacks(monkeypatch):
    for module in [name for name in sys.modules if name.startswith("penchant.models.recurrent")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RecipeError, match=r"'recurrent' needs the package torch"):
        RECIPES["recurrent"]


def test_what_is_there_is_imported():
    assert isinstance(needed("json", "it"), ModuleType)
    with pytest.raises(ModuleNotFoundError):
        needed("no_such_package_at_all", "it")
