"""The churn verb on a small shop: the table, the file, and who is asked for."""

import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.churn import CHURN_SCHEMA

SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"

[forecast]
windows = ["1-4", "5-8"]
"""
USERS = 80


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("churning")
    (folder / "penchant.toml").write_text(SETTINGS)
    log = WORLDS["mixed"](Shop(users=USERS, topics=6, steps=20, seed=2)).log
    pq.write_table(log.events, folder / "events.parquet")
    pq.write_table(log.catalog, folder / "catalog.parquet")
    config = folder / "penchant.toml"
    told("ingest", "-c", config)
    return config


def test_everyone_is_written_and_the_most_at_risk_shown(shop):
    found = told("churn", "--top", "5", "-c", shop)
    table = pq.read_table(found["path"])
    assert table.schema == CHURN_SCHEMA
    assert found["rows"] == len(table) == len(set(table[c.USER].to_pylist()))
    assert found["steps"] == 8
    assert [row[c.USER] for row in found["customers"]] == table[c.USER].to_pylist()[:5]


def test_one_customer_can_be_asked_for_and_a_stranger_is_refused(shop):
    user = pq.read_table(told("churn", "-c", shop)["path"])[c.USER][-1].as_py()
    found = told("churn", "--customer", user, "--steps", "4", "-c", shop)
    assert [row[c.USER] for row in found["customers"]] == [user]
    assert "no customer" in told("churn", "--customer", "nobody", "-c", shop, code=2)["error"]


def test_people_get_a_table(shop):
    shown = run("churn", "-c", shop).output
    assert "Customers at risk, the next 8 weeks" in shown
    assert "churn.parquet" in shown
