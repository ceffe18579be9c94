"""A saved model is the model, a damaged one is refused, and a recipe survives JSON."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from laws.trial import assert_same, fitted, past, quick
from penchant.errors import ArtefactError
from penchant.interest.artifact import from_tree, load_model, save_model, to_tree
from penchant.models import RECIPES, TYPES

every_recipe = pytest.mark.parametrize("name", RECIPES)


@every_recipe
def test_a_loaded_model_forecasts_the_same(name, tmp_path):
    save_model(fitted(name), past().topics, tmp_path)
    model, topics = load_model(tmp_path, TYPES)
    assert_same(model.predict(past()), fitted(name).predict(past()))
    assert topics.names_T.tolist() == past().topics.names_T.tolist()
    assert topics.parent_T.tolist() == past().topics.parent_T.tolist()
    assert topics.items.equals(past().topics.items)
    assert topics.level == past().topics.level


@every_recipe
def test_a_flipped_byte_is_refused(name, tmp_path):
    save_model(fitted(name), past().topics, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert "manifest.json" in {file.name for file in files}
    for file in files:
        content = file.read_bytes()
        for at in np.linspace(0, len(content) - 1, 9).astype(int):
            file.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
            with pytest.raises(ArtefactError):
                load_model(tmp_path, TYPES)
        file.write_bytes(content)
    load_model(tmp_path, TYPES)


@every_recipe
def test_a_recipe_survives_json(name):
    for recipe in (quick(name), changed(quick(name))):
        arrays = {}
        text = json.dumps(to_tree(recipe, arrays))
        assert not arrays, "A recipe is small enough to be read."
        assert from_tree(json.loads(text), {}, TYPES) == recipe


def changed(recipe):
    """The recipe with every number a little larger."""
    numbers = {
        field.name: getattr(recipe, field.name) + 1
        for field in fields(recipe)
        if isinstance(getattr(recipe, field.name), int | float)
    }
    return replace(recipe, **numbers)
