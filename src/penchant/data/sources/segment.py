"""Segment and RudderStack calls, one JSON object a line, in their e-commerce specification.

An event with `products` becomes one row a product. Money is price times quantity, of orders and
refunds only. Users are `userId` where it is known, else `anonymousId`.
Source: https://www.twilio.com/docs/segment/connections/spec/ecommerce/v2 and
https://www.rudderstack.com/docs/event-spec/ecommerce-events-spec/
"""

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import amount, kind, parsed, per_line

KINDS = {
    "product viewed": "view",
    "product clicked": "view",
    "product list viewed": "impression",
    "product list filtered": "impression",
    "products searched": "search",
    "product added": "cart",
    "wishlist product added to cart": "cart",
    "product added to wishlist": "favourite",
    "order completed": "purchase",
    "order refunded": "return",
    "order cancelled": "return",
    "product shared": "social",
    "cart shared": "social",
    "product reviewed": "social",
}
ITEM = "coalesce({0}->>'product_id', {0}->>'productId', {0}->>'sku')"

SELECT = f"""
WITH records AS (
    SELECT row, "messageId" AS message, coalesce("timestamp", "originalTimestamp") AS time,
        coalesce(nullif("userId", ''), nullif("anonymousId", '')) AS person,
        {parsed("properties")} AS properties, {parsed("context")} AS context,
        CASE lower("type")
            WHEN 'page' THEN 'visit'
            WHEN 'screen' THEN 'visit'
            WHEN 'identify' THEN 'identify'
            WHEN 'group' THEN 'group'
            WHEN 'alias' THEN 'alias'
            ELSE {kind("event", KINDS, "replace(lower(trim(event)), ' ', '_')")}
        END AS kind
    FROM raw
), lists AS (
    SELECT *, CASE WHEN json_array_length(properties->'products') > 0
        THEN json_extract(properties, '$.products[*]') ELSE [properties] END AS lines
    FROM records
), exploded AS (
    SELECT * EXCLUDE (lines), len(lines) AS lines, unnest(lines) AS line,
        generate_subscripts(lines, 1) AS place
    FROM lists
), named AS (
    SELECT *, {ITEM.format("line")} AS item, line->>'quantity' AS quantity FROM exploded
)
SELECT row, person AS "user", item, time,
    -- A coupon without a product redeems nothing that an interest could be in.
    CASE WHEN kind = 'coupon_applied' AND item IS NOT NULL THEN 'redeem' ELSE kind END AS kind,
    CASE WHEN kind IN ('purchase', 'return')
        THEN {amount("(line->>'price')", "quantity")} END AS value,
    quantity,
    coalesce(properties->>'order_id', properties->>'orderId', context->>'sessionId') AS "order",
    CASE WHEN kind = 'search' THEN properties->>'query' END AS query,
    {per_line("message", "place", "lines")} AS event
FROM named
"""

EVENTS = Format(
    name="segment",
    title="Segment or RudderStack calls",
    marks=frozenset({"event", "properties", "messageid"}),
    optional=("type", "timestamp", "originalTimestamp", "userId", "anonymousId", "context"),
    select=SELECT,
)
