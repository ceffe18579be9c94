"""REES46's behaviour data of a multi-category shop: one CSV a month.

Money is the price of purchases; the price of what was only seen isn't money. The catalog is what
the same file says last of each product: its category code, or the bare category id where there is
no code, brand and price.
Source: https://www.kaggle.com/datasets/mkechinov/ecommerce-behavior-data-from-multi-category-store
"""

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import kind

MARKS = frozenset(
    {"event_time", "event_type", "product_id", "category_code", "price", "user_session"}
)
KINDS = {"view": "view", "cart": "cart", "purchase": "purchase"}

EVENTS = Format(
    name="rees46",
    title="REES46 behaviour data",
    marks=MARKS,
    select=f"""
SELECT row, user_id AS "user", product_id AS item, event_time AS time,
    {kind("event_type", KINDS)} AS kind,
    CASE WHEN lower(event_type) = 'purchase' THEN price END AS value, user_session AS "order"
FROM raw
""",
)

CATALOG = Format(
    name="rees46",
    title="REES46 products",
    table="catalog",
    marks=MARKS,
    optional=("category_id", "brand"),
    select="""
SELECT min(row) AS row, product_id AS item,
    coalesce(replace(arg_max(nullif(category_code, ''), row), '.', ' > '),
        arg_max(nullif(category_id, ''), row)) AS path,
    arg_max(nullif(brand, ''), row) AS brand, arg_max(nullif(price, ''), row) AS price
FROM raw GROUP BY product_id
""",
)
