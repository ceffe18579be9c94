"""Weights from other shops, and how a new shop tunes them: whole, the head only, or by low rank.

A base is what was learned elsewhere: a reader of steps by itself (pre-training), or, of a fitted
model, the head too, which then forecasts a new shop untrained. Features find their weights by name;
one that the base doesn't know starts without any. What a base doesn't hold is always trained whole.
Low-rank adapters move few weights and are merged into the layers in the end. They help where the
new shop is small; with many customers, tuning whole, or no base at all, does as well.
Source: Hu et al., "LoRA: low-rank adaptation of large language models" (2022).
Shapes: I inputs of a layer, O its outputs, R rank, F features.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.numpy import load, save
from torch import Tensor, nn
from torch.nn.utils import parametrize

from penchant.errors import RecipeError
from penchant.interest.artifact import (
    Arrays,
    from_tree,
    read_artefact,
    to_tree,
    write_artefact,
)
from penchant.models.forecaster import FittedNetwork
from penchant.models.network import Tensors
from penchant.models.reader import Reading

TUNES = ("full", "head", "lora", "none")
BY_FEATURE = ("head.of_feature.weight", "head.straight.weight")  # whose inputs are features
FILES = ("base.json", "arrays.safetensors")


@dataclass(frozen=True)
class Base:
    """What was learned elsewhere."""

    reading: Reading
    columns: tuple[str, ...]  # features that the head reads, in order; none without a head
    weights: Tensors


def base_of(model: FittedNetwork, reading: Reading) -> Base:
    """The base that a fitted model makes, head and all."""
    return Base(reading, model.shape.columns, model.weights)


def save_base(base: Base, folder: Path) -> None:
    """Write a base to a folder, complete or not at all."""
    arrays: Arrays = {}
    tree = json.dumps(to_tree(base, arrays, "base"), indent=1).encode()
    write_artefact(dict(zip(FILES, (tree, save(arrays)), strict=True)), folder)


def load_base(folder: Path) -> Base:
    """Read a base, checking every hash; ArtefactError where it is damaged or none."""
    files = read_artefact(folder, FILES)
    types = {"Base": Base, "Reading": Reading, "Tensors": Tensors}
    base: Base = from_tree(json.loads(files["base.json"]), load(files[FILES[1]]), types)
    return base


def start_from(net: nn.Module, base: Base, columns: tuple[str, ...]) -> set[str]:
    """Give a network the weights of a base, in place; returns the names of those it gave."""
    state, held = net.state_dict(), base.weights.state()
    given = {name: value for name, value in held.items() if name in state}
    for name in BY_FEATURE:
        if name in given:
            given[name] = by_name(given[name], base.columns, columns)
    other = [name for name, value in given.items() if value.shape != state[name].shape]
    if other:
        raise RecipeError(
            f"The base doesn't fit: {other[0]} is {tuple(given[other[0]].shape)} there and "
            f"{tuple(state[other[0]].shape)} here. Forecast as many windows as the base, with the "
            "same reading, or start from a base without a head."
        )
    net.load_state_dict({**state, **given})
    return set(given)


def by_name(weight_OF: Tensor, known: tuple[str, ...], asked: tuple[str, ...]) -> Tensor:
    """Weights of features in another order; those of features not known are zero."""
    place = {name: f for f, name in enumerate(known)}
    wide_OF = nn.functional.pad(weight_OF, (0, 1))
    return wide_OF[:, [place.get(name, len(known)) for name in asked]]


def tune(net: nn.Module, how: str, rank: int, given: set[str]) -> None:
    """Choose what a network learns, in place; `given` names the weights that a base gave it."""
    for name, value in net.named_parameters():
        kept = {"full": False, "none": False, "head": not name.startswith("head."), "lora": True}
        value.requires_grad_(not (kept[how] and name in given))
    if how == "lora":
        adapt(net, rank, given)


class LowRank(nn.Module):
    """What is added to the weights of a layer: the product of two thin matrices, at first zero."""

    def __init__(self, weight_OI: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight_OI.shape
        self.down_RI = nn.Parameter(torch.empty(rank, inputs))
        self.up_OR = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down_RI, a=math.sqrt(5))

    def forward(self, weight_OI: Tensor) -> Tensor:
        """The weights, moved."""
        return weight_OI + self.up_OR @ self.down_RI


def adapt(net: nn.Module, rank: int, given: set[str]) -> None:
    """Give the layers whose weights are `given` adapters of a rank, in place."""
    for name, layer in linear(net).items():
        if f"{name}.weight" in given:
            parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))


def merge(net: nn.Module) -> None:
    """Merge all adapters of a network into its layers, in place."""
    for layer in linear(net).values():
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight")


def linear(net: nn.Module) -> Mapping[str, nn.Linear]:
    """The linear layers of a network, by name."""
    return {name: layer for name, layer in net.named_modules() if isinstance(layer, nn.Linear)}
