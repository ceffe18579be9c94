"""A log refuses tables that aren't what it says they are."""

import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.calendar import PROMOTION_SCHEMA
from penchant.data.log import Log
from penchant.data.worlds import Shop, stable
from penchant.errors import DataError


@pytest.fixture(scope="module")
def log() -> Log:
    return stable(Shop(users=5, topics=3, steps=8)).log


def test_events_of_items_outside_the_catalog_are_allowed(log: Log) -> None:
    assert len(Log("shop", log.events, log.catalog.slice(1)).catalog) == len(log.catalog) - 1


def test_a_missing_column_is_named(log: Log) -> None:
    with pytest.raises(DataError, match=r"events of 'shop' need the columns .*dwell.*; found"):
        Log("shop", log.events.drop_columns([c.DWELL]), log.catalog)


def test_a_wrong_type_is_named(log: Log) -> None:
    seconds = log.events[c.TIME].cast(pa.timestamp("s"))
    position = log.events.schema.get_field_index(c.TIME)
    with pytest.raises(DataError, match=r"need timestamp\[us\] in 'time'; found timestamp\[s\]"):
        Log("shop", log.events.set_column(position, c.TIME, seconds), log.catalog)


def test_nulls_in_a_required_column_are_counted(log: Log) -> None:
    nobody = pa.nulls(len(log.events), pa.string())
    with pytest.raises(DataError, match=f"'user'; found {len(log.events)} nulls"):
        Log("shop", log.events.set_column(0, c.USER, nobody), log.catalog)


def test_an_item_stands_in_the_catalog_once(log: Log) -> None:
    with pytest.raises(DataError, match="holds 120 rows for 60 items"):
        Log("shop", log.events, pa.concat_tables([log.catalog, log.catalog]))


def test_promotions_need_their_schema(log: Log) -> None:
    wrong = PROMOTION_SCHEMA.empty_table().rename_columns([c.ITEM, c.START, c.END, c.VALUE])
    with pytest.raises(DataError, match=r"promotions of 'shop' need the columns .*strength"):
        Log("shop", log.events, log.catalog, promotions=wrong)


def test_attributes_of_people_are_text(log: Log) -> None:
    with pytest.raises(DataError, match="need string in 'age'; found int64"):
        Log("shop", log.events, log.catalog, people=pa.table({c.USER: ["u0"], "age": [41]}))
