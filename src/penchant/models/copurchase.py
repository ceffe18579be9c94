"""What similar customers do: co-purchase factors and two linear stages, learned from everyone.

* Low-rank scores: the user's decayed counts projected on the leading eigenvectors of the topics'
  Gram matrix, which is the truncated SVD without the users (Sarwar et al. 2000).
* EASE: the ridge regression of each topic on the others, in closed form (Steck 2019).
* Two stages: a small linear regression of "active soon" on the cell's own past, and a ridge of
  what it leaves unexplained on the user's profile over all topics.
All of it is a sum over users, so it is learned in blocks and applied to users never seen.
Shapes: U users, T topics, F own-past regressors, P profile entries (2T + 1), R rank,
N and M columns of any two tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.interest.interest import Floats
from penchant.models.dense import Dense

RANKS = (8, 24, 64)
RANK_BINARY = 32
EASE_RIDGE = 200.0
OWN_RIDGE = 20.0  # users at the shop's regression, added to each topic's own
CROSS_RIDGE = 3000.0
BINARY_FLOOR = 5.0
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Copurchase:
    """Matrices between topics, and the two linear stages."""

    factor_TR: Floats
    binary_factor_TR: Floats
    binary_scale_T: Floats
    ease_TT: Floats
    ease_binary_TT: Floats
    own_TF: Floats
    cross_PT: Floats

    def scores(self, dense: Dense) -> dict[str, Floats]:
        """Every score for every user and topic of a block, by name."""
        taste_UT, binary_UT = _taste(dense), dense.ever_UT.astype(np.float32)
        scaled_UT = binary_UT / self.binary_scale_T
        own_UT = np.einsum("utf,tf->ut", own_past(dense), self.own_TF)
        cross_UT = (profile(dense) @ self.cross_PT).astype(np.float32)
        ranks = {f"rank_{rank}": self.factor_TR[:, :rank] for rank in RANKS}
        return {
            **{name: (taste_UT @ v_TR) @ v_TR.T for name, v_TR in ranks.items()},
            "rank_binary": (scaled_UT @ self.binary_factor_TR)
            @ self.binary_factor_TR.T
            * self.binary_scale_T,
            "ease": taste_UT @ self.ease_TT,
            "ease_binary": binary_UT @ self.ease_binary_TT,
            "own_past": own_UT,
            "others": cross_UT,
            "two_stages": own_UT + cross_UT,
        }


@dataclass
class _Sums:
    """What is summed over users; each starts at 0 and grows to its own shape."""

    gram_TT: Any = 0.0
    binary_TT: Any = 0.0
    customers_T: Any = 0.0
    own_TFF: Any = 0.0
    own_hits_TF: Any = 0.0
    cross_PP: Any = 0.0
    cross_hits_PT: Any = 0.0
    cross_own_PTF: Any = 0.0

    def add(self, dense: Dense, span: int) -> None:
        """Add a block of users."""
        taste_UT, binary_UT = _taste(dense), dense.ever_UT.astype(np.float32)
        self.gram_TT = self.gram_TT + _product(taste_UT, taste_UT)
        self.binary_TT = self.binary_TT + _product(binary_UT, binary_UT)
        self.customers_T = self.customers_T + binary_UT.sum(axis=0)
        for cutoff in _stage_cutoffs(dense.shape[2], span):
            past = dense.until(cutoff)
            own_UTF, profile_UP = own_past(past), profile(past)
            hit_UT = dense.active_UT(cutoff, cutoff + span).astype(np.float32)
            own_TUF = own_UTF.transpose(1, 0, 2)
            own_hits_TF1 = own_TUF.transpose(0, 2, 1) @ hit_UT.T[:, :, None]
            self.own_TFF = self.own_TFF + (own_TUF.transpose(0, 2, 1) @ own_TUF).astype(float)
            self.own_hits_TF = self.own_hits_TF + own_hits_TF1[:, :, 0].astype(float)
            self.cross_PP = self.cross_PP + _product(profile_UP, profile_UP)
            self.cross_hits_PT = self.cross_hits_PT + _product(profile_UP, hit_UT)
            cross_own_PTF = np.tensordot(profile_UP, own_UTF, axes=(0, 0))
            self.cross_own_PTF = self.cross_own_PTF + cross_own_PTF.astype(float)


def learn_copurchase(blocks: Iterable[Dense], span: int) -> Copurchase:
    """Learn from blocks of everyone; `span` is the steps ahead that the two stages look at."""
    sums = _Sums()
    for dense in blocks:
        sums.add(dense, span)
    own_TF = _own_stage(sums.own_TFF, sums.own_hits_TF)
    rest_PT = sums.cross_hits_PT - np.einsum("ptf,tf->pt", sums.cross_own_PTF, own_TF)
    ridge_PP = sums.cross_PP + CROSS_RIDGE * np.eye(len(rest_PT))
    scale_T = np.sqrt(sums.customers_T + BINARY_FLOOR)
    return Copurchase(
        factor_TR=_leading(sums.gram_TT, max(RANKS)),
        binary_factor_TR=_leading(sums.binary_TT / np.outer(scale_T, scale_T), RANK_BINARY),
        binary_scale_T=scale_T.astype(np.float32),
        ease_TT=ease(sums.gram_TT),
        ease_binary_TT=ease(sums.binary_TT),
        own_TF=own_TF,
        cross_PT=np.linalg.solve(ridge_PP, rest_PT).astype(np.float32),
    )


def _product(left_UN: Floats, right_UM: Floats) -> Doubles:
    return (left_UN.T @ right_UM).astype(np.float64)


def own_past(dense: Dense) -> Floats:
    """Regressors of the first stage, from the cell's own past and the user's activity, `UTF`."""
    d4_UT, d16_UT, all_UT = dense.decayed_HUT[[2, 4, 6]]
    user_U1 = d16_UT.sum(axis=1, keepdims=True)
    shop_T = dense.shop_TH[:, 6] + 0.1
    share_UT = (d16_UT + 20 * shop_T / shop_T.sum()) / (user_U1 + 20)
    rate_U1 = user_U1 / dense.weight_SH[:, 4].sum() + 0.2
    wide = np.ones_like(d4_UT)
    columns = [
        wide,
        np.log1p(d4_UT),
        np.log1p(d16_UT),
        1 - np.exp(-all_UT),
        np.log1p(dense.steps_HUT[4]),
        1 - np.exp(-share_UT * rate_U1 * 4),
        np.log1p(user_U1) * wide,
        np.log1p(d4_UT.sum(axis=1, keepdims=True)) * wide,
    ]
    return np.stack(columns, axis=2).astype(np.float32, copy=False)


def profile(dense: Dense) -> Floats:
    """What a user ever took to, how much lately, and a constant, `UP`."""
    lately_UT = dense.decayed_HUT[4]
    one_U1 = np.ones((len(lately_UT), 1), dtype=np.float32)
    return np.hstack([1 - np.exp(-lately_UT), 0.5 * np.log1p(lately_UT), one_U1])


def _taste(dense: Dense) -> Floats:
    return np.log1p(dense.decayed_HUT[4])


def _stage_cutoffs(steps: int, span: int) -> list[int]:
    cutoffs = [cutoff for cutoff in (steps - span, steps - 2 * span) if cutoff >= 4]
    return cutoffs or [max(1, steps - span)]


def _own_stage(gram_TFF: Doubles, hits_TF: Doubles) -> Floats:
    eye_FF = np.eye(gram_TFF.shape[1])
    shop_F = np.linalg.solve(gram_TFF.mean(axis=0) + eye_FF, hits_TF.mean(axis=0))
    right_TF = hits_TF + OWN_RIDGE * shop_F
    own_TF = np.linalg.solve(gram_TFF + OWN_RIDGE * eye_FF, right_TF[:, :, None])
    return own_TF[:, :, 0].astype(np.float32)


def _leading(gram_TT: Doubles, rank: int) -> Floats:
    _, vector_TT = np.linalg.eigh(gram_TT)
    return np.ascontiguousarray(vector_TT[:, ::-1][:, :rank], dtype=np.float32)


def ease(gram_TT: Doubles, ridge: float = EASE_RIDGE) -> Floats:
    """Weights from each topic to the others, from the Gram matrix of users' tastes."""
    inverse_TT = np.linalg.inv(gram_TT + ridge * np.eye(len(gram_TT)))
    weight_TT = -inverse_TT / np.diag(inverse_TT)
    np.fill_diagonal(weight_TT, 0)
    return weight_TT.astype(np.float32)
