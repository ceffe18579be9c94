"""Policies learned from a log: which option to show, without having tried it out.

A softmax over a network's scores of options, learned by one of four objectives. All are as good as
the log: what was hardly ever shown stays unknown. A reward may be what came at once, or all that
the user did from then on (`returns`), which makes a policy patient.

* `reward_weighted`: the log-likelihood of what was shown, weighted by its reward. No propensities;
  imitates the log where rewards differ little, as returns do.
* `ips`: the reward expected of the policy, by weighted rewards; capped weights.
* `dr`: the same, by a model of rewards and its weighted errors.
* `top_k`: REINFORCE corrected for the log, for showing the best K at once.

Sources: Peters and Schaal, Reinforcement Learning by Reward-Weighted Regression, 2007; Dudík et
al., Doubly Robust Policy Evaluation, 2014; Chen et al., Top-K Off-Policy Correction for a REINFORCE
Recommender System, 2019.
Shapes: N logged decisions, A options, F features.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penchant.decisions.offpolicy import Codes, Feedback
from penchant.decisions.scorer import Scorer, Training, learn
from penchant.errors import DataError, RecipeError, suggest
from penchant.extras import needed
from penchant.interest.counts import Doubles
from penchant.interest.interest import Floats

OBJECTIVES = ("reward_weighted", "ips", "dr", "top_k")


@dataclass(frozen=True, kw_only=True)
class SoftmaxPolicy:
    """Recipe. Raises RecipeError for an unknown objective."""

    objective: str = "reward_weighted"
    cap: float = 10.0  # largest weight
    k: int = 3  # options shown at once, of `top_k`
    entropy: float = 0.01  # what an undecided policy is worth, in deviations of rewards
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise RecipeError(
                f"There is no objective '{self.objective}'. {suggest(self.objective, OBJECTIVES)}"
            )

    def fit(
        self, feedback: Feedback, option_NAF: Floats, expected_NA: Doubles | None = None
    ) -> "FittedPolicy":
        """Learn from a log and the features of what could have been shown.

        `expected_NA` are a model's rewards, which `dr` needs. Raises RecipeError without them or
        without torch, DataError for rewards below 0 in `reward_weighted`.
        """
        if self.objective == "dr" and expected_NA is None:
            raise RecipeError("'dr' needs a model's expected rewards; give expected_NA.")
        if self.objective == "reward_weighted" and feedback.reward_N.min() < 0:
            raise DataError(
                f"'reward_weighted' needs rewards of at least 0; found {feedback.reward_N.min():g}."
            )
        torch = needed("torch", "policy")
        parts = _tensors(torch, feedback, expected_NA)

        def loss(network: Any, options: Any, rows: Any) -> Any:
            logs = torch.log_softmax(network(options).squeeze(-1), dim=1)
            chances = logs.exp()
            undecided = -(chances * logs).sum(dim=1).mean()
            batch = {name: part[rows] for name, part in parts.items()}
            return self._loss(torch, logs, batch) - self.entropy * undecided

        return FittedPolicy(self, learn(option_NAF, loss, self.training))

    def _loss(self, torch: Any, logs: Any, batch: dict[str, Any]) -> Any:
        """What is to be least; rewards are in deviations, and but for the weighted ones centred."""
        log = logs.gather(1, batch["taken"][:, None]).squeeze(1)
        if self.objective == "reward_weighted":
            return -(batch["weight"] * log).mean()
        ratio = (log.exp() / batch["logged"]).clamp(max=self.cap)
        if self.objective == "ips":
            return -(ratio * batch["earned"]).mean()
        if self.objective == "dr":
            model = (logs.exp() * batch["expected"]).sum(dim=1)
            logged = batch["expected"].gather(1, batch["taken"][:, None]).squeeze(1)
            return -(model + ratio * (batch["earned"] - logged)).mean()
        several = self.k * (1 - log.exp()) ** (self.k - 1)
        return -((ratio * several).detach() * batch["earned"] * log).mean()


@dataclass(frozen=True)
class FittedPolicy:
    """Model. Needs no torch."""

    recipe: SoftmaxPolicy
    scorer: Scorer

    def chances(self, option_NAF: Doubles) -> Doubles:
        """The chance of each option, `NA`."""
        score_NA = self.scorer.scores(option_NAF)
        odds_NA = np.exp(score_NA - score_NA.max(axis=1, keepdims=True))
        return odds_NA / odds_NA.sum(axis=1, keepdims=True)

    def best(self, option_NAF: Doubles) -> Codes:
        """The likeliest option of each decision."""
        return self.scorer.scores(option_NAF).argmax(axis=1)


def returns(reward_N: Doubles, next_N: Codes, discount: float = 0.9) -> Doubles:
    """What came from each decision on: its reward and, discounted, those of the ones after it.

    `next_N` is the user's next decision, always a later row of the log, and -1 for the last.
    """
    later_N = np.append(np.asarray(reward_N, dtype=np.float64), 0.0)
    for row in range(len(reward_N) - 1, -1, -1):
        later_N[row] += discount * later_N[next_N[row]]
    return later_N[:-1]


def _tensors(torch: Any, feedback: Feedback, expected_NA: Doubles | None) -> dict[str, Any]:
    reward_N = feedback.reward_N
    usual, spread = float(reward_N.mean()), float(reward_N.std()) or 1.0
    parts = {
        "weight": reward_N / (usual or 1.0),
        "earned": (reward_N - usual) / spread,
        "logged": feedback.propensity_N,
    }
    if expected_NA is not None:
        parts["expected"] = (expected_NA - usual) / spread
    made = {name: torch.from_numpy(part.astype(np.float32)) for name, part in parts.items()}
    return made | {"taken": torch.from_numpy(feedback.action_N.astype(np.int64))}
