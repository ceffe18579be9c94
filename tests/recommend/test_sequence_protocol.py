"""How the benchmark of the next item asks and ranks, on a few users worked out by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    """Make the benchmarks importable, for one test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("bench", "nextitem")]:
        del sys.modules[name]


@pytest.fixture
def whole():
    """Three users; items 1 to 5, at days."""
    from bench.nextitemdata import gathered

    user_N = np.array([1, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    item_N = np.array([1, 2, 3, 3, 1, 4, 5, 2, 1, 4])
    day_N = np.array([1, 2, 9, 1, 1, 3, 5, 6, 8, 9])
    return gathered(user_N, item_N, day_N * DAY)


def test_the_last_event_is_left_out_and_then_the_one_before(whole):
    from bench.nextitemdata import left_out

    test = left_out(whole)
    assert (test.next_U + 1).tolist() == [3, 4, 4]
    assert (left_out(test.past).next_U + 1).tolist() == [2, 1, 1]
    assert len(left_out(test.past).past.user_N) == 4


def test_a_day_of_a_user_is_a_basket(whole):
    assert whole.basket_N.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8]


def test_a_date_parts_what_was_known_from_what_came(whole):
    from bench.nextitemdata import split

    future = split(whole, 0.3, 0.8)
    assert future.past.time_N.max() == DAY
    assert future.known.users_U.tolist() == future.after.users_U.tolist() == ["000001", "000002"]
    assert (future.after.time_N // DAY).tolist() == [2, 3]


def test_what_a_user_had_is_not_ranked_and_ties_are_halved(whole):
    from bench.nextitemdata import left_out
    from bench.nextitemscore import rank_next

    test = left_out(whole)
    score_I = np.array([9, 8, 3, 2, 1], dtype=np.float32)
    ranked = rank_next(lambda known: np.tile(score_I, (len(known.users_U), 1)), *parts(test))
    # The second user had 1 and 3; 2 stands before 4. The third had 5, 2 and 1; 3 stands before 4.
    places = [1, 2, 2]
    assert ranked.hit_U.tolist() == [1, 1, 1]
    np.testing.assert_allclose(ranked.ndcg_U, 1 / np.log2(np.array(places) + 1), rtol=1e-5)
    equal = rank_next(lambda known: np.zeros((len(known.users_U), 5), np.float32), *parts(test))
    np.testing.assert_allclose(equal.ndcg_U[:2], 1 / np.log2(3), rtol=1e-5)


def parts(case):
    return case.past, case.next_U


def test_future_items_are_ranked_among_what_a_user_had_not(whole):
    from bench.nextitemdata import split
    from bench.nextitemscore import rank_all

    future = split(whole, 0.3, 0.8)
    score_I = np.arange(5, dtype=np.float32)
    ranked = rank_all(lambda known: np.tile(score_I, (len(known.users_U), 1)), future)
    assert ranked.hit_U.tolist() == [1, 1]
    # Item 2 stands behind 5, 4 and 3; item 4 behind 5.
    np.testing.assert_allclose(ranked.ndcg_U, 1 / np.log2([5, 3]), rtol=1e-5)


def test_popular_lately_is_not_popular_always(whole):
    from bench.nextitempeers import Popular

    always = Popular().fit(whole)(whole)
    lately = Popular(weeks=1 / 7).fit(whole)(whole)
    assert always[0].argmax() + 1 == 1
    assert set(np.flatnonzero(lately[0] >= 1) + 1) == {3, 4}


def test_ease_is_what_its_closed_form_says(whole):
    from bench.nextitempeers import Ease, weights_of

    bought_UI = weights_of(whole, 1.0).toarray()
    inverse_II = np.linalg.inv(bought_UI.T @ bought_UI + 2 * np.eye(5))
    weight_II = inverse_II / -np.diag(inverse_II)
    np.fill_diagonal(weight_II, 0)
    found = Ease(penalty=2, decay=1.0).fit(whole)(whole)
    np.testing.assert_allclose(found, bought_UI @ weight_II, atol=1e-5)
