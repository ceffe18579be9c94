"""Candidates: items that several sources propose to users, each with its source's score.

A source is fitted to what all did, and proposes to anyone by what they did, so that new users need
no refit. Proposals are sparse: users × items, with a positive score where there is one.
Shapes: B users asked, I items, T topics, N candidates, P sources,
M proposals, or scores of one user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from penchant.interest.counts import Flags
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Codes, Floats
from penchant.recommend.assortment import Assortment

NONE = -1  # code of an item that there is none of


@dataclass(frozen=True)
class Asked:
    """Users to propose items to, and what is known of them."""

    past: Interactions  # of these users, with the items of the fit
    volume_BT: Floats | None = None  # engagements forecast in each topic; None: no forecast
    chance_BT: Floats | None = None  # of any
    allowed_I: Flags | None = None  # the only items to propose; None: all


class Proposer(Protocol):
    """A fitted source."""

    def propose(self, asked: Asked, most: int) -> csr_array:
        """Scores of at most `most` items for each user, `BI`, all positive."""
        ...

    def because(self, asked: Asked, row_N: Codes, item_N: Codes) -> Codes:
        """The item of the user's own past that led most to each proposal; -1 where none did."""
        ...


class Source(Protocol):
    """A recipe that proposes."""

    def fit(self, past: Interactions, goods: Assortment) -> Proposer:
        """Learn from what all users did."""
        ...


@dataclass(frozen=True)
class Candidates:
    """One row a user and item; NaN where a source didn't propose it. Sorted by user and item."""

    row_N: Codes  # user
    item_N: Codes
    score_NP: Floats
    sources_P: tuple[str, ...]


def strongest_own(led_NI: csr_array) -> Codes:
    """The item of the largest positive entry of each row, -1 where there is none."""
    best_N = np.asarray(led_NI.argmax(axis=1)).ravel()
    most_N = np.asarray(led_NI.max(axis=1).toarray()).ravel()
    return np.where(most_N > 0, best_N, NONE).astype(np.int32)


def nothing_own(row_N: Codes) -> Codes:
    """No item of the user's own past."""
    return np.full(len(row_N), NONE, dtype=np.int32)


def gather(proposed: Mapping[str, csr_array]) -> Candidates:
    """All proposals of several sources, side by side."""
    parts = [scores.tocoo() for scores in proposed.values()]
    items = parts[0].shape[1]
    code_M = [part.row.astype(np.int64) * items + part.col for part in parts]
    code_N = np.unique(np.concatenate(code_M))
    score_NP = np.full((len(code_N), len(parts)), np.nan, dtype=np.float32)
    for p, (part, code) in enumerate(zip(parts, code_M, strict=True)):
        score_NP[np.searchsorted(code_N, code), p] = part.data
    row_N, item_N = np.divmod(code_N, items)
    return Candidates(
        row_N.astype(np.int32), item_N.astype(np.int32), score_NP, tuple(proposed.keys())
    )


def strongest(
    score_BI: csr_array, most: int, allowed_I: Flags | None = None, had_BI: csr_array | None = None
) -> csr_array:
    """The `most` largest positive scores of each row, of items allowed and not had.

    Of equal ones the first items'. Costs the scores there are, and a mark an item.
    """
    users, items = score_BI.shape
    if allowed_I is None:
        allowed_I = np.ones(items, dtype=np.bool_)
    kept = [np.empty(0, dtype=np.int64)]
    for row in range(users):
        open_I = allowed_I.copy()
        if had_BI is not None:
            open_I[had_BI.indices[slice(*had_BI.indptr[row : row + 2])]] = False
        here = slice(*score_BI.indptr[row : row + 2])
        item_M, score_M = score_BI.indices[here], score_BI.data[here]
        told_M = np.flatnonzero(open_I[item_M] & (score_M > 0))
        if len(told_M) > most:
            least = np.partition(score_M[told_M], -most)[-most]
            told_M = told_M[score_M[told_M] >= least]
            told_M = told_M[np.lexsort((item_M[told_M], -score_M[told_M]))[:most]]
        kept.append(here.start + told_M)
    kept_M, start_B = np.concatenate(kept), np.cumsum([len(part) for part in kept])
    parts = (score_BI.data[kept_M], score_BI.indices[kept_M], start_B)
    found = csr_array(parts, shape=score_BI.shape)
    found.sort_indices()
    return found
