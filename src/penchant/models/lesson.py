"""What a network is taught with: a panel of users at earlier cutoffs, some of them held out.

It is stopped by the loss of those held out, at the latest cutoff of each window. Shocks come from a
lighter network that did not see those cutoffs.
Shapes: C cutoffs, U users, T topics, W windows.
"""

from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from penchant.interest.counts import Integers, excess
from penchant.interest.interest import Floats
from penchant.interest.task import Task
from penchant.models.batches import Batches
from penchant.models.heads import shocks_W
from penchant.models.network import Network, forecast_loss, volumes
from penchant.models.panel import Panel
from penchant.models.training import Loss, Training, train

LEAST_STEPS = 40  # of a pass, so that a small shop is learned too
SHOCK_USERS = 1000  # whose totals tell the shocks
LIGHT = 2  # times fewer passes for the network that tells the shocks


@dataclass(frozen=True)
class Lesson:
    """A panel to learn from, some of its users held out."""

    panel: Panel
    task: Task
    settings: Training
    loss: Loss = forecast_loss
    about: tuple[object, ...] = ()  # what the panel and the loss are made of

    @property
    def passed_CW(self) -> Floats:
        """Windows whose outcome is known, at each cutoff."""
        return np.stack([s.passed_W for s in self.panel.snapshots]).astype(np.float32)

    @property
    def latest_CW(self) -> Floats:
        """The latest cutoff of each window."""
        passed_CW = self.passed_CW
        return passed_CW * (np.cumsum(passed_CW, axis=0) == 1)

    @property
    def before_CW(self) -> Floats:
        """Windows that passed before the latest outcomes of any window began."""
        end_W = np.array([window.end for window in self.task.windows])
        cutoff_C = np.array([snapshot.cutoff for snapshot in self.panel.snapshots])
        longest = max(window.length for window in self.task.windows)
        passed_CW = cutoff_C[:, None] + end_W <= self.panel.history.cutoff - longest
        return self.passed_CW * passed_CW.astype(np.float32)

    def users(self) -> tuple[Integers, Integers]:
        """Rows to learn from, and rows held out."""
        users = len(self.panel.history.interest.users_U)
        order_U = np.random.default_rng((self.settings.seed, 1)).permutation(users)
        held = round(users * self.settings.held_out)
        return order_U[held:], np.sort(order_U[:held])

    def batches(self, users: int) -> Batches:
        """Batches of a few users."""
        shares = (self.settings.warm_share, self.settings.cold_share)
        size = max(1, min(self.settings.batch_users, users // LEAST_STEPS))
        return Batches(self.panel, self.task, size, shares, self.settings.seed)

    def teach(self, net: nn.Module) -> list[float]:
        """Train a network, stopping when users held out gain no more at the latest cutoff."""
        learn_U, held_U = self.users()
        cut = self.batches(len(learn_U))
        passed_CW, latest_CW = self.passed_CW, self.latest_CW
        whole = replace(cut, shares=(1.0, 1.0))
        latest_C = np.flatnonzero(latest_CW.any(axis=1))
        near = replace(
            whole,
            panel=replace(self.panel, snapshots=tuple(self.panel.snapshots[i] for i in latest_C)),
        )

        def held_out(net: nn.Module) -> float:
            device = next(net.parameters()).device
            drawn = near.drawn(held_U, 0, latest_CW[latest_C])
            return float(np.mean([float(self.loss(net, batch.to(device))) for batch in drawn]))

        return train(
            net,
            self.loss,
            lambda again: cut.drawn(learn_U, again, passed_CW),
            -(-len(learn_U) // cut.users),
            held_out if len(held_U) else None,
            self.settings,
            self.about,
        )

    def shocks(self, net: Network) -> tuple[Floats, Floats]:
        """Shocks of each window at its latest cutoff, by a network that did not see its outcome.

        Where windows are too long to have passed before, it saw that of other users.
        """
        learn_U, _ = self.users()
        passes = -(-self.settings.passes // LIGHT)
        less = replace(self.settings, passes=passes, checkpoints="", held_out=0)
        before_CW = self.before_CW
        mask_CW = np.where(before_CW.any(axis=0), before_CW, self.passed_CW)
        half = len(learn_U) // 2
        told_U, shown_U = learn_U, learn_U
        if not before_CW.any(axis=0).all():
            told_U, shown_U = learn_U[: len(learn_U) - half], learn_U[half:]
        cut = self.batches(len(told_U))
        size = -(-len(told_U) // cut.users)
        train(net, self.loss, lambda again: cut.drawn(told_U, again, mask_CW), size, None, less)
        shown_U = np.sort(shown_U[-SHOCK_USERS:])
        whole = replace(cut, shares=(1.0, 1.0))
        windows = self.latest_CW.shape[1]
        everything_1W = np.ones((1, windows), dtype=np.float32)
        topic_shock_W, user_shock_W = np.zeros((2, windows), dtype=np.float32)
        for w in range(windows):
            (look,) = np.flatnonzero(self.latest_CW[:, w])
            snapshot = self.panel.snapshots[look]
            one = replace(whole, panel=replace(self.panel, snapshots=(snapshot,)))
            rng = np.random.default_rng(0)
            parts = [
                volumes(net, one.batch(shown_U[at : at + cut.users], rng, everything_1W))
                for at in range(0, len(shown_U), cut.users)
            ]
            chance_UT, volume_UT = (np.concatenate(part)[:, w] for part in zip(*parts, strict=True))
            count_UTW = snapshot.count_UTW[shown_U][:, :, [w]]
            chance_UTW, volume_UTW = (a.reshape(count_UTW.shape) for a in (chance_UT, volume_UT))
            spread_UTW = excess(chance_UTW, volume_UTW).astype(np.float32)
            topic, user = shocks_W(volume_UTW, spread_UTW, count_UTW)
            topic_shock_W[w], user_shock_W[w] = topic[0], user[0]
        return topic_shock_W, user_shock_W
