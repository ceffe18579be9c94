"""The training loop of every network: warm up, cool down, average, stop early, carry on.

Weights are averaged along the way (an exponential moving average); after each pass the averaged
network is tried on what was held out, and the best one is kept. A pass that is done is never done
again where checkpoints are kept. Under `torchrun` each process takes its share of every pass and
gradients are averaged; on a GPU the forward pass runs in bf16.
Sources: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019); Izmailov et al.,
"Averaging weights leads to wider optima and better generalization" (2018).
"""

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from penchant.errors import RecipeError
from penchant.models.checkpoint import Checkpoint, Kept

Loss = Callable[[nn.Module, Any], Tensor]  # of a network and a batch
Pass = Callable[[int], Iterable[Any]]  # the batches of a pass
logger = logging.getLogger(__name__)
AVERAGED = 0.98  # of the average that a step keeps, in the end
MOST_GRADIENT = 1.0  # norm
RANK_SEEDS = 1_000_003  # between the seeds of dropout of two processes
WARM = 0.1  # share of the steps in which the learning rate rises


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained."""

    passes: int = 6  # over the training users, at most
    patience: int = 2  # passes without a better held-out loss, after which it stops
    batch_users: int = 16
    learning_rate: float = 3e-3  # at its highest
    weight_decay: float = 0.01
    most_users: int = 3000  # trained on and held out
    held_out: float = 0.1  # share of users, whose loss at the latest cutoff tells when to stop
    cutoffs: int = 6  # training cutoffs for each window
    spacing: int = 4  # steps between them
    least_cutoff: int = 12  # steps a training cutoff should have before it
    warm_share: float = 0.6  # of cells with a past, drawn in a pass
    cold_share: float = 0.1  # of cells without one
    threads: int = 1  # of PyTorch; beside other load two are slower than one
    seed: int = 0
    checkpoints: str = field(default="", repr=False)  # folder; none: nothing is kept


def train(
    net: nn.Module,
    loss: Loss,
    batches: Pass,
    size: int,
    held_out: Callable[[nn.Module], float] | None,
    settings: Training,
    about: tuple[object, ...] = (),
) -> list[float]:
    """Train a network in place; returns its held-out loss after each pass.

    A pass has `size` batches. Without `held_out` the average after the last pass is kept. `about`
    is what the loss and the batches are made of (a recipe's text, a history, arrays): a checkpoint
    of other things is not this training's. Raises RecipeError where there are more processes than
    batches, and where the loss of all passes is no number.
    """
    with processes() as (rank, world), seeded(settings.seed, settings.threads):
        if size < world:
            raise RecipeError(
                f"{world} processes can't share a pass of {size} batches. Start fewer processes."
            )
        device = device_of(rank)
        net.to(device)
        course = Course.begin(net, settings, size // world, device)
        kept = Checkpoint.at(settings.checkpoints, net, (repr(settings), size, world, *about))
        course.restore(kept.read())
        shared = DistributedDataParallel(net, find_unused_parameters=True) if world > 1 else None
        wrapped = shared or net
        while course.goes_on():
            torch.manual_seed((settings.seed + 1) * 1000 + len(course.losses) + RANK_SEEDS * rank)
            share = islice(batches(len(course.losses)), rank, size // world * world, world)
            mean = course.go_through(wrapped, loss, share)
            course.look(held_out, mean)
            found = "" if held_out is None else f", {course.losses[-1]:.4f} held out"
            done = f"{len(course.losses)} of {settings.passes}"
            logger.info("pass %s, loss %.4f%s", done, mean, found)
            if rank == 0:
                kept.write(course.state())
        if not math.isfinite(min(course.losses, default=0)):
            raise RecipeError(
                "The network's loss is no number after any pass. Lower its learning_rate; it is "
                f"{settings.learning_rate:g}."
            )
        net.load_state_dict(course.best)
        net.to("cpu").eval()
        return course.losses


@dataclass
class Course:
    """How far a training has come: the network, its average, and the best average so far."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    settings: Training
    size: int  # steps of a pass
    device: torch.device
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    losses: list[float]  # held out, after each pass
    steps: int = 0  # taken

    @classmethod
    def begin(cls, net: nn.Module, settings: Training, size: int, device: torch.device) -> "Course":
        """Start anew."""
        learned = [p for p in net.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups)
        return cls(net, optimizer, settings, size, device, copy_of(net), copy_of(net), [])

    def goes_on(self) -> bool:
        """Whether another pass may help."""
        since_best = (
            len(self.losses)
            - 1
            - min(range(len(self.losses)), key=self.losses.__getitem__, default=-1)
        )
        return len(self.losses) < self.settings.passes and since_best < self.settings.patience

    def go_through(self, net: nn.Module, loss: Loss, batches: Iterable[Any]) -> float:
        """Learn from the batches of a pass; returns their mean loss."""
        net.train()
        before, total = self.steps, 0.0
        for batch in batches:
            self.set_rate()
            with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
                value = loss(net, batch.to(self.device))
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(net.parameters(), MOST_GRADIENT)
            self.optimizer.step()
            self.keep_average()
            self.steps += 1
            total += value.item()
        return total / max(1, self.steps - before)

    def set_rate(self) -> None:
        """Set the learning rate of the next step: up from a little, then down a cosine."""
        done = self.steps / (self.size * self.settings.passes)
        down = 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM)))
        share = (done + 0.05 * WARM) / WARM if done < WARM else down
        for group in self.optimizer.param_groups:
            group["lr"] = min(share, 1.0) * self.settings.learning_rate

    @torch.no_grad()
    def keep_average(self) -> None:
        """Move the average towards the weights of now, at first by more, to forget the start."""
        kept = min(AVERAGED, (1 + self.steps) / (10 + self.steps))
        for name, value in self.net.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - kept)
            else:
                self.average[name].copy_(value)

    @torch.no_grad()
    def look(self, held_out: Callable[[nn.Module], float] | None, mean: float) -> None:
        """Try the average on what was held out, and keep it if it is the best so far.

        Where nothing is, the latest is the best, if the pass's `mean` loss is a number.
        """
        now = copy_of(self.net)
        self.net.load_state_dict(self.average)
        self.net.eval()
        latest = -len(self.losses) + 0 * mean
        found = agreed(latest if held_out is None else held_out(self.net), self.device)
        if not self.losses or found < min(self.losses):
            self.best = copy_of(self.net)
        self.losses.append(found)
        self.net.load_state_dict(now)

    def state(self) -> Kept:
        """What a checkpoint keeps."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for place, parts in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{k}": torch.as_tensor(v) for k, v in parts.items()}
        return Kept(tensors, tuple(self.losses), self.steps)

    def restore(self, kept: Kept | None) -> None:
        """Carry on where a checkpoint stopped."""
        if kept is None:
            return
        self.net.load_state_dict(kept.part("net"))
        self.average, self.best = (
            {name: value.to(self.device) for name, value in kept.part(prefix).items()}
            for prefix in ("average", "best")
        )
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in kept.part("optimizer").items():
            place, key = name.split(".", 1)
            moments.setdefault(int(place), {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.losses = list(kept.losses)
        self.steps = kept.steps


def agreed(loss: float, device: torch.device) -> float:
    """The loss that the first process found, so that all stop together; infinite if no number."""
    told = torch.tensor([loss], dtype=torch.float64, device=device)
    if dist.is_initialized():
        dist.broadcast(told, 0)
    return math.inf if told.isnan() else float(told)


def copy_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's weights."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def device_of(rank: int) -> torch.device:
    """A GPU of its own where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)))
    return torch.device("cpu")


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """Place of this process and their number, joined where `torchrun` started several."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    joined = dist.is_initialized()
    if not joined:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank(), world
    finally:
        if not joined:
            dist.destroy_process_group()


@contextmanager
def seeded(seed: int, threads: int) -> Iterator[None]:
    """A seed and a number of threads, of the whole process, that last as long as the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before)
