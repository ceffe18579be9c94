"""Parts that chart options share: colours, axes, the "now" line, intervals.

A colour starts with `$` and names a custom property of the page's style sheet; a `fn:` names a
formatter of `report.js`. Both are replaced in the browser, so charts follow light and dark.
Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from penchant.dashboard.block import Option

SERIES = ("$blue", "$orange", "$green", "$purple", "$sky", "$vermillion", "$yellow")
SYMBOLS = ("circle", "rect", "triangle", "diamond", "pin", "arrow", "roundRect")
BREAK = "-"  # ECharts' empty value: a line stops here
DATES = {"year": "{yyyy}", "month": "{MMM}", "day": "{d} {MMM}"}
FAN = ((0.95, 0.16), (0.8, 0.24), (0.5, 0.36))  # level and opacity, widest first


def canvas(**parts: Any) -> Option:
    """An option with the settings of every chart."""
    return {
        "animation": False,
        "textStyle": {"color": "$ink", "fontFamily": "inherit"},
        **parts,
    }


def tooltip(trigger: str, value: str | None = None) -> Option:
    """A tooltip for an `axis` or an `item`; an item's is the text of its point."""
    box = {
        "trigger": trigger,
        "confine": True,
        "backgroundColor": "$surface",
        "borderColor": "$line",
        "textStyle": {"color": "$ink", "fontSize": 13},
    }
    return box | ({"valueFormatter": value} if value else {"formatter": "fn:text"})


def legend(names: Sequence[str], **place: Any) -> Option:
    """A scrolling legend, at the top unless placed elsewhere."""
    return {
        "type": "scroll",
        "top": 0,
        "left": 0,
        "right": 0,
        "icon": "roundRect",
        "itemWidth": 14,
        "itemHeight": 8,
        "itemGap": 16,
        "textStyle": {"color": "$ink", "fontSize": 12},
        "pageIconColor": "$muted",
        "pageTextStyle": {"color": "$muted"},
        "data": list(names),
        **place,
    }


def value_axis(name: str = "", labels: str = "fn:count", **parts: Any) -> Option:
    """An axis of numbers with light lines across and its name at the end."""
    return {
        "type": "value",
        "name": name,
        "nameTextStyle": {"color": "$muted", "fontSize": 12},
        "axisLabel": {"color": "$muted", "formatter": labels, "hideOverlap": True},
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": "$grid"}},
        **parts,
    }


def time_axis(**parts: Any) -> Option:
    """An axis of dates."""
    return {
        "type": "time",
        "axisLabel": {"color": "$muted", "hideOverlap": True, "formatter": DATES},
        "axisLine": {"lineStyle": {"color": "$line"}},
        "axisTick": {"show": False},
        "splitLine": {"show": False},
        **parts,
    }


def name_axis(names: Sequence[str], width: int | None = None, **parts: Any) -> Option:
    """An axis of names; those longer than `width` pixels are cut with an ellipsis."""
    label: Option = {"color": "$ink", "fontSize": 12}
    if width:
        label |= {"width": width, "overflow": "truncate"}
    return {
        "type": "category",
        "data": list(names),
        "axisLabel": label,
        "axisLine": {"lineStyle": {"color": "$line"}},
        "axisTick": {"show": False},
        "splitLine": {"show": False},
        **parts,
    }


def below(name: str) -> Option:
    """Places an axis name under the middle of the axis."""
    style = {"color": "$muted", "fontSize": 12}
    return {"name": name, "nameLocation": "middle", "nameGap": 28, "nameTextStyle": style}


def scale(low: float, high: float, ends: tuple[str, str]) -> Option:
    """The key to a heat map's colours below it, with words at its low and high end."""
    return {
        "min": low,
        "max": high,
        "calculable": False,
        "orient": "horizontal",
        "left": "center",
        "bottom": 0,
        "itemHeight": 120,
        "itemWidth": 10,
        "text": ends[::-1],
        "textStyle": {"color": "$muted", "fontSize": 12},
        "inRange": {"color": ["$heat0", "$heat1", "$heat2", "$heat3"]},
    }


def now_line(now: date) -> Option:
    """A vertical dashed line at the cutoff, with the word "now"."""
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": "$ink", "type": "dashed", "width": 1},
        "label": {"formatter": "now", "color": "$ink", "position": "end", "fontSize": 12},
        "data": [{"xAxis": now.isoformat()}],
    }


def intervals(points: Sequence[tuple[Any, Any, Any]], *, vertical: bool = True) -> list[list[Any]]:
    """Data of one line series that draws every interval: (place, low, high) each."""
    data: list[list[Any]] = []
    for place, low, high in points:
        ends = ([place, low], [place, high]) if vertical else ([low, place], [high, place])
        data += [*ends, [BREAK, BREAK]]
    return data


def interval_series(name: str, data: list[list[Any]], colour: str, **parts: Any) -> Option:
    """The line series of `intervals`, which neither answers the pointer nor shows in legends."""
    return {
        "type": "line",
        "name": name,
        "data": data,
        "z": 1,  # under the marks
        "showSymbol": False,
        "silent": True,
        "color": colour,
        "lineStyle": {"width": 1.5, "color": colour, "opacity": 0.55},
        "tooltip": {"show": False},
        **parts,
    }


def diagonal(low: float, high: float) -> Option:
    """A dashed line on which both axes agree."""
    return {
        "type": "line",
        "data": [[low, low], [high, high]],
        "showSymbol": False,
        "silent": True,
        "color": "$muted",
        "lineStyle": {"color": "$muted", "type": "dashed", "width": 1},
        "tooltip": {"show": False},
    }
