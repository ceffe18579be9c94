"""Cadences: read off planted ones, not shortened by what is still open, and nothing by chance."""

import numpy as np
import pytest
from counted import diary
from planted import KINDS, seen_world

from models.shops import history_of
from penchant.interest.history import History
from penchant.interest.repurchase import Cadences, cadences, topic_cadences

SIZE = {"users": 300, "topics": 12}


def planted() -> tuple[Cadences, np.ndarray]:
    """Cadences of the cells that were planted with one and have four gaps, and the truth."""
    truth, history = seen_world("cadenced", **SIZE)
    found = cadences(history, KINDS)
    row_U = np.searchsorted(truth.users_U, history.interest.users_U)
    return found, truth.cadence_UT[row_U[found.user_C], found.topic_C]


def test_a_planted_cadence_is_found_within_a_step():
    found, truth_C = planted()
    enough_C = (truth_C > 0) & (found.gaps_C >= 4)
    assert enough_C.sum() > 500
    off_C = np.abs(found.gap_C - truth_C)[enough_C]
    assert (off_C <= 1).mean() >= 0.98
    inside_C = (found.low_C <= truth_C) & (truth_C <= found.high_C)
    assert inside_C[enough_C].mean() >= 0.9


def test_clockwork_is_regular_and_chance_is_not():
    found, truth_C = planted()
    enough_C = found.gaps_C >= 4
    by_chance = cadences(seen_world("stable", **SIZE)[1], KINDS)
    chance = by_chance.regularity_C[by_chance.gaps_C >= 4].mean()
    assert found.regularity_C[enough_C & (truth_C > 0)].mean() > 0.7
    assert chance < 0.25
    assert found.regular_C[enough_C & (truth_C > 0)].mean() > 0.95
    assert by_chance.regular_C[by_chance.gaps_C >= 4].mean() < 0.15


def test_a_due_step_is_close_to_when_the_purchase_came():
    truth, history = seen_world("cadenced", **SIZE)
    past, whole = cadences(history.until(80), KINDS), history.interest
    assert past.user_C.max() < len(whole.users_U)
    row_U = np.searchsorted(truth.users_U, history.until(80).interest.users_U)
    cadenced_C = truth.cadence_UT[row_U[past.user_C], past.topic_C] > 0
    due_C = past.due_C
    assert np.isfinite(due_C[cadenced_C & (past.gaps_C >= 4)]).mean() > 0.9
    whole_U = np.searchsorted(whole.users_U, truth.users_U)
    after = whole.step_N >= 80
    code_N = whole.user_N[after].astype(int) * SIZE["topics"] + whole.topic_N[after]
    cells, first = np.unique(code_N, return_index=True)  # entries are in the order of steps
    came = np.full(len(whole.users_U) * SIZE["topics"], np.nan)
    came[cells] = whole.step_N[after][first]
    came_C = came[whole_U[row_U[past.user_C]] * SIZE["topics"] + past.topic_C]
    chosen_C = cadenced_C & np.isfinite(due_C) & np.isfinite(came_C)
    off_C = np.abs(due_C - came_C)[chosen_C]
    assert (off_C <= 2).mean() >= 0.9


@pytest.mark.parametrize(
    ("row", "low", "gap", "high"),
    [
        ("x..x..x..x", 3, 3, 3),  # touched in the last step: nothing is open
        ("x..x..x.....", 3, 3, np.inf),  # the open gap is the longest
        ("x.x...x.x.x", 2, 2, 2),
        ("xx...........x", 1, 1, 12),
        ("x....x....", 5, 5, 5),  # the open gap is shorter
        ("x.....", np.nan, np.nan, np.nan),
    ],
)
def test_quartiles_of_a_cell_count_the_open_gap(row, low, gap, high):
    found = cadences(diary(row), KINDS)
    np.testing.assert_array_equal(
        [found.low_C[0], found.gap_C[0], found.high_C[0]], [low, gap, high]
    )


