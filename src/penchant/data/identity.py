"""Identities: which ids are one customer's, across devices, cookies and e-mail addresses.

A table of pairs says that `alias` is `user`. Chains (a cookie → an e-mail → an account) and
circles end in one id. An alias that several people claim, such as a shared tablet, is nobody's: it
keeps its own id, lest it glue all of them together.
Shapes: P pairs of an alias and a user, N ids, E pairs that are believed.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from penchant import columns as c

IDENTITY_SCHEMA = pa.schema(
    [
        pa.field(c.ALIAS, pa.string(), nullable=False),
        pa.field(c.USER, pa.string(), nullable=False),
    ]
)
KNOWN_ALIAS, KNOWN_USER = "\x1falias", "\x1fuser"
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Identities:
    """Every alias with the one id of its customer, and the aliases that are left alone."""

    resolved: pa.Table  # alias, user; one row an alias, none of which is a user
    ambiguous: pa.Table  # alias, user; the pairs that were not believed


def resolve_identities(pairs: pa.Table) -> Identities:
    """Follow each alias to its customer.

    The customer's id is the one at the end of the chain, or the smallest one where a chain runs in
    a circle. An alias is ambiguous when its users, followed to their ends, are several people. The
    order of the rows doesn't matter. Some seconds for a million pairs.
    """
    pairs = pairs.select([c.ALIAS, c.USER]).cast(IDENTITY_SCHEMA)
    names, code_P2 = _codes(pairs)
    code_P2 = np.unique(code_P2[code_P2[:, 0] != code_P2[:, 1]], axis=0)
    alias_P, user_P = code_P2[:, 0], code_P2[:, 1]
    doubtful_P = _claimed_twice(alias_P, user_P)
    customer_N = _ends(len(names), alias_P[~doubtful_P], user_P[~doubtful_P])
    # Two users of an alias may turn out to be one person, which may settle further aliases.
    while (still_P := doubtful_P & _claimed_twice(alias_P, customer_N[user_P])).sum() < (
        doubtful_P.sum()
    ):
        doubtful_P = still_P
        customer_N = _ends(len(names), alias_P[~doubtful_P], user_P[~doubtful_P])
    moved_N = np.flatnonzero(customer_N != np.arange(len(names)))
    return Identities(
        _table(names, moved_N, customer_N[moved_N]),
        _table(names, alias_P[doubtful_P], user_P[doubtful_P]),
    )


def _codes(pairs: pa.Table) -> tuple[pa.Array, Codes]:
    """All ids, sorted, and the places of each pair's among them."""
    chunks = [*pairs[c.ALIAS].chunks, *pairs[c.USER].chunks]
    both = pa.chunked_array(chunks, pa.string()).combine_chunks()
    names = both.unique()
    names = names.take(pc.sort_indices(names))
    place = pc.index_in(both, names).to_numpy(zero_copy_only=False)
    return names, place.astype(np.int64).reshape(2, len(pairs)).T


def _claimed_twice(alias_P: Codes, user_P: Codes) -> Flags:
    """Whether another pair gives the same alias to another user."""
    distinct = np.unique(np.stack([alias_P, user_P], axis=1), axis=0)[:, 0]
    aliases, users = np.unique(distinct, return_counts=True)
    return np.isin(alias_P, aliases[users > 1])


def _ends(ids: int, alias_E: Codes, user_E: Codes) -> Codes:
    """The id at the end of each id's chain; the smallest of those that run into a circle.

    An alias's pairs that differ in their user all lead to one end, so that of each group of
    connected ids at most one is no alias.
    """
    links = coo_array((np.ones(len(alias_E), dtype=bool), (alias_E, user_E)), shape=(ids, ids))
    groups, group_N = connected_components(links, directed=False)
    end_N = np.ones(ids, dtype=bool)
    end_N[alias_E] = False
    smallest = np.full(groups, ids, dtype=np.int64)
    np.minimum.at(smallest, group_N, np.arange(ids))
    smallest[group_N[end_N]] = np.flatnonzero(end_N)
    return smallest[group_N]


def _table(names: pa.Array, alias: Codes, user: Codes) -> pa.Table:
    return pa.table([names.take(alias), names.take(user)], schema=IDENTITY_SCHEMA)


def with_identities(events: ir.Table, identities: ir.Table) -> ir.Table:
    """Put customers' own ids in the place of their aliases; `identities` are resolved ones.

    Works on any table with the column user, and keeps its rows and columns. A left join.
    """
    # Names that no source has, as people bring columns of their own.
    known = identities.select(
        identities[c.ALIAS].name(KNOWN_ALIAS), identities[c.USER].name(KNOWN_USER)
    )
    joined = events.left_join(known, events[c.USER] == known[KNOWN_ALIAS])
    customer = ibis.coalesce(known[KNOWN_USER], events[c.USER]).name(c.USER)
    named = joined.select(
        *(customer if name == c.USER else events[name] for name in events.columns)
    )
    return named.select(*events.columns)  # a plain table, which Ibis can join with itself
