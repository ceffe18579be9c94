"""Metrics of migration: adoption of new topics and abandonment of old ones.

A cell can be adopted if it had no engagement in the look-back before the cutoff, and abandoned if
it had one; it is adopted if it is active in the window, abandoned if it is idle.

Skill is measured against a stationary null, the forecast that what happened lately happens again:
for each topic, how often the same move was made in the last window of the same length and
distance that had ended by the cutoff, by users known then, shrunk towards the mean of all topics.
Where less than a look-back lies before that earlier cutoff, what there is must do, so its
adoptions come out a little too frequent.
Shapes: U users, T topics, N cells, B bins.
"""

import numpy as np
import numpy.typing as npt

from penchant.evaluation.case import Case, Flags, rank
from penchant.evaluation.score import BINS, Binned, Ranked, Ratio
from penchant.interest.counts import Doubles
from penchant.interest.interest import Floats

SHRINKAGE = 20.0  # cells of the mean of all topics, added to each topic's


def adoption_average_precision(case: Case) -> Ranked:
    """Average precision of adoptions among the cells that can be adopted, pooled."""
    ranking = rank(case.chance_UT, case.active_UT, ~case.recent_UT)
    return Ranked(ranking, "average_precision")


def abandonment_average_precision(case: Case) -> Ranked:
    """Average precision of abandonments, by 1 - chance, among the cells that can be abandoned."""
    ranking = rank(1 - case.chance_UT, ~case.active_UT, case.recent_UT)
    return Ranked(ranking, "average_precision")


def adoption_brier_skill(case: Case) -> Ratio:
    """1 - Brier score / the null's, among cells that can be adopted; 1 perfect, 0 the null."""
    return skill_over(case, stationary_chance_T(case, of_recent=False), of_recent=False)


def abandonment_brier_skill(case: Case) -> Ratio:
    """1 - Brier score / the null's, among cells that can be abandoned; 1 perfect, 0 the null."""
    return skill_over(case, stationary_chance_T(case, of_recent=True), of_recent=True)


def skill_over(case: Case, null: Doubles | Floats, *, of_recent: bool) -> Ratio:
    """1 - Brier score / that of any null, a chance for each topic (`T`) or cell (`UT`).

    Among cells that can be abandoned if `of_recent`, else among those that can be adopted.
    """
    among_UT = case.recent_UT == of_recent
    null_U = (((null.astype(np.float64) - case.active_UT) ** 2) * among_UT).sum(axis=1)
    mine_U = (((case.chance_UT.astype(np.float64) - case.active_UT) ** 2) * among_UT).sum(axis=1)
    return Ratio(null_U - mine_U, null_U)


def adoption_ece(case: Case) -> Binned:
    """Expected calibration error of the chance, among cells that can be adopted; 20 bins."""
    return _ece(case, ~case.recent_UT)


def abandonment_ece(case: Case) -> Binned:
    """Expected calibration error of the chance, among cells that can be abandoned; 20 bins."""
    return _ece(case, case.recent_UT)


def _ece(case: Case, among_UT: Flags) -> Binned:
    chance_N, active_N = case.chance_UT[among_UT], case.active_UT[among_UT]
    return binned(np.nonzero(among_UT)[0], chance_N, active_N, len(among_UT))


def binned(
    user_N: npt.NDArray[np.int64], chance_N: Doubles | Floats, hit_N: Flags | Doubles, users: int
) -> Binned:
    """Sort any cells of users into bins of equal width; a hit may count in part, like a tie."""
    code_N = user_N * BINS + np.minimum((chance_N * BINS).astype(np.int64), BINS - 1)

    def total_UB(weight_N: Doubles | Floats | Flags | None) -> Doubles:
        flat = np.bincount(code_N, weights=weight_N, minlength=users * BINS)
        return flat.astype(np.float64).reshape(users, BINS)

    return Binned(total_UB(None), total_UB(chance_N), total_UB(hit_N))


def stationary_chance_T(case: Case, *, of_recent: bool) -> Doubles:
    """The null's chance of any engagement, for cells with or without a recent one.

    NaN if the history is too short to hold an earlier window.
    """
    interest, target, end = case.past.interest, case.task.target, case.past.cutoff
    earlier = end - case.span.end
    if earlier < 1:
        return np.full(interest.shape[1], np.nan)
    recent_UT = interest.count_UT(target, earlier - case.lookback, earlier) > 0
    active_UT = interest.count_UT(target, earlier + case.span.start, end) > 0
    known_U = np.zeros(interest.shape[0], dtype=bool)
    known_U[interest.user_N[interest.step_N < earlier]] = True
    among_UT = (recent_UT == of_recent) & known_U[:, None]
    cells_T = among_UT.sum(axis=0)
    hits_T = (among_UT & active_UT).sum(axis=0)
    mean = hits_T.sum() / max(1, cells_T.sum())
    return (hits_T + SHRINKAGE * mean) / (cells_T + SHRINKAGE)
