"""Models beside each other: every metric, and the main one with its intervals."""

from penchant.dashboard import numbers
from penchant.dashboard.block import Cell, Chart, Column, Form, Notes, Option, Section, Table
from penchant.dashboard.drawing import (
    SERIES,
    SYMBOLS,
    below,
    canvas,
    interval_series,
    intervals,
    legend,
    tooltip,
    value_axis,
)
from penchant.dashboard.hindsight import MISSING
from penchant.dashboard.metrics import MAIN_METRIC, Metric, metric_of
from penchant.dashboard.scores import Past

BY_WINDOW = (
    MAIN_METRIC,
    "adoption_average_precision",
    "cross_entropy",
    "mae",
    "ece",
    "coverage_80",
)


def leaderboard(past: Past) -> Section:
    """The section that compares models."""
    lead = (
        "Every model was fitted at the same past cutoffs and asked the same questions. Simple "
        "models stand beside elaborate ones; where a simple one wins, use it."
    )
    if not past.models:
        return Section("leaderboard", "Leaderboard", lead, (Notes((MISSING,)),))
    names = [metric.name for metric in past.metrics]
    blocks: list[Chart | Table] = []
    if MAIN_METRIC in names:
        blocks.append(precision_chart(past))
    blocks += [_window_table(past, metric_of(name)) for name in BY_WINDOW if name in names]
    blocks.append(_all_table(past))
    return Section("leaderboard", "Leaderboard", lead, tuple(blocks))


def precision_chart(past: Past) -> Chart:
    """Average precision of each model and window, a dot and an interval each."""
    models = past.models
    series: list[Option] = []
    body: list[tuple[Cell, ...]] = []
    for k in range(len(past.windows)):
        drawn, rows = _dots(past, k)
        series += drawn
        body += rows
    labels = {
        "color": "$ink",
        "formatter": "fn:names",
        "names": list(models),
        "customValues": list(range(len(models))),
    }
    rows_axis = {"min": -0.5, "max": len(models) - 0.5, "inverse": True, "axisLabel": labels}
    option = canvas(
        tooltip=tooltip("item"),
        legend=legend([f"window {numbers.window(window)}" for window in past.windows]),
        grid={"left": 8, "right": 24, "top": 36, "bottom": 32, "containLabel": True},
        xAxis=value_axis(labels="fn:decimal", scale=True, **below("average precision")),
        yAxis=value_axis() | rows_axis | {"splitLine": {"show": False}},
        series=series,
    )
    return Chart(
        "precision",
        "Average precision by model and window",
        "Further right is better; bars are 95 % intervals over customers, so models whose bars "
        "overlap widely may not differ.",
        option,
        (
            Column("Model"),
            Column("Window"),
            Column("Average precision", Form.DECIMAL),
            Column("95 % interval", Form.SPAN),
        ),
        body,
        height=110 + 44 * len(models),
    )


def _dots(past: Past, k: int) -> tuple[list[Option], list[tuple[Cell, ...]]]:
    """Series and table rows of the `k`-th window, a little apart from the other windows'."""
    window = past.windows[k]
    name, colour = f"window {numbers.window(window)}", SERIES[k % len(SERIES)]
    shift = (k - (len(past.windows) - 1) / 2) * 0.6 / len(past.windows)
    points: list[Option] = []
    bars: list[tuple[float, float, float]] = []
    rows: list[tuple[Cell, ...]] = []
    for m, model in enumerate(past.models):
        found = past.average(MAIN_METRIC, model, window)
        if found is None:
            continue
        held = ""
        if found.low is not None and found.high is not None:
            bars.append((m + shift, found.low, found.high))
            held = f"{numbers.decimal(found.low)}–{numbers.decimal(found.high)}"
        text = f"{model}, {name}\n{numbers.decimal(found.value)}"
        text += f" (95 % interval {held})" if held else ""
        points.append({"value": [round(found.value, 5), m + shift], "text": text})
        rows.append((model, numbers.window(window), found.value, held or None))
    dots = {
        "type": "scatter",
        "name": name,
        "color": colour,
        "data": points,
        "symbolSize": 9,
        "symbol": SYMBOLS[k % len(SYMBOLS)],
    }
    return [interval_series(name, intervals(bars, vertical=False), colour), dots], rows


def _window_table(past: Past, metric: Metric) -> Table:
    found = [[past.average(metric.name, m, w) for w in past.windows] for m in past.models]
    rows: list[tuple[Cell, ...]] = []
    best: set[tuple[int, int]] = set()
    for k in range(len(past.windows)):
        known = {r: mean.value for r, row in enumerate(found) if (mean := row[k]) is not None}
        best |= {(r, k + 1) for r in _best(known, metric)}
    for model, averages in zip(past.models, found, strict=True):
        rows.append((model, *(mean.value if mean else None for mean in averages)))
    columns = (
        Column("Model"),
        *(Column(f"Window {numbers.window(w)}", metric.form) for w in past.windows),
    )
    note = f"{metric.meaning} Better: {metric.direction}."
    return Table(
        f"by-window-{metric.name}", metric.label, columns, rows, note, frozenset(best), half=True
    )


def _best(values: dict[int, float], metric: Metric) -> set[int]:
    """Keys of the best value and of those written the same; none where all are the same."""
    if not values:
        return set()
    write = Column("", metric.form).write
    best = write(min(values.values(), key=metric.distance))
    found = {key for key, value in values.items() if write(value) == best}
    return found if len(found) < len(values) or len(values) == 1 else set()


def _all_table(past: Past) -> Table:
    columns = (
        Column("Metric"),
        Column("Better"),
        *(Column(model, Form.SPAN) for model in past.models),
    )
    rows: list[tuple[Cell, ...]] = []
    best: set[tuple[int, int]] = set()
    for r, metric in enumerate(past.metrics):
        writer = Column("", metric.form)
        values = {
            k: average.value
            for k, model in enumerate(past.models)
            if (average := past.average(metric.name, model)) is not None
        }
        best |= {(r, k + 2) for k in _best(values, metric)}
        cells = (writer.write(values[k]) if k in values else None for k in range(len(past.models)))
        rows.append((metric.label, metric.direction, *cells))
    cutoffs = numbers.several(len(past.cutoffs), "cutoff")
    return Table(
        "all-metrics",
        "Every metric",
        columns,
        rows,
        f"Means over {cutoffs} and all windows; the best of each row is in bold.",
        frozenset(best),
    )
