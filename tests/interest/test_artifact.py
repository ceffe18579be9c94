"""An artefact comes back as it was, or says why it can't."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import ArtefactError, RecipeError
from penchant.interest.artifact import LONG_TEXT, from_tree, load_model, save_model, to_tree
from penchant.interest.task import Task, Window
from penchant.interest.topics import Topics

TOPICS = Topics(
    np.array(["bread", "wine"]),
    np.array(["all", "all"]),
    pa.table({c.ITEM: ["b", "w"], c.TOPIC: np.array([0, 1], np.int32)}),
    1,
)


@dataclass(frozen=True)
class Box:
    """Holds anything; not a real model, but saving needs none."""

    content: Any

    def predict(self, history):
        raise NotImplementedError


TYPES = {"Box": Box}


@pytest.mark.parametrize(
    "content",
    [
        None,
        True,
        7,
        -0.1,
        1e-320,
        float("inf"),
        "text, Käse, 奶酪",
        "long " * LONG_TEXT,
        (),
        (1, ("a", None), Window(0, 4)),
        Step.MONTH,
        Task(windows=(Window(0, 1),), target=("view", "cart"), step=Step.DAY),
        Box(Box("inner")),
    ],
)
def test_values_come_back(content, tmp_path):
    save_model(Box(content), TOPICS, tmp_path)
    model, _ = load_model(tmp_path, TYPES)
    assert model == Box(content)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.array([], dtype=np.int64),
        np.array([[True, False]]),
        np.array([np.nan, np.inf, -0.0]),
        np.array(["Käse", "奶酪", ""]),
        np.arange(4, dtype=np.int32),
    ],
)
def test_arrays_come_back_to_the_bit(array, tmp_path):
    save_model(Box((array, array + array if array.dtype.kind == "U" else array)), TOPICS, tmp_path)
    model, _ = load_model(tmp_path, TYPES)
    found = model.content[0]
    assert found.dtype.kind == array.dtype.kind
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


def test_sparse_arrays_come_back(tmp_path):
    sparse = csr_array(np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3]], dtype=np.float32))
    save_model(Box((sparse, csr_array((2, 4)))), TOPICS, tmp_path)
    (found, empty) = load_model(tmp_path, TYPES)[0].content
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.toarray(), sparse.toarray())
    assert empty.shape == (2, 4)


def test_topics_come_back(tmp_path):
    save_model(Box(1), TOPICS, tmp_path)
    _, topics = load_model(tmp_path, TYPES)
    assert topics.names_T.tolist() == TOPICS.names_T.tolist()
    assert topics.items.equals(TOPICS.items)


def test_what_has_no_place_is_refused_when_saved(tmp_path):
    for strange in ([1], {"a": 1}, object(), b"bytes"):
        with pytest.raises(TypeError, match="no place in an artefact"):
            save_model(Box(strange), TOPICS, tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_saving_again_replaces(tmp_path):
    save_model(Box("old"), TOPICS, tmp_path)
    save_model(Box("new"), TOPICS, tmp_path)
    assert load_model(tmp_path, TYPES)[0] == Box("new")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match=r"holds no model.*Run penchant fit"):
        load_model(tmp_path, TYPES)
    with pytest.raises(ArtefactError, match="holds no model"):
        load_model(tmp_path / "nowhere", TYPES)


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "items.parquet"])
def test_a_missing_or_changed_file_is_refused_by_its_name(name, tmp_path):
    save_model(Box(np.ones(3)), TOPICS, tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ArtefactError, match=f"{name} is damaged or missing"):
        load_model(tmp_path, TYPES)
    (tmp_path / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name} is damaged or missing"):
        load_model(tmp_path, TYPES)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', "no json", "\xff"])
def test_a_manifest_that_is_none_is_refused(content, tmp_path):
    save_model(Box(1), TOPICS, tmp_path)
    (tmp_path / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(ArtefactError, match=r"manifest\.json is damaged"):
        load_model(tmp_path, TYPES)


def test_a_manifest_must_vouch_for_every_file(tmp_path):
    save_model(Box(1), TOPICS, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["sha256"]["model.json"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"model\.json is damaged or missing"):
        load_model(tmp_path, TYPES)


def test_another_format_is_refused_with_the_way_out(tmp_path):
    save_model(Box(1), TOPICS, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ArtefactError, match=r"format 99; this version reads 1\. Fit the model"):
        load_model(tmp_path, TYPES)


def test_a_type_nobody_knows_is_refused_with_a_suggestion(tmp_path):
    save_model(Box(1), TOPICS, tmp_path)
    with pytest.raises(RecipeError, match="no 'Box'"):
        load_model(tmp_path, {"Boxes": Box})


def test_a_type_of_another_version_is_refused():
    tree = to_tree(Box(1), {})
    tree["fields"]["lid"] = 3
    with pytest.raises(ArtefactError, match="another version"):
        from_tree(tree, {}, TYPES)


def test_a_tree_that_is_no_part_of_an_artefact_is_refused():
    with pytest.raises(ArtefactError, match="Not a part"):
        from_tree({"code": "1 + 1"}, {}, TYPES)
