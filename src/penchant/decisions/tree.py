"""The category tree that demand adds up over: topics, their departments, the shop.

Shapes: T topics, D departments, N nodes (the shop, then departments, then topics),
A nodes above topics, S steps, H steps ahead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from penchant.data.catalog import PATH_SEPARATOR
from penchant.interest.counts import Doubles
from penchant.interest.interest import Names
from penchant.interest.topics import Topics

SHOP, DEPARTMENT, TOPIC = LEVELS = ("shop", "department", "topic")
TOP = "all"  # the parent of what has none, and the shop's name


@dataclass(frozen=True)
class Tree:
    """Topics under the first part of their path; without a path there are no departments."""

    topics_T: Names
    departments_D: Names
    department_T: npt.NDArray[np.int64]  # -1 of a topic without one

    @classmethod
    def of(cls, topics: Topics) -> "Tree":
        """The tree of a vocabulary of topics."""
        first_T = np.array([name.split(PATH_SEPARATOR)[0] for name in topics.parent_T.tolist()])
        departments_D = np.unique(first_T[first_T != TOP])
        place = {name: d for d, name in enumerate(departments_D.tolist())}
        department_T = np.array([place.get(name, -1) for name in first_T.tolist()])
        return cls(topics.names_T, departments_D, department_T)

    @property
    def names_N(self) -> Names:
        """Names of all nodes."""
        return np.concatenate([np.array([TOP]), self.departments_D, self.topics_T])

    @property
    def level_N(self) -> npt.NDArray[np.int64]:
        """Each node's place in `LEVELS`."""
        return np.repeat(np.arange(3), [1, len(self.departments_D), len(self.topics_T)])

    @cached_property
    def sums_NT(self) -> Doubles:
        """1 where a topic is counted in a node."""
        department_DT = np.arange(len(self.departments_D))[:, None] == self.department_T
        topics = len(self.topics_T)
        return np.vstack([np.ones((1, topics)), department_DT, np.eye(topics)])

    def summed(self, value_TS: Doubles) -> Doubles:
        """Values of topics added up to every node."""
        return np.asarray(self.sums_NT @ value_TS)


def reconcile(tree: Tree, told_NH: Doubles, variance_NH: Doubles) -> Doubles:
    """Topics' values at which all nodes together are least away from what was told of each, `TH`.

    Squared distances are over each node's variance (MinTrace with a diagonal, Wickramasuriya,
    Athanasopoulos and Hyndman 2019). Where that asks a topic for less than nothing, it is solved
    among values that aren't negative. Sums of what is returned are coherent by construction.
    """
    topics = len(tree.topics_T)
    value_TH = np.empty((topics, told_NH.shape[1]))
    for h, (told_N, variance_N) in enumerate(zip(told_NH.T, variance_NH.T, strict=True)):
        weight_N = 1 / np.sqrt(np.maximum(variance_N, 1e-9))
        scaled_NT = tree.sums_NT * weight_N[:, None]
        value_T = _projected(tree, told_N, variance_N)
        value_TH[:, h] = value_T if (value_T >= 0).all() else nnls(scaled_NT, told_N * weight_N)[0]
    return value_TH


def _projected(tree: Tree, told_N: Doubles, variance_N: Doubles) -> Doubles:
    """The same without the bound: what aggregates miss is shared out by topics' variances."""
    upper = len(tree.departments_D) + 1
    own_T, own_variance_T = told_N[upper:], np.maximum(variance_N[upper:], 1e-9)
    sums_AT = tree.sums_NT[:upper]
    spread_TA = own_variance_T[:, None] * sums_AT.T
    inner_AA = sums_AT @ spread_TA + np.diag(np.maximum(variance_N[:upper], 1e-9))
    missed_A = told_N[:upper] - sums_AT @ own_T
    return own_T + spread_TA @ np.linalg.solve(inner_AA, missed_A)
