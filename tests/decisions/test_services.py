"""Services agree with the forecast, fall due when customers come, and say what isn't known."""

from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.replenishment import due
from penchant.decisions.services import SERVICES_SCHEMA
from penchant.errors import HistoryError
from penchant.interest.history import build_history
from penchant.interest.interactions import build_interactions
from penchant.interest.model import make_forecast
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson
from penchant.servicing import offer

TASK = Task(windows=(Window(0, 4),))
START = datetime(2023, 1, 2)


def log_of(rows):
    """A history and its interactions, of (user, item, week, price, kind) rows."""
    columns = {field.name: pa.nulls(len(rows), field.type) for field in EVENT_SCHEMA}
    columns |= {
        c.USER: pa.array([row[0] for row in rows]),
        c.ITEM: pa.array([row[1] for row in rows]),
        c.TIME: pa.array([START + timedelta(weeks=row[2]) for row in rows]),
        c.KIND: pa.array([row[4] for row in rows]),
        c.VALUE: pa.array([row[3] for row in rows], pa.float64()),
        c.EVENT: pa.array([str(n) for n in range(len(rows))]),
    }
    events = ibis.memtable(pa.table(columns).cast(EVENT_SCHEMA))
    history = build_history(events, choose_topics(events, None, floor=0))
    return history, build_interactions(events, ("purchase",))


def served(history, past, task=TASK):
    forecast = GammaPoisson().fit(history, task).predict(history)
    return offer(history, forecast, past, task.target), forecast


@pytest.fixture(scope="module")
def cadenced():
    """A world of steady buyers, known up to week 60 of 64."""
    world = WORLDS["cadenced"](Shop(users=200, topics=8, steps=64, seed=2))
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    whole = build_history(events, choose_topics(events, catalog, level=2, floor=0))
    return whole.until(60), whole, build_interactions(events, TASK.target)


def test_chances_and_units_are_the_forecasts(cadenced):
    history, _, past = cadenced
    found, forecast = served(history, past)
    table = found.services.to_table()
    assert table.schema == SERVICES_SCHEMA
    rows = table.to_pylist()
    assert len(rows) > 100
    user = {name: row for row, name in enumerate(forecast.users_U.tolist())}
    topic = {name: row for row, name in enumerate(forecast.topics_T.tolist())}
    for row in rows:
        at = (user[row[c.USER]], topic[row[c.TOPIC]], 0)
        assert row[c.CHANCE] == forecast.chance_UTW[at]
        assert row[c.VOLUME] == forecast.volume_UTW[at]
        assert row[c.EARLIEST] <= row[c.DUE] <= row[c.LATEST]
        assert history.cutoff_date <= row[c.EARLIEST]
        assert row[c.LATEST] < history.cutoff_date + timedelta(weeks=4)
    again = [row for row in rows if row[c.SERVICE] in ("subscription", "refill")]
    likely = (forecast.chance_UTW[:, :, 0] >= 0.5).sum()
    assert 0.8 * likely < len(again) <= likely  # but for those with too few gaps


def test_due_dates_of_steady_buyers_come_true(cadenced):
    history, whole, _ = cadenced
    told = due(history, TASK.target, 4)
    assert told.learned
    later = whole.interest
    bought_N = later.step_N >= 60
    when = np.full((len(later.users_U), len(later.topics_T)), 99)
    place = (later.user_N[bought_N], later.topic_N[bought_N])
    np.minimum.at(when, place, later.step_N[bought_N] - 60)
    users = np.searchsorted(later.users_U, history.interest.users_U)
    next_C = when[users[told.user_C], told.topic_C]
    came_C = next_C < 4
    assert came_C.sum() > 150
    off_C = np.abs(told.due_C - next_C)[came_C]
    constant = np.abs(1.5 - next_C)[came_C].mean()
    assert off_C.mean() < 0.75 * constant
    held_C = (told.early_C <= next_C) & (next_C <= told.late_C)
    assert held_C[came_C].mean() > 0.75


