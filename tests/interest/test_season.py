"""Seasons that were planted are found, with their peak, and nothing else is taken for one.

Shapes: N series, S steps, P places.
"""

from datetime import date, timedelta

import numpy as np
import pytest

from penchant.data.planting import seasons as planted_seasons
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.cycle import lay_out
from penchant.interest.season import all_seasons, factors, seasons

DAY, WEEK, MONTH = Step.DAY, Step.WEEK, Step.MONTH
BEGIN = date(2020, 3, 16)  # a Monday in the middle of a month
STEADY, SPREAD, WILD = 1e6, 5.0, 2.0  # shapes of the gamma that counts' means are drawn from


def counts(mean_S, shape=STEADY, series=300, seed=0) -> np.ndarray:
    """Negative binomial counts around the mean of each step."""
    rng = np.random.default_rng(seed)
    rate_NS = np.broadcast_to(np.asarray(mean_S, dtype=np.float64), (series, len(mean_S)))
    return rng.poisson(rate_NS * rng.gamma(shape, 1 / shape, size=rate_NS.shape)).astype(float)


def days(step: Step, steps: int) -> list[date]:
    first = step.index_of(BEGIN)
    return [step.start(first + s) for s in range(steps)]


def yearly(steps: int, depth: float = 0.6) -> np.ndarray:
    """Weeks that are busiest at the beginning of July."""
    middle_S = [(day + timedelta(days=3)).timetuple().tm_yday for day in days(WEEK, steps)]
    return 1 - depth * np.cos(2 * np.pi * (np.array(middle_S) - 0.5) / 365.25)


def found_of(value_NS: np.ndarray, step: Step, cycle: str) -> list:
    tested = all_seasons(value_NS, step.index_of(BEGIN), step)
    return [one for found in tested for one in found if one.cycle == cycle]


def sure(value_NS: np.ndarray, step: Step, cycle: str) -> float:
    return float(np.mean([one.sure for one in found_of(value_NS, step, cycle)]))


@pytest.mark.parametrize("shape", [STEADY, WILD])
@pytest.mark.parametrize(
    ("step", "steps", "mean", "cycles"),
    [
        (DAY, 120, 1.0, ("week", "month")),
        (DAY, 760, 1.0, ("week", "month", "year")),
        (WEEK, 104, 0.7, ("month", "year")),
        (WEEK, 160, 20.0, ("month", "year")),
        (MONTH, 24, 30.0, ("year",)),
        (MONTH, 40, 30.0, ("year",)),
    ],
)
def test_noise_has_a_season_in_one_of_a_hundred(step, steps, mean, cycles, shape) -> None:
    value_NS = counts(np.full(steps, mean), shape, series=1000)
    for cycle in cycles:
        assert sure(value_NS, step, cycle) < 0.025, cycle
        strengths = [one.strength for one in found_of(value_NS, step, cycle)]
        assert np.mean(strengths) < 0.13


@pytest.mark.parametrize(("steps", "least"), [(104, 0.7), (156, 0.99)])
def test_a_year_is_found_with_its_peak(steps: int, least: float) -> None:
    steady = found_of(counts(20 * yearly(steps)), WEEK, "year")
    assert np.mean([one.sure for one in steady]) > 0.99
    assert {one.peak for one in steady} <= {"May", "June", "July", "August"}
    profile_P = np.mean([one.profile_P for one in steady], axis=0)
    expected_P = 1 - 0.6 * np.cos(2 * np.pi * (np.arange(12) + 0.5) / 12)
    np.testing.assert_allclose(profile_P, expected_P, atol=0.06)
    assert steady[0].label_P[6] == "July"
    assert sure(counts(20 * yearly(steps), SPREAD), WEEK, "year") > least


def test_a_weekday_and_a_part_of_the_month_are_named() -> None:
    dates = days(DAY, 400)
    mean_S = np.array([
        20.0 * (1 + (day.weekday() == 5)) * (1 + 0.5 * (day.day > 25)) for day in dates
    ])  # fmt: skip
    value_NS = counts(mean_S, series=50)
    week, month = (found_of(value_NS, DAY, cycle) for cycle in ("week", "month"))
    assert {(one.sure, one.peak) for one in week} == {(True, "Saturday")}
    assert {(one.sure, one.peak) for one in month} == {(True, "around the 28th")}
    assert np.mean([one.profile_P[5] for one in week]) == pytest.approx(2 / (8 / 7), rel=0.03)
    assert np.mean([one.strength for one in week]) > 0.5


def test_a_closed_weekday_has_no_share() -> None:
    mean_S = np.array([0.0 if day.weekday() == 6 else 30.0 for day in days(DAY, 200)])
    (week,) = found_of(counts(mean_S, series=1), DAY, "week")
    assert week.sure
    assert week.profile_P[6] < 0.02
    assert week.profile_P.mean() == pytest.approx(1.0)


def test_a_christmas_that_comes_every_year_is_a_season() -> None:
    mean_S = np.array([90.0 if day.month == 12 and day.day > 4 else 30 for day in days(WEEK, 120)])
    december = found_of(counts(mean_S), WEEK, "year")
    assert np.mean([one.sure for one in december]) > 0.95
    assert {one.peak for one in december} == {"December"}


