"""Topics: the nodes of the category tree that interests are in.

A topic is a node at one level of the tree. Nodes that too few customers touch, and nodes past the
limit, are folded into their parent's `other`, so that every topic can carry a forecast.
Shapes: T topics, I items.
"""

from dataclasses import dataclass, field, replace
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.data.catalog import PATH_SEPARATOR
from penchant.errors import TopicsError
from penchant.interest.interest import Codes, Names
from penchant.interest.queries import WORD_SCHEMA, Text, followed_searches, learn_words

MOST_TOPICS = 400
FEWEST_CUSTOMERS = 20
ENOUGH_EVENTS = 0.9  # of all placed events, in topics that reach the floor, at an automatic level
OTHER = "other"
MOST_TEXTS = 1000  # different ones of a topic, that words are learned from
NAME_ITEMS = 10.0  # items with its name in their text, that a topic is taken to have more


@dataclass(frozen=True)
class Topics:
    """A vocabulary of topics, and the topic of every item."""

    names_T: Names  # unique, sorted
    parent_T: Names  # the branch above, `all` at the top level
    items: pa.Table  # item, topic (code)
    level: int  # depth of the nodes, from 1
    words: pa.Table = field(default_factory=WORD_SCHEMA.empty_table)  # what they mean in queries

    def __post_init__(self) -> None:
        if len(np.unique(self.names_T)) < len(self.names_T):
            raise TopicsError("Topic names must be unique.")

    def __len__(self) -> int:
        return len(self.names_T)

    def of(self, items_I: Names) -> Codes:
        """Topic of each item by its code, -1 for none."""
        names, codes = self.items[c.ITEM].cast(pa.string()), self.items[c.TOPIC].cast(pa.int32())
        place = pc.index_in(pa.array(items_I.tolist(), pa.string()), names)
        return codes.take(place).fill_null(-1).to_numpy()


def choose_topics(
    events: ir.Table,
    catalog: ir.Table | None,
    *,
    level: int | None = None,
    floor: int = FEWEST_CUSTOMERS,
    most: int = MOST_TOPICS,
) -> Topics:
    """Choose the topics that events are about.

    `level` is a depth of the catalog's tree, from 1; none means the deepest one that has at most
    `most` nodes and keeps nine events in ten in nodes that at least `floor` customers touched.
    Items whose path ends above the level have no topic. Without a catalog each item is a node.
    Where events have queries, their words are learned from the catalog's texts and from what
    customers turned to next.
    """
    if catalog is None:
        paths = events.filter(events[c.ITEM].notnull()).select(c.ITEM).distinct()
        paths = paths.mutate(path=ibis.array([paths[c.ITEM]]))
    else:
        paths = catalog.select(c.ITEM, c.PATH)
    depth = int(paths[c.PATH].length().max().to_pyarrow().as_py() or 0)
    if depth == 0:
        raise TopicsError("The catalog has no category path; map one with `path = [...]`.")
    if level is not None and not 1 <= level <= depth:
        raise TopicsError(f"The catalog's tree has levels 1 to {depth}; found level {level}.")
    if level is None:
        nodes = _deepest(events, paths, depth, floor, most)
    else:
        nodes = _nodes(events, paths, level)
    topics = _folded(nodes, floor, most)
    if not _has_queries(events):
        return topics
    texts = _texts(topics, paths if catalog is None else catalog)
    found = followed_searches(events, ibis.memtable(topics.items))
    searches = list(zip(*found.to_pydict().values(), strict=True))
    return replace(topics, words=learn_words(len(topics), texts, searches))


def _has_queries(events: ir.Table) -> bool:
    """Whether anybody searched without an item, so that there are words to learn."""
    if c.QUERY not in events.columns:
        return False
    asked = events[c.QUERY].notnull() & events[c.ITEM].isnull()
    return bool(len(events.filter(asked).select(c.QUERY).limit(1).to_pyarrow()))


