"""What shops' own systems write comes out as the events that happened, no more and no fewer."""

from collections import Counter

import duckdb
import pytest

from penchant import columns as c

WHO_DID_WHAT = (c.USER, c.ITEM, c.KIND, c.VALUE, c.QUANTITY, c.ORDER)

GA4_ROWS = [
    ("1111.2222", None, "visit", None, None, "1111.2222.171"),
    ("1111.2222", None, "visit", None, None, "1111.2222.171"),
    ("1111.2222", None, "search", None, None, "1111.2222.171"),
    ("1111.2222", "MUG-1", "impression", None, None, "1111.2222.171"),
    ("1111.2222", "MUG-2", "impression", None, None, "1111.2222.171"),
    ("1111.2222", "MUG-1", "view", None, None, "1111.2222.171"),
    ("1111.2222", "MUG-1", "cart", None, 2.0, "1111.2222.171"),
    ("anna", "MUG-1", "purchase", 18.0, 2.0, "T-77"),  # its revenue, after a discount
    ("anna", "MUG-2", "purchase", 8.0, 1.0, "T-77"),
    ("anna", "MUG-2", "return", 8.0, 1.0, "T-77"),
    ("1111.2222", "Green bowl", "view", None, None, "1111.2222.171"),
    ("1111.2222", None, "scroll", None, None, "1111.2222.171"),
    ("anna", "MUG-1", "social", None, None, "1111.2222.171"),
]


def test_ga4(ingest):
    ga4 = ingest("ga4/events_20240501.jsonl")
    assert ga4.rows(*WHO_DID_WHAT) == Counter(GA4_ROWS)
    assert ga4.refused() == [(9, "neither item nor query"), (11, "no user")]
    assert ("search", "red mug") in ga4.rows(c.KIND, c.QUERY)
    assert ("view", "2024-05-01 08:00:12", 12.5) in ga4.rows(c.KIND, c.TIME, c.DWELL)


def test_ga4_parquet_with_nested_columns_reads_like_json(ingest, fixtures, tmp_path):
    path = tmp_path / "events_20240501.parquet"
    entry = "STRUCT(string_value VARCHAR, int_value BIGINT, float_value DOUBLE)"
    item = (
        "STRUCT(item_id VARCHAR, item_name VARCHAR, price DOUBLE, quantity BIGINT, "
        "item_revenue DOUBLE, item_refund DOUBLE)"
    )
    types = {
        "event_timestamp": "BIGINT",
        "event_name": "VARCHAR",
        "event_params": f"STRUCT(key VARCHAR, value {entry})[]",
        "user_id": "VARCHAR",
        "user_pseudo_id": "VARCHAR",
        "ecommerce": "STRUCT(transaction_id VARCHAR)",
        "items": f"{item}[]",
    }
    with duckdb.connect() as connection:
        source = fixtures / "ga4/events_20240501.jsonl"
        connection.read_json(str(source), columns=types).write_parquet(str(path))
    assert ingest(path).rows(*WHO_DID_WHAT) == Counter(GA4_ROWS)


def test_segment(ingest):
    segment = ingest("segment/track.jsonl")
    assert segment.rows(*WHO_DID_WHAT) == Counter(
        [
            ("u1", None, "search", None, None, "1714557600"),
            ("u1", "p1", "impression", None, None, "1714557600"),
            ("u1", "p2", "impression", None, None, "1714557600"),
            ("anon-9", "p1", "view", None, 1.0, "1714557600"),
            ("u1", "p1", "cart", None, 2.0, "1714557600"),
            ("u1", "p2", "favourite", None, None, "1714557600"),
            ("u1", "p1", "purchase", 120.0, 2.0, "o-50"),
            ("u1", "S-2", "purchase", 45.0, None, "o-50"),
            ("u1", "p1", "return", 60.0, 1.0, "o-50"),
            ("u1", None, "visit", None, None, "1714557600"),
            ("u1", None, "coupon_applied", None, None, "o-50"),
            ("u1", "p1", "social", None, None, "1714557600"),
            ("u1", None, "newsletter_signed_up", None, None, "1714557600"),
            ("u1", "p1", "view", None, None, "1714557600"),
        ]
    )
    assert segment.refused() == [
        (8, "neither item nor query"),
        (13, "no user"),
        (15, "unreadable number"),
    ]
    assert ("search", "running shoes", "m1") in segment.rows(c.KIND, c.QUERY, c.EVENT)
    assert ("S-2", "2024-05-01 10:00:00", "m6.2") in segment.rows(c.ITEM, c.TIME, c.EVENT)


