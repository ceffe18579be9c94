"""How much a user does per step, whatever it is about: a decayed, Gamma-smoothed rate.

Shapes: U users, T topics, S steps, N entries.
"""

from collections.abc import Sequence

import numpy as np

from penchant.interest.history import History
from penchant.interest.interest import Floats

PRIOR_STEPS = 2.0  # pseudo-steps at the shop's mean rate


def decay_S(steps: int, half_life: float) -> Floats:
    """Weight of each known step; the last one weighs 1."""
    return (0.5 ** (np.arange(steps - 1, -1, -1) / half_life)).astype(np.float32)


def exposure_U(history: History, half_life: float) -> Floats:
    """Decayed steps since each user's first event; a user without one has none."""
    interest = history.interest
    first_U = np.full(len(interest.users_U), interest.steps)
    np.minimum.at(first_U, interest.user_N, interest.step_N)
    later_S = np.append(np.cumsum(decay_S(interest.steps, half_life)[::-1])[::-1], 0.0)
    return later_S[first_U].astype(np.float32)


def mean_rate(history: History, kinds: Sequence[str], half_life: float) -> float:
    """Events of `kinds` per user and step, over the whole shop, decayed."""
    weight_S = decay_S(history.cutoff, half_life)
    total_S = history.topic_count_TS(kinds).sum(axis=0)
    return float(total_S @ weight_S / (weight_S.sum() * max(1, history.population.users)))


def activity_U(history: History, kinds: Sequence[str], half_life: float) -> Floats:
    """Expected events of `kinds` per step of each user."""
    interest = history.interest
    age_N = (interest.steps - 1 - interest.step_N).astype(np.float32)
    weight_N = interest.target_N(kinds) * 0.5 ** (age_N / np.float32(half_life))
    done_U = np.bincount(interest.user_N, weights=weight_N, minlength=len(interest.users_U))
    prior = PRIOR_STEPS * mean_rate(history, kinds, half_life)
    rate_U = (done_U + prior) / (exposure_U(history, half_life) + PRIOR_STEPS)
    return rate_U.astype(np.float32)


def popularity_T(history: History, kinds: Sequence[str], half_life: float = np.inf) -> Floats:
    """Share of each topic in the whole shop's events, decayed; never quite 0."""
    weight_S = decay_S(history.cutoff, half_life)
    count_T = history.topic_count_TS(kinds) @ weight_S + np.float32(0.5)
    return (count_T / count_T.sum()).astype(np.float32)
