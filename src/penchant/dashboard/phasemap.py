"""The map of topics: how large they are, and which way they go.

Momentum is a topic's events in the last quarter against the quarter before, both as shares of all
events, so that a busier shop moves no topic.
Shapes: T topics, S steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Option
from penchant.dashboard.drawing import SERIES, SYMBOLS, below, canvas, legend, tooltip, value_axis
from penchant.interest.counts import Doubles
from penchant.interest.history import History
from penchant.interest.phase import PHASE_NAMES, PHASES, UNCLEAR, TopicPhases, phase_names
from penchant.interest.trend import MEDIAN_SQUARE

LOOKS = dict(zip(PHASES, zip(SERIES, SYMBOLS, strict=True), strict=False))
LEAST_EVENTS = 20  # in both quarters, below which a topic's momentum is left out
MOST_RATIO = 8.0  # either way; topics beyond are drawn at the edge
NAMED = 24  # topics, at most, with their name beside them
WIDTH = 1.96  # standard errors of a momentum without change: 95 % of topics lie within
QUARTERS = (
    ("giants losing ground", {"left": 76, "top": 68}),
    ("rising stars", {"right": 32, "top": 68}),
    ("fading away", {"left": 76, "bottom": 52}),
    ("up and coming", {"right": 32, "bottom": 52}),
)


@dataclass(frozen=True)
class _Momentum:
    """Events of the topics drawn, and how far their shares moved."""

    topic_T: npt.NDArray[np.int64]
    after_T: Doubles  # events in the last quarter
    before_T: Doubles  # events in the quarter before
    ratio_T: Doubles  # of the shares, after over before
    spread: float  # variance of the momentum's logarithm over Poisson's, of topics that stay
    length: int  # steps compared

    @property
    def sure_T(self) -> npt.NDArray[np.bool_]:
        """Whether a topic moved by more than chance explains."""
        error_T = np.sqrt(self.spread * (1 / (self.after_T + 0.5) + 1 / (self.before_T + 0.5)))
        return np.abs(np.log(self.ratio_T)) > WIDTH * error_T


def phase_map(history: History, kinds: Sequence[str], life: TopicPhases) -> Chart:
    """A scatter of topics, size against momentum, marked by the phase of their life."""
    found = _momentum(history, kinds)
    names = [str(history.interest.topics_T[t]) for t in found.topic_T]
    phases: list[str] = phase_names(life.code_T[found.topic_T]).tolist()
    span = history.interest.step.plural(found.length)
    shown = [name for name in PHASE_NAMES if name in phases]
    most = _reach(found.ratio_T)
    option = canvas(
        tooltip=tooltip("item"),
        legend=legend(shown, icon=None, itemWidth=12, itemHeight=12),
        title=[
            {"text": text, "textStyle": {"color": "$muted", "fontSize": 13}, **place}
            for text, place in QUARTERS
        ],
        grid={"left": 68, "right": 24, "top": 60, "bottom": 44},
        xAxis=value_axis(labels="fn:times", min=1 / most, max=most, **below("momentum"))
        | {"type": "log", "logBase": 2},
        yAxis=value_axis(f"events, last {span}") | {"type": "log", "logBase": 10},
        series=[
            *(_scatter(found, names, phases, phase, most) for phase in shown),
            *_funnel(found, most),
        ],
    )
    few = len(history.interest.topics_T) - len(names)
    left_out = (
        f" Left out: {numbers.several(few, 'topic')} with fewer than {LEAST_EVENTS} events in both "
        "quarters together."
        if few
        else ""
    )
    return Chart(
        "phases",
        "The map of topics",
        "Higher topics are larger; those further right gained share: ×2 is twice the share of the "
        f"{span} before. Between the dotted lines a change is no more than chance. Marks tell the "
        f"phase of a topic's life, for which all that is known counts.{left_out}",
        option,
        (
            Column("Topic"),
            Column("Phase"),
            Column(f"Events, last {span}", Form.COUNT),
            Column("Before", Form.COUNT),
            Column("Change of share", Form.CHANGE),
            Column("Beyond chance"),
        ),
        _rows(found, names, phases),
        height=560,
    )


def _momentum(history: History, kinds: Sequence[str]) -> _Momentum:
    count_TS = history.topic_count_TS(kinds).astype(np.float64)
    length = max(1, min(history.interest.step.per_year // 4, history.cutoff // 2))
    after_T = count_TS[:, -length:].sum(axis=1)
    before_T = count_TS[:, -2 * length : -length].sum(axis=1)
    growth = max(after_T.sum(), 1.0) / max(before_T.sum(), 1.0)
    topic_T = np.flatnonzero(after_T + before_T >= LEAST_EVENTS)
    topic_T = topic_T[np.argsort(-after_T[topic_T], kind="stable")]
    after_T, before_T = after_T[topic_T], before_T[topic_T]
    ratio_T = (after_T + 0.5) / (before_T + 0.5) / growth
    square_T = np.log(ratio_T) ** 2 / (1 / (after_T + 0.5) + 1 / (before_T + 0.5))
    # Most topics stay, so the middle one tells how far chance takes them; events come in bunches.
    spread = max(1.0, float(np.median(square_T)) / MEDIAN_SQUARE) if len(topic_T) else 1.0
    return _Momentum(topic_T, after_T, before_T, ratio_T, spread, length)


def _reach(ratio_T: Doubles) -> float:
    """The axis's end: a power of two that holds nearly all topics."""
    farthest = np.quantile(np.abs(np.log2(ratio_T)), 0.99) if len(ratio_T) else 1.0
    return float(min(MOST_RATIO, 2.0 ** np.ceil(max(farthest, 0.5))))


