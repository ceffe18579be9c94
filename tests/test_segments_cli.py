"""The segments verb on a small shop: groups, audiences in files, sheets, and what is refused."""

import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.groups import CUSTOMER_SCHEMA, GROUP_SCHEMA
from penchant.decisions.lifecycle import STAGES
from penchant.segmentation import write_audience
from penchant.settings import load_settings
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"

[forecast]
windows = ["1-4", "5-8"]
"""
USERS = 70


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenting")
    config = folder / "penchant.toml"
    config.write_text(SETTINGS)
    log = WORLDS["communal"](Shop(users=USERS, topics=8, steps=24, seed=2)).log
    pq.write_table(log.events, folder / "events.parquet")
    pq.write_table(log.catalog, folder / "catalog.parquet")
    told("ingest", "-c", config)
    told("fit", "--model", "gamma_poisson", "-c", config)
    return config


@pytest.fixture(scope="module")
def found(shop):
    return told("segments", "-c", shop)


def test_everyone_and_every_group_is_written(shop, found):
    table, groups = pq.read_table(found["path"]), pq.read_table(found["groups_path"])
    assert table.schema.equals(CUSTOMER_SCHEMA)
    assert groups.schema.equals(GROUP_SCHEMA)
    assert found["rows"] == len(table) == len(set(table[c.USER].to_pylist()))
    assert found["steps"] == 8
    assert found["groups"] == groups.to_pylist()
    assert [row[c.GROUP] for row in found["groups"]][1 : 1 + len(STAGES)] == list(STAGES)
    sheets = read_sheets(Workspace(shop.parent, load_settings(shop)))
    assert sheets["segments"].notes == tuple(found["notes"])
    assert any("premium items can't be told" in note for note in found["notes"]) == all(
        "premium" not in row[c.BECAUSE] for row in found["groups"]
    )


def test_an_audience_is_exported_the_same_each_time(shop, found, tmp_path):
    size = {row[c.GROUP]: row[c.SIZE] for row in found["groups"]}
    name = max(STAGES, key=size.get)
    one, other, whole = tmp_path / "one.csv", tmp_path / "other.csv", tmp_path / "all.parquet"
    said = told("segments", "--audience", name, "--file", one, "--top", "2", "-c", shop)
    assert said["in_audience"] == size[name]
    assert len(said["customers"]) == 2
    run("segments", "--audience", name, "--file", other, "-c", shop)
    write_audience(pq.read_table(found["path"]).filter(pc.field(c.STAGE) == name), whole)
    assert one.read_bytes() == other.read_bytes()
    rows, table = csv.read_csv(one), pq.read_table(whole)
    assert rows[c.USER].to_pylist() == table[c.USER].to_pylist()
    assert set(table[c.STAGE].to_pylist()) == {name}
    assert rows[c.WANTS][0].as_py() == "; ".join(table[c.WANTS][0].as_py())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all.parquet",
        "one.csv",
        "other.csv",
    ]


def test_people_get_a_table_and_bad_requests_a_way_out(shop, tmp_path):
    shown = run("segments", "-c", shop).output
    assert "Groups of customers, by the next 8 weeks" in shown
    assert "segments.parquet" in shown
    error = told("segments", "--audience", "fadin", "-c", shop, code=2)["error"]
    assert "Did you mean 'fading'?" in error
    assert (
        "--audience" in told("segments", "--file", tmp_path / "x.csv", "-c", shop, code=2)["error"]
    )
    wrong = ("--audience", "new", "--file", tmp_path / "x.xlsx")
    assert ".parquet" in told("segments", *wrong, "-c", shop, code=2)["error"]
    assert not (tmp_path / "x.xlsx").exists()
