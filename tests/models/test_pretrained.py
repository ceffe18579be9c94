"""What was learned at one shop starts at another, and is tuned there as asked."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from torch import nn

from models.named import FRUIT, HARDWARE, named
from models.shops import TASK
from penchant.errors import ArtefactError, RecipeError
from penchant.interest.history import History
from penchant.interest.outcome import outcome
from penchant.interest.task import Task, Window
from penchant.models.finetuned import (
    BY_FEATURE,
    Base,
    adapt,
    base_of,
    by_name,
    linear,
    load_base,
    merge,
    save_base,
    start_from,
)
from penchant.models.forecaster import FittedNetwork, untrained
from penchant.models.network import Shape, Tensors
from penchant.models.pretrained import Pretrained
from penchant.models.reader import Reading
from penchant.models.training import Training

CUTOFF = 40
SMALL = Pretrained(
    reading=Reading(width=16, layers=1),
    objectives=(),
    training=Training(passes=2, cutoffs=3, learning_rate=1e-2),
)


def shop(names: tuple[str, ...], users: int = 80, steps: int = 48, seed: int = 0) -> History:
    """Poisson counts of users who each favour one topic or two, of these names."""
    rng = np.random.default_rng(seed)
    rate_UT = rng.dirichlet([0.4] * len(names), size=users) * rng.gamma(2.0, 0.5, size=(users, 1))
    return named(rng.poisson(rate_UT[:, :, None], size=(users, len(names), steps)), names)


@cache
def grocer() -> History:
    return shop(FRUIT).until(CUTOFF)


@cache
def model() -> FittedNetwork:
    return SMALL.fit(grocer(), TASK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the base that the grocer taught is saved."""
    path = tmp_path_factory.mktemp("base")
    save_base(base_of(model(), SMALL.reading), path)
    return path


@cache
def tuned(how: str) -> FittedNetwork:
    """A model tuned from the base, which is gone since."""
    with TemporaryDirectory() as scratch:
        save_base(base_of(model(), SMALL.reading), Path(scratch))
        return replace(SMALL, base=scratch, tune=how).fit(grocer(), TASK)


def begun(folder: Path, tune: str, rank: int = 2) -> nn.Module:
    """A network that starts from the base, before it is trained."""
    recipe = replace(SMALL, base=str(folder), tune=tune, rank=rank)
    return untrained(recipe, model().shape, recipe.given(grocer(), TASK))


def test_a_base_forecasts_as_the_model_it_was_taken_from(folder):
    again = replace(SMALL, base=str(folder), tune="none").fit(grocer(), TASK)
    found, expected = again.predict(grocer()), model().predict(grocer())
    np.testing.assert_array_equal(found.chance_UTW, expected.chance_UTW)
    np.testing.assert_array_equal(found.volume_UTW, expected.volume_UTW)


def test_features_without_a_say_are_named(folder, tmp_path, caplog):
    base = load_base(folder)
    lost, *kept = base.columns
    thin = {name: base.weights[name][:, 1:] for name in BY_FEATURE}
    arrays = tuple(thin.get(name, base.weights[name]) for name in base.weights.names)
    save_base(Base(base.reading, tuple(kept), Tensors(base.weights.names, arrays)), tmp_path)
    for path, told in ((folder, 0), (tmp_path, 1)):
        replace(SMALL, base=str(path), tune="none").fit(grocer(), TASK)
        found = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert len(found) == told
    assert found[0].startswith(f"The base in {tmp_path} doesn't know {lost}, which")


@pytest.mark.parametrize("how", ["full", "head", "lora"])
def test_a_tuned_model_needs_its_base_no_more(how):
    assert np.isfinite(tuned(how).predict(grocer()).chance_UTW).all()
    assert set(tuned(how).weights.names) == set(model().weights.names), "Adapters are merged."


def test_no_weight_belongs_to_a_topic(folder):
    other = replace(SMALL, base=str(folder), tune="none").fit(shop(HARDWARE).until(CUTOFF), TASK)
    for name, array in zip(other.weights.names, other.weights.arrays, strict=True):
        assert array.shape == model().weights[name].shape, name


def test_topics_never_seen_are_forecast_better_than_by_their_mean(folder):
    whole = shop(HARDWARE, seed=1)
    past = whole.until(CUTOFF)
    forecast = replace(SMALL, base=str(folder), tune="none").fit(past, TASK).predict(past)
    active_UTW = outcome(whole, past.interest.users_U, CUTOFF, TASK).count_UTW > 0
    mean_W = active_UTW.mean(axis=(0, 1))

    def loss(chance_UTW):
        return -np.log(np.where(active_UTW, chance_UTW, 1 - chance_UTW)).mean()

    assert loss(forecast.chance_UTW) < 0.9 * loss(np.broadcast_to(mean_W, active_UTW.shape))


