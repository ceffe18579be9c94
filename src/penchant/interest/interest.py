"""The interest tensor: who engaged in what, when, how often, and for how much money.

Sparse: one entry for each (user, topic, step) with any event, sorted by user, topic and step.
Shapes: U users, T topics, S steps, K kinds, N entries, B users of a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Names = npt.NDArray[np.str_]


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

    def _keep(self, index_N: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Interest":
        return replace(
            self,
            user_N=self.user_N[index_N],
            topic_N=self.topic_N[index_N],
            step_N=self.step_N[index_N],
            count_NK=self.count_NK[index_N],
            money_N=self.money_N[index_N],
        )


def interest_expression(
    events: ir.Table, items: ir.Table, kinds: Sequence[str], step: Step
) -> ir.Table:
    """Aggregate events into one row for each user, topic and step, sorted so.

    `items` has the columns item and topic (a code). Columns of the result: user, topic, step
    (absolute), one count for each kind, in order, named `kind_0`, `kind_1`, …, and money.
    """
    kind = events[c.KIND]
    sign = (kind == "purchase").cast("int8") - (kind == "return").cast("int8")
    counts = {f"kind_{i}": (kind == name).cast("int32") for i, name in enumerate(kinds)}
    marked = events.select(
        events[c.USER],
        events[c.ITEM],
        step.expression(events[c.TIME]).name(c.STEP),
        (events[c.VALUE].fill_null(0.0) * sign).name(c.MONEY),
        **counts,
    )
    placed = marked.inner_join(items, c.ITEM)
    return (
        placed.group_by(c.USER, c.TOPIC, c.STEP)
        .agg(**{name: placed[name].sum() for name in (*counts, c.MONEY)})
        .order_by(c.USER, c.TOPIC, c.STEP)
    )


def build_interest(
    events: ir.Table, items: ir.Table, topics_T: Names, kinds: Sequence[str], step: Step
) -> Interest:
    """Run `interest_expression` and turn ids into codes.

    The origin is the first step with an event, the end the last one. Costs one pass over the
    events; memory grows with the entries, not with the events.
    """
    table = interest_expression(events, items, kinds, step).to_pyarrow().combine_chunks()
    if not len(table):
        raise HistoryError(
            "No event falls on an item with a topic, so there is no interest to forecast. "
            "Do the events' items appear in the catalog, under the same ids?"
        )
    user = table[c.USER].combine_chunks().dictionary_encode()
    step_N = table[c.STEP].to_numpy()
    origin, last = int(step_N.min()), int(step_N.max())
    return Interest(
        users_U=np.array(user.dictionary.to_pylist(), dtype=np.str_),
        topics_T=topics_T,
        kinds_K=tuple(kinds),
        step=step,
        origin=origin,
        steps=last - origin + 1,
        user_N=user.indices.to_numpy().astype(np.int32),
        topic_N=table[c.TOPIC].to_numpy().astype(np.int32),
        step_N=(step_N - origin).astype(np.int32),
        count_NK=np.stack(
            [table[f"kind_{i}"].to_numpy().astype(np.float32) for i in range(len(kinds))], axis=1
        ),
        money_N=table[c.MONEY].to_numpy().astype(np.float32),
    )
