"""The interest tensor counts what a plain group-by counts."""

from functools import cache

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.interest import Interest, build_interest

TOPICS = np.array(["bread", "cheese", "wine"])
KINDS = ("purchase", "return", "view")
FIRST_DAY = np.datetime64("2021-03-01", "us")  # a Monday


@cache
def events() -> pd.DataFrame:
    """Random events over 30 weeks; some without an item, a topic or a value."""
    rng = np.random.default_rng(5)
    size = 3000
    item = rng.integers(12, size=size)
    return pd.DataFrame(
        {
            c.USER: np.char.add("u", rng.integers(25, size=size).astype(str)),
            c.ITEM: np.where(item < 11, np.char.add("i", item.astype(str)), None),
            c.TIME: FIRST_DAY + rng.integers(0, 30 * 7 * 86400, size=size).astype("timedelta64[s]"),
            c.KIND: rng.choice(KINDS, p=[0.6, 0.1, 0.3], size=size),
            c.VALUE: np.where(rng.random(size) < 0.9, rng.random(size).round(2), np.nan),
        }
    )


def items() -> pa.Table:
    """Items 0 to 8 have a topic; 9 and 10 don't."""
    codes = np.arange(9, dtype=np.int32) % len(TOPICS)
    return pa.table({c.ITEM: [f"i{i}" for i in range(9)], c.TOPIC: codes})


@cache
def interest() -> Interest:
    table = ibis.memtable(pa.Table.from_pandas(events(), preserve_index=False))
    return build_interest(table, ibis.memtable(items()), TOPICS, KINDS, Step.WEEK)


@cache
def placed() -> pd.DataFrame:
    """Events with a topic, their week, and their money."""
    frame = events().merge(items().to_pandas(), on=c.ITEM)
    frame["week"] = (frame[c.TIME] - pd.Timestamp(FIRST_DAY)).dt.days // 7
    sign = frame[c.KIND].map({"purchase": 1, "return": -1, "view": 0})
    frame["gain"] = sign * frame[c.VALUE].fillna(0)
    return frame


def counted(frame: pd.DataFrame, weight="one") -> np.ndarray:
    """Sum of a weight for each user and topic, by plain group-by."""
    sums = frame.assign(one=1).groupby([c.USER, c.TOPIC])[weight].sum().unstack(fill_value=0)
    return sums.reindex(interest().users_U, fill_value=0).reindex(columns=range(3), fill_value=0)


def test_users_are_sorted_and_steps_span_the_events():
    assert interest().users_U.tolist() == sorted(placed()[c.USER].unique())
    assert interest().origin == Step.WEEK.index_of(FIRST_DAY.astype("M8[D]").item())
    assert interest().shape == (25, 3, 30)
    order = np.lexsort((interest().step_N, interest().topic_N, interest().user_N))
    assert (order == np.arange(len(order))).all()
    cells = np.stack([interest().user_N, interest().topic_N, interest().step_N])
    assert len(np.unique(cells, axis=1).T) == len(order), "One entry a cell."


@pytest.mark.parametrize("kinds", [("purchase",), ("view", "return"), KINDS, ("wish",)])
@pytest.mark.parametrize(("start", "end"), [(0, 30), (4, 8), (29, 30), (10, 10)])
def test_counts_are_those_of_a_group_by(kinds, start, end):
    frame = placed()
    inside = frame[c.KIND].isin(kinds) & frame["week"].between(start, end - 1)
    np.testing.assert_array_equal(interest().count_UT(kinds, start, end), counted(frame[inside]))


def test_money_is_purchases_less_returns():
    money_UT = interest().sum_UT(interest().money_N)
    np.testing.assert_allclose(money_UT, counted(placed(), "gain"), atol=1e-4)
    assert interest().money_N.min() < 0, "Some cells gave back more than they bought."


def test_decayed_counts_halve_with_age():
    frame = placed()[placed()[c.KIND] == "purchase"]
    frame = frame.assign(weight=0.5 ** ((29 - frame["week"]) / 6.0))
    np.testing.assert_allclose(
        interest().decayed_UT(("purchase",), 6.0), counted(frame, "weight"), rtol=1e-5
    )


def test_until_keeps_the_first_steps_alone():
    cut = interest().until(12)
    frame = placed()[placed()["week"] < 12]
    assert cut.shape == (25, 3, 12)
    np.testing.assert_array_equal(cut.count_UT(KINDS, 0, 30), counted(frame))
    decayed_UT = counted(frame.assign(weight=0.5 ** ((11 - frame["week"]) / 3.0)), "weight")
    np.testing.assert_allclose(cut.decayed_UT(KINDS, 3.0), decayed_UT, rtol=1e-5)


@pytest.mark.parametrize("steps", [0, -1, 31])
def test_until_refuses_what_is_not_known(steps):
    with pytest.raises(HistoryError, match="give 1 to 30"):
        interest().until(steps)


@pytest.mark.parametrize("row", [[3, 0, 24], [7], []])
def test_only_keeps_users_in_the_order_asked(row):
    row_U = np.array(row, dtype=np.int64)
    some = interest().only(row_U)
    assert some.users_U.tolist() == interest().users_U[row_U].tolist()
    np.testing.assert_array_equal(
        some.count_UT(KINDS, 0, 30), interest().count_UT(KINDS, 0, 30)[row_U]
    )
    assert len(some.start_U) == len(row) + 1


def test_events_without_a_topic_are_refused_when_nothing_is_left():
    strange = events().assign(**{c.ITEM: "nothing we sell"})
    table = ibis.memtable(pa.Table.from_pandas(strange, preserve_index=False))
    with pytest.raises(HistoryError, match="appear in the catalog"):
        build_interest(table, ibis.memtable(items()), TOPICS, KINDS, Step.WEEK)


def test_entries_of_different_lengths_are_refused():
    whole = interest()
    parts = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
    with pytest.raises(HistoryError, match="one length"):
        Interest(**parts | {"money_N": whole.money_N[:-1]})
    with pytest.raises(HistoryError, match="outside them"):
        Interest(**parts | {"steps": 10})
