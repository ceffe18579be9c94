"""Migration on planted worlds: are moves found, which way, when; is nothing found where is none.

Shapes: U users, T topics, M planted moves, G groups of users.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
from sklearn.metrics import roc_auc_score

from bench.halves import distance_U, g_test_U, halves
from bench.rows import MEAN, Row
from penchant import columns as c
from penchant.data.step import Step
from penchant.data.truth import Truth
from penchant.data.worlds import WORLDS, Shop
from penchant.evaluation.ledger import ALL
from penchant.interest.calendar import build_calendar
from penchant.interest.discovery import rates
from penchant.interest.flow import observed_flow
from penchant.interest.history import History, build_history, population_of
from penchant.interest.interest import Interest
from penchant.interest.migration import RATE, Migrations, migrations
from penchant.interest.topics import Topics, choose_topics

KINDS = ("purchase",)
SEEDS = range(5)
STATIONARY = ("stable", "noise", "cadenced", "seasonal", "churning")
FLOW_USERS, GROUPS = 4000, 20
NOTABLE = 0.0005  # of all interest, from which a true flow is held to its estimate
USERS, TOPICS, STEPS, ACTIVITY = 100_000, 300, 104, 2.0


@dataclass(frozen=True)
class Found:
    """A world's truth, its history, and the migrations called in it."""

    truth: Truth
    history: History
    called: Migrations
    seconds: float

    @property
    def user_U(self) -> np.ndarray:
        """Rows of the history's users in the truth."""
        return np.searchsorted(self.truth.users_U, self.called.users_U)

    @property
    def topic_T(self) -> np.ndarray:
        """Rows of the history's topics in the truth."""
        return np.searchsorted(self.truth.topics_T, self.called.topics_T)


def find(name: str, shop: Shop) -> Found:
    """Grow a world and look for migrations in it."""
    world = WORLDS[name](shop)
    events, catalog = ibis.memtable(world.log.events), ibis.memtable(world.log.catalog)
    history = build_history(events, choose_topics(events, catalog, level=2, floor=0))
    start = time.perf_counter()
    called = migrations(history, KINDS)
    return Found(world.truth, history, called, time.perf_counter() - start)


def planted_rows() -> Iterator[Row]:
    """Rows of every planted world, then of the speed."""
    yield from detection_rows()
    for name in STATIONARY:
        found = find(name, Shop())
        yield row(name, "called", found.called.called_U.mean())
    yield from flow_rows()
    yield from speed_rows()


def detection_rows() -> Iterator[Row]:
    """Detection of moves and of nothing else: means over seeds, with the least and the most."""
    seen = [find("migrating", Shop(seed=seed)) for seed in SEEDS]
    for model, measure in (("scan", detected), ("halves", told_by_halves)):
        parts = [measure(found) for found in seen]
        for metric in parts[0]:
            values = [part[metric] for part in parts]
            mean, low, high = float(np.mean(values)), min(values), max(values)
            yield Row("migrating", MEAN, ALL, model, metric, mean, low, high)


def told_by_halves(found: Found) -> dict[str, float]:
    """The same, by comparing the two halves of each customer's history."""
    mover_U = found.truth.role_U[found.user_U] == "migrating"
    before_UT, after_UT = halves(found.history, KINDS)
    chance_U = g_test_U(before_UT, after_UT)
    called_U = rates(chance_U) <= RATE
    return {
        "auroc": float(roc_auc_score(mover_U, -chance_U)),
        "auroc_of_distance": float(roc_auc_score(mover_U, distance_U(before_UT, after_UT))),
        "false_alarms": float(called_U[~mover_U].mean()),
        "power": float(called_U[mover_U].mean()),
        "false_discoveries": float((~mover_U[called_U]).mean()),
    }


def detected(found: Found) -> dict[str, float]:
    """How well planted moves are found; direction and time are those of movers called."""
    called, truth = found.called, found.truth
    mover_U = truth.role_U[found.user_U] == "migrating"
    pair_U = main_pair_U(called)
    place = {int(user): u for u, user in enumerate(found.user_U)}
    planted = truth.migrations
    row_M = np.array([place.get(int(user), -1) for user in planted.user_M])
    known_M = row_M >= 0
    known_M[known_M] = called.called_U[row_M[known_M]]
    from_M, to_M, step_M = pair_U[row_M[known_M]].T
    right_M = found.topic_T[from_M] == planted.from_topic_M[known_M]
    right_M &= found.topic_T[to_M] == planted.to_topic_M[known_M]
    right_M &= (from_M >= 0) & (to_M >= 0)
    return {
        "auroc": float(roc_auc_score(mover_U, -called.chance_U)),
        "false_alarms": float(called.called_U[~mover_U].mean()),
        "power": float(called.called_U[mover_U].mean()),
        "false_discoveries": float((~mover_U[called.called_U]).mean()),
        "direction_right": float(right_M.mean()),
        "steps_off": float(np.median(np.abs(step_M - planted.step_M[known_M]))),
        "seconds": found.seconds,
    }


def main_pair_U(called: Migrations) -> np.ndarray:
    """From, to and step of each user's largest move in the surest change; -1 for none."""
    pair_U = np.full((len(called.users_U), 3), -1)
    moves = called.moves
    whole_M = (moves.from_M >= 0) & (moves.to_M >= 0)
    user_M = called.user_C[moves.change_M]
    order_M = np.lexsort((moves.share_M, -called.rate_C[moves.change_M], whole_M, user_M))
    step_M = called.step_C[moves.change_M]
    pair_U[user_M[order_M]] = np.stack([moves.from_M, moves.to_M, step_M], axis=1)[order_M]
    return pair_U


