"""A training on disk, so that it carries on after a stop: weights, optimiser, losses.

A file is named by all that the training depends on, so that many share a folder and none carries on
with the weights of another. Safetensors hold tensors and, as metadata, losses; no pickle.
"""

import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penchant.interest.digest import digest


@dataclass(frozen=True)
class Kept:
    """The state of a training after a pass."""

    tensors: dict[str, Tensor]  # of the network, its averages and the optimiser, by prefix
    losses: tuple[float, ...]  # held out, after each pass
    steps: int  # taken

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of a prefix, named without it."""
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept; without a path nothing is."""

    path: Path | None

    @classmethod
    def at(cls, folder: str, net: nn.Module, about: tuple[object, ...]) -> "Checkpoint":
        """The checkpoint of a network with these weights to start from, and what it learns."""
        if not folder:
            return cls(None)
        weights = tuple((name, value.cpu().numpy()) for name, value in net.state_dict().items())
        mark = digest((version("penchant"), *about, *weights))
        return cls(Path(folder) / f"{mark}.safetensors")

    def read(self) -> Kept | None:
        """The state kept, or None where there is none yet."""
        if self.path is None or not self.path.exists():
            return None
        with safe_open(self.path, framework="pt") as file:
            about = file.metadata()
        return Kept(load_file(self.path), tuple(json.loads(about["losses"])), int(about["steps"]))

    def write(self, kept: Kept) -> None:
        """Keep a state, whole or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        about = {"losses": json.dumps(kept.losses), "steps": str(kept.steps)}
        tensors = {name: tensor.contiguous() for name, tensor in kept.tensors.items()}
        save_file(tensors, partial, about)
        os.replace(partial, self.path)
