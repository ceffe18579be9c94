"""What was forecast at past cutoffs against what happened: demand of topics."""

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
    Chart,
    Column,
    Form,
    Notes,
    Option,
    Picker,
    Section,
    Table,
)
from penchant.dashboard.drawing import (
    below,
    canvas,
    diagonal,
    interval_series,
    intervals,
    legend,
    name_axis,
    tooltip,
    value_axis,
)
from penchant.dashboard.scores import Past, Row

MOST_POINTS = 300  # topics in a scatter
CHOICES = 15  # topics to follow over cutoffs
FLOOR = 0.5  # where a logarithmic axis draws a zero
TOP, PANEL = 60, 180  # pixels: above the panels of a topic, and of one with its axis
FORECAST = "forecast, 80 % interval"
HAPPENED = "what happened"
WRITTEN = (
    Column("Forecast", Form.VOLUME),
    Column("80 % interval", Form.SPAN),
    Column("Happened", Form.COUNT),
    Column("Inside"),
)
MISSING = (
    "This needs a backtest, and the report was made without one. Run penchant backtest, then "
    "penchant report again."
)


def hindsight(past: Past) -> Section:
    """The section on past forecasts and outcomes."""
    lead = (
        "The forecast was made again at past cutoffs, knowing nothing later, and laid beside what "
        "customers then did."
    )
    model, rows = past.of_model(past.demand)
    title = "Forecasts against what happened"
    if model is None:
        return Section("hindsight", title, lead, (Notes((MISSING,)),))
    windows = [name for name in past.windows if any(row[c.WINDOW] == name for row in rows)]
    scatters = tuple(
        (numbers.window(name), scatter_chart(past, model, name, _latest(rows, name)))
        for name in windows
    )
    size: dict[str, float] = {}
    for row in rows:
        size[row[c.TOPIC]] = size.get(row[c.TOPIC], 0) + row[c.ACTUAL]
    largest = sorted(size, key=lambda topic: (-size[topic], topic))[:CHOICES]
    followed = tuple(
        (topic, topic_chart(past, k, topic, [row for row in rows if row[c.TOPIC] == topic]))
        for k, topic in enumerate(largest)
    )
    blocks = (
        Picker("scatter", "Window", scatters),
        _held_table(past, model, windows, rows),
        Picker("followed", "Topic", followed),
    )
    return Section("hindsight", title, lead, blocks)


def _latest(rows: list[Row], window: str) -> list[Row]:
    inside = [row for row in rows if row[c.WINDOW] == window]
    last = max(row[c.CUTOFF] for row in inside)
    return [row for row in inside if row[c.CUTOFF] == last]


def _holds(row: Row) -> bool:
    return bool(row[c.LOW] <= row[c.ACTUAL] <= row[c.HIGH])


def _part(rows: list[Row]) -> float | None:
    return sum(map(_holds, rows)) / len(rows) if rows else None


def scatter_chart(past: Past, model: str, window: str, rows: list[Row]) -> Chart:
    """Each topic's forecast total and actual total in one window after one cutoff."""
    shown = sorted(rows, key=lambda row: (-row[c.MEAN], row[c.TOPIC]))[:MOST_POINTS]
    cutoff = numbers.day(past.dates[shown[0][c.CUTOFF]])
    return Chart(
        f"scatter-{past.windows.index(window)}",
        f"Demand of each topic, window {numbers.window(window)}, cutoff {cutoff} ({model})",
        f"Each mark is a topic: on the dashed line the forecast was exact, and the bar is its 80 % "
        f"interval, which held {numbers.share(_part(rows))} of the {len(rows):,} topics "
        f"(both scales are logarithmic; zeros are drawn at {FLOOR}).",
        _scatter_option(shown),
        (Column("Topic"), *WRITTEN),
        [(row[c.TOPIC], *_written(row)) for row in shown],
        height=480,
    )


def _written(row: Row) -> tuple[Cell, ...]:
    span = numbers.span(row[c.LOW], row[c.HIGH])
    return row[c.MEAN], span, row[c.ACTUAL], "yes" if _holds(row) else "no"


def _scatter_option(shown: list[Row]) -> Option:
    groups = (
        ("inside the 80 % interval", "$blue", "circle", [r for r in shown if _holds(r)]),
        ("outside", "$orange", "diamond", [r for r in shown if not _holds(r)]),
    )
    values = [max(v, FLOOR) for r in shown for v in (r[c.MEAN], r[c.ACTUAL], r[c.LOW], r[c.HIGH])]
    series = [diagonal(min(values), max(values))]
    for name, colour, symbol, found in groups:
        bars = [(max(r[c.MEAN], FLOOR), max(r[c.LOW], FLOOR), max(r[c.HIGH], FLOOR)) for r in found]
        marks = {
            "type": "scatter",
            "name": name,
            "symbol": symbol,
            "symbolSize": 8,
            "color": colour,
            "itemStyle": {"opacity": 0.85},
            "data": [_point(max(r[c.MEAN], FLOOR), r) for r in found],
        }
        series += [interval_series(name, intervals(bars), colour), marks]
    inner = {"showMinLabel": False, "showMaxLabel": False}  # the ends aren't round numbers
    label = {"color": "$muted", "formatter": "fn:count", "hideOverlap": True, **inner}
    axis = {"type": "log", "min": "dataMin", "max": "dataMax", "axisLabel": label}
    return canvas(
        tooltip=tooltip("item"),
        legend=legend([group[0] for group in groups]),
        grid={"left": 8, "right": 24, "top": 64, "bottom": 32, "containLabel": True},
        xAxis=value_axis() | axis | below("forecast"),
        yAxis=value_axis("what happened") | axis,
        series=series,
    )


