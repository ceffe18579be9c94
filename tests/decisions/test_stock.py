"""What to hold of items whose demand is planted, and where nothing can be said."""

from dataclasses import replace

import numpy as np
import pytest

from models.shops import history_of
from penchant import columns as c
from penchant.decisions.demand import Users, demand
from penchant.decisions.stock import (
    CLEAR,
    ENOUGH,
    ORDER,
    SELLS_OUT,
    STOCK_SCHEMA,
    UNKNOWN,
    Sales,
    Stock,
    inventory,
    share_I,
)
from penchant.errors import SettingsError
from penchant.interest.task import Task, Window

STEPS, AHEAD, ITEMS = 40, 8, 40
TASK = Task(windows=(Window(0, 4), Window(4, 8)))
RATE_I = np.geomspace(0.2, 12.0, ITEMS)  # a week


def stock_of(items, **told):
    columns = {"on_hand": 50.0, "on_order": 0.0, "lead": 14.0, "lead_spread": 0.0, "review": 0.0}
    columns |= told
    names = [f"i{n:03}" for n in range(items)]
    return Stock(np.array(names), *(np.full(items, value) for value in columns.values()))


@pytest.fixture(scope="module")
def planted():
    """Items of one topic at rates of their own; later weeks are kept to hold points against."""
    random = np.random.default_rng(0)
    count_IS = random.poisson(RATE_I[:, None], (ITEMS, STEPS + AHEAD)).astype(float)
    known_IS = count_IS[:, :STEPS]
    count_UTS = np.zeros((4, 2, STEPS))
    count_UTS[0, 0], count_UTS[1, 1] = known_IS.sum(axis=0), 1.0
    history = history_of(count_UTS)
    sums_TW = history.topic_count_TS(TASK.target)[:, -4:].sum(axis=1, keepdims=True).repeat(2, 1)
    made = demand(history, Users.of(STEPS, TASK.windows, sums_TW), TASK)
    totals_I = known_IS.sum(axis=1)
    sales = Sales(np.zeros(ITEMS, dtype=np.int64), known_IS, totals_I, totals_I)
    return made, history.topic_count_TS(TASK.target).astype(float), sales, count_IS[:, STEPS:]


@pytest.mark.parametrize("service", [0.5, 0.95])
def test_stock_at_the_reorder_point_lasts_as_often_as_asked(planted, service):
    made, count_TS, sales, came_IH = planted
    lasted = []
    for weeks in (1, 3):
        found = inventory(made, count_TS, sales, stock_of(ITEMS, lead=7.0 * weeks), service)
        mean_I = RATE_I * weeks
        assert np.corrcoef(found.reorder_I - found.safety_I, mean_I)[0, 1] > 0.95
        random = np.random.default_rng(weeks)
        lasted.append(random.poisson(mean_I, (400, ITEMS)) <= found.reorder_I)
    assert np.mean(lasted) >= service - 0.06
    assert came_IH.shape == (ITEMS, AHEAD)


def test_points_rise_with_service_lead_time_its_spread_and_review(planted):
    made, count_TS, sales, _ = planted
    plain = inventory(made, count_TS, sales, stock_of(ITEMS), 0.9).reorder_I.sum()
    for told in ({"lead": 28.0}, {"lead_spread": 10.0}, {"review": 7.0}):
        assert (
            inventory(made, count_TS, sales, stock_of(ITEMS, **told), 0.9).reorder_I.sum() > plain
        )
    assert inventory(made, count_TS, sales, stock_of(ITEMS), 0.99).reorder_I.sum() > plain


def test_units_scale_what_is_needed(planted):
    made, count_TS, sales, _ = planted
    by_six = replace(sales, units_I=6 * sales.units_I, squares_I=36 * sales.squares_I)
    one = inventory(made, count_TS, sales, stock_of(ITEMS), 0.9)
    six = inventory(made, count_TS, by_six, stock_of(ITEMS), 0.9)
    assert six.units_I == pytest.approx(6 * one.units_I)
    assert six.reorder_I.sum() == pytest.approx(6 * one.reorder_I.sum(), rel=0.25)


