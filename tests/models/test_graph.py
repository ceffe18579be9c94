"""Graph networks: topics told by their neighbours, users by the topics they lead from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.shops import TASK, history_of
from models.test_walk import CUTOFF, loss_on_rare, rare_beside_popular
from penchant.errors import RecipeError
from penchant.models import RECIPES
from penchant.models.network import Shape
from penchant.models.training import Training

Graph = RECIPES["graph"]
QUICK = Training(passes=3, cutoffs=2)
layers = pytest.mark.parametrize("layer", ["gcn", "gat"])
SHAPE = Shape(topics=8, columns=("a", "b", "c"), windows=2, moments=4)


def built(layer: str):
    history = rare_beside_popular().until(CUTOFF)
    recipe = Graph(layer=layer)
    torch.manual_seed(0)
    return recipe.build(SHAPE, recipe.given(history, TASK)).eval()


@layers
def test_a_rare_topic_is_forecast_from_the_one_it_is_bought_with(layer):
    recipe = Graph(layer=layer, training=QUICK)
    assert loss_on_rare(recipe) < 0.97 * loss_on_rare(RECIPES["gamma_poisson"]())


@layers
@torch.inference_mode()
def test_a_state_at_a_cutoff_sees_no_later_step(layer):
    count_BST = torch.from_numpy(np.random.default_rng(0).poisson(0.3, (3, 30, 8))).float()
    later_BST = count_BST.clone()
    later_BST[:, 20:] += 5
    encoder, cutoff_C = built(layer).encoder, torch.tensor([20, 12])
    there, here = (encoder(c, torch.zeros(30, 4), cutoff_C) for c in (count_BST, later_BST))
    assert there.shape == (3, 2, Graph().width)
    torch.testing.assert_close(there, here, rtol=0, atol=0)
    alone = encoder(count_BST[:, :12], torch.zeros(12, 4), torch.tensor([12]))
    torch.testing.assert_close(there[:, 1:], alone)


@layers
@torch.inference_mode()
def test_a_topic_is_told_by_its_neighbours(layer):
    """A vector moves with the features of what is bought beside it, and not of what is far."""
    topics = built(layer).topics
    assert topics is not None
    before_TE = topics()
    topics.feature_VF[0] += 1.0
    moved_T = (topics() - before_TE).abs().sum(dim=1)
    near_T = torch.zeros(8, dtype=torch.bool)
    near_T[topics.edge_2E[1][topics.edge_2E[0] == 0]] = True
    assert near_T[1]
    assert (moved_T[near_T] > 1e-4).all()


@layers
def test_isolated_topics_and_empty_users_are_served(layer):
    count_UTS = np.random.default_rng(0).poisson(0.3, size=(30, 5, 36))
    count_UTS[:, 4] = 0
    count_UTS[-1] = 0
    history = history_of(count_UTS, parents=["a", "a", "b", "b", "c"])
    model = Graph(layer=layer, training=replace(QUICK, passes=1)).fit(history, TASK)
    forecast = model.predict(history)
    assert np.isfinite(forecast.volume_UTW).all()
    assert (forecast.volume_UTW > 0).all()


def test_no_topic_has_a_free_vector():
    """The same graph of other topics gives the same vectors, so weights don't grow with topics."""
    sizes = [
        sum(p.numel() for p in recipe.build(replace(SHAPE, topics=topics), given).parameters())
        for topics in (8, 20)
        for recipe in (Graph(),)
        for given in (recipe.given(history_of(np.ones((4, topics, 20))), TASK),)
    ]
    assert sizes[0] == sizes[1]


def test_an_unknown_layer_is_refused():
    with pytest.raises(RecipeError, match="gcn, gat"):
        Graph(layer="sage")
