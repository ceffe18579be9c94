"""What a sequence model learns, on walks whose next step is known."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import HistoryError
from penchant.interest.artifact import from_tree, to_tree
from penchant.interest.interactions import Interactions
from penchant.models.network import Tensors
from penchant.models.training import Training
from penchant.recommend.assortment import DAY
from penchant.recommend.candidates import Asked
from penchant.recommend.excerpts import Negatives, answers, cut
from penchant.recommend.sequence import FittedSequence, Sequence

ITEMS = 24
TRAINING = Training(passes=12, patience=12, held_out=0.05, learning_rate=1e-2)
RECIPE = Sequence(
    width=16, length=8, negatives=12, batch_events=128, dropout=0.1, training=TRAINING
)


def interactions(histories, items=ITEMS, days=None):
    """One event a basket; days count up from one where they aren't given."""
    user_N = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
    day_N = np.concatenate(days or [1 + np.arange(len(h)) for h in histories])
    events = len(user_N)
    fresh_N = (np.diff(user_N, prepend=-1) != 0) | (np.diff(day_N, prepend=-1) != 0)
    return Interactions(
        users_U=np.array([f"user {u:04d}" for u in range(len(histories))]),
        items_I=np.array([f"item {i:02d}" for i in range(items)]),
        kinds_K=("purchase",),
        user_N=user_N.astype(np.int32),
        item_N=np.concatenate(histories).astype(np.int32),
        kind_N=np.zeros(events, dtype=np.int32),
        time_N=day_N.astype(np.int64) * DAY,
        basket_N=(np.cumsum(fresh_N) - 1).astype(np.int32),
        quantity_N=np.ones(events, dtype=np.float32),
        money_N=np.ones(events, dtype=np.float32),
    )


def walks(users, *, seed=0, noise=0.2):
    """Each item is followed by the one five further on, but for some noise."""
    random = np.random.default_rng(seed)
    histories = []
    for length in random.integers(3, 12, users):
        history = [random.integers(ITEMS)]
        for _ in range(length):
            strays = random.random() < noise
            history.append(random.integers(ITEMS) if strays else (history[-1] + 5) % ITEMS)
        histories.append(np.array(history))
    return interactions(histories)


@pytest.fixture(scope="module")
def fitted():
    return RECIPE.fit(walks(300))


def hits(model, past):
    """Share of users whose likeliest next item is the right one."""
    last_U = past.item_N[past.start_U[1:] - 1]
    return (model.score(past).argmax(axis=1) == (last_U + 5) % ITEMS).mean()


def test_what_follows_is_learned_and_holds_for_customers_never_seen(fitted):
    assert hits(fitted, walks(100, seed=1)) > 0.9


def test_nothing_is_found_where_nothing_follows():
    model = RECIPE.fit(walks(200, noise=1.0))
    assert hits(model, walks(200, seed=1, noise=1.0)) < 0.15


def test_chances_are_chances_and_about_right(fitted):
    chance_BI = fitted.chance(walks(300, seed=2))
    np.testing.assert_allclose(chance_BI.sum(axis=1), 1, rtol=1e-4)
    # The right one comes in 0.8 + 0.2 / 24 of cases.
    assert chance_BI.max(axis=1).mean() == pytest.approx(0.81, abs=0.1)


def test_unknown_items_are_skipped(fitted):
    known = interactions([np.array([3, 8])])
    other = interactions([np.array([0, 3, 1, 8, 2])], items=5)
    names = np.array(["item 03", "item 08", "zebra", "zinc", "zoo"])
    mixed = replace(other, items_I=names, item_N=np.array([3, 0, 2, 1, 4], dtype=np.int32))
    np.testing.assert_allclose(fitted.score(mixed), fitted.score(known), atol=1e-5)


def test_who_did_nothing_known_gets_no_proposal(fitted):
    past = walks(6, seed=3).where(walks(6, seed=3).user_N != 2)
    proposed = fitted.propose(Asked(past), 4)
    assert np.diff(proposed.indptr).tolist() == [4, 4, 0, 4, 4, 4]
    assert proposed.data.min() > 0
    assert not fitted.score(past)[2].any()


def test_order_of_users_and_block_do_not_matter(fitted):
    past = walks(40, seed=4)
    turned = np.arange(40)[::-1].copy()
    there = fitted.score(past)
    np.testing.assert_allclose(fitted.score(past.only(turned)), there[turned], atol=1e-5)


def test_only_the_last_events_are_read(fitted):
    long, short = (interactions([np.arange(start, 20)]) for start in (0, 12))
    np.testing.assert_allclose(fitted.score(long), fitted.score(short), atol=1e-5)


def test_the_same_seed_gives_the_same_model_and_another_another():
    brief = replace(RECIPE, training=replace(TRAINING, passes=2))
    past = walks(60)
    one, two = brief.fit(past), brief.fit(past)
    np.testing.assert_array_equal(one.score(past), two.score(past))
    other = replace(brief, training=replace(brief.training, seed=1)).fit(past)
    assert np.abs(other.score(past) - one.score(past)).max() > 0.01


