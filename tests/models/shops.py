"""Small shops given by their counts."""

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.step import Step
from penchant.interest.calendar import Calendar
from penchant.interest.history import History, population_of
from penchant.interest.interest import Interest
from penchant.interest.task import Task, Window
from penchant.interest.topics import Topics

TASK = Task(windows=(Window(0, 4), Window(4, 8)))


def history_of(
    count_UTS: np.ndarray, parents: list[str] | None = None, step: Step = Step.WEEK
) -> History:
    """A history of purchases with these counts, each for 2 of money.

    `parents` are the branches above the topics.
    """
    users, topics, steps = count_UTS.shape
    names_T = np.array([f"topic {t:03d}" for t in range(topics)])
    u, t, s = (a.astype(np.int32) for a in np.nonzero(count_UTS))
    count_N = count_UTS[u, t, s].astype(np.float32)
    interest = Interest(
        users_U=np.array([f"user {i:05d}" for i in range(users)]),
        topics_T=names_T,
        kinds_K=("purchase",),
        step=step,
        origin=2600,
        steps=steps,
        user_N=u,
        topic_N=t,
        step_N=s,
        count_NK=count_N[:, None],
        money_N=count_N * 2,
    )
    items = pa.table({c.ITEM: names_T, c.TOPIC: np.arange(topics, dtype=np.int32)})
    vocabulary = Topics(names_T, np.array(parents or ["all"] * topics), items, 1)
    calendar = Calendar(np.zeros((topics, 0), np.float32), np.zeros(0, np.float32))
    return History(interest, population_of(interest), vocabulary, calendar)


def lopsided(users: int = 40, topics: int = 5, steps: int = 36, seed: int = 0) -> History:
    """Poisson counts of users who each favour one topic or two."""
    rng = np.random.default_rng(seed)
    rate_UT = rng.dirichlet([0.4] * topics, size=users) * rng.gamma(2.0, 0.5, size=(users, 1))
    return history_of(rng.poisson(rate_UT[:, :, None], size=(users, topics, steps)))
