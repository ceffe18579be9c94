"""Google's Vertex AI Search for commerce (Retail API) user events, one JSON object a line.

An event becomes one row a product. The products of a search or of a page are what was shown:
impressions, beside the row of the search or visit itself. Money is the product's price times
quantity where the event carries it, or the transaction's revenue where it holds one product.
Source: https://docs.cloud.google.com/retail/docs/user-events
"""

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import amount, elements, kind, parsed

KINDS = {
    "detail-page-view": "view",
    "add-to-cart": "cart",
    "remove-from-cart": "remove_from_cart",
    "purchase-complete": "purchase",
    "search": "search",
    "home-page-view": "visit",
    "category-page-view": "visit",
}
OWN_NAME = """replace(lower(trim("eventType")), '-', '_')"""

SELECT = f"""
WITH records AS (
    SELECT row, "eventTime" AS time,
        coalesce(nullif({parsed('"userInfo"')}->>'userId', ''), nullif("visitorId", '')) AS person,
        CASE WHEN lower("eventType") = 'search' AND nullif("searchQuery", '') IS NULL THEN 'visit'
            ELSE {kind('"eventType"', KINDS, OWN_NAME)}
        END AS kind,
        nullif("searchQuery", '') AS query, {parsed('"purchaseTransaction"')} AS shop,
        coalesce(nullif("sessionId", ''), "cartId") AS session,
        {elements(parsed('"productDetails"'))} AS lines
    FROM raw
), shown AS (
    SELECT *, kind IN ('search', 'visit') AS browsing,
        -- What a search or a page showed comes after the search or visit itself.
        CASE WHEN browsing AND lines[1] IS NOT NULL THEN [NULL] || lines ELSE lines END AS all_lines
    FROM records
), exploded AS (
    SELECT * EXCLUDE (lines, all_lines), len(lines) AS lines, unnest(all_lines) AS line FROM shown
), named AS (
    SELECT *, line->'product' AS product, line->>'quantity' AS quantity FROM exploded
)
SELECT row, person AS "user",
    coalesce(product->>'id', nullif(regexp_extract(product->>'name', '/products/(.+)$', 1), ''))
        AS item,
    time, CASE WHEN browsing AND line IS NOT NULL THEN 'impression' ELSE kind END AS kind,
    CASE WHEN kind = 'purchase' THEN coalesce(
        {amount("(product->'priceInfo'->>'price')", "quantity")},
        CASE WHEN lines = 1 THEN shop->>'revenue' END) END AS value,
    quantity, coalesce(shop->>'id', session) AS "order",
    CASE WHEN kind = 'search' AND line IS NULL THEN query END AS query
FROM named
"""

EVENTS = Format(
    name="google-retail",
    title="Google Retail user events",
    marks=frozenset({"eventtype", "visitorid", "eventtime"}),
    optional=(
        *("userInfo", "productDetails", "searchQuery"),
        *("purchaseTransaction", "sessionId", "cartId"),
    ),
    select=SELECT,
)
