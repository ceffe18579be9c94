"""Methods for one series: ARIMA, exponential smoothing, and the naive forecasts as a reference.

ARIMA's orders are searched stepwise by AICc (Hyndman and Khandakar, "Automatic time series
forecasting", 2008), the form of exponential smoothing among all by AICc (Hyndman et al. 2002); both
are statsforecast's. The naive forecast repeats the last season, or the last value where there is
none, with drift where the changes show one (Hyndman and Athanasopoulos, "Forecasting: Principles
and Practice", 5.2 and 5.5).
An LSTM (lstm_series.py) is there for who asks: it needs PyTorch, more values and more seconds.
Intervals take the picked form for granted, and errors for normal; the few degrees of freedom of a
short series widen them by Student's t. Blind to promotions, holidays and a second season.
Shapes: S steps, H steps ahead, V levels of intervals, F features of a step.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from penchant.errors import DataError, RecipeError, suggest
from penchant.models import Families

Doubles = npt.NDArray[np.float64]

LEAST_STEPS = 7  # below it nothing can be told of a method's form
LEAST_LEARNED = 24  # for a network
LEAST_SEASONS = 2  # that a series must hold for the season to be used
LONG, LONG_SEASON = 100, 12  # steps beyond which orders are compared by an approximation
LONGEST_SMOOTHED = 24  # steps of a season that exponential smoothing can hold
CONSTANTS = {"drift": " with drift", "intercept": " with mean"}  # of an ARIMA, in words
SURE = 0.975  # of Student's t, from which changes have a drift


@dataclass(frozen=True)
class Order:
    """Orders of an ARIMA: autoregression, differences and moving average, plain and seasonal."""

    p: int
    d: int
    q: int
    P: int = 0
    D: int = 0
    Q: int = 0
    season: int = 1  # steps

    def __str__(self) -> str:
        seasonal = f"({self.P},{self.D},{self.Q})[{self.season}]"
        return f"({self.p},{self.d},{self.q})" + (seasonal if self.P + self.D + self.Q else "")


@dataclass(frozen=True)
class Projection:
    """What a method makes of one series, in the unit of its values."""

    method: str
    form: str  # what was picked, as in "ARIMA(0,1,1) with drift"
    mean_H: Doubles
    levels: tuple[float, ...]
    low_VH: Doubles
    high_VH: Doubles
    rest_S: Doubles  # the values less what was expected one step before; NaN where nothing was
    aicc: float | None = None  # only comparable within a method; None for the naive ones
    order: Order | None = None  # of an ARIMA
    weights: Mapping[str, float] | None = None  # its coefficients, by name


@dataclass(frozen=True)
class Asked:
    """What a method is asked of a series."""

    ahead: int  # steps
    season: int  # steps; 1 for none
    levels: tuple[float, ...]
    calendar_SF: Doubles | None = None  # day, month and year of each step, where dates are known


def project(
    value_S: Doubles,
    method: str,
    ahead: int,
    *,
    season: int = 1,
    levels: Sequence[float] = (0.8, 0.95),
    calendar_SF: Doubles | None = None,
) -> Projection:
    """Fit a method of `METHODS` or `FURTHER` to a series and forecast the next `ahead` steps.

    A constant series is forecast to stay as it is, by every method. Costs from milliseconds to
    about a second, for ARIMA with a long season; a network takes several. `calendar_SF` may reach
    past the series. Raises `DataError` for a series that is too short for a forecast or its
    season, or isn't finite, and `RecipeError` for an unknown method or one whose packages aren't
    installed.
    """
    check_method(method)
    least = least_steps(method, ahead, season)
    if len(value_S) < least or not np.isfinite(value_S).all():
        raise DataError(
            f"A forecast of {ahead} steps by '{method}' with a season of {season} needs at least "
            f"{least} finite numbers; found {len(value_S)}, {int(np.isfinite(value_S).sum())} of "
            "them finite."
        )
    value_S = np.asarray(value_S, dtype=np.float64)
    known_SF = None if calendar_SF is None else calendar_SF[: len(value_S)]
    asked = Asked(ahead, season, tuple(levels), known_SF)
    if np.ptp(value_S) == 0:
        return _constant(value_S, method, ahead, asked.levels)
    fit: Method = METHODS[method] if method in METHODS else FURTHER[method]
    return fit(value_S, asked)


def check_method(method: str) -> None:
    """Raise `RecipeError` where there is no such method."""
    if method not in METHODS and method not in FURTHER:
        raise RecipeError(f"There is no method '{method}'. {suggest(method, [*METHODS, *FURTHER])}")


def least_steps(method: str, ahead: int, season: int) -> int:
    """Steps that a method needs to know before it forecasts `ahead` more."""
    least = max(LEAST_STEPS, LEAST_SEASONS * season if season > 1 else 0)
    return max(least, LEAST_LEARNED, 2 * ahead) if method in FURTHER else least


def _constant(value_S: Doubles, method: str, ahead: int, levels: tuple[float, ...]) -> Projection:
    mean_H = np.full(ahead, value_S[0])
    ends_VH = np.tile(mean_H, (len(levels), 1))
    rest_S = np.zeros(len(value_S))
    return Projection(method, "constant", mean_H, levels, ends_VH, ends_VH, rest_S)


def _naive(value_S: Doubles, asked: Asked) -> Projection:
    """Repeat the last season, each time raised by the mean change where there is a drift."""
    ahead, season, levels = asked.ahead, asked.season, asked.levels
    change_S = value_S[season:] - value_S[:-season]
    count = len(change_S)
    error = float(change_S.std(ddof=1)) / np.sqrt(count)
    drift = float(change_S.mean()) if _drifts(change_S, error) else 0.0
    freedom = count - (drift != 0)
    scale = float(np.sqrt(((change_S - drift) ** 2).sum() / freedom))
    ahead_H = np.arange(ahead)
    seasons_H = ahead_H // season + 1
    mean_H = value_S[len(value_S) - season + ahead_H % season] + drift * seasons_H
    own_H = 1 + (seasons_H / count if drift else 0)  # and the drift's own error
    reach_V = t.ppf((1 + np.array(levels)) / 2, freedom)
    half_VH = reach_V[:, None] * scale * np.sqrt(seasons_H * own_H)
    form = f"repeats the last {season} values" if season > 1 else "repeats the last value"
    return Projection(
        "naive",
        form + (" with drift" if drift else ""),
        mean_H,
        levels,
        mean_H - half_VH,
        mean_H + half_VH,
        np.concatenate([np.full(season, np.nan), change_S - drift]),
    )


def _drifts(change_S: Doubles, error: float) -> bool:
    return abs(float(change_S.mean())) > t.ppf(SURE, len(change_S) - 1) * error


def _arima(value_S: Doubles, asked: Asked) -> Projection:
    from statsforecast.models import AutoARIMA

    ahead, season, levels = asked.ahead, asked.season, asked.levels
    long = len(value_S) > LONG or season > LONG_SEASON
    recipe = AutoARIMA(season_length=season, approximation=long)
    found, mean_H, ends = _fitted(recipe, value_S, ahead, levels)
    p, q, P, Q, m, d, D = (int(part) for part in found["arma"])
    order = Order(p, d, q, P, D, Q, m)
    weights = {name: float(value) for name, value in found["coef"].items()}
    return Projection(
        "arima",
        f"ARIMA{order}" + "".join(words for name, words in CONSTANTS.items() if name in weights),
        mean_H,
        levels,
        *_widened(mean_H, ends, levels, int(found["nobs"]) - len(weights)),
        np.asarray(found["residuals"]),
        _finite(found["aicc"]),
        order,
        weights,
    )


def _ets(value_S: Doubles, asked: Asked) -> Projection:
    from statsforecast.models import AutoETS

    ahead, season, levels = asked.ahead, asked.season, asked.levels
    recipe = AutoETS(season_length=season if season <= LONGEST_SMOOTHED else 1)
    found, mean_H, ends = _fitted(recipe, value_S, ahead, levels)
    return Projection(
        "ets",
        str(found["method"]),
        mean_H,
        levels,
        *_widened(mean_H, ends, levels, len(value_S) - int(found["n_params"])),
        np.asarray(found["actual_residuals"]),
        _finite(found["aicc"]),
    )


def _fitted(recipe: Any, value_S: Doubles, ahead: int, levels: tuple[float, ...]) -> Any:
    """What statsforecast found, its forecast, and the ends of intervals by level in per cent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # orders tried on the way may not converge
        fitted = recipe.fit(value_S)
        ends = fitted.predict(h=ahead, level=[100 * level for level in levels])
    return fitted.model_, ends.pop("mean"), ends


def _widened(
    mean_H: Doubles, ends: Any, levels: tuple[float, ...], freedom: int
) -> tuple[Doubles, Doubles]:
    """Normal intervals made Student's, whose degrees of freedom are the steps less the weights."""
    sides = []
    for side in ("lo", "hi"):
        off_VH = np.array([ends[f"{side}-{100 * level}"] - mean_H for level in levels])
        quantile_V = (1 + np.array(levels)) / 2
        wider_V = t.ppf(quantile_V, max(1, freedom)) / norm.ppf(quantile_V)
        sides.append(mean_H + off_VH * wider_V[:, None])
    return sides[0], sides[1]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # none for a perfect fit


Method = Callable[[Doubles, Asked], Projection]
METHODS: Mapping[str, Method] = {"arima": _arima, "ets": _ets, "naive": _naive}  # simplest last
FURTHER = Families({"lstm": "lstm_series.project_lstm"})  # tried only where asked for
