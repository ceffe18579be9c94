import numpy as np
import pytest

from penchant.dashboard import numbers
from penchant.dashboard.customers import why
from penchant.interest.task import Task


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.count(1234.4), "1,234"),
        (numbers.share(0.12), "12 %"),
        (numbers.share(0.034), "3.4 %"),
        (numbers.share(0.9999), "99.9 %"),
        (numbers.share(1.0), "100 %"),
        (numbers.share(0.0), "0 %"),
        (numbers.chance(0.999), "> 99 %"),
        (numbers.chance(0.002), "< 1 %"),
        (numbers.decimal(-0.0412), "−0.041"),
        (numbers.change(-0.08), "−8 %"),
        (numbers.volume(3.14), "3.1"),
        (numbers.several(1, "topic"), "1 topic"),
        (numbers.count(float("nan")), "–"),
        (numbers.share(None), "–"),
    ],
)
def test_numbers_are_written_for_people(written: str, expected: str):
    assert written.replace(numbers.SPACE, " ") == expected


def test_why_tells_how_often_how_long_ago_and_how_regularly():
    count_S = np.zeros(20, dtype=np.float32)
    count_S[[8, 12, 16]] = [1, 2, 1]
    expected = "4 times in the last 12 weeks; last 3 weeks ago; about every 4.0 weeks"
    assert why(count_S, Task()) == expected
    assert why(np.zeros(5, dtype=np.float32), Task()) == "never so far"
