"""What similar customers do: co-purchase factors and two linear stages, learned from everyone.

* Low-rank scores: the user's decayed counts projected on the leading eigenvectors of the topics'
  Gram matrix, which is the truncated SVD without the users (Sarwar et al. 2000).
* EASE: the ridge regression of each topic on the others, in closed form (Steck 2019).
* Two stages: a small linear regression of "active soon" on the cell's own past, and a ridge of
  what it leaves unexplained on the user's profile over all topics.
All of it is a sum over users, so it is learned in blocks and applied to users never seen.
Shapes: U users, T topics, F own-past regressors, P profile entries (2T + 1), R rank.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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


def learn_copurchase(blocks: Iterable[Dense], span: int) -> Copurchase:
    """Learn from blocks of everyone; `span` is the steps ahead that the two stages look at."""
    gram, gram_binary, bought = 0.0, 0.0, 0.0
    own_gram, own_hits, cross_gram, cross_hits, cross_own = 0.0, 0.0, 0.0, 0.0, 0.0
    for dense in blocks:
        taste_UT, binary_UT = _taste(dense), dense.ever_UT.astype(np.float32)
        gram = gram + (taste_UT.T @ taste_UT).astype(float)
        gram_binary = gram_binary + (binary_UT.T @ binary_UT).astype(float)
        bought = bought + binary_UT.sum(axis=0)
        for cutoff in _stage_cutoffs(dense.shape[2], span):
            past = dense.until(cutoff)
            own_UTF = own_past(past)
            hit_UT = dense.active_UT(cutoff, cutoff + span).astype(np.float32)
            own_gram = own_gram + np.einsum("utf,utg->tfg", own_UTF, own_UTF, optimize=True)
            own_hits = own_hits + np.einsum("utf,ut->tf", own_UTF, hit_UT, optimize=True)
            profile_UP = profile(past)
            cross_gram = cross_gram + (profile_UP.T @ profile_UP).astype(float)
            cross_hits = cross_hits + (profile_UP.T @ hit_UT).astype(float)
            cross_own = cross_own + np.tensordot(profile_UP, own_UTF, axes=(0, 0)).astype(float)
    own_TF = _own_stage(np.asarray(own_gram, dtype=float), np.asarray(own_hits, dtype=float))
    rest_PT = cross_hits - np.einsum("ptf,tf->pt", cross_own, own_TF)
    ridge_PP = np.asarray(cross_gram) + CROSS_RIDGE * np.eye(len(rest_PT))
    scale_T = np.sqrt(np.asarray(bought) + BINARY_FLOOR).astype(np.float32)
    return Copurchase(
        factor_TR=_leading(np.asarray(gram), max(RANKS)),
        binary_factor_TR=_leading(gram_binary / np.outer(scale_T, scale_T), RANK_BINARY),
        binary_scale_T=scale_T,
        ease_TT=_ease(np.asarray(gram)),
        ease_binary_TT=_ease(np.asarray(gram_binary)),
        own_TF=own_TF,
        cross_PT=np.linalg.solve(ridge_PP, rest_PT).astype(np.float32),
    )


def own_past(dense: Dense) -> Floats:
    """Regressors of the first stage, from the cell's own past and the user's activity, `UTF`."""
    decayed, steps = dense.decayed_UTH, dense.steps_UTH
    d4_UT, d16_UT, all_UT = decayed[:, :, 2], decayed[:, :, 4], decayed[:, :, 6]
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
        np.log1p(steps[:, :, 4]),
        1 - np.exp(-share_UT * rate_U1 * 4),
        np.log1p(user_U1) * wide,
        np.log1p(d4_UT.sum(axis=1, keepdims=True)) * wide,
    ]
    return np.stack(columns, axis=2).astype(np.float32)


def profile(dense: Dense) -> Floats:
    """What a user ever took to, how much lately, and a constant, `UP`."""
    lately_UT = dense.decayed_UTH[:, :, 4]
    one_U1 = np.ones((len(lately_UT), 1), dtype=np.float32)
    return np.hstack([1 - np.exp(-lately_UT), 0.5 * np.log1p(lately_UT), one_U1])


def _taste(dense: Dense) -> Floats:
    return np.log1p(dense.decayed_UTH[:, :, 4])


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


def _ease(gram_TT: Doubles) -> Floats:
    inverse_TT = np.linalg.inv(gram_TT + EASE_RIDGE * np.eye(len(gram_TT)))
    weight_TT = -inverse_TT / np.diag(inverse_TT)
    np.fill_diagonal(weight_TT, 0)
    return weight_TT.astype(np.float32)
