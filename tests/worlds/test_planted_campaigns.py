"""Campaigns, promotions, prices and attributes of `promoted` can be found in its events."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from seen import counted, seen

from penchant import columns as c
from penchant.data.worlds import Shop, World, promoted

SHOP = Shop(users=2500, topics=6, steps=32, purchases=4.0, items_per_topic=5, seed=4)


@cache
def world() -> World:
    return promoted(SHOP)


@cache
def bought() -> pd.DataFrame:
    return seen(world())


def campaign(number: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A campaign's treatments, and what each user bought in its steps."""
    table = world().truth.treatments
    assert table is not None
    frame = pd.DataFrame({name: getattr(table, name) for name in table.__dataclass_fields__})
    frame = frame[frame["campaign_N"] == number].reset_index()
    count_US = counted(bought(), SHOP.users, SHOP.steps)
    start, steps = frame["step_N"][0], frame["steps_N"][0]
    assert (frame["user_N"] == np.arange(SHOP.users)).all()
    return frame, count_US[:, start : start + steps].sum(axis=1)


def difference(count: np.ndarray, treated: np.ndarray) -> tuple[float, float]:
    """Difference in means and its standard error."""
    a, b = count[treated], count[~treated]
    return a.mean() - b.mean(), np.sqrt(a.var() / len(a) + b.var() / len(b))


def test_the_lot_measures_the_uplift_by_a_difference_in_means() -> None:
    frame, count = campaign(0)
    assert (frame["propensity_N"] == 0.5).all()
    assert frame["treated_N"].mean() == pytest.approx(0.5, abs=0.05)
    found, error = difference(count, frame["treated_N"].to_numpy())
    planted = frame["uplift_N"].mean()
    assert planted > 0
    assert abs(found - planted) < 4 * error
    assert found > 2 * error


@pytest.mark.parametrize(
    ("response", "sign"),
    [("persuadable", 1), ("sure thing", 0), ("lost cause", 0), ("sleeping dog", -1)],
)
def test_each_response_has_its_sign_and_size(response: str, sign: int) -> None:
    frame, count = campaign(0)
    chosen = (frame["response_N"] == response).to_numpy()
    found, error = difference(count[chosen], frame["treated_N"].to_numpy()[chosen])
    planted = frame["uplift_N"][chosen].mean()
    assert np.sign(planted) == sign
    assert abs(found - planted) < 4 * error
    if sign:
        assert np.sign(found) == sign
        assert abs(found) > 4 * error


def test_the_young_are_persuaded_and_the_old_wake_up() -> None:
    frame, _ = campaign(0)
    people = world().log.people
    assert people is not None
    response = frame["response_N"].groupby(people.to_pandas()["age"]).value_counts(normalize=True)
    assert response["18-24"]["persuadable"] > 3 * response["65+"]["persuadable"]
    assert response["65+"]["sleeping dog"] > 3 * response["18-24"]["sleeping dog"]


def test_the_targeted_campaign_needs_its_propensities() -> None:
    frame, count = campaign(1)
    treated, chance = frame["treated_N"].to_numpy(), frame["propensity_N"].to_numpy()
    naive, error = difference(count, treated)
    planted = frame["uplift_N"].mean()
    assert naive - planted > 4 * error
    weighed_N = count * (treated / chance - ~treated / (1 - chance))
    error = weighed_N.std() / np.sqrt(len(weighed_N))
    assert abs(weighed_N.mean() - planted) < 4 * error
    # Given the propensity the treatment was drawn by it.
    for low in (0.1, 0.3, 0.5, 0.7):
        inside = (chance >= low) & (chance <= low + 0.2)
        assert treated[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.1)


