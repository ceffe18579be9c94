"""The page of a plain series: its forecast, how methods did on held-out steps, its correlations.

Shapes: L lags (the first is 1), H steps ahead.
"""

import math
from datetime import datetime
from pathlib import Path

from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
    Chart,
    Column,
    Findings,
    Form,
    Notes,
    Option,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.correlogram import correlogram_chart
from penchant.dashboard.drawing import (
    FAN,
    canvas,
    legend,
    now_line,
    time_axis,
    tooltip,
    value_axis,
)
from penchant.dashboard.page import render, write_page
from penchant.data.step import EPOCH
from penchant.outlook import NAMES, Outlook
from penchant.series import Place

MOST_PAST = 400  # values drawn before the forecast
DIGITS = 4  # of a value that count
PAST, HELD, AHEAD = "what happened", "forecast at the time", "forecast"


def write_series_page(made: Outlook, path: Path) -> None:
    """Write the page of an outlook to a file."""
    write_page(render(f"{made.series.name}: what comes next", sections(made)), path)


def sections(made: Outlook) -> tuple[Section, ...]:
    """The page's parts: forecast, trial and correlations, as far as the series has them."""
    found = [_forecast_section(made)]
    if made.trial is not None:
        found.append(_trial_section(made))
    if made.reading is not None:
        found.append(_correlation_section(made))
    return tuple(found)


def figure(value: float) -> str:
    """A value in as many decimals as its size calls for: `1,234`, `12.35`, `0.01235`."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else numbers.MISSING
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if decimals else text).replace("-", "−")


def _forecast_section(made: Outlook) -> Section:
    low_H, high_H = made.ends(made.level)
    level = numbers.share(made.level)
    ends = [(0, "Next"), (made.ahead - 1, "Last forecast")][: 1 + (made.ahead > 1)]
    places = made.series.places(made.ahead)[-made.ahead :]
    tiles = [
        Tile(
            f"{label}: {made.series.told(places[h])}",
            figure(made.chosen.mean_H[h]),
            f"{level} interval {figure(low_H[h])} to {figure(high_H[h])}",
        )
        for h, label in ends
    ]
    tiles.append(Tile("Forecast by", _title(NAMES[made.chosen.method]), made.chosen.form))
    season = f"{made.season} {made.series.unit}s" if made.season > 1 else "none"
    tiles.append(Tile("Season", season, made.season_words if made.season > 1 else ""))
    cautions = Findings("What to be careful about", tuple(_halves(note) for note in made.notes))
    blocks = (Tiles(tuple(tiles)), forecast_chart(made), *((cautions,) if made.notes else ()))
    return Section("forecast", "Forecast", made.choice_words, blocks)


def _halves(note: str) -> tuple[str, str]:
    """A note's first sentence and the rest."""
    first, mark, rest = note.partition(". ")
    return (first + mark.strip(), rest)


def forecast_chart(made: Outlook) -> Chart:
    """The series, what was forecast of its last steps at the time, and the fan ahead."""
    series = made.series
    steps = len(series.value_S)
    places = series.places(made.ahead)
    first = max(0, steps - MOST_PAST)
    lines = [_line(PAST, "$blue", _past(made, places, first)), *_held(made, places)]
    lines[0]["markLine"] = now_line(EPOCH) | {"data": [{"xAxis": _x(places[steps - 1])}]}
    lines += _fan(made, places)
    names = [PAST, *([HELD] if made.trial is not None else []), AHEAD]
    wide = max(abs(float(series.value_S.min())), abs(float(series.value_S.max()))) >= 1
    y_axis = value_axis(labels="fn:count" if wide else "{value}", scale=not series.counts)
    held = ", dotted what the method forecast of steps it didn't know" if made.trial else ""
    return Chart(
        "forecast-chart",
        f"{series.name}, and the next {numbers.several(made.ahead, series.unit)}",
        f"The line is what happened{held}; right of “now” the bands hold each value with a "
        "probability of 50, 80 and 95 %, from dark to pale.",
        canvas(
            tooltip=tooltip("item"),
            legend=legend(names),
            grid={"left": 8, "right": 24, "top": 56, "bottom": 8, "containLabel": True},
            xAxis=_x_axis(places, first),
            yAxis=y_axis,
            series=lines,
        ),
        (
            Column(series.unit.capitalize()),
            Column("Value", Form.SPAN),
            *(Column(f"{level * 100:.0f} % interval", Form.SPAN) for level, _ in FAN[::-1]),
        ),
        _rows(made, places),
        height=420,
    )


