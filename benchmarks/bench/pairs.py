"""Plain ways to rank pairs of topics as complements, and how pairs fare in steps held out.

Shapes: T topics, U users, S steps, P pairs, N sightings.
"""

import numpy as np
from scipy.sparse import csr_array

from penchant.decisions.complements import Sightings

PRIOR = 0.5  # sightings added to both sides of a ratio


def active_UST(seen: Sightings, users: int) -> csr_array:
    """A row for each user and step, marked where a topic was bought."""
    row_N = seen.user_N.astype(np.int64) * seen.steps + seen.step_N
    shape = (users * seen.steps, len(seen.names_T))
    return csr_array((np.ones(len(row_N)), (row_N, seen.thing_N)), shape=shape)


def after_UST(seen: Sightings, users: int, within: int) -> csr_array:
    """The same, marked in the steps after a purchase, up to `within`."""
    rows, things = [], []
    for lag in range(1, within + 1):
        kept_N = seen.step_N + lag < seen.steps
        rows.append((seen.user_N.astype(np.int64) * seen.steps + seen.step_N + lag)[kept_N])
        things.append(seen.thing_N[kept_N])
    row_N, thing_N = np.concatenate(rows), np.concatenate(things)
    shape = (users * seen.steps, len(seen.names_T))
    marked = csr_array((np.ones(len(row_N)), (row_N, thing_N)), shape=shape)
    marked.data[:] = 1
    return marked


def pair_peers(seen: Sightings, users: int, within: int) -> dict[str, np.ndarray]:
    """Scores of every directed pair, by peer, as `TT`; higher is more of a complement."""
    now, after = active_UST(seen, users), after_UST(seen, users, within)
    trips = max(1, len(np.unique(seen.user_N.astype(np.int64) * seen.steps + seen.step_N)))
    count_T, after_T = now.sum(axis=0), after.sum(axis=0)
    beside_TT = (now.T @ now).toarray()
    follow_TT = (after.T @ now).toarray()
    thing_UT = csr_array((np.ones(len(seen.user_N)), (seen.user_N, seen.thing_N)))
    thing_UT.data[:] = np.minimum(thing_UT.data, 1)
    users_TT = (thing_UT.T @ thing_UT).toarray()
    buyers_T = np.maximum(np.diag(users_TT), 1)
    expected_TT = np.outer(count_T, count_T) / trips
    expected_follow_TT = np.outer(after_T, count_T) / (users * seen.steps)
    return {
        "association_lift": (beside_TT + PRIOR) / (expected_TT + PRIOR),
        "cosine": users_TT / np.sqrt(np.outer(buyers_T, buyers_T)),
        "sequence_lift": (follow_TT + PRIOR) / (expected_follow_TT + PRIOR),
        "sequence_confidence": follow_TT / np.maximum(after_T, 1)[:, None],
    }


def held_out(
    seen: Sightings, users: int, cutoff: int, within: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First step of each topic bought right after the cutoff, what followed, and own rates.

    `UT` each: the step, -1 for none in the first `within`; a list of steps bought later as
    `UTS` of flags; steps with a purchase a step known before the cutoff.
    """
    things = len(seen.names_T)
    flag_UTS = np.zeros((users, things, seen.steps - cutoff), dtype=bool)
    late_N = seen.step_N >= cutoff
    place = (seen.user_N[late_N], seen.thing_N[late_N], seen.step_N[late_N] - cutoff)
    flag_UTS[place] = True
    early_UTS = flag_UTS[:, :, :within]
    first_UT = np.where(early_UTS.any(axis=2), early_UTS.argmax(axis=2), -1)
    code_N = seen.user_N[~late_N].astype(np.int64) * things + seen.thing_N[~late_N]
    times_UT = np.bincount(code_N, minlength=users * things).reshape(users, things)
    start_U = np.full(users, cutoff)
    np.minimum.at(start_U, seen.user_N[~late_N], seen.step_N[~late_N])
    return first_UT, flag_UTS, times_UT / np.maximum(cutoff - start_U, 1)[:, None]


def fared(
    held: tuple[np.ndarray, np.ndarray, np.ndarray], pair: tuple[int, int], within: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each user: whether they bought the one, then the other in time, and their own chance."""
    first_UT, flag_UTS, rate_UT = held
    one, other = pair
    asked_U = first_UT[:, one] >= 0
    step_S = np.arange(flag_UTS.shape[2])
    since_US = step_S - first_UT[:, one][:, None]
    came_U = (flag_UTS[:, other] & (since_US >= 1) & (since_US <= within)).any(axis=1)
    chance_U = 1 - (1 - np.minimum(rate_UT[:, other], 1)) ** within
    return asked_U.astype(float), came_U * asked_U.astype(float), chance_U * asked_U
