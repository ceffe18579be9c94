"""Affinity: which customers are forecast to want the same, beyond what everybody wants.

A customer's *taste* is the root of their forecast shares less the root of the shop's, of length 1,
so that affinity, the product of two tastes, is high for those who stand apart in the same way.
Where ties are known, half of a taste is the mean of the tied ones': friends come to like the same.
Never users by users: the nearest of each are found block by block.
Shapes: U users, B users of a block, T topics, K nearest.
"""

import networkx
import numpy as np
from scipy.sparse import csr_array
from sklearn.preprocessing import normalize

from penchant.interest.counts import Integers
from penchant.interest.forecast import Forecast
from penchant.interest.interest import Floats

NEAREST = 10  # customers, that each is joined to
HEEDED = 0.5  # part of a taste that is those of the tied
TIE = 1.0  # weight of a tie, beside affinities up to 1
BLOCK = 512  # users at a time
LEAST_AFFINITY = 1e-6
SEED = 0


def tastes(forecast: Forecast) -> Floats:
    """Taste of every user over all windows, `UT`; 0 for whoever is forecast to want nothing."""
    volume_UT = forecast.ahead_UT()
    total_U1 = volume_UT.sum(axis=1, keepdims=True)
    shop_T = volume_UT.sum(axis=0) / max(volume_UT.sum(), 1e-12)
    share_UT = volume_UT / np.maximum(total_U1, 1e-12)
    apart_UT = (np.sqrt(share_UT) - np.sqrt(shop_T)) * (total_U1 > 0)
    return np.asarray(normalize(apart_UT), dtype=np.float32)


def heeding(taste_UT: Floats, tied_UU: csr_array) -> Floats:
    """Tastes drawn towards the mean of those tied; who is tied to nobody keeps their own."""
    many_U = np.asarray(tied_UU.sum(axis=1)).ravel()
    mean_UT = (tied_UU @ taste_UT) / np.maximum(many_U, 1)[:, None]
    part_U1 = HEEDED * (many_U > 0)[:, None]
    drawn_UT = (1 - part_U1) * taste_UT + part_U1 * mean_UT
    return np.asarray(normalize(drawn_UT), dtype=np.float32)


def nearest(taste_UT: Floats, near: int = NEAREST) -> csr_array:
    """Affinities of each user to the nearest others, both ways, `UU`.

    Costs users squared times topics, and memory of a block times users.
    """
    users = len(taste_UT)
    near = min(near, users - 1)
    if near < 1:
        return csr_array(np.zeros((users, users), dtype=np.float32))
    rows, columns, values = [], [], []
    for start in range(0, users, BLOCK):
        like_BU = taste_UT[start : start + BLOCK] @ taste_UT.T
        own_B = np.arange(len(like_BU))
        like_BU[own_B, start + own_B] = -np.inf
        best_BK = np.argpartition(-like_BU, near - 1, axis=1)[:, :near]
        rows.append(np.repeat(start + own_B, near))
        columns.append(best_BK.ravel())
        values.append(np.take_along_axis(like_BU, best_BK, axis=1).ravel())
    value = np.concatenate(values)
    kept = value > LEAST_AFFINITY
    place = (np.concatenate(rows)[kept], np.concatenate(columns)[kept])
    near_UU = csr_array((value[kept], place), shape=(users, users))
    return csr_array(near_UU.maximum(near_UU.T))


def communities(near_UU: csr_array, tied_UU: csr_array | None = None) -> Integers:
    """Number of each user's community, the largest first: Louvain's, of affinities and ties.

    Source: Blondel and others (2008), Fast unfolding of communities in large networks.
    """
    joined_UU = near_UU if tied_UU is None else near_UU + TIE * tied_UU
    graph = networkx.from_scipy_sparse_array(joined_UU)
    found = networkx.community.louvain_communities(graph, seed=SEED)
    found.sort(key=lambda members: (-len(members), min(members)))
    number_U = np.empty(joined_UU.shape[0], dtype=np.int64)
    for number, members in enumerate(found):
        number_U[list(members)] = number
    return number_U
