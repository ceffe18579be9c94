"""Scores: what a metric keeps of each user, so that any weighting of users gives its value.

A metric is computed once; averages, groups, bootstraps and fairness are weightings of the users
it kept. Four sorts suffice: ratios of sums, rankings pooled over cells, bins, and numbers about
the whole shop.
Shapes: U users, T topics, D weightings (draws), N cells, G groups of cells, B bins.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from penchant.interest.counts import Doubles

BINS = 20  # of equal width, for calibration
_GROUPS_AT_ONCE = 1000  # so that a block of groups × draws stays in the processor's cache


class Score(Protocol):
    """A metric's value under any weighting of users; NaN where it isn't defined."""

    @property
    def users(self) -> int:
        """Users that a weighting has to weigh."""
        ...

    def values(self, weight_DU: Doubles) -> Doubles:
        """Value under each weighting, `D`."""
        ...

    def value(self, weight_U: Doubles | None = None) -> float:
        """Value under one weighting; every user weighs 1 if none is given."""
        ...


def quotient(above: Doubles, below: Doubles) -> Doubles:
    """`above / below`, NaN where there is nothing to divide by."""
    empty = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.divide(above, below, out=empty, where=below != 0)


@dataclass(frozen=True)
class Ratio:
    """Weighted sum of a numerator over that of a denominator; its square root if `root`."""

    numerator_U: Doubles
    denominator_U: Doubles
    root: bool = False

    @property
    def users(self) -> int:
        """Users that a weighting has to weigh."""
        return len(self.numerator_U)

    def values(self, weight_DU: Doubles) -> Doubles:
        """Value under each weighting, `D`."""
        ratio_D = quotient(weight_DU @ self.numerator_U, weight_DU @ self.denominator_U)
        return np.sqrt(ratio_D) if self.root else ratio_D

    def value(self, weight_U: Doubles | None = None) -> float:
        """Value under one weighting; every user weighs 1 if none is given."""
        return _single(self, weight_U)


@dataclass(frozen=True)
class Ranking:
    """Cells from the highest chance to the lowest, as users' cells and hits in groups.

    A group holds the cells of one chance. Neighbouring groups without a hit are one: no ranking
    metric tells them apart, and most cells of a shop are in them.
    """

    blocks: tuple[tuple[csr_array, csr_array], ...]  # cells and hits, `GU`, of successive groups
    users: int

    @classmethod
    def of(
        cls,
        chance_N: npt.NDArray[np.floating],
        hit_N: npt.NDArray[np.bool_],
        user_N: npt.NDArray[np.int64],
        users: int,
    ) -> "Ranking":
        """Sort cells by chance. Costs one sort."""
        order_N = np.argsort(-chance_N, kind="stable")
        chance_N, hit_N, user_N = chance_N[order_N], hit_N[order_N], user_N[order_N]
        tie_N = np.concatenate([[0], np.cumsum(chance_N[1:] != chance_N[:-1])])[: len(chance_N)]
        idle_G = np.bincount(tie_N, weights=hit_N) == 0
        starts_G = np.ones(len(idle_G), dtype=bool)
        starts_G[1:] = ~(idle_G[1:] & idle_G[:-1])
        group_N = (np.cumsum(starts_G) - 1)[tie_N]
        groups = int(starts_G.sum())
        cell_GU = _incidence(group_N, user_N, groups, users)
        hit_GU = _incidence(group_N[hit_N], user_N[hit_N], groups, users)
        cuts = [slice(g, g + _GROUPS_AT_ONCE) for g in range(0, groups, _GROUPS_AT_ONCE)]
        return cls(tuple((cell_GU[cut], hit_GU[cut]) for cut in cuts), users)


def _incidence(
    group_N: npt.NDArray[np.int64], user_N: npt.NDArray[np.int64], groups: int, users: int
) -> csr_array:
    """Cells of each user in each group, from cells sorted by group."""
    start_G = np.searchsorted(group_N, np.arange(groups + 1))
    return csr_array((np.ones(len(user_N)), user_N, start_G), shape=(groups, users))


@dataclass(frozen=True)
class Ranked:
    """Average precision or area under the ROC curve, pooled over cells.

    Equal to scikit-learn's `average_precision_score` and `roc_auc_score` with each cell weighing
    as its user does, ties included. A weighting costs one pass over the cells, without a sort.
    """

    ranking: Ranking
    statistic: Literal["average_precision", "auc"]

    @property
    def users(self) -> int:
        """Users that a weighting has to weigh."""
        return self.ranking.users

    def values(self, weight_DU: Doubles) -> Doubles:
        """Value under each weighting, `D`."""
        value = _average_precision if self.statistic == "average_precision" else _auc
        return value(self.ranking, np.ascontiguousarray(weight_DU.T))

    def value(self, weight_U: Doubles | None = None) -> float:
        """Value under one weighting; every user weighs 1 if none is given."""
        return _single(self, weight_U)


def _average_precision(ranking: Ranking, weight_UD: Doubles) -> Doubles:
    """Precision down to each group, averaged over hits."""
    sum_D, hits_D, cells_D = np.zeros((3, weight_UD.shape[1]))
    for cell_GU, hit_GU in ranking.blocks:
        hit_GD, cell_GD = hit_GU @ weight_UD, cell_GU @ weight_UD
        found_GD = np.cumsum(hit_GD, axis=0) + hits_D
        seen_GD = np.cumsum(cell_GD, axis=0) + cells_D
        hits_D, cells_D = found_GD[-1].copy(), seen_GD[-1].copy()
        found_GD /= np.maximum(seen_GD, 1e-300)
        sum_D += np.einsum("gd,gd->d", found_GD, hit_GD)
    return quotient(sum_D, hits_D)


def _auc(ranking: Ranking, weight_UD: Doubles) -> Doubles:
    """Pairs of a hit and a miss that are in the right order; a tie counts half."""
    wrong_D, hits_D, misses_D = np.zeros((3, weight_UD.shape[1]))
    for cell_GU, hit_GU in ranking.blocks:
        hit_GD = hit_GU @ weight_UD
        miss_GD = cell_GU @ weight_UD - hit_GD
        above_GD = np.cumsum(miss_GD, axis=0) + misses_D
        misses_D = above_GD[-1].copy()
        above_GD -= miss_GD / 2
        wrong_D += np.einsum("gd,gd->d", above_GD, hit_GD)
        hits_D = hits_D + hit_GD.sum(axis=0)
    pairs_D = hits_D * misses_D
    return quotient(pairs_D - wrong_D, pairs_D)


@dataclass(frozen=True)
class Binned:
    """Expected calibration error: chance against frequency, in bins of equal width.

    A resampled frequency is noisier than the sample's, so a bootstrap of a well calibrated
    forecast lies a little above its value.
    """

    cells_UB: Doubles
    chance_UB: Doubles  # summed over cells
    hits_UB: Doubles

    @classmethod
    def of(
        cls, chance_UT: npt.NDArray[np.floating], hit_UT: npt.NDArray[np.bool_], bins: int = BINS
    ) -> "Binned":
        """Sort the cells of each user into bins."""
        users = len(chance_UT)
        bin_UT = np.minimum((chance_UT * bins).astype(np.int64), bins - 1)
        code_N = (np.arange(users)[:, None] * bins + bin_UT).ravel()

        def total_UB(weight_N: npt.NDArray[np.floating] | npt.NDArray[np.bool_] | None) -> Doubles:
            flat = np.bincount(code_N, weights=weight_N, minlength=users * bins)
            return flat.astype(np.float64).reshape(users, bins)

        return cls(total_UB(None), total_UB(chance_UT.ravel()), total_UB(hit_UT.ravel()))

    @property
    def users(self) -> int:
        """Users that a weighting has to weigh."""
        return len(self.cells_UB)

    @cached_property
    def _gap_UB(self) -> Doubles:
        return self.chance_UB - self.hits_UB

    def values(self, weight_DU: Doubles) -> Doubles:
        """Value under each weighting, `D`."""
        gap_D = np.abs(weight_DU @ self._gap_UB).sum(axis=1)
        return quotient(gap_D, weight_DU @ self.cells_UB.sum(axis=1))

    def value(self, weight_U: Doubles | None = None) -> float:
        """Value under one weighting; every user weighs 1 if none is given."""
        return _single(self, weight_U)


@dataclass(frozen=True)
class Whole:
    """A number about the whole shop, which no weighting of users can give: NaN under any."""

    number: float
    users: int

    def values(self, weight_DU: Doubles) -> Doubles:
        """NaN for each weighting, `D`."""
        return np.full(len(weight_DU), np.nan)

    def value(self, weight_U: Doubles | None = None) -> float:
        """The number itself; NaN under a weighting."""
        return self.number if weight_U is None else float("nan")


def _single(score: Score, weight_U: Doubles | None) -> float:
    weight_U = np.ones(score.users) if weight_U is None else np.asarray(weight_U, dtype=np.float64)
    return float(score.values(weight_U[None, :])[0])