def _x(place: Place) -> str | int:
    return place if isinstance(place, int) else place.isoformat()


def _x_axis(places: list[Place], first: int) -> Option:
    if isinstance(places[0], datetime):
        return time_axis()
    axis = value_axis(min=_x(places[first]), max=_x(places[-1]), minInterval=1)
    return axis | {"splitLine": {"show": False}}


def _line(name: str, colour: str, data: list[Option], **parts: object) -> Option:
    return {
        "type": "line",
        "name": name,
        "color": colour,
        "data": data,
        "symbol": "circle",
        "symbolSize": 5,
        "lineStyle": {"width": 2, "color": colour},
        **parts,
    }


def _past(made: Outlook, places: list[Place], first: int) -> list[Option]:
    return [
        {"value": [_x(place), float(value)], "text": f"{made.series.told(place)}\n{figure(value)}"}
        for place, value in zip(places[first:], made.series.value_S[first:].tolist(), strict=False)
    ]


def _held(made: Outlook, places: list[Place]) -> list[Option]:
    """A dotted line for each origin, of the chosen method, from the last value it knew."""
    tried = made.trial
    if tried is None:
        return []
    m = tried.methods.index(made.chosen.method)
    lines = []
    for o, origin in enumerate(tried.origins):
        known = made.series.value_S[origin - 1]
        data: list[Option] = [{"value": [_x(places[origin - 1]), float(known)], "symbol": "none"}]
        ends = (tried.mean_MOH[m, o], tried.low_MOH[m, o], tried.high_MOH[m, o])
        for h, (mean, low, high) in enumerate(zip(*(part.tolist() for part in ends), strict=True)):
            if math.isfinite(mean):
                place = places[origin + h]
                told = f"{made.series.told(place)}\nforecast {figure(mean)}"
                told += f"\n{tried.level:.0%} interval {figure(low)} to {figure(high)}"
                data.append({"value": [_x(place), mean], "text": told})
        style = {"width": 1.5, "type": "dotted", "color": "$orange"}
        lines.append(_line(HELD, "$orange", data, lineStyle=style, symbolSize=4))
    return lines


def _fan(made: Outlook, places: list[Place]) -> list[Option]:
    """Bands from wide to narrow, opening at the last value, and the means above them."""
    last = float(made.series.value_S[-1])
    ahead = places[-made.ahead - 1 :]
    lines: list[Option] = []
    for level, opacity in FAN:
        low_H, high_H = made.ends(level)
        lows, highs = [last, *low_H.tolist()], [last, *high_H.tolist()]
        parts = (
            (lows, 0.0),
            ([high - low for low, high in zip(lows, highs, strict=True)], opacity),
        )
        for values, shade in parts:
            data = [[_x(place), value] for place, value in zip(ahead, values, strict=True)]
            lines.append(_band(f"band-{level}", data, shade))
    low_H, high_H = made.ends(made.level)
    rows = zip(ahead[1:], made.chosen.mean_H.tolist(), low_H.tolist(), high_H.tolist(), strict=True)
    means: list[Option] = [{"value": [_x(ahead[0]), last], "symbol": "none"}]
    for place, mean, low, high in rows:
        told = f"{made.series.told(place)}\nforecast {figure(mean)}"
        told += f"\n{made.level:.0%} interval {figure(low)} to {figure(high)}"
        means.append({"value": [_x(place), mean], "text": told})
    return [*lines, _line(AHEAD, "$vermillion", means)]


