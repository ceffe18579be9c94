"""The transformer: blind to the future, aware of time, bounded in cost, over steps and events."""

import numpy as np
import pytest
import torch

from models.shops import TASK, history_of, lopsided
from penchant.errors import RecipeError
from penchant.interest.outcome import outcome
from penchant.models.batches import weekly
from penchant.models.network import Shape
from penchant.models.tokens import entry_tokens, step_tokens
from penchant.models.training import Training
from penchant.models.transformer import TOKENS, Transformer, TransformerEncoder

CUTOFFS = torch.tensor([30, 18, 11])
STEPS, TOPICS = 36, 7
every_kind = pytest.mark.parametrize("tokens", TOKENS)
any_length = pytest.mark.parametrize("length", [6, 256])


def counts(seed=0, users=5):
    """Some users; the second has done nothing, the third starts late."""
    rng = np.random.default_rng(seed)
    count_BST = rng.poisson(0.15, size=(users, STEPS, TOPICS)).astype(np.float32)
    count_BST[1] = 0
    count_BST[2, :15] = 0
    return torch.from_numpy(count_BST)


def encoder(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = Shape(TOPICS, ("count",), 2, 4)
        return TransformerEncoder(Transformer(width=16, **settings), shape).eval()


def states(net, count_BST, cutoff_C=CUTOFFS, moment_SM=None):
    moment_SM = torch.zeros(count_BST.shape[1], 4) if moment_SM is None else moment_SM
    with torch.inference_mode():
        return net(count_BST, moment_SM, cutoff_C)


class TestStates:
    @every_kind
    @any_length
    def test_later_steps_never_change_an_earlier_cutoffs_state(self, tokens, length):
        net, count_BST = encoder(tokens=tokens, length=length), counts()
        moment_SM = torch.randn(STEPS, 4)
        before = states(net, count_BST, moment_SM=moment_SM)
        for cutoff in (11, 18):
            changed_BST, changed_SM = count_BST.clone(), moment_SM.clone()
            changed_BST[:, cutoff:] = counts(seed=9)[:, cutoff:] * 5 + 1
            changed_SM[cutoff:] += 1
            after = states(net, changed_BST, moment_SM=changed_SM)
            blind_C = cutoff >= CUTOFFS
            torch.testing.assert_close(after[:, blind_C], before[:, blind_C], atol=1e-5, rtol=1e-5)
            assert not torch.allclose(after[:, ~blind_C], before[:, ~blind_C], atol=1e-2)

    @every_kind
    @any_length
    def test_a_cutoff_asked_alone_has_the_state_it_has_among_others(self, tokens, length):
        net, count_BST = encoder(tokens=tokens, length=length), counts()
        together = states(net, count_BST)
        for place, cutoff in enumerate(CUTOFFS):
            alone = states(net, count_BST, cutoff[None])[:, 0]
            torch.testing.assert_close(alone, together[:, place], atol=1e-5, rtol=1e-5)

    @every_kind
    def test_users_do_not_touch_each_other_and_who_did_nothing_is_served(self, tokens):
        net, count_BST = encoder(tokens=tokens), counts()
        together = states(net, count_BST)
        assert together.isfinite().all()
        for user in range(len(count_BST)):
            alone = states(net, count_BST[[user]])
            torch.testing.assert_close(alone[0], together[user], atol=1e-5, rtol=1e-5)
        assert states(net, torch.zeros(2, STEPS, TOPICS)).isfinite().all()

    @every_kind
    def test_time_counts_and_not_order_alone(self, tokens):
        """The same baskets in the same order, but nearer together; and the same past, later."""
        net, count_BST = encoder(tokens=tokens), torch.zeros(3, 30, TOPICS)
        for user, steps in enumerate([(2, 9, 16), (10, 13, 16), (5, 12, 19)]):
            count_BST[user, list(steps), [0, 1, 2]] = 1
        early, late = (states(net, count_BST, torch.tensor([at]))[:, 0] for at in (20, 23))
        assert not torch.allclose(early[0], early[1], atol=1e-2)
        torch.testing.assert_close(early[0], late[2], atol=1e-4, rtol=1e-4)

    def test_entries_of_a_step_have_no_order(self):
        net, count_BST = encoder(tokens="events"), counts()
        order_T = torch.randperm(TOPICS)
        shuffled = encoder(tokens="events")
        shuffled.bag.weight.data = net.bag.weight.data[:, order_T]
        shuffled.topic.weight.data = net.topic.weight.data[order_T]
        torch.testing.assert_close(
            states(shuffled, count_BST[:, :, order_T]), states(net, count_BST), atol=1e-5, rtol=1e-5
        )


class TestTokens:
    def test_empty_steps_cost_nothing(self):
        count_BST = torch.zeros(2, 100, TOPICS)
        count_BST[0, [3, 50, 99], 1] = 2
        count_BST[0, 50, 4] = 1
        steps = step_tokens(count_BST, torch.tensor([100]), 256)
        assert steps.step_BL.tolist() == [[3, 50, 99], [-1, -1, -1]]
        gap, topics, much = steps.measure_BLA[0].expm1().round().long().T.tolist()
        assert (gap, topics, much) == ([0, 47, 49], [1, 2, 1], [2, 3, 2])

    def test_entries_tell_the_gap_to_the_same_topic(self):
        count_BST = torch.zeros(1, 20, TOPICS)
        count_BST[0, [2, 7, 12], 3] = 1
        count_BST[0, 10, 5] = 4
        entries = entry_tokens(count_BST, torch.tensor([20]), 256)
        assert entries.step_BL.tolist() == [[2, 7, 10, 12]]
        assert entries.topic_BL.tolist() == [[3, 3, 5, 3]]
        step_gap, topic_gap, much = entries.measure_BLA[0].expm1().round().long().T.tolist()
        assert (step_gap, topic_gap, much) == ([0, 5, 3, 2], [0, 5, 0, 5], [1, 1, 4, 1])


def looked_at(net, count_BST, cutoff_C):
    """Tokens that each layer is fed."""
    fed = []
    for layer in net.layers:
        layer.register_forward_pre_hook(lambda _, given: fed.append(given[0].shape[1]))
    found = states(net, count_BST, cutoff_C)
    assert found.isfinite().all()
    return fed


@pytest.fixture(scope="module")
def long_past():
    """156 weeks of five users; the first has done 10,000 things, the last nothing."""
    rng = np.random.default_rng(0)
    count_UTS = rng.poisson(0.05, size=(5, 80, 156))
    count_UTS[0] = 0
    np.add.at(count_UTS[0], (rng.integers(80, size=10_000), rng.integers(156, size=10_000)), 1)
    count_UTS[-1] = 0
    return history_of(count_UTS)


class TestLongPasts:
    @every_kind
    def test_three_years_and_ten_thousand_events_are_served_at_bounded_cost(
        self, tokens, long_past
    ):
        training = Training(passes=1, cutoffs=2, held_out=0)
        recipe = Transformer(tokens=tokens, length=64, width=16, training=training)
        model = recipe.fit(long_past, TASK)
        forecast = model.predict(long_past)
        assert (forecast.volume_UTW > 0).all()
        assert np.isfinite(forecast.volume_UTW).all()
        most = recipe.length + len(recipe.half_lives) + 1
        count_BST, cutoff_C = weekly(long_past, TASK.target), torch.tensor([long_past.cutoff])
        assert max(looked_at(model.network().encoder, count_BST, cutoff_C)) <= most

    @every_kind
    def test_a_past_twice_as_long_feeds_no_more_tokens(self, tokens):
        count_BST = torch.ones(2, 300, TOPICS)
        fed = [
            looked_at(encoder(tokens=tokens, length=40), count_BST, torch.tensor([cutoff]))
            for cutoff in (150, 300)
        ]
        assert fed[0] == fed[1] == [45, 45]
        several = torch.tensor([300, 200, 100])
        assert max(looked_at(encoder(tokens=tokens, length=40), count_BST, several)) <= 3 * 45

    @every_kind
    def test_what_is_older_than_the_tokens_is_remembered(self, tokens):
        count_BST = torch.ones(2, 300, TOPICS)
        count_BST[0, :100, 2] = 30
        state_B1D = states(encoder(tokens=tokens, length=10), count_BST, torch.tensor([300]))
        assert not torch.allclose(state_B1D[0], state_B1D[1], atol=1e-4)


def test_what_can_not_be_is_refused():
    with pytest.raises(RecipeError, match="steps or events"):
        Transformer(tokens="weeks")
    with pytest.raises(RecipeError, match="3 layers"):
        Transformer(length=2, layers=3)


def test_events_tell_likely_topics_from_others():
    """The laws try steps alone."""
    history = lopsided(steps=44)
    past = history.until(36)
    recipe = Transformer(tokens="events", width=16, training=Training(cutoffs=3))
    chance_UTW = recipe.fit(past, TASK).predict(past).chance_UTW.astype(float)
    came_UTW = outcome(history, past.interest.users_U, past.cutoff, TASK).count_UTW > 0
    base = np.full_like(chance_UTW, came_UTW.mean())
    loss, base_loss = (-np.log(np.where(came_UTW, p, 1 - p)).mean() for p in (chance_UTW, base))
    assert loss < 0.9 * base_loss
