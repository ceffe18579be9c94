"""UCI's Online Retail and Online Retail II: the invoices of a British wholesaler of gifts.

An invoice that starts with C is a cancellation, and becomes returns. Other lines whose codes stand
for postage, fees and corrections are of the kind `fee`. The catalog is in the descriptions: there
is no category tree, and the last word of a description, mostly what the thing is (`HOLDER`), stands
for one.
Source: https://archive.ics.uci.edu/dataset/352/online+retail and
https://archive.ics.uci.edu/dataset/502/online+retail+ii
"""

from dataclasses import replace

from penchant.data.sources.format import Format
from penchant.data.sources.fragments import amount

MARKS = frozenset({"invoiceno", "stockcode", "description", "invoicedate", "unitprice"})
MARKS_2 = frozenset({"invoice", "stockcode", "description", "invoicedate", "price"})
OPTIONAL = (
    *("InvoiceNo", "Invoice", "UnitPrice", "Price", "CustomerID", "Customer ID"),
    "Quantity",
)
FEES = (
    *("POST", "DOT", "D", "M", "S", "B", "C2", "C3", "BANK CHARGES", "AMAZONFEE", "CRUK"),
    *("ADJUST", "ADJUST2", "TEST001", "TEST002"),
)
IS_FEE = f"upper(trim(StockCode)) IN {FEES}"
PRICE = 'coalesce("UnitPrice", "Price")'

EVENTS = Format(
    name="online-retail",
    title="UCI Online Retail",
    marks=MARKS,
    optional=OPTIONAL,
    select=f"""
WITH lines AS (
    SELECT row, coalesce("InvoiceNo", "Invoice") AS invoice, StockCode AS item,
        -- A sheet saved with gaps in the column holds its numbers as 17850.0.
        regexp_replace(coalesce("CustomerID", "Customer ID"), '\\.0$', '') AS person,
        coalesce(try_strptime(InvoiceDate, ['%m/%d/%Y %H:%M', '%m/%d/%y %H:%M'])::VARCHAR,
            InvoiceDate) AS time,
        Quantity AS quantity, {amount(PRICE, "Quantity")} AS value
    FROM raw
)
SELECT row, person AS "user", item, time,
    CASE WHEN invoice ILIKE 'C%' THEN 'return'
        WHEN {IS_FEE.replace("StockCode", "item")} THEN 'fee' ELSE 'purchase' END AS kind,
    value, quantity, invoice AS "order"
FROM lines
""",
)
EVENTS_2 = replace(EVENTS, name="online-retail-2", title="UCI Online Retail II", marks=MARKS_2)

CATALOG = Format(
    name="online-retail",
    title="UCI Online Retail descriptions",
    table="catalog",
    marks=MARKS,
    optional=OPTIONAL,
    select=f"""
WITH described AS (
    SELECT min(row) AS row, StockCode AS item, nullif(trim(Description), '') AS title,
        -- Corrections of the stock have no price, and remarks such as `damaged?`.
        count(*) FILTER (TRY_CAST({PRICE} AS DOUBLE) > 0) AS priced,
        max(TRY_CAST({PRICE} AS DOUBLE)) AS price
    FROM raw WHERE NOT coalesce({IS_FEE}, false) GROUP BY ALL
), chosen AS (
    SELECT min(row) AS row, item, max(price) AS price,
        max({{'priced': priced, 'title': title}}) FILTER (title IS NOT NULL).title AS title
    FROM described GROUP BY item
)
SELECT row, item, regexp_extract(title, '([A-Za-z0-9-]+)[^A-Za-z0-9-]*$', 1) AS path, title,
    price::VARCHAR AS price
FROM chosen
""",
)
CATALOG_2 = replace(
    CATALOG, name="online-retail-2", title="UCI Online Retail II descriptions", marks=MARKS_2
)
