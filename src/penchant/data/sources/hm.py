"""H&M's purchases: `transactions_train.csv`, `articles.csv` and `customers.csv`.

A row is one unit, and several units bought on a day are rows that agree in all they say, so all
but the first get an id with their place. Prices are scaled by an unknown factor.
Source: https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations/data
"""

from penchant.data.sources.format import Format

UNIT = "t_dat, customer_id, article_id, price, sales_channel_id"

EVENTS = Format(
    name="hm",
    title="H&M transactions",
    marks=frozenset({"t_dat", "customer_id", "article_id", "price", "sales_channel_id"}),
    select=f"""
WITH units AS (
    SELECT *, row_number() OVER (PARTITION BY {UNIT} ORDER BY row) AS unit FROM raw
)
SELECT row, customer_id AS "user", article_id AS item, t_dat AS time, 'purchase' AS kind,
    price AS value, '1' AS quantity,
    CASE WHEN unit > 1 THEN concat_ws('.', {UNIT}, unit) END AS event
FROM units
""",
)

CATALOG = Format(
    name="hm",
    title="H&M articles",
    table="catalog",
    marks=frozenset({"article_id", "index_group_name", "product_group_name", "product_type_name"}),
    optional=("prod_name",),
    select="""
SELECT row, article_id AS item, prod_name AS title,
    nullif(concat_ws(' > ', nullif(index_group_name, ''), nullif(product_group_name, ''),
        nullif(product_type_name, '')), '') AS path
FROM raw
""",
)

PEOPLE = Format(
    name="hm",
    title="H&M customers",
    table="people",
    marks=frozenset({"customer_id", "club_member_status", "fashion_news_frequency"}),
    optional=("FN", "Active", "age", "postal_code"),
    select="""
SELECT row, customer_id AS "user", club_member_status, fashion_news_frequency,
    FN AS fashion_news, Active AS active, regexp_replace(age, '\\.0$', '') AS age, postal_code
FROM raw
""",
)
