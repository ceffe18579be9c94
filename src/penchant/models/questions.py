"""The questions a multi-task network is asked, and what its answers cost.

Of a cell: is it active, how many engagements beyond the first, does it come first. Of a user: does
nothing happen in a window, and how much money is spent.
The next topic is a softmax over a user's topics. In training only some cells are drawn, each with a
known chance; divided by it, those drawn stand for all (the logQ correction), and a topic that came
first counts once, however it was drawn.
Money is zero or lognormal, as it has a lump at zero and a long tail.
Sources: Bengio and Senécal, "Adaptive importance sampling to accelerate training of a neural
probabilistic language model" (2008); Wang, Liu and Miao, "A deep probabilistic model for customer
lifetime value prediction" (2019); Kendall, Gal and Cipolla, "Multi-task learning using uncertainty
to weigh losses" (2018).
Shapes: N cells, G groups (a user at a cutoff), B users of a batch, C cutoffs, W windows, M three
measures of money for each window, Q questions.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from penchant.models.batches import Batch
from penchant.models.network import cell_losses

QUESTIONS = ("active", "volume", "next", "churn", "spend")
OF_CELLS, OF_USERS = QUESTIONS[:3], QUESTIONS[3:]
FIXED = (1.0, 0.2, 0.02, 0.05, 0.02)  # weights that bring losses to the size of the first
DOUBT = 4.0  # a learned weight lies within exp(-DOUBT) and exp(DOUBT)
SPREADS = (-3.0, 0.7)  # logarithms of the least and most spread of the logarithm of money
MOST_MONEY = 4.0  # logarithm of what is expected of who spends, in a user's average
HALF_LOG_TAU = 0.9189385  # half the logarithm of 2 pi


class Answers(NamedTuple):
    """What a network says of a batch; the first two are what every network says."""

    logit_NW: Tensor  # of a chance
    further_NW: Tensor  # logarithm of engagements beyond the first
    next_N: Tensor  # logit of coming first, up to a constant of each user
    churn_BCW: Tensor  # logit
    money_BCM: Tensor  # for each window: logit of spending, log of the amount, its log spread
    unit_W: Tensor  # amount that money is counted in
    doubt_Q: Tensor  # logarithm of the variance of each question's answer


def answer_losses(answers: Answers, batch: Batch) -> Tensor:
    """Mean loss of each question, `Q`."""
    weight_NW = batch.weight_NW
    chance_NW, volume_NW = cell_losses(answers.logit_NW, answers.further_NW, batch.count_NW)
    beyond_NW = (batch.count_NW - 1).clamp(min=0)
    volume_NW = volume_NW + torch.xlogy(beyond_NW, beyond_NW) - beyond_NW  # at best 0
    known_CW = batch.known_CW.expand_as(batch.active_BCW)
    churn_BCW = functional.binary_cross_entropy_with_logits(
        answers.churn_BCW, 1 - batch.active_BCW, reduction="none"
    )
    return torch.stack(
        [
            mean(chance_NW, weight_NW),
            mean(volume_NW, weight_NW),
            next_loss(answers.next_N, batch),
            mean(churn_BCW, known_CW),
            mean(money_loss(answers, batch.spend_BCW), known_CW),
        ]
    )


def mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of a loss; zero where nothing weighs."""
    return (weight * loss).sum() / weight.sum().clamp(min=1)


def next_loss(logit_N: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of what users did first, by a softmax over the cells drawn of each user."""
    weight_N = batch.weight_NW.amax(dim=1)  # one over the chance of being drawn; 0: not known
    looks = len(batch.cutoff_C)
    group_N, groups = batch.user_N * looks + batch.look_N, len(batch.count_BST) * looks
    first_N = batch.first_N * weight_N
    stood_N = logit_N + weight_N.clamp(min=1e-9).log()
    top_G = torch.full((groups,), -1e9, device=logit_N.device, dtype=stood_N.dtype)
    top_G = top_G.scatter_reduce(0, group_N, stood_N.detach(), "amax")
    sum_G = torch.zeros_like(top_G).index_add(0, group_N, (stood_N - top_G[group_N]).exp())
    total_N = (top_G + sum_G.clamp(min=1e-9).log())[group_N]
    extra_N = (1 - 1 / weight_N.clamp(min=1)) * (stood_N - total_N).exp()  # counted too often
    log_share_N = logit_N - total_N - torch.log1p(-extra_N.clamp(max=1 - 1e-4))
    return mean(-log_share_N, first_N)


def money_parts(money_BCM: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logit of spending at all, log of the mean of what is spent then, and log of its spread."""
    paid_BCW, amount_BCW, spread_BCW = money_BCM.chunk(3, dim=-1)
    return paid_BCW, amount_BCW.clamp(max=MOST_MONEY), spread_BCW.clamp(*SPREADS)


def money_loss(answers: Answers, spend_BCW: Tensor) -> Tensor:
    """Negative log likelihood of money that is zero or lognormal, `BCW`."""
    paid_BCW, amount_BCW, spread_BCW = money_parts(answers.money_BCM)
    middle_BCW = amount_BCW - 0.5 * (2 * spread_BCW).exp()  # mean of the logarithm
    some_BCW = (spend_BCW > 0).float()
    log_BCW = (spend_BCW / answers.unit_W).clamp(min=1e-6).log()
    z_BCW = (log_BCW - middle_BCW) * (-spread_BCW).exp()
    any_BCW = functional.binary_cross_entropy_with_logits(paid_BCW, some_BCW, reduction="none")
    return any_BCW + some_BCW * (HALF_LOG_TAU + spread_BCW + 0.5 * z_BCW**2)


def expected_money(answers: Answers) -> Tensor:
    """Money expected in each window, `BCW`."""
    paid_BCW, amount_BCW, _ = money_parts(answers.money_BCM)
    return answers.unit_W * torch.sigmoid(paid_BCW) * amount_BCW.exp()


def weighed(loss_Q: Tensor, doubt_Q: Tensor, asked_Q: Tensor, uncertain: bool) -> Tensor:
    """One loss of those that are asked: by learned uncertainty, or by fixed weights."""
    if not uncertain:
        return (asked_Q * torch.tensor(FIXED, device=loss_Q.device) * loss_Q).sum()
    doubt_Q = doubt_Q.clamp(-DOUBT, DOUBT)
    return (asked_Q * ((-doubt_Q).exp() * loss_Q + 0.5 * doubt_Q)).sum()
