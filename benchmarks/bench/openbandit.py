"""Open Bandit Data as it comes in the wheel of obp 0.4.1, read without importing obp.

Two logs a campaign, of a policy that draws items evenly and of Bernoulli Thompson sampling; each
tells of the other, whose own clicks say what is right.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from penchant.decisions.offpolicy import Feedback
from penchant.errors import DataError

CAMPAIGNS = ("all", "men", "women")
RANDOM, THOMPSON = LOGS = ("random", "bts")
POSITIONS = 3
SIMULATIONS = 100_000  # as many as obp draws


@dataclass(frozen=True)
class Log:
    """A log of one policy: decisions, the place of each on the page, and each item's chance."""

    feedback: Feedback
    position_N: np.ndarray
    items: int


def read_log(policy: str, campaign: str) -> Log:
    """The log of a policy in a campaign; DataError without obp's files."""
    table = pd.read_csv(_folder() / "dataset" / "obd" / policy / campaign / f"{campaign}.csv")
    feedback = Feedback(
        table["item_id"].to_numpy(dtype=np.int64),
        table["click"].to_numpy(dtype=np.float64),
        table["propensity_score"].to_numpy(dtype=np.float64),
    )
    return Log(feedback, table["position"].to_numpy() - 1, int(table["item_id"].max()) + 1)


def item_chances(policy: str, campaign: str, items: int) -> np.ndarray:
    """The chance of each item at each position, items × positions, of one of the two policies.

    Thompson sampling's is simulated from the priors that obp ships, as obp does.
    """
    if policy == RANDOM:
        return np.full((items, POSITIONS), 1 / items)
    priors = _priors()[campaign]
    rng = np.random.default_rng(0)
    shown = np.zeros((items, POSITIONS))
    for _ in range(10):
        drawn = rng.beta(priors["alpha"], priors["beta"], (SIMULATIONS // 10, items))
        best = np.argsort(-drawn, axis=1)[:, :POSITIONS]
        for position in range(POSITIONS):
            shown[:, position] += np.bincount(best[:, position], minlength=items)
    return shown / SIMULATIONS


def _folder() -> Path:
    found = find_spec("obp")
    if found is None or found.origin is None:
        raise DataError("obp's files aren't here. Run: pip install --no-deps obp==0.4.1")
    return Path(found.origin).parent


def _priors() -> dict[str, dict[str, list[float]]]:
    """The numbers of `prior_bts.yaml`: campaign, then alpha and beta, then a list."""
    priors: dict[str, dict[str, list[float]]] = {}
    campaign = name = ""
    text = (_folder() / "policy" / "conf" / "prior_bts.yaml").read_text(encoding="utf-8")
    for line in text.splitlines():
        word = line.strip().rstrip(":")
        if line.strip().startswith("-"):
            priors[campaign][name].append(float(word.removeprefix("-")))
        elif line.startswith(" "):
            name = word
            priors[campaign][name] = []
        elif word:
            campaign = word
            priors[campaign] = {}
    return priors
