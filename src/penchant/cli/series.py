"""The verb about plain series: series.

Shapes: L lags (the first is 1), H steps ahead.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant import console
from penchant.cli.grouping import grouped
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.interest.correlation import Correlogram
    from penchant.outlook import Outlook
    from penchant.series import Series

NEGATIVE_NUMBERS = {"ignore_unknown_options": True}  # -5 is a number, not an option
PAGE = Path("penchant-series.html")
LAGS_SHOWN = 12
BAR = 8  # characters of a correlation of 1


@dataclass(frozen=True)
class Origin:
    """Where the series is, if it isn't typed."""

    file: Annotated[
        str | None, typer.Option(help="A file instead: CSV, JSON Lines, Parquet, a DuckDB table.")
    ] = None
    column: Annotated[str | None, typer.Option(help="Its column of values.")] = None
    time: Annotated[str | None, typer.Option(help="Its column of dates.")] = None
    topic: Annotated[
        str | None, typer.Option(help="A topic of the store instead; 'all' adds all up.")
    ] = None
    config: Config = DEFAULT_CONFIG


@dataclass(frozen=True)
class Wish:
    """What is asked of it."""

    ahead: Annotated[
        int | None, typer.Option(help="Steps to forecast; none: a season or a quarter.", min=1)
    ] = None
    season: Annotated[
        int | None, typer.Option(help="Steps of a season; none: found; 1: there is none.", min=1)
    ] = None
    level: Annotated[
        float, typer.Option(help="Per cent that the intervals should hold.", min=1, max=99.9)
    ] = 80
    holdout: Annotated[
        int | None, typer.Option(help="Last steps to try methods on; none: a third.", min=0)
    ] = None
    model: Annotated[
        str | None,
        typer.Option(help="arima, ets, naive or lstm; none: the best of the first three."),
    ] = None


@grouped
def series(
    origin: Origin,
    wish: Wish,
    numbers: Annotated[
        list[str] | None, typer.Argument(help="The values in order, such as 100 150 200 -5.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where to draw it, as a page.")] = PAGE,
    json: Json = False,
) -> None:
    """Forecast any plain series: correlations, ARIMA against ETS and naive, intervals, a page.

    Type the values, or name a file or a topic. Negative values may be typed as
    they are; after -- nothing is taken for an option. Only a topic needs a store.
    """
    from penchant.dashboard.seriespage import write_series_page
    from penchant.outlook import Question, outlook

    with refusing(json):
        with progress("Reading the series") as bar:
            question = Question(
                ahead=wish.ahead,
                season=wish.season,
                level=round(wish.level / 100, 6),
                held_out=wish.holdout,
                method=wish.model,
            )
            made = outlook(
                _series(numbers or [], origin),
                question,
                lambda what: bar.update(bar.task_ids[0], description=f"Fitting {what}"),
            )
            write_series_page(made, out)
        if json:
            say_json({**made.to_dict(), "page": out})
        else:
            _print(made)
            say(f"Drawn in {out}; open it in a browser.")


def _series(numbers: list[str], origin: Origin) -> "Series":
    """The series that one of the three sources holds; DataError for none or several."""
    from penchant.series import series_of_file, series_of_numbers, series_of_topic
    from penchant.workspace import Workspace

    options = [word for word in numbers if word.startswith("--")]
    if options:
        raise DataError(f"There is no option '{options[0]}'. See `penchant series --help`.")
    given = (bool(numbers), origin.file is not None, origin.topic is not None)
    if sum(given) != 1:
        raise DataError(
            "A series comes from numbers, from --file or from --topic: one of them, "
            f"found {sum(given)}. Try `penchant series 100 150 200 180 220 250 300 280`."
        )
    if origin.file is None and (origin.column or origin.time):
        raise DataError("--column and --time are of a file; name it with --file.")
    if origin.file is not None:
        return series_of_file(origin.file, origin.column, origin.time)
    if origin.topic is not None:
        return series_of_topic(Workspace.open(origin.config), origin.topic)
    return series_of_numbers(numbers)


def _print(made: "Outlook") -> None:
    """Print what was read, what was tried and the forecast."""
    from penchant.dashboard.seriespage import figure

    name, unit = made.series.name, made.series.unit
    say(f"{name}: {len(made.series.value_S)} {unit}s. Season: {_season(made)}.\n")
    if made.reading is not None:
        _print_correlations(made.reading.plain, f"Correlations, lag in {unit}s")
        if made.reading.differenced is not made.reading.plain:
            _print_correlations(made.reading.differenced, "Correlations of its changes")
        say(f"{made.reading.words}\nSuggested: ARIMA{made.reading.order}.\n")
    scores = {one.method: one for one in made.trial.scores} if made.trial else {}
    ranked = sorted(
        made.projections, key=lambda one: list(scores or [one.method]).index(one.method)
    )
    names = ("method", "picked", "AICc", "MAE", "MASE", f"in {made.level:.0%}")
    rows = []
    for one in ranked:
        score = scores.get(one.method)
        trial = (figure(score.mae), score.mase, f"{score.coverage:.0%}") if score else (None,) * 3
        rows.append((one.method, one.form, None if one.aicc is None else figure(one.aicc), *trial))
    held = f"; errors on the last {made.trial.held_out} {unit}s" if made.trial else ""
    console.table(f"Methods{held}", names, rows)
    say(f"{made.choice_words}\n")
    low_H, high_H = made.ends(made.level)
    ahead = made.series.places(made.ahead)[-made.ahead :]
    console.table(
        f"Forecast: {made.chosen.form}",
        (unit, "forecast", f"{made.level:.0%} low", "high"),
        [
            (made.series.told(place), figure(mean), figure(low), figure(high))
            for place, mean, low, high in zip(
                ahead, made.chosen.mean_H, low_H, high_H, strict=True
            )
        ],
    )  # fmt: skip
    for note in made.notes:
        say(f"• {note}")


def _season(made: "Outlook") -> str:
    if made.season == 1:
        return made.season_words
    return f"{made.season} {made.series.unit}s ({made.season_words})"


def _print_correlations(found: "Correlogram", title: str) -> None:
    """Print the first lags as numbers and bars; a star where chance alone is unlikely."""
    rows = [
        (str(lag), *(part for value in pair for part in _correlation(value, found.bound)))
        for lag, pair in enumerate(
            zip(found.acf_L[:LAGS_SHOWN], found.pacf_L[:LAGS_SHOWN], strict=True), 1
        )
    ]
    title = f"{title}; * beyond ±{found.bound:.2f}, the band of noise"
    console.table(title, ("lag", "ACF", "", "PACF", ""), rows)


def _correlation(value: float, bound: float) -> tuple[str, str]:
    """A correlation as a number and as a bar that grows from the middle."""
    length = round(abs(value) * BAR)
    bar = ("█" * length).rjust(BAR) + "│" if value < 0 else " " * BAR + "│" + "█" * length
    star = "*" if abs(value) > bound else " "
    return f"{value:+.2f}{star}".replace("-", "−"), bar.ljust(2 * BAR + 1)
