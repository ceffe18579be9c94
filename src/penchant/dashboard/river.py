"""The interest river: how much interest flows in the largest topics, and where it is forecast to.

Shapes: T topics, S steps, W windows, P places along the river.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Cell, Chart, Column, Form, Option
from penchant.dashboard.drawing import FAN, SERIES, canvas, legend, now_line, time_axis, tooltip
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast, Total
from penchant.interest.history import History
from penchant.interest.task import Task

MOST_STEPS = 52
BANDS = len(SERIES)  # topics with a colour of their own
OTHERS = "all other topics"
SHOWN_FROM = 0.4  # part of the events in coloured bands, below which the others start out hidden
LEVEL = 0.8  # of the intervals in tooltips and the table
NO_LINE: Option = {"type": "line", "showSymbol": False, "lineStyle": {"width": 0}}
STACKED: Option = NO_LINE | {"stackStrategy": "all"}  # also across zero


@dataclass(frozen=True)
class _Place:
    """Events a step at one place: a known step, or either end of a window."""

    day: date
    label: str
    rate_T: Doubles
    window: int | None  # of the forecast


@dataclass(frozen=True)
class _River:
    """What is drawn: the topics of the bands, the places, and the totals of windows."""

    chosen: list[int]  # topics, largest first
    places: list[_Place]
    ahead: Total  # every topic, `TW`
    bands: Total  # sum of the chosen topics, `W`
    whole: Total  # sum of all topics, `W`

    def others(self, place: _Place) -> float:
        """Events a step outside the bands."""
        return float(place.rate_T.sum() - place.rate_T[self.chosen].sum())


def river(history: History, forecast: Forecast, task: Task, *, bands: int = BANDS) -> Chart:
    """Bands of the largest topics around a middle line, as wide as their events a step.

    The last 52 steps, then the forecast windows with the intervals of their sum along the banks.
    """
    flow = _flow(history, forecast, task, min(bands, BANDS))
    names = [str(history.interest.topics_T[t]) for t in flow.chosen]
    unit = history.interest.step.value
    rest = len(forecast.topics_T) > len(flow.chosen)
    known = [place.rate_T for place in flow.places if place.window is None]
    part = float(sum(rate_T[flow.chosen].sum() for rate_T in known))
    part /= max(float(sum(rate_T.sum() for rate_T in known)), 1.0)
    key = legend([*names, *([OTHERS] if rest else [])])
    option = canvas(
        tooltip=tooltip("axis") | {"formatter": "fn:text"},
        legend=key | {"selected": {OTHERS: part >= SHOWN_FROM}},
        grid={"left": 8, "right": 16, "top": 56, "bottom": 8, "containLabel": True},
        xAxis=time_axis(min=_before(flow).isoformat(), axisLine={"show": False}),
        yAxis={"type": "value", "show": False},
        series=list(_series(history, forecast, flow, names, rest)),
    )
    others = f" ({numbers.share(part)} of the events)" if rest else ""
    hidden = f" Choose “{OTHERS}” to see the rest." if rest and part < SHOWN_FROM else ""
    return Chart(
        "river",
        f"The interest river: {numbers.several(len(names), 'largest topic')}{others}",
        f"A band is as wide as its topic has events in a {unit}, so the river widens where "
        "customers buy more. Right of “now” it is forecast, and the shading along the banks holds "
        f"the river's edge with a probability of 50, 80 and 95 %.{hidden}",
        option,
        (
            Column(unit.capitalize()),
            Column("All topics", Form.SPAN),
            *(Column(name, Form.SPAN) for name in names),
        ),
        _rows(flow),
        height=440,
    )


def _flow(history: History, forecast: Forecast, task: Task, bands: int) -> _River:
    step, origin, cutoff = history.interest.step, history.interest.origin, history.cutoff
    first = max(0, cutoff - MOST_STEPS)
    count_TS = history.topic_count_TS(task.target)[:, first:].astype(np.float64)
    order = np.argsort(-count_TS.sum(axis=1), kind="stable")
    chosen = [int(t) for t in order[:bands]]
    days = [step.start(origin + s) for s in range(first, cutoff)]
    places = [
        _Place(day, numbers.day(day), count_T, None)
        for day, count_T in zip(days, count_TS.T, strict=True)
    ]
    last_day = history.cutoff_date - timedelta(days=1)  # the last step is as wide as the others
    places.append(_Place(last_day, places[-1].label, places[-1].rate_T, None))
    ahead = forecast.total("users")
    for w, window in enumerate(forecast.windows_W):
        label = f"forecast, {step.value}s {numbers.window(window.name)}"
        start, end = forecast.dates(window)
        rate_T = ahead.mean[:, w] / window.length
        places += [_Place(day, label, rate_T, w) for day in (start, end)]
    everything = list(range(len(order)))
    bands_total, whole = (_sum(forecast, ahead, topics) for topics in (chosen, everything))
    return _River(chosen, places, ahead, bands_total, whole)


def _sum(forecast: Forecast, ahead: Total, topics: Sequence[int]) -> Total:
    """Total over topics, as if the shock of a topic were that of all: the widest it can be."""
    mean_TW = ahead.mean[topics]
    own_TW = ahead.deviation[topics] ** 2 - (forecast.topic_shock_W * mean_TW) ** 2
    mean_W = mean_TW.sum(axis=0)
    return Total(mean_W, np.sqrt(own_TW.sum(axis=0) + (forecast.topic_shock_W * mean_W) ** 2))


def _series(
    history: History, forecast: Forecast, flow: _River, names: list[str], rest: bool
) -> Iterator[Option]:
    """The bed under the bands, the bands from the bottom up, and half of the rest on each bank."""
    half_P = [float(place.rate_T[flow.chosen].sum()) / 2 for place in flow.places]
    text_P = _texts(flow, names)
    yield STACKED | {
        "stack": "river",
        "markLine": _marks(history, flow),
        "data": [
            {"value": [place.day.isoformat(), round(-half, 2)], "text": text}
            for place, half, text in zip(flow.places, half_P, text_P, strict=True)
        ],
    }
    fan = _fan(forecast, flow.bands)
    for k, band in enumerate(_middle_out(len(names))):
        topic = flow.chosen[band]
        series = _band(names[band], SERIES[band], 0.85, [p.rate_T[topic] for p in flow.places])
        yield series | _dated(flow, series) | ({"markArea": fan} if k == 0 else {})
    yield _room(names[0], forecast, flow.bands)
    if rest:
        half_rest_P = [flow.others(place) / 2 for place in flow.places]
        upper = _band(OTHERS, "$muted", 0.25, half_rest_P)
        yield upper | _dated(flow, upper) | {"markArea": _fan(forecast, flow.whole)}
        bed = STACKED | {"stack": "bank", "data": [-half for half in half_P]}
        yield bed | _dated(flow, bed)
        lower = _band(OTHERS, "$muted", 0.25, [-half for half in half_rest_P])
        yield lower | _dated(flow, lower) | {"stack": "bank"}
        yield _room(OTHERS, forecast, flow.whole)


def _before(flow: _River) -> date:
    """Where the scale stands: a little before the first place."""
    first, last = flow.places[0].day, flow.places[-1].day
    return first - max((last - first) / 40, timedelta(days=1))


def _marks(history: History, flow: _River) -> Option:
    """The line at now, and a scale for the width of bands."""
    widest = max(place.rate_T[flow.chosen].sum() for place in flow.places)
    length = 10.0 ** np.floor(np.log10(max(widest, 1.0)))
    length /= 1 if widest >= 3 * length else 5
    ends = [[_before(flow).isoformat(), side * float(length) / 2] for side in (-1, 1)]
    what = f"{numbers.volume(float(length))} a {history.interest.step.value}"
    bar = {
        "coord": ends[0],
        "lineStyle": {"color": "$ink", "type": "solid", "width": 3},
        "label": {"formatter": what, "position": "middle", "color": "$ink", "fontSize": 12},
    }
    marks = now_line(history.cutoff_date)
    return marks | {"data": [*marks["data"], [bar, {"coord": ends[1]}]]}


def _room(name: str, forecast: Forecast, total: Total) -> Option:
    """An unseen line along the outer ends of a fan: marks alone don't widen an axis."""
    _, high_W = total.interval(FAN[0][0])
    ends = [
        [forecast.dates(window)[0].isoformat(), side * float(high) / window.length / 2]
        for window, high in zip(forecast.windows_W, high_W, strict=True)
        for side in (1, -1)
    ]
    return NO_LINE | {"name": name, "data": ends, "silent": True}


