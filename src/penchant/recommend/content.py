"""New items that read like what a customer bought: titles, brands and paths as vectors.

An item nobody bought yet has no neighbours but by its text. Words are weighed by how rare they are
(tf-idf), or a language model reads them, which is better where titles are sentences.
Shapes: B users asked, I items, J new items, D width of a vector, N interactions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from penchant.extras import needed
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Names
from penchant.recommend.assortment import DAY, Assortment
from penchant.recommend.candidates import Asked, strongest, strongest_own

BLOCK = 500  # users or proposals at a time


@dataclass(frozen=True, kw_only=True)
class Content:
    """Recipe. Costs a second for 20,000 items."""

    half_life: float = 90.0  # days in which what a customer did comes to count half
    new_days: float = 28.0  # since its first interaction, in which an item is new
    encoder: str = ""  # text model, as `encode` in `models.text` takes it; empty: words are counted

    def fit(self, past: Interactions, goods: Assortment) -> "FittedContent":
        """Read the items' texts.

        Raises RecipeError where a text model, or a package that it needs, is missing.
        """
        new_J = np.flatnonzero(goods.age_I <= self.new_days).astype(np.int32)
        read = self._encoded if self.encoder else _weighed
        return FittedContent(read(goods.text_I), new_J, self.half_life)

    def _encoded(self, text_I: Names) -> csr_array:
        """Vectors of a text model, of length 1; none of an empty text."""
        told = np.flatnonzero(text_I != "")
        if not len(told):
            return csr_array(np.zeros((len(text_I), 1), dtype=np.float32))
        encode = needed("penchant.models.text", "content").encode
        vector_ND = normalize(encode(text_I[told].tolist(), self.encoder))
        vector_ID = np.zeros((len(text_I), vector_ND.shape[1]), dtype=np.float32)
        vector_ID[told] = vector_ND
        return csr_array(vector_ID)


def _weighed(text_I: Names) -> csr_array:
    """Words of each text by tf-idf; nothing where no word stands in two."""
    reader = TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32)
    try:
        return csr_array(reader.fit_transform(text_I))
    except ValueError:
        return csr_array(np.zeros((len(text_I), 1), dtype=np.float32))


@dataclass(frozen=True)
class FittedContent:
    """Items' vectors, and which are new."""

    vector_ID: csr_array
    new_J: Codes
    half_life: float

    @cached_property
    def _new_DJ(self) -> csr_array:
        return csr_array(self.vector_ID[self.new_J].T)

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Cosine of each new item with what a user did, the latest most; of none they had."""
        past = asked.past
        users, items = past.shape
        age_N = (past.time_N.max(initial=0) - past.time_N) / DAY
        weight_N = (0.5 ** (age_N / self.half_life)).astype(np.float32)
        taste_BI = csr_array((weight_N, (past.user_N, past.item_N)), shape=past.shape)
        taste_BD = csr_array(normalize(taste_BI @ self.vector_ID))
        allowed_J = None if asked.allowed_I is None else asked.allowed_I[self.new_J]
        had_BJ = csr_array(taste_BI[:, self.new_J])
        blocks = []
        for at in range(0, users, BLOCK):
            near_BJ = csr_array(taste_BD[at : at + BLOCK] @ self._new_DJ)
            blocks.append(strongest(near_BJ, most, allowed_J, had_BJ[at : at + BLOCK]))
        near = vstack(blocks).tocoo()
        return csr_array((near.data, (near.row, self.new_J[near.col])), shape=(users, items))

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What the user had that reads most like the new item."""
        past, items = asked.past, asked.past.shape[1]
        pair = np.unique(past.user_N.astype(np.int64) * items + past.item_N)
        user, item = np.divmod(pair, items)
        own_BI = csr_array((np.ones(len(pair)), (user, item)), shape=past.shape)
        best = [np.empty(0, dtype=np.int32)]
        for at in range(0, len(row_N), BLOCK):
            own = own_BI[row_N[at : at + BLOCK]].tocoo()
            new_ND, own_ND = self.vector_ID[item_N[at + own.row]], self.vector_ID[own.col]
            like_N = np.asarray(new_ND.multiply(own_ND).sum(axis=1)).ravel()
            best.append(strongest_own(csr_array((like_N, (own.row, own.col)), shape=own.shape)))
        return np.concatenate(best)
