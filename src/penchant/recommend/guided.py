"""Guided: interest says which topics, an item model says which items within them.

An item's share of what a source proposes in its topic, times the chance that the customer engages
in the topic at all, is where the two stages alone would put it. The guided score lies between that
and the source's own. It needs a forecast, and leaves out items without a topic.
Shapes: B users asked, I items, T topics, M proposals,
N candidates.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, Proposer, Source, strongest


@dataclass(frozen=True)
class Guided:
    """Recipe. Costs what its source does."""

    source: Source  # whose items are chosen among
    weight: float = 0.5  # of the interest, beside the source's own order; a geometric mean
    reach: int = 5  # times as many are proposed, so that interest has a choice

    def fit(self, past: Interactions, goods: Assortment) -> "FittedGuided":
        """Fit the source."""
        return FittedGuided(self, self.source.fit(past, goods), goods.topic_I, len(goods.topics_T))


@dataclass(frozen=True)
class FittedGuided:
    """A fitted source, and the topic of each item."""

    recipe: Guided
    proposer: Proposer
    topic_I: Codes
    topics: int

    def propose(self, asked: Asked, most: int) -> csr_array:
        """The source's proposals, those of wanted topics first; its own without a forecast."""
        if asked.chance_BT is None:
            return self.proposer.propose(asked, most)
        found = self.proposer.propose(asked, most * self.recipe.reach).tocoo()
        told_M = self.topic_I[found.col] >= 0
        row_M, item_M, score_M = found.row[told_M], found.col[told_M], found.data[told_M]
        topic_M = self.topic_I[item_M]
        cell_M = row_M.astype(np.int64) * self.topics + topic_M
        within_M = np.bincount(cell_M, score_M, minlength=1)[cell_M]
        staged_M = score_M / within_M * asked.chance_BT[row_M, topic_M]
        weight = self.recipe.weight
        guided_M = (score_M ** (1 - weight) * staged_M**weight).astype(np.float32)
        return strongest(csr_array((guided_M, (row_M, item_M)), shape=found.shape), most)

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """What led the source to it."""
        return self.proposer.because(asked, row_N, item_N)
