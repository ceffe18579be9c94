"""Whether a chance of 30 % happens 30 times in 100: a reliability curve for each window."""

import math

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Notes, Option, Section
from penchant.dashboard.drawing import (
    SERIES,
    SYMBOLS,
    below,
    canvas,
    diagonal,
    legend,
    tooltip,
    value_axis,
)
from penchant.dashboard.hindsight import MISSING
from penchant.dashboard.scores import Past, Row

LEAST, MOST = 7, 26  # diameter of a bubble, in pixels


def calibration(past: Past) -> Section:
    """The section on calibration, of the best model."""
    lead = (
        "A chance is worth planning with only if it keeps its word: of all pairs given 30 %, "
        "three in ten should become active."
    )
    model, rows = past.of_model(past.reliability)
    if model is None:
        return Section("calibration", "Calibration", lead, (Notes((MISSING,)),))
    return Section("calibration", "Calibration", lead, (reliability_chart(past, model, rows),))


def _pooled(rows: list[Row]) -> list[tuple[float, float, int]]:
    """Bins of all cutoffs, pooled: mean chance, frequency, cells."""
    bins: dict[float, list[Row]] = {}
    for row in rows:
        if row[c.CELLS] and row[c.CHANCE] is not None and row[c.FREQUENCY] is not None:
            bins.setdefault(round(row[c.LOW], 9), []).append(row)
    pooled = []
    for low in sorted(bins):
        cells = sum(row[c.CELLS] for row in bins[low])
        chance = sum(row[c.CHANCE] * row[c.CELLS] for row in bins[low]) / cells
        frequency = sum(row[c.FREQUENCY] * row[c.CELLS] for row in bins[low]) / cells
        pooled.append((chance, frequency, cells))
    return pooled


def reliability_chart(past: Past, model: str, rows: list[Row]) -> Chart:
    """Frequency against chance, with the diagonal on which the two agree."""
    windows = [name for name in past.windows if any(row[c.WINDOW] == name for row in rows)]
    pooled = {name: _pooled([row for row in rows if row[c.WINDOW] == name]) for name in windows}
    most = max((cells for bins in pooled.values() for _, _, cells in bins), default=1)
    series = [diagonal(0, 1)]
    labels = []
    for k, name in enumerate(windows):
        error = past.average("ece", model, name)
        label = f"window {numbers.window(name)}"
        label += f", ECE {numbers.decimal(error.value)}" if error else ""
        labels.append(label)
        data = [_bubble(label, *found, most) for found in pooled[name]]
        series.append(
            {
                "type": "line",
                "name": label,
                "color": SERIES[k % len(SERIES)],
                "symbol": SYMBOLS[k % len(SYMBOLS)],
                "lineStyle": {"width": 1.5, "opacity": 0.8},
                "itemStyle": {"opacity": 0.6},
                "data": data,
            }
        )
    option = canvas(
        tooltip=tooltip("item"),
        legend=legend(labels),
        grid={"left": 8, "right": 24, "top": 64, "bottom": 32, "containLabel": True},
        xAxis=value_axis(labels="fn:share", min=0, max=1, **below("chance forecast")),
        yAxis=value_axis("frequency seen", "fn:share", min=0, max=1),
        series=series,
    )
    return Chart(
        "reliability",
        f"Chance forecast against frequency seen ({model})",
        "On the dashed line chances keep their word; above it more happened than forecast, below "
        "it less. A larger mark stands for more customer–topic pairs.",
        option,
        (
            Column("Window"),
            Column("Mean chance", Form.SHARE),
            Column("Frequency", Form.SHARE),
            Column("Pairs", Form.COUNT),
        ),
        [(numbers.window(name), *found) for name in windows for found in pooled[name]],
        height=460,
    )


def _bubble(label: str, chance: float, frequency: float, cells: int, most: int) -> Option:
    size = LEAST + (MOST - LEAST) * math.sqrt(cells / most)
    text = (
        f"{label}\nchance {numbers.share(chance)}, happened {numbers.share(frequency)}\n"
        f"{numbers.count(cells)} pairs"
    )
    return {
        "value": [round(chance, 5), round(frequency, 5)],
        "symbolSize": round(size, 1),
        "text": text,
    }
