"""Interest segments: groups of customers whose forecast interests lie on the same topics.

The square roots of a customer's shares of the forecast are clustered by k-means, that is by
Hellinger distance: rare topics count for more than their size, and none for everything. There are
as many groups as halves of the customers, each clustered by itself, agree upon; where they agree on
no number, interests don't fall into groups, and there are none. Groups too small to act on go to
their members' next nearest.
Blind to how much a customer buys, and to whatever the forecast doesn't know.
Shapes: U users, T topics, G groups, K numbers of groups, L groups before.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from penchant.decisions.lifecycle import STAGES
from penchant.errors import HistoryError, RecipeError, TopicsError
from penchant.interest.counts import Doubles, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.interest import Codes, Names

EVERYONE = "everyone"
TAKEN = (EVERYONE, *STAGES)  # names that no segment may have
NAMED = 2  # topics in a segment's name
TOLD = 5  # topics that tell a segment apart
AND = " & "
ALIKE = 1e-4  # deviation of roots of shares, below which all customers are alike
LIFTED = 1.1  # times everyone's share, from which a topic tells a segment apart


@dataclass(frozen=True)
class Segments:
    """Model: what tells each group, and how surely there are so many."""

    topics_T: Names
    share_T: Doubles  # of everyone's forecast, a customer counting 1
    share_GT: Doubles  # of the members' forecast, a member counting 1
    root_GT: Doubles  # mean square root of the members' shares
    names_G: Names
    agreement_K: Doubles  # adjusted Rand index of halves, for each number tried
    tried_K: tuple[int, ...]
    notes: tuple[str, ...]  # what can't be told

    @property
    def lift_GT(self) -> Doubles:
        """How many times everyone's share a group's share is."""
        return self.share_GT / np.maximum(self.share_T, 1e-12)

    def assign(self, made: Forecast) -> Codes:
        """Everyone's group, also of customers who weren't there when groups were found.

        Raises TopicsError for a forecast of other topics.
        """
        if not np.array_equal(made.topics_T, self.topics_T):
            raise TopicsError(
                f"The segments were found by {len(self.topics_T)} topics and the forecast has "
                f"{len(made.topics_T)}, or others. Find segments in this forecast."
            )
        return _nearest(_roots(shares_ahead(made)), self.root_GT)

    def topics_of(self, group: int) -> tuple[str, ...]:
        """Topics that tell a group apart, the most telling first."""
        return tuple(self.topics_T[telling(self.share_GT[group], self.share_T)].tolist())


@dataclass(frozen=True)
class Match:
    """How today's segments agree with those of an earlier forecast, over customers in both."""

    before_G: Integers  # the earlier group that each matches; -1: none
    stayed: float  # share of customers whose group matches the one they were in
    agreement: float  # adjusted Rand index
    customers: int


@dataclass(frozen=True, kw_only=True)
class Segmenting:
    """Recipe. Costs about a minute for 2,500 users × 300 topics on one core."""

    numbers: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10, 12)  # of groups, tried
    agreement: float = 0.6  # adjusted Rand index of halves, from which a number is stable
    some_agreement: float = 0.3  # of the best number, from which there are groups at all
    halvings: int = 5
    least: int = 25  # customers of a group, and
    least_share: float = 0.02  # of all; smaller ones are merged
    restarts: int = 5
    sample: int = 4000  # customers that groups are found by, at most
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.numbers or min(self.numbers) < 2:
            raise RecipeError(f"Numbers of groups to try are 2 or more; found {self.numbers}.")
        if self.halvings < 1 or self.restarts < 1 or self.sample < 2 or self.least < 1:
            raise RecipeError(
                "Segmenting needs one halving, one restart, a sample of two and groups of one at "
                f"least; found {self.halvings}, {self.restarts}, {self.sample} and {self.least}."
            )

    def fit(self, made: Forecast) -> Segments:
        """Find groups; one of everyone, and a note, where there are none."""
        share_UT = shares_ahead(made)
        random = np.random.default_rng(self.seed)
        rows_U = np.arange(len(share_UT))
        if len(rows_U) > self.sample:
            rows_U = np.sort(random.choice(len(rows_U), self.sample, replace=False))
        root_UT = _roots(share_UT[rows_U])
        tried = tuple(number for number in self.numbers if len(rows_U) >= 2 * number * self.least)
        if not tried or len(made.topics_T) < 2:
            few = (
                f"Segments of interest need {2 * min(self.numbers) * self.least:,} customers and "
                f"two topics; here are {len(share_UT):,} and {len(made.topics_T):,}."
            )
            return _none(made, share_UT, np.empty(0), (), few)
        if root_UT.std(axis=0).max() < ALIKE:
            alike = "The forecast expects the same interests of everyone, so there are no segments."
            return _none(made, share_UT, np.empty(0), (), alike)
        agreement_K = np.array([self._agreement(root_UT, number, random) for number in tried])
        stable = [tried[k] for k in np.flatnonzero(agreement_K >= self.agreement)]
        best, most = tried[int(agreement_K.argmax())], agreement_K.max()
        if most < self.some_agreement:
            apart = (
                "Interests don't fall into groups: halves of the customers, clustered by "
                f"themselves, agree on {best} groups best, by an adjusted Rand index of "
                f"{most:.2f}; from {self.some_agreement} on there would be some."
            )
            return _none(made, share_UT, agreement_K, tried, apart)
        number, notes = max(stable, default=best), []
        if not stable:
            notes.append(
                f"Segments are weak: halves of the customers agree on {best} groups by an adjusted "
                f"Rand index of {most:.2f} only."
            )
        root_GT = self._merged(_roots(share_UT), self._clustered(root_UT, number, self.seed))
        if len(root_GT) < number:
            notes.append(
                f"{number - len(root_GT)} of {number} segments had too few customers and were "
                "merged into others."
            )
        told = _described(made, share_UT, root_GT)
        return replace(told, agreement_K=agreement_K, tried_K=tried, notes=tuple(notes))

    def _clustered(self, root_UT: Doubles, number: int, seed: int) -> Doubles:
        fitted = KMeans(number, n_init=self.restarts, random_state=seed).fit(root_UT)
        return np.asarray(fitted.cluster_centers_, dtype=np.float64)

    def _agreement(self, root_UT: Doubles, number: int, random: np.random.Generator) -> float:
        """Mean adjusted Rand index of the groups that two halves make of everyone."""
        found, middle = [], len(root_UT) // 2
        for _ in range(self.halvings):
            row_U, seed = random.permutation(len(root_UT)), int(random.integers(2**31))
            halves = (row_U[:middle], row_U[middle:])
            one_U, other_U = (
                _nearest(root_UT, self._clustered(root_UT[half_U], number, seed))
                for half_U in halves
            )
            found.append(adjusted_rand_score(one_U, other_U))
        return float(np.mean(found))

    def _merged(self, root_UT: Doubles, centre_GT: Doubles) -> Doubles:
        """Centres whose groups are large enough, the smallest dropped first."""
        least = max(self.least, self.least_share * len(root_UT))
        while len(centre_GT) > 1:
            size_G = np.bincount(_nearest(root_UT, centre_GT), minlength=len(centre_GT))
            if size_G.min() >= least:
                break
            centre_GT = np.delete(centre_GT, size_G.argmin(), axis=0)
        return centre_GT


