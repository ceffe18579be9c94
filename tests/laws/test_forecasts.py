"""Every recipe's forecasts are sound, repeatable, and each user's own."""

from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from laws.trial import ARRAYS, TASK, assert_same, fitted, past, quick, small
from penchant.data.step import Step
from penchant.errors import HistoryError, TopicsError
from penchant.interest.artifact import to_tree
from penchant.interest.counts import chance_of
from penchant.interest.model import Model
from penchant.models import RECIPES

every_recipe = pytest.mark.parametrize("name", RECIPES)


@every_recipe
def test_numbers_are_finite_and_in_range(name):
    forecast = fitted(name).predict(past())
    assert forecast.chance_UTW.shape == (len(past().interest.users_U), 6, 2)
    assert forecast.windows_W == TASK.windows
    assert forecast.origin == past().interest.origin + past().cutoff
    for array in ARRAYS:
        assert np.isfinite(getattr(forecast, array)).all()
    assert forecast.chance_UTW.min() >= 0
    assert forecast.chance_UTW.max() <= 1
    assert (forecast.chance_UTW <= chance_of(forecast.volume_UTW, 0.0) + 1e-6).all()
    assert forecast.topic_shock_W.min() >= 0
    assert forecast.user_shock_W.min() >= 0


@every_recipe
def test_what_derives_from_a_forecast_agrees(name):
    forecast = fitted(name).predict(past())
    np.testing.assert_allclose(forecast.share().sum(axis=1), 1, atol=1e-5)
    quantiles = [forecast.quantile(q) for q in (0.05, 0.1, 0.5, 0.9, 0.95)]
    for lower, upper in pairwise(quantiles):
        assert (lower <= upper).all()
    active = forecast.chance_UTW > 0.5 + 1e-4
    assert ((quantiles[2] > 0) >= active).all(), "A likely engagement has a median of 0."
    for over, axis in (("users", 0), ("topics", 1)):
        np.testing.assert_allclose(
            forecast.total(over).mean, forecast.volume_UTW.sum(axis=axis), rtol=1e-4
        )


@every_recipe
def test_same_seed_same_numbers(name):
    assert_same(quick(name).fit(past(), TASK).predict(past()), fitted(name).predict(past()))


@every_recipe
def test_predict_changes_nothing(name):
    model, history = fitted(name), past()
    before, model_before = arrays_of(history), arrays_of(model)
    first, second = model.predict(history), model.predict(history)
    assert_same(first, second)
    for there, earlier in ((arrays_of(history), before), (arrays_of(model), model_before)):
        assert len(there) == len(earlier)
        for now, then in zip(there, earlier, strict=True):
            np.testing.assert_array_equal(now, then)


@every_recipe
def test_a_model_is_frozen_through_and_through(name):
    model = fitted(name)
    assert isinstance(model, Model)
    assert to_tree(model, {})["fields"], "A model is a dataclass."
    loose = [type(part).__name__ for part in parts_of(model) if not frozen(part)]
    assert not loose, f"Freeze these parts of the model: {', '.join(loose)}"


@every_recipe
def test_the_order_of_users_does_not_matter(name):
    history = past()
    order = np.random.default_rng(0).permutation(len(history.interest.users_U))
    whole = fitted(name).predict(history).only(order)
    shuffled = fitted(name).predict(history.only(order))
    assert shuffled.users_U.tolist() == whole.users_U.tolist()
    np.testing.assert_allclose(shuffled.chance_UTW, whole.chance_UTW, atol=1e-6)
    np.testing.assert_allclose(shuffled.volume_UTW, whole.volume_UTW, rtol=1e-6, atol=1e-6)


@every_recipe
def test_the_size_of_blocks_does_not_matter(name):
    whole = fitted(name).predict(past())
    blocks = [fitted(name).predict(block) for block in past().blocks(7)]
    chance_UTW = np.concatenate([block.chance_UTW for block in blocks])
    volume_UTW = np.concatenate([block.volume_UTW for block in blocks])
    np.testing.assert_allclose(chance_UTW, whole.chance_UTW, atol=1e-6)
    np.testing.assert_allclose(volume_UTW, whole.volume_UTW, rtol=1e-6, atol=1e-6)


@every_recipe
def test_users_never_seen_are_served(name):
    """A model of half the users serves the others, and one who has done nothing yet."""
    half = small().only(np.arange(0, 60, 2)).until(past().cutoff)
    interest = past().interest
    names = np.append(interest.users_U, "zz nobody")
    history = replace(past(), interest=replace(interest, users_U=names))
    model = quick(name).fit(half, TASK)
    forecast = model.predict(history)
    assert forecast.users_U.tolist() == names.tolist()
    assert (forecast.volume_UTW > 0).all(), "Nothing is impossible."
    volume_U = forecast.volume_UTW.sum(axis=(1, 2))
    assert volume_U[-1] < 1.1 * volume_U.mean(), "Who did nothing yet is no keen customer."


@every_recipe
def test_the_model_of_a_panel_serves_those_who_have_not_come_yet(name):
    """At week 10 some customers are known who buy for the first time later."""
    interest = past().interest
    silent = np.append(interest.users_U, "zz nobody")
    history = replace(past(), interest=replace(interest, users_U=silent))
    forecast = quick(name).fit(history, TASK).predict(history)
    assert np.isfinite(forecast.volume_UTW).all()
    assert (forecast.volume_UTW[-1] > 0).all()


@every_recipe
@pytest.mark.parametrize("change", ["renamed", "reordered", "fewer"])
def test_other_topics_are_refused(name, change):
    interest = past().interest
    names_T = {
        "renamed": np.append(interest.topics_T[:-1], "something else"),
        "reordered": interest.topics_T[::-1],
        "fewer": interest.topics_T[:-1],
    }[change]
    kept_N = interest.topic_N < len(names_T)
    sliced = {
        field: getattr(interest, field)[kept_N]
        for field in ("user_N", "topic_N", "step_N", "count_NK", "money_N")
    }
    history = replace(past(), interest=replace(interest, topics_T=names_T, **sliced))
    with pytest.raises(TopicsError, match="fit again"):
        fitted(name).predict(history)


def parts_of(value):
    """A value and everything it holds."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from parts_of(getattr(value, field.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from parts_of(part)


def arrays_of(value):
    """Copies of the arrays a value holds, in order."""
    found = []
    for part in parts_of(value):
        if isinstance(part, np.ndarray):
            found.append(part.copy())
        elif isinstance(part, pa.Table):
            found.extend(np.array(column.to_pylist(), dtype=str) for column in part.columns)
    return found


def frozen(part):
    if is_dataclass(part):
        return type(part).__dataclass_params__.frozen
    return not isinstance(part, list | dict | set)


@every_recipe
def test_another_step_than_the_historys_is_refused(name):
    monthly = replace(TASK, step=Step.MONTH)
    with pytest.raises(HistoryError, match="counts by the week"):
        quick(name).fit(past(), monthly).predict(past())