def _band(name: str, colour: str, opacity: float, value_P: Sequence[float]) -> Option:
    return STACKED | {
        "name": name,
        "stack": "river",
        "color": colour,
        "areaStyle": {"color": colour, "opacity": opacity},
        "data": value_P,
    }


def _dated(flow: _River, series: Option) -> Option:
    return {
        "data": [
            [place.day.isoformat(), round(float(value), 2)]
            for place, value in zip(flow.places, series["data"], strict=True)
        ]
    }


def _middle_out(bands: int) -> list[int]:
    """Bands from the bottom up with the largest in the middle, where it jumps least."""
    return [*range(bands - 1 - bands % 2, 0, -2), *range(0, bands, 2)] if bands > 1 else [0]


def _fan(forecast: Forecast, total: Total) -> Option:
    """Intervals of a sum's half width, above and below the middle."""
    areas = []
    for level, opacity in FAN:
        low_W, high_W = total.interval(level)
        for window, low, high in zip(forecast.windows_W, low_W, high_W, strict=True):
            start, end = (day.isoformat() for day in forecast.dates(window))
            style = {"color": "$ink", "opacity": opacity}
            for side in (0.5, -0.5):
                near, far = (round(side * ends / window.length, 2) for ends in (low, high))
                areas.append([{"coord": [start, near], "itemStyle": style}, {"coord": [end, far]}])
    return {"silent": True, "data": areas}


def _spans(flow: _River, place: _Place) -> Iterator[str]:
    """Events a step at a place, of all topics and of each band; forecasts with intervals."""
    values = [float(place.rate_T.sum()), *place.rate_T[flow.chosen]]
    if place.window is None:
        yield from map(numbers.count, values)
        return
    ends = [total.interval(LEVEL) for total in (flow.whole, flow.ahead)]
    (low_W, high_W), (low_TW, high_TW) = ends
    w = place.window
    length = flow.ahead.mean[:, w].sum() / max(place.rate_T.sum(), 1e-12)
    lows = [low_W[w], *low_TW[flow.chosen, w]]
    highs = [high_W[w], *high_TW[flow.chosen, w]]
    for value, low, high in zip(values, lows, highs, strict=True):
        yield f"{numbers.volume(value)} ({numbers.span(low / length, high / length)})"


def _texts(flow: _River, names: list[str]) -> Iterator[str]:
    """What the pointer shows at each place."""
    for place in flow.places:
        written = zip(["All topics", *names], _spans(flow, place), strict=True)
        yield "\n".join([place.label, *(f"{name}: {span}" for name, span in written)])


def _rows(flow: _River) -> Sequence[Sequence[Cell]]:
    """Windows and steps, latest first."""
    rows = {place.label: (place.label, *_spans(flow, place)) for place in flow.places}
    return list(rows.values())[::-1]
