"""Kinds of event are an open set, weighed against one purchase."""

from penchant.data.events import KIND_WEIGHTS, kind_weight


def test_a_return_takes_back_a_purchase_and_a_view_tells_least():
    assert kind_weight("return") == -kind_weight("purchase") == -1
    assert 0 < kind_weight("view") < kind_weight("cart") < kind_weight("purchase")


def test_a_kind_of_ones_own_tells_a_little():
    assert "wishlist" not in KIND_WEIGHTS
    assert 0 < kind_weight("wishlist") < kind_weight("purchase")
