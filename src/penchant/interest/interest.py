"""The interest tensor: who engaged in what, when, how often, and for how much money.

Sparse: one entry for each (user, topic, step) with any event, sorted by user, topic and step.
Shapes: U users, T topics, S steps, K kinds, N entries, B users of a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import PURCHASE, RETURN
from penchant.data.step import Step
from penchant.errors import HistoryError

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Names = npt.NDArray[np.str_]
BATCH = 1 << 20  # rows fetched at a time


@dataclass(frozen=True)
class Interest:
    """Sparse users × topics × steps, with a channel for each kind of event and one for money."""

    users_U: Names  # sorted
    topics_T: Names
    kinds_K: tuple[str, ...]
    step: Step
    origin: int  # absolute index of step 0
    steps: int  # S: steps known, from the origin
    user_N: Codes
    topic_N: Codes
    step_N: Codes  # 0 is the origin
    count_NK: Floats  # events
    money_N: Floats  # purchases less returns, in the shop's currency

    def __post_init__(self) -> None:
        lengths = {len(a) for a in (self.user_N, self.topic_N, self.step_N, self.count_NK)}
        if len(lengths | {len(self.money_N)}) > 1:
            raise HistoryError("The entries of an interest tensor must have one length.")
        if len(self.step_N) and not 0 <= self.step_N.min() <= self.step_N.max() < self.steps:
            raise HistoryError(f"Interest of {self.steps} steps holds entries outside them.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Users, topics, steps."""
        return len(self.users_U), len(self.topics_T), self.steps

    @cached_property
    def start_U(self) -> npt.NDArray[np.int64]:
        """First entry of each user, and the number of entries at the end: U + 1 offsets."""
        return np.searchsorted(self.user_N, np.arange(len(self.users_U) + 1))

    def target_N(self, kinds: Sequence[str]) -> Floats:
        """Events of `kinds` in each entry."""
        columns = [i for i, kind in enumerate(self.kinds_K) if kind in kinds]
        return self.count_NK[:, columns].sum(axis=1, dtype=np.float32)

    def sum_UT(self, weight_N: Floats) -> Floats:
        """Sum of an entry's weight over steps, for each user and topic (dense)."""
        users, topics, _ = self.shape
        code_N = self.user_N.astype(np.int64) * topics + self.topic_N
        flat = np.bincount(code_N, weights=weight_N, minlength=users * topics)
        return flat.astype(np.float32).reshape(users, topics)

    def count_UT(self, kinds: Sequence[str], start: int, end: int) -> Floats:
        """Events of `kinds` in steps `[start, end)`, for each user and topic (dense)."""
        inside_N = (self.step_N >= start) & (self.step_N < end)
        return self.sum_UT(self.target_N(kinds) * inside_N)

    def decayed_UT(self, kinds: Sequence[str], half_life: float) -> Floats:
        """Events of `kinds`, each halved for every `half_life` steps of age (dense).

        The age of the last known step is 0.
        """
        age_N = (self.steps - 1 - self.step_N).astype(np.float32)
        return self.sum_UT(self.target_N(kinds) * 0.5 ** (age_N / np.float32(half_life)))

    def until(self, steps: int) -> "Interest":
        """The first `steps` steps, with the same users and topics, and the kinds found in them."""
        if not 0 < steps <= self.steps:
            raise HistoryError(
                f"Can't cut {self.steps} known steps at {steps}; give 1 to {self.steps}."
            )
        kept = self._keep(self.step_N < steps)
        found = np.flatnonzero(kept.count_NK.any(axis=0))
        kinds_K = tuple(self.kinds_K[k] for k in found)
        return replace(kept, kinds_K=kinds_K, steps=steps, count_NK=kept.count_NK[:, found])

    def only(self, row_U: npt.NDArray[np.int64]) -> "Interest":
        """The users at rows `row_U`, in that order."""
        size_B = self.start_U[row_U + 1] - self.start_U[row_U]
        new_N = np.repeat(np.arange(len(row_U), dtype=np.int32), size_B)
        within_N = np.arange(size_B.sum()) - np.repeat(np.cumsum(size_B) - size_B, size_B)
        take_N = np.repeat(self.start_U[row_U], size_B) + within_N
        return replace(self._keep(take_N), users_U=self.users_U[row_U], user_N=new_N)

    def of(self, users_B: Names) -> "Interest":
        """Those of some users, in that order; a user who isn't known has no entries."""
        row_B = rows_of(users_B, self.users_U)
        known = np.flatnonzero(row_B >= 0)
        mine = self.only(row_B[known])
        return replace(mine, users_U=users_B, user_N=known[mine.user_N].astype(np.int32))

    def summed(self) -> "Interest":
        """The same, of several entries of one user, topic and step their sum."""
        _, topics, steps = self.shape
        cell_N = (self.user_N.astype(np.int64) * topics + self.topic_N) * steps + self.step_N
        _, first_N, cell_N = np.unique(cell_N, return_index=True, return_inverse=True)
        columns = (*self.count_NK.T, self.money_N)
        *counts, money_N = (np.bincount(cell_N, column).astype(np.float32) for column in columns)
        count_NK = np.stack(counts, axis=1) if counts else self.count_NK[first_N]
        return replace(self._keep(first_N), count_NK=count_NK, money_N=money_N)

    def _keep(self, index_N: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Interest":
        return replace(
            self,
            user_N=self.user_N[index_N],
            topic_N=self.topic_N[index_N],
            step_N=self.step_N[index_N],
            count_NK=self.count_NK[index_N],
            money_N=self.money_N[index_N],
        )


def rows_of(users_U: Names, known_U: Names) -> npt.NDArray[np.int64]:
    """Where each user stands among known ones, who are sorted; -1 for one who doesn't."""
    if not len(known_U):
        return np.full(len(users_U), -1)
    row_U = np.searchsorted(known_U, users_U).clip(max=len(known_U) - 1)
    return np.where(known_U[row_U] == users_U, row_U, -1)


def placed_events(
    events: ir.Table,
    items: ir.Table,
    kinds: Sequence[str],
    step: Step,
    queries: ir.Table | None = None,
) -> ir.Table:
    """Events with the topic and step they fall on.

    `items` has the columns item and topic (a code); `queries`, for events without an item, query
    and topic. Columns of the result: user, topic, step (absolute), one count for each kind, in
    order, named `kind_0`, `kind_1`, …, and money.
    """
    kind = events[c.KIND]
    sign = (kind == PURCHASE).cast("int8") - (kind == RETURN).cast("int8")
    counts = {f"kind_{i}": (kind == name).cast("float64") for i, name in enumerate(kinds)}
    marked = events.select(
        events[c.USER],
        events[c.ITEM],
        *([] if queries is None else [events[c.QUERY]]),
        step.expression(events[c.TIME]).name(c.STEP),
        (events[c.VALUE].fill_null(0.0) * sign).name(c.MONEY),
        **counts,
    )
    placed = marked.inner_join(items, c.ITEM)
    read = (c.USER, c.TOPIC, c.STEP, *counts, c.MONEY)
    if queries is None:
        return placed.select(*read)
    searched = marked.filter(marked[c.ITEM].isnull()).inner_join(queries, c.QUERY)
    return placed.select(*read).union(searched.select(*read))


def interest_expression(placed: ir.Table, users: ir.Table) -> ir.Table:
    """Sum placed events into one row for each user, topic and step, sorted so.

    `users` has the columns user and code, which takes the user's place: numbers are quicker to
    group and to sort than ids.
    """
    coded = placed.inner_join(users, c.USER).drop(c.USER)
    sums = [name for name in placed.columns if name not in (c.USER, c.TOPIC, c.STEP)]
    return (
        coded.group_by(c.CODE, c.TOPIC, c.STEP)
        .agg(**{name: coded[name].sum().cast("float32") for name in sums})
        .order_by(c.CODE, c.TOPIC, c.STEP)
    )


def build_interest(
    events: ir.Table,
    items: ir.Table,
    topics_T: Names,
    kinds: Sequence[str],
    step: Step,
    queries: ir.Table | None = None,
) -> Interest:
    """Place the events, sum them, and turn ids into codes.

    The origin is the first step with an event, the end the last one. Costs two passes over the
    events; memory grows with the entries, not with the events.
    """
    placed = placed_events(events, items, kinds, step, queries)
    users = placed.select(c.USER).distinct().order_by(c.USER).to_pyarrow()
    if not len(users):
        raise HistoryError(
            "No event falls on an item with a topic, so there is no interest to forecast. "
            "Do the events' items appear in the catalog, under the same ids?"
        )
    codes = users.append_column(c.CODE, pa.array(np.arange(len(users), dtype=np.int32)))
    rows = interest_expression(placed, ibis.memtable(codes))
    column = fetched(rows)
    origin, last = int(column[c.STEP].min()), int(column[c.STEP].max())
    return Interest(
        users_U=np.array(users[c.USER].to_pylist(), dtype=np.str_),
        topics_T=topics_T,
        kinds_K=tuple(kinds),
        step=step,
        origin=origin,
        steps=last - origin + 1,
        user_N=column[c.CODE],
        topic_N=column[c.TOPIC].astype(np.int32, copy=False),
        step_N=column[c.STEP] - np.int32(origin),
        count_NK=np.stack([column[f"kind_{i}"] for i in range(len(kinds))], axis=1),
        money_N=column[c.MONEY],
    )


def fetched(rows: ir.Table) -> dict[str, npt.NDArray[Any]]:
    """Fetch columns batch by batch, so that no more than one of them is held twice."""
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in rows.columns}
    for batch in rows.to_pyarrow_batches(chunk_size=BATCH):
        for name, part in parts.items():
            part.append(batch[name].to_numpy(zero_copy_only=False))
    return {name: np.concatenate(parts.pop(name)) for name in rows.columns}
