"""Conservative Q-learning: what an option is worth in the long run, doubted where rarely logged.

Reads sequences: what was shown, what came, and what could be shown next. An option's worth is its
reward and the discounted worth of the best that follows; a penalty holds down the worth of options
that the log doesn't show. Needs no propensities. Sensitive to the discount and the penalty, neither
of which a log can choose with certainty.
Source: Kumar et al., Conservative Q-Learning for Offline Reinforcement Learning, 2020.
Shapes: N logged decisions, A options, F features.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penchant.decisions.offpolicy import Codes
from penchant.decisions.scorer import Scorer, Training, learn
from penchant.extras import needed
from penchant.interest.counts import Doubles
from penchant.interest.interest import Floats


@dataclass(frozen=True, kw_only=True)
class ConservativeQ:
    """Recipe. The worth of what follows is taken from the network as it was an epoch before."""

    discount: float = 0.9  # of a decision to the next
    penalty: float = 0.1  # weight of the doubt
    training: Training = field(default_factory=lambda: Training(epochs=40))

    def fit(
        self, action_N: Codes, reward_N: Doubles, next_N: Codes, option_NAF: Floats
    ) -> "FittedQ":
        """Learn from sequences; `next_N` is the row of the user's next decision, -1 for none.

        Raises RecipeError without torch.
        """
        torch = needed("torch", "policy")
        action = torch.from_numpy(action_N.astype(np.int64))
        reward = torch.from_numpy(reward_N.astype(np.float32))
        follows = torch.from_numpy(next_N.astype(np.int64))
        later = torch.zeros(len(reward))

        def look_ahead(network: Any, options: Any) -> None:
            frozen = deepcopy(network)
            with torch.no_grad():
                worth = frozen(options).squeeze(-1).max(dim=1).values
            later.copy_(torch.where(follows >= 0, worth[follows], torch.zeros(())))

        def loss(network: Any, options: Any, rows: Any) -> Any:
            worth = network(options).squeeze(-1)
            own = worth.gather(1, action[rows][:, None]).squeeze(1)
            wanted = reward[rows] + self.discount * later[rows]
            doubt = torch.logsumexp(worth, dim=1) - own
            return ((own - wanted) ** 2).mean() + self.penalty * doubt.mean()

        return FittedQ(self, learn(option_NAF, loss, self.training, after_epoch=look_ahead))


@dataclass(frozen=True)
class FittedQ:
    """Model. Needs no torch."""

    recipe: ConservativeQ
    scorer: Scorer

    def best(self, option_NAF: Doubles) -> Codes:
        """The option of most worth in each decision."""
        return self.scorer.scores(option_NAF).argmax(axis=1)
