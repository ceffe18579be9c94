"""Pre-training learns tastes from events alone, of one shop or several."""

import numpy as np
import pytest
import torch

from models.named import FRUIT, HARDWARE, named
from models.shops import TASK
from penchant.errors import RecipeError
from penchant.models.network import Tensors
from penchant.models.pretraining import (
    OBJECTIVES,
    Schooling,
    next_active,
    pretrain,
    shop_of,
)
from penchant.models.reader import Reading
from penchant.models.text import OFFLINE
from penchant.models.training import Training

READING = Reading(width=16, layers=1, dropout=0.0)
TRAINING = Training(passes=4, batch_users=10, learning_rate=1e-2)


def devoted(names: tuple[str, ...], users: int = 60, steps: int = 24, seed: int = 0):
    """Users who each buy one topic, and nothing else, every other step or so."""
    rng = np.random.default_rng(seed)
    count_UTS = np.zeros((users, len(names), steps), dtype=int)
    for user in range(users):
        count_UTS[user, user % len(names)] = rng.random(steps) < 0.5
    return named(count_UTS, names)


def schooled(history, objective: str, weights: Tensors | None) -> float:
    """Loss of an objective, before or after pre-training, on users drawn anew."""
    shop = shop_of(history, TASK, OFFLINE)
    torch.manual_seed(0)
    net = Schooling(READING, (objective,), torch.from_numpy(shop.text_TE)).eval()
    if weights is not None:
        net.load_state_dict(
            {name.removeprefix("head."): value for name, value in weights.state().items()},
            strict=False,
        )
    rows = np.arange(len(history.interest.users_U))
    with torch.inference_mode():
        return float(net(shop.reads(rows, np.random.default_rng(9))))


@pytest.mark.parametrize("objective", ["next", "masked"])
def test_it_learns_what_everyone_keeps_to(objective):
    history = devoted(HARDWARE)
    weights = pretrain([history], TASK, READING, (objective,), TRAINING)
    popularity = np.log(4)  # nats a bag, where four topics are bought alike
    assert schooled(devoted(HARDWARE, seed=1), objective, weights) < 0.5 * popularity


def test_two_stretches_of_a_user_are_found_to_be_one():
    history = devoted(FRUIT, users=6)
    training = Training(passes=20, batch_users=6, learning_rate=1e-2)
    weights = pretrain([history], TASK, READING, ("contrastive",), training)
    fresh = devoted(FRUIT, users=6, seed=1)
    assert schooled(fresh, "contrastive", weights) < 0.6 * schooled(fresh, "contrastive", None)


def test_shops_of_other_topics_are_read_together():
    weights = pretrain([devoted(HARDWARE), devoted(FRUIT)], TASK, READING, OBJECTIVES, TRAINING)
    assert weights["encoder.word.weight"].shape == (16, 384)
    for history in (devoted(HARDWARE, seed=1), devoted(FRUIT, seed=1)):
        topics = history.interest.shape[1]
        assert schooled(history, "next", weights) < 0.5 * np.log(topics)


def test_only_what_a_network_has_is_kept():
    weights = pretrain([devoted(HARDWARE)], TASK, READING, OBJECTIVES, Training(passes=1))
    starts = {name.split(".")[0] for name in weights.names}
    assert starts == {"encoder", "topics", "head"}


def test_the_next_active_step_is_found():
    active_BS = torch.tensor([[True, False, True, False], [False, False, False, False]])
    assert next_active(active_BS).tolist() == [[2, 2, 4, 4], [4, 4, 4, 4]]


@pytest.mark.parametrize("objectives", [("next", "guess"), ()])
def test_an_objective_that_does_not_exist_is_refused(objectives):
    with pytest.raises(RecipeError, match="next, masked, contrastive"):
        pretrain([devoted(HARDWARE)], TASK, READING, objectives, TRAINING)
