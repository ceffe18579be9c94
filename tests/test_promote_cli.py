"""The promote verb on a small shop whose campaigns' effects are planted."""

import csv
from datetime import datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from commands import run, told
from penchant import columns as c
from penchant.decisions.campaigns import offers_of
from penchant.decisions.offersignals import DAY, grid_of
from penchant.decisions.promotions import DOG, OFFER_SCHEMA, VERDICT_SCHEMA
from penchant.pipeline import recipe_named, workspace_history
from penchant.promoting import INTEREST, Asked, read_record
from penchant.recommend.sight import moment
from penchant.workspace import Workspace

SETTINGS = """
[sources]
events = ["events.csv"]
catalog = "catalog.csv"
promotions = "promotions.csv"

[forecast]
model = "gamma_poisson"
windows = ["1-4"]
"""
START, WEEKS, USERS, ITEMS = datetime(2024, 1, 1), 32, 500, 24
AT, LENGTH = 20, 4  # weeks: of the campaign dealt by lot
TARGETED = 26


def write(path, head, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def day(week):
    return (START + timedelta(weeks=week)).date().isoformat()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Who buys little is won by a campaign, who buys much is put off; another was targeted."""
    folder = tmp_path_factory.mktemp("promoting")
    rng = np.random.default_rng(5)
    rate_U = rng.gamma(4.0, 0.25, USERS)
    young_U = rate_U < np.median(rate_U)
    treated_U = rng.random(USERS) < 0.5
    active_U = rng.random(USERS) < 1 / (1 + np.exp(-3 * (rate_U - 1)))
    events = []
    for week in range(WEEKS):
        factor_U = np.ones(USERS)
        if AT <= week < AT + LENGTH:
            factor_U = np.where(treated_U, np.where(young_U, 3.0, 0.4), 1.0)
        for user, times in enumerate(rng.poisson(rate_U * factor_U)):
            for _ in range(times):
                when = START + timedelta(weeks=week, days=int(rng.integers(7)), hours=12)
                item = int(rng.integers(ITEMS))
                events.append((f"u{user:03}", f"i{item}", when.isoformat(), "purchase", 10))
                first, sent_U = (TARGETED, active_U) if week >= TARGETED else (AT, treated_U)
                heeds = first <= week < first + LENGTH and sent_U[user] and rng.random() < 0.5
                if item < 4 and heeds:
                    events.append((f"u{user:03}", f"i{item}", when.isoformat(), "redeem", ""))
    write(folder / "events.csv", ("user", "item", "time", "kind", "value"), events)
    goods = [(f"i{item}", f"shop > aisle {item % 4}") for item in range(ITEMS)]
    write(folder / "catalog.csv", ("item", "path"), goods)
    weeks = range(3, 30, 6)
    shown = [(f"i{item}", day(week), day(week + 1), 1) for week in weeks for item in (1, 2)]
    write(folder / "promotions.csv", ("item", "start", "end", "strength"), shown)
    sent = [(f"u{u:03}", "lot", day(AT), day(AT + LENGTH), int(treated_U[u])) for u in range(USERS)]
    sent += [
        (f"u{u:03}", "active", day(TARGETED), day(TARGETED + LENGTH), 1)
        for u in np.flatnonzero(active_U)
    ]
    write(folder / "sent.csv", ("user", "name", "start", "end", "treated"), sent)
    covered = [
        (name, coupon, f"i{item}")
        for name in ("lot", "active", "next")
        for coupon, items in (("a", range(2)), ("b", range(2, 4)))
        for item in items
    ]
    write(folder / "items.csv", ("name", "coupon", "item"), covered)
    (folder / "penchant.toml").write_text(SETTINGS)
    told("ingest", "-c", folder / "penchant.toml")
    return folder


def promote(shop, *options, code=0):
    files = ("--campaigns", shop / "sent.csv", "--items", shop / "items.csv")
    return told("promote", *files, *options, "-c", shop / "penchant.toml", code=code)


@pytest.fixture(scope="module")
def found(shop):
    return promote(shop, "--budget", "100", "--margin", "0.3", "--cost", "0.5")


def test_what_was_dealt_by_lot_is_uplift_and_what_was_targeted_is_not(found):
    verdicts = {row[c.CAMPAIGN]: row for row in found["campaigns"]}
    assert verdicts["lot"][c.DEALT]
    low, high = (verdicts["lot"][end] for end in (c.LOW, c.HIGH))
    assert low < verdicts["lot"][c.UPLIFT] < high
    assert verdicts["active"][c.UPLIFT] is None
    assert "it was targeted" in verdicts["active"][c.REASON]
    assert verdicts["lot"][c.RESPONSES] > 0


def test_the_budget_is_kept_and_what_it_brings_is_told(found):
    assert found["cost"] <= 100
    assert found["sent"] == pytest.approx(200, abs=1)
    assert 0 < found["low"] < found["margin"] < found["high"]


def test_everyone_has_a_row_and_sleeping_dogs_are_left_alone(found):
    table = pq.read_table(found["path"])
    assert table.schema.names == OFFER_SCHEMA.names
    assert len(table) == USERS == found["rows"]
    rows = table.to_pylist()
    dogs = [row for row in rows if row[c.REASON] == DOG]
    assert dogs
    assert not any(row[c.SEND] for row in dogs)
    assert all(row[c.UPLIFT] < 0 for row in dogs)
    sent = [row for row in rows if row[c.SEND]]
    assert len(sent) == found["sent"]
    assert sum(row[c.MARGIN] for row in sent) == pytest.approx(found["margin"], rel=1e-4)
    assert {row[c.COUPON] for row in rows} <= {"a", "b"}
    assert pq.read_table(found["verdicts_path"]).schema.names == VERDICT_SCHEMA.names


def test_what_an_offer_of_everything_should_sell_is_the_forecast(shop):
    workspace = Workspace.open(shop / "penchant.toml")
    history = workspace_history(workspace)
    standing = recipe_named(workspace, INTEREST).fit(history, workspace.task).predict(history)
    now = moment(history, history.cutoff)
    asked = Asked(campaigns=str(shop / "sent.csv"), items=str(shop / "items.csv"))
    record, _ = read_record(workspace, history, asked, now)
    items_I = record.past.items_I
    everything = offers_of(np.full(len(items_I), "next"), None, items_I)
    sight = record.sight(now, standing, (now, now + 28 * DAY))
    grid = grid_of(sight, history.interest.users_U, everything, 28.0)
    assert grid.column("interest").sum() == pytest.approx(standing.volume_UTW.sum(), rel=1e-4)


def test_where_nothing_tells_uplift_offers_go_by_response_and_it_says_so(shop, tmp_path):
    lines = (shop / "sent.csv").read_text().splitlines()
    targeted = [line.rpartition(",")[0] for line in lines if ",lot," not in line]
    (tmp_path / "sent.csv").write_text("\n".join(targeted))
    files = ("--campaigns", tmp_path / "sent.csv", "--items", shop / "items.csv")
    plan = ("--budget", "50", "--margin", "0.3", "--customer", "u001")
    found = told("promote", *files, *plan, "-c", shop / "penchant.toml")
    assert found["margin"] is found["cost"] is None
    assert any("response, not uplift" in note for note in found["notes"])
    assert any("the budget counts offers" in note for note in found["notes"])
    assert found["sent"] == 50
    rows = pq.read_table(found["path"]).to_pylist()
    sent = [row[c.CHANCE] for row in rows if row[c.SEND]]
    assert min(sent) >= max(row[c.CHANCE] for row in rows if not row[c.SEND])
    assert all(row[c.UPLIFT] is row[c.MARGIN] is None for row in rows)
    assert {row[c.USER] for row in found["offers"]} == {"u001"}


def test_people_read_refusals_and_offers(shop):
    files = ("--campaigns", str(shop / "sent.csv"), "--items", str(shop / "items.csv"))
    shown = run("promote", *files, "-c", shop / "penchant.toml").output
    assert "Whom to send what" in shown
    assert "active: What was known before" in shown
    assert "offers.parquet" in shown


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("sent.csv", "user,name,start,end\nu001,lot,soon,later\n", "give a day like"),
        ("sent.csv", "user,name,start,end\nu001,odd,2024-01-01,2024-02-01\n", "covers"),
        ("sent.csv", "user,name,start,end\nu001,lot,2024-02-01,2024-01-01\n", "ends before"),
        ("sent.csv", "user,start,end\nu001,2024-02-01,2024-03-01\n", "no column 'name'"),
        ("items.csv", "name,item\nlot,\n", "without a campaign's name or an item"),
    ],
)
def test_files_that_cannot_be_read_are_refused(shop, tmp_path, file, text, why):
    for name in ("sent.csv", "items.csv"):
        (tmp_path / name).write_text((shop / name).read_text())
    (tmp_path / file).write_text(text)
    files = ("--campaigns", tmp_path / "sent.csv", "--items", tmp_path / "items.csv")
    error = told("promote", *files, "-c", shop / "penchant.toml", code=2)["error"]
    assert why in error
