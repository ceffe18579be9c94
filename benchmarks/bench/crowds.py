"""Planted communities: a shop known up to a week, and peers that group and pair its customers.

Shapes: U users, T topics, I items, F follows, N interactions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

import ibis
import numpy as np
from scipy.sparse import csr_array
from sklearn.preprocessing import normalize

from penchant.communities import liked_ties
from penchant.data.truth import Truth
from penchant.data.worlds import WORLDS, Shop
from penchant.decisions.affinity import communities, heeding, nearest, tastes
from penchant.decisions.ties import Ties
from penchant.interest.forecast import Forecast
from penchant.interest.history import History, build_history
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models.gamma_poisson import GammaPoisson

TASK = Task(windows=(Window(0, 4), Window(4, 8)))
HALF = 0.5  # of the follows are known, the others are asked for

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Crowd:
    """A world up to a cutoff, its forecast, and its follows as rows of the history's users."""

    truth: Truth
    history: History
    past: Interactions
    forecast: Forecast
    row_U: np.ndarray  # of the truth, for each user of the history
    known_F: np.ndarray  # two rows: who follows whom
    asked_F: np.ndarray
    strangers_F: np.ndarray  # as many pairs at random


def crowd(name: str, seed: int, cutoff: int) -> Crowd:
    """Grow a world and cut it."""
    world = WORLDS[name](Shop(seed=seed, steps=max(cutoff + 8, 60)))
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    whole = build_history(events, choose_topics(events, catalog, level=2, floor=0))
    history = whole.until(cutoff)
    past = build_interactions(events, ("purchase", "social"))
    past = past.until(datetime.combine(history.cutoff_date, time()))
    row_U = np.searchsorted(world.truth.users_U, history.interest.users_U)
    random = np.random.default_rng(seed)
    follows = np.zeros((2, 0), dtype=np.int64)
    if world.truth.communities is not None:
        place = np.full(len(world.truth.users_U), -1)
        place[row_U] = np.arange(len(row_U))
        ends = (world.truth.communities.follower_F, world.truth.communities.followed_F)
        follows = np.unique(np.sort(place[np.stack(ends)], axis=0), axis=1)
        follows = follows[:, (follows >= 0).all(axis=0)]
    known_F = random.random(follows.shape[1]) < HALF
    return Crowd(
        truth=world.truth,
        history=history,
        past=past,
        forecast=GammaPoisson().fit(history, TASK).predict(history),
        row_U=row_U,
        known_F=follows[:, known_F],
        asked_F=follows[:, ~known_F],
        strangers_F=random.integers(0, len(row_U), (2, int((~known_F).sum()))),
    )


def ways(one: Crowd) -> dict[str, tuple[np.ndarray | None, Score]]:
    """Groups of each way, None where it makes none, and its score of pairs."""
    users = len(one.row_U)
    own_UT = tastes(one.forecast)
    told = {"community": (own_UT, None)}
    for name, ties in (
        ("community_likes", liked_ties(one.history, one.past)),
        ("community_ties", known(one)),
    ):
        if ties is not None:
            tied_UU = ties.matrix(users)
            told[name] = (heeding(own_UT, tied_UU), tied_UU)
    counted_UT = normalize(one.history.interest.count_UT(TASK.target, 0, one.history.cutoff))
    told["past_counts"] = (counted_UT, None)
    told["copurchase"] = (items_of(one), None)
    found = {
        name: (communities(nearest(taste_UT), tied_UU), product(taste_UT))
        for name, (taste_UT, tied_UU) in told.items()
    }
    tied_UU = known(one).matrix(users)
    shared_UU = (tied_UU @ tied_UU).toarray()
    found["ties_alone"] = (communities(tied_UU), lambda a, b: shared_UU[a, b])
    busy_U = one.history.interest.count_UT(TASK.target, 0, one.history.cutoff).sum(axis=1)
    return found | {"popularity": (None, lambda a, b: busy_U[a] * busy_U[b])}


def known(one: Crowd) -> Ties:
    """The half of the follows that is known."""
    return Ties(one.known_F[0], one.known_F[1], known=True)


def items_of(one: Crowd) -> np.ndarray:
    """Items each user bought, of length 1."""
    bought_N = one.past.kind_N == one.past.kinds_K.index("purchase")
    place = (one.past.user_N[bought_N], one.past.item_N[bought_N])
    had_UI = csr_array((np.ones(bought_N.sum()), place), shape=one.past.shape).toarray()
    row_U = np.searchsorted(one.past.users_U, one.history.interest.users_U)
    return normalize(np.minimum(had_UI[row_U], 1)).astype(np.float32)


def product(taste_UT: np.ndarray) -> Score:
    """Affinity of pairs."""
    return lambda a, b: (taste_UT[a] * taste_UT[b]).sum(axis=1)
