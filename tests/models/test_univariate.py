"""Methods of one series: what they pick, how sure they are, what a trial says of them."""

import numpy as np
import pytest

from penchant.errors import DataError, RecipeError
from penchant.models.identification import find_season, read_orders
from penchant.models.rolling import least_past, trial, usual_held_out
from penchant.models.univariate import LEAST_STEPS, METHODS, project

RISING = np.array([100, 150, 200, 180, 220, 250, 300, 280, 320, 360, 340, 400.0])


def noise(steps, seed=0):
    return np.random.default_rng(seed).normal(0, 1, steps)


def autoregressive(steps, *weights, seed=0):
    value_S = noise(steps + 100, seed)
    for s in range(len(weights), len(value_S)):
        value_S[s] += sum(w * value_S[s - 1 - k] for k, w in enumerate(weights))
    return value_S[100:]


def moving_average(steps, weight, seed=0):
    shock_S = noise(steps + 1, seed)
    return shock_S[1:] + weight * shock_S[:-1]


def seasonal(steps, season, seed=0):
    rng = np.random.default_rng(seed)
    profile = rng.permutation(np.linspace(-12, 12, season))
    return 100 + 0.3 * np.arange(steps) + np.resize(profile, steps) + rng.normal(0, 1, steps)


class TestOrders:
    @pytest.mark.parametrize(
        ("value_S", "order"),
        [
            (noise(200), "(0,0,0)"),
            (autoregressive(300, 0.7), "(1,0,0)"),
            (moving_average(300, 0.8), "(0,0,1)"),
            (np.cumsum(noise(200, 4)), "(0,1,0)"),
            (np.cumsum(autoregressive(300, 0.6, seed=2)), "(1,1,0)"),
        ],
    )
    def test_search_and_reading_find_what_made_the_series(self, value_S, order):
        assert str(project(value_S, "arima", 3).order) == order
        assert str(read_orders(value_S).order) == order

    def test_a_season_is_in_the_orders(self):
        value_S = seasonal(96, 12)
        made = project(value_S, "arima", 12, season=12)
        assert made.order.season == 12
        assert made.order.P + made.order.D + made.order.Q > 0
        assert f"[{12}]" in made.form
        assert read_orders(value_S, 12).order.D == 1
        assert "A)" in project(value_S, "ets", 12, season=12).form

    def test_the_reading_says_what_it_saw(self):
        words = read_orders(autoregressive(300, 0.7)).words
        assert "PACF cuts off after lag 1" in words
        assert "AR(1)" in words
        assert "ACF cuts off after lag 1" in read_orders(moving_average(300, 0.8)).words
        assert "changes" in read_orders(np.cumsum(noise(200, 4))).words
        assert "no ar or ma" in read_orders(noise(200)).words.lower()


class TestSeason:
    @pytest.mark.parametrize(("season", "turns"), [(4, 5), (7, 3), (12, 3)])
    def test_it_is_found(self, season, turns):
        assert find_season(seasonal(6 * season + 5, season)) == season
        assert find_season(seasonal(turns * season, season), season) == season

    @pytest.mark.parametrize("make", [noise, lambda n, s: np.cumsum(noise(n, s))])
    def test_it_is_rarely_seen_where_there_is_none(self, make):
        assert sum(find_season(make(80, seed)) > 1 for seed in range(60)) <= 3
        assert sum(find_season(make(80, seed), 12) > 1 for seed in range(60)) <= 3

    def test_short_and_constant_series_have_none(self):
        assert find_season(RISING) == 1
        assert find_season(np.ones(40)) == 1
        assert find_season(seasonal(30, 12), 12) == 1


