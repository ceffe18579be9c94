"""Fresh events: what some users did since a history was built, joined to it without a rebuild.

What a history and interactions say of a user afterwards is what a build from all events would say,
but for the shop's totals, which stay. Items and kinds that neither knows are left out until the
next build.
Shapes: B users asked, T topics, K kinds, I items, N fresh events, A baskets, M all interactions,
X names known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.data.events import PURCHASE, RETURN
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, Times
from penchant.interest.interest import Codes, Names
from penchant.interest.queries import match_queries
from penchant.interest.topics import Topics

NONE = -1


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing a customer did, as `EVENT_SCHEMA` has it."""

    user: str
    time: datetime  # the shop's wall clock
    kind: str
    item: str | None = None
    value: float | None = None
    quantity: float | None = None
    order: str | None = None
    query: str | None = None


@dataclass(frozen=True)
class Known:
    """Items by name, each with its topic: where fresh events fall."""

    topics: Topics
    items_I: Names  # sorted
    topic_I: Codes

    @classmethod
    def of(cls, topics: Topics) -> "Known":
        """Sort the items of topics."""
        items = np.array(topics.items[c.ITEM].to_pylist(), dtype=np.str_)
        order = np.argsort(items)
        return cls(topics, items[order], topics.items[c.TOPIC].to_numpy()[order].astype(np.int32))

    def topic_of(self, events: Sequence[Event]) -> Codes:
        """Topics of events, by item, else by what was searched for; -1 where there is none."""
        names = np.array([event.item or "" for event in events], dtype=np.str_)
        topic_N = np.where(names == "", NONE, coded(self.items_I, names, self.topic_I))
        asked = {e.query for e in events if e.item is None and e.query is not None}
        if asked and len(self.topics.words):
            matched = match_queries(sorted(asked), self.topics.words, len(self.topics))
            pairs = zip(matched[c.QUERY].to_pylist(), matched[c.TOPIC].to_pylist(), strict=True)
            topic_of = dict(pairs)
            for n, event in enumerate(events):
                if event.item is None:
                    topic_N[n] = topic_of.get(event.query, NONE)
        return topic_N.astype(np.int32)


def coded(names_X: Names, asked_N: Names, code_X: Codes | None = None) -> Codes:
    """Places of names in sorted ones, or the codes there; -1 where they aren't."""
    if not len(names_X):
        return np.full(len(asked_N), NONE, dtype=np.int32)
    place_N = np.searchsorted(names_X, asked_N).clip(max=len(names_X) - 1)
    value_N = place_N if code_X is None else code_X[place_N]
    return np.where(names_X[place_N] == asked_N, value_N, NONE).astype(np.int32)


def fresh_history(
    history: History, user_N: Codes, events: Sequence[Event], known: Known
) -> History:
    """A history with more events of its users, `user_N` their rows; later ones count in its end."""
    past = history.interest
    topic_N = known.topic_of(events)
    kind_N = coded_among(past.kinds_K, [event.kind for event in events])
    told = np.flatnonzero((topic_N != NONE) & (kind_N != NONE))
    some = [events[n] for n in told.tolist()]
    index = [past.step.index_of(event.time.date()) - past.origin for event in some]
    sign = [(e.kind == PURCHASE) - (e.kind == RETURN) for e in some]
    count_NK = np.zeros((len(some), len(past.kinds_K)), dtype=np.float32)
    count_NK[np.arange(len(some)), kind_N[told]] = 1
    step_N = np.clip(np.array(index, dtype=np.int32), 0, past.steps - 1)
    money = [(e.value or 0.0) * s for e, s in zip(some, sign, strict=True)]
    joined = replace(
        past,
        user_N=np.concatenate([past.user_N, user_N[told]]),
        topic_N=np.concatenate([past.topic_N, topic_N[told]]),
        step_N=np.concatenate([past.step_N, step_N]),
        count_NK=np.concatenate([past.count_NK, count_NK]),
        money_N=np.concatenate([past.money_N, np.array(money, dtype=np.float32)]),
    )
    return replace(history, interest=joined.summed())


def coded_among(kinds_K: Sequence[str], asked: Sequence[str]) -> Codes:
    """Codes of kinds, -1 where unknown."""
    code = {kind: k for k, kind in enumerate(kinds_K)}
    return np.array([code.get(kind, NONE) for kind in asked], dtype=np.int32)


def fresh_past(past: Interactions, user_N: Codes, events: Sequence[Event]) -> Interactions:
    """Interactions with more events of their users; `past` was built with keys of baskets."""
    assert past.key_A is not None
    item_N = coded(past.items_I, np.array([e.item or "" for e in events], dtype=np.str_))
    kind_N = coded_among(past.kinds_K, [event.kind for event in events])
    told = np.flatnonzero((item_N != NONE) & (kind_N != NONE))
    some = [events[n] for n in told.tolist()]
    key = np.array([basket_key(event) for event in some], dtype=np.str_)
    user_M = np.concatenate([past.user_N, user_N[told]])
    item_M = np.concatenate([past.item_N, item_N[told]])
    kind_M = np.concatenate([past.kind_N, kind_N[told]])
    time_M = np.concatenate([past.time_N, _seconds(some)])
    key_M = np.concatenate([past.key_A[past.basket_N], key])
    quantity_M = np.concatenate([past.quantity_N, _numbers([e.quantity for e in some], 1.0)])
    money_M = np.concatenate([past.money_N, _numbers([e.value for e in some], np.nan)])
    basket_M = _baskets(user_M, key_M)
    began_A = np.full(int(basket_M.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(began_A, basket_M, time_M)
    order_M = np.lexsort((kind_M, item_M, time_M, basket_M, began_A[basket_M], user_M))
    changes_M = np.diff(basket_M[order_M], prepend=-1) != 0
    return replace(
        past,
        user_N=user_M[order_M].astype(np.int32),
        item_N=item_M[order_M].astype(np.int32),
        kind_N=kind_M[order_M].astype(np.int32),
        time_N=time_M[order_M],
        basket_N=(np.cumsum(changes_M) - 1).astype(np.int32),
        quantity_N=quantity_M[order_M].astype(np.float32),
        money_N=money_M[order_M].astype(np.float32),
        key_A=key_M[order_M][changes_M],
    )


def _baskets(user_M: Codes, key_M: Names) -> npt.NDArray[np.int64]:
    """Numbers of baskets, by user and key."""
    order_M = np.lexsort((key_M, user_M))
    user, key = user_M[order_M], key_M[order_M]
    changes_M = np.append(True, (user[1:] != user[:-1]) | (key[1:] != key[:-1]))[: len(user)]
    basket_M = np.empty(len(user), dtype=np.int64)
    basket_M[order_M] = np.cumsum(changes_M) - 1
    return basket_M


def basket_key(event: Event) -> str:
    """What tells an event's basket from another of the user, as `build_interactions` does."""
    return f"day {event.time.date()}" if event.order is None else f"order {event.order}"


def _seconds(events: Sequence[Event]) -> Times:
    return np.array([e.time.replace(tzinfo=UTC).timestamp() // 1 for e in events], dtype=np.int64)


def _numbers(values: Sequence[float | None], missing: float) -> npt.NDArray[np.float32]:
    return np.array([missing if v is None else v for v in values], dtype=np.float32)
