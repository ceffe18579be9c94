"""The outlook of a plain series: what its past shows, which method to trust, what comes next.

Shapes: S steps, H steps ahead, V levels of intervals, L lags, F features of a step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import chi2

from penchant.errors import DataError
from penchant.interest.correlation import autocorrelations
from penchant.models.identification import TURNS, Doubles, Reading, find_season, read_orders
from penchant.models.rolling import Trial, least_past, trial, usual_held_out
from penchant.models.univariate import (
    FURTHER,
    LEAST_SEASONS,
    METHODS,
    Projection,
    check_method,
    project,
)
from penchant.series import Series

Tell = Callable[[str], None]

LEAST_VALUES = 8  # of a series, to say anything
FEW_VALUES = 50  # below which orders are guesses (Box and Jenkins' advice)
LEVELS = (0.5, 0.8, 0.95)  # of the intervals drawn
NOISE = 0.05  # p-value below which what a method leaves isn't noise
NAMES = {
    "lstm": "LSTM",
    "arima": "ARIMA",
    "ets": "ETS",
    "naive": "naive",
}  # as texts call the methods


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a series; what is None is chosen by the series' length and season."""

    ahead: int | None = None  # steps
    season: int | None = None  # steps; 1 for none
    level: float = 0.8  # of the intervals told
    held_out: int | None = None  # last steps for the trial; 0 for none
    method: str | None = None  # one of FURTHER is tried beside the others

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods to try, the simplest last."""
        return (*(name for name in FURTHER if name == self.method), *METHODS)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a series' past shows, how methods did on its last steps, and their forecasts."""

    series: Series
    ahead: int
    level: float
    season: int
    season_words: str
    reading: Reading | None  # None of a constant series
    trial: Trial | None  # None where the series is too short
    projections: tuple[Projection, ...]
    chosen: Projection
    choice_words: str
    notes: tuple[str, ...]  # what to be careful about

    def ends(self, level: float) -> tuple[Doubles, Doubles]:
        """Low and high ends of the chosen method's intervals at one of its levels."""
        v = self.chosen.levels.index(level)
        return self.chosen.low_VH[v], self.chosen.high_VH[v]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        low_H, high_H = self.ends(self.level)
        places = [
            place if isinstance(place, int) else place.isoformat()
            for place in self.series.places(self.ahead)
        ]
        rows = zip(
            places[-self.ahead :],
            self.chosen.mean_H.tolist(),
            low_H.tolist(),
            high_H.tolist(),
            strict=True,
        )
        return {
            "name": self.series.name,
            "steps": len(self.series.value_S),
            "unit": self.series.unit,
            "first": places[0],
            "season": {"steps": self.season, "why": self.season_words},
            "correlations": self._correlations(),
            "trial": self._trial(),
            "methods": [
                {
                    "method": one.method,
                    "form": one.form,
                    "aicc": one.aicc,
                    "order": None if one.order is None else vars(one.order),
                    "weights": dict(one.weights or {}),
                }
                for one in self.projections
            ],
            "method": self.chosen.method,
            "why": self.choice_words,
            "level": self.level,
            "forecast": [
                dict(zip(("step", "mean", "low", "high"), row, strict=True)) for row in rows
            ],
            "notes": list(self.notes),
        }

    def _correlations(self) -> dict[str, Any] | None:
        if self.reading is None:
            return None
        parts = {"series": self.reading.plain, "differenced": self.reading.differenced}
        told: dict[str, Any] = {
            name: {
                "acf": found.acf_L.tolist(),
                "pacf": found.pacf_L.tolist(),
                "bound": found.bound,
            }
            for name, found in parts.items()
        }
        return told | {"suggested": str(self.reading.order), "why": self.reading.words}

    def _trial(self) -> dict[str, Any] | None:
        if self.trial is None:
            return None
        return {
            "held_out": self.trial.held_out,
            "origins": list(self.trial.origins),
            "values": self.trial.steps,
            "scores": [vars(score) for score in self.trial.scores],
            "clear_winner": self.trial.clear,
        }


def outlook(series: Series, question: Question, tell: Tell = lambda what: None) -> Outlook:
    """Look at a series, try the methods on its last steps, and forecast with the best.

    Costs from a second to half a minute, for hundreds of values with a long season. Raises
    `DataError` for a series that is too short for what is asked.
    """
    value_S = series.value_S
    season, season_words = _season(series, question.season)
    ahead = _ahead(len(value_S), season, question.ahead)
    if question.method is not None:
        check_method(question.method)
    methods, calendar_SF = question.methods, series.calendar()
    held_out = _held_out(series, ahead, season, question)
    varied = bool(np.ptp(value_S) > 0)
    tried = None
    if held_out and varied:
        tried = trial(
            value_S,
            ahead=ahead,
            season=season,
            level=question.level,
            held_out=held_out,
            methods=methods,
            calendar_SF=calendar_SF,
            tell=tell,
        )
    tell("the whole series")
    levels = tuple(sorted({*LEVELS, question.level}))
    made = [
        project(value_S, name, ahead, season=season, levels=levels, calendar_SF=calendar_SF)
        for name in methods
    ]
    projections = tuple(_counts(one) if series.counts else one for one in made)
    usual = ("arima" if varied else "naive") if tried is None else tried.best
    chosen = next(one for one in projections if one.method == (question.method or usual))
    return Outlook(
        series=series,
        ahead=ahead,
        level=question.level,
        season=season,
        season_words=season_words,
        reading=read_orders(value_S, season) if varied else None,
        trial=tried,
        projections=projections,
        chosen=chosen,
        choice_words=_why(question.method, tried, varied),
        notes=(*series.notes, *_cautions(series, season, tried, chosen)),
    )