def _band(stack: str, data: list[list[str | int | float]], opacity: float) -> Option:
    """One of two stacked lines that enclose a band: the low ends, then how far up it reaches."""
    return {
        "type": "line",
        "name": stack,
        "stack": stack,
        "stackStrategy": "all",  # low ends may be negative
        "data": data,
        "showSymbol": False,
        "silent": True,
        "color": "$orange",
        "lineStyle": {"width": 0},
        "areaStyle": {"color": "$orange", "opacity": opacity},
    }


def _rows(made: Outlook, places: list[Place]) -> list[tuple[Cell, ...]]:
    """Forecasts first, then what happened, the latest first."""
    ends = [made.ends(level) for level, _ in FAN[::-1]]
    rows: list[tuple[Cell, ...]] = []
    for h, mean in enumerate(made.chosen.mean_H.tolist()):
        spans = (f"{figure(low_H[h])} to {figure(high_H[h])}" for low_H, high_H in ends)
        rows.append((f"{made.series.told(places[h - made.ahead])}, forecast", figure(mean), *spans))
    past = list(zip(places, made.series.value_S.tolist(), strict=False))
    rows += [
        (made.series.told(place), figure(value), None, None, None) for place, value in past[::-1]
    ]
    return rows


def _trial_section(made: Outlook) -> Section:
    tried = made.trial
    assert tried is not None
    lead = (
        f"Each method was fitted {numbers.several(len(tried.origins), 'time')} to the past alone "
        f"and forecast up to {numbers.several(tried.ahead, made.series.unit)} of the last "
        f"{tried.held_out}: {numbers.several(tried.steps, 'value')} in all."
    )
    scores = Table(
        "scores",
        "Methods on held-out steps",
        (
            Column("Method"),
            Column("Picked at the last origin", Form.PROSE),
            Column("Mean absolute error", Form.SPAN),
            Column("MASE", Form.DECIMAL),
            Column(f"In {tried.level:.0%} intervals", Form.SHARE),
        ),
        [
            (_title(NAMES[one.method]), one.form, figure(one.mae), one.mase, one.coverage)
            for one in tried.scores
        ],
        note="The best is in bold. MASE is the error over the mean change from one season, or "
        "step, to the next: below 1 is better than repeating the past was.",
        best=frozenset({(0, 2)}),
    )
    return Section("trial", "Trial", lead, (scores,))


def _correlation_section(made: Outlook) -> Section:
    reading = made.reading
    assert reading is not None
    arima = next(one for one in made.projections if one.method == "arima")
    picked = Table(
        "picked",
        "What was picked for the whole series",
        (Column("Method"), Column("Picked", Form.PROSE), Column("AICc", Form.SPAN)),
        [
            (_title(NAMES[one.method]), one.form, None if one.aicc is None else figure(one.aicc))
            for one in made.projections
        ],
        note="AICc weighs the fit against the number of parameters. It picks within a method, and "
        "says nothing between methods: that is what the trial is for.",
    )
    words = Notes(
        (
            f"{reading.words} This suggests ARIMA{reading.order}; the search by AICc picked "
            f"{arima.form}. The two often differ by a term that matters little.",
        )
    )
    unit = made.series.unit
    charts = [correlogram_chart("The series", reading.plain, unit, key="plain")]
    if reading.differenced is not reading.plain:
        charts.append(correlogram_chart("Its changes", reading.differenced, unit, key="changes"))
    lead = "What a value says of those that follow, and which orders of an ARIMA that suggests."
    return Section("correlations", "Correlations", lead, (*charts, words, picked))


def _title(name: str) -> str:
    return name[0].upper() + name[1:]
