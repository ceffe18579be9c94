"""The interest forecast: for each user, topic and window, a chance and a volume.

Chance is the probability of any engagement, volume the expected number of them. The two pin down
one negative binomial (`interest.counts`), which gives every quantile; shares, totals and rankings
derive from them.
Shapes: U users, T topics, W windows, K topics kept, N rows of a table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest import counts
from penchant.interest.interest import Floats, Names
from penchant.interest.task import Window, disjoint

FORECAST_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.TOPIC, pa.string(), nullable=False),
        pa.field(c.WINDOW, pa.string(), nullable=False),
        pa.field(c.START, pa.date32(), nullable=False),  # first day of the window
        pa.field(c.END, pa.date32(), nullable=False),  # first day after it
        pa.field(c.CHANCE, pa.float32(), nullable=False),
        pa.field(c.VOLUME, pa.float32(), nullable=False),
        pa.field(c.SHARE, pa.float32(), nullable=False),
        pa.field(c.LOW, pa.int32(), nullable=False),  # 80 % interval of the engagements
        pa.field(c.HIGH, pa.int32(), nullable=False),
    ]
)
TABLE_LEVEL = 0.8


@dataclass(frozen=True)
class Total:
    """Sums of counts: a mean and a standard deviation each, read as negative binomials."""

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]

    @cached_property
    def excess(self) -> npt.NDArray[np.float64]:
        """Variance over mean, less 1, never below the Poisson's 0."""
        mean = np.maximum(self.mean, 1e-12)
        return np.maximum(self.deviation**2 / mean - 1, 0.0)

    def quantile(self, q: float) -> npt.NDArray[np.int64]:
        """Smallest total whose cumulative probability reaches `q`."""
        return counts.quantile(q, self.mean, self.excess)

    def interval(self, level: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Lower and upper end of the central interval that holds `level` of the probability."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)


@dataclass(frozen=True)
class Forecast:
    """Chance and volume of every user, topic and window after `origin`."""

    users_U: Names
    topics_T: Names
    windows_W: tuple[Window, ...]
    step: Step
    origin: int  # absolute index of the first step after the cutoff
    chance_UTW: Floats  # in [0, 1]
    volume_UTW: Floats  # >= -log(1 - chance) before both were rounded, so they agree
    topic_shock_W: Floats  # relative deviation that all users of a topic share
    user_shock_W: Floats  # relative deviation that all topics of a user share

    def __post_init__(self) -> None:
        shape = (len(self.users_U), len(self.topics_T), len(self.windows_W))
        for name in ("chance_UTW", "volume_UTW"):
            found = getattr(self, name)
            if found.shape != shape:
                raise HistoryError(f"{name} must have the shape {shape}; found {found.shape}.")
            if not np.isfinite(found).all() or found.min(initial=0) < 0:
                raise HistoryError(f"{name} must be finite and at least 0.")
        if self.chance_UTW.max(initial=0) > 1:
            raise HistoryError("A chance is at most 1.")

    @cached_property
    def excess_UTW(self) -> npt.NDArray[np.float64]:
        """Excess of the negative binomial of every cell."""
        return counts.excess(self.chance_UTW, self.volume_UTW)

    def ahead_UT(self) -> npt.NDArray[np.float64]:
        """Volume of each user and topic over the windows that don't overlap."""
        return self.volume_UTW[:, :, disjoint(self.windows_W)].sum(axis=2, dtype=np.float64)

    def share(self) -> Floats:
        """Share of each topic in a user's forecast volume, for each window; sums to 1."""
        total_U1W = self.volume_UTW.sum(axis=1, keepdims=True)
        even = np.float32(1 / len(self.topics_T))
        return np.divide(
            self.volume_UTW,
            total_U1W,
            out=np.full_like(self.volume_UTW, even),
            where=total_U1W > 0,
        )

    def quantile(self, q: float) -> npt.NDArray[np.int64]:
        """Smallest count of engagements whose cumulative probability reaches `q`, `UTW`."""
        return counts.quantile(q, self.volume_UTW, self.excess_UTW)

    def interval(self, level: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Lower and upper end of the central interval that holds `level` of the probability."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def total(self, over: Literal["users", "topics"]) -> Total:
        """Total engagements over users (demand, `TW`) or over topics (activity, `UW`).

        Counts are independent given a shock that all summands share: it adds its relative
        deviation times the mean to the deviation of the sum.
        """
        axis, shock_W = (0, self.topic_shock_W) if over == "users" else (1, self.user_shock_W)
        mean = self.volume_UTW.sum(axis=axis, dtype=np.float64)
        own = (self.volume_UTW * (1 + self.excess_UTW)).sum(axis=axis)
        return Total(mean, np.sqrt(own + (shock_W * mean) ** 2))

    def only(self, row_U: npt.NDArray[np.int64]) -> "Forecast":
        """The users at rows `row_U`, in that order."""
        return replace(
            self,
            users_U=self.users_U[row_U],
            chance_UTW=self.chance_UTW[row_U],
            volume_UTW=self.volume_UTW[row_U],
        )

    @classmethod
    def join(cls, blocks: "Sequence[Forecast]") -> "Forecast":
        """Put blocks of users back together, in order."""
        return replace(
            blocks[0],
            users_U=np.concatenate([block.users_U for block in blocks]),
            chance_UTW=np.concatenate([block.chance_UTW for block in blocks]),
            volume_UTW=np.concatenate([block.volume_UTW for block in blocks]),
        )

    def dates(self, window: Window) -> tuple[date, date]:
        """First day of a window, and the first day after it."""
        return (
            self.step.start(self.origin + window.start),
            self.step.start(self.origin + window.end),
        )

    def top(self, k: int) -> pa.Table:
        """The `k` likeliest topics of each user and window, likeliest first."""
        k = min(k, len(self.topics_T))
        order_UTW = np.argsort(-self.chance_UTW, axis=1, kind="stable")
        best_UWK = np.swapaxes(order_UTW[:, :k], 1, 2)
        u, w, _ = np.indices(best_UWK.shape)
        return self._rows(u.ravel(), best_UWK.ravel(), w.ravel())

    def to_table(self) -> pa.Table:
        """Every cell as a row of `FORECAST_SCHEMA`."""
        u, t, w = np.indices(self.chance_UTW.shape)
        return self._rows(u.ravel(), t.ravel(), w.ravel())

    def _rows(
        self, u: npt.NDArray[np.int64], t: npt.NDArray[np.int64], w: npt.NDArray[np.int64]
    ) -> pa.Table:
        volume_N, excess_N = self.volume_UTW[u, t, w], self.excess_UTW[u, t, w]
        low_N = counts.quantile((1 - TABLE_LEVEL) / 2, volume_N, excess_N)
        high_N = counts.quantile((1 + TABLE_LEVEL) / 2, volume_N, excess_N)
        names = np.array([window.name for window in self.windows_W])
        start, end = zip(*(self.dates(window) for window in self.windows_W), strict=True)
        columns = {
            c.USER: pa.array(self.users_U[u]),
            c.TOPIC: pa.array(self.topics_T[t]),
            c.WINDOW: pa.array(names[w]),
            c.START: pa.array(np.array(start, dtype="datetime64[D]")[w]),
            c.END: pa.array(np.array(end, dtype="datetime64[D]")[w]),
            c.CHANCE: pa.array(self.chance_UTW[u, t, w]),
            c.VOLUME: pa.array(volume_N),
            c.SHARE: pa.array(self.share()[u, t, w]),
            c.LOW: pa.array(low_N.astype(np.int32)),
            c.HIGH: pa.array(high_N.astype(np.int32)),
        }
        return pa.table(columns, schema=FORECAST_SCHEMA)


def write_forecasts(blocks: Iterable[Forecast], path: Path) -> int:
    """Stream blocks of users to one Parquet file; returns the rows written.

    The file appears under its name only when it is complete.
    """
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    with pq.ParquetWriter(partial, FORECAST_SCHEMA, compression="zstd") as writer:
        for block in blocks:
            table = block.to_table()
            writer.write_table(table)
            rows += len(table)
    partial.replace(path)
    return rows