def _season(series: Series, asked: int | None) -> tuple[int, str]:
    """The season's length, and why it is that."""
    steps = len(series.value_S)
    if steps < LEAST_VALUES:
        raise DataError(
            f"A forecast needs at least {LEAST_VALUES} values; found {steps}. Even those tell "
            "little: a few dozen are better."
        )
    if asked is not None:
        if asked > 1 and steps < LEAST_SEASONS * asked:
            raise DataError(
                f"A season of {asked} needs at least {LEAST_SEASONS * asked} values to be learned; "
                f"found {steps}. Give a shorter one, or 1 for none."
            )
        return asked, "as asked" if asked > 1 else "none, as asked"
    period = series.period
    found = 1 if period == 1 else find_season(series.value_S, period)
    if found > 1:
        return found, f"values {found} {series.unit}s apart go together"
    if period is not None and period > 1 and steps < TURNS * period:
        return 1, f"none could be found: {TURNS * period} {series.unit}s would be needed"
    return 1, "none stands out"


def _ahead(steps: int, season: int, asked: int | None) -> int:
    if asked is not None and asked > steps:
        raise DataError(f"A forecast can't reach farther than the series: {steps} steps.")
    return asked or (season if season > 1 else max(1, steps // 4))


def _held_out(series: Series, ahead: int, season: int, question: Question) -> int:
    steps, asked = len(series.value_S), question.held_out
    if asked is None:
        return usual_held_out(steps, ahead, season, question.methods)
    least = least_past(season, min(ahead, max(1, asked)), question.methods)
    if asked > steps - least:
        raise DataError(
            f"Can't hold out {asked} of {steps} values: a method needs {least} before it "
            f"forecasts, which leaves {max(0, steps - least)}."
        )
    return asked


def _counts(made: Projection) -> Projection:
    """A forecast of counts, none of which is below 0."""
    cut = {name: np.maximum(getattr(made, name), 0) for name in ("mean_H", "low_VH", "high_VH")}
    return replace(made, **cut)


def _why(asked: str | None, tried: Trial | None, varied: bool) -> str:
    """Why the method is the one that forecasts."""
    if not varied:
        return "Every value is the same, so the forecast repeats it."
    if tried is None:
        return f"{_named(asked or 'arima')} is used untried: no step was held out."
    best, second = tried.scores[0], tried.scores[1]
    told = f"{_named(best.method)} had the smallest error on held-out steps"
    if tried.clear:
        told += "."
    elif round(best.mae, 6) == round(second.mae, 6):
        told += (
            f", as small as that of {NAMES[second.method]}: no clear winner, the simplest is used."
        )
    else:
        told += f", but {NAMES[second.method]} is within noise of it: no clear winner."
    if best.method == "naive":
        told += " Nothing did better than repeating what was."
    return (
        told if asked in (None, best.method) else f"{_named(asked or '')} is used as asked. {told}"
    )


def _named(method: str) -> str:
    name = NAMES[method]
    return name[0].upper() + name[1:]


def _cautions(
    series: Series, season: int, tried: Trial | None, chosen: Projection
) -> tuple[str, ...]:
    """What makes the forecast less sure than it looks."""
    value_S, notes = series.value_S, []
    if np.ptp(value_S) == 0:
        return (
            f"All {len(value_S)} values are {value_S[0]:g}. Nothing shows how far the next could "
            "stray, so the interval has no width.",
        )
    if len(value_S) < FEW_VALUES:
        notes.append(
            f"{len(value_S)} values are few: orders, season and intervals could well be others "
            f"with more. From {FEW_VALUES} on they tell more."
        )
    if tried is None:
        notes.append("Nothing was held out, so nobody knows how good these forecasts are.")
    else:
        held = next(one.coverage for one in tried.scores if one.method == chosen.method)
        spread = 2 * np.sqrt(tried.level * (1 - tried.level) / max(1, tried.held_out / tried.ahead))
        if held < tried.level - spread:
            notes.append(
                f"Its {tried.level:.0%} intervals held only {held:.0%} of the held-out values: "
                "take them for too narrow."
            )
    chance = _noise(chosen, season)
    if chance is not None and chance < NOISE:
        p = f"p = {chance:.3f}" if chance >= 0.001 else "p < 0.001"
        notes.append(
            f"One-step errors of {chosen.form} aren't noise (Ljung–Box {p}): there is more in the "
            "past than it uses."
        )
    return tuple(notes)


def _noise(made: Projection, season: int) -> float | None:
    """P-value of Ljung and Box's test that a method's one-step errors are noise.

    Over 10 lags, or two seasons (Hyndman and Athanasopoulos 5.4); None for short or perfect fits.
    """
    rest_S = made.rest_S[np.isfinite(made.rest_S)]
    steps = len(rest_S)
    lags = min(2 * season if season > 1 else 10, steps // 5)
    freedom = lags - (0 if made.order is None else made.order.p + made.order.q)
    if freedom < 1 or np.ptp(rest_S) == 0:
        return None
    acf_L = autocorrelations(rest_S[None, :], lags)[0]
    statistic = steps * (steps + 2) * (acf_L**2 / (steps - np.arange(1, lags + 1))).sum()
    return float(chi2.sf(statistic, freedom))
