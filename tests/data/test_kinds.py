"""Kinds of event are weighed against one purchase."""

from penchant.data.events import ABOUT_ITEMS, KIND_SYNONYMS, KIND_WEIGHTS


def test_a_return_takes_back_a_purchase_and_a_view_tells_least():
    assert KIND_WEIGHTS["return"] == -KIND_WEIGHTS["purchase"] == -1
    assert 0 < KIND_WEIGHTS["view"] < KIND_WEIGHTS["cart"] < KIND_WEIGHTS["purchase"]


def test_other_peoples_words_stand_for_known_kinds():
    assert set(KIND_SYNONYMS.values()) | set(ABOUT_ITEMS) <= set(KIND_WEIGHTS)
    assert not set(KIND_SYNONYMS) & set(KIND_WEIGHTS)