def test_a_small_shop_tells_regular_topics_only_and_says_so():
    rows = [("ann", "tea", week, None, "purchase") for week in range(0, 40, 4)]
    rows += [("bob", "jam", week, None, "purchase") for week in (0, 1, 9, 11, 30, 39)]
    history, past = log_of(rows)
    forecast = make_forecast(history, TASK, np.full((2, 2, 1), 0.9), np.full((2, 2, 1), 2.5))
    found = offer(history, forecast, past, TASK.target)
    assert [row[c.USER] for row in found.services.to_table().to_pylist()] == ["ann"]
    (row,) = found.services.to_table().to_pylist()
    assert row[c.SERVICE] == "subscription"
    assert row[c.ITEM] == "tea"
    assert row[c.DUE] == (START + timedelta(weeks=40)).date()
    assert row[c.REASON] == "in 10 weeks, about every 4 weeks; last on 2023-09-11"
    assert any("Too few purchases came again" in note for note in found.services.notes)
    assert any("No purchase has a price" in note for note in found.services.notes)
    assert any("No topic is a complement" in note for note in found.services.notes)


def test_a_dear_single_purchase_is_worth_a_warranty_and_returns_lower_the_bar():
    rows = [(f"u{u}", "tea", week, 5.0, "purchase") for u in range(30) for week in range(0, 40, 5)]
    rows += [("u1", "kettle", 38, 80.0, "purchase"), ("u2", "lamp", 38, 25.0, "purchase")]
    rows += [("u3", "kettle", 3, 80.0, "purchase"), ("u0", "tea", 39, 5.0, "purchase")]
    found, _ = served(*log_of(rows))
    dear = [row for row in found.services.to_table().to_pylist() if row[c.SERVICE] == "warranty"]
    assert [(row[c.USER], row[c.ITEM]) for row in dear] == [("u1", "kettle")]
    assert dear[0][c.CHANCE] is None
    assert dear[0][c.REASON] == "bought on 2023-09-25 for 80.00, 16 times the usual price"
    assert any("No returns are logged" in note for note in found.services.notes)
    rows += [
        (f"u{u}", "lamp", 4, 25.0, kind) for u in range(4, 9) for kind in ("purchase", "return")
    ]
    found, _ = served(*log_of(rows))
    dear = [row for row in found.services.to_table().to_pylist() if row[c.SERVICE] == "warranty"]
    assert {(row[c.USER], row[c.ITEM]) for row in dear} == {("u1", "kettle"), ("u2", "lamp")}
    assert not any("returns" in note for note in found.services.notes)


def test_what_follows_something_lasting_is_an_accessory():
    random = np.random.default_rng(0)
    rows = []
    for u in range(200):
        rows += [
            (f"u{u}", "tea", int(w), None, "purchase") for w in range(60) if random.random() < 0.4
        ]
        week = 58 if u < 5 else int(random.integers(0, 50))
        rows.append((f"u{u}", "kettle", week, None, "purchase"))
        if u >= 5 and random.random() < 0.8:
            rows.append((f"u{u}", "descaler", week + 2, None, "purchase"))
        elif u >= 5:
            rows.append((f"u{u}", "descaler", int(random.integers(0, 60)), None, "purchase"))
    found, forecast = served(*log_of([*rows, ("u9", "tea", 59, None, "purchase")]))
    pairs = [
        (row[c.FROM], row[c.TO]) for row in found.complements.to_pylist() if row[c.LEVEL] == "topic"
    ]
    assert pairs == [("kettle", "descaler")]
    rows = [row for row in found.services.to_table().to_pylist() if row[c.SERVICE] == "accessory"]
    assert {row[c.USER] for row in rows} == {f"u{u}" for u in range(5)}
    assert {row[c.TOPIC] for row in rows} == {"descaler"}
    assert "bought kettle on 2024-02-12" in rows[0][c.REASON]
    assert forecast.step.start(forecast.origin) == rows[0][c.DUE]  # two weeks after the kettle


def test_another_forecast_is_refused(cadenced):
    history, _, past = cadenced
    late = Task(windows=(Window(4, 8),))
    made = GammaPoisson().fit(history, late).predict(history)
    with pytest.raises(HistoryError, match="first window"):
        offer(history, made, past, TASK.target)
    with pytest.raises(HistoryError, match="users and topics"):
        offer(history, made.only(np.arange(5)), past, TASK.target)