def flow_rows() -> Iterator[Row]:
    """The shop's matrix beside the true one, its errors in their own sampling errors."""
    found = find("migrating", Shop(users=FLOW_USERS))
    users, steps = len(found.called.users_U), found.history.cutoff
    whole = np.arange(users)
    estimate_TT, true_TT = flows(found, whole, steps)
    group_U = np.random.default_rng(0).permutation(users) % GROUPS
    left_GTT = np.stack([flows(found, whole[group_U != g], steps)[0] for g in range(GROUPS)])
    spread_TT = np.sqrt(
        (GROUPS - 1) / GROUPS * ((left_GTT - left_GTT.mean(axis=0)) ** 2).sum(axis=0)
    )
    off_TT = ~np.eye(len(true_TT), dtype=bool) & (true_TT >= NOTABLE)
    error_N = (estimate_TT - true_TT)[off_TT] / spread_TT[off_TT]
    moved = [float(matrix.sum() - np.trace(matrix)) for matrix in (estimate_TT, true_TT)]
    moved_G = left_GTT.sum(axis=(1, 2)) - np.trace(left_GTT, axis1=1, axis2=2)
    spread = float(np.sqrt((GROUPS - 1) / GROUPS * ((moved_G - moved_G.mean()) ** 2).sum()))
    yield row(
        "migrating flows", "moved", moved[0], moved[0] - 1.96 * spread, moved[0] + 1.96 * spread
    )
    yield row("migrating flows", "truly_moved", moved[1])
    yield row("migrating flows", "pairs", float(off_TT.sum()))
    yield row("migrating flows", "within_two_errors", float((np.abs(error_N) <= 2).mean()))
    yield row("migrating flows", "mean_error", float(error_N.mean()))


def flows(found: Found, row_U: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimated and true flow over the whole world of some users."""
    estimate = observed_flow(found.history, found.called, KINDS, 0, steps, row_U).moved_TT
    rate_UTS = found.truth.rate_UTS[found.user_U[row_U]][:, found.topic_T].astype(np.float64)
    weight_U = rate_UTS.sum(axis=(1, 2))
    before_UT, after_UT = (
        rate_UTS[:, :, s] / rate_UTS[:, :, s].sum(axis=1, keepdims=True) for s in (0, -1)
    )
    stay_UT = np.minimum(before_UT, after_UT)
    lost_UT, gained_UT = before_UT - stay_UT, after_UT - stay_UT
    moved_U = lost_UT.sum(axis=1)
    part_U = np.divide(weight_U, moved_U, out=np.zeros_like(moved_U), where=moved_U > 1e-6)
    true_TT = (lost_UT * part_U[:, None]).T @ gained_UT + np.diag(weight_U @ stay_UT)
    return estimate, true_TT / true_TT.sum()


def speed_rows() -> Iterator[Row]:
    """Seconds for a large shop in which nobody moves."""
    history = large_history()
    start = time.perf_counter()
    called = migrations(history, KINDS)
    middle = time.perf_counter()
    observed_flow(history, called, KINDS, STEPS - 26, STEPS)
    end = time.perf_counter()
    yield row("large", "users", USERS)
    yield row("large", "topics", TOPICS)
    yield row("large", "entries", float(len(history.interest.user_N)))
    yield row("large", "called", float(called.called_U.mean()))
    yield row("large", "seconds", end - start)
    yield row("large", "scan_seconds", middle - start)


def large_history(users: int = USERS) -> History:
    """Stationary tastes: Dirichlet shares, Gamma activity, Poisson engagements."""
    rng = np.random.default_rng(0)
    popularity_T = rng.permutation(np.arange(1.0, TOPICS + 1)) ** -0.6
    popularity_T /= popularity_T.sum()
    codes, counts = [], []
    for first in range(0, users, 5000):
        size = min(5000, users - first)
        share_UT = rng.dirichlet(6 * popularity_T, size=size)
        count_UT = rng.poisson(share_UT * rng.gamma(2, ACTIVITY / 2, size=(size, 1)) * STEPS)
        cell_N = np.repeat(np.arange(count_UT.size), count_UT.ravel()) + first * TOPICS
        code_N, count_N = np.unique(
            cell_N * STEPS + rng.integers(0, STEPS, len(cell_N)), return_counts=True
        )
        codes.append(code_N)
        counts.append(count_N.astype(np.float32))
    cell_N, step_N = np.divmod(np.concatenate(codes), STEPS)
    user_N, topic_N = np.divmod(cell_N, TOPICS)
    count_N = np.concatenate(counts)
    names_T = np.array([f"t{topic:03d}" for topic in range(TOPICS)])
    topics = Topics(names_T, np.full(TOPICS, "all"), no_items(), level=1)
    interest = Interest(
        users_U=np.array([f"u{user:06d}" for user in range(users)]),
        topics_T=names_T,
        kinds_K=KINDS,
        step=Step.WEEK,
        origin=2600,
        steps=STEPS,
        user_N=user_N.astype(np.int32),
        topic_N=topic_N.astype(np.int32),
        step_N=step_N.astype(np.int32),
        count_NK=count_N[:, None],
        money_N=count_N,
    )
    calendar = build_calendar(None, None, topics, Step.WEEK, interest.origin)
    return History(interest, population_of(interest), topics, calendar)


def no_items() -> pa.Table:
    """An empty assortment."""
    return pa.table({c.ITEM: pa.array([], pa.string()), c.TOPIC: pa.array([], pa.int32())})


def row(
    dataset: str, metric: str, value: float, low: float | None = None, high: float | None = None
) -> Row:
    """A number measured once."""
    return Row(dataset, MEAN, ALL, "scan", metric, float(value), low, high)
