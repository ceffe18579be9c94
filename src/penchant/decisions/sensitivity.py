"""Price sensitivity: how much of what somebody buys is bought cheaper than usual, or promoted.

Cheap is a unit price of at most nine tenths of the item's usual one, the upper quartile of what was
paid for it. Both shares are pulled towards the shop's. It tells habits, not motives: who shops on
the days of promotions looks sensitive.
Shapes: U users, I items, N interactions, V promotions.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.interest.counts import Doubles
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats, rows_of

CHEAP = 0.9  # of the usual price, up to which a price is cheap
USUAL = 0.75  # quantile of an item's unit prices
LEAST_PRICES = 5  # of an item, to know its usual one
PRIOR = 10.0  # purchases at the shop's share, added to a customer's own


@dataclass(frozen=True)
class Sensitivity:
    """Shares of each customer's purchases, and flags of each purchase; NaN where unknown."""

    cheap_U: Floats  # bought cheap, of those whose usual price is known
    promoted_U: Floats  # bought promoted: mean strength of the promotions
    cheap_N: Floats
    promoted_N: Floats


def price_sensitivity(past: Interactions, promoted_N: Doubles) -> Sensitivity:
    """Measure price sensitivity by purchases up to a moment, and how promoted each was.

    That is `strength_N`'s, NaN where no promotions are known.
    """
    cheap_N = _cheap_N(past)
    return Sensitivity(
        cheap_U=_share_U(past, cheap_N).astype(np.float32),
        promoted_U=_share_U(past, promoted_N).astype(np.float32),
        cheap_N=cheap_N.astype(np.float32),
        promoted_N=promoted_N.astype(np.float32),
    )


def _share_U(past: Interactions, value_N: Doubles) -> Doubles:
    """Mean of each user's known values, pulled towards the shop's; NaN where none is known."""
    known_N, users = np.isfinite(value_N), len(past.users_U)
    if not known_N.any():
        return np.full(users, np.nan)
    user_N, value_N = past.user_N[known_N], value_N[known_N]
    times_U = np.bincount(user_N, minlength=users)
    total_U = np.bincount(user_N, weights=value_N, minlength=users)
    return np.asarray((total_U + PRIOR * value_N.mean()) / (times_U + PRIOR))


def _cheap_N(past: Interactions) -> Doubles:
    """Whether each purchase was cheap; NaN where it has no price or its item no usual one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        price_N = past.money_N.astype(np.float64) / past.quantity_N
    known_N = np.flatnonzero(np.isfinite(price_N) & (price_N > 0))
    cheap_N = np.full(len(price_N), np.nan)
    order_N = known_N[np.lexsort((price_N[known_N], past.item_N[known_N]))]
    times_I = np.bincount(past.item_N[order_N], minlength=len(past.items_I))
    start_I = np.cumsum(times_I) - times_I
    told_I = times_I >= LEAST_PRICES
    usual_I = np.full(len(times_I), np.nan)
    at_I = start_I + (USUAL * np.maximum(times_I - 1, 0)).astype(np.int64)
    usual_I[told_I] = price_N[order_N[at_I[told_I]]]
    usual_N = usual_I[past.item_N[known_N]]
    cheap_N[known_N] = np.where(np.isfinite(usual_N), price_N[known_N] <= CHEAP * usual_N, np.nan)
    return cheap_N


def strength_N(past: Interactions, promotions: pa.Table) -> Doubles:
    """Strength of the promotion under way at each purchase: of its item's, the last to begin."""
    item_V = rows_of(np.array(promotions[c.ITEM].to_pylist(), dtype=np.str_), past.items_I)
    kept_V = np.flatnonzero(item_V >= 0)
    start_V, end_V = (
        promotions[name].cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_numpy()[kept_V]
        for name in (c.START, c.END)
    )
    strong_V, item_V = promotions[c.STRENGTH].to_numpy()[kept_V], item_V[kept_V]
    if not len(item_V) or not len(past.time_N):
        return np.zeros(len(past.time_N))
    first = min(int(start_V.min()), int(past.time_N.min()))
    span = max(int(start_V.max()), int(past.time_N.max())) - first + 1
    key_V = item_V * span + (start_V - first)
    order_V = np.argsort(key_V, kind="stable")
    key_N = past.item_N.astype(np.int64) * span + (past.time_N - first)
    at_N = np.searchsorted(key_V[order_V], key_N, side="right") - 1
    row_N = order_V[np.maximum(at_N, 0)]
    under_N = (at_N >= 0) & (item_V[row_N] == past.item_N) & (past.time_N < end_V[row_N])
    return np.where(under_N, strong_V[row_N], 0.0)