def shares_ahead(made: Forecast) -> Doubles:
    """Each user's shares of the forecast over its windows; everyone's where nothing is ahead."""
    volume_UT = made.ahead_UT()
    total_U1 = volume_UT.sum(axis=1, keepdims=True)
    share_UT = volume_UT / np.maximum(total_U1, 1e-12)
    some_U = total_U1[:, 0] > 0
    share_UT[~some_U] = share_UT[some_U].mean(axis=0) if some_U.any() else 1 / len(made.topics_T)
    return share_UT


def match(now_U: Codes, before_U: Codes, groups: int) -> Match:
    """Match groups of the same customers now and before, so that most of them stay.

    Rows of both are the same customers; -1 in either is somebody to leave out.
    """
    if len(now_U) != len(before_U):
        raise HistoryError(
            "Groups are matched over the same customers; found "
            f"{len(now_U):,} now and {len(before_U):,} before."
        )
    both_U = (now_U >= 0) & (before_U >= 0)
    one_U, other_U = now_U[both_U], before_U[both_U]
    shared_GL = np.zeros((groups, int(other_U.max(initial=0)) + 1))
    np.add.at(shared_GL, (one_U, other_U), 1)
    row, column = linear_sum_assignment(-shared_GL)
    before_G = np.full(groups, -1)
    before_G[row] = column
    stayed = shared_GL[row, column].sum() / max(len(one_U), 1)
    agreement = float(adjusted_rand_score(other_U, one_U)) if len(one_U) else float("nan")
    return Match(before_G, float(stayed), agreement, len(one_U))


def _none(
    made: Forecast, share_UT: Doubles, agreement_K: Doubles, tried: tuple[int, ...], why: str
) -> Segments:
    """One group of everyone."""
    share_T = share_UT.mean(axis=0) if len(share_UT) else np.full(len(made.topics_T), np.nan)
    names_G = np.array([EVERYONE])
    found = (share_T, share_T[None], np.sqrt(share_T)[None], names_G, agreement_K, tried, (why,))
    return Segments(made.topics_T, *found)


def _described(made: Forecast, share_UT: Doubles, root_GT: Doubles) -> Segments:
    """The groups around some centres, the largest first, with their names."""
    group_U = _nearest(_roots(share_UT), root_GT)
    order_G = np.argsort(-np.bincount(group_U, minlength=len(root_GT)), kind="stable")
    share_GT = np.stack([share_UT[group_U == group].mean(axis=0) for group in order_G])
    share_T = share_UT.mean(axis=0)
    return Segments(
        topics_T=made.topics_T,
        share_T=share_T,
        share_GT=share_GT,
        root_GT=root_GT[order_G],
        names_G=_names(made.topics_T, share_GT, share_T),
        agreement_K=np.empty(0),
        tried_K=(),
        notes=(),
    )


def _roots(share_UT: Doubles) -> Doubles:
    return np.sqrt(share_UT)


def _nearest(root_UT: Doubles, centre_GT: Doubles) -> Codes:
    apart_UG = (centre_GT**2).sum(axis=1) - 2 * root_UT @ centre_GT.T
    return apart_UG.argmin(axis=1).astype(np.int32)


def telling(share_T: Doubles, everyone_T: Doubles) -> Integers:
    """Topics with more than everyone's share, by what they add to the divergence from everyone."""
    lift_T = share_T / np.maximum(everyone_T, 1e-12)
    gain_T = share_T * np.log(np.maximum(lift_T, 1e-12))
    order_T = np.argsort(-gain_T, kind="stable")
    return order_T[lift_T[order_T] >= LIFTED][:TOLD]


def _names(topics_T: Names, share_GT: Doubles, everyone_T: Doubles) -> Names:
    """Names by the most telling topics, as many as tell groups apart."""
    names = list(TAKEN)
    for share_T in share_GT:
        told = topics_T[telling(share_T, everyone_T)].tolist()
        name = AND.join(told[:NAMED]) or "a bit of everything"
        for more in range(NAMED + 1, len(told) + 1):
            if name not in names:
                break
            name = AND.join(told[:more])
        while name in names:
            name += " too"
        names.append(name)
    return np.array(names[len(TAKEN) :], dtype=np.str_)
