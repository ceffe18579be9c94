"""Google Analytics 4, as its BigQuery export has it: `events_YYYYMMDD` in JSON Lines or Parquet.

A product event becomes one row an item. Money is the item's revenue, or price times quantity, of
purchases and refunds only. Users are `user_id` where it was set, else the device's
`user_pseudo_id`; the two can be joined by an identity map.
Source: https://support.google.com/analytics/answer/7029846
"""

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import amount, elements, kind, parsed

KINDS = {
    "view_item": "view",
    "select_item": "view",
    "view_item_list": "impression",
    "add_to_cart": "cart",
    "add_to_wishlist": "favourite",
    "purchase": "purchase",
    "in_app_purchase": "purchase",
    "ecommerce_purchase": "purchase",
    "refund": "return",
    "purchase_refund": "return",
    "search": "search",
    "view_search_results": "search",
    "share": "social",
    "page_view": "visit",
    "screen_view": "visit",
    "session_start": "visit",
    "first_visit": "visit",
    "first_open": "visit",
}


def _parameter(name: str) -> str:
    """Value of an event's parameter, whichever of its typed fields holds it."""
    found = (
        f"[entry->'value' for entry in json_extract(params, '$[*]') if (entry->>'key') = '{name}']"
    )
    return f"coalesce({found}[1]->>'string_value', {found}[1]->>'int_value')"


SELECT = f"""
WITH records AS (
    SELECT row, event_timestamp, {kind("event_name", KINDS)} AS kind,
        coalesce(nullif(user_id, ''), nullif(user_pseudo_id, '')) AS person, user_pseudo_id,
        {parsed("event_params")} AS params, {parsed("ecommerce")} AS shop,
        {elements(parsed("items"))} AS lines
    FROM raw
), told AS (
    SELECT *, {_parameter("ga_session_id")} AS session, {_parameter("search_term")} AS query,
        {_parameter("transaction_id")} AS transaction, {_parameter("engagement_time_msec")} AS dwell
    FROM records
), exploded AS (
    SELECT * EXCLUDE (lines), len(lines) AS lines, unnest(lines) AS line FROM told
)
SELECT row, person AS "user",
    coalesce(nullif(nullif(line->>'item_id', '(not set)'), ''),
        nullif(line->>'item_name', '(not set)')) AS item,
    event_timestamp AS time, kind,
    CASE kind
        WHEN 'purchase' THEN coalesce(line->>'item_revenue',
            {amount("(line->>'price')", "(line->>'quantity')")})
        WHEN 'return' THEN coalesce(line->>'item_refund',
            {amount("(line->>'price')", "(line->>'quantity')")})
    END AS value,
    line->>'quantity' AS quantity,
    coalesce(nullif(shop->>'transaction_id', '(not set)'), transaction,
        user_pseudo_id || '.' || session) AS "order",
    CASE WHEN kind = 'search' THEN query END AS query,
    CASE WHEN lines = 1 THEN (TRY_CAST(dwell AS DOUBLE) / 1000)::VARCHAR END AS dwell
FROM exploded
"""

EVENTS = Format(
    name="ga4",
    title="Google Analytics 4 (BigQuery export)",
    marks=frozenset({"event_name", "event_timestamp", "event_params", "user_pseudo_id"}),
    optional=("user_id", "ecommerce", "items"),
    select=SELECT,
)
