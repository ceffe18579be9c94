"""What goes with a customer's items, and what customers like them buy.

* Items: two steps of a walk from item to customer to item, where popular items count less than
  they would (RP3beta; Paudel et al. 2017). With `alpha` 0.5 and `beta` 0.5 on both ends it is the
  cosine of item-KNN.
* Users: what those with the nearest faded baskets bought, by cosine (user-KNN).
Both propose only what is new to the customer; neither knows when.
Shapes: U users of the fit, B users asked, I items, E baskets' items, J some items,
N proposals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, vstack
from sklearn.preprocessing import normalize

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Names
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, nothing_own, strongest, strongest_own
from penchant.recommend.repeat import Baskets, baskets_of

BLOCK = 500  # users or items at a time


def faded(baskets: Baskets, half: float) -> csr_array:
    """Baskets that held each item, `UI`, where a basket counts half after `half` later ones."""
    fade_E = (0.5 ** (baskets.back_A / half)).astype(np.float32)[baskets.basket_E]
    return csr_array((fade_E, (baskets.user_E, baskets.item_E)), shape=baskets.past.shape)


@dataclass(frozen=True, kw_only=True)
class ItemNeighbours:
    """Recipe. Costs the sum of the users' squared numbers of items."""

    alpha: float = 1.0  # power of a customer's number of items; more trusts narrow customers more
    beta: float = 0.6  # power of the popularity of the item that is reached
    near: int = 50  # neighbours kept of each item
    least_buyers: int = 3  # of an item that has neighbours; rarer ones go with anything
    half_baskets: float = 16.0  # half-life of a purchase of the user asked for

    def fit(self, past: Interactions, goods: Assortment) -> "FittedItemNeighbours":
        """Walk from every item, and keep where it leads most."""
        bought_UI = faded(baskets_of(past), np.inf)
        bought_UI.data[:] = 1
        items, often = past.shape[1], np.flatnonzero(bought_UI.sum(axis=0) >= self.least_buyers)
        bought_UI = csr_array(bought_UI[:, often])
        buyers_I = np.maximum(bought_UI.sum(axis=0), 1)
        wide_U = np.maximum(bought_UI.sum(axis=1), 1)
        step_UI = diags_array(wide_U**-self.alpha) @ bought_UI @ diags_array(buyers_I**-self.beta)
        back_IU = (diags_array(1 / buyers_I) @ bought_UI.T).tocsr()
        blocks, itself_II = [], eye_array(len(buyers_I), format="csr")
        for at in range(0, len(buyers_I), BLOCK):
            walk_JI = csr_array(back_IU[at : at + BLOCK] @ step_UI, dtype=np.float32)
            blocks.append(strongest(walk_JI, self.near, had_BI=itself_II[at : at + BLOCK]))
        near = csr_array(vstack(blocks)).tocoo() if blocks else csr_array((0, 0)).tocoo()
        place = (often[near.row], often[near.col])
        return FittedItemNeighbours(self, csr_array((near.data, place), shape=(items, items)))


@dataclass(frozen=True)
class FittedItemNeighbours:
    """Weights from item to item."""

    recipe: ItemNeighbours
    weight_II: csr_array

    @cached_property
    def _to_II(self) -> csr_array:
        """The same weights by the item that they lead to."""
        return csr_array(self.weight_II.T)

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Sum of the weights from a user's faded purchases."""
        taste_BI = faded(baskets_of(asked.past), self.recipe.half_baskets)
        return _new_of(taste_BI, lambda rows: taste_BI[rows] @ self.weight_II, most, asked)

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What the user bought that goes best with the item."""
        taste_BI = faded(baskets_of(asked.past), self.recipe.half_baskets)
        return strongest_own(csr_array(taste_BI[row_N].multiply(self._to_II[item_N])))


@dataclass(frozen=True, kw_only=True)
class UserNeighbours:
    """Recipe. Costs the product of users asked and users kept, when asked."""

    near: int = 100  # neighbours of a user
    half_baskets: float = 16.0  # half-life of a purchase
    most_users: int = 5_000  # kept to compare with
    seed: int = 0  # of which are kept

    def fit(self, past: Interactions, goods: Assortment) -> "FittedUserNeighbours":
        """Keep the users to compare with."""
        return self.keep(baskets_of(past))

    def keep(self, baskets: Baskets) -> "FittedUserNeighbours":
        """Keep what some users bought."""
        taste_UI = faded(baskets, self.half_baskets)
        told_U = np.flatnonzero(np.diff(taste_UI.indptr))
        if len(told_U) > self.most_users:
            rng = np.random.default_rng(self.seed)
            told_U = np.sort(rng.permutation(told_U)[: self.most_users])
        return FittedUserNeighbours(
            self, baskets.past.users_U[told_U], csr_array(normalize(taste_UI[told_U], "l1"))
        )


@dataclass(frozen=True)
class FittedUserNeighbours:
    """Users to compare with, and what each bought as shares."""

    recipe: UserNeighbours
    users_U: Names
    share_UI: csr_array

    @cached_property
    def _taste_IU(self) -> csr_array:
        """What each bought, of length 1, by item."""
        return csr_array(normalize(self.share_UI).T)

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Mean of what the nearest users bought, weighed by how near they are."""
        baskets = baskets_of(asked.past)
        taste_BI = faded(baskets, self.recipe.half_baskets)
        near_BU = self.near(baskets)
        return _new_of(taste_BI, lambda rows: near_BU[rows] @ self.share_UI, most, asked)

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """No item of the user's own."""
        return nothing_own(row_N)

    def near(self, baskets: Baskets) -> csr_array:
        """Weights of the nearest other users; those of a user sum to 1 or are all 0."""
        taste_BI = normalize(faded(baskets, self.recipe.half_baskets))
        known_B = np.searchsorted(self.users_U, baskets.past.users_U)
        known_B = known_B.clip(max=max(0, len(self.users_U) - 1))
        row = np.flatnonzero(self.users_U[known_B] == baskets.past.users_U)
        shape = (len(known_B), len(self.users_U))
        itself_BU = csr_array((np.ones(len(row)), (row, known_B[row])), shape=shape)
        blocks = []
        for at in range(0, len(known_B), BLOCK):
            cosine_BU = csr_array(taste_BI[at : at + BLOCK] @ self._taste_IU)
            near_BU = strongest(cosine_BU, self.recipe.near, had_BI=itself_BU[at : at + BLOCK])
            blocks.append(normalize(near_BU, "l1"))
        return csr_array(vstack(blocks))


def _new_of(
    taste_BI: csr_array, score: Callable[[slice], csr_array], most: int, asked: Asked
) -> csr_array:
    """The strongest of each user's scores, of items that they have not bought."""
    blocks = []
    for at in range(0, taste_BI.shape[0], BLOCK):
        rows = slice(at, at + BLOCK)
        blocks.append(strongest(csr_array(score(rows)), most, asked.allowed_I, taste_BI[rows]))
    return csr_array(vstack(blocks))
