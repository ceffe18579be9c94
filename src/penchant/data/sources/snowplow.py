"""Snowplow's enriched events: tab-separated lines of 131 fields without a header.

Read are page views, searches, the e-commerce actions with their product entities, the older
`add_to_cart` and enhanced e-commerce events, and the oldest `tr_` and `ti_` fields, where each
item is an event of its own and the order's header is no event about a product. Times are UTC.
Source: https://docs.snowplow.io/docs/pipeline/enriched-tsv-format/ and
https://github.com/snowplow/iglu-central
"""

from penchant.data.sources.format import Dialect, Format
from penchant.data.sources.fragments import amount, kind, parsed, per_line

FIELDS = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id
name_tracker v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid
domain_sessionidx network_userid geo_country geo_region geo_city geo_zipcode geo_latitude
geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed page_url page_title
page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery
refr_urlfragment refr_medium refr_source refr_term mkt_medium mkt_source mkt_term mkt_content
mkt_campaign contexts se_category se_action se_label se_property se_value unstruct_event
tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country ti_orderid
ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min
pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang
br_features_pdf br_features_flash br_features_java br_features_director br_features_quicktime
br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight
br_cookies br_colordepth br_viewwidth br_viewheight os_name os_family os_manufacturer
os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width
doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base
base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid
refr_device_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name
event_format event_version event_fingerprint true_tstamp
"""
KINDS = {
    "product_view": "view",
    "list_click": "view",
    "detail": "view",
    "click": "view",
    "list_view": "impression",
    "add_to_cart": "cart",
    "add": "cart",
    "remove": "remove_from_cart",
    "transaction": "purchase",
    "purchase": "purchase",
    "transaction_item": "purchase",
    "refund": "return",
    "site_search": "search",
    "social_interaction": "social",
}
# The contexts whose data are products, and those that tell of an order.
PRODUCT = "(entry->>'schema') SIMILAR TO '.*/(product|productFieldObject)/.*'"
ORDER = "(entry->>'schema') SIMILAR TO '.*/(transaction|refund|actionFieldObject)/.*'"


def _contexts(chosen: str) -> str:
    return f"[entry->'data' FOR entry IN json_extract(contexts, '$.data[*]') IF {chosen}]"


SELECT = f"""
WITH records AS (
    SELECT * REPLACE ({parsed("contexts")} AS contexts),
        coalesce(nullif(user_id, ''), nullif(domain_userid, ''), nullif(network_userid, ''))
            AS person,
        coalesce(nullif(true_tstamp, ''), nullif(derived_tstamp, ''), nullif(collector_tstamp, ''))
            || 'Z' AS time,
        {parsed("unstruct_event")}->'data'->'data' AS told
    FROM raw
), named AS (
    SELECT *, {_contexts(PRODUCT)} AS products, {_contexts(ORDER)}[1] AS shop,
        CASE
            WHEN event = 'transaction' THEN 'transaction_header'
            WHEN event = 'struct' THEN se_action
            WHEN event_name = 'snowplow_ecommerce_action' THEN told->>'type'
            WHEN event_name = 'action' THEN told->>'action'
            ELSE coalesce(nullif(event_name, ''), event)
        END AS name
    FROM records
), lists AS (
    SELECT *, CASE
        WHEN event = 'transaction_item' THEN [json_object('id', nullif(ti_sku, ''),
            'price', nullif(ti_price, ''), 'quantity', nullif(ti_quantity, ''))]
        WHEN len(products) > 0 THEN products
        WHEN name IN ('add_to_cart', 'remove_from_cart') AND told IS NOT NULL
            THEN [json_object('id', told->>'sku', 'quantity', told->>'quantity')]
        ELSE [NULL] END AS lines
    FROM named
), exploded AS (
    SELECT * EXCLUDE (lines), len(lines) AS lines, unnest(lines) AS line,
        generate_subscripts(lines, 1) AS place
    FROM lists
), kinds AS (
    SELECT *, line->>'quantity' AS quantity, CASE
        -- A page about a product is a view of it; another is only a visit.
        WHEN name IN ('page_view', 'screen_view')
            THEN CASE WHEN line IS NULL THEN 'visit' ELSE 'view' END
        ELSE {kind("name", KINDS, "replace(lower(trim(name)), '-', '_')")} END AS kind
    FROM exploded
)
SELECT row, person AS "user", line->>'id' AS item, time, kind,
    CASE WHEN kind IN ('purchase', 'return')
        THEN {amount("(line->>'price')", "quantity")} END AS value,
    quantity,
    coalesce(nullif(ti_orderid, ''), nullif(tr_orderid, ''), shop->>'transaction_id', shop->>'id',
        nullif(domain_sessionid, '')) AS "order",
    CASE WHEN kind = 'search' THEN coalesce(
        array_to_string(nullif(json_extract_string(told, '$.terms[*]'), []), ' '),
        told->>'terms') END AS query,
    {per_line("event_id", "place", "lines")} AS event
FROM kinds
"""
UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

EVENTS = Format(
    name="snowplow",
    title="Snowplow enriched events",
    dialect=Dialect(
        names=tuple(FIELDS.split()),
        delimiter="\t",
        quoted=False,
        shape={"event_id": UUID, "collector_tstamp": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*"},
    ),
    select=SELECT,
)
