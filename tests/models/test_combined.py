"""Recipes over series and over other recipes: what they learn from an earlier cutoff."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import logit

from models.shops import TASK, history_of, lopsided
from penchant.errors import RecipeError
from penchant.interest.artifact import from_tree, load_model, save_model, to_tree
from penchant.interest.calendar import Calendar
from penchant.interest.counts import chance_of
from penchant.interest.model import make_forecast
from penchant.models import TYPES
from penchant.models.arima import Arima
from penchant.models.boosted import Boosted
from penchant.models.calibrated import Calibrated
from penchant.models.decayed_share import DecayedShare
from penchant.models.ensemble import Ensemble
from penchant.models.flagship import Flagship
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.naive import LastWindow
from penchant.models.popularity import Popularity


@dataclass(frozen=True, kw_only=True)
class Exaggerated:
    """A recipe whose volumes are too large, and its model."""

    times: float = 2.0

    def fit(self, history, task):
        self_fitted = GammaPoisson().fit(history, task)
        return Enlarged(self_fitted, task, self.times)


@dataclass(frozen=True)
class Enlarged:
    model: object
    task: object
    times: float

    def predict(self, history):
        volume_UTW = self.model.predict(history).volume_UTW * np.float32(self.times)
        return make_forecast(history, self.task, chance_of(volume_UTW, 0.5), volume_UTW)


def growing(seed=0):
    """A shop whose demand doubles over forty weeks, by everyone alike."""
    rng = np.random.default_rng(seed)
    rate_UT = rng.dirichlet([0.5] * 5, size=120) * 2
    level_S = np.linspace(1, 2, 41)
    return history_of(rng.poisson(rate_UT[:, :, None] * level_S))


class TestArima:
    def test_the_shops_growth_goes_on(self):
        """Decayed rates lag behind a rise; the series of the total doesn't."""
        history = growing()
        last = history.topic_count_TS(TASK.target)[:, -8:].sum() / 8
        volume = {
            name: recipe.fit(history, TASK).predict(history).volume_UTW.sum() / 8
            for name, recipe in (("arima", Arima()), ("shares", DecayedShare()))
        }
        assert volume["arima"] > last > volume["shares"]
        assert volume["arima"] < 1.25 * last

    def test_promotions_ahead_raise_demand_where_they_did_before(self):
        rng = np.random.default_rng(0)
        promoted_C = np.tile([1, 1, 0, 0, 0, 0, 0, 0], 8).astype(np.float32)[:60]
        promoted_C[48:] = 0
        promoted_C[48:56] = 1
        rate_S = 1 + 2 * promoted_C[:48]
        calm = history_of(rng.poisson(0.3 * rate_S, size=(60, 2, 48)))
        told = replace(
            calm,
            calendar=Calendar(np.stack([promoted_C] * 2), np.zeros(60, np.float32)),
        )
        volume = [Arima().fit(h, TASK).predict(h).volume_UTW.sum() for h in (calm, told)]
        assert volume[1] > 1.3 * volume[0]

    def test_tsb_forgets_what_is_no_longer_bought(self):
        rate_N = Arima().tsb_N(np.array([[2.0, 0, 2, 0, 2, 0, 2, 0], [2.0, 2, 2, 2, 0, 0, 0, 0]]))
        assert rate_N[0] == pytest.approx(1, abs=0.25)
        assert rate_N[1] < rate_N[0]
        assert Arima().tsb_N(np.zeros((1, 8))).tolist() == [0]


