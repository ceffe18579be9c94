"""Warranties: dear purchases of late, of a topic that the customer had not bought before.

Dear is a unit price many times the shop's median. Where returns are logged, fewer times are enough
for a topic of which more comes back than of others. What breaks is not in the events, so there is
no chance of a claim here.
Shapes: N interactions, C cells, T topics, R purchases, I items, U users.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np

from penchant.data.events import PURCHASE, RETURN
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Names, rows_of
from penchant.interest.repurchase import touches

DEAR = 10.0  # times the shop's median unit price
RETURNED_DEAR = 3.0  # the same, of topics of which much comes back
MUCH = 2.0  # times the shop's share of purchases that come back
LATELY = 4  # steps
PRIOR = 20.0  # purchases at the shop's share of returns, added to each topic's own


@dataclass(frozen=True)
class Dear:
    """Dear purchases; rows of the history's users and topics."""

    user_R: Integers
    topic_R: Integers
    item_R: Names
    day_R: tuple[date, ...]
    price_R: Doubles  # of a unit, in the shop's currency
    times_R: Doubles  # the shop's median
    back_R: Doubles  # share of the topic's purchases that come back; NaN where none is logged


def dear_purchases(history: History, past: Interactions, kinds: Sequence[str]) -> Dear | None:
    """Dear purchases in the last steps of a history; None where no purchase has a price."""
    end = datetime.combine(history.cutoff_date, time())
    known = past.until(end)
    price_N = known.money_N / np.maximum(known.quantity_N, 1e-9)
    bought_N = np.isin(
        known.kind_N,
        [k for k, kind in enumerate(known.kinds_K) if kind == PURCHASE and kind in kinds],
    )
    bought_N &= np.nan_to_num(known.money_N) > 0
    bought_N &= known.quantity_N > 0
    if not bought_N.any():
        return None
    usual = float(np.median(price_N[bought_N]))
    step, interest = history.interest.step, history.interest
    first = step.start(interest.origin + max(0, interest.steps - LATELY))
    since = (first - date(1970, 1, 1)).days * 86_400
    user_N, topic_N = _rows(history, known)
    bought_N &= (known.time_N >= since) & (user_N >= 0) & (topic_N >= 0)
    bought_N &= _single(history, kinds, user_N, topic_N)
    back_T = _returned(history)
    shop = back_T[0] if len(back_T) else np.nan
    back_N = back_T[topic_N + 1]
    risky_N = (back_N >= MUCH * shop) & (price_N >= RETURNED_DEAR * usual)
    kept = np.flatnonzero(bought_N & ((price_N >= DEAR * usual) | risky_N))
    kept = kept[np.lexsort((-price_N[kept], topic_N[kept], user_N[kept]))]
    pair_R = np.stack([user_N[kept], topic_N[kept]])
    kept = kept[np.append(True, np.diff(pair_R).any(axis=0))[: len(kept)]]  # the dearest of each
    return Dear(
        user_R=user_N[kept],
        topic_R=topic_N[kept],
        item_R=known.items_I[known.item_N[kept]],
        day_R=tuple(np.array(known.time_N[kept], "datetime64[s]").astype("datetime64[D]").tolist()),
        price_R=price_N[kept].astype(np.float64),
        times_R=price_N[kept].astype(np.float64) / usual,
        back_R=back_N[kept],
    )


def _rows(history: History, known: Interactions) -> tuple[Integers, Integers]:
    """Row of each interaction's user in a history, and its item's topic; -1 where there is none."""
    row_U = rows_of(known.users_U, history.interest.users_U)
    topic_I = history.topics.of(known.items_I)
    return row_U[known.user_N], topic_I[known.item_N].astype(np.int64)


def _single(history: History, kinds: Sequence[str], user_N: Integers, topic_N: Integers) -> Flags:
    """Whether the customer bought the topic in one step only."""
    found, topics = touches(history.interest, kinds), len(history.interest.topics_T)
    once_C = found.times_C == 1
    once = found.user_C[once_C].astype(np.int64) * topics + found.topic_C[once_C]
    return np.isin(user_N * topics + topic_N, once)


def _returned(history: History) -> Doubles:
    """Share of purchases that come back: of the shop, then of each topic; NaN if none is logged."""
    count_T = history.topic_count_TS((PURCHASE,)).sum(axis=1, dtype=np.float64)
    back_T = history.topic_count_TS((RETURN,)).sum(axis=1, dtype=np.float64)
    if not back_T.sum():
        return np.full(len(count_T) + 1, np.nan)
    shop = back_T.sum() / max(1.0, count_T.sum())
    return np.append(shop, (back_T + PRIOR * shop) / (count_T + PRIOR))
