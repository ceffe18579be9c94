"""Migration and rhythm on a shop whose customers move, from the store to the printed table."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.data.worlds import WORLDS, Shop
from penchant.interest.flow import FLOW_SCHEMA
from penchant.interest.migration import MIGRATION_SCHEMA

SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"
people = "people.parquet"

[topics]
level = 2
floor = 0

[forecast]
windows = ["1-4", "5-8"]
model = "gamma_poisson"
"""
USERS, TOPICS = 250, 12


@pytest.fixture(scope="module")
def world():
    return WORLDS["migrating"](Shop(users=USERS, topics=TOPICS, steps=80))


@pytest.fixture(scope="module")
def moving(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moving")
    (folder / "penchant.toml").write_text(SETTINGS)
    pq.write_table(world.log.events, folder / "events.parquet")
    pq.write_table(world.log.catalog, folder / "catalog.parquet")
    users = world.truth.users_U.tolist()
    people = pa.table({"user": users, "role": world.truth.role_U.tolist()})
    pq.write_table(people, folder / "people.parquet")
    config = folder / "penchant.toml"
    for verb in ("ingest", "fit"):
        told(verb, "-c", config)
    return config


@pytest.fixture(scope="module")
def found(moving):
    return told("migrate", "-c", moving, "--segment", "role", "--top", "3")


def test_migrate_counts_customers_and_names_the_largest_flows(found, world):
    movers = int((world.truth.role_U == "migrating").sum())
    assert found["customers"] == USERS
    assert 0.5 * movers < found["changed"] < 1.1 * movers
    flow = found["observed"]
    assert len(flow["pairs"]) == 3
    assert 0 < flow["moved"] < 0.5
    shares = [pair[c.SHARE] for pair in flow["pairs"]]
    assert shares == sorted(shares, reverse=True)
    assert all(pair[c.FROM] != pair[c.TO] for pair in flow["pairs"])
    assert found["forecast"]["moved"] == pytest.approx(0, abs=1e-6)  # the recipe only counts
    assert found["observed"][c.END] == found["forecast"][c.START]


def test_segments_tell_movers_from_stayers(found):
    by_name = {one["name"]: one for one in found["segments"]}
    mover, stayer = by_name["migrating"], by_name["stable"]
    assert mover["customers"] + stayer["customers"] == USERS
    assert mover["changed"] / mover["customers"] > 10 * stayer["changed"] / stayer["customers"]


def test_moves_and_quarterly_matrices_are_kept(found):
    moves = pq.read_table(found["paths"]["moves"])
    assert moves.schema == MIGRATION_SCHEMA
    assert len(set(moves[c.USER].to_pylist())) == found["changed"]
    flows = pq.read_table(found["paths"]["flows"])
    assert flows.schema == FLOW_SCHEMA
    sums = flows.group_by([c.START, c.FROM]).aggregate([(c.CHANCE, "sum")])
    assert sums[f"{c.CHANCE}_sum"].to_pylist() == pytest.approx([1.0] * len(sums))


def test_a_customer_is_shown_with_the_events_behind_the_change(moving, world, found):
    users = pq.read_table(found["paths"]["moves"]).sort_by("chance")[c.USER].to_pylist()
    shown = told("migrate", "-c", moving, "--customer", users[0])
    change = shown["evidence"][0]
    topics = {row[c.TOPIC] for row in change["topics"]}
    assert {event[c.TOPIC] for event in change["events"]} <= topics
    days = [date.fromisoformat(event[c.TIME][:10]) for event in change["events"]]
    when = date.fromisoformat(change[c.DATE])
    assert days == sorted(days)
    assert days[0] < when <= days[-1]
    for row in shown["successions"]:
        assert row[c.USER] == users[0]
        assert 0 < row[c.CHANCE] < 1
        assert 0 < row["before"] < 1


def test_migrate_prints_what_a_merchandiser_reads(moving, found):
    printed = run("migrate", "-c", moving, "--segment", "role", "--customer", "u000").output
    assert f"{found['changed']} of {USERS} customers changed" in printed
    for part in ("Topics in most changes", "Moved, ", "Forecast to move", "By segment"):
        assert part in printed


def test_an_unknown_segment_names_what_there_is(moving):
    result = run("migrate", "-c", moving, "--segment", "rolle")
    assert result.exit_code == 2
    assert "no attribute 'rolle'" in result.output
    assert "role" in result.output


def test_rhythm_tells_every_topic(moving):
    shown = told("rhythm", "-c", moving)
    assert len(shown["topics"]) == TOPICS
    sizes = [row["events"] for row in shown["topics"]]
    assert sizes == sorted(sizes, reverse=True)
    for row in shown["topics"]:
        assert sum(row["customers"].values()) <= USERS
        assert row["trend"] in {"rising", "falling", "level"}
        assert row["missing"]  # a yearly season needs two years
    printed = run("rhythm", "-c", moving, "--top", "4").output
    assert "the largest 4 of 12" in printed
    assert "All topics: " in printed
    assert shown["shop"]["events"] == sum(sizes)


def test_rhythm_tells_one_topic_and_refuses_another(moving):
    topic = told("rhythm", "-c", moving)["topics"][0][c.TOPIC]
    row = told("rhythm", "-c", moving, "--topic", topic)
    assert row[c.TOPIC] == topic
    assert len(row["acf"]) == len(row["pacf"]) > 5
    assert topic in run("rhythm", "-c", moving, "--topic", topic.upper()).output
    refused = run("rhythm", "-c", moving, "--topic", topic + "x")
    assert refused.exit_code == 2
    assert topic in refused.output
    both = run("rhythm", "-c", moving, "--topic", topic, "--customer", "u000")
    assert both.exit_code == 2
    assert "not both" in both.output


def test_rhythm_tells_what_a_customer_is_due_to_want(moving):
    (one,) = told("rhythm", "-c", moving, "--customer", "u000")["customers"]
    assert one[c.USER] == "u000"
    assert one["topics"]
    due = [row["due"] for row in one["topics"] if row["due"]]
    assert all(day >= row["last"] for row in one["topics"] if (day := row["due"]))
    assert "next due" in run("rhythm", "-c", moving, "--customer", "u000").output
    assert due == [] or min(due) > "2021"
    assert "1 of " in run("rhythm", "-c", moving, "--customer", "u000", "--top", "1").output


def test_a_shop_in_which_nobody_moves_says_so(tmp_path):
    world = WORLDS["stable"](Shop(users=60, topics=6, steps=30))
    (tmp_path / "penchant.toml").write_text(SETTINGS.replace('people = "people.parquet"', ""))
    pq.write_table(world.log.events, tmp_path / "events.parquet")
    pq.write_table(world.log.catalog, tmp_path / "catalog.parquet")
    config = tmp_path / "penchant.toml"
    told("ingest", "-c", config)
    printed = run("migrate", "-c", config).output
    assert "Of 60 customers none changed" in printed
    assert "penchant fit" in printed
    refused = run("migrate", "-c", config, "--segment", "role")
    assert refused.exit_code == 2
    assert "No attributes of customers are known" in refused.output
