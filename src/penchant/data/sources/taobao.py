"""Taobao's `UserBehavior.csv`: user, item, category, behaviour, seconds since 1970; no header.

A few timestamps lie outside the nine days of the log, as published; nothing is hidden here. The
catalog is the category of each item in the same file, by its id.
Source: https://tianchi.aliyun.com/dataset/649
"""

from penchant.data.sources.format import Dialect, Format
from penchant.data.sources.fragments import kind

KINDS = {"pv": "view", "buy": "purchase", "cart": "cart", "fav": "favourite"}
NUMBER = r"\d+"
DIALECT = Dialect(
    names=("user_id", "item_id", "category_id", "behavior", "seconds"),
    shape={
        "user_id": NUMBER,
        "item_id": NUMBER,
        "category_id": NUMBER,
        "behavior": "|".join(KINDS),
        "seconds": r"-?\d+",
    },
)

EVENTS = Format(
    name="taobao",
    title="Taobao UserBehavior",
    dialect=DIALECT,
    select=f"""
SELECT row, user_id AS "user", item_id AS item, seconds AS time, {kind("behavior", KINDS)} AS kind
FROM raw
""",
)

CATALOG = Format(
    name="taobao",
    title="Taobao items",
    table="catalog",
    dialect=DIALECT,
    select="""
SELECT min(row) AS row, item_id AS item, arg_max(nullif(category_id, ''), row) AS path
FROM raw GROUP BY item_id
""",
)
