"""Shopify orders: the CSV that the admin exports, and the API's orders, one JSON object a line.

Each line of an order is a purchase, less its discounts. Refunded lines, and all lines of a
cancelled order, are returns beside it. JSON may be REST's or GraphQL's; a custom line without a
product goes by its SKU or title. The CSV has no product ids, so its items are SKUs, or names where
there is none; nor has it dates or lines of refunds, so only a refund of the whole order is known,
dated as the order. Customers are ids in JSON where there is one, and e-mail addresses otherwise.
Source: https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders and
https://shopify.dev/docs/api/admin-rest/latest/resources/order
"""

from dataclasses import replace

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import elements, parsed


def _carried(column: str) -> str:
    """What an order's first line says for all of them."""
    return f"first_value(nullif({column}, '') IGNORE NULLS) OVER lines_of_order"


CSV_SELECT = f"""
WITH carried AS (
    SELECT row, nullif("Name", '') AS "order", {_carried('"Email"')} AS email,
        {_carried('"Created at"')} AS created,
        {_carried('"Cancelled at"')} AS cancelled,
        lower({_carried('"Financial Status"')}) AS status,
        coalesce(nullif("Lineitem sku", ''), nullif("Lineitem name", '')) AS item,
        "Lineitem quantity" AS quantity, "Lineitem price" AS price,
        coalesce(nullif("Lineitem discount", ''), '0') AS discount,
        "Name" || '.' || row_number() OVER (PARTITION BY "Name" ORDER BY row) AS line
    FROM raw
    WINDOW lines_of_order AS (PARTITION BY coalesce("Name", row::VARCHAR) ORDER BY row
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), kinds AS (
    SELECT *, unnest(CASE WHEN cancelled IS NOT NULL OR status IN ('refunded', 'voided')
        THEN ['purchase', 'return'] ELSE ['purchase'] END) AS kind
    FROM carried
)
SELECT row, lower(email) AS "user", item,
    CASE kind WHEN 'return' THEN coalesce(cancelled, created) ELSE created END AS time, kind,
    coalesce(round(TRY_CAST(price AS DOUBLE) * TRY_CAST(quantity AS DOUBLE)
        - TRY_CAST(discount AS DOUBLE), 6)::VARCHAR,
        -- What can't be read is handed on, to be refused with its reason.
        CASE WHEN TRY_CAST(price AS DOUBLE) IS NULL THEN price ELSE discount END) AS value,
    quantity, "order", line || CASE kind WHEN 'return' THEN '.return' ELSE '' END AS event
FROM kinds
"""

CSV = Format(
    name="shopify-csv",
    title="Shopify orders (the admin's CSV export)",
    marks=frozenset({"name", "lineitem quantity", "lineitem name", "lineitem price"}),
    optional=(
        *("Email", "Created at", "Cancelled at", "Financial Status"),
        *("Lineitem sku", "Lineitem discount"),
    ),
    select=CSV_SELECT,
)


def _connection(json: str) -> str:
    """The list in a REST array, or in a GraphQL connection by its edges or nodes."""
    return (
        f"CASE json_type({json}) WHEN 'OBJECT' THEN coalesce("
        f"nullif(json_extract({json}, '$.edges[*].node'), []), json_extract({json}, '$.nodes[*]')) "
        f"ELSE json_extract({json}, '$[*]') END"
    )


def _id(json: str) -> str:
    """An id, without the `gid://shopify/Product/` of GraphQL."""
    return f"nullif(regexp_extract({json}->>'id', '[^/]*$'), '')"


SHOP_MONEY = "->'shopMoney'->>'amount'"
ITEM = f"""coalesce({{0}}->>'product_id', {_id("({0}->'product')")},
        nullif({{0}}->>'sku', ''), {{0}}->>'title')"""
