"""Events joined to a history are what a build from all of them would say."""

from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.interest.fresh import Event, Known, fresh_history, fresh_past
from penchant.interest.history import History, build_history
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.topics import Topics, choose_topics

MONDAY = datetime(2024, 1, 1)
USERS, ITEMS, KINDS = (
    ("ann", "bob", "cid"),
    ("a1", "a2", "b1", "b2"),
    ("purchase", "return", "view"),
)
ORDERS = (None, "o1", "o2", "o3")

events = st.builds(
    Event,
    user=st.sampled_from(USERS),
    item=st.sampled_from(ITEMS),
    kind=st.sampled_from(KINDS),
    time=st.integers(0, 60 * 24 * 30).map(lambda m: MONDAY + timedelta(minutes=m)),
    value=st.sampled_from((None, 1.5, 2.0)),
    quantity=st.sampled_from((None, 2.0)),
    order=st.sampled_from(ORDERS),
)
# Everyone, everything and every kind is known from the first days.
FIRST = [
    Event(user=user, item=item, kind=kind, time=MONDAY, value=1.0, order=f"first {kind}")
    for user in USERS[:2]
    for item in ITEMS
    for kind in KINDS
]


def table(told: list[Event]) -> ibis.Table:
    rows = [{**vars(event), c.EVENT: str(n), c.DWELL: None} for n, event in enumerate(told)]
    return ibis.memtable(pa.Table.from_pylist(rows, schema=EVENT_SCHEMA))


@pytest.fixture(scope="module")
def topics() -> Topics:
    catalog = pa.table({c.ITEM: ITEMS, c.PATH: [["A"], ["A"], ["B"], ["B"]]})
    return choose_topics(table(FIRST), ibis.memtable(catalog), level=1, floor=0)


def cells(history: History) -> dict[tuple[str, str, int], tuple[float, ...]]:
    held = history.interest
    return {
        (str(held.users_U[u]), str(held.topics_T[t]), int(s)): (*map(float, counts), float(money))
        for u, t, s, counts, money in zip(
            held.user_N, held.topic_N, held.step_N, held.count_NK, held.money_N, strict=True
        )
    }


def rows(past: Interactions) -> list[tuple[object, ...]]:
    return [
        (past.users_U[u], past.items_I[i], past.kinds_K[k], t, b - past.basket_N[past.start_U[u]])
        for u, i, k, t, b in zip(
            past.user_N, past.item_N, past.kind_N, past.time_N, past.basket_N, strict=True
        )
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(events, max_size=12), st.lists(events, max_size=12))
def test_joined_is_built(topics: Topics, before: list[Event], after: list[Event]) -> None:
    last = Event(user="ann", item="a1", kind="view", time=MONDAY + timedelta(days=34))
    held, told = [*FIRST, *before, last], [*FIRST, *before, last, *after]
    users_B = np.array(sorted(USERS))
    user_N = np.searchsorted(users_B, [event.user for event in after]).astype(np.int32)
    built = build_history(table(told), topics)
    joined = fresh_history(
        build_history(table(held), topics).of(users_B), user_N, after, Known.of(topics)
    )
    assert cells(joined) == cells(built)
    past = build_interactions(table(held), KINDS, keyed=True)
    whole = build_interactions(table(told), KINDS).of(users_B)
    assert rows(fresh_past(past.of(users_B), user_N, after)) == rows(whole)


def test_later_events_count_at_the_end(topics: Topics) -> None:
    held = build_history(table(FIRST), topics)
    late = Event(user="bob", item="a1", kind="view", time=MONDAY + timedelta(days=40))
    codes = np.zeros(1, dtype=np.int32)
    joined = fresh_history(held.of(np.array(["bob"])), codes, [late], Known.of(topics))
    whole = build_history(table([*FIRST, late]), topics)
    assert cells(joined) == cells(whole.folded(1).of(np.array(["bob"])))
    assert joined.cutoff == held.cutoff == 1


def test_folding_keeps_the_shop_and_counts_everyone(topics: Topics) -> None:
    late = Event(user="cid", item="b1", kind="purchase", time=MONDAY + timedelta(days=40))
    whole = build_history(table([*FIRST, late]), topics)
    folded = whole.folded(1)
    assert folded.interest.users_U.tolist() == list(USERS)
    assert folded.interest.count_NK.sum() == whole.interest.count_NK.sum()
    assert folded.population.count_KTS.sum() == whole.population.count_KTS.sum() - 1


def test_what_nobody_knows_is_left_out(topics: Topics) -> None:
    held = build_history(table(FIRST), topics)
    strange = [
        Event(user="dan", item="z9", kind="view", time=MONDAY),
        Event(user="dan", item="a1", kind="visit", time=MONDAY),
    ]
    joined = fresh_history(
        held.of(np.array(["dan"])), np.zeros(2, dtype=np.int32), strange, Known.of(topics)
    )
    assert not len(joined.interest.user_N)
