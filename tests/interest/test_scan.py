import numpy as np
import pytest
from scipy.special import gammaln

from penchant.interest.scan import Engagements, best_split, evidence


def engaged(*stretches):
    """Engagements of stretches given as lists of (topic, step)."""
    rows = sorted((r, t, s) for r, cells in enumerate(stretches) for t, s in cells)
    row_N, topic_N, step_N = np.array(rows, dtype=np.int32).T
    return Engagements(
        row_N, topic_N, step_N, np.ones(len(rows), np.float32), (len(stretches), 4, 20)
    )


MOVER = [(0, s) for s in range(10)] + [(1, s) for s in range(10, 20)] + [(2, s) for s in range(20)]
STAYER = [(0, s) for s in range(0, 20, 2)] + [(1, s) for s in range(1, 20, 2)]
PRIOR_T = np.array([2.0, 2.0, 2.0, 2.0])


def test_a_clean_move_is_found_where_it_is():
    split = best_split(engaged(MOVER, STAYER), PRIOR_T)
    assert split.step_R[0] == 10
    assert split.score_R[0] > 5 > split.score_R[1]
    cells = evidence(engaged(MOVER), PRIOR_T)
    assert cells.topic_C.tolist() == [0, 1, 2]
    assert cells.falls_CS[:, 9].tolist() == [True, False, False]
    assert cells.evidence_CS[:2, 9].min() > 2 > cells.evidence_CS[2, 9]


def test_evidence_is_a_log_bayes_factor_of_gamma_poisson_counts():
    cells = evidence(engaged(MOVER), PRIOR_T)

    def marginal(count, exposure):
        a, b = 2.0, 8.0
        return gammaln(a + count) - gammaln(a) + a * np.log(b) - (a + count) * np.log(b + exposure)

    wanted = marginal(10, 20) + marginal(0, 20) - marginal(10, 40)
    assert cells.evidence_CS[0, 9] == pytest.approx(wanted, abs=1e-4)


def test_following_the_shops_season_is_no_evidence():
    season_TS = np.ones((4, 20), np.float32)
    season_TS[0, 10:], season_TS[1, :10] = 0.01, 0.01
    season_TS[0, :10], season_TS[1, 10:] = 2, 2
    plain = best_split(engaged(MOVER), PRIOR_T).score_R[0]
    assert best_split(engaged(MOVER), PRIOR_T, season_TS).score_R[0] < plain / 2


def test_staying_while_the_shop_turns_is_no_evidence():
    season_TS = np.ones((4, 20), np.float32)
    season_TS[2, :10], season_TS[2, 10:] = 0.2, 1.8
    season_TS[3, :10], season_TS[3, 10:] = 1.8, 0.2
    stayer = engaged([(t, s) for t in (2, 3) for s in range(20)])
    assert best_split(stayer, PRIOR_T, season_TS).score_R[0] < 0
    mover = best_split(engaged(MOVER), PRIOR_T, season_TS)
    assert (mover.step_R[0], mover.score_R[0] > 5) == (10, True)


def test_a_topic_of_every_basket_has_not_fallen_when_baskets_grow():
    grown = engaged(
        [(0, s) for s in range(20)] + [(t, s) for t in (1, 2, 3) for s in range(10, 20)]
    )
    cells = evidence(grown, PRIOR_T)
    assert cells.topic_C[0] == 0
    assert cells.evidence_CS[0, 9] < 0


def test_shuffling_keeps_baskets_together_and_cutting_keeps_everything():
    found = engaged(MOVER, STAYER)
    shuffled = found.shuffled(np.random.default_rng(0))

    def baskets(engagements, row):
        mine = engagements.row_N == row
        steps = engagements.step_N[mine]
        return sorted(tuple(sorted(engagements.topic_N[mine][steps == s])) for s in set(steps))

    for row in (0, 1):
        assert baskets(shuffled, row) == baskets(found, row)
    assert not np.array_equal(shuffled.step_N, found.step_N)
    halves = found.cut(np.array([10, 5], np.int32))
    assert np.bincount(halves.row_N).tolist() == [20, 20, 5, 15]
    twice = found.only(np.array([1, 0, 1], np.int32))
    assert np.bincount(twice.row_N).tolist() == [20, 40, 20]
    start_R, end_R = np.array([0, 5, 5], np.int32), np.array([5, 10, 20], np.int32)
    assert np.bincount(twice.within(start_R, end_R).row_N).tolist() == [5, 10, 15]


def test_blocks_give_what_the_whole_does(monkeypatch):
    found = engaged(*[MOVER, STAYER] * 5)
    whole = best_split(found, PRIOR_T)
    monkeypatch.setattr("penchant.interest.scan.MOST_CELLS", 60)
    parts = best_split(found, PRIOR_T)
    assert np.array_equal(whole.score_R, parts.score_R)
    assert np.array_equal(whole.step_R, parts.step_R)


def test_a_stretch_with_a_handful_of_engagements_scores_nothing():
    split = best_split(engaged([(0, 3), (1, 9)], MOVER), PRIOR_T)
    assert split.score_R[0] < 0
    assert split.step_R[0] == -1
