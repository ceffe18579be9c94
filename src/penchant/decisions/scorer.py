"""A small network that scores options by their features, learned by torch and read by NumPy.

All options share it, so that there may be any number of them. Reading needs no torch.
Shapes: N decisions, A options, F features, H inputs or outputs of a layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from penchant.extras import needed
from penchant.interest.counts import Doubles
from penchant.interest.interest import Floats


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a scorer is learned. Seconds on one core for some ten thousand decisions."""

    hidden: int = 32  # units of each of two layers
    epochs: int = 20
    batch: int = 1024  # decisions
    rate: float = 3e-3  # of Adam
    decay: float = 1e-4  # of weights
    seed: int = 0


@dataclass(frozen=True)
class Scorer:
    """Weights of a network, and what features were on average."""

    mean_F: Floats
    scale_F: Floats
    weights_HH: tuple[Floats, ...]
    biases_H: tuple[Floats, ...]

    def scores(self, option_NAF: Doubles) -> Doubles:
        """A score of each option, `NA`."""
        found = (option_NAF - self.mean_F) / self.scale_F
        for layer, (weight_HH, bias_H) in enumerate(
            zip(self.weights_HH, self.biases_H, strict=True)
        ):
            found = found @ weight_HH.T + bias_H
            if layer < len(self.biases_H) - 1:
                found = np.maximum(found, 0.0)
        return np.asarray(found[:, :, 0], dtype=np.float64)


def learn(
    option_NAF: Floats,
    loss: Callable[[Any, Any, Any], Any],
    training: Training,
    *,
    after_epoch: Callable[[Any, Any], None] | None = None,
) -> Scorer:
    """Learn a scorer by a loss of (network, standardised options of a batch, its rows).

    `after_epoch` gets the network and all standardised options before each epoch. Raises
    RecipeError without torch.
    """
    torch = needed("torch", "policy")
    mean_F = option_NAF.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    scale_F = (option_NAF.std(axis=(0, 1), dtype=np.float64) + 1e-6).astype(np.float32)
    options = torch.from_numpy(((option_NAF - mean_F) / scale_F).astype(np.float32))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = _network(torch, option_NAF.shape[2], training.hidden)
        optimiser = torch.optim.Adam(
            network.parameters(), lr=training.rate, weight_decay=training.decay
        )
        for _ in range(training.epochs):
            if after_epoch is not None:
                after_epoch(network, options)
            for rows in torch.randperm(len(options)).split(training.batch):
                optimiser.zero_grad()
                loss(network, options[rows], rows).backward()
                optimiser.step()
    linear = [layer for layer in network if hasattr(layer, "weight")]
    return Scorer(
        mean_F,
        scale_F,
        tuple(layer.weight.detach().numpy().copy() for layer in linear),
        tuple(layer.bias.detach().numpy().copy() for layer in linear),
    )


def _network(torch: Any, features: int, hidden: int) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )
