"""What a recipe may be tuned over, and values that are refused."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from penchant.errors import RecipeError
from penchant.interest.space import Between, OneOf, proposed, space_of, values_of


@dataclass(frozen=True)
class Training:
    passes: int = 3
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    depth: int = 2
    rate: float = 0.1
    sort: str = "gru"
    seed: int = 0
    training: Training = field(default_factory=Training)

    SEARCH: ClassVar = {
        "depth": Between(1, 4),
        "rate": Between(0.01, 1.0, log=True),
        "sort": OneOf(("gru", "lstm")),
        "training.passes": Between(1, 9),
    }

    def fit(self, history, task):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Plain:
    def fit(self, history, task):
        raise NotImplementedError


def test_values_in_the_space_make_another_recipe():
    usual = {"depth": 2, "rate": 0.1, "sort": "gru", "training.passes": 3}
    assert values_of(Cell()) == usual
    found = proposed(Cell(seed=7), {"depth": 4, "sort": "lstm"})
    assert found == Cell(depth=4, sort="lstm", seed=7)


def test_a_dot_leads_to_a_field_inside():
    found = proposed(Cell(training=Training(threads=2)), {"training.passes": 5})
    assert found == Cell(training=Training(passes=5, threads=2))


def test_a_name_that_is_not_tuned_is_refused_with_a_likely_one():
    with pytest.raises(RecipeError, match=r"'dept' of Cell is not tuned\. Did you mean 'depth'"):
        proposed(Cell(), {"dept": 3})
    with pytest.raises(RecipeError, match="'seed' of Cell is not tuned"):
        proposed(Cell(), {"seed": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 5),
        ("depth", 2.0),
        ("depth", True),
        ("rate", 0.001),
        ("rate", "0.1"),
        ("sort", "x"),
    ],
)
def test_a_value_outside_its_range_is_refused_with_the_range(name, value):
    with pytest.raises(RecipeError, match=f"tuned over {Cell.SEARCH[name]}; found {value!r}"):
        proposed(Cell(), {name: value})


def test_whole_numbers_stay_whole_and_others_keep_four_digits():
    assert Between(1, 4).rounded(3) == 3
    assert isinstance(Between(1, 4).rounded(3), int)
    assert Between(0.0, 1.0).rounded(0.123456) == 0.1235
    assert Between(0.0, 0.999949).rounded(0.99994) == 0.9999
    assert Between(0.0, 0.99995).rounded(0.99995) == 0.99995


def test_a_whole_number_is_in_a_range_of_numbers():
    assert Between(0.5, 3.0).holds(2)
    assert not Between(0.5, 3.0).holds(float("nan"))


@pytest.mark.parametrize("ends", [(2, 2), (3, 1)])
def test_ends_the_wrong_way_round_are_refused(ends):
    with pytest.raises(RecipeError, match="low < high"):
        Between(*ends)


def test_a_log_scale_begins_above_nought():
    with pytest.raises(RecipeError, match="log scale"):
        Between(0, 8, log=True)


@pytest.mark.parametrize("choices", [(1,), (None, 1)])
def test_a_choice_of_one_or_of_none_is_refused(choices):
    with pytest.raises(RecipeError, match="two values or more"):
        OneOf(choices)


def test_a_recipe_without_a_space_says_so():
    with pytest.raises(RecipeError, match="Plain declares nothing to tune"):
        space_of(Plain())