class TestEnsemble:
    def test_the_better_member_weighs_more(self):
        history = lopsided(users=150)
        model = Ensemble(members=(GammaPoisson(), Popularity())).fit(history, TASK)
        for weight_M in (model.chance_M, model.volume_M):
            assert weight_M.sum() == pytest.approx(1)
            assert weight_M.min() >= 0
            assert weight_M[0] > 0.7

    def test_given_weights_are_kept(self):
        """A forecast by three quarters of one and a quarter of the other lies between them."""
        members = (GammaPoisson(), Popularity())
        history = lopsided()
        one, other = (member.fit(history, TASK).predict(history) for member in members)
        both = Ensemble(members=members, weights=(3.0, 1.0)).fit(history, TASK).predict(history)
        np.testing.assert_allclose(
            logit(both.chance_UTW),
            0.75 * logit(one.chance_UTW) + 0.25 * logit(other.chance_UTW),
            atol=1e-4,
        )

    @pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0)])
    def test_weights_that_are_none_are_refused(self, weights):
        with pytest.raises(RecipeError, match="as many weights"):
            Ensemble(members=(GammaPoisson(), Popularity()), weights=weights)

    def test_one_member_is_itself(self):
        history = lopsided()
        alone = GammaPoisson().fit(history, TASK).predict(history)
        held = Ensemble(members=(GammaPoisson(),)).fit(history, TASK).predict(history)
        np.testing.assert_allclose(held.chance_UTW, alone.chance_UTW, rtol=1e-4)
        np.testing.assert_allclose(held.volume_UTW, alone.volume_UTW, rtol=1e-4)

    def test_no_member_is_refused(self):
        with pytest.raises(RecipeError, match="at least one member"):
            Ensemble(members=())


class TestFlagship:
    def test_a_network_without_weight_is_not_trained(self):
        history, trees = lopsided(), Boosted(threads=1, rounds=5, extreme_rounds=5)
        model = Flagship(trees=trees, seeds=1, network_weight=0.0).fit(history, TASK)
        assert len(model.models) == 1
        alone = trees.fit(history, TASK).predict(history)
        np.testing.assert_allclose(model.predict(history).chance_UTW, alone.chance_UTW, rtol=1e-4)


class TestCalibrated:
    def test_an_exaggerated_model_is_put_right(self):
        history = lopsided(users=200)
        right = GammaPoisson().fit(history, TASK).predict(history)
        wrong = Exaggerated().fit(history, TASK).predict(history)
        recipe = Calibrated(recipe=Exaggerated(), chance_trust=1.0)
        told = recipe.fit(history, TASK).predict(history)
        assert wrong.volume_UTW.sum() > 1.9 * right.volume_UTW.sum()
        assert told.volume_UTW.sum() == pytest.approx(right.volume_UTW.sum(), rel=0.1)
        assert told.chance_UTW.mean() == pytest.approx(right.chance_UTW.mean(), rel=0.05)

    def test_no_ranking_changes(self):
        history = lopsided(users=100)
        plain = GammaPoisson().fit(history, TASK).predict(history).chance_UTW
        told = Calibrated(chance_trust=1.0).fit(history, TASK).predict(history).chance_UTW
        for w in range(len(TASK.windows)):
            order = np.argsort(plain[..., w].ravel(), kind="stable")
            assert (np.diff(told[..., w].ravel()[order]) >= 0).all()

    def test_without_trust_nothing_changes(self):
        history = lopsided()
        recipe = Calibrated(chance_trust=0.0, volume_trust=0.0)
        told = recipe.fit(history, TASK).predict(history)
        plain = GammaPoisson().fit(history, TASK).predict(history)
        np.testing.assert_allclose(told.chance_UTW, plain.chance_UTW, rtol=1e-4)
        np.testing.assert_allclose(told.volume_UTW, plain.volume_UTW, rtol=1e-4)


def test_recipes_within_recipes_are_saved_and_loaded(tmp_path):
    """Three deep: an ensemble that holds a calibrated ensemble."""
    inner = Ensemble(members=(GammaPoisson(half_life=9.0), LastWindow()))
    recipe = Ensemble(members=(Calibrated(recipe=inner), Arima(arima_topics=1)))
    assert from_tree(to_tree(recipe, {}), {}, TYPES) == recipe
    history = lopsided()
    model = recipe.fit(history, TASK)
    save_model(model, history.topics, tmp_path)
    loaded, _ = load_model(tmp_path, TYPES)
    expected, found = model.predict(history), loaded.predict(history)
    np.testing.assert_array_equal(found.chance_UTW, expected.chance_UTW)
    np.testing.assert_array_equal(found.volume_UTW, expected.volume_UTW)
