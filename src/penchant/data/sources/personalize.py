"""Amazon Personalize interactions: the CSV of an Item interactions dataset.

A row with impressions becomes the interaction and one impression for each item shown but not
taken. `EVENT_VALUE` is whatever a shop made it, a rating or a share watched, and no money.
Source: https://docs.aws.amazon.com/personalize/latest/dg/ECOMMERCE-interactions-dataset.html
"""

from dataclasses import replace

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import kind

KINDS = {"click": "view", "watch": "view", "addtocart": "cart", "like": "favourite"}

SELECT = f"""
WITH shown AS (
    SELECT *, [NULL] || coalesce(list_sort(list_distinct([
        trim(item) FOR item IN string_split(IMPRESSION, '|')
        IF trim(item) NOT IN ('', coalesce(ITEM_ID, ''))
    ])), []) AS others
    FROM raw
), exploded AS (
    SELECT *, unnest(others) AS other FROM shown
)
SELECT row, USER_ID AS "user", coalesce(other, ITEM_ID) AS item, "TIMESTAMP" AS time,
    CASE WHEN other IS NULL THEN {kind("EVENT_TYPE", KINDS)} ELSE 'impression' END AS kind
FROM exploded
"""
CORE = frozenset({"user_id", "item_id", "timestamp", "event_type"})

EVENTS = Format(
    name="personalize",
    title="Amazon Personalize interactions",
    marks=CORE | {"event_value"},
    optional=("IMPRESSION",),
    select=SELECT,
)
IMPRESSIONS = replace(
    EVENTS,
    name="personalize-impressions",
    title="Amazon Personalize interactions with impressions",
    marks=CORE | {"impression"},
)
