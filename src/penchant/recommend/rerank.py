"""From candidates to a list: slot by slot, the best that the rules leave, for many users at once.

* `mmr`: likely and unlike what is already in the list (Carbonell and Goldstein, 1998).
* `dpp`: the list of which likelihood and spread are largest together, a determinant, found greedily
  (Chen, Zhang and Zhou, "Fast greedy MAP inference for determinantal point process", 2018).
* `calibrated`: topics in the list in the shares in which the customer is interested (Steck,
  "Calibrated recommendations", 2018).
Shapes: B users, C candidates, K slots, T topics, I items, D width of an item's vector.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Doubles, Flags
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import Assortment
from penchant.recommend.rules import Rules

Places = npt.NDArray[np.int64]
NONE = -1  # item of a slot that nothing may fill
TINY = 1e-9
SMOOTH = 0.01  # of the interest mixed into a list's shares, so that none is 0


@dataclass(frozen=True)
class Shelf:
    """Candidates of some users in any order; -1 where a user has fewer."""

    item_BC: Codes
    likely_BC: Floats  # at least 0, on any scale
    shown_BC: Codes | None = None  # impressions of late


@dataclass(frozen=True)
class Taste:
    """What diversity is measured by."""

    vector_ID: Floats  # of length 1 each; alike where items are
    share_BT: Floats  # of each topic in a user's forecast interest


def rerank(
    shelf: Shelf, goods: Assortment, rules: Rules, k: int, taste: Taste, allowed_I: Flags
) -> Codes:
    """Items of each slot, `BK`, -1 where nothing is left that the rules allow.

    Costs `k` passes over the candidates.
    """
    item_BC, users = shelf.item_BC, np.arange(len(shelf.item_BC))
    open_BC = (item_BC != NONE) & allowed_I[item_BC]
    if rules.most_shown and shelf.shown_BC is not None:
        open_BC &= shelf.shown_BC < rules.most_shown
    caps = [(most, code_I[item_BC], np.zeros_like(item_BC)) for most, code_I in rules.caps(goods)]
    floors = [(share, kept_I[item_BC]) for share, kept_I in rules.floors(goods)]
    filled = [np.zeros(len(users), dtype=np.int64) for _ in floors]
    diversity = rules.diversity if rules.trade else "none"
    worth = WORTHS[diversity](shelf, goods, taste, rules.trade)
    chosen = np.full((len(users), k), NONE, dtype=np.int32)
    last_B = None
    for slot in range(k):
        worth_BC = np.where(open_BC, worth(last_B), -np.inf)
        for due_B, kept_BC in _due(floors, filled, open_BC, slot, k):
            worth_BC[due_B[:, None] & ~kept_BC] -= 1e9  # whoever isn't due waits behind
        last_B = worth_BC.argmax(axis=1)
        some_B = open_BC[users, last_B]
        chosen[some_B, slot] = item_BC[users, last_B][some_B]
        open_BC[users, last_B] = False
        for (_, kept_BC), filled_B in zip(floors, filled, strict=True):
            filled_B += some_B & kept_BC[users, last_B]
        for most, code_BC, count_BC in caps:
            same_BC = (code_BC == code_BC[users, last_B][:, None]) & (code_BC >= 0)
            count_BC += same_BC & some_B[:, None]
            open_BC &= count_BC < most
    return chosen


def _due(
    floors: Sequence[tuple[float, Flags]],
    filled: Sequence[Places],
    open_BC: Flags,
    slot: int,
    k: int,
) -> list[tuple[Flags, Flags]]:
    """For each floor, whose slot it takes and what it is kept for.

    A floor takes a slot when its share of those so far isn't filled, and all that are still short
    do when no more slots are left than they need.
    """
    short = []
    for (share, kept_BC), filled_B in zip(floors, filled, strict=True):
        left_B = np.floor(share * k + TINY).astype(np.int64) - filled_B
        short.append(np.minimum(left_B, (open_BC & kept_BC).sum(axis=1)).clip(min=0))
    last_B = sum(short, np.zeros(len(open_BC), dtype=np.int64)) >= k - slot
    return [
        ((short_B > 0) & (last_B | (filled_B < np.floor(share * (slot + 1) + TINY))), kept_BC)
        for (share, kept_BC), filled_B, short_B in zip(floors, filled, short, strict=True)
    ]


Worth = Callable[[Places | None], Doubles]  # of each candidate, once those before are chosen


def by_chance(shelf: Shelf, goods: Assortment, taste: Taste, trade: float) -> Worth:
    """Likelihood alone."""
    likely_BC = shelf.likely_BC.astype(np.float64)
    return lambda last_B: likely_BC


def by_mmr(shelf: Shelf, goods: Assortment, taste: Taste, trade: float) -> Worth:
    """Likelihood, less the likeness to the most alike item in the list."""
    vector_BCD, users = taste.vector_ID[shelf.item_BC], np.arange(len(shelf.item_BC))
    likely_BC = _relative(shelf)
    alike_BC = np.zeros(shelf.item_BC.shape)

    def worth(last_B: Places | None) -> Doubles:
        if last_B is not None:
            near_BC = np.einsum("bcd,bd->bc", vector_BCD, vector_BCD[users, last_B])
            np.maximum(alike_BC, near_BC, out=alike_BC)
        return (1 - trade) * likely_BC - trade * alike_BC

    return worth


def by_dpp(shelf: Shelf, goods: Assortment, taste: Taste, trade: float) -> Worth:
    """Logarithm of how much each candidate adds to the determinant of the list's kernel."""
    vector_BCD, users = taste.vector_ID[shelf.item_BC], np.arange(len(shelf.item_BC))
    quality_BC = np.exp((1 - trade) / max(trade, 0.01) * _relative(shelf) / 2)
    left_BC = quality_BC**2 + TINY  # of each candidate, at a right angle to the list
    row_BKC: list[Doubles] = []

    def worth(last_B: Places | None) -> Doubles:
        if last_B is not None:
            near_BC = np.einsum("bcd,bd->bc", vector_BCD, vector_BCD[users, last_B])
            kernel_BC = near_BC * quality_BC * quality_BC[users, last_B][:, None]
            for row_BC in row_BKC:
                kernel_BC = kernel_BC - row_BC * row_BC[users, last_B][:, None]
            row_BKC.append(kernel_BC / np.sqrt(left_BC[users, last_B])[:, None])
            np.subtract(left_BC, row_BKC[-1] ** 2, out=left_BC)
            np.maximum(left_BC, TINY, out=left_BC)
        return np.asarray(np.log(left_BC))

    return worth


