"""Assignment: who gets which arm of an experiment, by a salted hash of the customer's id.

Nothing is stored: the same id, salt and weights give the same arm on any machine. Source: Tang et
al., Overlapping Experiment Infrastructure, 2010, for layers; Fabijan et al., Diagnosing Sample
Ratio Mismatch, 2019.
Shapes: U users, A arms.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from penchant.errors import RecipeError, SettingsError
from penchant.interest.interest import Names

NOBODY = ""  # the experiment of a user whom a layer leaves out
MISMATCH = 1e-3  # chance below which counts don't fit their weights: looked at often, so strict


@dataclass(frozen=True, kw_only=True)
class Split:
    """Arms of an experiment and their weights; the first is the control.

    Raising one weight at the cost of its neighbours moves only some users; another salt deals all
    users anew. Raises SettingsError for fewer than two arms or a weight that isn't above 0.
    """

    salt: str  # the experiment's name, or any text of its own
    weights: Mapping[str, float]  # by arm, in any unit

    def __post_init__(self) -> None:
        _check(self.salt, self.weights)
        if len(self.weights) < 2:
            raise SettingsError(
                f"The experiment '{self.salt}' needs two arms; found {len(self.weights)}."
            )

    def assign(self, users: Sequence[str]) -> Names:
        """The arm of each user, as `arm_U`."""
        bound_A = np.cumsum(list(self.weights.values()))
        return _dealt(self.salt, users, tuple(self.weights), bound_A / bound_A[-1])


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Experiments that must not meet: each user takes part in at most one of a layer's.

    Layers with different salts are independent of each other. Adding an experiment at the end
    moves nobody who takes part in another. Raises SettingsError where shares add up to over 1.
    """

    salt: str
    shares: Mapping[str, float]  # part of all users, by experiment

    def __post_init__(self) -> None:
        _check(self.salt, self.shares)
        if (total := math.fsum(self.shares.values())) > 1 + 1e-9:
            raise SettingsError(
                f"Shares of the layer '{self.salt}' add up to {total:g}; they can have 1 in all."
            )

    def experiment(self, users: Sequence[str]) -> Names:
        """The experiment that each user takes part in, as `name_U`; empty for none."""
        bound_A = np.cumsum(list(self.shares.values()))
        return _dealt(self.salt, users, (*self.shares, NOBODY), bound_A)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An experiment as it is planned. Raises RecipeError for what can't be dealt."""

    arms: Mapping[str, float]  # weights, in any unit; the first is the control
    share: float = 1.0  # of customers that take part
    layer: str = ""  # experiments of one layer never meet; empty: it is alone in its own

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or not all(
            weight > 0 and math.isfinite(weight) for weight in self.arms.values()
        ):
            found = ", ".join(f"{arm} = {weight:g}" for arm, weight in self.arms.items())
            raise RecipeError(f"`arms` are two or more, with weights above 0; found {found}.")
        if not 0 < self.share <= 1:
            raise RecipeError(f"`share` is above 0 and at most 1; found {self.share:g}.")


def arms_of(plans: Mapping[str, Plan], users: Sequence[str]) -> dict[str, Names]:
    """The arm of each user in each experiment, as `arm_U`; empty for whoever takes no part.

    Raises SettingsError where shares of a layer add up to over 1.
    """
    layers: dict[str, dict[str, float]] = {}
    for name, plan in plans.items():
        layers.setdefault(plan.layer or f"of {name}", {})[name] = plan.share
    found = {}
    for layer, shares in layers.items():  # its salt is none that an experiment could have
        part_U = Layer(salt=f"layer: {layer}", shares=shares).experiment(users)
        for name in shares:
            arm_U = Split(salt=name, weights=plans[name].arms).assign(users)
            found[name] = np.where(part_U == name, arm_U, NOBODY)
    return found


@dataclass(frozen=True)
class SampleRatio:
    """Whether the arms are as large as their weights say: if not, no effect can be trusted."""

    count_A: npt.NDArray[np.int64]
    expected_A: npt.NDArray[np.float64]
    chance: float  # of counts as far off as these, if users were dealt by the weights

    @property
    def ok(self) -> bool:
        """Whether the counts are no further off than chance makes them."""
        return self.chance >= MISMATCH


def sample_ratio(count_A: Sequence[int], weight_A: Sequence[float]) -> SampleRatio:
    """Test the sizes of arms against their weights, by chi-square."""
    found_A, weights_A = np.asarray(count_A, dtype=np.int64), np.asarray(weight_A, dtype=float)
    expected_A = found_A.sum() * weights_A / weights_A.sum()
    return SampleRatio(found_A, expected_A, float(stats.chisquare(found_A, expected_A).pvalue))


def _dealt(
    salt: str, users: Sequence[str], names: tuple[str, ...], bound_A: npt.NDArray[np.float64]
) -> Names:
    place_U = np.array([_place(salt, str(user)) for user in users], dtype=np.float64)
    at_U = np.searchsorted(bound_A, place_U, side="right")
    return np.array(names, dtype=np.str_)[np.minimum(at_U, len(names) - 1)]


def _place(salt: str, user: str) -> float:
    """A number in [0, 1) that looks random and is always the same."""
    digest = hashlib.sha256(f"{len(salt)}:{salt}:{user}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48  # exact in a double, and below 1


def _check(salt: str, weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if not (name and weight > 0 and math.isfinite(weight)):
            raise SettingsError(
                f"'{salt}' gives '{name}' the weight {weight}; give names, and weights above 0."
            )