def test_a_model_saved_and_loaded_says_the_same(fitted):
    arrays = {}
    tree = to_tree(fitted, arrays)
    types = {t.__name__: t for t in (FittedSequence, Sequence, Training, Tensors)}
    past = walks(20, seed=5)
    np.testing.assert_array_equal(from_tree(tree, arrays, types).score(past), fitted.score(past))


def test_gaps_tell_what_follows_where_they_are_read():
    """Who came back within days wants one thing, who came back after months another."""
    random = np.random.default_rng(0)
    late_U = random.random(300) < 0.5
    histories = [np.array([*random.integers(2, ITEMS, 2), int(late)]) for late in late_U]
    days = [np.array([1, 90, 91]) if late else np.array([1, 3, 4]) for late in late_U]
    past = interactions(histories, days=days)
    asked = past.where(np.arange(len(past.user_N)) % 3 < 2)
    right = {}
    for timed in (False, True):
        score_BI = replace(RECIPE, timed=timed).fit(past).score(asked)
        right[timed] = (score_BI.argmax(axis=1) == late_U).mean()
    assert right[True] > 0.95 > 0.7 > right[False]


def test_a_horizon_asks_for_later_baskets_within_it():
    past = interactions(
        [np.array([0, 1, 2, 3, 4]), np.array([5, 6])],
        days=[np.array([1, 1, 3, 5, 20]), np.array([1, 2])],
    )
    begin_N, end_N = answers(past, 7)
    assert begin_N.tolist()[:3] == [2, 2, 3]
    assert end_N.tolist()[:3] == [4, 4, 4]
    assert (end_N <= begin_N).tolist() == [False, False, False, True, True, False, True]
    nearest = answers(past, 0)
    assert [b - a for a, b in zip(*nearest, strict=True)] == [1, 1, 1, 1, 0, 1, 0]


def test_a_horizon_learns_what_comes_later_too():
    histories = [np.array([i % 12, 12, 12 + i % 12]) for i in range(240)]
    past = interactions(histories)
    first = past.where(np.arange(len(past.user_N)) % 3 == 0)
    chance = {
        days: replace(RECIPE, horizon_days=days).fit(past).chance(first) for days in (0.0, 7.0)
    }
    row = np.arange(240)
    later = {days: found[row, 12 + row % 12].mean() for days, found in chance.items()}
    assert later[7.0] > later[0.0] + 0.2


def test_long_histories_are_cut_and_nothing_asked_is_lost():
    past = interactions([np.arange(20), np.arange(3), np.arange(1)])
    begin_N, end_N = answers(past, 0)
    first_E, size_E = cut(past, end_N > begin_N, 8)
    read = np.concatenate([f + np.arange(s) for f, s in zip(first_E, size_E, strict=True)])
    assert sorted(read) == np.flatnonzero(end_N > begin_N).tolist()
    assert size_E.max() <= 8


def test_a_pass_holds_every_excerpt_once_in_the_number_of_batches_promised():
    past = walks(200)
    nothing_N = np.zeros(len(past.user_N), dtype=np.bool_)
    lesson = RECIPE.lesson(past, nothing_N)
    for seed in range(5):
        parts = lesson.parts(np.random.default_rng(seed))
        assert len(parts) == lesson.size > 1
        assert sorted(np.concatenate(parts)) == list(range(len(lesson.first_E)))
    part = replace(RECIPE, pass_events=300).lesson(past, nothing_N)
    drawn = np.concatenate(part.parts(np.random.default_rng(0)))
    assert len(np.unique(drawn)) == len(drawn)
    assert part.size_E[drawn].sum() == pytest.approx(300, rel=0.2)


def test_events_held_out_are_not_learned_from():
    past = walks(50)
    held_N = np.diff(past.user_N, append=-1) != 0
    lesson = RECIPE.lesson(past, held_N)
    asked_N = lesson.end_N > lesson.begin_N
    for answer in (lesson.begin_N[asked_N], lesson.end_N[asked_N] - 1):
        assert not held_N[answer].any()


def test_negatives_estimate_the_sum_over_all_items():
    past = walks(100)
    random = np.random.default_rng(0)
    negatives = Negatives.of(past, 12, 0.75)
    weight_I = np.random.default_rng(1).random(ITEMS)
    found = [
        (weight_I[m] / negatives.drawn_I[m]).sum()
        for m in (negatives.draw(random) for _ in range(4000))
    ]
    assert np.mean(found) == pytest.approx(weight_I.sum(), rel=0.02)
    assert len(Negatives.of(past, 0, 0.5).draw(random)) == ITEMS


def test_nobody_did_two_things():
    with pytest.raises(HistoryError, match="what follows what"):
        RECIPE.fit(interactions([np.array([1]), np.array([2])]))
