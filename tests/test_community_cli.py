"""The community verb on a small shop: groups, sheets, a file of ties, and what is refused."""

import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.dashboard.community import community_section
from penchant.data.worlds import WORLDS, Shop
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"

[topics]
level = 2
floor = 0

[forecast]
windows = ["1-4"]
model = "gamma_poisson"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("community")
    (folder / "penchant.toml").write_text(SETTINGS)
    world = WORLDS["communal"](Shop(users=120, topics=10, steps=30, seed=3))
    pq.write_table(world.log.events, folder / "events.parquet")
    pq.write_table(world.log.catalog, folder / "catalog.parquet")
    planted, users = world.truth.communities, world.truth.users_U
    ends = zip(users[planted.follower_F], users[planted.followed_F], strict=True)
    lines = ["From,To", *(f"{one},{other}" for one, other in ends), "somebody,else"]
    (folder / "ties.csv").write_text("\n".join(lines) + "\n")
    config = folder / "penchant.toml"
    told("ingest", "-c", config)
    told("fit", "-c", config)
    return config


def test_likes_serve_where_no_ties_are_given_and_name_nobody(shop):
    found = told("community", "-c", shop)
    assert any("guessed from likes" in note for note in found["notes"])
    sheets = read_sheets(Workspace.open(shop))
    assert found["groups"] == len(sheets["communities"].rows) > 0
    assert not any(row[c.MATES] for row in sheets["community"].rows)


def test_a_file_of_ties_names_mates_and_strangers_are_counted(shop):
    found = told("community", "--ties", shop.parent / "ties.csv", "-c", shop)
    assert any(note.startswith("1 ties are of somebody") for note in found["notes"])
    rows = read_sheets(Workspace.open(shop))["community"].rows
    user = next(row for row in rows if row[c.MATES])[c.USER]
    asked = told("community", "--ties", shop.parent / "ties.csv", "--customer", user, "-c", shop)
    assert [row[c.USER] for row in asked["customers"]] == [user]
    assert asked["customers"][0][c.MATES]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("from,whom\na,b\n", "no column 'to'"),
        ("from,to\na,b\n", "ties no two customers"),
        ("from,to\na,\n", "1 rows of"),
    ],
)
def test_a_file_that_is_none_of_ties_is_refused(shop, content, message):
    (shop.parent / "bad.csv").write_text(content)
    refused = told("community", "--ties", shop.parent / "bad.csv", "-c", shop, code=2)
    assert message in refused["error"]


def test_people_get_a_table_and_the_report_a_section(shop):
    shown = run("community", "--top", "3", "-c", shop).output
    assert "Groups of like interests" in shown
    assert "no customer" in told("community", "--customer", "nobody", "-c", shop, code=2)["error"]
    sheets = read_sheets(Workspace.open(shop))
    section = community_section(sheets)
    table = next(block for block in section.blocks if block.kind == "table")
    assert [row[0] for row in table.rows] == [row[c.GROUP] for row in sheets["communities"].rows]
