"""Tokens of users' pasts: a user's active steps, or each entry (topic, step, how much) of them.

Only the latest tokens before each cutoff are kept, so that their number is bounded however long the
past; which are kept before a cutoff doesn't depend on what came after it. Steps without an
engagement cost nothing.
Shapes: B users of a batch, S steps, T topics, C cutoffs, N tokens of all users, L tokens kept of a
user (the shorter are padded), A measures of a token.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MEASURES = 3  # A: of a token, beside its topics
NONE = -(10**9)  # rank of padding: too far back to be seen


@dataclass(frozen=True)
class Tokens:
    """The latest tokens of each user, in the order of time."""

    step_BL: Tensor  # -1 for padding
    topic_BL: Tensor  # of entries; 0 for steps, whose topics are many
    measure_BLA: Tensor  # logarithms of gaps and amounts
    rank_BL: Tensor  # place among all of the user's tokens; NONE for padding
    before_BC: Tensor  # tokens that each cutoff has before it, kept or not

    def seen_BLL(self, reach: int) -> Tensor:
        """Which tokens (last) each token sees: the latest `reach` of no later step."""
        near_BLL = self.rank_BL[:, :, None] - self.rank_BL[:, None] < reach
        return near_BLL & (self.step_BL[:, None] <= self.step_BL[:, :, None])

    def seen_BCL(self, reach: int) -> Tensor:
        """Which tokens each cutoff sees: the latest `reach` before it."""
        back_BCL = self.before_BC[:, :, None] - self.rank_BL[:, None]
        return (back_BCL > 0) & (back_BCL <= reach)


def last_active(count_BST: Tensor) -> Tensor:
    """The latest active step up to each step, itself included, `BS`; -1 where there is none."""
    active_BS = count_BST.sum(dim=2) > 0
    step_S = torch.arange(active_BS.shape[1], device=active_BS.device)
    return torch.where(active_BS, step_S, -1).cummax(dim=1).values


def step_tokens(count_BST: Tensor, cutoff_C: Tensor, length: int) -> Tokens:
    """One token for each active step: its gap to the one before, how many topics, how much."""
    much_BS = count_BST.sum(dim=2)
    user_N, step_N = much_BS.nonzero(as_tuple=True)
    topics_BS = (count_BST > 0).sum(dim=2)
    measure_NA = torch.stack(
        [
            _step_gaps(count_BST, user_N, step_N),
            topics_BS[user_N, step_N],
            much_BS[user_N, step_N],
        ],
        dim=1,
    )
    where = (user_N, step_N, torch.zeros_like(step_N))
    return _latest(where, measure_NA, len(count_BST), cutoff_C, length)


def entry_tokens(count_BST: Tensor, cutoff_C: Tensor, length: int) -> Tokens:
    """One token for each entry: gaps to the user's step before and the topic's, how much."""
    user_N, step_N, topic_N = where = count_BST.nonzero(as_tuple=True)
    measure_NA = torch.stack(
        [
            _step_gaps(count_BST, user_N, step_N),
            _topic_gaps(user_N * count_BST.shape[2] + topic_N, step_N),
            count_BST[where[0], where[1], where[2]],
        ],
        dim=1,
    )
    return _latest((user_N, step_N, topic_N), measure_NA, len(count_BST), cutoff_C, length)


def _step_gaps(count_BST: Tensor, user_N: Tensor, step_N: Tensor) -> Tensor:
    """Steps since the user's active step before; 0 for the first."""
    before_N = last_active(count_BST)[user_N, (step_N - 1).clamp(min=0)]
    known_N = (step_N > 0) & (before_N >= 0)
    return torch.where(known_N, step_N - before_N, 0)


def _topic_gaps(cell_N: Tensor, step_N: Tensor) -> Tensor:
    """Steps since the user's entry of the same topic before; 0 for the first."""
    order_N = cell_N.argsort(stable=True)  # entries of a cell stay in the order of time
    same_N = cell_N[order_N].diff() == 0
    gap_N = torch.zeros_like(step_N)
    gap_N[order_N[1:]] = torch.where(same_N, step_N[order_N].diff(), 0)
    return gap_N


def _latest(
    where: tuple[Tensor, Tensor, Tensor],
    measure_NA: Tensor,
    users: int,
    cutoff_C: Tensor,
    length: int,
) -> Tokens:
    """Lay out the latest `length` tokens before each cutoff; `where` is sorted by user and step."""
    user_N, step_N, topic_N = where
    rank_N = _ranks(user_N, users)
    known_NC = (step_N[:, None] < cutoff_C).long()
    before_BC = known_NC.new_zeros(users, len(cutoff_C)).index_add_(0, user_N, known_NC)
    back_NC = before_BC[user_N] - rank_N[:, None]
    kept_N = ((back_NC > 0) & (back_NC <= length)).any(dim=1)
    user_N, step_N, topic_N = user_N[kept_N], step_N[kept_N], topic_N[kept_N]
    slot_N = _ranks(user_N, users)
    shape = (users, max(1, int(slot_N.max()) + 1 if len(slot_N) else 0))
    step_BL, topic_BL = step_N.new_full(shape, -1), topic_N.new_zeros(shape)
    rank_BL = rank_N.new_full(shape, NONE)
    measure_BLA = torch.zeros(*shape, measure_NA.shape[1], device=measure_NA.device)
    step_BL[user_N, slot_N] = step_N
    topic_BL[user_N, slot_N] = topic_N
    rank_BL[user_N, slot_N] = rank_N[kept_N]
    measure_BLA[user_N, slot_N] = measure_NA[kept_N].float().log1p()
    return Tokens(step_BL, topic_BL, measure_BLA, rank_BL, before_BC)


def _ranks(user_N: Tensor, users: int) -> Tensor:
    """Place of each token among its user's, in their order."""
    size_B = torch.bincount(user_N, minlength=users)
    first_B = size_B.cumsum(0) - size_B
    return torch.arange(len(user_N), device=user_N.device) - first_B[user_N]
