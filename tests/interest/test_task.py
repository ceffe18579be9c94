"""Windows and tasks say what they mean, and refuse what they can't."""

import pytest

from penchant.errors import HistoryError
from penchant.interest.task import Task, Window


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("1-4", Window(0, 4)),
        ("5–8", Window(4, 8)),
        (" 9 - 12 ", Window(8, 12)),
        ("3-3", Window(2, 3)),
    ],
)
def test_a_window_is_read_from_its_name(name, window):
    assert Window.parse(name) == window
    assert Window.parse(window.name) == window
    assert window.length == window.end - window.start


@pytest.mark.parametrize("name", ["", "4", "0-4", "-1-4", "1-4 weeks", "one-four", "1-4-8"])
def test_a_name_that_is_no_window_is_refused(name):
    with pytest.raises(HistoryError, match="such as 5-8"):
        Window.parse(name)


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (4, 4), (5, 4)])
def test_an_empty_window_is_refused(start, end):
    with pytest.raises(HistoryError, match="0 <= start < end"):
        Window(start, end)


def test_a_name_that_runs_backwards_is_refused():
    with pytest.raises(HistoryError):
        Window.parse("8-5")


def test_a_task_reaches_to_its_last_window():
    assert Task(windows=(Window(8, 12), Window(0, 4))).horizon == 12
    assert [window.name for window in Task().windows] == ["1-4", "5-8", "9-12"]


@pytest.mark.parametrize("parts", [{"windows": ()}, {"target": ()}])
def test_an_empty_task_is_refused(parts):
    with pytest.raises(HistoryError, match="at least one"):
        Task(**parts)


def test_a_window_named_twice_is_refused():
    with pytest.raises(HistoryError, match="1-4, 1-4"):
        Task(windows=(Window(0, 4), Window(0, 4)))
