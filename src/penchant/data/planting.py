"""The mechanisms a world is planted with, each a function of the rows of users it moves.

Each takes and returns plain arrays; none knows of events or tables. Steps count from the world's
first. Shapes: U users, T topics, S steps, M migrations, C cadenced topics of a user, P cadenced
pairs of a user and a topic, N purchases of a pair.
"""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from penchant.data.step import Step
from penchant.data.truth import Ints, Migrations

Array = npt.NDArray[np.float64]

CONCENTRATION = 6.0  # of tastes: a user favours a handful of topics
TASTE_FLOOR = 1e-4  # no topic is impossible
POPULARITY_EXPONENT = 0.6
ACTIVITY_SHAPE = 2.0  # of the gamma over users' purchases a step
DRIFT_PER_STEP = 0.1  # standard deviation of a log taste's change
MOVED_SHARE = 0.9  # of the topic left, that goes to the topic entered
LONGEST_MOVE = 4  # steps
SEASON_DEPTH = 0.8  # a season swings rates between 0.2 and 1.8 times their mean
CADENCED_TOPICS = 4  # a user's
SHORTEST_CADENCE, LONGEST_CADENCE = 3, 12  # steps
JITTER = 1  # steps


def popularity(topics: int, rng: np.random.Generator) -> Array:
    """Uneven shares of topics in a shop, as `popularity_T`."""
    popularity_T = rng.permutation(np.arange(1, topics + 1, dtype=np.float64))
    popularity_T **= -POPULARITY_EXPONENT
    return popularity_T / popularity_T.sum()


def tastes(users: int, popularity_T: Array, rng: np.random.Generator) -> Array:
    """Dirichlet shares of topics around their popularity, as `share_UT`."""
    share_UT = rng.dirichlet(CONCENTRATION * popularity_T, size=users) + TASTE_FLOOR
    return share_UT / share_UT.sum(axis=1, keepdims=True)


def activity(users: int, purchases: float, rng: np.random.Generator) -> Array:
    """Gamma purchases a step, with the mean `purchases`, as `activity_U`."""
    return rng.gamma(ACTIVITY_SHAPE, purchases / ACTIVITY_SHAPE, size=users)


def drift(share_UTS: Array, rng: np.random.Generator) -> Array:
    """Let log tastes walk at random from the first step on."""
    walk_UTS = rng.normal(0.0, DRIFT_PER_STEP, size=share_UTS.shape)
    walk_UTS[:, :, 0] = 0.0
    share_UTS = share_UTS * np.exp(walk_UTS.cumsum(axis=2))
    return share_UTS / share_UTS.sum(axis=1, keepdims=True)


def migrate(
    share_UTS: Array, user_M: npt.NDArray[np.intp], rng: np.random.Generator
) -> tuple[Array, Migrations]:
    """Move each user's favourite topic into one of the lower half, once, mid-way.

    `share_UTS` holds the movers alone, and `user_M` says which users of the world they are.
    """
    count, topics, steps = share_UTS.shape
    rows_M = np.arange(count)
    order_MT = share_UTS[:, :, 0].argsort(axis=1)
    from_M = order_MT[:, -1]
    rank_M = rng.integers(0, topics // 2, size=(count,))
    to_M = np.take_along_axis(order_MT, rank_M[:, None], axis=1)[:, 0]
    step_M = middle_steps(count, steps, rng)
    steps_M = rng.integers(1, LONGEST_MOVE + 1, size=(count,))
    done_MS = (np.arange(steps) - step_M[:, None] + 1) / steps_M[:, None]
    moved_MS = MOVED_SHARE * done_MS.clip(0.0, 1.0) * share_UTS[rows_M, from_M]
    share_UTS = share_UTS.copy()
    share_UTS[rows_M, from_M] -= moved_MS
    share_UTS[rows_M, to_M] += moved_MS
    return share_UTS, Migrations(
        user_M=user_M.astype(np.int32),
        from_topic_M=from_M.astype(np.int32),
        to_topic_M=to_M.astype(np.int32),
        step_M=step_M.astype(np.int32),
        steps_M=steps_M.astype(np.int32),
    )


def seasons(topics: int, first: date, steps: int, rng: np.random.Generator) -> Array:
    """A factor for each topic and week, as `season_TS`.

    A third of the topics have a year's season, a third a month's, both with a random peak; the
    rest have none.
    """
    days = [first + timedelta(weeks=step, days=3) for step in range(steps)]  # mid-week
    year_S = np.array([day.timetuple().tm_yday / 365.25 for day in days])
    month_S = np.array([(day.day - 0.5) / _days_in_month(day) for day in days])
    kind_T = rng.permutation(np.arange(topics) % 3)
    peak_T = rng.random(topics)
    phase_TS = np.where(kind_T[:, None] == 0, year_S, month_S) - peak_T[:, None]
    depth_T = np.where(kind_T == 2, 0.0, SEASON_DEPTH)
    factor_TS: Array = 1.0 + depth_T[:, None] * np.cos(2 * np.pi * phase_TS)
    return factor_TS


def _days_in_month(day: date) -> int:
    index = Step.MONTH.index_of(day)
    return (Step.MONTH.start(index + 1) - Step.MONTH.start(index)).days


def middle_steps(count: int, steps: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """A step for each of `count` changes, from the second and third quarter of the world."""
    return rng.integers(steps // 4, 3 * steps // 4, size=count)


def cadences(users: int, topics: int, rng: np.random.Generator) -> Ints:
    """Steps between a user's purchases in a few topics, 0 in all others, as `cadence_UT`."""
    chosen = min(CADENCED_TOPICS, topics)
    topic_UC = rng.random((users, topics)).argsort(axis=1)[:, :chosen]
    cadence_UT = np.zeros((users, topics), dtype=np.int32)
    steps_UC = rng.integers(SHORTEST_CADENCE, LONGEST_CADENCE + 1, size=(users, chosen))
    cadence_UT[np.arange(users)[:, None], topic_UC] = steps_UC
    return cadence_UT


def repurchases(cadence_P: Ints, steps: int, rng: np.random.Generator) -> tuple[Array, Ints]:
    """What to expect, given the first purchase, and what came: `rate_PS, count_PS`.

    The first purchase falls into the first cadence; each gap is drawn evenly from the cadence
    plus or minus `JITTER` steps. Expectation: the renewal equation, u(s) = mean of u(s - gap).
    """
    pairs = len(cadence_P)
    rows_P = np.arange(pairs)
    first_P = rng.integers(0, cadence_P, dtype=np.int32)
    rate_PS = np.zeros((pairs, steps))
    rate_PS[rows_P[first_P < steps], first_P[first_P < steps]] = 1.0
    gaps = [cadence_P + jitter for jitter in range(-JITTER, JITTER + 1)]
    for step in range(1, steps):
        for gap_P in gaps:
            known_P = np.where(gap_P <= step, rate_PS[rows_P, np.maximum(step - gap_P, 0)], 0.0)
            rate_PS[:, step] += known_P / len(gaps)

    purchases = steps // (SHORTEST_CADENCE - JITTER) + 1
    gap_PN = cadence_P[:, None] + rng.integers(-JITTER, JITTER + 1, size=(pairs, purchases))
    when_PN = np.concatenate([first_P[:, None], first_P[:, None] + gap_PN.cumsum(axis=1)], axis=1)
    count_PS = np.zeros((pairs, steps), dtype=np.int32)
    pair, number = np.nonzero(when_PN < steps)
    count_PS[pair, when_PN[pair, number]] = 1
    return rate_PS, count_PS
