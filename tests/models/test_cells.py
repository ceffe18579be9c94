"""What the trees read of a cell is what a plain walk through its history says."""

import numpy as np
import pytest

from models.shops import TASK, history_of, lopsided
from penchant.models import dense as layout
from penchant.models.cadence import NEVER, cadence
from penchant.models.copurchase import learn_copurchase
from penchant.models.dense import dense, dense_blocks, user_blocks
from penchant.models.features import feature_table, known_of, learn_context, look_columns
from penchant.models.rates import learn_rates

TARGET = ("purchase",)


def cell(times, steps=20, visits=()):
    """A user's cadence in a topic touched at `times`; he is in the shop at `visits` as well."""
    count_UTS = np.zeros((1, 2, steps))
    count_UTS[0, 0, list(times)] = 1
    count_UTS[0, 1, list(visits)] = 1
    laid = dense(history_of(count_UTS), TARGET)
    return {name: float(value_UT[0, 0]) for name, value_UT in cadence(laid).items()}


def test_the_dense_layout_is_the_sparse_one():
    history = lopsided()
    laid = dense(history, TARGET)
    count_UT = history.interest.count_UT(TARGET, 0, 36)
    np.testing.assert_array_equal(laid.decayed_HUT[-1], count_UT)
    np.testing.assert_allclose(
        laid.decayed_HUT[3], history.interest.decayed_UT(TARGET, 8.0), rtol=1e-4
    )
    np.testing.assert_allclose(laid.shop_TH[:, -1], count_UT.sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(laid.ever_UT, count_UT > 0)


def test_a_shorter_layout_is_the_layout_of_a_shorter_history():
    history = lopsided()
    cut, built = dense(history, TARGET).until(20), dense(history.until(20, panel=True), TARGET)
    assert cut.shape == built.shape
    np.testing.assert_allclose(cut.decayed_HUT, built.decayed_HUT, rtol=1e-6)
    np.testing.assert_allclose(cut.steps_HUT, built.steps_HUT, rtol=1e-6)


def test_a_regular_cadence():
    seen = cell([2, 6, 10, 14])
    assert seen["since"] == 5
    assert seen["first"] == 18
    assert seen["gap"] == 4
    assert seen["gap_spread"] == 0
    assert seen["last_gap"] == 4
    assert seen["phase"] == pytest.approx(5 / 4)
    assert seen["density"] == pytest.approx(4 / 18)


def test_an_irregular_cadence():
    times = [0, 1, 4, 13, 19]
    seen, gaps = cell(times), np.diff(times)
    assert seen["since"] == 0
    assert seen["gap"] == pytest.approx(gaps.mean())
    assert seen["gap_spread"] == pytest.approx(gaps.std(), rel=1e-5)
    assert seen["last_gap"] == 6


def test_what_one_touch_cannot_tell_is_unknown():
    seen = cell([19])
    assert seen["since"] == 0
    assert all(np.isnan(seen[name]) for name in ("gap", "gap_spread", "last_gap", "phase"))


def test_a_topic_never_touched_was_longer_ago_than_the_history():
    seen = cell([], visits=[3])
    assert seen["since"] == 20 + NEVER
    assert np.isnan(seen["first"])


def test_visits_without_the_topic_are_counted():
    seen = cell([2, 10], visits=[0, 10, 11, 15, 16])
    assert seen["visits_since"] == 3
    assert seen["visit_density"] == pytest.approx(2 / 5)


def test_rates_count_who_comes_new_and_who_returns():
    """Everyone who has the first topic returns each week; nobody takes up the second."""
    count_UTS = np.zeros((50, 2, 24))
    count_UTS[:25, 0, :] = 1
    count_UTS[25:, 1, 0] = 1
    rates = learn_rates([dense(history_of(count_UTS), TARGET)], TASK.windows)
    assert (rates.returning_TW[0] > 0.8).all()
    assert (rates.returning_TW[1] < 0.1).all()
    assert (rates.adopting_TW < 0.02).all()
    np.testing.assert_allclose(rates.customers_T, np.log1p(25), rtol=1e-5)


def test_what_similar_customers_take_to_is_found():
    """Half the shop buys topics 0 and 1 together, half 2 and 3; a newcomer bought only 0."""
    rng = np.random.default_rng(0)
    count_UTS = np.zeros((201, 4, 30))
    count_UTS[:100, :2] = rng.random((100, 2, 30)) < 0.4
    count_UTS[100:200, 2:] = rng.random((100, 2, 30)) < 0.4
    count_UTS[200, 0, 20:] = 1
    laid = dense(history_of(count_UTS), TARGET)
    scores = learn_copurchase([laid], 4).scores(laid)
    for name in ("rank_8", "ease", "ease_binary", "others", "rank_binary"):
        likely, unlikely = scores[name][200, 1], scores[name][200, 2:].max()
        assert likely >= unlikely if name.startswith("rank") else likely > unlikely, name


def test_what_everyone_teaches_does_not_hang_on_blocks(monkeypatch):
    history = lopsided()
    whole = learn_context(history, TASK, known_of(history, TASK))
    monkeypatch.setattr(layout, "CELLS_A_BLOCK", 35)
    assert len(list(user_blocks(history))) > 3
    blocked = learn_context(history, TASK, known_of(history, TASK))
    for part in ("ease_TT", "ease_binary_TT", "own_TF", "cross_PT"):
        np.testing.assert_allclose(
            getattr(blocked.copurchase, part), getattr(whole.copurchase, part), atol=1e-4
        )
    np.testing.assert_allclose(blocked.rates.returning_TW, whole.rates.returning_TW, rtol=1e-5)
    assert sum(laid.shape[0] for laid in dense_blocks(history, TARGET)) == 40


def test_a_table_of_some_cells_is_part_of_the_table_of_all():
    history = lopsided()
    context, laid = learn_context(history, TASK, known_of(history, TASK)), dense(history, TARGET)
    every = feature_table(history, laid, context, np.arange(200))
    some_N = np.array([199, 0, 77])
    some = feature_table(history, laid, context, some_N)
    assert list(some) == list(every)
    for name, value_N in every.items():
        assert value_N.shape == (200,)
        np.testing.assert_array_equal(some[name], value_N[some_N])


def test_windows_without_a_calendar_know_nothing_ahead():
    history = lopsided()
    columns_W = look_columns(history, learn_context(history, TASK, known_of(history, TASK)), TASK)
    assert len(columns_W) == 2
    for columns in columns_W:
        assert np.isnan(columns["promotion"]).all()
        assert np.isfinite(columns["adopting"]).all()
