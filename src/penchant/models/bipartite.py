"""The graph of users and topics, and the topic-topic graph that two steps on it make.

A history holds topics at the level of interest, not items: an item is known only by the topic it
lies in, so an edge from a user to an item and on to its topic is already an edge from the user to
the topic. The graph has users, topics and the topics' parents, and no item nodes.
* A walk from a topic goes to one of its users, and on to one of that user's topics: how likely it
  ends where says what is bought beside what (Cooper et al. 2014).
* Less what popularity and activity alone would give, and on one scale, the same numbers are the
  correlations of correspondence analysis (Greenacre 1984). The strongest are edges, and the leading
  eigenvectors are coordinates of topics.
Shapes: U users, T topics, S steps, M measures of a place in the year, P parents, V nodes (topics,
then parents), E edges, N entries of a history, D coordinates, F features of a node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penchant.interest.history import History
from penchant.interest.interest import Floats

LEAST_WEIGHT = 5.0  # pseudo-weight of a topic, so that a few baskets make no strong edge
LEAST_SEASON = 50.0  # pseudo-engagements spread over the year as the shop's
FARTHEST = 4.0  # spreads: farther features are cut
Doubles = npt.NDArray[np.float64]


def tastes_UT(history: History, kinds: Sequence[str], half_life: float) -> sparse.csr_array:
    """Edges of users and topics: logarithm of decayed engagements, sparse."""
    interest = history.interest
    age_N = interest.steps - 1 - interest.step_N
    weight_N = interest.target_N(kinds) * 0.5 ** (age_N / half_life)
    counted = sparse.coo_array((weight_N, (interest.user_N, interest.topic_N)), interest.shape[:2])
    edges = counted.tocsr()  # which adds what falls on one place
    edges.data = np.log1p(edges.data)
    edges.eliminate_zeros()  # other kinds of event
    return edges


def walk_TT(taste_UT: sparse.csr_array, power: float = 1.0) -> Doubles:
    """Chance that a walk from a topic to a user of it, and on, ends in each topic (rows from).

    Each chance of a step is raised to `power`. A topic without users leads nowhere.
    """
    return np.asarray((outward(taste_UT.T.tocsr(), power) @ outward(taste_UT, power)).todense())


def outward(weight: sparse.csr_array, power: float = 1.0) -> sparse.csr_array:
    """Rows as chances to step along each edge, raised to a power."""
    rows = weight.astype(np.float64)
    total = np.repeat(rows.sum(axis=1), np.diff(rows.indptr))
    rows.data = np.divide(rows.data, total, out=np.zeros_like(rows.data), where=total > 0) ** power
    return rows


def ties_TT(taste_UT: sparse.csr_array) -> Doubles:
    """How much more two topics share their users than popularity and activity explain."""
    weight_T = np.asarray(taste_UT.sum(axis=0), dtype=np.float64)
    both_TT = weight_T[:, None] * walk_TT(taste_UT)
    chance_TT = np.outer(weight_T, weight_T) / max(1e-9, weight_T.sum())
    scale_T = np.sqrt(weight_T + LEAST_WEIGHT)
    return (both_TT - chance_TT) / np.outer(scale_T, scale_T)


@dataclass(frozen=True)
class TopicGraph:
    """Topics and their parents: edges in both directions, and what tells the nodes."""

    source_E: npt.NDArray[np.int64]
    target_E: npt.NDArray[np.int64]
    weight_E: Floats
    feature_VF: Floats


def learn_topics(
    history: History, kinds: Sequence[str], nearest: int, coordinates: int, moment_SM: Floats
) -> TopicGraph:
    """Learn the graph of topics from everyone's past; nodes are told by features, not by name.

    Each topic is joined to the `nearest` bought beside it and to its parent. `moment_SM` says where
    each known step lies in the year.
    """
    taste_UT = tastes_UT(history, kinds, np.inf)
    tie_TT = ties_TT(taste_UT)
    pair_TT = _nearest(tie_TT, nearest)
    feature_TF = np.hstack(
        [
            _amounts(history.topic_count_TS(kinds), taste_UT),
            _season(history, kinds, moment_SM),
            _coordinates(tie_TT, coordinates),
        ]
    )
    names, parent_T = np.unique(history.topics.parent_T, return_inverse=True)
    topics = len(parent_T)
    parents = len(names) if len(names) > 1 else 0  # one parent of all topics tells nothing
    member_PT = np.eye(parents, len(names))[:, parent_T]
    feature_PF = member_PT @ feature_TF / np.maximum(1, member_PT.sum(axis=1, keepdims=True))
    is_parent_V = np.repeat([0.0, 1.0], [topics, parents])
    above_E, child_E = np.nonzero(member_PT)
    left_E, right_E = np.nonzero(pair_TT)
    return TopicGraph(
        np.concatenate([left_E, child_E, topics + above_E]),
        np.concatenate([right_E, topics + above_E, child_E]),
        np.concatenate([pair_TT[left_E, right_E], np.ones(2 * len(child_E))]).astype(np.float32),
        np.column_stack([np.vstack([feature_TF, feature_PF]), is_parent_V]).astype(np.float32),
    )


def _nearest(tie_TT: Doubles, nearest: int) -> Doubles:
    """Ties of each topic to those nearest to it, in both directions, the strongest weighing 1."""
    own_T = np.sqrt(np.maximum(np.diag(tie_TT), 1e-9))
    close_TT = np.maximum(tie_TT / np.outer(own_T, own_T), 0)
    np.fill_diagonal(close_TT, 0)
    rank_TT = np.argsort(np.argsort(-close_TT, axis=1, kind="stable"), axis=1)
    kept_TT = np.where(rank_TT < nearest, close_TT, 0)
    pair_TT = np.maximum(kept_TT, kept_TT.T)
    return pair_TT / max(1e-9, pair_TT.max())


def _amounts(count_TS: Floats, taste_UT: sparse.csr_array) -> Doubles:
    """Logarithms of engagements, of customers, and of engagements of each."""
    count_T = count_TS.sum(axis=1, dtype=np.float64) + 1
    customers_T = np.bincount(taste_UT.indices, minlength=len(count_T)) + 1.0
    return _scaled(np.log(np.stack([count_T, customers_T, count_T / customers_T], axis=1)))


def _season(history: History, kinds: Sequence[str], moment_SM: Floats) -> Doubles:
    """When in the year a topic is engaged in, beside the whole shop; 0 where no year has passed.

    In less than a year a season can't be told from a trend.
    """
    year = history.interest.step.per_year
    steps = history.cutoff // year * year
    count_TS = history.topic_count_TS(kinds)[:, history.cutoff - steps :].astype(np.float64)
    moment_SM = moment_SM[history.cutoff - steps :]
    shop_S = count_TS.sum(axis=0)
    shop_M = shop_S @ moment_SM / max(1.0, shop_S.sum())
    count_T1 = count_TS.sum(axis=1, keepdims=True) + LEAST_SEASON
    return _scaled((count_TS @ moment_SM + LEAST_SEASON * shop_M) / count_T1)


def _coordinates(tie_TT: Doubles, coordinates: int) -> Doubles:
    """Where topics lie by what is bought beside them: leading eigenvectors, `TD`."""
    value_D, vector_TD = np.linalg.eigh(tie_TT)
    value_D, vector_TD = value_D[::-1][:coordinates], vector_TD[:, ::-1][:, :coordinates]
    longest_D = np.take_along_axis(vector_TD, np.abs(vector_TD).argmax(axis=0)[None], axis=0)
    place_TD = vector_TD * np.sign(longest_D) * np.sqrt(np.maximum(value_D, 0))
    return np.pad(_scaled(place_TD), ((0, 0), (0, coordinates - len(value_D))))


def _scaled(value_TF: Doubles) -> Doubles:
    """A mean of 0 and a spread of 1, far values cut; nothing where all are alike."""
    spread_F = value_TF.std(axis=0)
    off_TF = (value_TF - value_TF.mean(axis=0)) / np.where(spread_F > 1e-9, spread_F, np.inf)
    return np.clip(off_TF, -FARTHEST, FARTHEST)
