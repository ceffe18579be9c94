"""Gorse feedback: the CSV that its dashboard exports, or the JSON of its API, one object a line.

The types of feedback are whatever a shop calls them; the usual ones have kinds of ours. Gorse's
`Value` is a score and no money, and is left alone.
Source: https://gorse.io/docs/concepts/data-source
"""

from dataclasses import replace

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import kind

KINDS = {
    "read": "view",
    "click": "view",
    "visit": "view",
    "star": "favourite",
    "like": "favourite",
    "upvote": "favourite",
    "wish_list": "favourite",
    "comment": "social",
}
NAME = 'coalesce("FeedbackType", feedback_type)'

SELECT = f"""
SELECT row, coalesce("UserId", user_id) AS "user", coalesce("ItemId", item_id) AS item,
    -- Go writes `2024-05-01 10:00:00 +0000 UTC`.
    regexp_replace(coalesce("Timestamp", time_stamp),
        '\\s*([+-]\\d\\d)(\\d\\d) [A-Z+-][A-Z0-9]*$', '\\1:\\2') AS time,
    {kind(NAME, KINDS)} AS kind
FROM raw
"""

JSON = Format(
    name="gorse",
    title="Gorse feedback (the API's JSON)",
    marks=frozenset({"feedbacktype", "userid", "itemid", "timestamp"}),
    optional=(
        *("FeedbackType", "UserId", "ItemId", "Timestamp"),
        *("feedback_type", "user_id", "item_id", "time_stamp"),
    ),
    select=SELECT,
)
CSV = replace(
    JSON,
    name="gorse-csv",
    title="Gorse feedback (the dashboard's CSV export)",
    marks=frozenset({"feedback_type", "user_id", "item_id", "time_stamp"}),
)