@pytest.mark.parametrize("at", [30, 40, 52, 70])
@pytest.mark.parametrize("times", [2.0, 0.3])
@pytest.mark.parametrize("steps", [104, 156])
def test_a_change_of_level_is_no_season(at: int, times: float, steps: int) -> None:
    mean_S = 20 * np.where(np.arange(steps) >= at, times, 1.0)
    assert sure(counts(mean_S), WEEK, "year") < 0.05
    assert sure(counts(mean_S, SPREAD), WEEK, "year") < 0.05


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("step", "steps", "rate"),
    [(DAY, 60, 0.05), (DAY, 120, 0.02), (DAY, 400, 0.005), (WEEK, 52, 0.05), (WEEK, 104, 0.01)],
)
def test_growth_is_no_season(step: Step, steps: int, rate: float, sign: int) -> None:
    mean_S = np.exp(sign * rate * np.arange(steps))
    tested = all_seasons(counts(50 * mean_S / mean_S.mean()), step.index_of(BEGIN), step)
    for cycle in {one.cycle for one in tested[0]}:
        assert np.mean([one.sure for found in tested for one in found if one.cycle == cycle]) < 0.03


def test_weekdays_are_told_in_growth() -> None:
    day_S = np.arange(60)
    mean_S = 10 * np.exp(0.03 * day_S) * np.array([1 + (d.weekday() == 5) for d in days(DAY, 60)])
    week = found_of(counts(mean_S), DAY, "week")
    assert {(one.sure, one.peak) for one in week} == {(True, "Saturday")}
    profile_P = np.mean([one.profile_P for one in week], axis=0)
    np.testing.assert_allclose(profile_P, np.array([1, 1, 1, 1, 1, 2, 1]) / (8 / 7), atol=0.05)


@pytest.mark.parametrize(("step", "steps"), [(WEEK, 365), (DAY, 400)])
def test_one_burst_and_a_late_start_are_no_season(step: Step, steps: int) -> None:
    """Months have more or fewer weeks and days, and empty ones are alike for all that."""
    burst_NS = np.zeros((100, steps))
    burst_NS[np.arange(100), np.random.default_rng(0).integers(0, steps, 100)] = 300
    late_NS = counts(np.where(np.arange(steps) < steps // 2, 0.0, 9.0), SPREAD)
    for value_NS in (burst_NS, late_NS, late_NS[:, ::-1]):
        assert sure(value_NS, step, "month") < 0.03


def test_a_season_survives_a_change_of_level_and_outliers() -> None:
    mean_S = 20 * yearly(156) * np.where(np.arange(156) >= 90, 2.0, 1.0)
    value_NS = counts(mean_S, SPREAD)
    value_NS[:, 100], value_NS[:, 130] = 0.0, 3000.0
    found = found_of(value_NS, WEEK, "year")
    assert np.mean([one.sure for one in found]) > 0.9
    profile_P = np.median([one.profile_P for one in found], axis=0)
    np.testing.assert_allclose(profile_P, profile_P[::-1], atol=0.25)
    assert profile_P[5:7].mean() == pytest.approx(1.6, abs=0.15)


def test_factors_go_on_after_the_data() -> None:
    value_S = counts(200 * yearly(156), series=1)[0]
    first = WEEK.index_of(BEGIN)
    found = seasons(value_S, first, WEEK)
    factor_S = factors(found, first, WEEK, 208)
    np.testing.assert_allclose(factor_S, yearly(208), atol=0.12)
    assert (factors((), first, WEEK, 5) == 1).all()


@pytest.mark.parametrize(
    ("step", "enough", "cycles"),
    [(DAY, 14, {"week"}), (WEEK, 15, {"month"}), (WEEK, 104, {"month", "year"}),
     (MONTH, 24, {"year"})],
)  # fmt: skip
def test_two_turns_are_enough(step: Step, enough: int, cycles: set[str]) -> None:
    first = step.index_of(BEGIN)
    assert {one.cycle for one in seasons(np.full(enough, 40.0), first, step)} == cycles
    short = "month" if step is WEEK and enough < 52 else min(cycles - {"month"})
    assert lay_out(short, first, step, enough // 2 + 1) is None


def test_any_day_begins_a_span_of_two_years() -> None:
    for shift in range(60):
        first = WEEK.index_of(BEGIN) + shift
        layout = lay_out("year", first, WEEK, 104)
        assert layout is not None
        inside_S = layout.turn_S >= 0
        cells = set(zip(layout.turn_S[inside_S], layout.place_S[inside_S], strict=True))
        assert len(cells) == 24


def test_too_few_counts_are_not_tested() -> None:
    value_S = np.zeros(104)
    value_S[::5] = 1.0
    assert [one.cycle for one in seasons(value_S, WEEK.index_of(BEGIN), WEEK)] == ["month"]


def test_the_seasons_of_worlds_are_found() -> None:
    """Planted by year, by month or not at all, a third of the series each."""
    right = {"year": [0, 0, 0], "month": [0, 0, 0]}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        factor_TS = planted_seasons(30, BEGIN, 156, rng)
        value_TS = rng.poisson(5 * factor_TS).astype(float)
        strides = np.abs(np.fft.rfft(factor_TS - factor_TS.mean(axis=1, keepdims=True)))
        slow_T = strides.argmax(axis=1) < 10
        flat_T = (factor_TS == 1).all(axis=1)
        tested = all_seasons(value_TS, WEEK.index_of(BEGIN), WEEK)
        for found, slow, flat in zip(tested, slow_T, flat_T, strict=True):
            for one in found:
                there = not flat and (one.cycle == "year") == slow
                right[one.cycle][0] += one.sure and there
                right[one.cycle][1] += one.sure
                right[one.cycle][2] += there
    for hits, called, there in right.values():
        assert hits / called > 0.95
        assert hits / there > 0.95


def test_what_is_no_count_is_refused() -> None:
    with pytest.raises(HistoryError, match="none of them negative"):
        seasons([1.0, -1.0] * 60, 2600, WEEK)
