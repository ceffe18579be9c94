"""What is told of customers fits together, or is refused."""

import numpy as np
import pytest

from penchant.errors import HistoryError
from penchant.interest.prospect import Prospects
from penchant.interest.task import Window

NAMES = (np.array(["ann", "bob"]), np.array(["bread", "milk", "tea"]))


def test_what_was_not_asked_may_be_missing():
    churn_UW = np.zeros((2, 1), dtype=np.float32)
    told = Prospects(*NAMES, (Window(0, 4),), 2600, None, churn_UW, None)
    assert told.first_UT is None


def test_users_topics_and_windows_must_be_those_named():
    with pytest.raises(HistoryError, match=r"churn_UW must be \(2, 1\); found \(1, 2\)"):
        Prospects(*NAMES, (Window(0, 4),), 2600, None, np.zeros((1, 2), dtype=np.float32), None)
