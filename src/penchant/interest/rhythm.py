"""Rhythm: trend, seasons and autocorrelation of topics, of users, of the whole shop.

And in plain sentences what there is too little data for. A series begins with its first event, so
that a topic's or user's time before it is no trend.
Shapes: N series, S steps, T topics, U users, L lags.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.data.step import Step
from penchant.errors import HistoryError, suggest
from penchant.interest import correlation, season, trend
from penchant.interest.correlation import Correlogram
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.cycle import CYCLES, lay_out
from penchant.interest.history import History
from penchant.interest.season import Season
from penchant.interest.trend import Trend

WHOLE_SHOP = "all"
LEAST_COUNT = 10  # events, for a trend or an autocorrelation
LEAST_CORRELATED = 16  # steps: below, white noise reaches correlations of a half
TURNS_IN_WORDS = {"week": "weeks", "month": "whole months", "year": "years"}


@dataclass(frozen=True)
class Rhythm:
    """How one series moves; None and `missing` say what it is too short or too sparse for."""

    name: str
    step: Step
    first: int  # absolute index of its first step
    value_S: Doubles
    trend: Trend | None
    seasons: tuple[Season, ...]
    correlogram: Correlogram | None  # with values far from those around them moved in
    missing: tuple[str, ...]  # sentences: what can't be told, and what would be enough

    def season(self, cycle: str) -> Season | None:
        """The season of that cycle, sure or not, if it could be looked for."""
        return next((one for one in self.seasons if one.cycle == cycle), None)

    @property
    def factor_S(self) -> Doubles:
        """Factor of all sure seasons at each step."""
        return season.factors(self.seasons, self.first, self.step, len(self.value_S))


def rhythm(name: str, value_S: npt.ArrayLike, first: int, step: Step) -> Rhythm:
    """Rhythm of one series of counts, whose first step has the absolute index `first`.

    Raises `HistoryError` for an empty series, or what is no count.
    """
    series_S = np.asarray(value_S, dtype=np.float64)
    return rhythms([name], series_S.reshape(1, -1), first, step)[0]


def rhythms(names: Sequence[str], value_NS: Doubles, first: int, step: Step) -> tuple[Rhythm, ...]:
    """Rhythms of many series over the same steps; about 1 ms a series of three years of weeks.

    Raises `HistoryError` as `rhythm` does.
    """
    if not value_NS.shape[1] or not (np.isfinite(value_NS) & (value_NS >= 0)).all():
        raise HistoryError(
            "A rhythm is one of counts: at least one finite number, none of them negative."
        )
    steps = value_NS.shape[1]
    seasons = season.all_seasons(value_NS, first, step)
    factor_NS = np.array([season.factors(found, first, step, steps) for found in seasons])
    factor_NS = factor_NS.reshape(value_NS.shape)
    enough_N = value_NS.sum(axis=1) >= LEAST_COUNT
    trends: list[Trend | None] = [None] * len(names)
    if steps >= trend.LEAST_STEPS:
        rows = np.flatnonzero(enough_N)
        for n, found in zip(rows, trend.trends(value_NS[rows], factor_NS[rows]), strict=True):
            trends[n] = found
    correlograms = _correlograms(value_NS, factor_NS, enough_N)
    return tuple(
        Rhythm(
            name=name,
            step=step,
            first=first,
            value_S=value_NS[n],
            trend=trends[n],
            seasons=seasons[n],
            correlogram=correlograms[n],
            missing=_missing(value_NS[n], first, step),
        )
        for n, name in enumerate(names)
    )


def topic_rhythms(history: History, kinds: Sequence[str]) -> tuple[Rhythm, ...]:
    """Rhythm of the whole shop's events of `kinds` in each topic, and last that of all topics.

    Raises `HistoryError` if the history holds none of the kinds.
    """
    _check(history, kinds)
    count_TS = history.topic_count_TS(kinds).astype(np.float64)
    names = [*history.interest.topics_T.tolist(), WHOLE_SHOP]
    return _since_first(names, np.vstack([count_TS, count_TS.sum(axis=0)]), history)


def user_rhythms(history: History, kinds: Sequence[str], row_U: Integers) -> tuple[Rhythm, ...]:
    """Rhythm of all events of `kinds` of each user at the rows `row_U`.

    Raises `HistoryError` if the history holds none of the kinds.
    """
    _check(history, kinds)
    interest = history.interest.only(row_U)
    users, _, steps = interest.shape
    code_N = interest.user_N.astype(np.int64) * steps + interest.step_N
    weight_N = interest.target_N(kinds).astype(np.float64)
    count = np.bincount(code_N, weights=weight_N, minlength=users * steps).astype(np.float64)
    return _since_first(interest.users_U.tolist(), count.reshape(users, steps), history)


def _check(history: History, kinds: Sequence[str]) -> None:
    known = history.interest.kinds_K
    if not set(kinds) & set(known):
        raise HistoryError(
            f"The history holds no event of the kind '{', '.join(kinds)}'. "
            + suggest(kinds[0] if kinds else "", known)
        )


def _since_first(names: Sequence[str], value_NS: Doubles, history: History) -> tuple[Rhythm, ...]:
    """Rhythms in order; series that begin at the same step are looked at together."""
    begin_N = (value_NS > 0).argmax(axis=1)
    found: list[Rhythm | None] = [None] * len(names)
    for begin in np.unique(begin_N).tolist():
        rows = np.flatnonzero(begin_N == begin).tolist()
        first = history.interest.origin + begin
        together = rhythms(
            [names[n] for n in rows], value_NS[rows, begin:], first, history.interest.step
        )
        for n, one in zip(rows, together, strict=True):
            found[n] = one
    return tuple(one for one in found if one is not None)


def _correlograms(
    value_NS: Doubles, factor_NS: Doubles, enough_N: Flags
) -> list[Correlogram | None]:
    steps = value_NS.shape[1]
    found: list[Correlogram | None] = [None] * len(value_NS)
    rows = np.flatnonzero(enough_N)
    if steps < LEAST_CORRELATED or not len(rows):
        return found
    near_NS = trend.moved_in(value_NS[rows], np.maximum(factor_NS[rows], trend.LEAST_FACTOR))
    acf_NL = correlation.autocorrelations(near_NS, correlation.lags_of(steps))
    pacf_NL = correlation.partial_autocorrelations(acf_NL)
    for n, acf_L, pacf_L in zip(rows, acf_NL, pacf_NL, strict=True):
        found[n] = Correlogram(acf_L, pacf_L, correlation.bound_of(steps))
    return found


def _missing(value_S: Doubles, first: int, step: Step) -> tuple[str, ...]:
    """A sentence for all that is left out."""
    steps, count = len(value_S), float(value_S.sum())
    said = []
    for what, least in (
        ("A trend", trend.LEAST_STEPS),
        ("An autocorrelation", LEAST_CORRELATED),
    ):
        if steps < least:
            said.append(f"{what} needs {step.plural(least)}; {steps} known.")
        elif count < LEAST_COUNT:
            said.append(f"{what} needs {LEAST_COUNT} events; {count:g} known.")
    for cycle in CYCLES[step]:
        layout = lay_out(cycle, first, step, steps)
        if layout is None:
            said.append(
                f"A {cycle}ly season needs two {TURNS_IN_WORDS[cycle]}; {step.plural(steps)} known."
            )
        elif count < season.least_count(layout):
            said.append(
                f"A {cycle}ly season needs {season.least_count(layout)} events; {count:g} known."
            )
    return tuple(said)
