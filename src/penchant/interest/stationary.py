"""The stationary null: nobody's tastes or activity change, so what was bought lately is bought on.

Each customer has shares of the topics that never change, drawn from a Dirichlet around the shop's
shares; the engagements of the look-back are drawn from them, and those of a window will be: a
Dirichlet-multinomial (Pólya) distribution. Given the look-back, whether a topic is engaged in
among the n engagements to expect is beta-binomial. It knows no trend, season or cadence, and takes
every engagement for a new draw though a basket often holds a topic twice; it is a yardstick of
migration and never recalibrated.
Shapes: U users, T topics, W windows, N distinct pairs of a topic and a count, P parts of a pair.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import make_forecast
from penchant.interest.task import Task

CONCENTRATIONS = (1e-2, 1e6)  # engagements; between them the likeliest is searched


def lookback(step: Step) -> int:
    """Steps without an engagement that make the next one an adoption: half a year."""
    return max(1, step.per_year // 2)


def stationary_forecast(history: History, task: Task) -> Forecast:
    """Forecast that the look-back's shares and activity go on, from the history alone.

    A customer with k of n engagements in a topic is engaged in it, among the m to expect in a
    window (n divided by the look-back's steps, times the window's; a real number), with the chance
    `1 - Γ(b + m) Γ(a + b) / (Γ(b) Γ(a + b + m))`, where `a = s·share + k` and
    `b = s·(1 - share) + n - k`, with the shop's share of the topic and the concentration s that
    makes the look-back's counts of these customers likeliest. Volumes are `m·a / (a + b)`, or the
    least that the chance allows. Whoever had no engagement in the look-back is forecast none.
    HistoryError if nobody had any.
    Costs about 10 s and 4 GB for 100,000 users × 300 topics × 3 windows.
    """
    end = history.cutoff
    steps = min(end, lookback(history.interest.step))
    count_UT = history.interest.count_UT(task.target, end - steps, end)
    shop_T = history.topic_count_TS(task.target)[:, end - steps :].sum(axis=1, dtype=np.float64)
    if not count_UT.any():
        raise HistoryError(
            f"The stationary null needs engagements of {', '.join(task.target)} in the last "
            f"{history.interest.step.plural(steps)}; found none. Choose another cutoff or target."
        )
    share_T = (shop_T + 0.5) / (shop_T + 0.5).sum()  # half an event, so that no share is quite 0
    concentration = fit_concentration(count_UT, share_T)
    length_W = np.array([window.length for window in task.windows])
    expected_UW = count_UT.sum(axis=1, dtype=np.float64)[:, None] / steps * length_W
    chance_UTW, volume_UTW = _cells(count_UT, concentration * share_T, expected_UW)
    return make_forecast(history, task, chance_UTW, volume_UTW)


def _cells(count_UT: Floats, prior_T: Doubles, expected_UW: Doubles) -> tuple[Floats, Floats]:
    """Chance of any, and number, of the expected engagements, for each cell."""
    total_U1 = prior_T.sum() + count_UT.sum(axis=1, keepdims=True, dtype=np.float64)
    mine_UT = prior_T + count_UT
    rest_UT = np.maximum(total_U1 - mine_UT, 1e-12)  # a single topic leaves no rest
    chance_UTW = np.empty((*count_UT.shape, expected_UW.shape[1]), dtype=np.float32)
    volume_UTW = np.empty_like(chance_UTW)
    for w, expected_U in enumerate(expected_UW.T):
        expected_U1 = expected_U[:, None]
        none_UT = gammaln(rest_UT + expected_U1) - gammaln(rest_UT)
        none_UT += gammaln(total_U1) - gammaln(total_U1 + expected_U1)
        chance_UTW[:, :, w] = -np.expm1(none_UT)
        volume_UTW[:, :, w] = expected_U1 * mine_UT / total_U1
    return chance_UTW, volume_UTW


def fit_concentration(count_UT: Floats, share_T: Doubles) -> float:
    """Pseudo-engagements that the shares weigh in the likeliest Dirichlet-multinomial of counts.

    `share_T` sums to 1 and is above 0 wherever there is a count. Found between a hundredth and a
    million by Brent's method on the logarithm; each look costs one pass over the distinct pairs of
    a topic and a count.
    """
    topic_N = np.nonzero(count_UT)[1]
    pair_NP, times_N = np.unique(
        np.stack([topic_N, count_UT[count_UT > 0]], axis=1), axis=0, return_counts=True
    )
    topic_N, count_N = pair_NP[:, 0].astype(np.int64), pair_NP[:, 1]
    total_N, users_N = np.unique(count_UT.sum(axis=1, dtype=np.float64), return_counts=True)

    def surprise(logarithm: float) -> float:
        strength = np.exp(logarithm)
        prior_N = strength * share_T[topic_N]
        likelihood = times_N @ (gammaln(prior_N + count_N) - gammaln(prior_N))
        likelihood -= users_N @ (gammaln(strength + total_N) - gammaln(strength))
        return float(-likelihood)

    found = minimize_scalar(
        surprise, bounds=tuple(np.log(CONCENTRATIONS)), method="bounded", options={"xatol": 1e-5}
    )
    return float(np.exp(found.x))
