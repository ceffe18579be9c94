"""Autocorrelations and partial autocorrelations of a series, as stems.

Shapes: L lags from 1.
"""

from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Option
from penchant.dashboard.drawing import below, canvas, name_axis, tooltip, value_axis
from penchant.interest.correlation import Correlogram
from penchant.interest.counts import Doubles

TITLES = ("autocorrelation", "partial autocorrelation")
STEM = 3  # pixels


def correlogram_chart(name: str, found: Correlogram, unit: str, *, key: str = "0") -> Chart:
    """Both correlograms of the series `name`; `key` sets charts on one page apart."""
    lags = [str(lag + 1) for lag in range(len(found.acf_L))]
    grids, axes, values, series = [], [], [], []
    for k, value_L in enumerate((found.acf_L, found.pacf_L)):
        place = {"top": "8%", "height": "34%"} if k == 0 else {"top": "54%", "height": "34%"}
        grids.append({"left": 48, "right": 16, **place})
        last = k == 1
        axes.append(
            name_axis(lags)
            | {"gridIndex": k, "axisLabel": {"show": last, "color": "$muted", "hideOverlap": True}}
            | {"axisLine": {"onZero": False, "lineStyle": {"color": "$line"}}}
        )
        values.append(value_axis(TITLES[k], "fn:decimal", gridIndex=k, min=-1, max=1, interval=0.5))
        values[-1]["nameTextStyle"] |= {"align": "left", "color": "$ink"}
        series += _stems(value_L, found.bound, k, unit)
    axes[1] |= below(f"lag in {unit}s")
    return Chart(
        f"correlogram-{key}",
        f"{name}: what a {unit} says of later ones",
        f"A stem at lag k is how closely {unit}s that are k apart go together, above, and "
        "what that adds to all shorter lags, below. Stems within the grey band are what chance "
        "alone gives in 19 of 20 cases; stems that return at a regular distance are a season.",
        canvas(tooltip=tooltip("item"), grid=grids, xAxis=axes, yAxis=values, series=series),
        (
            Column("Lag", Form.COUNT),
            Column("Autocorrelation", Form.DECIMAL),
            Column("Partial", Form.DECIMAL),
            Column("Beyond the band"),
        ),
        [
            (lag + 1, float(acf), float(pacf), _beyond(acf, pacf, found.bound))
            for lag, (acf, pacf) in enumerate(zip(found.acf_L, found.pacf_L, strict=True))
        ],
        height=440,
    )


def _stems(value_L: Doubles, bound: float, place: int, unit: str) -> list[Option]:
    axes = {"xAxisIndex": place, "yAxisIndex": place}
    data = [
        {
            "value": round(float(value), 4),
            "text": f"{numbers.several(lag + 1, unit)} apart\n{TITLES[place]} "
            f"{numbers.decimal(float(value))}",
            "itemStyle": {"opacity": 1.0 if abs(value) > bound else 0.5},
        }
        for lag, value in enumerate(value_L)
    ]
    band = [{"yAxis": -bound, "itemStyle": {"color": "$muted", "opacity": 0.16}}, {"yAxis": bound}]
    bars = {"type": "bar", "barWidth": STEM, "color": "$blue", "data": data}
    dots = {"type": "scatter", "symbolSize": 8, "color": "$blue", "data": data}
    return [bars | axes | {"markArea": {"silent": True, "data": [band]}}, dots | axes]


def _beyond(acf: float, pacf: float, bound: float) -> str:
    """Which of the two stems leaves the band."""
    beyond = (abs(acf) > bound, abs(pacf) > bound)
    names = {(True, True): "both", (True, False): "autocorrelation", (False, True): "partial"}
    return names.get(beyond, "neither")
