"""Another model, recalibrated: what it forecast one horizon earlier is held against what came.

Chances of each window go through a beta calibration, which is monotone, so that no ranking changes
but by ties; volumes are multiplied by a factor of each window and topic, where topics with few
engagements lean on the whole shop's factor.
It takes the next windows for the last: where the level turns with the season it makes a model that
was right wrong. It is for models that know nothing of their own level, and for shops that keep
theirs. Source: Kull, Silva Filho and Flach, "Beta calibration" (2017).
Shapes: U users, T topics, W windows, N cells, P parameters (two slopes and an offset).
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from penchant.errors import HistoryError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import Model, Recipe, make_forecast
from penchant.interest.outcome import outcome
from penchant.interest.space import Between, Space
from penchant.interest.task import Task
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.univariate import Doubles

LEAST_CHANCE = 1e-6
IDENTITY_P = np.array([1.0, 1.0, 0.0])
MOST_FACTOR = 4.0  # of volumes, either way


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """Recipe. Costs the other recipe twice, and about a second for each window."""

    recipe: Recipe = field(default_factory=GammaPoisson)  # to calibrate
    chance_trust: float = 0.25  # in the curve that was learned, between none and 1
    volume_trust: float = 1.0  # in the factors that were learned, on the log scale
    half_sure: float = 100_000.0  # engagements at which a topic's factor weighs as the shop's does

    SEARCH: ClassVar[Space] = {
        "chance_trust": Between(0.0, 1.0),
        "volume_trust": Between(0.0, 1.0),
        "half_sure": Between(1e3, 1e6, log=True),
    }

    def fit(self, history: History, task: Task) -> "FittedCalibrated":
        """Fit the recipe, and learn what to change from a fit of one horizon earlier."""
        model = self.recipe.fit(history, task)
        windows, topics = len(task.windows), len(history.interest.topics_T)
        same = FittedCalibrated(
            task,
            model,
            np.tile(IDENTITY_P, (windows, 1)).astype(np.float32),
            np.ones((topics, windows), dtype=np.float32),
        )
        cutoff = history.cutoff - task.horizon
        if cutoff < 1 or not (history.interest.step_N < cutoff).any():
            return same
        past = history.until(cutoff)
        try:
            earlier = self.recipe.fit(past, task)
        except HistoryError:  # so short a past teaches it nothing
            return same
        forecast = earlier.predict(past)
        count_UTW = outcome(history, past.interest.users_U, cutoff, task).count_UTW
        learned_WP = np.stack(
            [
                beta_curve(forecast.chance_UTW[..., w].ravel(), count_UTW[..., w].ravel() > 0)
                for w in range(windows)
            ]
        )
        curve_WP = IDENTITY_P + self.chance_trust * (learned_WP - IDENTITY_P)
        factor_TW = self._factor_TW(forecast, count_UTW) ** self.volume_trust
        return FittedCalibrated(
            task, model, curve_WP.astype(np.float32), factor_TW.astype(np.float32)
        )

    def _factor_TW(self, forecast: Forecast, count_UTW: Floats) -> Doubles:
        """What came over what was expected, of each topic, leaning on that of the shop."""
        expected_TW = forecast.volume_UTW.sum(axis=0, dtype=np.float64)
        came_TW = count_UTW.sum(axis=0, dtype=np.float64)
        shop_W = (came_TW.sum(axis=0) + 1) / (expected_TW.sum(axis=0) + 1)
        factor_TW = (came_TW + self.half_sure * shop_W) / (expected_TW + self.half_sure)
        return np.clip(factor_TW, 1 / MOST_FACTOR, MOST_FACTOR)


def beta_curve(chance_N: Floats, active_N: npt.NDArray[np.bool_]) -> Doubles:
    """Slopes and offset of the beta calibration at which chances had the least log loss."""
    column_NP = _columns(chance_N)
    target_N = active_N.astype(np.float64)

    def lost(curve_P: Doubles) -> tuple[float, Doubles]:
        score_N = column_NP @ curve_P
        value = float((np.logaddexp(0, score_N) - target_N * score_N).mean())
        return value, (expit(score_N) - target_N) @ column_NP / len(target_N)

    found = minimize(
        lost,
        IDENTITY_P,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.1, 10.0), (0.1, 10.0), (-10.0, 10.0)],  # a few cells could tell of any slope
    )
    return np.asarray(found.x)


def _columns(chance_N: Floats) -> Doubles:
    """`log(p)`, `-log(1 - p)` and 1: the beta calibration is linear in them on the logit scale."""
    clipped_N = np.clip(chance_N.astype(np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)
    return np.stack([np.log(clipped_N), -np.log1p(-clipped_N), np.ones(len(clipped_N))], axis=1)


@dataclass(frozen=True)
class FittedCalibrated:
    """The fitted model, a curve for the chances of each window, and factors for volumes."""

    task: Task
    model: Model
    curve_WP: Floats
    factor_TW: Floats

    def predict(self, history: History) -> Forecast:
        """Change what the model forecasts; its shocks, which are relative, stay."""
        forecast = self.model.predict(history)
        chance_UTW = np.empty(forecast.chance_UTW.shape)
        for w, curve_P in enumerate(self.curve_WP):
            score_N = _columns(forecast.chance_UTW[..., w].ravel()) @ curve_P
            chance_UTW[..., w] = expit(score_N).reshape(chance_UTW.shape[:2])
        return make_forecast(
            history,
            self.task,
            chance_UTW,
            forecast.volume_UTW * self.factor_TW,
            topic_shock_W=forecast.topic_shock_W,
            user_shock_W=forecast.user_shock_W,
        )