def by_calibration(shelf: Shelf, goods: Assortment, taste: Taste, trade: float) -> Worth:
    """Likelihood, less how far the list's topics are from the customer's interest (KL)."""
    topic_BC, users = goods.topic_I[shelf.item_BC], np.arange(len(shelf.item_BC))
    likely_BC, share_BT = _relative(shelf), taste.share_BT.astype(np.float64)
    count_BT = np.zeros_like(share_BT)

    def worth(last_B: Places | None) -> Doubles:
        if last_B is not None:
            known_B = topic_BC[users, last_B] >= 0
            count_BT[users[known_B], topic_BC[users, last_B][known_B]] += 1
        total_B1 = count_BT.sum(axis=1, keepdims=True) + 1
        before_BT = SMOOTH * share_BT + (1 - SMOOTH) * count_BT / total_B1
        after_BT = SMOOTH * share_BT + (1 - SMOOTH) * (count_BT + 1) / total_B1
        # One more of a topic changes that topic's term of the divergence alone.
        gain_BT = share_BT * np.log((after_BT + TINY) / (before_BT + TINY))
        gain_BC = np.take_along_axis(gain_BT, np.maximum(topic_BC, 0), axis=1)
        return (1 - trade) * likely_BC + trade * np.where(topic_BC >= 0, gain_BC, 0.0)

    return worth


WORTHS: dict[str, Callable[[Shelf, Assortment, Taste, float], Worth]] = {
    "none": by_chance,
    "mmr": by_mmr,
    "dpp": by_dpp,
    "calibrated": by_calibration,
}


def _relative(shelf: Shelf) -> Doubles:
    """Likelihoods over each user's largest."""
    most_B1 = shelf.likely_BC.max(axis=1, keepdims=True)
    return shelf.likely_BC.astype(np.float64) / np.maximum(most_B1, TINY)