def _texts(topics: Topics, catalog: ir.Table) -> list[Text]:
    """Different texts of each topic's items, the most frequent ones, and its name."""
    told = [name for name in (c.TITLE, c.BRAND) if name in catalog.columns]
    parts = [catalog[c.PATH].join(" "), *(catalog[name].fill_null("") for name in told)]
    text = reduce(lambda left, right: left + " " + right, parts).name("text")
    placed = catalog.select(c.ITEM, text).inner_join(ibis.memtable(topics.items), c.ITEM)
    counted = placed.group_by("text", c.TOPIC).agg(count=placed.count())
    rank = ibis.row_number().over(
        group_by=counted[c.TOPIC], order_by=[counted["count"].desc(), counted["text"]]
    )
    kept = counted.mutate(rank=rank).filter(lambda table: table["rank"] < MOST_TEXTS)
    rows = kept.select("text", c.TOPIC, "count").order_by(c.TOPIC, "text").to_pyarrow()
    texts: list[Text] = list(zip(*rows.to_pydict().values(), strict=True))
    names = (name.rsplit(PATH_SEPARATOR, 1)[-1] for name in topics.names_T.tolist())
    return texts + [(name, t, NAME_ITEMS) for t, name in enumerate(names) if name != OTHER]


@dataclass(frozen=True)
class _Nodes:
    """The tree's nodes at one level: item → node, and each node's customers and events."""

    level: int
    items: ir.Table
    support: pa.Table


def _nodes(events: ir.Table, paths: ir.Table, level: int) -> _Nodes:
    path = paths[c.PATH]
    items = paths.filter(path.length() >= level).select(
        c.ITEM,
        node=path[:level].join(PATH_SEPARATOR),
        parent=path[: level - 1].join(PATH_SEPARATOR),
    )
    touched = events.select(c.USER, c.ITEM).inner_join(items, c.ITEM)
    support = (
        touched.group_by("node", "parent")
        .agg(customers=touched[c.USER].nunique(), events=touched.count())
        .order_by("node")
    )
    return _Nodes(level, items, support.to_pyarrow())


def _deepest(events: ir.Table, paths: ir.Table, depth: int, floor: int, most: int) -> _Nodes:
    for level in range(depth, 1, -1):
        nodes = _nodes(events, paths, level)
        customers = nodes.support["customers"].to_numpy()
        count = nodes.support["events"].to_numpy()
        kept = count[customers >= floor].sum()
        if len(count) <= most and kept >= ENOUGH_EVENTS * max(1, count.sum()):
            return nodes
    return _nodes(events, paths, 1)


def _folded(nodes: _Nodes, floor: int, most: int) -> Topics:
    """Topics of a level's nodes, the small ones folded into their parent's `other`."""
    support = nodes.support
    if not len(support):
        raise TopicsError(
            f"No event falls on an item of the catalog's level {nodes.level}. "
            "Do the events' items appear in the catalog, under the same ids?"
        )
    node = np.array(support["node"].to_pylist(), dtype=np.str_)
    parent = np.array([name or "all" for name in support["parent"].to_pylist()], dtype=np.str_)
    customers = support["customers"].to_numpy()
    rank = np.empty(len(node), dtype=np.int64)
    rank[np.argsort(-customers, kind="stable")] = np.arange(len(node))
    small = (customers < floor) | ((rank >= most - 1) & (len(node) > most))
    folded = np.where(small, np.char.add(parent, PATH_SEPARATOR + OTHER), node)
    full, code = np.unique(folded, return_inverse=True)
    parents = np.empty(len(full), dtype=parent.dtype)
    parents[code] = parent
    codes = ibis.memtable(pa.table({"node": node, c.TOPIC: code.astype(np.int32)}))
    placed = nodes.items.inner_join(codes, "node").select(c.ITEM, c.TOPIC).order_by(c.ITEM)
    return Topics(_shortest(full), parents, placed.to_pyarrow(), nodes.level)


def _shortest(full_T: Names) -> Names:
    """The last part of each path where it is unique, the whole path where it is not."""
    last_T = np.array([name.rsplit(PATH_SEPARATOR, 1)[-1] for name in full_T])
    names, counts = np.unique(last_T, return_counts=True)
    unique = set(names[(counts == 1) & (names != OTHER)].tolist())
    return np.array(
        [last if last in unique else name for last, name in zip(last_T, full_T, strict=True)],
        dtype=np.str_,
    )
