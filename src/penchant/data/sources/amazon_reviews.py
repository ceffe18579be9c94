"""McAuley Lab's Amazon reviews of 2014, 2018 and 2023, and their items' metadata.

A review stands for a purchase; nobody's money or basket is known, and stars aren't read. Of 2023
the item is the parent, which its variants share. Ratings without a header come as user, item of
2014 and as item, user of 2018; which is which is told by the look of an item's number.
Source: https://amazon-reviews-2023.github.io/,
https://cseweb.ucsd.edu/~jmcauley/datasets/amazon_v2/ and
https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html
"""

from dataclasses import replace

from penchant.data.sources.format import Dialect, Format
from penchant.data.sources.fragments import parsed

ASIN = "B[0-9A-Z]{9}|[0-9]{9}[0-9X]"
REVIEWER = "A[0-9A-Z]{8,}"
EITHER = f"{ASIN}|{REVIEWER}"

EVENTS = Format(
    name="amazon-reviews",
    title="Amazon reviews (2023)",
    marks=frozenset({"user_id", "parent_asin", "timestamp"}),
    optional=("reviewerID", "user_id", "asin", "parent_asin", "unixReviewTime", "timestamp"),
    select="""
SELECT row, coalesce("reviewerID", user_id) AS "user",
    coalesce(nullif(parent_asin, ''), asin) AS item,
    coalesce("unixReviewTime", "timestamp") AS time, 'purchase' AS kind
FROM raw
""",
)
EVENTS_2014 = replace(
    EVENTS,
    name="amazon-reviews-2014",
    title="Amazon reviews (2014 and 2018)",
    marks=frozenset({"reviewerid", "asin", "unixreviewtime"}),
)

RATINGS = Format(
    name="amazon-ratings",
    title="Amazon ratings (CSV without a header)",
    dialect=Dialect(
        names=("first", "second", "rating", "seconds"),
        shape={
            "first": EITHER,
            "second": EITHER,
            "rating": r"[0-5](\.\d+)?",
            "seconds": r"\d{9,10}",
        },
    ),
    select=f"""
WITH told AS (
    SELECT *, coalesce(regexp_full_match("first", '{ASIN}')
        AND NOT regexp_full_match("second", '{ASIN}'), false) AS item_first
    FROM raw
)
SELECT row, CASE WHEN item_first THEN "second" ELSE "first" END AS "user",
    CASE WHEN item_first THEN "first" ELSE "second" END AS item,
    seconds AS time, 'purchase' AS kind
FROM told
""",
)

CATALOG = Format(
    name="amazon-reviews",
    title="Amazon items (2023)",
    table="catalog",
    marks=frozenset({"parent_asin", "main_category", "categories"}),
    optional=(
        *("asin", "parent_asin", "title", "brand", "store", "price", "categories", "category"),
        *("main_cat", "main_category", "imUrl", "imageURLHighRes", "imageURL", "images"),
    ),
    select=f"""
WITH records AS (
    SELECT *, coalesce({parsed("categories")}, {parsed("category")}) AS tree,
        coalesce({parsed('"imageURLHighRes"')}, {parsed('"imageURL"')}) AS pictures
    FROM raw
), chosen AS (
    -- In 2014 an item has several paths; the first is where it is at home.
    SELECT *, CASE json_type(tree->0) WHEN 'ARRAY' THEN json_extract_string(tree, '$[0][*]')
        ELSE json_extract_string(tree, '$[*]') END AS levels
    FROM records
)
SELECT row, coalesce(nullif(parent_asin, ''), asin) AS item,
    coalesce(array_to_string(nullif(levels, []), ' > '), main_category, main_cat) AS path,
    title, coalesce(brand, store) AS brand,
    -- `$10.99 - $20.00` counts as its lower end; a scrap of a web page is no price.
    nullif(replace(regexp_extract(price, '^(?:from )?[$]?([0-9][0-9,]*[.]?[0-9]*)', 1), ',', ''),
        '') AS price,
    coalesce("imUrl", pictures->>0, {parsed("images")}->0->>'large') AS image
FROM chosen
""",
)
CATALOG_2018 = replace(
    CATALOG,
    name="amazon-reviews-2018",
    title="Amazon items (2018)",
    marks=frozenset({"asin", "category", "main_cat"}),
)
CATALOG_2014 = replace(
    CATALOG,
    name="amazon-reviews-2014",
    title="Amazon items (2014)",
    marks=frozenset({"asin", "categories", "imurl"}),
)
