"""New items that read like what a customer bought: titles, brands and paths as vectors.

An item nobody bought yet has no neighbours but by its text. Words are weighed by how rare they are
(tf-idf); a language model is the better reader where titles are sentences.
Shapes: B users asked, I items, J new items, D width of a vector, N interactions.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked, strongest, strongest_own

BLOCK = 500  # users at a time


@dataclass(frozen=True, kw_only=True)
class Content:
    """Recipe. Costs a second for 20,000 items."""

    half_life: float = 90.0  # days in which what a customer did comes to count half
    new_days: float = 28.0  # since its first interaction, in which an item is new

    def fit(self, past: Interactions, goods: Assortment) -> "FittedContent":
        """Read the items' texts."""
        new_J = np.flatnonzero(goods.age_I <= self.new_days).astype(np.int32)
        if not goods.text_I.any():
            return FittedContent(csr_array((len(goods.items_I), 1)), new_J, self.half_life)
        reader = TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32)
        return FittedContent(csr_array(reader.fit_transform(goods.text_I)), new_J, self.half_life)


@dataclass(frozen=True)
class FittedContent:
    """Items' vectors, and which are new."""

    vector_ID: csr_array
    new_J: Codes
    half_life: float

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Cosine of each new item with what a user did, the latest most."""
        past = asked.past
        users, items = past.shape
        age_N = (past.time_N.max(initial=0) - past.time_N) / DAY
        weight_N = (0.5 ** (age_N / self.half_life)).astype(np.float32)
        taste_BI = csr_array((weight_N, (past.user_N, past.item_N)), shape=past.shape)
        taste_BD = csr_array(normalize(taste_BI @ self.vector_ID))
        new_DJ = self.vector_ID[self.new_J].T.tocsr()
        blocks = []
        for at in range(0, users, BLOCK):
            near = strongest((taste_BD[at : at + BLOCK] @ new_DJ).toarray(), most).tocoo()
            place = (near.row, self.new_J[near.col])
            blocks.append(csr_array((near.data, place), shape=(near.shape[0], items)))
        return csr_array(vstack(blocks))

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What the user had that reads most like the new item."""
        past = asked.past
        own_BI = csr_array(
            (np.ones(len(past.item_N)), (past.user_N, past.item_N)), shape=past.shape
        )
        like_NI = self.vector_ID[item_N] @ self.vector_ID.T
        return strongest_own(csr_array(own_BI[row_N].multiply(like_NI)))
