"""After how long customers come back to a topic: a histogram for each topic.

Shapes: T topics, G lengths of a gap from 1.
"""

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Option, Picker
from penchant.dashboard.drawing import below, canvas, name_axis, tooltip, value_axis
from penchant.data.step import Step
from penchant.interest.counts import Doubles
from penchant.interest.repurchase import TopicCadences

CHOICES = 30  # topics to choose from
SHOWN = 0.98  # of the gaps; the longest few would flatten the picture
LEAST_GAPS = 20  # to be drawn


def cadence_picker(found: TopicCadences, step: Step) -> Picker:
    """A histogram of each of the topics that customers come back to most, most first."""
    order = np.argsort(-found.gaps_T, kind="stable")[:CHOICES]
    topics = [int(t) for t in order if found.gaps_T[t] >= LEAST_GAPS]
    charts = ((str(found.topics_T[t]), cadence_chart(found, t, step)) for t in topics)
    return Picker("cadences", "Topic", tuple(charts))


def cadence_chart(found: TopicCadences, topic: int, step: Step) -> Chart:
    """Gaps between engagements in one topic, with their median and quartiles."""
    name, unit = str(found.topics_T[topic]), step.value
    gap_G = found.gap_TG[topic].astype(np.float64)
    total = max(gap_G.sum(), 1.0)
    last = int(np.searchsorted(gap_G.cumsum(), SHOWN * total)) + 1
    ends = [float(end[topic]) for end in (found.low_T, found.gap_T, found.high_T)]
    last = min(max(last, *(int(end) for end in ends if np.isfinite(end))), len(gap_G))
    part_G = gap_G[:last] / total
    beyond = total - gap_G[:last].sum()
    cut = f" Longer gaps, {numbers.share(beyond / total)}, are cut off." if beyond else ""
    option = canvas(
        tooltip=tooltip("item"),
        grid={"left": 8, "right": 24, "top": 40, "bottom": 32, "containLabel": True},
        xAxis=name_axis([str(g + 1) for g in range(last)]) | below(f"{unit}s to the next"),
        yAxis=value_axis(labels="fn:share"),
        series=[_bars(part_G, gap_G, unit) | {"markLine": _quartiles(ends)}],
    )
    return Chart(
        f"cadence-{topic}",
        f"{name}: how long until customers come back",
        f"A bar is the part of the gaps between one {unit} with an event and the next that have "
        "this length. The lines are median and quartiles over customers, each counted once and "
        "with the time since the last event, which the bars leave out; so they may lie further "
        f"right.{cut}",
        option,
        (
            Column(f"{unit.capitalize()}s", Form.COUNT),
            Column("Gaps", Form.COUNT),
            Column("Part of all", Form.SHARE),
        ),
        [(g + 1, float(gap_G[g]), float(gap_G[g] / total)) for g in np.flatnonzero(gap_G).tolist()],
        height=320,
    )


def _bars(part_G: Doubles, gap_G: Doubles, unit: str) -> Option:
    data = [
        {
            "value": round(float(part), 5),
            "text": f"{numbers.several(g + 1, unit)}\n{numbers.several(gap_G[g], 'gap')}, "
            f"{numbers.share(float(part))}",
        }
        for g, part in enumerate(part_G)
    ]
    return {"type": "bar", "color": "$sky", "barCategoryGap": "12%", "data": data}


def _quartiles(ends: list[float]) -> Option:
    """Vertical lines at the lower quartile, the median, and the upper quartile, if known."""
    names = ("a quarter", "half are back", "three quarters")
    marks = []
    for name, end, bold in zip(names, ends, (False, True, False), strict=True):
        if np.isfinite(end):
            style = {"color": "$ink", "width": 2 if bold else 1}
            style["type"] = "solid" if bold else "dashed"
            label = {"formatter": name if bold else "", "color": "$ink", "fontSize": 12}
            marks.append({"xAxis": int(end) - 1, "lineStyle": style, "label": label})
    return {"symbol": "none", "silent": True, "data": marks}
