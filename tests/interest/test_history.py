"""Only `until` cuts time, and what it cuts away leaves no trace; outcomes are what came."""

from datetime import date
from functools import cache

import ibis
import numpy as np
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.history import History, build_history
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics

ROWS = [  # user, item, week, kind
    ("ann", "bread", 0, "purchase"),
    ("ann", "bread", 1, "purchase"),
    ("ann", "wine", 4, "view"),
    ("ann", "wine", 5, "purchase"),
    ("bob", "bread", 2, "purchase"),
    ("bob", "bread", 2, "purchase"),
    ("bob", "bread", 6, "return"),
    ("cat", "wine", 5, "purchase"),
]
PEOPLE = pa.table({c.USER: ["ann", "bob", "cat", "dan"], "region": ["n", "s", "w", "e"]})


@cache
def history() -> History:
    user, item, week, kind = zip(*ROWS, strict=True)
    start = np.datetime64("2021-03-01T10", "us")
    table = pa.table(
        {
            c.USER: user,
            c.ITEM: item,
            c.TIME: start + (np.array(week) * 7).astype("timedelta64[D]"),
            c.KIND: kind,
            c.VALUE: np.ones(len(ROWS)),
        }
    )
    events = ibis.memtable(table)
    return build_history(events, choose_topics(events, None, floor=0), people=PEOPLE)


def test_a_history_holds_all_events():
    whole = history()
    assert whole.cutoff == 7
    assert whole.cutoff_date == date(2021, 4, 19)
    assert whole.interest.kinds_K == ("purchase", "return", "view")
    assert whole.population.users == 3
    np.testing.assert_array_equal(
        whole.topic_count_TS(("purchase",)), [[1, 1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2, 0]]
    )
    assert whole.topic_count_TS(("purchase", "return", "view")).sum() == len(ROWS)
    assert whole.topic_count_TS(("wish",)).sum() == 0


def test_until_leaves_out_users_kinds_and_people_nobody_had_seen():
    past = history().until(3)
    assert past.cutoff == 3
    assert past.cutoff_date == date(2021, 3, 22)
    assert past.interest.users_U.tolist() == ["ann", "bob"]
    assert past.interest.kinds_K == ("purchase",)
    assert past.interest.count_NK.shape[1] == 1
    assert past.population.count_KTS.shape == (1, 2, 3)
    assert past.population.users == 2
    assert past.people[c.USER].to_pylist() == ["ann", "bob"]
    np.testing.assert_array_equal(past.topic_count_TS(("purchase",)), [[1, 1, 2], [0, 0, 0]])


def test_a_panel_keeps_its_users_but_not_the_kinds_to_come():
    past = history().until(5, panel=True)
    assert past.interest.users_U.tolist() == ["ann", "bob", "cat"]
    assert past.interest.kinds_K == ("purchase", "view")
    assert past.population.users == 3
    assert past.people is PEOPLE
    np.testing.assert_array_equal(
        past.interest.count_UT(("purchase", "view"), 0, 5), [[2, 1], [2, 0], [0, 0]]
    )


def test_cutting_twice_is_cutting_once():
    once, twice = history().until(3), history().until(5).until(3)
    assert once.interest.users_U.tolist() == twice.interest.users_U.tolist()
    assert once.interest.kinds_K == twice.interest.kinds_K
    np.testing.assert_array_equal(once.interest.count_NK, twice.interest.count_NK)
    np.testing.assert_array_equal(once.population.count_KTS, twice.population.count_KTS)


def test_a_history_in_which_nobody_has_come_yet_is_refused():
    late = history().only(np.array([2]))
    with pytest.raises(HistoryError, match="first 5 steps"):
        late.until(5)
    empty = late.until(5, panel=True)
    assert empty.interest.kinds_K == ()
    assert empty.topic_count_TS(("purchase",)).tolist() == [[0] * 5] * 2


def test_a_block_keeps_the_totals_of_the_whole_shop():
    blocks = list(history().blocks(2))
    assert [block.interest.users_U.tolist() for block in blocks] == [["ann", "bob"], ["cat"]]
    for block in blocks:
        assert block.population is history().population
    assert blocks[1].interest.count_UT(("purchase",), 0, 7).tolist() == [[0, 1]]


def test_the_outcome_is_what_came_in_each_window():
    task = Task(windows=(Window(0, 2), Window(2, 4)), target=("purchase",))
    came = outcome(history(), np.array(["ann", "bob", "cat"]), 2, task)
    assert came.windows_W == task.windows
    assert came.count_UTW.tolist() == [[[0, 0], [0, 1]], [[2, 0], [0, 0]], [[0, 0], [0, 1]]]


def test_the_outcome_counts_the_kinds_of_the_target():
    task = Task(windows=(Window(0, 2),), target=("return", "view"))
    came = outcome(history(), np.array(["bob", "ann"]), 4, task)
    assert came.users_U.tolist() == ["bob", "ann"]
    assert came.count_UTW.tolist() == [[[0], [0]], [[0], [1]]]


def test_an_outcome_that_has_not_come_yet_is_refused():
    with pytest.raises(HistoryError, match="ends 3 steps after it"):
        outcome(history(), np.array(["ann"]), 4, Task(windows=(Window(0, 4),)))


@pytest.mark.parametrize("user", ["dan", "aaa", "zoe"])
def test_the_outcome_of_an_unknown_user_is_refused(user):
    with pytest.raises(HistoryError, match="every user"):
        outcome(history(), np.array([user]), 2, Task(windows=(Window(0, 2),)))


def test_days_and_months_are_steps_too():
    topics = history().topics
    start = np.datetime64("2021-01-31T23:59:59", "us")
    second = np.array([0, 1, 86_400 * 28], dtype="timedelta64[s]")
    events = pa.table(
        {
            c.USER: ["ann"] * 3,
            c.ITEM: ["bread"] * 3,
            c.TIME: start + second,
            c.KIND: ["purchase"] * 3,
            c.VALUE: [1.0, None, 2.0],
        }
    )
    table = ibis.memtable(events)
    assert build_history(table, topics, step=Step.DAY).cutoff == 29
    months = build_history(table, topics, step=Step.MONTH)
    assert months.topic_count_TS(("purchase",)).tolist() == [[1, 2], [0, 0]]
    assert months.cutoff_date == date(2021, 3, 1)


def test_users_named_keep_their_order_and_strangers_have_nothing():
    whole = history()
    some = whole.of(np.array(["zoe", "cat", "ann", "abe"]))
    assert some.interest.users_U.tolist() == ["zoe", "cat", "ann", "abe"]
    assert np.diff(some.interest.start_U).tolist() == [0, 1, 4, 0]
    own_UT, known_UT = (found.interest.count_UT(("purchase",), 0, 7) for found in (some, whole))
    np.testing.assert_array_equal(own_UT, [[0, 0], known_UT[2], known_UT[0], [0, 0]])
    assert some.population.users == 3
