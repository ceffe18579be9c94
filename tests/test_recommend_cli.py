"""`penchant recommend`: fits once, writes everyone's lists, answers a raw history."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from commands import run, told

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_shop"
FILES = ("orders.csv", "products.csv", "penchant.toml")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The example's shop, ingested and recommended from."""
    folder = tmp_path_factory.mktemp("recommending")
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder)
    told("ingest", "-c", folder / "penchant.toml")
    return folder


@pytest.fixture(scope="module")
def facts(shop):
    return told("recommend", "-c", shop / "penchant.toml")


def test_everyone_gets_a_list_with_reasons(shop, facts):
    rows = pq.read_table(facts["path"]).to_pylist()
    assert len(rows) == facts["rows"]
    assert {row["slot"] for row in rows} == set(range(1, 11))
    assert all(row["reason"] and 0 < row["chance"] < 1 for row in rows)


def test_it_is_fitted_once(shop, facts):
    manifest = shop / ".penchant" / "recommender" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    again = told("recommend", "-c", shop / "penchant.toml")
    assert manifest.stat().st_mtime_ns == before
    assert again == facts


def test_a_new_customers_raw_history_is_answered_and_not_kept(shop, facts):
    (shop / "new.csv").write_text(
        "line,customer,day,sku,amount\n"
        "n1,NEW,06/02/2021,i55,12.85\nn2,NEW,13/02/2021,i55,12.85\nn3,NEW,20/02/2021,i55,12.85\n"
    )
    asked = ("recommend", "--customer", "NEW", "--events", shop / "new.csv")
    found = told(*asked, "-c", shop / "penchant.toml")
    assert found["rows"] is None
    assert {row["user"] for row in found["lists"]} == {"NEW"}
    assert "i55" in [row["item"] for row in found["lists"]]
    result = run("recommend", "--customer", "NEW", "-c", shop / "penchant.toml")
    assert result.exit_code == 2
    assert "There is no customer 'NEW'" in result.stderr


def test_rules_of_the_settings_are_kept(shop, facts, tmp_path):
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    config = copy / "penchant.toml"
    plain = config.read_text()
    config.write_text(plain + "\n[recommend]\nslots = 3\n[recommend.rules]\nmost_per_topic = 1\n")
    rows = told("recommend", "-c", config)["lists"]
    lists = {
        user: [row["topic"] for row in rows if row["user"] == user]
        for user in {row["user"] for row in rows}
    }
    assert all(len(topics) == len(set(topics)) == 3 for topics in lists.values())
    config.write_text(plain + '\n[recommend.rules]\ntopics = ["teas"]\n')
    result = run("recommend", "-c", config)
    assert result.exit_code == 2
    assert "There is no topic 'teas'" in result.stderr
