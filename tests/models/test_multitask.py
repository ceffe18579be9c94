"""A multi-task network tells of customers what a forecast of topics doesn't."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from models.shops import history_of
from penchant.errors import RecipeError, TopicsError
from penchant.interest.artifact import load_model, save_model
from penchant.interest.outcome import first_share, outcome, spend
from penchant.interest.task import Task, Window
from penchant.models import RECIPES, TYPES

Multitask = RECIPES["multitask"]
Training = TYPES["Training"]
TASK = Task(windows=(Window(0, 2), Window(2, 6)))
QUICK = Training(passes=3, cutoffs=4, spacing=3, learning_rate=1e-2)
CUTOFF = 34


@cache
def shop():
    """Half the users favour topic 0, half topic 1; some left at week 20, some buy ever less."""
    rng = np.random.default_rng(0)
    rate_UT = np.full((80, 4), 0.1)
    rate_UT[:40, 0] = rate_UT[40:, 1] = 1.5
    rate_UT *= rng.choice([0.3, 3.0], size=(80, 1))
    count_UTS = rng.poisson(rate_UT[:, :, None], size=(80, 4, 40))
    count_UTS[::4, :, 20:] = 0
    return history_of(count_UTS)


@cache
def past():
    return shop().until(CUTOFF, panel=True)


@cache
def told(sharing="hard", tasks=("active", "volume", "next", "churn", "spend")):
    model = Multitask(sharing=sharing, tasks=tasks, training=QUICK).fit(past(), TASK)
    return model, model.tell(past())


def asked():
    return shop(), past().interest.users_U, CUTOFF, TASK


def test_who_left_is_told_from_who_comes_back():
    churn_UW = told()[1].churn_UW
    gone_U = np.arange(80) % 4 == 0
    assert churn_UW[gone_U].min() > churn_UW[~gone_U].mean()
    away_UW = outcome(*asked()).count_UTW.sum(axis=1) == 0
    brier, blind = ((churn_UW - away_UW) ** 2).mean(), away_UW.var()
    assert brier < 0.5 * blind


def test_what_comes_first_is_what_a_customer_favours():
    first_UT = told()[1].first_UT
    np.testing.assert_allclose(first_UT.sum(axis=1), 1, rtol=1e-4)
    here_U = np.arange(80) % 4 > 0
    assert (first_UT[here_U].argmax(axis=1) == np.repeat([0, 1], 40)[here_U]).mean() > 0.95
    share_UT = first_share(*asked())
    loss = -(share_UT * np.log(first_UT)).sum() / share_UT.sum()
    assert loss < 0.9 * np.log(4)


def test_money_is_expected_where_it_is_spent():
    spend_UW, told_UW = spend(*asked()), told()[1].spend_UW
    assert abs(told_UW.sum() / spend_UW.sum() - 1) < 0.25
    blind_W = spend_UW.mean(axis=0)
    assert ((told_UW - spend_UW) ** 2).mean() < 0.5 * ((blind_W - spend_UW) ** 2).mean()


@pytest.mark.parametrize("sharing", ["mmoe", "ple"])
def test_experts_answer_too(sharing):
    model, said = told(sharing)
    assert said.churn_UW[::4].mean() > 0.7 > said.churn_UW[1::4].mean()
    active_UTW = outcome(*asked()).count_UTW > 0
    assert abs(model.predict(past()).chance_UTW.mean() - active_UTW.mean()) < 0.1


def test_who_was_asked_one_thing_answers_one_thing():
    model, said = told(tasks=("churn",))
    assert said.first_UT is None
    assert said.spend_UW is None
    assert said.churn_UW[::4].mean() > 0.7 > said.churn_UW[1::4].mean()
    with pytest.raises(RecipeError, match="taught churn, and a forecast needs active and volume"):
        model.predict(past())


def test_a_saved_model_tells_the_same(tmp_path):
    model, said = told()
    save_model(model, past().topics, tmp_path)
    again = load_model(tmp_path, TYPES)[0].tell(past())
    for name in ("first_UT", "churn_UW", "spend_UW"):
        np.testing.assert_array_equal(getattr(again, name), getattr(said, name))


def test_other_topics_are_refused():
    interest = past().interest
    other = replace(past(), interest=replace(interest, topics_T=interest.topics_T[::-1]))
    with pytest.raises(TopicsError, match="fit again"):
        told()[0].tell(other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tasks": ("active", "age")}, "Tasks are some of .* found age"),
        ({"tasks": ()}, "found none"),
        ({"sharing": "soft"}, "sharing is one of hard, mmoe, ple; found 'soft'"),
        ({"weighting": "equal"}, "weighting is one of"),
    ],
)
def test_what_it_does_not_know_is_refused(change, words):
    with pytest.raises(RecipeError, match=words):
        Multitask(**change)


def test_a_softmax_over_cells_drawn_is_that_over_all():
    """Drawn and weighed again and again, the mean loss is near the loss over every topic."""
    from penchant.models.batches import Batch
    from penchant.models.questions import next_loss

    rng = np.random.default_rng(0)
    logit_T, share_T = torch.randn(400, generator=torch.manual_seed(0)), torch.zeros(400)
    share_T[torch.tensor([3, 50])] = torch.tensor([0.75, 0.25])
    drawn_T = torch.where(torch.arange(400) < 40, 0.6, 0.3)
    exact = -(share_T * logit_T.log_softmax(0)).sum()
    losses, weights = [], []
    for _ in range(400):
        cell_N = torch.from_numpy(np.flatnonzero(rng.random(400) < drawn_T.numpy()))
        zero_N = torch.zeros_like(cell_N)
        none = torch.zeros(0)
        weight_N = 1 / drawn_T[cell_N]
        batch = Batch(
            *(torch.zeros(1, 1, 1), none, torch.ones(1), none, none, none, none, none),
            *(zero_N, zero_N, cell_N, none, none, weight_N[:, None], share_T[cell_N]),
        )
        weight = float((share_T[cell_N] * weight_N).sum())
        losses.append(float(next_loss(logit_T[cell_N], batch)) * max(1.0, weight))
        weights.append(weight)
    assert np.mean(weights) == pytest.approx(1, abs=0.05)
    assert np.mean(losses) == pytest.approx(float(exact), rel=0.05)
