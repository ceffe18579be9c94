"""A stopped training carries on, one shared between processes agrees, one that overfits ends."""

import logging
import math
import multiprocessing
import os
import socket
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from penchant.errors import RecipeError
from penchant.models.training import Training, train

SETTINGS = Training(passes=4, learning_rate=0.05)
SIZE = 6


@dataclass(frozen=True)
class Points:
    x_N1: torch.Tensor
    y_N1: torch.Tensor

    def to(self, device):
        return self


def points(seed, count=32):
    x_N1 = torch.randn(count, 1, generator=torch.Generator().manual_seed(seed))
    return Points(x_N1, 3 * x_N1 + 1)


def batches(again):
    return [points(100 * again + i) for i in range(SIZE)]


def loss(net, batch):
    return ((net(batch.x_N1) - batch.y_N1) ** 2).mean()


def line():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.1), nn.Linear(8, 1))


def weights(net):
    return torch.cat([p.detach().ravel() for p in net.parameters()]).numpy()


@torch.no_grad()
def held_out(net):
    return float(loss(net, points(9999)))


def test_it_learns_and_leaves_threads_and_chance_as_they_were():
    before, threads, net = held_out(line()), torch.get_num_threads(), line()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    losses = train(net, loss, batches, SIZE, held_out, replace(SETTINGS, passes=20, threads=1))
    assert held_out(net) == pytest.approx(min(losses))
    assert min(losses) < 0.1 * before
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads


def test_it_stops_when_nothing_is_gained_and_keeps_the_best():
    told = iter([3.0, 1.0, 2.0, 2.5, 0.1, 0.0])
    kept = []

    def tell(net):
        kept.append(weights(net))
        return next(told)

    net = line()
    losses = train(net, loss, batches, SIZE, tell, replace(SETTINGS, passes=6, patience=2))
    assert losses == [3.0, 1.0, 2.0, 2.5]
    np.testing.assert_array_equal(weights(net), kept[1])


def test_a_stopped_training_carries_on_as_if_it_had_not_stopped(tmp_path):
    whole, resumed = line(), line()
    train(whole, loss, batches, SIZE, held_out, SETTINGS)
    settings = replace(SETTINGS, checkpoints=str(tmp_path / "kept"))
    done = []

    def until_the_second_pass(again):
        done.append(again)
        if again == 2 and done.count(2) == 1:
            raise KeyboardInterrupt
        return batches(again)

    with pytest.raises(KeyboardInterrupt):
        train(resumed, loss, until_the_second_pass, SIZE, held_out, settings)
    again = line()
    train(again, loss, until_the_second_pass, SIZE, held_out, settings)
    assert done == [0, 1, 2, 2, 3]
    np.testing.assert_allclose(weights(again), weights(whole), rtol=1e-6)


def test_trainings_that_share_a_folder_dont_carry_on_with_each_other(tmp_path):
    settings, passes = replace(SETTINGS, passes=1, checkpoints=str(tmp_path)), []

    def counted(again):
        passes.append(again)
        return batches(again)

    for kept, about in ((settings, ("tea",)), (settings, ("milk",))):
        train(line(), loss, counted, SIZE, held_out, kept, about)
    train(line(), loss, counted, SIZE, held_out, replace(settings, learning_rate=0.1), ("tea",))
    assert len(passes) == 3
    train(line(), loss, counted, SIZE, held_out, settings, ("tea",))
    assert len(passes) == 3
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("told", [held_out, None])
def test_a_loss_that_is_no_number_is_refused(told):
    def lost(net, batch):
        return loss(net, batch) * math.nan

    with pytest.raises(RecipeError, match="learning_rate"):
        train(line(), lost, batches, SIZE, told, SETTINGS)


def test_a_pass_that_is_no_number_is_never_the_best():
    told = iter([2.0, math.nan, 1.0])
    losses = train(line(), loss, batches, SIZE, lambda net: next(told), replace(SETTINGS, passes=3))
    assert losses == [2.0, math.inf, 1.0]


def test_it_tells_how_far_it_is(caplog):
    with caplog.at_level(logging.INFO, logger="penchant"):
        train(line(), loss, batches, SIZE, held_out, replace(SETTINGS, passes=2))
    assert [message[:12] for message in caplog.messages] == ["pass 1 of 2,", "pass 2 of 2,"]


def join_in(rank, port, queue):
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    net = line()
    train(net, loss, batches, SIZE, held_out, replace(SETTINGS, passes=2))
    queue.put(weights(net))


def test_two_processes_learn_the_same_network():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=join_in, args=(rank, port, queue)) for rank in (0, 1)]
    for worker in workers:
        worker.start()
    first, second = queue.get(timeout=120), queue.get(timeout=120)
    for worker in workers:
        worker.join()
    np.testing.assert_array_equal(first, second)
    assert held_out_after(first) < held_out(line())


def held_out_after(values):
    net = line()
    nn.utils.vector_to_parameters(torch.from_numpy(values), net.parameters())
    return held_out(net.eval())
