"""The demand verb on a small shop: what agrees with the forecast, the sheets, and what is said."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.demand import DEMAND_SCHEMA
from penchant.decisions.stock import SELLS_OUT
from penchant.pipeline import standing_forecast
from penchant.workspace import Workspace

SETTINGS = """
[sources]
events = ["events.parquet"]
catalog = "catalog.parquet"

[forecast]
windows = ["1-4", "5-8"]
model = "gamma_poisson"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demanding")
    config = folder / "penchant.toml"
    config.write_text(SETTINGS)
    log = WORLDS["mixed"](Shop(users=80, topics=6, steps=30, seed=2)).log
    users = log.events[c.USER].to_pylist()
    events = log.events.cast(
        pa.schema([field.with_nullable(True) for field in log.events.schema])
    ).set_column(log.events.schema.get_field_index(c.USER), c.USER, pa.array([None, *users[1:]]))
    pq.write_table(events, folder / "events.parquet")
    pq.write_table(log.catalog, folder / "catalog.parquet")
    items = log.catalog[c.ITEM].to_pylist()
    rows = [f"{item},{0 if n < 5 else 500},7" for n, item in enumerate(items)]
    (folder / "stock.csv").write_text("\n".join(["sku,stock,lead_time", *rows, "strange,3,7"]))
    told("ingest", "-c", config)
    told("fit", "-c", config)
    return config


def test_users_sums_are_the_standing_forecasts_and_topics_add_up(shop):
    found = told("demand", "-c", shop)
    assert found["stock"] is None
    assert any("No stock was given" in note for note in found["notes"])
    assert any("1 rows without a customer" in note for note in found["notes"])
    table = pq.read_table(found["paths"][0])
    assert table.schema.equals(DEMAND_SCHEMA)
    _, forecast, model = standing_forecast(Workspace.open(shop))
    assert found["model"] == model.name == "gamma_poisson"
    rows = table.to_pylist()
    told_topics = [row for row in rows if row[c.TREE_LEVEL] == "topic"]
    total = forecast.total("users").mean
    for t, topic in enumerate(forecast.topics_T.tolist()):
        mine = sum(row[c.USERS_SUM] for row in told_topics if row[c.TOPIC] == topic)
        assert mine == pytest.approx(total[t].sum(), rel=1e-9)
    of_shop = sum(row[c.MEAN] for row in rows if row[c.TREE_LEVEL] == "shop")
    assert of_shop == pytest.approx(sum(row[c.MEAN] for row in told_topics))


def test_a_stock_tells_what_sells_out_and_a_stranger_is_said(shop):
    found = told("demand", "--stock", shop.parent / "stock.csv", "--quick", "-c", shop)
    assert found["stock"][SELLS_OUT]
    assert all(row[c.ON_HAND] == 0 for row in found["stock"][SELLS_OUT])
    table = pq.read_table(found["paths"][1])
    strange = [row for row in table.to_pylist() if row[c.ITEM] == "strange"]
    assert strange[0][c.REORDER] is None
    assert any("never bought in the log" in note for note in found["notes"])
    assert any("No earlier forecast" in note for note in found["notes"])
    assert np.isfinite(table[c.UNITS].drop_null().to_numpy()).all()


def test_one_topic_can_be_asked_for_and_a_stranger_is_refused(shop):
    found = told("demand", "--quick", "--topic", "topic 1", "-c", shop)
    assert {row[c.TOPIC] for row in found["demand"]} == {"topic 1"}
    assert len(found["demand"]) == 8
    assert "no topic" in told("demand", "--quick", "--topic", "nope", "-c", shop, code=2)["error"]
    error = told("demand", "--quick", "--service", "95", "-c", shop, code=2)["error"]
    assert "between 0 and 1" in error


def test_people_get_tables(shop):
    words = ("demand", "--quick", "--stock", shop.parent / "stock.csv", "-c", shop)
    shown = run(*words).output
    assert "Demand by the week" in shown
    assert "Sells out" in shown
    assert "stock.parquet" in shown
    page = run("report", "-c", shop)
    assert page.exit_code == 0, page.output
    html = (shop.parent / ".penchant" / "report.html").read_text()
    assert "What will be wanted" in html
    assert "What will sell out" in html