def _scatter(
    found: _Momentum, names: list[str], phases: list[str], phase: str, most: float
) -> Option:
    colour, symbol = LOOKS.get(phase, ("$muted", "circle"))
    weight_T = np.abs(np.log(found.ratio_T)) * found.sure_T
    far = set(np.argsort(-weight_T, kind="stable")[: NAMED // 2].tolist())
    data = [
        {
            "value": [
                round(float(np.clip(found.ratio_T[k], 1 / most, most)), 4),
                max(float(found.after_T[k]), 1.0),
            ],
            "text": f"{names[k]}: {phase}\n{numbers.count(found.after_T[k])} events, "
            f"{numbers.change(found.ratio_T[k] - 1)} of share",
            "name": names[k],
            "label": {
                "show": k < NAMED // 2 or k in far,
                "position": "left" if found.ratio_T[k] > most / 2 else "right",
            },
        }
        for k in range(len(names))
        if phases[k] == phase
    ]
    return {
        "type": "scatter",
        "name": phase,
        "color": colour,
        "symbol": symbol,
        "symbolSize": 9,
        "itemStyle": {"opacity": 0.4 if phase == PHASE_NAMES[UNCLEAR] else 0.85},
        "label": {"formatter": "{b}", "color": "$ink", "fontSize": 11, "minMargin": 4},
        "labelLayout": {"hideOverlap": True},
        "data": data,
    }


def _funnel(found: _Momentum, most: float) -> list[Option]:
    """Where chance ends, at every size; and no change, and the middle size."""
    if not len(found.after_T):
        return []
    sizes = np.geomspace(max(found.after_T.min(), 1.0), found.after_T.max() + 1, 40)
    width = np.exp(WIDTH * np.sqrt(found.spread * 2 / (sizes + 0.5)))
    line = {
        "type": "line",
        "showSymbol": False,
        "silent": True,
        "tooltip": {"show": False},
        "lineStyle": {"color": "$muted", "type": "dotted", "width": 1.5},
    }
    inside = width <= most
    edges = [np.stack([edge, sizes], axis=1)[inside] for edge in (width, 1 / width)]
    lower, upper = (line | {"data": np.round(edge, 4).tolist()} for edge in edges)
    middle = float(np.median(found.after_T))
    lower["markLine"] = {
        "symbol": "none",
        "silent": True,
        "label": {"show": False},
        "lineStyle": {"color": "$line", "type": "solid", "width": 1},
        "data": [{"xAxis": 1}, {"yAxis": max(middle, 1.0)}],
    }
    return [lower, upper]


def _rows(
    found: _Momentum, names: list[str], phases: list[str]
) -> list[tuple[str, str, float, float, float, str]]:
    columns = (found.after_T, found.before_T, found.ratio_T, found.sure_T)
    return [
        (name, phase, float(after), float(before), float(ratio) - 1, "yes" if sure else "no")
        for name, phase, after, before, ratio, sure in zip(names, phases, *columns, strict=True)
    ]
