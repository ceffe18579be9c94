"""Steps of dates agree in Python and in the engine."""

from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.step import Step

every_step = pytest.mark.parametrize("step", list(Step))
dates = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@every_step
@given(dates)
def test_a_date_lies_in_its_step(step, when):
    index = step.index_of(when)
    assert step.start(index) <= when < step.start(index + 1)


@given(dates)
def test_a_week_starts_on_monday_and_a_month_on_its_first(when):
    assert Step.WEEK.start(Step.WEEK.index_of(when)).weekday() == 0
    assert Step.MONTH.start(Step.MONTH.index_of(when)).day == 1
    assert Step.DAY.start(Step.DAY.index_of(when)) == when


@every_step
def test_the_engine_counts_steps_alike(step):
    """Over random instants from 1930 to 2090, and both edges of days, weeks, months and years."""
    rng = np.random.default_rng(0)
    day = timedelta(days=1)
    edges = [date(year, month, 1) for year in (1969, 1970, 2000, 2024) for month in (1, 3, 12)]
    edges += [Step.WEEK.start(index) for index in (-1, 0, 1, 2600)]
    midnights = np.array([edge + k * day for edge in edges for k in (-1, 0, 1)], dtype="M8[us]")
    second = rng.integers(-40 * 365 * 86400, 120 * 365 * 86400, size=4000)
    time = np.concatenate(
        [
            np.datetime64(0, "us") + second.astype("timedelta64[s]"),
            midnights,
            midnights + np.timedelta64(86_399_999_999, "us"),
        ]
    )
    table = ibis.memtable(pa.table({c.TIME: time}))
    counted = table.mutate(step=step.expression(table[c.TIME])).to_pyarrow()
    whens = counted[c.TIME].to_numpy().astype("datetime64[D]").tolist()
    assert counted[c.STEP].to_pylist() == [step.index_of(when) for when in whens]


@every_step
def test_starts_are_those_of_each_step(step):
    index = np.array([600, 601, 700], dtype=np.int32)
    assert step.starts(index) == [step.start(int(i)) for i in index]


def test_a_number_of_steps_is_read_aloud():
    assert Step.WEEK.plural(1) == "1 week"
    assert Step.MONTH.plural(4) == "4 months"
    assert [step.per_year for step in Step] == [365, 52, 12]
