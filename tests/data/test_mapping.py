"""Other people's names find their columns, and a missing one says what was found."""

import pytest

from penchant import columns as c
from penchant.data.mapping import (
    CatalogMapping,
    IdentityMapping,
    Mapping,
    PeopleMapping,
    split_time,
)
from penchant.errors import DataError


def test_well_known_synonyms_are_found_whatever_their_case():
    names = Mapping().resolve(["Household_ID", "product_id", "event_time", "sales_value"])
    assert names == {
        c.USER: "Household_ID",
        c.ITEM: "product_id",
        c.TIME: "event_time",
        c.VALUE: "sales_value",
        c.KIND: "=purchase",
    }


def test_our_own_name_goes_before_a_synonym_and_the_mapping_before_both():
    found = ["user", "user_id", "visitor", "item", "time"]
    assert Mapping().resolve(found)[c.USER] == "user"
    assert Mapping(user="visitor").resolve(found)[c.USER] == "visitor"


@pytest.mark.parametrize("missing", ["user", "item", "time"])
def test_a_missing_column_is_named_with_what_was_found(missing):
    found = [name for name in ("user", "item", "time") if name != missing] + ["colour"]
    with pytest.raises(DataError) as error:
        Mapping().resolve(found)
    assert f"no column for '{missing}'" in str(error.value)
    assert "colour" in str(error.value)


def test_a_wrong_name_in_the_mapping_gets_a_suggestion():
    with pytest.raises(
        DataError, match=r"'houshold'.*Found: household, .*Did you mean 'household'"
    ):
        Mapping(user="houshold").resolve(["household", "item", "time"])


def test_searches_need_no_item_column():
    assert c.ITEM not in Mapping().resolve(["user", "query", "time"])


def test_a_time_that_counts_from_no_date_is_refused():
    with pytest.raises(DataError, match="2017-13-01"):
        split_time("day@2017-13-01", ["day"])


def test_a_catalog_finds_the_levels_of_its_tree():
    found = ["product_id", "product_type", "department", "product_category"]
    assert CatalogMapping().levels(found) == ("department", "product_category", "product_type")
    assert CatalogMapping(path=("product_type",)).levels(found) == ("product_type",)
    with pytest.raises(DataError, match="Did you mean 'department'"):
        CatalogMapping(path=("departmnt",)).levels(found)


def test_people_keep_their_other_columns():
    names = PeopleMapping().resolve(["customer_id", "age", "reason"])
    assert names == {"user": "customer_id", "age": "age", "reason": "reason"}


def test_identities_find_their_columns_and_need_both():
    found = ["anonymousId", "user_id", "seen"]
    assert IdentityMapping().resolve(found) == {c.ALIAS: "anonymousId", c.USER: "user_id"}
    assert IdentityMapping(alias="seen").resolve(found)[c.ALIAS] == "seen"
    with pytest.raises(DataError, match="no column for 'alias'"):
        IdentityMapping().resolve(["user_id"])
