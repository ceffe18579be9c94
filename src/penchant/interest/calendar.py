"""What history knows of the future: promotions by topic and step, and holidays by step.

Shapes: T topics, C steps of the calendar, W windows, R spans, E edges between steps, P pairs of a
span and a step that it touches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.data.step import EPOCH, Step
from penchant.interest.interest import Floats
from penchant.interest.task import Window
from penchant.interest.topics import Topics


@dataclass(frozen=True)
class Calendar:
    """Promotions and holidays, known in advance, from the history's origin on."""

    promotion_TC: Floats  # strengths of the topic's promoted items, summed
    holiday_C: Floats  # share of the step's days that are holidays

    def promotion_TW(self, steps: int, windows: Sequence[Window]) -> Floats:
        """Mean promotion in each window after the first `steps` steps; NaN past the calendar."""
        return _window_means(self.promotion_TC, steps, windows)

    def holiday_W(self, steps: int, windows: Sequence[Window]) -> Floats:
        """Mean share of holidays in each window after the first `steps` steps."""
        return _window_means(self.holiday_C[None, :], steps, windows)[0]


def _window_means(value_TC: Floats, steps: int, windows: Sequence[Window]) -> Floats:
    known = value_TC.shape[1]
    mean_TW = np.full((len(value_TC), len(windows)), np.nan, dtype=np.float32)
    for w, window in enumerate(windows):
        if steps + window.end <= known:
            mean_TW[:, w] = value_TC[:, steps + window.start : steps + window.end].mean(axis=1)
    return mean_TW


def build_calendar(
    promotions: pa.Table | None, holidays: pa.Table | None, topics: Topics, step: Step, origin: int
) -> Calendar:
    """Lay promotions (item, start, end, strength) and holidays (start, end) on the steps."""
    topic_P, index_P, share_P = np.empty(0, int), np.empty(0, int), np.empty(0)
    if promotions is not None and len(promotions):
        found = pc.index_in(promotions[c.ITEM], topics.items[c.ITEM])
        known = promotions.filter(found.is_valid())
        topic_R = topics.items[c.TOPIC].take(found.drop_null()).to_numpy()
        row_P, index_P, share_P = _spread(known, step, origin)
        topic_P = topic_R[row_P]
        share_P = share_P * known[c.STRENGTH].to_numpy()[row_P]
    holiday_index = np.empty(0, int)
    holiday_share = np.empty(0)
    if holidays is not None and len(holidays):
        _, holiday_index, holiday_share = _spread(holidays, step, origin)
    promotion_TC = np.zeros((len(topics), index_P.max(initial=-1) + 1), dtype=np.float32)
    np.add.at(promotion_TC, (topic_P, index_P), share_P)
    holiday_C = np.bincount(holiday_index, weights=holiday_share).astype(np.float32)
    return Calendar(promotion_TC, np.minimum(holiday_C, 1))


def _spread(
    spans: pa.Table, step: Step, origin: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Row, step and share of the step covered, for each step that a span touches."""
    if not len(spans):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    day = np.timedelta64(1, "D")
    start_R = spans[c.START].to_numpy().astype("datetime64[us]")
    end_R = spans[c.END].to_numpy().astype("datetime64[us]")
    first_day = int((start_R.min() - np.datetime64(EPOCH, "us")) / day)
    last_day = int((end_R.max() - np.datetime64(EPOCH, "us")) / day)
    indices = range(
        step.index_of(EPOCH + timedelta(days=first_day)),
        step.index_of(EPOCH + timedelta(days=last_day)) + 2,
    )
    edge_E = np.array([step.start(index) for index in indices], dtype="datetime64[us]")
    first_R = np.searchsorted(edge_E, start_R, side="right") - 1
    last_R = np.maximum(np.searchsorted(edge_E, end_R, side="left") - 1, first_R)
    touched_R = last_R - first_R + 1
    row_P = np.repeat(np.arange(len(spans)), touched_R)
    within_P = np.arange(len(row_P)) - np.repeat(np.cumsum(touched_R) - touched_R, touched_R)
    at_P = first_R[row_P] + within_P
    covered = np.minimum(end_R[row_P], edge_E[at_P + 1]) - np.maximum(start_R[row_P], edge_E[at_P])
    share_P = np.maximum(covered / (edge_E[at_P + 1] - edge_E[at_P]), 0.0)
    index_P = at_P + indices[0] - origin
    inside_P = index_P >= 0
    return row_P[inside_P], index_P[inside_P], share_P[inside_P]
