"""Releases: what was fitted is kept, promoted, rolled back and told, and damage is refused."""

import json
import shutil

import pytest

import ownshop
from commands import run, told
from penchant.errors import ArtefactError, UnknownError
from penchant.releases import (
    best_release,
    make_release,
    promote,
    promoted,
    release_named,
    releases,
    rollback,
)
from penchant.workspace import Workspace


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return ownshop.fitted(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def shop(fitted, tmp_path):
    shutil.copytree(fitted, tmp_path / "shop")
    return Workspace.open(tmp_path / "shop" / "penchant.toml")


def damage(release):
    (release.path / "model" / "arrays.safetensors").write_bytes(b"nothing of the kind")


def test_a_release_outlives_what_it_was_made_of(shop):
    first = promote(shop, make_release(shop).name)
    shutil.rmtree(shop.model_folder)
    shutil.rmtree(shop.recommender_folder)
    loaded = first.load()
    assert loaded.model.name == "gamma_poisson"
    assert loaded.recommender.goods.items_I.tolist()
    assert (loaded.release.name, promoted(shop)) == ("r0001", "r0001")


def test_rollback_steps_back_one_at_a_time(shop):
    names = [promote(shop, make_release(shop).name).name for _ in range(3)]
    assert [release.name for release in releases(shop)] == names == ["r0001", "r0002", "r0003"]
    assert rollback(shop).name == "r0002"
    assert promote(shop, "r0003").name == promoted(shop)
    assert [rollback(shop).name, rollback(shop).name] == ["r0002", "r0001"]
    with pytest.raises(UnknownError, match="nothing to go back to"):
        rollback(shop)
    assert promoted(shop) == "r0001"


def test_a_damaged_release_is_not_promoted(shop):
    good, bad = make_release(shop), make_release(shop)
    promote(shop, good.name)
    damage(bad)
    with pytest.raises(ArtefactError, match="damaged or missing"):
        promote(shop, bad.name)
    assert promoted(shop) == good.name


def test_the_last_good_release_stands_in_for_a_damaged_one(shop):
    good, bad = (promote(shop, make_release(shop).name) for _ in range(2))
    damage(bad)
    loaded, note = best_release(shop)
    assert loaded.release.name == good.name
    assert "damaged" in note
    damage(good)
    loaded, note = best_release(shop)
    assert loaded is None
    assert "r0002" in note


def test_what_was_fitted_is_the_first_release(shop):
    loaded, note = best_release(shop)
    assert (loaded.release.name, note, promoted(shop)) == ("r0001", None, "r0001")


def test_nothing_fitted_is_said(shop):
    shutil.rmtree(shop.model_folder)
    shutil.rmtree(shop.recommender_folder)
    assert best_release(shop) == (None, str(refusal(shop)))


def refusal(shop):
    with pytest.raises(ArtefactError) as caught:
        make_release(shop)
    return caught.value


def test_a_recommender_of_other_topics_is_refused(shop):
    manifest = shop.recommender_folder / "manifest.json"
    held = json.loads(manifest.read_text())
    held["sha256"]["topics.parquet"] = "0" * 64
    manifest.write_text(json.dumps(held))
    assert "different topics" in str(refusal(shop))


def test_unknown_names_are_told_what_is_known(shop):
    make_release(shop)
    with pytest.raises(UnknownError, match="Did you mean 'r0001'"):
        release_named(shop, "r001")


def test_the_command_line_lists_promotes_and_tells(shop):
    config = shop.root / "penchant.toml"
    assert told("model", "list", "-c", config) == []
    made = told("model", "promote", "-c", config)
    assert (made["name"], made["recipe"], made["recommender"]) == ("r0001", "gamma_poisson", True)
    told("model", "promote", "-c", config)
    assert [row["promoted"] for row in told("model", "list", "-c", config)] == [False, True]
    assert told("model", "rollback", "-c", config)["name"] == "r0001"
    card = told("model", "card", "-c", config)
    assert card["name"] == "r0001"
    assert card["parts"]["model"]["settings"]["name"] == "gamma_poisson"
    assert set(card["parts"]["recommender"]["sha256"]) >= {"model.json", "arrays.safetensors"}
    result = run("model", "promote", "r9", "-c", config)
    assert result.exit_code == 2
    assert "There is no release 'r9'" in result.stderr
