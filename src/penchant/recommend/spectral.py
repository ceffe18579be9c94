"""Vectors of items from what stands near what: a start that saves a network many passes.

Factors of the positive pointwise mutual information of items that the same customer took within a
few events of each other, near ones counted more. Training a network from random vectors spends
most of its passes on finding these.
Source: Levy and Goldberg, "Neural word embedding as implicit matrix factorization" (2014).
Shapes: I items, D width, N interactions, M pairs.
"""

import numpy as np
from scipy.sparse import coo_array, csr_array
from sklearn.decomposition import TruncatedSVD

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats

SPREAD = 0.02  # of each number of an item that stands near none


def spectral_vectors(
    past: Interactions, width: int, reach: int, norm: float, seed: int = 0
) -> Floats:
    """Vectors of all items, `ID`, of mean length `norm`, from pairs at most `reach` events apart.

    Costs a second or two for 12,000 items and 200,000 interactions.
    """
    items = len(past.items_I)
    near_II = mutual_information(past, reach)
    ranks = min(width, items - 1)
    vector_ID = np.zeros((items, width))
    if near_II.nnz:
        factors = TruncatedSVD(ranks, n_iter=4, random_state=seed).fit(near_II)
        vector_ID[:, :ranks] = factors.components_.T * np.sqrt(factors.singular_values_)
    length_I = np.linalg.norm(vector_ID, axis=1)
    vector_ID *= norm / max(length_I[length_I > 0].mean() if length_I.any() else 1.0, 1e-12)
    noise_ID = np.random.default_rng((seed, 3)).normal(0, SPREAD, vector_ID.shape)
    return np.where(length_I[:, None] > 0, vector_ID, noise_ID).astype(np.float32)


def mutual_information(past: Interactions, reach: int) -> csr_array:
    """Positive pointwise mutual information of pairs, `II`; a pair d apart counts d ** -0.5."""
    items = len(past.items_I)
    once_II = csr_array((items, items))
    for apart in range(1, reach + 1):
        same_N = past.user_N[apart:] == past.user_N[:-apart]
        if not same_N.any():
            break
        pair = (past.item_N[:-apart][same_N], past.item_N[apart:][same_N])
        # One distance at a time: the pairs of all at once would not fit a large shop's memory.
        near_II = csr_array((np.full(same_N.sum(), apart**-0.5), pair), shape=(items, items))
        once_II = csr_array(once_II + near_II)
    both = coo_array(once_II + once_II.T)
    both.setdiag(0)
    both.eliminate_zeros()
    total_I = np.bincount(both.row, both.data, minlength=items)
    expected_M = total_I[both.row] * total_I[both.col] / max(total_I.sum(), 1e-12)
    more_M = np.log(np.maximum(both.data / np.maximum(expected_M, 1e-12), 1.0))
    found = csr_array((more_M, (both.row, both.col)), shape=(items, items))
    found.eliminate_zeros()  # which would cost every product
    return found
