"""An average of other models, which errs less than its members where they err apart.

Chances are averaged on the scale of their logits, volumes on that of their logarithms. The weights
are not negative and sum to one. They are given, or learned at the nearest window by the log loss of
chances and the Poisson deviance of volumes: members are fitted as if the cutoff lay before that
window, which leaves them the longest past. Farther back, a member that needs a long past gets too
little weight.
Source: Satopää et al., "Combining multiple probability predictions using a simple logit model"
(2014), for the scale.
Shapes: U users, T topics, W windows, M members, N cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit, logit

from penchant.errors import HistoryError, RecipeError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import Model, Recipe, make_forecast
from penchant.interest.outcome import outcome
from penchant.interest.task import Task
from penchant.models.boosted import Boosted
from penchant.models.gamma_poisson import GammaPoisson
from penchant.models.univariate import Doubles

LEAST_CHANCE = 1e-6
LEAST_VOLUME = 1e-9  # engagements
Loss = Callable[[Doubles, Doubles], tuple[float, Doubles]]  # and its slope, of N scores and counts


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Recipe. Costs every member once for all windows and, to learn weights, for the nearest."""

    members: tuple[Recipe, ...] = field(default_factory=lambda: (Boosted(), GammaPoisson()))
    weights: tuple[float, ...] = ()  # of the members; none: learned
    weight_users: int = 1000  # whose cells tell the weights
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.members:
            raise RecipeError("An ensemble needs at least one member; found none.")
        if self.weights and (
            len(self.weights) != len(self.members)
            or min(self.weights) < 0
            or sum(self.weights) <= 0
        ):
            raise RecipeError(
                f"An ensemble of {len(self.members)} needs as many weights, none negative, or none "
                f"at all to learn them; found {self.weights}."
            )

    def fit(self, history: History, task: Task) -> "FittedEnsemble":
        """Fit the members, and learn their weights from fits before the nearest window."""
        models = tuple(member.fit(history, task) for member in self.members)
        chance_M, volume_M = (w.astype(np.float32) for w in self._weights(history, task))
        return FittedEnsemble(task, models, chance_M, volume_M)

    def _weights(self, history: History, task: Task) -> tuple[Doubles, Doubles]:
        """Weights for chances and for volumes; even ones where too little was known earlier."""
        if self.weights:
            given_M = np.array(self.weights) / sum(self.weights)
            return given_M, given_M
        even_M = np.full(len(self.members), 1 / len(self.members))
        nearest = replace(task, windows=(min(task.windows, key=lambda window: window.end),))
        cutoff = history.cutoff - nearest.horizon
        if len(self.members) == 1 or cutoff < 1 or not (history.interest.step_N < cutoff).any():
            return even_M, even_M
        past = history.until(cutoff)
        try:
            models = [member.fit(past, nearest) for member in self.members]
        except HistoryError:  # a member that can't learn from so short a past
            return even_M, even_M
        rng = np.random.default_rng(self.seed)
        row_U = np.sort(rng.permutation(len(past.interest.users_U))[: self.weight_users])
        block = past.only(row_U)
        count_UTW = outcome(history, block.interest.users_U, cutoff, nearest).count_UTW
        forecasts = [model.predict(block) for model in models]
        logit_MN = np.stack([_logit(forecast).ravel() for forecast in forecasts])
        log_MN = np.stack([_log(forecast).ravel() for forecast in forecasts])
        count_N = count_UTW.ravel().astype(np.float64)
        active_N = np.greater(count_N, 0).astype(np.float64)
        return best_weights(logit_MN, active_N, _log_loss), best_weights(log_MN, count_N, _deviance)


def best_weights(score_MN: Doubles, target_N: Doubles, loss: Loss) -> Doubles:
    """Weights of members, not negative and summing to 1, at which their mean score loses least."""

    def lost(weight_M: Doubles) -> tuple[float, Doubles]:
        value, slope_N = loss(weight_M @ score_MN, target_N)
        return value, score_MN @ slope_N

    even_M = np.full(len(score_MN), 1 / len(score_MN))
    found = minimize(
        lost,
        even_M,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(even_M),
        constraints=LinearConstraint(np.ones((1, len(even_M))), 1, 1),
        options={"ftol": 1e-10},
    )
    weight_M = np.clip(found.x, 0, 1)
    return weight_M / weight_M.sum()


def _log_loss(score_N: Doubles, active_N: Doubles) -> tuple[float, Doubles]:
    value = float((np.logaddexp(0, score_N) - active_N * score_N).mean())
    return value, (expit(score_N) - active_N) / len(score_N)


def _deviance(score_N: Doubles, count_N: Doubles) -> tuple[float, Doubles]:
    """Poisson deviance, up to what no weight can change."""
    mean_N = np.exp(score_N)
    return float((mean_N - count_N * score_N).mean()), (mean_N - count_N) / len(score_N)


def _logit(forecast: Forecast) -> Doubles:
    chance_UTW = forecast.chance_UTW.astype(np.float64)
    return np.asarray(logit(np.clip(chance_UTW, LEAST_CHANCE, 1 - LEAST_CHANCE)))


def _log(forecast: Forecast) -> Doubles:
    return np.log(np.maximum(forecast.volume_UTW.astype(np.float64), LEAST_VOLUME))


@dataclass(frozen=True)
class FittedEnsemble:
    """The fitted members, and their weights for chances and for volumes."""

    task: Task
    models: tuple[Model, ...]
    chance_M: Floats
    volume_M: Floats

    def predict(self, history: History) -> Forecast:
        """Average what the members forecast; shocks are averaged as volumes are."""
        forecasts = [model.predict(history) for model in self.models]
        parts = list(zip(forecasts, self.chance_M, self.volume_M, strict=True))
        chance_UTW = expit(sum(chance * _logit(part) for part, chance, _ in parts))
        volume_UTW = np.exp(sum(volume * _log(part) for part, _, volume in parts))
        return make_forecast(
            history,
            self.task,
            chance_UTW,
            volume_UTW,
            topic_shock_W=sum(volume * part.topic_shock_W for part, _, volume in parts),
            user_shock_W=sum(volume * part.user_shock_W for part, _, volume in parts),
        )