def test_a_promoted_item_sells_as_much_more_as_was_planted() -> None:
    pricing = world().truth.pricing
    assert pricing is not None
    sold_IS = np.zeros((30, SHOP.steps))
    np.add.at(sold_IS, (bought()["what"], bought()["when"]), 1)
    calm_IS = np.ones_like(sold_IS, dtype=bool)  # at one list price, without a promotion
    for item, start, steps in zip(
        pricing.promoted_V, pricing.start_V, pricing.steps_V, strict=True
    ):
        calm_IS[item, start : start + steps] = False
    during, before, planted = 0.0, 0.0, []
    for item, start, steps, lift in zip(
        pricing.promoted_V, pricing.start_V, pricing.steps_V, pricing.lift_V, strict=True
    ):
        span = slice(start, start + steps)
        near = slice(max(start - 4, 0), start + steps + 4)
        around = calm_IS[item, near]
        if around.any():
            usual = sold_IS[item, near][around].mean()
            before += usual * len(sold_IS[item, span])
            during += sold_IS[item, span].sum()
            planted.append(lift)
    assert np.mean(planted) - 0.2 < during / before < np.mean(planted) + 0.5


def test_promotions_are_known_ahead_and_paid_for() -> None:
    table, catalog = world().log.promotions, world().log.catalog.to_pandas()
    pricing = world().truth.pricing
    assert table is not None
    assert pricing is not None
    assert len(table) == len(pricing.promoted_V)
    first = bought()
    fresh = ~first["what"].isin(pricing.item_K)  # whose list price never changes
    checked = 0
    for row in table.to_pandas().itertuples():
        within = (first[c.ITEM] == row.item) & first[c.TIME].between(row.start, row.end)
        listed = catalog.loc[catalog[c.ITEM] == row.item, c.PRICE].iloc[0]
        unit = (first[c.VALUE] / first[c.QUANTITY])[within & fresh]
        assert (unit <= listed * (1 - row.strength) + 0.011).all()
        checked += len(unit)
    assert checked > 100


def test_list_prices_change_as_planted() -> None:
    pricing = world().truth.pricing
    assert pricing is not None
    sold = bought().assign(unit=bought()[c.VALUE] / bought()[c.QUANTITY])
    found = 0
    for item, step, price in zip(pricing.item_K, pricing.step_K, pricing.price_K, strict=True):
        promoted_now = pricing.promoted_V == item
        promoted_now &= (pricing.start_V <= step) & (step < pricing.start_V + pricing.steps_V)
        here = sold[(sold["what"] == item) & (sold["when"] == step)]
        again = ((pricing.item_K == item) & (pricing.step_K == step)).sum() > 1
        if len(here) and not promoted_now.any() and not again:
            np.testing.assert_allclose(here["unit"], price, atol=0.011)
            found += 1
    assert found > 10


def test_ages_sway_tastes_and_households_activity() -> None:
    truth, people = world().truth, world().log.people
    assert people is not None
    assert truth.demographics is not None
    attributes = people.to_pandas()
    count_UT = np.zeros((SHOP.users, SHOP.topics))
    np.add.at(count_UT, (bought()["who"], bought()["about"].astype(int)), 1)
    share_AT = pd.DataFrame(count_UT).groupby(attributes["age"]).sum().to_numpy()
    share_AT /= share_AT.sum(axis=1, keepdims=True)
    log_AT = np.log(share_AT) - np.log(share_AT).mean(axis=0)
    planted_AT = np.log(truth.demographics.taste_AT)
    planted_AT = planted_AT - planted_AT.mean(axis=0)
    assert np.corrcoef(log_AT.ravel(), planted_AT.ravel())[0, 1] > 0.8
    by_size = pd.Series(count_UT.sum(axis=1)).groupby(attributes["household"]).mean()
    assert by_size["5+"] / by_size["1"] == pytest.approx(1.4 / 0.6, rel=0.25)


def test_nobody_buys_before_signing_up() -> None:
    people = world().log.people
    assert people is not None
    signup = pd.to_datetime(people.to_pandas().set_index(c.USER)["signup"])
    assert (bought()[c.TIME] >= bought()[c.USER].map(signup)).all()
    late = (signup > pd.Timestamp("2020-01-06")).mean()
    assert 0.2 < late < 0.4
