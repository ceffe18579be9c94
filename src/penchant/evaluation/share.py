"""Metrics of shares: the topics that a user's next engagement falls in.

Shapes: U users, T topics.
"""

import numpy as np
from scipy.special import rel_entr

from penchant.evaluation.case import Case
from penchant.evaluation.score import Ratio
from penchant.interest.counts import Doubles

FLOOR = 1e-4  # of every share is spread evenly over the topics, so that none is impossible


def cross_entropy(case: Case) -> Ratio:
    """Nats per future engagement that the forecast's shares leave unexplained."""
    return Ratio(_nats_U(case, _share_UT(case)), _engagements_U(case))


def information_gain(case: Case) -> Ratio:
    """Nats per future engagement that the forecast knows beyond past popularity."""
    nats_U = _nats_U(case, case.popularity_T) - _nats_U(case, _share_UT(case))
    return Ratio(nats_U, _engagements_U(case))


def jensen_shannon(case: Case) -> Ratio:
    """Divergence of a user's forecast and actual shares, in nats; 0 is equal, log 2 disjoint.

    The mean of users with any engagement in the window.
    """
    total_U = _engagements_U(case)
    actual_UT = case.count_UT / np.maximum(total_U, 1)[:, None]
    share_UT = _share_UT(case)
    middle_UT = (actual_UT + share_UT) / 2
    divergence_UT = (rel_entr(actual_UT, middle_UT) + rel_entr(share_UT, middle_UT)) / 2
    some_U = (total_U > 0).astype(np.float64)
    return Ratio(divergence_UT.sum(axis=1) * some_U, some_U)


def _share_UT(case: Case) -> Doubles:
    return case.forecast.share()[:, :, case.window].astype(np.float64)


def _engagements_U(case: Case) -> Doubles:
    return case.count_UT.sum(axis=1, dtype=np.float64)


def _nats_U(case: Case, share: Doubles) -> Doubles:
    """Minus the log share of every engagement, summed for each user; shares are `T` or `UT`."""
    nats = -np.log((1 - FLOOR) * share + FLOOR / share.shape[-1])
    return np.asarray((case.count_UT * nats).sum(axis=1))
