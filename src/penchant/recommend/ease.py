"""What goes with a customer's items, each weighed in the light of all their others (EASE).

A linear model of each item by all others, in closed form: unlike neighbours, it counts what two of
a customer's items say together only once, and lets an item speak against another. Among the items
most bought alone, since their square has to be inverted.
Source: Steck, "Embarrassingly shallow autoencoders for sparse data" (2019).
Shapes: B users asked, U users of the fit, I items, K items kept, N proposals.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, vstack

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, strongest, strongest_own
from penchant.recommend.neighbours import BLOCK, faded
from penchant.recommend.repeat import baskets_of


@dataclass(frozen=True, kw_only=True)
class Ease:
    """Recipe. Costs 8 bytes times the square of the items kept, and seconds for 4,000 of them."""

    penalty: float = 100.0  # added to each item's number of customers; more trusts few of them less
    most_items: int = 4_000  # kept, the most bought ones
    half_baskets: float = 16.0  # half-life of a purchase of the user asked for

    def fit(self, past: Interactions, goods: Assortment) -> "FittedEase":
        """Invert what is bought together."""
        bought_UI = faded(baskets_of(past), np.inf)
        buyers_I = bought_UI.sum(axis=0)
        most_K = np.argsort(-buyers_I, kind="stable")[: self.most_items]
        kept_K = np.sort(most_K[buyers_I[most_K] > 0]).astype(np.int32)
        bought_UK = csr_array(bought_UI[:, kept_K])
        gram_KK = (bought_UK.T @ bought_UK).toarray().astype(np.float64)
        gram_KK[np.diag_indices_from(gram_KK)] += self.penalty
        weight_KK = cho_solve(cho_factor(gram_KK), np.eye(len(kept_K)))
        weight_KK /= -np.diag(weight_KK)
        np.fill_diagonal(weight_KK, 0)
        return FittedEase(self, kept_K, weight_KK.astype(np.float32))


@dataclass(frozen=True)
class FittedEase:
    """Weights from item to item, also negative ones, of the items kept."""

    recipe: Ease
    kept_K: Codes
    weight_KK: Floats

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Sum of the weights from a user's faded purchases."""
        taste_BI = faded(baskets_of(asked.past), self.recipe.half_baskets)
        blocks = []
        for at in range(0, taste_BI.shape[0], BLOCK):
            own_BI = taste_BI[at : at + BLOCK]
            score_BI = np.zeros(own_BI.shape, dtype=np.float32)
            score_BI[:, self.kept_K] = own_BI[:, self.kept_K] @ self.weight_KK
            blocks.append(strongest(csr_array(score_BI), most, asked.allowed_I, own_BI))
        return csr_array(vstack(blocks))

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What the user bought that speaks most for the item."""
        taste_BI = faded(baskets_of(asked.past), self.recipe.half_baskets)
        own = taste_BI[row_N][:, self.kept_K].tocoo()
        weight = self.weight_KK[own.col, np.searchsorted(self.kept_K, item_N)[own.row]]
        led_NK = csr_array((own.data * weight, (own.row, own.col)), shape=own.shape)
        best_N = strongest_own(led_NK)
        return np.where(best_N >= 0, self.kept_K[best_N], best_N).astype(np.int32)