def test_segment_sent_twice_counts_once(ingest, fixtures):
    segment = ingest("segment/track.jsonl")
    again = segment.store.append(fixtures / "segment/track.jsonl")
    assert (again.accepted, again.duplicate) == (0, segment.receipt.accepted)


def test_snowplow(ingest):
    snowplow = ingest("snowplow/part-00000.tsv")
    assert snowplow.rows(*WHO_DID_WHAT) == Counter(
        [
            ("d-1", None, "visit", None, None, "s-1"),
            ("d-1", "MUG-1", "view", None, None, "s-1"),
            ("d-1", None, "page_ping", None, None, "s-1"),
            ("d-1", None, "search", None, None, "s-1"),
            ("d-1", "MUG-1", "impression", None, None, "s-1"),
            ("d-1", "MUG-2", "impression", None, None, "s-1"),
            ("d-1", "MUG-1", "cart", None, 2.0, "s-1"),
            ("anna", "MUG-1", "purchase", 19.0, 2.0, "T-1"),
            ("anna", "MUG-2", "purchase", 8.0, 1.0, "T-1"),
            ("anna", "MUG-2", "return", 8.0, 1.0, "T-1"),
            ("d-1", "MUG-3", "cart", None, 1.0, "s-1"),
            ("bert", None, "transaction_header", None, None, "T-2"),
            ("bert", "MUG-3", "purchase", 21.0, 3.0, "T-2"),
            ("d-1", None, "gift_wrap", None, None, "s-1"),
            ("carl", "MUG-4", "purchase", 5.0, 1.0, "T-3"),
        ]
    )
    assert snowplow.refused() == [(13, "no user"), (15, "no kind")]
    assert ("search", "red mug") in snowplow.rows(c.KIND, c.QUERY)
    # The derived time, of the device's clock put right, and not the collector's.
    assert "2024-05-01 07:59:11.500000" in [time for (time,) in snowplow.rows(c.TIME)]


def test_google_retail(ingest):
    google = ingest("google_retail/user_events.jsonl")
    assert google.rows(*WHO_DID_WHAT) == Counter(
        [
            ("v1", None, "visit", None, None, None),
            ("v1", None, "search", None, None, "s1"),
            ("v1", "L1", "impression", None, None, "s1"),
            ("v1", "L2", "impression", None, None, "s1"),
            ("v1", None, "visit", None, None, None),  # browsing a category, no words
            ("v1", "L3", "impression", None, None, None),
            ("bert", "L1", "view", None, None, "s1"),
            ("bert", "L1", "cart", None, 2.0, "k1"),
            ("bert", "L1", "purchase", 39.8, 2.0, "t1"),
            ("bert", "L2", "purchase", None, 1.0, "t1"),  # one revenue for two products
            ("v1", "L2", "purchase", 30.0, 3.0, "t2"),
            ("v1", "L9", "view", None, None, None),
            ("v1", "L1", "shopping_cart_page_view", None, 2.0, None),
        ]
    )
    assert google.refused() == [(8, "neither item nor query"), (9, "no user")]
    assert ("search", "lamp") in google.rows(c.KIND, c.QUERY)
    assert ("view", "2024-05-01 06:03:00") in google.rows(c.KIND, c.TIME)


@pytest.mark.parametrize(
    ("file", "rows", "refused"),
    [
        (
            "feedback.jsonl",
            [
                ("u1", "i1", "2024-05-01 10:00:00", "view"),
                ("u1", "i2", "2024-05-01 10:00:00", "favourite"),
                ("u2", "i1", "2024-05-02 10:00:00", "purchase"),
            ],
            [(4, "no user"), (5, "time outside 1970-2100")],
        ),
        (
            "feedback.csv",
            [
                ("u1", "i1", "2024-05-01 10:00:00", "view"),
                ("u1", "i2", "2024-05-01 10:00:00", "favourite"),
                ("u2", None, "2024-05-02 10:00:00.500000", "social"),
            ],
            [(4, "time outside 1970-2100")],
        ),
    ],
)
def test_gorse(ingest, file, rows, refused):
    gorse = ingest(f"gorse/{file}")
    assert gorse.rows(c.USER, c.ITEM, c.TIME, c.KIND) == Counter(rows)
    assert gorse.refused() == refused


