"""How shops group customers without a forecast: RFM by name and by k-means, shares of the past.

RFM is how long ago the last purchase was, how many weeks had one, and what was spent, lately.
Source of the names: the map of quintiles that tools for marketing share.
Shapes: U users, T topics, F features (recency, frequency, money).
"""

import re
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans

from penchant.decisions.whole import whole
from penchant.interest.history import History

RFM = (
    ("hibernating", "[1-2][1-2]"),
    ("at risk", "[1-2][3-4]"),
    ("can't lose them", "[1-2]5"),
    ("about to sleep", "3[1-2]"),
    ("need attention", "33"),
    ("loyal customers", "[3-4][4-5]"),
    ("promising", "41"),
    ("new customers", "51"),
    ("potential loyalists", "[4-5][2-3]"),
    ("champions", "5[4-5]"),
)  # by the quintiles of recency and frequency, 5 the best
TARGET = ("purchase",)
WEEKS = 24  # looked back, so that groups mean the same at every cutoff


def rfm_features(past: History) -> np.ndarray:
    """Weeks since the last purchase, weeks with one and spend, `UF`, all of the last `WEEKS`."""
    mine, visits = past.interest, whole(past).interest
    users, since = len(mine.users_U), past.cutoff - WEEKS
    bought_N = (visits.target_N(TARGET) > 0) & (visits.step_N >= since)
    last_U = np.full(users, since - 1)
    np.maximum.at(last_U, visits.user_N[bought_N], visits.step_N[bought_N])
    weeks_U = np.bincount(visits.user_N, weights=bought_N, minlength=users)
    money_N = np.maximum(mine.money_N, 0) * (mine.step_N >= since)
    spend_U = np.bincount(mine.user_N, weights=money_N, minlength=users)
    return np.stack([mine.steps - 1 - last_U, weeks_U, spend_U], axis=1)


def rfm_names(feature_UF: np.ndarray) -> np.ndarray:
    """The place in `RFM` of each customer."""
    recency_U, frequency_U = _quintile(-feature_UF[:, 0]), _quintile(feature_UF[:, 1])
    pairs = zip(recency_U, frequency_U, strict=True)
    return np.array(
        [
            next(k for k, (_, sort) in enumerate(RFM) if re.fullmatch(sort, f"{r}{f}"))
            for r, f in pairs
        ]
    )


def _quintile(value_U: np.ndarray) -> np.ndarray:
    """1 to 5; ties are broken by order, so that fifths are fifths."""
    rank_U = np.argsort(np.argsort(value_U, kind="stable"), kind="stable")
    return 1 + rank_U * 5 // max(len(value_U), 1)


def rfm_scaled(feature_UF: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What scales features by the mean and spread that these have."""
    mean_F, spread_F = feature_UF.mean(axis=0), feature_UF.std(axis=0)
    return lambda asked_UF: (asked_UF - mean_F) / spread_F


def kmeans(feature_UF: np.ndarray, number: int, seed: int = 0) -> KMeans:
    """Groups by Euclidean distance."""
    return KMeans(number, n_init=10, random_state=seed).fit(feature_UF)


def past_counts(past: History) -> np.ndarray:
    """Purchases of each user and topic, all there were."""
    return past.interest.count_UT(TARGET, 0, past.cutoff).astype(np.float64)
