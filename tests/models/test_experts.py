"""How tasks share: all the same, or each its own mixture."""

import pytest
import torch

from penchant.models.experts import SHARING, gated

TASKS = ("one", "other")


def shared(name):
    torch.manual_seed(0)
    made = SHARING[name](TASKS, 8, 3, 0.0)(torch.randn(5, 2, 8))
    assert set(made) == set(TASKS)
    assert made["one"].shape == (5, 2, 8)
    return made


def test_a_trunk_gives_all_tasks_the_same():
    made = shared("hard")
    assert torch.equal(made["one"], made["other"])


@pytest.mark.parametrize("name", ["mmoe", "ple"])
def test_experts_give_each_task_its_own(name):
    made = shared(name)
    assert not torch.allclose(made["one"], made["other"])


def test_a_gate_weighs_experts():
    logit_NE = torch.tensor([[0.0, 50.0], [0.0, 0.0]])
    made = gated(logit_NE, [torch.full((2, 3), 1.0), torch.full((2, 3), 3.0)])
    assert torch.allclose(made, torch.tensor([[3.0], [2.0]]).expand(2, 3))


def test_what_one_task_owns_is_not_moved_by_another():
    """Of the experts of the last level, those of a task learn from that task alone."""
    torch.manual_seed(0)
    net = SHARING["ple"](TASKS, 8, 2, 0.0)
    torch.autograd.backward(net(torch.randn(5, 8))["one"].sum())
    own = net.levels[-1].own
    assert all(p.grad is not None for p in own["one"].parameters())
    assert all(p.grad is None or not p.grad.any() for p in own["other"].parameters())