class TestForecast:
    @pytest.mark.parametrize("method", METHODS)
    def test_a_rising_series_goes_on_rising(self, method):
        made = project(RISING, method, 3)
        assert (np.diff([RISING[-1], *made.mean_H]) > 0).all()
        assert made.low_VH[1, 0] < 420 < made.high_VH[1, 0]
        assert (made.low_VH[1] < made.low_VH[0]).all()
        assert (made.high_VH[0] < made.high_VH[1]).all()

    @pytest.mark.parametrize("method", METHODS)
    def test_intervals_hold_what_they_say(self, method):
        inside = []
        for seed in range(30):
            value_S = autoregressive(40, 0.5, seed=seed)
            made = project(value_S[:36], method, 4)
            inside += list((made.low_VH[0] <= value_S[36:]) & (value_S[36:] <= made.high_VH[0]))
        assert 0.68 < np.mean(inside) < 0.92 + 0.06 * (method == "naive")

    @pytest.mark.parametrize("method", METHODS)
    def test_a_constant_stays(self, method):
        made = project(np.full(10, 7.0), method, 2)
        assert made.mean_H.tolist() == [7, 7]
        assert (made.low_VH == 7).all()

    def test_naive_repeats_the_season_and_widens_by_it(self):
        value_S = np.tile([1.0, 5.0, 9.0], 8) + noise(24) / 10
        made = project(value_S, "naive", 6, season=3)
        np.testing.assert_allclose(made.mean_H, np.tile(value_S[-3:], 2))
        width_H = made.high_VH[0] - made.low_VH[0]
        np.testing.assert_allclose(width_H[:3], width_H[0])
        np.testing.assert_allclose(width_H[3:], width_H[0] * np.sqrt(2))

    @pytest.mark.parametrize("scale", [1e-6, 1e9])
    def test_the_unit_changes_nothing_but_the_unit(self, scale):
        value_S = autoregressive(60, 0.6, seed=3) + 20
        for method in ("ets", "naive"):
            one, other = (project(v, method, 2).mean_H for v in (value_S, scale * value_S))
            np.testing.assert_allclose(other, scale * one, rtol=1e-3)

    @pytest.mark.parametrize("season", [1, 4])
    def test_the_shortest_series_is_forecast_and_a_shorter_one_refused(self, season):
        least = least_past(season)
        value_S = noise(least, 5)
        for method in METHODS:
            made = project(value_S, method, 2, season=season)
            assert np.isfinite([*made.mean_H, *made.low_VH.ravel()]).all()
            with pytest.raises(DataError, match=f"at least {least}"):
                project(value_S[1:], method, 2, season=season)

    def test_what_can_not_be_is_refused(self):
        with pytest.raises(RecipeError, match="Did you mean 'arima'"):
            project(RISING, "arma", 2)
        with pytest.raises(DataError, match="11 of them finite"):
            project(np.where(RISING == 400, np.nan, RISING), "ets", 2)


class TestTrial:
    def test_every_method_forecasts_only_from_the_past(self):
        value_S = noise(40, 6)
        changed_S = value_S.copy()
        changed_S[35:] = 99
        asked = {"ahead": 4, "season": 1, "level": 0.8, "held_out": 12}
        one, other = (trial(v, **asked) for v in (value_S, changed_S))
        early = [o for o, origin in enumerate(one.origins) if origin <= 35]
        np.testing.assert_array_equal(one.mean_MOH[:, early], other.mean_MOH[:, early])
        assert one.origins[0] == 28
        np.testing.assert_array_equal(one.actual_OH[0], value_S[28:32])

    def test_errors_are_those_of_the_values_that_came(self):
        made = trial(RISING, ahead=3, season=1, level=0.8, held_out=usual_held_out(12, 3, 1))
        assert (made.origins, made.steps) == ((8, 9, 10, 11), 9)
        for score in made.scores:
            m = made.methods.index(score.method)
            error_OH = np.abs(made.mean_MOH[m] - made.actual_OH)
            assert score.mae == pytest.approx(np.nanmean(error_OH))
        assert [score.mae for score in made.scores] == sorted(score.mae for score in made.scores)

    def test_a_clear_winner_is_called_and_noise_is_not(self):
        value_S = 50 + 30 * noise(120, 8)  # about a level: repeating the last value is hopeless
        far = trial(value_S, ahead=2, season=1, level=0.8, held_out=40)
        assert far.best != "naive"
        assert not far.clear  # ARIMA and ETS both forecast the mean
        few = trial(RISING, ahead=3, season=1, level=0.8, held_out=4)
        assert not few.clear
        swinging_S = autoregressive(160, -0.9)  # which smoothing can't follow
        swung = trial(swinging_S, ahead=2, season=1, level=0.8, held_out=40)
        assert swung.best == "arima"
        assert swung.clear

    def test_the_simplest_of_equals_comes_first(self):
        line_S = np.arange(20.0)
        made = trial(line_S, ahead=2, season=1, level=0.8, held_out=4)
        assert made.best == "naive"

    def test_the_least_past_is_kept(self):
        assert usual_held_out(LEAST_STEPS, 2, 1) == 0
        assert usual_held_out(24, 12, 12) == 0
        assert usual_held_out(30, 12, 12) == 6
