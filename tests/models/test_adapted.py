"""A network adapted from one shop to another, whose topics, sizes and habits differ."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from models.shops import history_of
from penchant.errors import HistoryError, RecipeError
from penchant.interest.artifact import load_model, save_model
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.models import RECIPES, TYPES
from penchant.models.adapted import adapt
from penchant.models.domains import Cells, moments_apart

Adapted = RECIPES["adapted"]
Training = TYPES["Training"]
TASK = Task(windows=(Window(0, 2), Window(2, 4)))
QUICK = Training(passes=4, cutoffs=4, spacing=3, learning_rate=1e-2)
CUTOFF = 30


def shop(users, topics, seed, pace):
    """Each user buys some topics every fourth week or not at all, from a week of his own."""
    rng = np.random.default_rng(seed)
    phase_UT = rng.integers(4, size=(users, topics))
    likes_UT1 = rng.random((users, topics, 1)) < 0.4
    due_UTS = np.arange(36) % 4 == phase_UT[:, :, None]
    return history_of((likes_UT1 & due_UTS) * pace)


@cache
def source():
    return shop(150, 6, 0, 1).until(CUTOFF, panel=True)


@cache
def target():
    return shop(60, 3, 1, 2)


def past():
    return target().until(CUTOFF, panel=True)


def log_loss(model):
    chance_UTW = model.predict(past()).chance_UTW.astype(float)
    active_UTW = outcome(target(), past().interest.users_U, CUTOFF, TASK).count_UTW > 0
    return -np.log(np.where(active_UTW, chance_UTW, 1 - chance_UTW).clip(1e-6)).mean()


@pytest.mark.parametrize("alignment", ["adversarial", "moments"])
def test_a_shop_without_outcomes_borrows_anothers(alignment):
    recipe = Adapted(alignment=alignment, training=QUICK)
    model = adapt(recipe, source(), past(), TASK, labelled=0.0)
    share = (outcome(target(), past().interest.users_U, CUTOFF, TASK).count_UTW > 0).mean()
    blind = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert log_loss(model) < 0.3 * blind


def test_what_is_adapted_is_saved_and_loaded(tmp_path):
    quick = Training(passes=1, cutoffs=2)
    model = adapt(Adapted(training=quick), source(), past(), TASK, labelled=0.5)
    save_model(model, past().topics, tmp_path)
    again = load_model(tmp_path, TYPES)[0].predict(past())
    np.testing.assert_array_equal(again.chance_UTW, model.predict(past()).chance_UTW)


def test_outcomes_of_users_without_labels_change_nothing():
    """Half of the target's users are learned from; the other half's last weeks may be anything."""
    quick = Training(passes=1, cutoffs=1)
    task = Task(windows=(Window(0, 2),))
    row_U = np.random.default_rng((0, 2)).permutation(60)
    count_UTS = np.zeros((60, 3, CUTOFF), dtype=int)
    interest = past().interest
    count_UTS[interest.user_N, interest.topic_N, interest.step_N] = interest.count_NK[:, 0]
    changed_UTS = count_UTS.copy()
    changed_UTS[row_U[30:], :, CUTOFF - 2 :] = 0
    weights = [
        adapt(Adapted(training=quick), source(), history_of(c), task, labelled=0.5).weights
        for c in (count_UTS, changed_UTS)
    ]
    for one, other in zip(weights[0].arrays, weights[1].arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_moments_are_apart_where_domains_differ():
    row_ND = torch.randn(400, 8, generator=torch.manual_seed(0))
    domain_N = torch.arange(400) % 2
    alike = moments_apart(row_ND, domain_N)
    shifted = moments_apart(row_ND + 2 * domain_N[:, None], domain_N)
    stretched = moments_apart(row_ND * (1 + 2 * domain_N[:, None]), domain_N)
    assert alike < 0.05 * min(shifted, stretched)


def test_the_critic_learns_and_what_it_reads_is_turned_against_it():
    recipe = Adapted(alignment="adversarial", strength=0.5, width=8)
    shape = TYPES["Shape"](3, ("a", "b", "c", "d"), 2, 4)
    net = recipe.build(shape, recipe.given(past(), TASK)).eval()
    cells = Cells(torch.ones(6, 4), torch.zeros(6, 2), torch.ones(6, 2), torch.zeros(6).long())
    said = net(cells)
    said.hidden_ND.retain_grad()
    torch.autograd.backward(net.critic(said.hidden_ND).sum(), retain_graph=True)
    straight_ND = said.hidden_ND.grad.clone()
    said.hidden_ND.grad = None
    torch.autograd.backward(said.domain_NK.sum())
    np.testing.assert_allclose(said.hidden_ND.grad, -0.5 * straight_ND, rtol=1e-5)


@pytest.mark.parametrize("alignment", ["adversarial", "moments"])
def test_users_none_of_whose_cells_are_drawn_change_nothing(alignment):
    recipe = Adapted(alignment=alignment, width=8)
    shape = TYPES["Shape"](3, ("a", "b", "c", "d"), 2, 4)
    net = recipe.build(shape, recipe.given(past(), TASK)).train()
    none_NW, none_N = torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)
    loss = recipe.loss(net, Cells(torch.zeros(0, 4), none_NW, none_NW, none_N))
    torch.autograd.backward(loss)
    assert loss == 0
    assert all(p.grad is None or not p.grad.any() for p in net.parameters())


def test_a_shop_without_what_is_to_be_forecast_is_refused():
    viewed = replace(past(), interest=replace(past().interest, kinds_K=("view",)))
    for name, pair in (("source", (viewed, past())), ("target", (source(), viewed))):
        with pytest.raises(HistoryError, match=f"The {name} has no event of purchase.*has view"):
            adapt(Adapted(), *pair, TASK)


def test_a_shop_too_young_is_refused():
    young = past().until(4, panel=True)
    with pytest.raises(HistoryError, match="The target has 4 steps, and the windows reach 4"):
        adapt(Adapted(), source(), young, TASK)


def test_an_alignment_it_does_not_know_is_refused():
    with pytest.raises(RecipeError, match="one of moments, adversarial; found 'optimal'"):
        Adapted(alignment="optimal")