PRICE = f"coalesce({{0}}->>'price', {{0}}->'originalUnitPriceSet'{SHOP_MONEY})"
DISCOUNT = f"""coalesce(
        list_sum([TRY_CAST(cut->>'amount' AS DOUBLE)
            FOR cut IN json_extract({{0}}, '$.discount_allocations[*]')]),
        list_sum([TRY_CAST(cut->'allocatedAmountSet'{SHOP_MONEY} AS DOUBLE)
            FOR cut IN json_extract({{0}}, '$.discountAllocations[*]')]),
        TRY_CAST({{0}}->>'total_discount' AS DOUBLE), 0)"""
NET = f"""coalesce(round(TRY_CAST({PRICE} AS DOUBLE) * TRY_CAST({{0}}->>'quantity' AS DOUBLE)
        - {DISCOUNT}, 6)::VARCHAR, {PRICE})"""

SELECT = f"""
WITH records AS (
    SELECT row, {parsed("line_items")} AS rest_lines, {parsed('"lineItems"')} AS graph_lines,
        {elements(parsed("refunds"))} AS refunds,
        coalesce({_id(parsed("customer"))}, lower(nullif(email, ''))) AS person,
        coalesce(nullif("name", ''), id) AS "order",
        coalesce(processed_at, "processedAt", created_at, "createdAt") AS time,
        coalesce(nullif(cancelled_at, ''), nullif("cancelledAt", '')) AS cancelled,
        lower(test) = 'true' AS test
    FROM raw
), lists AS (
    SELECT *, coalesce(nullif(coalesce({_connection("rest_lines")}, {_connection("graph_lines")}),
        []), [NULL]) AS lines
    FROM records
), bought AS (
    SELECT * EXCLUDE (lines, refunds), unnest(lines) AS line FROM lists
), refunded AS (
    SELECT * EXCLUDE (lines, refunds), unnest(refunds) AS refund FROM lists
), returned AS (
    SELECT *, unnest(coalesce({_connection("(refund->'refund_line_items')")},
        {_connection("(refund->'refundLineItems')")})) AS line
    FROM refunded
), placed AS (
    SELECT *, coalesce(line->'line_item', line->'lineItem') AS sold FROM returned
), kinds AS (
    SELECT row, person, {ITEM.format("line")} AS item, time, 'purchase' AS kind, test,
        {NET.format("line")} AS value, line->>'quantity' AS quantity, "order",
        'line.' || {_id("line")} AS event
    FROM bought
    UNION ALL
    SELECT row, person, {ITEM.format("line")}, cancelled, 'return', test,
        {NET.format("line")}, line->>'quantity', "order",
        'cancelled.' || {_id("line")}
    FROM bought
    WHERE cancelled IS NOT NULL AND row NOT IN (SELECT row FROM placed)
    UNION ALL
    SELECT row, person, {ITEM.format("sold")},
        coalesce(refund->>'processed_at', refund->>'created_at', refund->>'createdAt'), 'return',
        test, coalesce(line->>'subtotal', line->'subtotalSet'{SHOP_MONEY}), line->>'quantity',
        "order", 'refund.' || coalesce({_id("line")}, {_id("refund")} || '.' || {_id("sold")})
    FROM placed
)
SELECT row, person AS "user", item, time, CASE WHEN test THEN 'test_order' ELSE kind END AS kind,
    value, quantity, "order", event
FROM kinds
"""

REST = Format(
    name="shopify",
    title="Shopify orders (the REST API's JSON)",
    marks=frozenset({"line_items", "created_at"}),
    optional=(
        *("id", "name", "email", "customer", "test", "refunds", "line_items", "lineItems"),
        *("processed_at", "processedAt", "created_at", "createdAt", "cancelled_at", "cancelledAt"),
    ),
    select=SELECT,
)
GRAPHQL = replace(
    REST,
    name="shopify-graphql",
    title="Shopify orders (the GraphQL API's JSON)",
    marks=frozenset({"lineitems", "createdat"}),
)
