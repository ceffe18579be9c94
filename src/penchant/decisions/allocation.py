"""Allocation: who is sent which offer, so that a budget brings most.

Each customer gets at most one offer. A price on money is sought at which everyone takes the offer
that brings most after paying it, and nobody one that brings nothing; the dearest price that the
budget affords is that of the best plan, short of one customer's offer at the edge, which what is
left over fills. Sleeping dogs, whom an offer would cost purchases, are never sent one.
Source: Everett, Generalized Lagrange Multiplier Method, 1963.
Shapes: U customers, O offers, P pairs of both.
"""

from dataclasses import dataclass

import numpy as np

from penchant.errors import SettingsError
from penchant.interest.counts import Doubles, Integers

NOBODY = -1  # offer of who is sent none
HALVINGS = 60  # of the price's range
SURELY = 1.645  # errors below 0, from which an effect is surely harmful


@dataclass(frozen=True)
class Allocation:
    """The offer of each customer, and what all of them bring and cost."""

    offer_U: Integers  # NOBODY: none
    value: float
    cost: float


def allocate(value_UO: Doubles, cost_UO: Doubles, budget: float | None = None) -> Allocation:
    """Choose at most one offer a customer; only those of a value above 0 are sent.

    Values that can't be told are NaN and not chosen. Raises SettingsError for a budget or a cost
    below 0.
    """
    if (budget is not None and not budget >= 0) or not (cost_UO >= 0).all():
        raise SettingsError(
            f"A budget and what an offer costs are at least 0; found {budget} and "
            f"{np.nanmin(cost_UO, initial=0):g}."
        )
    value_UO = np.where(value_UO > 0, value_UO, -np.inf)
    chosen_U = _taken(value_UO, cost_UO, 0.0)
    if budget is None or _cost(cost_UO, chosen_U) <= budget:
        return _allocation(value_UO, cost_UO, chosen_U)
    ratio_UO = np.divide(value_UO, cost_UO, out=np.zeros_like(value_UO), where=cost_UO > 0)
    low, high = 0.0, 2 * max(float(ratio_UO.max()), 0.0) + 1.0
    for _ in range(HALVINGS):
        price = (low + high) / 2
        if _cost(cost_UO, _taken(value_UO, cost_UO, price)) <= budget:
            high = price
        else:
            low = price
    chosen_U = _taken(value_UO, cost_UO, high)
    return _allocation(value_UO, cost_UO, _filled(value_UO, cost_UO, chosen_U, budget))


def _taken(value_UO: Doubles, cost_UO: Doubles, price: float) -> Integers:
    """The offer that brings each most at a price on money; none where all bring less than 0."""
    net_UO = value_UO - price * cost_UO
    best_U = net_UO.argmax(axis=1)
    return np.where(net_UO.max(axis=1) > 0, best_U, NOBODY)


def _cost(cost_UO: Doubles, offer_U: Integers) -> float:
    sent_U = np.flatnonzero(offer_U >= 0)
    return float(cost_UO[sent_U, offer_U[sent_U]].sum())


def _filled(value_UO: Doubles, cost_UO: Doubles, offer_U: Integers, budget: float) -> Integers:
    """Spend what is left over, on what brings most for its money."""
    left, offer_U = budget - _cost(cost_UO, offer_U), offer_U.copy()
    rows_U, current = np.arange(len(offer_U)), np.maximum(offer_U, 0)
    none_U = offer_U < 0
    gain_UO = value_UO - np.where(none_U, 0.0, value_UO[rows_U, current])[:, None]
    more_UO = cost_UO - np.where(none_U, 0.0, cost_UO[rows_U, current])[:, None]
    user_P, offer_P = np.nonzero((gain_UO > 0) & (more_UO > 0) & (more_UO <= left))
    order_P = np.argsort(-gain_UO[user_P, offer_P] / more_UO[user_P, offer_P], kind="stable")
    moved = set[int]()
    for user, offer in zip(user_P[order_P].tolist(), offer_P[order_P].tolist(), strict=True):
        if user not in moved and more_UO[user, offer] <= left:
            left -= float(more_UO[user, offer])
            offer_U[user] = offer
            moved.add(user)
    return offer_U


def _allocation(value_UO: Doubles, cost_UO: Doubles, offer_U: Integers) -> Allocation:
    sent_U = np.flatnonzero(offer_U >= 0)
    value = float(value_UO[sent_U, offer_U[sent_U]].sum())
    return Allocation(offer_U, value, _cost(cost_UO, offer_U))
