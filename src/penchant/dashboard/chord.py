"""Topics around a circle, joined by the net interest that moves from one to another.

Shapes: T topics.
"""

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Option
from penchant.dashboard.drawing import canvas, tooltip
from penchant.dashboard.sankey import most_moving, period, topic_colours
from penchant.interest.flow import Flow

LEAST = 0.02  # of the net moves drawn, below which a ribbon would be a hair


def chord(flow: Flow, *, noun: str = "topic") -> Chart:
    """Net moves among the topics that move most, as parts of all net moves.

    `noun` is what the flow's topics are called.
    """
    net_TT = np.maximum(flow.moved_TT - flow.moved_TT.T, 0.0)
    net_TT /= max(net_TT.sum(), 1e-12)
    chosen = most_moving(flow)
    among_TT = net_TT[np.ix_(chosen, chosen)]
    names = [str(flow.topics_T[t]) for t in chosen]
    pairs = [
        (names[a], names[b], float(among_TT[a, b]))
        for a, b in np.argwhere(among_TT > LEAST * among_TT.sum())
    ]
    pairs.sort(key=lambda pair: -pair[2])
    part = sum(share for *_, share in pairs)
    what = "forecast" if flow.forecast else "observed"
    return Chart(
        f"chord-{what}",
        f"Net moves between {noun}s, {what}",
        f"A ribbon has the colour of the {noun} that loses and leads to the one that gains; it is "
        f"as wide as what went this way less what came back, {period(flow)}. Drawn are those that "
        f"move most, with {numbers.share(part)} of all net moves.",
        _option(names, pairs, topic_colours(flow)),
        (Column("From"), Column("To"), Column("Part of all net moves", Form.SHARE)),
        pairs,
        height=520,
    )


def _option(
    names: list[str], pairs: list[tuple[str, str, float]], colours: dict[str, str]
) -> Option:
    drawn = {name for left, entered, _ in pairs for name in (left, entered)}
    series = {
        "type": "chord",
        "radius": ["68%", "72%"],
        "padAngle": 3,
        "label": {"show": True, "color": "$ink", "fontSize": 12, "position": "outside"},
        "lineStyle": {"color": "source", "opacity": 0.55},
        "emphasis": {"focus": "adjacency"},
        "data": [
            {"name": name, "text": _balance(name, pairs), "itemStyle": {"color": colours[name]}}
            for name in names
            if name in drawn
        ],
        "links": [
            {
                "source": left,
                "target": entered,
                "value": share,
                "text": f"{left} → {entered}\n{numbers.share(share)} of all net moves",
            }
            for left, entered, share in pairs
        ],
    }
    return canvas(tooltip=tooltip("item"), series=[series])


def _balance(name: str, pairs: list[tuple[str, str, float]]) -> str:
    lost = sum(share for left, _, share in pairs if left == name)
    gained = sum(share for _, entered, share in pairs if entered == name)
    return f"{name}\nloses {numbers.share(lost)}, gains {numbers.share(gained)}"