def test_an_item_sold_by_the_litre_leaves_the_others_points_alone(planted):
    made, count_TS, sales, _ = planted
    litres = replace(sales, units_I=sales.units_I.copy(), squares_I=sales.squares_I.copy())
    litres.units_I[3] *= 10_000
    litres.squares_I[3] *= 4e8  # as far apart again as its mean
    plain = inventory(made, count_TS, sales, stock_of(ITEMS), 0.9).reorder_I
    found = inventory(made, count_TS, litres, stock_of(ITEMS), 0.9).reorder_I
    assert found[20:].sum() == pytest.approx(plain[20:].sum(), rel=0.1)


def test_items_share_out_their_topic(planted):
    made, count_TS, sales, _ = planted
    assert share_I(sales, count_TS, STEPS).sum() == pytest.approx(1.0)
    found = inventory(made, count_TS, sales, stock_of(ITEMS), 0.9)
    topic = made.mean_NH[-2].sum()
    assert found.units_I.sum() == pytest.approx(topic)


def test_what_sells_out_is_to_be_ordered_or_to_be_cleared_is_told_in_that_order(planted):
    made, count_TS, sales, _ = planted
    held = stock_of(ITEMS, on_hand=40.0)
    held.on_hand_I[-1], held.on_hand_I[-2], held.on_hand_I[-3] = 1.0, 30.0, 60.0
    found = inventory(made, count_TS, sales, held, 0.95)
    assert found.advice_I[-1] == SELLS_OUT
    assert found.advice_I[-2] == ORDER
    assert found.advice_I[-3] == ENOUGH
    assert found.advice_I[0] == CLEAR
    assert found.cover_I[-3] == pytest.approx(7 * 60 / RATE_I[-3], rel=0.4)
    table = found.to_table()
    assert table.schema == STOCK_SCHEMA
    assert table[c.ADVICE][0].as_py() == SELLS_OUT
    coming = replace(held, on_order_I=np.full(ITEMS, 100.0))
    assert ORDER not in inventory(made, count_TS, sales, coming, 0.95).advice_I


def test_what_cannot_be_told_is_empty_and_said(planted):
    made, count_TS, sales, _ = planted
    sales = replace(sales, topic_I=sales.topic_I.copy(), count_IS=sales.count_IS.copy())
    sales.topic_I[0] = -1
    sales.count_IS[1] = 0
    held = stock_of(ITEMS, lead=np.nan, review=np.nan)
    found = inventory(made, count_TS, sales, held, 0.95)
    rows = {row[c.ITEM]: row for row in found.to_table().to_pylist()}
    for item in ("i000", "i001"):
        assert rows[item][c.ADVICE] == UNKNOWN
        assert rows[item][c.UNITS] is None
    assert rows["i000"][c.TOPIC] is None
    assert rows["i030"][c.UNITS] > 0
    assert rows["i030"][c.COVER] > 0
    for name in (c.REORDER, c.SAFETY, c.SOLD_OUT):
        assert rows["i030"][name] is None
    said = " ".join(found.notes)
    assert "2 of 40 items" in said
    assert "no lead time" in said
    assert "review period" in said


def test_a_lead_time_beyond_the_forecast_goes_on_and_is_said(planted):
    made, count_TS, sales, _ = planted
    far = inventory(made, count_TS, sales, stock_of(ITEMS, lead=7.0 * 16), 0.5)
    near = inventory(made, count_TS, sales, stock_of(ITEMS, lead=7.0 * 8), 0.5)
    assert "take longer to arrive" in " ".join(far.notes)
    assert far.reorder_I.sum() == pytest.approx(2 * near.reorder_I.sum(), rel=0.15)


def test_a_service_level_that_is_none_is_refused(planted):
    made, count_TS, sales, _ = planted
    for service in (0.0, 1.0, 95.0):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            inventory(made, count_TS, sales, stock_of(ITEMS), service)
