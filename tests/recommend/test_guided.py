"""Guided sources: the forecast moves a source's items, and is not needed."""

from dataclasses import replace

import numpy as np
from test_sources import GOODS, ITEMS, PAST

from penchant.recommend.candidates import Asked
from penchant.recommend.guided import Guided
from penchant.recommend.repeat import Repeat

BOB = PAST.only(np.array([1]))  # had rye bread lately, green tea long ago


def first(fitted, chance):
    chance_BT = None if chance is None else np.array([chance], dtype=np.float32)
    scores = fitted.propose(Asked(BOB, chance_BT, chance_BT), 1).toarray()
    return ITEMS[scores[0].argmax()]


def test_what_is_wanted_comes_first():
    fitted = Guided(Repeat(), weight=1.0).fit(PAST, GOODS)
    assert first(fitted, [0.9, 0.1, 0.2]) == "rye bread"
    assert first(fitted, [0.1, 0.1, 0.9]) == "green tea"


def test_without_a_forecast_the_source_is_itself():
    fitted = Guided(Repeat()).fit(PAST, GOODS)
    assert first(fitted, None) == first(Repeat().fit(PAST, GOODS), None)


def test_without_weight_the_order_is_the_sources():
    fitted = Guided(Repeat(), weight=0.0).fit(PAST, GOODS)
    assert first(fitted, [0.01, 0.01, 0.9]) == first(Repeat().fit(PAST, GOODS), None)


def test_what_nobody_can_place_is_left_out():
    goods = replace(GOODS, topic_I=np.full(4, -1, dtype=np.int32))
    fitted = Guided(Repeat()).fit(PAST, goods)
    chance_BT = np.ones((1, 3), dtype=np.float32)
    assert fitted.propose(Asked(BOB, chance_BT, chance_BT), 3).nnz == 0
