"""One customer is one id, whatever chain of ids leads to it, and a shared device glues nobody."""

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.identity import IDENTITY_SCHEMA, resolve_identities, with_identities

SOME_ID = st.sampled_from("abcdefgh")


def pairs(*rows: tuple[str, str]) -> pa.Table:
    alias, user = zip(*rows, strict=True) if rows else ((), ())
    return pa.table([pa.array(alias, pa.string()), pa.array(user, pa.string())], IDENTITY_SCHEMA)


def resolved(*rows: tuple[str, str]) -> dict[str, str]:
    table = resolve_identities(pairs(*rows)).resolved
    return dict(zip(table[c.ALIAS].to_pylist(), table[c.USER].to_pylist(), strict=True))


def test_a_chain_ends_at_the_customer():
    assert resolved(("cookie", "mail"), ("mail", "zoe"), ("phone", "zoe")) == {
        "cookie": "zoe",
        "mail": "zoe",
        "phone": "zoe",
    }


@pytest.mark.parametrize("shift", range(3))
def test_a_circle_goes_by_its_smallest_id_whatever_the_order(shift):
    circle = [("b", "c"), ("c", "a"), ("a", "b"), ("d", "c")]
    rows = circle[shift:] + circle[:shift]
    assert resolved(*rows) == {"b": "a", "c": "a", "d": "a"}


def test_a_device_shared_by_many_stays_itself_and_is_reported():
    people = [(f"cookie{i}", f"user{i}") for i in range(500)]
    shared = [("tablet", f"user{i}") for i in range(500)]
    found = resolve_identities(pairs(*people, *shared))
    assert found.resolved.num_rows == 500
    assert "tablet" not in found.resolved[c.ALIAS].to_pylist()
    assert sorted(zip(*found.ambiguous.to_pydict().values(), strict=True)) == sorted(shared)


def test_two_ids_of_one_person_do_not_make_a_device_ambiguous():
    found = resolve_identities(
        pairs(("phone", "mail"), ("phone", "zoe"), ("mail", "zoe"), ("watch", "phone"))
    )
    assert set(found.resolved[c.USER].to_pylist()) == {"zoe"}
    assert found.resolved.num_rows == 3
    assert not found.ambiguous.num_rows


def test_what_hangs_on_a_shared_device_is_the_device():
    assert resolved(("app", "tablet"), ("tablet", "ann"), ("tablet", "bob")) == {"app": "tablet"}


def test_itself_repeated_and_nothing_are_no_news():
    assert resolved(("ann", "ann"), ("x", "ann"), ("x", "ann")) == {"x": "ann"}
    assert resolved() == {}
    assert not resolve_identities(IDENTITY_SCHEMA.empty_table()).resolved.num_rows


@given(st.lists(st.tuples(SOME_ID, SOME_ID), max_size=14), st.randoms())
def test_an_alias_has_one_end_and_an_end_is_no_alias(rows, random):
    found = resolved(*rows)
    assert not set(found) & set(found.values())
    random.shuffle(rows)
    assert resolved(*rows) == found
    ambiguous = resolve_identities(pairs(*rows)).ambiguous
    for alias, user in rows:
        end = found.get(user, user)
        if alias not in ambiguous[c.ALIAS].to_pylist():
            assert found.get(alias, alias) == end


def test_events_go_by_the_customers_ids():
    events = pa.table(
        {c.TIME: [1, 2, 3, 4], c.USER: ["cookie", "zoe", "bob", "mail"], c.ITEM: list("abcd")}
    )
    table = resolve_identities(pairs(("cookie", "mail"), ("mail", "zoe"))).resolved
    renamed = with_identities(ibis.memtable(events), ibis.memtable(table))
    assert renamed.columns == tuple(events.column_names)
    rows = renamed.order_by(c.TIME).to_pyarrow()
    assert rows[c.USER].to_pylist() == ["zoe", "zoe", "bob", "zoe"]
    assert rows.drop([c.USER]).equals(events.drop([c.USER]))


def test_long_chains_and_many_aliases_are_followed():
    number = np.arange(20_000)
    ids = pa.array(np.char.add("id", np.char.zfill(number.astype(str), 5)))
    chain = pa.table([ids[:-1], ids[1:]], IDENTITY_SCHEMA)
    found = resolve_identities(chain).resolved
    assert found.num_rows == 19_999
    assert found[c.USER].unique().to_pylist() == ["id19999"]
