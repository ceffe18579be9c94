"""Promotions and holidays fall on the steps they cover, by their share of days."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.step import Step
from penchant.interest.calendar import Calendar, build_calendar
from penchant.interest.task import Window
from penchant.interest.topics import Topics

TOPICS = Topics(
    np.array(["bread", "wine"]),
    np.array(["all", "all"]),
    pa.table({c.ITEM: ["b1", "b2", "w1"], c.TOPIC: np.array([0, 0, 1], np.int32)}),
    1,
)


def promotions(*rows: tuple[str, str, str, float]) -> pa.Table:
    item, start, end, strength = zip(*rows, strict=True)
    columns = {
        c.ITEM: item,
        c.START: [datetime.fromisoformat(day) for day in start],
        c.END: [datetime.fromisoformat(day) for day in end],
        c.STRENGTH: strength,
    }
    return pa.table(columns, schema=PROMOTION_SCHEMA)


def holidays(*rows: tuple[str, str]) -> pa.Table:
    start, end = zip(*rows, strict=True)
    columns = {
        c.START: [datetime.fromisoformat(day) for day in start],
        c.END: [datetime.fromisoformat(day) for day in end],
        c.NAME: ["off"] * len(rows),
    }
    return pa.table(columns, schema=HOLIDAY_SCHEMA)


def by_month(promotion: pa.Table | None = None, holiday: pa.Table | None = None) -> Calendar:
    """Steps are the months from January 2021."""
    return build_calendar(promotion, holiday, TOPICS, Step.MONTH, 2021 * 12)


def test_a_promotion_over_a_month_boundary_spreads_by_days():
    calendar = by_month(promotions(("b1", "2021-01-22", "2021-02-15", 2.0)))
    np.testing.assert_allclose(
        calendar.promotion_TC, [[2 * 10 / 31, 2 * 14 / 28], [0, 0]], rtol=1e-6
    )


def test_promotions_of_a_topic_add_up():
    calendar = by_month(
        promotions(
            ("b1", "2021-03-01", "2021-04-01", 1.0),
            ("b2", "2021-03-01", "2021-03-16 12:00", 1.0),
            ("w1", "2021-01-01", "2021-03-01", 3.0),
            ("unknown", "2021-01-01", "2022-01-01", 9.0),
        )
    )
    np.testing.assert_allclose(calendar.promotion_TC, [[0, 0, 1.5], [3, 3, 0]], rtol=1e-6)


def test_what_lies_before_the_origin_is_left_out():
    calendar = by_month(promotions(("b1", "2020-11-15", "2021-02-01", 1.0)))
    np.testing.assert_allclose(calendar.promotion_TC, [[1], [0]])


def test_weeks_start_on_monday():
    origin = Step.WEEK.index_of(datetime(2021, 3, 1).date())
    table = promotions(("w1", "2021-03-06", "2021-03-09", 7.0))  # Saturday to Monday
    calendar = build_calendar(table, None, TOPICS, Step.WEEK, origin)
    np.testing.assert_allclose(calendar.promotion_TC, [[0, 0], [2, 1]], rtol=1e-6)


def test_holidays_are_a_share_of_the_days_and_at_most_all_of_them():
    calendar = by_month(
        None,
        holidays(
            ("2021-01-01", "2021-01-02"),
            ("2021-02-01", "2021-03-01"),
            ("2021-02-10", "2021-02-20"),
            ("2021-04-03", "2021-04-06"),
        ),
    )
    np.testing.assert_allclose(calendar.holiday_C, [1 / 31, 1, 0, 3 / 30], rtol=1e-6)


def test_windows_take_the_mean_and_an_unknown_future_is_nan():
    calendar = by_month(
        promotions(("b1", "2021-03-01", "2021-05-01", 1.0)), holidays(("2021-04-01", "2021-05-01"))
    )
    windows = (Window(0, 1), Window(0, 2), Window(1, 2), Window(1, 3))
    promotion_TW = calendar.promotion_TW(1, windows)
    np.testing.assert_allclose(promotion_TW, [[0, 0.5, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(calendar.holiday_W(1, windows), [0, 0, 0, 0.5])
    late_TW = calendar.promotion_TW(2, windows)
    assert np.isnan(late_TW).tolist() == [[False, False, False, True]] * 2
    assert np.isnan(calendar.holiday_W(2, windows)).tolist() == [False, False, False, True]


@pytest.mark.parametrize("none", [None, "empty"])
def test_without_promotions_and_holidays_nothing_is_known(none):
    promotion = PROMOTION_SCHEMA.empty_table() if none else None
    holiday = HOLIDAY_SCHEMA.empty_table() if none else None
    calendar = by_month(promotion, holiday)
    assert np.isnan(calendar.promotion_TW(0, (Window(0, 1),))).all()
    assert np.isnan(calendar.holiday_W(0, (Window(0, 1),))).all()


def test_promotions_of_items_nobody_knows_are_let_pass():
    calendar = by_month(promotions(("unknown", "2021-01-01", "2022-01-01", 9.0)))
    assert calendar.promotion_TC.shape == (2, 0)
