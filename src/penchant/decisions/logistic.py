"""A logistic model of logs: what is counted or paid is skewed, and little data bear few numbers.

Features count by the log of their size, in deviations from their mean, with a ridge; what isn't
known counts as the mean.
Shapes: N rows, F features.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from penchant.interest.counts import Doubles, Flags
from penchant.interest.interest import Floats


@dataclass(frozen=True)
class Logistic:
    """Model: weights of the features' logs in deviations."""

    usual_F: Doubles
    spread_F: Doubles
    weight_F: Doubles
    base: float

    def log_odds(self, feature_NF: Floats) -> Doubles:
        """Log-odds of each row."""
        value_NF = (_logs(feature_NF) - self.usual_F) / self.spread_F
        return np.asarray(np.nan_to_num(value_NF) @ self.weight_F + self.base)

    def chance(self, feature_NF: Floats) -> Doubles:
        """Chance of each row."""
        return np.asarray(expit(self.log_odds(feature_NF)))


def fit_logistic(
    feature_NF: Floats, flag_N: Flags, weight_N: Doubles | None = None, looseness: float = 1.0
) -> Logistic:
    """Fit flags that aren't all alike; the looser, the less weights are pulled to 0."""
    log_NF = _logs(feature_NF)
    known_NF = np.isfinite(log_NF)
    many_F = np.maximum(known_NF.sum(axis=0), 1)
    usual_F = np.where(known_NF, log_NF, 0).sum(axis=0) / many_F
    apart_NF = np.where(known_NF, log_NF - usual_F, 0)
    spread_F = np.sqrt((apart_NF**2).sum(axis=0) / many_F)
    spread_F = np.where(spread_F > 0, spread_F, 1.0)
    fitted = LogisticRegression(C=looseness, max_iter=500)
    fitted.fit(apart_NF / spread_F, flag_N, sample_weight=weight_N)
    return Logistic(usual_F, spread_F, fitted.coef_[0], float(fitted.intercept_[0]))


def _logs(feature_NF: Floats) -> Doubles:
    value_NF = np.asarray(feature_NF, dtype=np.float64)
    return np.asarray(np.sign(value_NF) * np.log1p(np.abs(value_NF)))
