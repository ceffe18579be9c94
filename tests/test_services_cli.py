"""The services verb on a small shop: the tables, the sheets, and who is asked for."""

import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.dashboard.services import services_section
from penchant.data.worlds import WORLDS, Shop
from penchant.pipeline import standing_forecast
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

SHOWN = ("chart", "table")
SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"

[topics]
level = 2
floor = 0

[forecast]
windows = ["1-4", "5-8"]
model = "gamma_poisson"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    (folder / "penchant.toml").write_text(SETTINGS)
    log = WORLDS["complementary"](Shop(users=160, topics=8, steps=50, seed=1)).log
    pq.write_table(log.events, folder / "events.parquet")
    pq.write_table(log.catalog, folder / "catalog.parquet")
    config = folder / "penchant.toml"
    told("ingest", "-c", config)
    told("fit", "-c", config)
    return config


def test_both_sheets_are_written_and_agree_with_the_forecast(shop):
    found = told("services", "--top", "3", "-c", shop)
    sheets = read_sheets(Workspace.open(shop))
    rows = sheets["services"].rows
    assert found["rows"] == len(rows) > 50
    assert found["window"] == "1-4"
    assert len(found["complements"]) == min(3, len(sheets["complements"].rows)) > 0
    _, forecast, _ = standing_forecast(Workspace.open(shop))
    user = {name: row for row, name in enumerate(forecast.users_U.tolist())}
    topic = {name: row for row, name in enumerate(forecast.topics_T.tolist())}
    told_rows = [row for row in rows if row[c.CHANCE] is not None]
    told_units = sum(row[c.VOLUME] for row in told_rows)
    at = tuple(zip(*((user[r[c.USER]], topic[r[c.TOPIC]], 0) for r in told_rows), strict=True))
    assert told_units == pytest.approx(forecast.volume_UTW[at].sum(), rel=1e-5)


def test_a_stranger_is_refused(shop):
    assert "no customer" in told("services", "--customer", "nobody", "-c", shop, code=2)["error"]


def test_people_get_tables_and_the_report_a_section(shop):
    shown = run("services", "--within", "3", "-c", shop).output
    assert "Services, weeks 1-4 ahead" in shown
    assert "What is bought after what" in shown
    sheets = read_sheets(Workspace.open(shop))
    blocks = {
        block.title: block for block in services_section(sheets).blocks if block.kind in SHOWN
    }
    assert set(blocks) == {
        "When services are due",
        "What comes again most",
        "Whom to ask first",
        "What is bought after what",
    }
    due = blocks["When services are due"].rows
    assert sum(sum(row[1:]) for row in due) == len(sheets["services"].rows)


def test_one_customer_can_be_asked_for_and_too_long_a_lag_is_said(shop):
    user = read_sheets(Workspace.open(shop))["services"].rows[0][c.USER]
    found = told("services", "--within", "30", "--customer", user, "-c", shop)
    assert {row[c.USER] for row in found["services"]} == {user}
    assert any("Too few steps are known to learn complements" in note for note in found["notes"])
    assert found["complements"] == []
