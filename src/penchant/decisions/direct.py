"""Direct forecasts of the shop, its departments and its topics, each as one series of counts.

Counts are Poisson with more spread, their logarithm a level that walks plus effects of the calendar
and of promotions. A department's effects lean on the shop's, a topic's on its department's, and so
do their levels' walks: with a year of steps few topics could tell an effect alone.
A step's level is a guess like another, so a series that is all noise is a mean. It is blind to
seasons until two years are known, and to holidays that it has not seen.
Source: penalised likelihood of a dynamic generalised linear model (Fahrmeir and Kaufmann 1991).
Shapes: N nodes, T topics, S steps known, H steps ahead, C steps of both, F features of a step.
"""

from dataclasses import dataclass

import numpy as np

from penchant.decisions.almanac import Almanac
from penchant.decisions.tree import Tree
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags

LEAST_STEPS = 8  # that must be known
ROUNDS, CLOSE = 25, 1e-4  # of Newton's method, and the change at which it ends
SPREAD_ROUNDS = (4, 8)  # after which the spread is measured


@dataclass(frozen=True, kw_only=True)
class Direct:
    """Recipe. Costs about a quarter of a second for 300 topics and 40 steps."""

    look_back: int = 104  # steps read
    walk: tuple[float, float, float] = (0.01, 0.02, 0.02)  # a step's, of shop, department, topic
    effect: tuple[float, float, float] = (1.0, 0.05, 0.05)  # how far from the parent's they may be
    holiday_effect: float = 0.1  # of the shop, since few of them are seen
    inherited: float = 0.5  # of the parent's walk

    def forecast(
        self, tree: Tree, count_TS: Doubles, promotion_TC: Doubles, days: Almanac
    ) -> Doubles:
        """Expected counts of every node in the steps of the almanac beyond those known, `NH`.

        Raises HistoryError where fewer than `LEAST_STEPS` steps are known.
        """
        known = count_TS.shape[1]
        if known < LEAST_STEPS:
            raise HistoryError(
                f"Demand needs at least {LEAST_STEPS} steps after the first; found {known}. "
                "Bring an older log, or choose a shorter step."
            )
        late = max(0, known - self.look_back)
        count_NS = tree.summed(count_TS)[:, late:]
        steps = len(days.feature_NF)
        promoted_NC = promoted(tree.summed(promotion_TC), known, steps)[:, late:]
        feature_CF = days.feature_NF[late:]
        seldom_F = np.append(days.seldom_F, False)
        expected = []
        fits: list[_Fit] = []
        for node, (count_S, promoted_C) in enumerate(zip(count_NS, promoted_NC, strict=True)):
            level = int(tree.level_N[node])
            every_CF = np.column_stack([feature_CF, promoted_C])
            fit = self._fit(
                count_S, every_CF[: len(count_S)], level, _parent(tree, node, fits), seldom_F
            )
            if level < 2:
                fits.append(fit)
            ahead_H = every_CF[len(count_S) :] @ fit.effect_F
            expected.append(np.exp(np.clip(fit.level_S[-1] + ahead_H, -30, 30)))
        return np.array(expected)

    def _fit(
        self,
        count_S: Doubles,
        feature_SF: Doubles,
        level: int,
        parent: "_Fit | None",
        seldom_F: Flags,
    ) -> "_Fit":
        """Maximise the penalised likelihood by Newton's method."""
        steps, features = feature_SF.shape
        scale_F = np.full(features, float(self.effect[level]))
        if parent is None:
            prior_F, offset_S = np.zeros(features), np.zeros(steps)
            scale_F[seldom_F] = self.holiday_effect
        else:
            prior_F, offset_S = parent.effect_F, self.inherited * parent.level_S
        walk_SS = _differences(steps) / self.walk[level] ** 2
        effect_F = prior_F.copy()
        start = (count_S.sum() + 0.5) / np.exp(offset_S + feature_SF @ effect_F).sum()
        walked_S, spread = np.full(steps, np.log(start)), 1.0
        matrix = np.zeros((steps + features, steps + features))
        for turn in range(ROUNDS):
            log_S = offset_S + walked_S + feature_SF @ effect_F
            mean_S = np.exp(np.clip(log_S, -20, 20))
            if turn in SPREAD_ROUNDS:
                pearson_S = (count_S - mean_S) ** 2 / np.maximum(mean_S, 0.1)
                spread = max(1.0, pearson_S.sum() / (0.7 * steps))
            weight_S, slope_S = mean_S / spread, (count_S - mean_S) / spread
            matrix[:steps, :steps] = np.diag(weight_S + 1e-8) + walk_SS
            matrix[:steps, steps:] = weight_S[:, None] * feature_SF
            matrix[steps:, :steps] = matrix[:steps, steps:].T
            inner_FF = feature_SF.T @ (weight_S[:, None] * feature_SF)
            matrix[steps:, steps:] = inner_FF + np.diag(1 / scale_F**2)
            own_F = feature_SF.T @ slope_S - (effect_F - prior_F) / scale_F**2
            change = np.linalg.solve(matrix, np.append(slope_S - walk_SS @ walked_S, own_F))
            change = np.clip(change, -1, 1)
            walked_S, effect_F = walked_S + change[:steps], effect_F + change[steps:]
            if turn > SPREAD_ROUNDS[-1] and np.abs(change).max() < CLOSE:
                break
        return _Fit(offset_S + walked_S, effect_F)


@dataclass(frozen=True)
class _Fit:
    """A series' level on the log scale in each step, and effects of the features."""

    level_S: Doubles
    effect_F: Doubles


def _parent(tree: Tree, node: int, fits: list[_Fit]) -> _Fit | None:
    """The fit that a node's leans on: none for the shop, which comes first."""
    if node == 0:
        return None
    topic = node - 1 - len(tree.departments_D)
    return fits[0] if topic < 0 else fits[1 + int(tree.department_T[topic])]


def _differences(steps: int) -> Doubles:
    """The quadratic form of a walk: the sum of its squared steps."""
    step_SS = np.diff(np.eye(steps), axis=0)
    return np.asarray(step_SS.T @ step_SS)


def promoted(promotion_NC: Doubles, known: int, steps: int) -> Doubles:
    """How far each node's promotions are from usual, within what was seen, in all steps.

    Steps past the calendar's end are taken for usual ones.
    """
    nodes, told = len(promotion_NC), min(promotion_NC.shape[1], steps)
    if not promotion_NC[:, :known].any():
        return np.zeros((nodes, steps))
    usual_N1 = promotion_NC[:, : min(known, told)].mean(axis=1, keepdims=True)
    far_NC = (promotion_NC[:, :told] - usual_N1) / (usual_N1 + 1)
    seen_NS = far_NC[:, :known]
    far_NC = np.clip(far_NC, seen_NS.min(1, keepdims=True), seen_NS.max(1, keepdims=True))
    return np.pad(far_NC, ((0, 0), (0, steps - told)))