def _point(place: float | str, row: Row) -> Option:
    text = (
        f"{row[c.TOPIC]}\n{numbers.count(row[c.ACTUAL])} happened\n"
        f"{numbers.volume(row[c.MEAN])} forecast, 80 % interval "
        f"{numbers.span(row[c.LOW], row[c.HIGH])}"
    )
    return {"value": [place, max(row[c.ACTUAL], FLOOR)], "text": text}


def _held_table(past: Past, model: str, windows: list[str], rows: list[Row]) -> Table:
    cutoffs = sorted({row[c.CUTOFF] for row in rows})
    found: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row[c.CUTOFF], row[c.WINDOW]), []).append(row)
    body = [
        (past.dates[cutoff], *(_part(found.get((cutoff, name), [])) for name in windows))
        for cutoff in cutoffs
    ]
    columns = (
        Column("Cutoff", Form.DAY),
        *(Column(f"Window {numbers.window(name)}", Form.SHARE) for name in windows),
    )
    return Table(
        "held",
        "Topics whose total fell inside the 80 % interval",
        columns,
        body,
        f"Of {model}, at every cutoff. Near 80 % is right; less says that intervals are too "
        "narrow, more that they are too wide.",
    )


def topic_chart(past: Past, number: int, topic: str, rows: list[Row]) -> Chart:
    """One topic's forecasts and outcomes over cutoffs, a panel for each window."""
    cutoffs = sorted({row[c.CUTOFF] for row in rows})
    days = [numbers.day(past.dates[cutoff]) for cutoff in cutoffs]
    windows = [name for name in past.windows if any(row[c.WINDOW] == name for row in rows)]
    place = range(len(windows))
    name_style = {"color": "$ink", "fontSize": 12, "align": "left", "padding": [0, 0, 0, -40]}
    dates = name_axis(days) | {"axisLabel": {"color": "$muted", "hideOverlap": True}}
    option = canvas(
        tooltip=tooltip("item"),
        legend=legend([FORECAST, HAPPENED]),
        grid=[
            {"left": 56, "right": 16, "top": TOP + k * PANEL, "height": PANEL - 50} for k in place
        ],
        xAxis=[dates | {"gridIndex": k} for k in place],
        yAxis=[
            value_axis(f"window {numbers.window(windows[k])}", scale=True, splitNumber=3)
            | {"gridIndex": k, "nameTextStyle": name_style}
            for k in place
        ],
        series=[part for k in place for part in _panel(past, k, windows[k], rows)],
    )
    ordered = sorted(rows, key=lambda row: (row[c.CUTOFF], past.windows.index(row[c.WINDOW])))
    return Chart(
        f"followed-{number}",
        f"{topic}: forecast at each cutoff, and what happened",
        "For each cutoff the square is the total forecast for the window that followed, the bar "
        "its 80 % interval, and the dot what happened; four dots in five should be on their bar.",
        option,
        (Column("Cutoff", Form.DAY), Column("Window"), *WRITTEN),
        [(past.dates[r[c.CUTOFF]], numbers.window(r[c.WINDOW]), *_written(r)) for r in ordered],
        height=TOP - 20 + len(windows) * PANEL,
    )


def _panel(past: Past, k: int, window: str, rows: list[Row]) -> list[Option]:
    inside = [row for row in rows if row[c.WINDOW] == window]
    days = [numbers.day(past.dates[row[c.CUTOFF]]) for row in inside]
    dated = list(zip(days, inside, strict=True))
    place = {"xAxisIndex": k, "yAxisIndex": k}
    bars = intervals([(day, row[c.LOW], row[c.HIGH]) for day, row in dated])
    wide = {"width": 5, "color": "$orange", "opacity": 0.45, "cap": "butt"}
    mark = {"type": "scatter", "symbolSize": 9, "itemStyle": {"opacity": 1}, **place}
    square = {"name": FORECAST, "symbol": "rect", "color": "$orange"}
    dot = {"name": HAPPENED, "symbol": "circle", "color": "$blue"}
    forecast = [_point(day, row) | {"value": [day, round(row[c.MEAN], 1)]} for day, row in dated]
    happened = [_point(day, row) | {"value": [day, row[c.ACTUAL]]} for day, row in dated]
    return [
        interval_series(FORECAST, bars, "$orange", lineStyle=wide, **place),
        mark | square | {"data": forecast},
        mark | dot | {"data": happened},
    ]
