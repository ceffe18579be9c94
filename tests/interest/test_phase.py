"""Phases: planted lives are called what they are, and lives without an event are called steady."""

import numpy as np
import pytest
from counted import diary
from planted import KINDS, seen_world

from models.shops import history_of
from penchant.data.step import Step
from penchant.interest.phase import (
    DECLINING,
    DORMANT,
    EMERGING,
    GROWING,
    PHASES,
    RETURNING,
    STEADY,
    UNCLEAR,
    Phases,
    phase_names,
    phases,
    topic_phases,
)
from penchant.interest.repurchase import touches

SIZE = {"users": 400, "topics": 12}
ERROR = 0.05  # stated, of each call


def told(name: str, **size: int) -> tuple[Phases, np.ndarray, np.ndarray]:
    """Phases of a world's cells, the place of each cell's user in the truth, and its touches."""
    truth, history = seen_world(name, **size)
    row_U = np.searchsorted(truth.users_U, history.interest.users_U)
    found = phases(history, KINDS)
    return found, row_U[found.user_C], touches(history.interest, KINDS).times_C


def phase_of(*rows: str, topic: int = 0, step: Step = Step.WEEK) -> str:
    """Phase of one topic of a user whose history is a row of marks a topic."""
    found = phases(diary(*rows, step=step), KINDS)
    return str(phase_names(found.code_C[found.topic_C == topic])[0])


@pytest.mark.parametrize("name", ["stable", "noise", "cadenced"])
def test_where_nothing_changes_false_calls_are_as_rare_as_stated(name):
    found, _, times_C = told(name, **SIZE)
    enough_C = times_C >= 4
    share = np.bincount(found.code_C[enough_C] + 1, minlength=7)[1:] / enough_C.sum()
    assert share[GROWING] + share[DECLINING] <= ERROR
    assert share[DORMANT] <= ERROR
    assert share[RETURNING] <= ERROR
    assert share[STEADY] > 0.85


def test_interests_of_who_left_are_dormant():
    found, row_C, times_C = told("churning", **SIZE)
    truth, _ = seen_world("churning", **SIZE)
    gone_C = (truth.churn_step_U >= 0)[row_C] & (times_C >= 4)
    assert (found.code_C[gone_C] == DORMANT).mean() >= 0.98
    staying_C = (truth.churn_step_U < 0)[row_C] & (times_C >= 4)
    assert (found.code_C[staying_C] == DORMANT).mean() <= ERROR


def test_a_topic_left_declines_and_the_topic_entered_does_not():
    truth, _ = seen_world("migrating", **SIZE)
    found, row_C, _ = told("migrating", **SIZE)
    moves = truth.migrations
    late = moves.step_M >= 60  # of 104: what was long ago is the usual by now
    place = {
        (u, t): code
        for u, t, code in zip(row_C.tolist(), found.topic_C.tolist(), found.code_C, strict=True)
    }
    users = moves.user_M[late].tolist()
    left = np.array([place[key] for key in zip(users, moves.from_topic_M[late], strict=True)])
    keys = zip(users, moves.to_topic_M[late], strict=True)
    entered = np.array([place[key] for key in keys if key in place])
    assert np.isin(left, [DECLINING, DORMANT]).mean() >= 0.8
    assert np.isin(entered, [EMERGING, GROWING, STEADY]).mean() >= 0.9
    assert (entered == GROWING).mean() >= 0.25 > 0.05 >= (left == GROWING).mean()


def test_interests_sleep_and_return_with_their_season():
    size = {"users": 400, "topics": 12, "purchases": 6}
    truth, history = seen_world("seasonal", **size)
    off_T = np.abs(np.fft.rfft(truth.season_TS - 1)).argmax(axis=1)
    yearly_T = (off_T == 2) & (np.ptp(truth.season_TS, axis=1) > 1)
    trough_T = truth.season_TS[:, :53].argmin(axis=1)
    after: dict[str, list[np.ndarray]] = {"trough": [], "return": [], "none": []}
    for cutoff in range(64, 105, 8):
        past = history.until(cutoff)
        found = phases(past, KINDS)
        since_C = ((cutoff - 1 - trough_T) % 52)[found.topic_C]
        known_C = touches(past.interest, KINDS).times_C >= 10
        yearly_C = yearly_T[found.topic_C] & known_C
        after["trough"].append(found.code_C[yearly_C & (since_C <= 4)])
        after["return"].append(found.code_C[yearly_C & (since_C >= 10) & (since_C <= 22)])
        after["none"].append(found.code_C[~yearly_T[found.topic_C] & known_C])
    code = {name: np.concatenate(parts) for name, parts in after.items()}
    none = (code["none"] == RETURNING).mean()
    assert none <= ERROR
    assert (code["return"] == RETURNING).mean() > 5 * none
    assert (code["trough"] == DORMANT).mean() > 5 * (code["none"] == DORMANT).mean()


