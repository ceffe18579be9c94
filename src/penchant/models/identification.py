"""What the correlations of a series suggest: its season, and the orders of an ARIMA.

Box and Jenkins' reading: difference until the series is stationary (by the KPSS test and the
seasonal strength that the automatic search uses as well); a partial autocorrelation that cuts off
while the autocorrelation fades is autoregressive, the other way round a moving average.
A reading is a suggestion to hold the automatic choice against, not a better choice.
Shapes: S steps, L lags (the first is 1).
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from penchant.interest.correlation import Correlogram, correlogram, lags_of
from penchant.models.univariate import Order

Doubles = npt.NDArray[np.float64]

TURNS = 3  # seasons that must have passed for one to be found
LONGEST = 60  # steps of a season that is looked for without knowing the calendar
FALSE_ALARMS = 0.01  # of series without a season in which one is found
SMOOTH = 8  # lags of a known season that may go together as closely as the season itself
ALIKE = 0.8  # of the clearest season's correlation, from which a shorter one is preferred


@dataclass(frozen=True)
class Reading:
    """Correlations of a series, before and after differencing, and the orders they suggest."""

    plain: Correlogram
    differenced: Correlogram  # the same as `plain` where no difference is called for
    order: Order
    words: str  # what was read, as sentences


def find_season(value_S: Doubles, period: int | None = None) -> int:
    """Steps of the season that the autocorrelation shows, or 1.

    Only `period` is tried where the calendar is known. Of the series about its moving average, the
    lag must stand out of its neighbours and of what an AR(1) series without a season has by chance.
    """
    longest = min(LONGEST, len(value_S) // TURNS)
    tried = range(2, longest + 1) if period is None else (period,)
    reach = norm.ppf(1 - FALSE_ALARMS / max(1, len(tried)))
    found = {}
    for lag in tried:
        if 1 < lag <= len(value_S) // TURNS and np.ptp(value_S) > 0:
            # A long season is smooth, and the calendar's isn't whole: 52 weeks are no year.
            near = 1 if period is None else max(1, lag // SMOOTH)
            here, others, error = _recurrence(value_S, lag, near)
            if here > max(others, reach * error):
                found[lag] = here
    # Twice a season is a season too, and by chance the better one.
    return min((lag for lag in found if found[lag] > ALIKE * max(found.values())), default=1)


def _recurrence(value_S: Doubles, season: int, near: int) -> tuple[float, float, float]:
    """Correlation at a season's lag about the moving average, what it must exceed, and its error.

    It must exceed its neighbours `near` lags off, and a season later half of it must be left.
    """
    weight = np.ones(season + 1 - season % 2)
    if season % 2 == 0:
        weight[[0, -1]] = 0.5
    edge = len(weight) // 2
    rest_S = value_S[edge : len(value_S) - edge]
    rest_S = rest_S - np.convolve(value_S, weight / season, mode="valid")
    here = _paired(rest_S, season)
    others = max(_paired(rest_S, season - near), _paired(rest_S, season + near))
    if len(rest_S) >= TURNS * season and _paired(rest_S, 2 * season) < here / 2:
        others = 1.0
    first = max(0.0, _paired(_without_profile(rest_S, season), 1))
    variance = (1 + first**2) / max(1 - first**2, 1e-6)  # Bartlett's, of an AR(1)
    return here, others, float(np.sqrt(variance / (len(rest_S) - season)))


def _without_profile(rest_S: Doubles, season: int) -> Doubles:
    place_S = np.arange(len(rest_S)) % season
    return rest_S - (np.bincount(place_S, weights=rest_S) / np.bincount(place_S))[place_S]


def _paired(rest_S: Doubles, lag: int) -> float:
    early_S, late_S = rest_S[:-lag], rest_S[lag:]
    power = float(np.sqrt((early_S**2).sum() * (late_S**2).sum()))
    return float((early_S * late_S).sum()) / power if power > 0 else 0.0


def read_orders(value_S: Doubles, season: int = 1) -> Reading:
    """Read the orders of an ARIMA off the correlations of a series."""
    plain = correlogram(value_S, _lags(len(value_S), season))
    d, D = _differences(value_S, season)
    stationary_S = value_S
    for _ in range(D):
        stationary_S = stationary_S[season:] - stationary_S[:-season]
    stationary_S = np.diff(stationary_S, d)
    found = plain
    if d + D:
        found = correlogram(stationary_S, _lags(len(stationary_S), season))
    p, q = _run(found.pacf_L, found.bound), _run(found.acf_L, found.bound)
    P, Q = _seasonal(found, season)
    words = f"{_told_differences(d, D, season)} {_told_orders(p, q)}{_told_season(P, Q, season)}"
    if p and q:  # the run that ends first is the cut-off, and the other fades
        p, q = (p, 0) if p <= q else (0, q)
    return Reading(plain, found, Order(p, d, q, P, D, Q, season), words)


def _lags(steps: int, season: int) -> int:
    """A third of the steps, or more where the season's own lag would be missed."""
    return min(steps - 1, max(lags_of(steps), season + 1 if season > 1 else 1))


def _differences(value_S: Doubles, season: int) -> tuple[int, int]:
    """Plain and seasonal differences that make a series stationary."""
    from statsforecast.arima import ndiffs, nsdiffs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a p-value beyond the table of the KPSS test
        D = int(nsdiffs(value_S, period=season)) if season > 1 else 0
        if D:
            value_S = value_S[season:] - value_S[:-season]
        return int(ndiffs(value_S)), D


def _run(value_L: Doubles, bound: float) -> int:
    """First lags whose correlations all leave the band."""
    within_L = np.abs(value_L) <= bound
    return int(within_L.argmax()) if within_L.any() else len(value_L)


def _seasonal(found: Correlogram, season: int) -> tuple[int, int]:
    """Seasonal orders: a season after itself is autoregressive, one against itself an average."""
    if season == 1 or len(found.acf_L) < season or abs(found.acf_L[season - 1]) <= found.bound:
        return 0, 0
    return (1, 0) if found.acf_L[season - 1] > 0 else (0, 1)


def _told_differences(d: int, D: int, season: int) -> str:
    done = []
    if D:
        done.append(f"its changes over {season} steps")
    if d:
        done.append("its changes from step to step" if d == 1 else "the changes of its changes")
    if not done:
        return "The series keeps to a level, so its own correlations are read."
    why = " and ".join(["turns with the season"] * bool(D) + ["wanders"] * bool(d))
    return f"The series {why}, so {', then '.join(done)} are read."


def _told_orders(p: int, q: int) -> str:
    if not p and not q:
        return "The first lags stay within the band: no AR or MA term is called for"
    if p and (not q or p < q):
        return f"The PACF cuts off after lag {p} and the ACF fades: AR({p})"
    if q and (not p or q < p):
        return f"The ACF cuts off after lag {q} and the PACF fades: MA({q})"
    return f"ACF and PACF both cut off after lag {p}: AR({p}), or as well MA({q})"


def _told_season(P: int, Q: int, season: int) -> str:
    if P + Q == 0:
        return "."
    term = "AR" if P else "MA"
    return f". Lag {season} leaves the band too: a seasonal {term}(1)."
