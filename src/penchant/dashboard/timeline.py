"""Interest over time: the river of the top topics, and each topic's counts with its fan.

Shapes: T topics, S steps, W windows.
"""

from dataclasses import dataclass

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Cell, Chart, Column, Form, Option, Picker, Section
from penchant.dashboard.drawing import (
    BREAK,
    FAN,
    canvas,
    legend,
    now_line,
    time_axis,
    tooltip,
    value_axis,
)
from penchant.dashboard.river import MOST_STEPS, river
from penchant.interest.counts import Doubles, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.task import Task

CHOICES = 30  # topics to choose a fan of


@dataclass(frozen=True)
class Fan:
    """Events of every topic by step, and the forecast totals with their intervals."""

    count_TS: Doubles
    mean_TW: Doubles
    ends: tuple[tuple[Integers, Integers], ...]  # low and high `TW` of each level of `FAN`


def timeline(history: History, forecast: Forecast, task: Task) -> Section:
    """The section on interest over time."""
    count_TS = history.topic_count_TS(task.target).astype(np.float64)
    recent_T = count_TS[:, -MOST_STEPS:].sum(axis=1)
    order = [int(t) for t in np.argsort(-recent_T, kind="stable")[:CHOICES]]
    total = forecast.total("users")
    fan = Fan(count_TS, total.mean, tuple(total.interval(level) for level, _ in FAN))
    fans = Picker(
        "fans",
        "Topic",
        tuple(
            (str(history.interest.topics_T[t]), fan_chart(history, forecast, fan, t)) for t in order
        ),
    )
    lead = (
        "How interest has moved, and where the forecast takes it. Past the dashed line nothing is "
        "known: what is drawn there is forecast."
    )
    return Section("timeline", "Interest over time", lead, (river(history, forecast, task), fans))


def _known(history: History) -> list[int]:
    return list(range(max(0, history.cutoff - MOST_STEPS), history.cutoff))


def fan_chart(history: History, forecast: Forecast, fan: Fan, topic: int) -> Chart:
    """A topic's events by step, and the forecast of each window spread over its steps."""
    step, name = history.interest.step, str(history.interest.topics_T[topic])
    starts = [step.start(history.interest.origin + s) for s in _known(history)]
    count_S = fan.count_TS[topic, -len(starts) :].tolist()
    past = [[day.isoformat(), count] for day, count in zip(starts, count_S, strict=True)]
    past.append([history.cutoff_date.isoformat(), count_S[-1]])  # the last step is as wide
    areas, means, rows = _ahead(forecast, fan, topic)
    for day, count in zip(starts[::-1], count_S[::-1], strict=True):
        rows.append((numbers.day(day), count, count, None, None, None))
    highest = max(*count_S, *(area[1]["coord"][1] for area in areas))
    line = {"type": "line", "showSymbol": False, "lineStyle": {"width": 2}}
    option = canvas(
        tooltip=tooltip("axis", "fn:volume"),
        legend=legend(["what happened", "forecast"]),
        grid={"left": 8, "right": 16, "top": 56, "bottom": 8, "containLabel": True},
        xAxis=time_axis(),
        yAxis=value_axis(max=_round_up(highest * 1.05)),
        series=[
            line | {"name": "what happened", "step": "end", "color": "$blue", "data": past,
                    "markLine": now_line(history.cutoff_date)},
            line | {"name": "forecast", "color": "$vermillion", "data": means,
                    "markArea": {"silent": True, "data": areas}},
        ],
    )  # fmt: skip
    return Chart(
        f"fan-{topic}",
        f"{name}: events a {step.value}, and what is forecast",
        f"The line is what customers did; right of “now” the bands hold the average {step.value} "
        "of each window with a probability of 50, 80 and 95 %, from dark to pale.",
        option,
        (
            Column(step.value.capitalize()),
            Column("Events", Form.VOLUME),
            Column(f"A {step.value}", Form.VOLUME),
            *(Column(f"{level * 100:.0f} % interval", Form.SPAN) for level, _ in FAN[::-1]),
        ),
        rows,
    )


def _ahead(
    forecast: Forecast, fan: Fan, topic: int
) -> tuple[list[list[Option]], list[list[Cell]], list[tuple[Cell, ...]]]:
    """Bands, means and table rows of a topic's windows."""
    areas: list[list[Option]] = []
    means: list[list[Cell]] = []
    rows: list[tuple[Cell, ...]] = []
    for w, window in enumerate(forecast.windows_W):
        start, end = (day.isoformat() for day in forecast.dates(window))
        bounds = [(int(low[topic, w]), int(high[topic, w])) for low, high in fan.ends]
        for (_, opacity), (low, high) in zip(FAN, bounds, strict=True):
            style = {"color": "$orange", "opacity": opacity}
            first = {"coord": [start, low / window.length], "itemStyle": style}
            areas.append([first, {"coord": [end, high / window.length]}])
        mean = float(fan.mean_TW[topic, w])
        level = round(mean / window.length, 2)
        means += [[start, level], [end, level], [BREAK, BREAK]]
        label = f"forecast, {forecast.step.value}s {numbers.window(window.name)}"
        spans = (numbers.span(*ends) for ends in bounds[::-1])
        rows.append((label, mean, mean / window.length, *spans))
    return areas, means, rows


def _round_up(value: float) -> float:
    """The next number of two digits, so that an axis ends on a round one."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** np.floor(np.log10(value) - 1) * 5
    return float(np.ceil(value / scale) * scale)
