from dataclasses import replace

import numpy as np
import pytest

from penchant.dashboard.movement import migration, movers
from penchant.dashboard.report import Report
from penchant.interest.model import make_forecast


def volumes(report: Report, factor_T: list[float]) -> Report:
    """A forecast of the last twelve weeks' counts, each topic times its factor."""
    history, task = report.history, report.task
    count_UT = history.interest.count_UT(task.target, history.cutoff - 12, history.cutoff)
    volume_UT = count_UT * np.array(factor_T, dtype=np.float32) / 3
    volume_UTW = np.repeat(volume_UT[:, :, None], 3, axis=2)
    return replace(
        report, forecast=make_forecast(history, task, 1 - np.exp(-volume_UTW), volume_UTW)
    )


def test_a_busier_shop_moves_no_topic(small: Report):
    report = volumes(small, [2, 2, 2, 2])
    moved = movers(report.history, report.forecast, report.task)
    assert moved.change_T == pytest.approx(np.zeros(4), abs=1e-4)
    assert not moved.sure_T.any()


def test_the_topic_that_doubles_leads_and_the_one_that_halves_trails(small: Report):
    report = volumes(small, [1, 2, 1, 0.5])
    moved = movers(report.history, report.forecast, report.task)
    assert moved.rising(1).tolist() == [1]
    assert moved.fading(1).tolist() == [3]
    assert moved.sure_T[1]


def test_only_untouched_pairs_can_be_adopted(small: Report):
    who = migration(small.history, small.forecast, small.task)
    assert (who.adoption_UT[who.recent_UT > 0] == 0).all()
    assert (who.quiet_UT[who.steps_UT < 3] == 0).all()
    assert who.adopters <= len(small.history.interest.users_U)


def test_sure_silence_makes_every_regular_pair_go_quiet(small: Report):
    report = volumes(small, [0, 0, 0, 0])
    who = migration(report.history, report.forecast, report.task)
    assert who.quiet == who.regular > 0
    assert who.adopters == 0