def test_personalize(ingest):
    personalize = ingest("personalize/interactions.csv")
    assert personalize.rows(c.USER, c.ITEM, c.TIME, c.KIND) == Counter(
        [
            ("196", "242", "2024-05-01 08:00:00", "purchase"),
            ("196", "302", "2024-05-01 08:01:00", "view"),
            ("22", "377", "2024-05-01 08:01:40", "view"),
            ("22", "346", "2024-05-01 08:05:00", "cart"),
        ]
    )
    assert personalize.refused() == [(4, "no user"), (6, "unreadable time")]


def test_personalize_impressions_are_what_was_shown_and_not_taken(ingest):
    personalize = ingest("personalize/impressions.csv")
    assert personalize.rows(c.USER, c.ITEM, c.KIND) == Counter(
        [
            ("1", "a", "view"),
            ("1", "b", "impression"),
            ("1", "c", "impression"),
            ("1", "b", "view"),
            ("2", "c", "purchase"),
        ]
    )


def test_shopify_csv(ingest):
    shopify = ingest("shopify/orders_export_1.csv", timezone="Europe/Vienna")
    assert shopify.rows(*WHO_DID_WHAT) == Counter(
        [
            ("anna@example.com", "GUJ-250", "purchase", 30.0, 2.0, "#1001"),
            ("anna@example.com", "Filter papers", "purchase", 4.0, 1.0, "#1001"),
            ("anna@example.com", "Filter papers", "purchase", 4.0, 1.0, "#1001"),
            ("ben@example.com", "MUG", "purchase", 12.5, 1.0, "#1002"),
            ("ben@example.com", "MUG", "return", 12.5, 1.0, "#1002"),
            ("cleo@example.com", "MUG", "purchase", 12.5, 1.0, "#1003"),
            ("cleo@example.com", "MUG", "return", 12.5, 1.0, "#1003"),
            ("dora@example.com", "SMP", "purchase", 0.0, 1.0, "#1005"),
        ]
    )
    assert shopify.refused() == [(6, "no user")]
    assert ("cleo@example.com", "return", "2024-05-04 08:00:00") in shopify.rows(
        c.USER, c.KIND, c.TIME
    )


def test_shopify_json(ingest):
    shopify = ingest("shopify/orders.jsonl")
    assert shopify.rows(*WHO_DID_WHAT) == Counter(
        [
            ("207", "632", "purchase", 28.5, 2.0, "#1001"),
            ("207", "700", "purchase", 0.0, 1.0, "#1001"),
            ("207", "632", "purchase", 48.0, 3.0, "#1002"),
            ("207", "632", "return", 16.0, 1.0, "#1002"),
            ("207", "800", "purchase", 30.0, 1.0, "#1003"),
            ("207", "800", "return", 30.0, 1.0, "#1003"),
            ("guest@example.com", "632", "purchase", 16.0, 1.0, "#1004"),
            ("207", "Engraving", "purchase", 5.0, 1.0, "#1006"),
            ("207", "632", "test_order", 16.0, 1.0, "#1008"),
        ]
    )
    assert shopify.refused() == [(5, "no user"), (7, "neither item nor query")]
    dated = shopify.rows(c.KIND, c.ORDER, c.TIME)
    assert dated["return", "#1002", "2024-05-09 10:00:00"] == 1  # when it was refunded
    assert dated["return", "#1003", "2024-05-02 06:00:00"] == 1  # when it was cancelled


def test_shopify_graphql(ingest):
    assert ingest("shopify/orders_graphql.jsonl").rows(*WHO_DID_WHAT) == Counter(
        [
            ("207", "632", "purchase", 28.5, 2.0, "#2001"),
            ("207", "700", "purchase", 8.0, 1.0, "#2002"),
            ("207", "700", "return", 8.0, 1.0, "#2002"),
        ]
    )
