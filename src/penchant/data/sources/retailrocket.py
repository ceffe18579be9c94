"""RetailRocket's e-commerce dataset: `events.csv`, `item_properties_part*.csv`, the category tree.

The catalog is read from a file of item properties: of each item its latest category, and the
category's ancestors from `category_tree.csv` in the same folder. Other properties are hashed, and
say nothing of what is sold. There are no prices.
Source: https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset
"""

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import kind

KINDS = {"view": "view", "addtocart": "cart", "transaction": "purchase"}

EVENTS = Format(
    name="retailrocket",
    title="RetailRocket events",
    marks=frozenset({"timestamp", "visitorid", "event", "itemid", "transactionid"}),
    select=f"""
SELECT row, visitorid AS "user", itemid AS item, "timestamp" AS time,
    {kind("event", KINDS)} AS kind, transactionid AS "order"
FROM raw
""",
)

CATALOG = Format(
    name="retailrocket",
    title="RetailRocket item properties",
    table="catalog",
    marks=frozenset({"timestamp", "itemid", "property", "value"}),
    beside=("category_tree.csv*",),
    select="""
WITH RECURSIVE tree AS (
    SELECT categoryid, any_value(nullif(parentid, '')) AS parentid
    FROM category_tree GROUP BY categoryid
), branches AS (
    SELECT categoryid, [categoryid] AS levels, parentid FROM tree
    UNION ALL
    SELECT branches.categoryid, [tree.categoryid] || levels, tree.parentid
    FROM branches JOIN tree ON tree.categoryid = branches.parentid
    WHERE NOT list_contains(levels, tree.categoryid)
), paths AS (
    SELECT categoryid, array_to_string(arg_max(levels, len(levels)), ' > ') AS path
    FROM branches GROUP BY categoryid
), placed AS (
    SELECT row, nullif(itemid, '') AS item, nullif("value", '') AS category,
        row_number() OVER (PARTITION BY itemid
            ORDER BY TRY_CAST("timestamp" AS BIGINT) DESC NULLS LAST, row) AS age
    FROM raw WHERE property = 'categoryid'
)
SELECT placed.row, item, coalesce(path, category) AS path
FROM placed LEFT JOIN paths ON categoryid = category
WHERE age = 1 OR item IS NULL
""",
)