def test_low_rank_trains_few_weights_and_starts_where_the_base_is(folder):
    whole, low = begun(folder, "full"), begun(folder, "lora", rank=2)
    sizes = {name: layer.weight.shape for name, layer in linear(whole).items()}
    trained = {n: p.numel() for n, p in low.named_parameters() if p.requires_grad}
    assert sum(trained.values()) == sum(2 * (out + into) for out, into in sizes.values())
    for name, layer in linear(low).items():
        assert torch.equal(layer.weight, linear(whole)[name].weight), name


def test_adapters_merge_exactly():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    adapt(net, 2, {"0.weight", "1.weight"})
    for name, value in net.named_parameters():
        if "up_OR" in name:
            nn.init.normal_(value)
    before = net(torch.eye(5))
    merge(net)
    assert torch.equal(net(torch.eye(5)), before)
    assert set(net.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_tuning_the_head_leaves_the_reader_as_it_was():
    found, before = tuned("head").weights, model().weights
    same = {name: np.array_equal(found[name], before[name]) for name in before.names}
    assert all(kept for name, kept in same.items() if not name.startswith("head."))
    assert not same["head.out.weight"]


@pytest.mark.parametrize("how", ["full", "lora"])
def test_other_tunings_move_the_reader(how):
    found, before = tuned(how).weights, model().weights
    assert not np.array_equal(found["encoder.word.weight"], before["encoder.word.weight"])
    kept = np.array_equal(found["encoder.word.bias"], before["encoder.word.bias"])
    assert kept == (how == "lora"), "Low rank leaves biases alone."


def test_features_find_their_weights_by_name():
    weight_OF = torch.tensor([[1.0, 2.0, 3.0]])
    found = by_name(weight_OF, ("since", "count", "price"), ("count", "views", "since"))
    assert found.tolist() == [[2.0, 0.0, 1.0]]


def test_what_a_base_lacks_is_left_as_it_was(folder):
    base = load_base(folder)
    kept = [i for i, name in enumerate(base.weights.names) if not name.startswith("head.")]
    reader = Tensors(
        tuple(base.weights.names[i] for i in kept), tuple(base.weights.arrays[i] for i in kept)
    )
    net = begun(folder, "full")
    with torch.no_grad():
        net.head.out.weight.fill_(7.0)
        net.encoder.word.weight.fill_(7.0)
    start_from(net, Base(base.reading, (), reader), model().shape.columns)
    assert (net.head.out.weight == 7).all()
    assert not (net.encoder.word.weight == 7).any()


def test_a_damaged_base_is_refused(folder, tmp_path):
    save_base(load_base(folder), tmp_path)
    path = tmp_path / "arrays.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 0xFF]))
    with pytest.raises(ArtefactError, match="damaged"):
        load_base(tmp_path)


def test_a_base_that_reads_otherwise_is_refused(folder):
    wide = replace(SMALL, base=str(folder), reading=Reading(width=24, layers=1))
    with pytest.raises(RecipeError, match="reading of its base"):
        wide.fit(grocer(), TASK)


def test_a_base_of_other_windows_is_refused(folder):
    recipe = replace(SMALL, base=str(folder))
    with pytest.raises(RecipeError, match="as many windows as the base"):
        recipe.fit(grocer(), Task(windows=(Window(0, 4),)))


def test_a_base_without_a_head_must_be_tuned(folder, tmp_path):
    headless = replace(load_base(folder), columns=())
    save_base(headless, tmp_path)
    for base in ("", str(tmp_path)):
        with pytest.raises(RecipeError, match=f"{base or 'no base'} has none"):
            replace(SMALL, base=base, tune="none").fit(grocer(), TASK)


def test_a_tuning_that_does_not_exist_is_refused():
    with pytest.raises(RecipeError, match="Did you mean 'lora'"):
        Pretrained(tune="lorra")


def test_what_came_after_the_latest_cutoffs_teaches_no_reading():
    """What came of the users held out may be anything."""
    recipe = replace(SMALL, objectives=("next",), pretraining=Training(passes=1))
    interest = grocer().interest
    count_UTS = np.zeros(interest.shape)
    count_UTS[interest.user_N, interest.topic_N, interest.step_N] = interest.count_NK[:, 0]
    changed_UTS = count_UTS.copy()
    changed_UTS[:, :, CUTOFF - TASK.horizon :] = 0
    bases = [recipe.start(named(counts, FRUIT), TASK) for counts in (count_UTS, changed_UTS)]
    for one, other in zip(*(base.weights.arrays for base in bases), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_reader_is_blind_to_later_steps():
    shape = Shape(3, ("count",), 2, 4)
    given = Tensors(("text_TE",), (np.eye(3, 8, dtype=np.float32),))
    net = SMALL.build(shape, given).eval()
    count_BST = torch.rand(4, 10, 3)
    later_BST = count_BST.clone()
    later_BST[:, 6:] = 0
    moment_SM, cutoff_C = torch.zeros(10, 4), torch.tensor([6, 3])
    state_BCD = net.encoder(count_BST, moment_SM, cutoff_C)
    torch.testing.assert_close(net.encoder(later_BST, moment_SM, cutoff_C), state_BCD)
    assert not torch.equal(state_BCD[:, 0], state_BCD[:, 1])
