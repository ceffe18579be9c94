"""Where interest moves from and to: what moved lately on the left, what is forecast on the right.

Ribbons are parts of what moved, not of all interest, for the two sides are found in two ways: the
left one holds only changes that are called, the right one all that a forecast expects.
Shapes: T topics, G groups of topics.
"""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Option
from penchant.dashboard.drawing import SERIES, canvas, tooltip
from penchant.interest.flow import Flow
from penchant.interest.interest import Names

MOST = 12  # moves on each side
SUFFIX = "\N{ZERO WIDTH SPACE}"  # repeated, tells a topic's nodes in the three columns apart
SIDES = (("observed", 0.5), ("forecast", 0.28))  # and the opacity of the links

Pair = tuple[str, str, float]


def sankey(
    observed: Flow, forecast: Flow | None = None, *, most: int = MOST, noun: str = "topic"
) -> Chart:
    """The largest moves, as parts of what moved; what stayed is left out.

    `noun` is what the flows' topics are called.
    """
    sides = [_named(side, most) for side in (observed, forecast) if side is not None]
    dates = [period(observed), *([] if forecast is None else [period(forecast)])]
    colours = topic_colours(observed)
    links = [_link(pair, k, colours) for k, pairs in enumerate(sides) for pair in pairs]
    option = canvas(
        tooltip=tooltip("item"),
        title=_headings(forecast is not None),
        series=[
            {
                "type": "sankey",
                "left": 4,
                "right": 4,
                "top": 32,
                "bottom": 8,
                "nodeWidth": 12,
                "nodeGap": 8,
                "draggable": False,
                "emphasis": {"focus": "adjacency"},
                "label": {"color": "$ink", "fontSize": 12, "width": 170, "overflow": "truncate"},
                "data": _nodes(links, len(sides), colours),
                "links": links,
            }
        ],
    )
    return Chart(
        "sankey",
        "Where interest moves from and to",
        _how_to_read(observed, forecast, sides, noun),
        option,
        (
            Column("From"),
            Column("To"),
            *(
                Column(f"{name.capitalize()}, {when}", Form.SHARE)
                for (name, _), when in zip(SIDES, dates, strict=False)
            ),
        ),
        _rows(observed, forecast, sides),
        height=80 + 34 * max(8, len({pair[0] for pair in sides[0]}), len(sides[0])),
    )


def _named(flow: Flow, most: int) -> list[Pair]:
    names_T = flow.topics_T
    return [
        (str(names_T[a]), str(names_T[b]), share / flow.moved) for a, b, share in flow.pairs(most)
    ]


def period(flow: Flow) -> str:
    """The first and the last day of a flow, in words."""
    return f"{numbers.day(flow.start)} to {numbers.day(flow.end - timedelta(days=1))}"


def _how_to_read(observed: Flow, forecast: Flow | None, sides: list[list[Pair]], noun: str) -> str:
    def part(side: int) -> str:
        return numbers.share(sum(share for *_, share in sides[side]))

    text = (
        f"A ribbon joins the {noun} that interest left with the one it went to, and is as wide as "
        f"this move's part of all that moved between {noun}s. On the left are {part(0)} of what "
        f"moved by the changes called, {period(observed)}, which is "
        f"{numbers.share(observed.moved)} of the interest"
    )
    if forecast is not None:
        text += (
            f". On the right, paler, are {part(1)} of what the forecast moves from its first "
            f"window to its last, {period(forecast)}, which is {numbers.share(forecast.moved)}"
        )
    return text + "."


def _link(pair: Pair, column: int, colours: dict[str, str]) -> Option:
    left, entered, share = pair
    name, opacity = SIDES[column]
    return {
        "source": left + SUFFIX * column,
        "target": entered + SUFFIX * (column + 1),
        "value": share,
        "text": f"{left} → {entered}\n{name}: {numbers.share(share)} of what moved",
        "lineStyle": {"color": colours.get(left, "$muted"), "opacity": opacity},
    }


def _nodes(links: list[Option], last: int, colours: dict[str, str]) -> list[Option]:
    """Every topic in each column where a ribbon starts or ends."""
    names = dict.fromkeys(link[end] for link in links for end in ("source", "target"))
    nodes = []
    for name in names:
        column, topic = name.count(SUFFIX), name.rstrip(SUFFIX)
        nodes.append(
            {
                "name": name,
                "depth": column,
                "text": topic,
                "itemStyle": {"color": colours.get(topic, "$muted"), "borderWidth": 0},
                "label": {"position": "left" if column == last else "right"},
            }
        )
    return nodes


def _headings(three: bool) -> list[Option]:
    style = {"color": "$muted", "fontSize": 13, "fontWeight": "normal"}
    places = [("before", {"left": 0}), ("now", {"left": "center"} if three else {"right": 0})]
    if three:
        places.append(("forecast", {"right": 0}))
    return [{"text": text, "top": 0, "textStyle": style, **place} for text, place in places]


def _rows(
    observed: Flow, forecast: Flow | None, sides: list[list[Pair]]
) -> list[tuple[str, str, *tuple[float, ...]]]:
    """Parts of every pair drawn on either side."""
    code = {str(name): t for t, name in enumerate(observed.topics_T)}
    flows = [side for side in (observed, forecast) if side is not None]
    pairs = dict.fromkeys((left, entered) for side in sides for left, entered, _ in side)
    return [
        (
            left,
            entered,
            *(
                float(flow.moved_TT[code[left], code[entered]]) / max(flow.moved, 1e-12)
                for flow in flows
            ),
        )
        for left, entered in pairs
    ]


def most_moving(flow: Flow) -> list[int]:
    """Topics that most flows out of or into, most first: as many as there are colours."""
    moved_T = flow.before_T + flow.after_T - 2 * np.diag(flow.moved_TT)
    order = np.argsort(-moved_T, kind="stable")[: len(SERIES)]
    return [int(t) for t in order if moved_T[t] > 1e-12]


def topic_colours(flow: Flow) -> dict[str, str]:
    """Colours of the topics that move most; all others are muted."""
    names = [str(flow.topics_T[t]) for t in most_moving(flow)]
    return dict(zip(names, SERIES, strict=False))


def between_groups(flow: Flow, group_T: Names) -> Flow:
    """A flow between groups of topics, such as departments; moves within one count as stayed."""
    groups_G, code_T = np.unique(group_T, return_inverse=True)
    member_TG = np.eye(len(groups_G))[code_T]
    return replace(flow, topics_T=groups_G, moved_TT=member_TG.T @ flow.moved_TT @ member_TG)