WEEKLY = "x" * 104
EVERY_OTHER = "x." * 52


@pytest.mark.parametrize(
    ("row", "phase"),
    [
        ("x..." * 26, "steady"),
        ("." * 96 + "x..x....", "emerging"),
        ("." * 96 + "x.xxxx.x", "growing"),
        ("x......." * 6 + "xxx." * 14, "growing"),
        ("xxx." * 19 + "x......." * 3 + "x...", "declining"),
        ("x..." * 19 + "." * 28, "dormant"),
        ("x..." * 10 + "." * 54 + "x...x...x.", "returning"),
        ("x" + "." * 103, "unclear"),
        ("x" + "." * 50 + "x" + "." * 52, "unclear"),
    ],
)
def test_lives_drawn_by_hand(row, phase):
    assert phase_of(row, WEEKLY) == phase


def test_a_regular_interest_is_missed_sooner_than_one_by_chance():
    rng = np.random.default_rng(2)
    at = np.sort(rng.choice(80, size=10, replace=False))
    at[[0, -1]] = 0, 80
    chance = "".join("x" if s in at else "." for s in range(81))
    clockwork = "x......." * 10 + "x"
    assert (chance.count("x"), clockwork.count("x")) == (10, 11)
    assert phase_of(clockwork + "." * 20, "x" * 101) == "dormant"
    assert phase_of(chance + "." * 20, "x" * 101) != "dormant"


def test_who_comes_less_likes_nothing_less():
    rng = np.random.default_rng(0)
    chance_S = np.where(np.arange(104) < 78, 0.9, 0.3)
    visit_US = rng.random((300, 104)) < chance_S
    chosen_UTS = rng.random((300, 4, 104)) < np.array([0.5, 0.3, 0.3, 0.2])[:, None]
    chosen_UTS[:, 0] |= ~chosen_UTS.any(axis=1)
    code_C = phases(history_of((chosen_UTS & visit_US[:, None, :]).astype(float)), KINDS).code_C
    assert (code_C == DECLINING).mean() <= ERROR / 2
    assert (code_C == DORMANT).mean() <= 2 * ERROR, "A few seem to have left the shop."
    assert (code_C == STEADY).mean() >= 0.8


def test_an_absence_is_the_users_and_so_is_the_return():
    away = EVERY_OTHER[:60] + "." * 24
    assert phase_of(away, away) == "dormant"
    assert phase_of(away + EVERY_OTHER[:10], away + EVERY_OTHER[:10]) == "returning"
    assert phase_of(WEEKLY + "..", WEEKLY + "..") == "steady", "A fortnight is no absence."


def test_a_short_history_says_little():
    assert phase_of("x.x", "xxx") == "unclear"
    assert phase_of("x.x.x.x", "xxxxxxx") == "steady"


def test_counts_of_phases_hold_every_cell():
    found, _, _ = told("mixed", **SIZE)
    count_TP = found.count_TP(SIZE["topics"])
    assert count_TP.sum() == len(found.code_C)
    assert count_TP[:, DORMANT].sum() == (found.code_C == DORMANT).sum()
    assert count_TP[:, -1].sum() == (found.code_C == UNCLEAR).sum()
    assert phase_names(np.array([0, 5, UNCLEAR])).tolist() == [PHASES[0], PHASES[5], "unclear"]


def test_some_users_have_the_phases_they_have_among_all():
    _, history = seen_world("mixed", **SIZE)
    row_U = np.array([7, 3, 120])
    whole, some = phases(history, KINDS), phases(history.only(row_U), KINDS)
    for place, row in enumerate(row_U):
        np.testing.assert_array_equal(
            some.code_C[some.user_C == place], whole.code_C[whole.user_C == row]
        )


@pytest.mark.parametrize("name", ["stable", "seasonal"])
def test_topics_whose_share_comes_back_every_year_are_steady(name):
    code_T = topic_phases(seen_world(name, **SIZE)[1], KINDS).code_T
    assert (code_T == STEADY).mean() >= 0.9


def test_topics_that_change_are_told_apart():
    rng = np.random.default_rng(4)
    rate_TS = np.full((7, 104), 30.0)
    rate_TS[1, 70:] *= np.linspace(1, 2, 34)
    rate_TS[2, 70:] *= np.linspace(1, 0.5, 34)
    rate_TS[3, 80:] = 0
    rate_TS[4, :98] = 0
    rate_TS[5, 40:96] = 0
    rate_TS[6] = 0
    found = topic_phases(history_of(rng.poisson(rate_TS)[None]), KINDS)
    expected = [STEADY, GROWING, DECLINING, DORMANT, EMERGING, RETURNING, UNCLEAR]
    assert found.code_T.tolist()[1:] == expected[1:]
    assert found.change_T[1] > 1.3 > 0.8 > found.change_T[2]
