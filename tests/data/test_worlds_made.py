"""A world in files is the one in memory, whole or visibly not, and made in bounded memory."""

import hashlib
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant import columns as c
from penchant.data import making
from penchant.data.events import EVENT_SCHEMA
from penchant.data.ground import USERS_A_BLOCK
from penchant.data.identity import IDENTITY_SCHEMA
from penchant.data.making import make_world, shop_for
from penchant.data.store import Store
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import DataError, RecipeError
from penchant.settings import load_settings

TINY = Shop(users=10, topics=4, steps=10, items_per_topic=4)
MANY = Shop(users=2 * USERS_A_BLOCK + 5, topics=3, steps=8, items_per_topic=3, purchases=0.5)


def content(folder: Path) -> dict[str, str]:
    """Hashes of all files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def events_of(parts: tuple[Path, ...]) -> pa.Table:
    return pa.concat_tables(pq.read_table(part) for part in parts)


@pytest.mark.parametrize("name", WORLDS)
def test_ten_users_in_files_are_those_in_memory(name: str, tmp_path: Path) -> None:
    made, world = make_world(name, TINY, tmp_path), WORLDS[name](TINY)
    events = events_of(made.parts)
    assert events.schema.remove_metadata() == EVENT_SCHEMA
    assert events.equals(world.log.events)
    assert made.events == len(events) == sum(made.kinds.values())
    assert made.users == 10
    assert pq.read_table(tmp_path / "catalog.parquet").equals(world.log.catalog)
    for table, expected in (
        ("people", world.log.people),
        ("promotions", world.log.promotions),
        ("identities", world.identities),
    ):
        path = tmp_path / f"{table}.parquet"
        assert path.exists() == (expected is not None)
        assert expected is None or pq.read_table(path).equals(expected)


def test_blocks_in_files_are_those_in_memory(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = make_world("market", MANY, tmp_path, progress=lambda *far: told.append(far))
    assert told == [(1024, 2053), (2048, 2053), (2053, 2053)]
    assert len(made.parts) == 3
    for part in made.parts:
        times = pq.read_table(part)[c.TIME].to_numpy()
        assert (times[1:] >= times[:-1]).all()
    events = events_of(made.parts)
    assert len(events[c.EVENT].unique()) == len(events)
    world = WORLDS["market"](MANY)
    by_id = [(c.EVENT, "ascending")]
    assert events.sort_by(by_id).equals(world.log.events.sort_by(by_id))
    times = world.log.events[c.TIME].to_numpy()
    assert (times[1:] >= times[:-1]).all()

    truth, folder = world.truth, made.truth
    users = pq.read_table(folder / "users.parquet")
    assert users[c.USER].to_pylist() == truth.users_U.tolist()
    assert users["role"].to_pylist() == truth.role_U.tolist()
    rates = np.array(pq.read_table(folder / "rates.parquet")["rate"].to_pylist(), np.float32)
    np.testing.assert_array_equal(rates.reshape(truth.rate_UTS.shape), truth.rate_UTS)
    assert truth.communities is not None
    follows = pq.read_table(folder / "communities-follows.parquet")
    assert follows["follower"].to_pylist() == truth.communities.follower_F.tolist()
    assert truth.devices is not None
    assert truth.devices.user_D.max() == 2052
    assert len(set(truth.devices.device_D)) == len(truth.devices.device_D)


def test_users_of_a_block_do_not_hang_on_how_many_follow(tmp_path: Path) -> None:
    first = make_world("market", MANY, tmp_path / "many")
    fewer = replace(MANY, users=MANY.users - 3)  # whole first blocks, ids as long
    second = make_world("market", fewer, tmp_path / "fewer")
    for one, other in zip(first.parts[:2], second.parts[:2], strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_same_shop_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("once", "again"):
        make_world("market", TINY, tmp_path / folder)
    assert content(tmp_path / "once") == content(tmp_path / "again")
    make_world("market", replace(TINY, seed=1), tmp_path / "other")
    assert content(tmp_path / "once") != content(tmp_path / "other")


def test_truth_says_what_it_holds(tmp_path: Path) -> None:
    made = make_world("market", TINY, tmp_path)
    words = json.loads((made.truth / "truth.json").read_text())
    assert words["world"] == "market"
    assert words["shop"]["users"] == 10
    assert words["events"] == made.events
    assert words["kinds"] == made.kinds
    assert words["constants"]["elasticity"] == 2.0
    files = {path.stem for path in made.truth.glob("*.parquet")}
    assert set(words["tables"]) == files
    assert {"users", "topics", "steps", "rates", "migrations", "treatments", "devices"} <= files
    assert {"exposure-positions", "exposure-items", "exposure-users"} <= files
    for name, columns in words["tables"].items():
        assert pq.read_table(made.truth / f"{name}.parquet").column_names == columns
        group = name.partition("-")[0]
        said = words["about"].get(group, words["about"]["truth"])
        # Each column is told of, by the name of its array.
        for column in set(columns) - {c.USER, c.TOPIC, "week", "role"}:
            assert f"`{column}_" in said, (name, column)


def test_rates_are_left_out_where_they_would_be_most_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_RATES", 399)
    made = make_world("stable", TINY, tmp_path)
    assert not (made.truth / "rates.parquet").exists()
    assert (made.truth / "users.parquet").exists()


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("mine")
    with pytest.raises(DataError, match=r"holds files already\. Name another"):
        make_world("stable", TINY, tmp_path)
    with pytest.raises(DataError, match="is a file"):
        make_world("stable", TINY, tmp_path / "orders.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_a_half_written_world_does_not_look_whole(tmp_path: Path) -> None:
    def stop(done: int, users: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_world("market", MANY, tmp_path, progress=stop)
    assert not (tmp_path / "truth" / "truth.json").exists()
    assert not (tmp_path / "penchant.toml").exists()
    with pytest.raises(DataError, match="holds files already"):
        make_world("market", MANY, tmp_path)


def test_an_unknown_world_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no world 'markt'\. Did you mean 'market'"):
        make_world("markt", TINY, tmp_path / "new")
    with pytest.raises(RecipeError, match="no world 'markt'"):
        shop_for(1000, "markt")
    assert not (tmp_path / "new").exists()


def test_memory_does_not_grow_with_users(tmp_path: Path) -> None:
    def peak(blocks: int) -> int:
        shop = replace(MANY, users=blocks * USERS_A_BLOCK, steps=20)
        tracemalloc.start()
        make_world("market", shop, tmp_path / str(blocks))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(4) < 1.3 * peak(1)


@pytest.mark.parametrize("name", ["stable", "market"])
def test_about_as_many_events_as_asked_for(name: str, tmp_path: Path) -> None:
    shop = shop_for(60_000, name, Shop(topics=6, steps=20))
    assert shop.topics == 6
    assert make_world(name, shop, tmp_path).events == pytest.approx(60_000, rel=0.15)


def test_every_source_that_the_settings_name_is_accepted_whole(tmp_path: Path) -> None:
    made = make_world("market", TINY, tmp_path)
    settings = load_settings(tmp_path / "penchant.toml")
    assert settings.name == "market"
    sources = settings.sources
    store = Store.create(tmp_path / "store")
    receipt = store.append(str(tmp_path / sources.events[0]))
    assert (receipt.sent, receipt.accepted) == (made.events, made.events)
    assert receipt.quarantined == receipt.duplicate == 0
    assert sources.catalog is not None
    assert store.replace_catalog(str(tmp_path / sources.catalog)).accepted == 16
    assert sources.people is not None
    assert store.replace_people(str(tmp_path / sources.people)).accepted == 10
    assert sources.promotions is not None
    assert store.replace_promotions(str(tmp_path / sources.promotions)).quarantined == 0
    assert sources.identities is not None
    identities = pq.read_table(tmp_path / sources.identities)
    assert identities.schema.remove_metadata() == IDENTITY_SCHEMA
    assert store.replace_identities(str(tmp_path / sources.identities)).accepted == len(identities)
