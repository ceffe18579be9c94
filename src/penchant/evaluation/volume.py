"""Metrics of volume: whether counts are right, and their intervals honest.

Most counts are 0, where plain coverage of an interval says little: an interval that starts at 0
always covers them. Coverage here is that of the non-randomised probability integral transform
(Czado, Gneiting & Held, Biometrics 2009): a count `y` contributes the part of `[F(y-1), F(y)]`
that lies in the central interval. In expectation that is the level itself for a correct forecast.
Shapes: U users, T topics.
"""

import numpy as np
import numpy.typing as npt

from penchant.evaluation.case import Case
from penchant.evaluation.chance import per_cell
from penchant.evaluation.score import Ratio, Whole
from penchant.interest import counts
from penchant.interest.counts import Doubles

BUSY = 1.0  # forecast engagements in the window, from which a cell counts as busy


def mae(case: Case) -> Ratio:
    """Mean absolute error of the expected count."""
    return per_cell(np.abs(case.volume_UT.astype(np.float64) - case.count_UT))


def rmse(case: Case) -> Ratio:
    """Root of the mean squared error of the expected count."""
    return per_cell((case.volume_UT.astype(np.float64) - case.count_UT) ** 2, root=True)


def bias(case: Case) -> Ratio:
    """Forecast less actual engagements, relative to the actual: 0.1 is a tenth too many."""
    actual_U = case.count_UT.sum(axis=1, dtype=np.float64)
    return Ratio(case.volume_UT.sum(axis=1, dtype=np.float64) - actual_U, actual_U)


def crps(case: Case) -> Ratio:
    """Continuous ranked probability score, in engagements per cell."""
    return per_cell(counts.crps(case.count_UT, case.volume_UT, case.excess_UT))


def coverage(case: Case, level: float) -> Ratio:
    """Expected coverage of the central interval, over all cells."""
    return per_cell(counts.covered(*case.transform_UT, level))


def busy_coverage(case: Case, level: float) -> Ratio:
    """Expected coverage among cells with a forecast volume of at least 1."""
    busy_UT = case.volume_UT >= BUSY
    covered_UT = counts.covered(*case.transform_UT, level) * busy_UT
    return Ratio(covered_UT.sum(axis=1), busy_UT.sum(axis=1).astype(np.float64))


def activity_coverage(case: Case, level: float) -> Ratio:
    """Expected coverage of users' total engagements, over all topics."""
    total = case.forecast.total("topics")
    count_U = case.count_UT.sum(axis=1, dtype=np.float64)
    covered_U = _covered_total(
        count_U, total.mean[:, case.window], total.excess[:, case.window], level
    )
    return Ratio(covered_U, np.ones(len(covered_U)))


def demand_coverage(case: Case, level: float) -> Whole:
    """Expected coverage of topics' total engagements, over all users."""
    total = case.forecast.total("users")
    count_T = case.count_UT.sum(axis=0, dtype=np.float64)
    covered_T = _covered_total(
        count_T, total.mean[:, case.window], total.excess[:, case.window], level
    )
    return Whole(float(covered_T.mean()), len(case.count_UT))


def _covered_total(
    count: Doubles, mean: npt.NDArray[np.float64], excess: npt.NDArray[np.float64], level: float
) -> Doubles:
    low = counts.cumulative(count - 1, mean, excess)
    high = counts.cumulative(count, mean, excess)
    return counts.covered(low, high, level)
