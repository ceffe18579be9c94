"""Instacart's orders: `order_products__prior.csv` and `__train.csv`, each beside `orders.csv`.

The calendar is relative: every customer's first order is set into one and the same week, on its
own day of it, and later ones follow after `days_since_prior_order`, which stops counting at 30.
Dates are therefore good for rhythm within a customer and not for seasons of the shop. The catalog
is `products.csv` beside `aisles.csv` and `departments.csv`. There are no prices.
Source: https://www.kaggle.com/competitions/instacart-market-basket-analysis/data
"""

from penchant.data.sources.format import Format

FIRST_WEEK = "2017-01-01"  # a Sunday; day 0 of the week is taken for one
LONGEST_WAIT = 366  # days; the dataset has none above 30

EVENTS = Format(
    name="instacart",
    title="Instacart orders",
    marks=frozenset({"order_id", "product_id", "add_to_cart_order", "reordered"}),
    beside=("orders.csv*",),
    select=f"""
WITH cells AS (
    SELECT row, order_id, user_id, TRY_CAST(order_number AS INTEGER) AS number,
        TRY_CAST(order_dow AS INTEGER) AS weekday, TRY_CAST(order_hour_of_day AS INTEGER) AS hour,
        TRY_CAST(days_since_prior_order AS DOUBLE) AS wait
    FROM orders
), numbered AS (
    SELECT DISTINCT ON (order_id) order_id, user_id, number,
        CASE WHEN weekday BETWEEN 0 AND 6 THEN weekday END AS weekday,
        CASE WHEN hour BETWEEN 0 AND 23 THEN hour END AS hour,
        CASE WHEN number = 1 THEN 0 WHEN wait BETWEEN 0 AND {LONGEST_WAIT} THEN wait END AS wait
    FROM cells ORDER BY row
), placed AS (
    SELECT order_id, user_id, hour, first_value(weekday) OVER customer AS weekday,
        -- After a wait that can't be read no date is known.
        CASE WHEN count(*) FILTER (wait IS NULL) OVER customer = 0
            THEN sum(wait) OVER customer END AS days
    FROM numbered
    WINDOW customer AS (PARTITION BY user_id ORDER BY number
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT raw.row, user_id AS "user", product_id AS item,
    (TIMESTAMP '{FIRST_WEEK}' + to_days(TRY_CAST(weekday + days AS INTEGER))
        + to_hours(hour))::VARCHAR AS time,
    'purchase' AS kind, raw.order_id AS "order"
FROM raw LEFT JOIN placed ON placed.order_id = raw.order_id
""",
)

CATALOG = Format(
    name="instacart",
    title="Instacart products",
    table="catalog",
    marks=frozenset({"product_id", "product_name", "aisle_id", "department_id"}),
    beside=("aisles.csv*", "departments.csv*"),
    select="""
SELECT raw.row, product_id AS item, product_name AS title,
    nullif(concat_ws(' > ', department, aisle), '') AS path
FROM raw
    LEFT JOIN (SELECT DISTINCT ON (department_id) * FROM departments ORDER BY row) AS departments
        ON departments.department_id = raw.department_id
    LEFT JOIN (SELECT DISTINCT ON (aisle_id) * FROM aisles ORDER BY row) AS aisles
        ON aisles.aisle_id = raw.aisle_id
""",
)