def test_quartiles_are_those_of_a_product_limit_curve():
    rng = np.random.default_rng(3)
    history = history_of(rng.poisson(0.15, size=(60, 3, 40)))
    found = cadences(history, KINDS)
    for cell in range(0, len(found.user_C), 7):
        mine = (history.interest.user_N == found.user_C[cell]) & (
            history.interest.topic_N == found.topic_C[cell]
        )
        steps = history.interest.step_N[mine]
        gaps, still = np.diff(steps), 39 - steps[-1]
        left, reached = 1.0, {}
        for gap in sorted(set(gaps.tolist())):
            left *= 1 - (gaps == gap).sum() / ((gaps >= gap).sum() + (still >= gap))
            for quarter in (0.75, 0.5, 0.25):
                if left <= quarter + 1e-12:
                    reached.setdefault(quarter, gap)
        expected = [reached.get(q, np.inf if len(gaps) else np.nan) for q in (0.75, 0.5, 0.25)]
        quartiles = [found.low_C[cell], found.gap_C[cell], found.high_C[cell]]
        np.testing.assert_array_equal(quartiles, expected)


def renewing(steps: int, chance: float = 0.1, users: int = 2000) -> History:
    """Users of one topic whose gaps are geometric, of mean 1 / chance, from a first purchase on."""
    rng = np.random.default_rng(1)
    count_US = rng.random((users, steps)) < chance
    start_U = rng.integers(0, steps, size=users)
    count_US[np.arange(steps) < start_U[:, None]] = False
    count_US[np.arange(users), start_U] = True
    return history_of(count_US[:, None, :])


@pytest.mark.parametrize("steps", [26, 52, 104])
def test_a_short_history_makes_a_topics_cadence_hardly_shorter(steps):
    history = renewing(steps)
    found = topic_cadences(history, KINDS)
    assert found.gap_T[0] == pytest.approx(7, abs=1), "The median of geometric gaps of mean 10."
    assert found.low_T[0] == pytest.approx(3, abs=1)
    assert found.high_T[0] == pytest.approx(14, abs=2)
    assert found.regularity_T[0] < 0.05
    if steps == 26:
        seen = np.repeat(np.arange(1, steps), found.gap_TG[0])
        assert np.median(seen) <= 5, "What was seen alone would be too short."


def test_a_topics_histogram_holds_every_closed_gap():
    found = topic_cadences(diary("x..x.x.x", "x.......", "........", "xxxxxxxx"), KINDS)
    assert found.gap_TG.tolist() == [
        [0, 2, 1, 0, 0, 0, 0],
        [0] * 7,
        [0] * 7,
        [7, 0, 0, 0, 0, 0, 0],
    ]
    assert found.gaps_T.tolist() == [3, 0, 0, 7]
    np.testing.assert_array_equal(found.gap_T, [2, np.nan, np.nan, 1])


def test_who_buys_often_counts_no_more_than_who_buys_seldom():
    weekly = "x" * 40 + "." * 20
    monthly = ("x...." * 12)[:56] + "x..."
    history = history_of(
        np.array([[[mark == "x" for mark in row]] for row in [weekly, *[monthly] * 2]], float)
    )
    assert topic_cadences(history, KINDS).gap_T[0] == 5


def test_an_overdue_cell_is_due_at_once_and_one_long_silent_is_not():
    regular = "x...x...x...x...x...x"
    assert cadences(diary(regular + ".."), KINDS).due_C[0] == 24
    assert cadences(diary(regular + "....."), KINDS).due_C[0] == 26
    assert np.isnan(cadences(diary(regular + "." * 12), KINDS).due_C[0])
    assert cadences(diary("xxxxxx"), KINDS).due_C[0] == 6


def test_nothing_bought_gives_nothing():
    history = diary("x.x.x")
    assert len(cadences(history, ("view",)).user_C) == 0
    assert topic_cadences(history, ("view",)).gaps_T.tolist() == [0]
