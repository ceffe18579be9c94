"""A training on disk, so that it carries on after a stop: weights, optimiser, losses.

Safetensors hold tensors and, as metadata, what they belong to; a checkpoint of another training is
refused. No pickle.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penchant.errors import ArtefactError

FILE = "training.safetensors"


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
    """Where a training is kept, and the mark it is known by; without a folder nothing is kept."""

    path: Path | None
    mark: str

    @classmethod
    def at(cls, folder: str, net: nn.Module, settings: str) -> "Checkpoint":
        """The checkpoint of a network with these weights to start from and these settings."""
        digest = hashlib.sha256(settings.encode())
        for name, value in net.state_dict().items():
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        return cls(Path(folder) / FILE if folder else None, digest.hexdigest())

    def read(self) -> Kept | None:
        """The state kept, or None where there is none yet.

        Raises ArtefactError for the checkpoint of another training.
        """
        if self.path is None or not self.path.exists():
            return None
        with safe_open(self.path, framework="pt") as file:
            about = file.metadata()
            if about["mark"] != self.mark:
                raise ArtefactError(
                    f"{self.path} is the checkpoint of another training: other data, settings or "
                    "version. Name another folder, or delete it to start anew."
                )
        return Kept(load_file(self.path), tuple(json.loads(about["losses"])), int(about["steps"]))

    def write(self, kept: Kept) -> None:
        """Keep a state, whole or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        about = {"mark": self.mark, "losses": json.dumps(kept.losses), "steps": str(kept.steps)}
        tensors = {name: tensor.contiguous() for name, tensor in kept.tensors.items()}
        save_file(tensors, partial, about)
        os.replace(partial, self.path)
