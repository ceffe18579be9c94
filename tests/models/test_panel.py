"""What a network reads is on one scale, and a draw of cells stands for all of them."""

from dataclasses import replace

import numpy as np
import pytest

from models.shops import TASK, lopsided
from penchant.interest.task import Window
from penchant.models.batches import Batches
from penchant.models.lesson import Lesson
from penchant.models.panel import FARTHEST, learn_scaling, panel_of
from penchant.models.sampling import earlier_looks
from penchant.models.training import Training


@pytest.fixture(scope="module")
def panel():
    history = lopsided(users=60, steps=40)
    looks = earlier_looks(history, TASK, cutoffs=3, spacing=4, least=12)
    return panel_of(history, looks, TASK, most_users=50, seed=0)[0]


def test_features_come_to_one_scale_and_the_unknown_is_told():
    rng = np.random.default_rng(0)
    raw_NF = rng.normal(5.0, [1.0, 100.0, 2.0], size=(2000, 3)).astype(np.float32)
    raw_NF[:, 1] = rng.pareto(1.1, size=2000)  # heavy
    raw_NF[::4, 2] = np.nan
    scaling = learn_scaling(raw_NF, np.array(["flat", "heavy", "holed"]))
    scaled_NF = scaling(raw_NF)
    assert scaling.columns == ("flat", "heavy", "holed", "holed_unknown")
    assert scaled_NF.shape == (2000, 4)
    assert scaling.heavy_F.tolist() == [False, True, False]
    assert np.abs(scaled_NF[:, :3].mean(axis=0)).max() < 0.1
    np.testing.assert_allclose(scaled_NF[:, :2].std(axis=0), 1, atol=0.15)
    np.testing.assert_array_equal(scaled_NF[:, 3], np.isnan(raw_NF[:, 2]))
    assert (scaled_NF[::4, 2] == 0).all()
    far_1F = np.array([[1e9, -1e9, np.nan]], dtype=np.float32)
    assert np.abs(scaling(far_1F)).max() <= FARTHEST


def test_a_feature_that_never_changes_is_no_trouble():
    raw_NF = np.full((50, 2), 3.0, dtype=np.float32)
    assert np.isfinite(learn_scaling(raw_NF, np.array(["a", "b"]))(raw_NF)).all()


def test_snapshots_hold_what_came_where_it_is_known(panel):
    counts = panel.history.interest
    for snapshot in panel.snapshots:
        for w, window in enumerate(TASK.windows):
            end = snapshot.cutoff + window.end
            assert snapshot.passed_W[w] <= (end <= 40)
            if snapshot.passed_W[w]:
                came_UT = counts.count_UT(TASK.target, snapshot.cutoff + window.start, end)
                np.testing.assert_array_equal(snapshot.count_UTW[:, :, w], came_UT)


def test_drawn_cells_weigh_as_much_as_all(panel):
    """Over many draws, weights add up to the cells, and weighted counts to the counts."""
    lesson = Lesson(panel, TASK, Training())
    passed_CW = lesson.passed_CW
    row_U = np.arange(50)
    cells = 50 * 5 * passed_CW.sum()
    count = sum(s.count_UTW[:, :, s.passed_W].sum() for s in panel.snapshots)
    batches = Batches(panel, TASK, 10, (0.5, 0.2), seed=0)
    weights, counts = [], []
    for again in range(30):
        drawn = list(batches.drawn(row_U, again, passed_CW))
        weights.append(sum(float(batch.weight_NW.sum()) for batch in drawn))
        counts.append(sum(float((batch.weight_NW * batch.count_NW).sum()) for batch in drawn))
    assert np.mean(weights) == pytest.approx(cells, rel=0.02)
    assert np.mean(counts) == pytest.approx(count, rel=0.02)


def test_users_held_out_are_not_learned_from(panel):
    learn_U, held_U = Lesson(panel, TASK, Training(held_out=0.2)).users()
    assert len(held_U) == 10
    assert sorted([*learn_U, *held_U]) == list(range(50))


@pytest.mark.parametrize("ends", [((0, 4), (4, 8)), ((0, 4), (0, 12)), ((0, 8),)])
def test_the_network_of_shocks_saw_no_outcome_that_it_is_judged_by(ends):
    shop = lopsided(users=60, steps=40)
    task = replace(TASK, windows=tuple(Window(*window) for window in ends))
    looks = earlier_looks(shop, task, 6, 4, 8)
    panel, _ = panel_of(shop, looks, task, 50, 0)
    judged = shop.cutoff - max(end - start for start, end in ends)
    before_CW = Lesson(panel, task, Training()).before_CW
    assert before_CW.any()
    for snapshot, before_W in zip(panel.snapshots, before_CW, strict=True):
        for (_, end), before in zip(ends, before_W, strict=True):
            assert not before or snapshot.cutoff + end <= judged
