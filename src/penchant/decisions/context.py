"""Context: what is known of a customer before something is shown to them, as a few numbers.

How much is expected of them, and in which topics: the principal components of the square roots of
the forecast's shares, which weigh rare topics and large ones alike. Each number has the mean 0 and
the deviation 1 among those it was fitted to; a customer who isn't known is an average one.
Shapes: U users, T topics, D components, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast


@dataclass(frozen=True, kw_only=True)
class Context:
    """Recipe. Costs a singular value decomposition of users × topics."""

    components: int = 6  # of the shares

    def fit(self, forecast: Forecast) -> "FittedContext":
        """Learn what tells the users of a forecast apart."""
        root_UT, _ = _read(forecast)
        mean_T = root_UT.mean(axis=0)
        _, _, basis_DT = np.linalg.svd(root_UT - mean_T, full_matrices=False)
        basis_TD = basis_DT[: self.components].T
        largest_D = np.abs(basis_TD).argmax(axis=0)
        basis_TD = basis_TD * np.sign(basis_TD[largest_D, np.arange(basis_TD.shape[1])])
        plain = FittedContext(mean_T, basis_TD, np.zeros(1), np.ones(1))
        feature_UF = plain.features(forecast)
        return FittedContext(
            mean_T, basis_TD, feature_UF.mean(axis=0), feature_UF.std(axis=0) + 1e-9
        )


@dataclass(frozen=True)
class FittedContext:
    """Model."""

    mean_T: Doubles
    basis_TD: Doubles
    middle_F: Doubles
    scale_F: Doubles

    def features(self, forecast: Forecast) -> Doubles:
        """The numbers of each user of a forecast of the same topics, `UF`."""
        root_UT, volume_U = _read(forecast)
        parts = (np.log1p(volume_U)[:, None], (root_UT - self.mean_T) @ self.basis_TD)
        return (np.concatenate(parts, axis=1) - self.middle_F) / self.scale_F

    def of(self, forecast: Forecast, users: Sequence[str]) -> Doubles:
        """The numbers of some users; 0 for whoever isn't in the forecast."""
        feature_UF = self.features(forecast)
        row = {user: number for number, user in enumerate(forecast.users_U.tolist())}
        at = np.array([row.get(user, len(row)) for user in users], dtype=np.int64)
        return np.append(feature_UF, np.zeros((1, feature_UF.shape[1])), axis=0)[at]


def _read(forecast: Forecast) -> tuple[Doubles, Doubles]:
    """Square roots of shares over all windows, and the volume of all topics."""
    volume_UT = forecast.ahead_UT()
    volume_U = volume_UT.sum(axis=1)
    return np.sqrt(volume_UT / np.maximum(volume_U, 1e-12)[:, None]), volume_U
