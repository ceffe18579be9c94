"""The files of public datasets come out as the events, catalogs and people that they hold."""

import gzip
import shutil
from collections import Counter

import pytest

from penchant import columns as c
from penchant.errors import DataError


def test_retailrocket(ingest):
    events = ingest("retailrocket/events.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.KIND, c.ORDER) == Counter(
        [
            ("257597", "355908", "2015-06-02 05:02:12.117000", "view", None),
            ("992329", "248676", "2015-06-02 05:50:14.164000", "cart", None),
            ("599528", "356475", "2015-06-02 05:17:56.276000", "purchase", "4000"),
            ("599528", "15335", "2015-06-02 05:17:56.276000", "purchase", "4000"),
        ]
    )
    assert events.refused() == [(5, "no user"), (6, "neither item nor query")]


def test_retailrocket_catalog_walks_the_tree_and_survives_a_loop_in_it(ingest):
    catalog = ingest("retailrocket/item_properties_part1.csv", "catalog")
    assert catalog.rows(c.ITEM, c.PATH) == Counter(
        [("460429", "140 > 293 > 209"), ("395014", "9999"), ("156781", "918 > 917")]
    )
    assert catalog.refused() == [(6, "no item")]


def test_a_file_that_is_missing_beside_another_is_asked_for(ingest, fixtures, tmp_path):
    alone = tmp_path / "item_properties_part1.csv"
    shutil.copy(fixtures / "retailrocket" / alone.name, alone)
    with pytest.raises(DataError, match=r"category_tree\.csv"):
        ingest(alone, "catalog")


def test_rees46(ingest):
    events = ingest("rees46/2019-Oct.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE) == Counter(
        [
            ("541312140", "44600062", "2019-10-01 00:00:00", "view", None),
            ("520088904", "1003461", "2019-10-01 00:00:04", "view", None),
            ("520088904", "1003461", "2019-10-01 00:02:10", "cart", None),
            ("520088904", "1003461", "2019-10-01 00:04:37", "purchase", 480.0),
            ("520088905", "1003461", "2019-10-01 00:05:00", "remove_from_cart", None),
            ("541312140", "44600062", "2019-10-01 00:07:00", "purchase", 0.0),
        ]
    )
    assert events.refused() == [(6, "no user")]


def test_rees46_catalog(ingest):
    catalog = ingest("rees46/2019-Oct.csv", "catalog")
    assert catalog.rows(c.ITEM, c.PATH, c.BRAND, c.PRICE) == Counter(
        [
            ("44600062", "2103807459595387724", "shiseido", 0.0),
            ("1003461", "electronics > smartphone", "xiaomi", 489.07),
        ]
    )


def test_taobao(ingest):
    events = ingest("taobao/UserBehavior.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.KIND) == Counter(
        [
            ("1", "2268318", "2017-11-24 17:21:10", "view"),
            ("1", "2333346", "2017-11-24 22:15:33", "view"),
            ("1", "2576651", "2017-11-25 01:21:25", "purchase"),
            ("100", "2971043", "2017-11-25 13:45:49", "favourite"),
            ("100", "2268318", "2017-11-26 12:40:00", "cart"),
        ]
    )
    assert events.refused() == [(6, "time outside 1970-2100"), (7, "no user")]


def test_taobao_catalog(ingest):
    catalog = ingest("taobao/UserBehavior.csv", "catalog")
    assert catalog.rows(c.ITEM, c.PATH)["2268318", "2520377"] == 1
    assert catalog.receipt.accepted == 4


def test_hm_counts_every_unit(ingest, fixtures):
    events = ingest("hm/transactions_train.csv")
    rows = events.rows(c.USER, c.ITEM, c.TIME, c.KIND)
    assert rows["00007d2de826758b", "0505221004", "2018-09-20 00:00:00", "purchase"] == 3
    assert rows["000058a12d5b43e6", "0663713001", "2018-09-20 00:00:00", "purchase"] == 1
    assert events.refused() == [(6, "no user")]
    again = events.store.append(fixtures / "hm/transactions_train.csv")
    assert (again.accepted, again.duplicate) == (0, 5)


def test_hm_catalog(ingest):
    catalog = ingest("hm/articles.csv", "catalog")
    assert catalog.rows(c.ITEM, c.PATH, c.TITLE) == Counter(
        [
            ("0108775015", "Ladieswear > Garment Upper body > Vest top", "Strap top"),
            ("0663713001", "Ladieswear > Underwear > Underwear body", "Atlanta Push Body"),
            ("0999999001", "Unknown", "Mystery"),
        ]
    )


def test_hm_people(ingest):
    people = ingest("hm/customers.csv", "people")
    assert people.rows(c.USER, "age", "club_member_status") == Counter(
        [
            ("000058a12d5b43e6", "49", "ACTIVE"),
            ("00007d2de826758b", "25", "PRE-CREATE"),
            ("0000757967448a6c", None, None),
        ]
    )


def test_instacart_dates_follow_from_the_days_between_orders(ingest):
    events = ingest("instacart/order_products__prior.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.ORDER) == Counter(
        [
            ("1", "196", "2017-01-03 08:00:00", "2539329"),
            ("1", "14084", "2017-01-03 08:00:00", "2539329"),
            ("1", "196", "2017-01-18 07:00:00", "2398795"),
            ("1", "196", "2017-02-08 12:00:00", "473747"),
        ]
    )
    assert events.refused() == [(5, "no user"), (6, "no time")]


def test_instacart_catalog(ingest):
    catalog = ingest("instacart/products.csv", "catalog")
    assert catalog.rows(c.ITEM, c.PATH, c.TITLE) == Counter(
        [
            ("196", "beverages > soft drinks", "Soda"),
            (
                "14084",
                "dairy eggs > soy lactosefree",
                "Organic Unsweetened Vanilla Almond Milk",
            ),
            ("1", "snacks", 'Cookies, "Chocolate"'),
        ]
    )


def test_online_retail(ingest):
    events = ingest("online_retail/data.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE, c.QUANTITY) == Counter(
        [
            ("17850", "85123A", "2010-12-01 08:26:00", "purchase", 15.3, 6.0),
            ("17850", "71053", "2010-12-01 08:26:00", "purchase", 20.34, 6.0),
            ("12583", "POST", "2010-12-01 08:45:00", "fee", 54.0, 3.0),
            ("14527", "85123A", "2010-12-13 09:41:00", "return", 2.55, 1.0),
            ("17850", "21777", "2010-12-01 17:00:00", "purchase", 7.95, 1.0),
            ("14527", "D", "2010-12-01 10:24:00", "return", 27.5, 1.0),
        ]
    )
    assert events.refused() == [(5, "no user"), (6, "no user")]


def test_online_retail_2(ingest):
    events = ingest("online_retail/online_retail_II.csv")
    assert events.rows(c.USER, c.ITEM, c.TIME, c.KIND, c.VALUE) == Counter(
        [
            ("13085", "85048", "2009-12-01 07:45:00", "purchase", 83.4),
            ("16321", "22087", "2009-12-01 10:33:00", "return", 35.4),
        ]
    )


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        (
            "data.csv",
            [
                ("85123A", "HOLDER", "WHITE HANGING HEART T-LIGHT HOLDER", 2.55),
                ("71053", "LANTERN", "WHITE METAL LANTERN", 3.39),
                ("22139", "", None, 0.0),
                ("21777", "HEART", "RECIPE BOX WITH METAL HEART", 7.95),
            ],
        ),
        (
            "online_retail_II.csv",
            [
                ("85048", "LIGHTS", "15CM CHRISTMAS GLASS BALL 20 LIGHTS", 6.95),
                ("22087", "LACE", "PAPER BUNTING WHITE LACE", 2.95),
                ("22350", "BOWL", "CAT BOWL", 2.55),
            ],
        ),
    ],
)
def test_online_retail_catalogs(ingest, file, rows):
    catalog = ingest(f"online_retail/{file}", "catalog")
    assert catalog.rows(c.ITEM, c.PATH, c.TITLE, c.PRICE) == Counter(rows)


@pytest.mark.parametrize(
    ("file", "rows", "refused"),
    [
        (
            "amazon/reviews_Beauty_5.json",  # the first line as in 2014, the second as in 2018
            [
                ("A1YJEY40YUW4SE", "7806397051", "2014-01-30 00:00:00"),
                ("A3CIUOJXQ5VDQ2", "B0000530HU", "2016-09-01 00:00:00"),
            ],
            [(3, "no user")],
        ),
        (
            "amazon/All_Beauty.jsonl",
            [
                ("AGKHLEW2SOWHNMFQIJGBECAF7INQ", "B00YQ6X8EO", "2020-05-05 14:08:48.923000"),
                ("AE74DYR3QUGVPZJ3P7RFWBGIX7XQ", "B097R46CSY", "2020-05-16 21:41:06.052000"),
            ],
            [],
        ),
        (
            "amazon/All_Beauty_2023.csv",
            [("AGKHLEW2SOWHNMFQIJGBECAF7INQ", "B081TJ8YS3", "2020-05-04 18:10:55.070000")],
            [],
        ),
        (
            "amazon/ratings_Beauty.csv",
            [
                ("A39HTATAQ9V7YF", "0205616461", "2013-05-28 00:00:00"),
                ("A3JM6GV9MNOF9X", "0558925278", "2012-12-14 00:00:00"),
                ("A1Z513UWSAAO0F", "B0000CC64W", "2014-07-07 00:00:00"),
            ],
            [(4, "neither item nor query")],
        ),
        (
            "amazon/All_Beauty.csv",  # 2018 has the item first
            [
                ("A1V6B6TNIC10QE", "0143026860", "2015-02-19 00:00:00"),
                ("A2F5GHSXFQ0W6J", "B00021DJ32", "2014-12-18 00:00:00"),
            ],
            [],
        ),
        (
            "movielens/ratings.csv",
            [("1", "2", "2005-04-02 23:53:47"), ("1", "29", "2005-04-02 23:31:16")],
            [(3, "no user")],
        ),
        (
            "movielens/ratings.dat",
            [
                ("1", "1193", "2000-12-31 22:12:40"),
                ("1", "661", "2000-12-31 22:35:09"),
                ("139", "1", "2000-12-16 20:53:20"),
            ],
            [],
        ),
        (
            "movielens/u.data",
            [("196", "242", "1997-12-04 15:55:49"), ("186", "302", "1998-04-04 19:22:22")],
            [],
        ),
    ],
)
def test_ratings_and_reviews(ingest, file, rows, refused):
    events = ingest(file)
    assert events.rows(c.USER, c.ITEM, c.TIME) == Counter(rows)
    assert set(events.rows(c.KIND)) == {("purchase",)}
    assert events.refused() == refused


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        (
            "amazon/meta_All_Beauty_2023.jsonl",
            [
                ("B01CUPMQZE", "Beauty & Personal Care > Skin Care", "Howard Products", 14.99),
                ("B076WQZGPM", "All Beauty", "Yes To", None),
            ],
        ),
        (
            "amazon/meta_Toys_2018.json",
            [
                ("0000191639", "Toys & Games > Puzzles > Jigsaw Puzzles", "Acme", 10.99),
                ("0000191640", "Toys & Games", None, None),
            ],
        ),
        (
            "amazon/meta_Beauty_2014.json",
            [
                ("0205616461", "Beauty > Skin Care > Face", "Alba", 8.5),
                ("0558925278", "Beauty", None, None),
            ],
        ),
        (
            "movielens/movies.csv",
            [
                ("1", "Adventure", None, None),
                ("11", "Comedy", None, None),
                ("83773", "", None, None),
            ],
        ),
        (
            "movielens/movies.dat",
            [("1", "Animation", None, None), ("4", "Comedy", None, None)],
        ),
    ],
)
def test_catalogs(ingest, file, rows):
    assert ingest(file, "catalog").rows(c.ITEM, c.PATH, c.BRAND, c.PRICE) == Counter(rows)


def test_movielens_100k_catalog(ingest, fixtures, tmp_path):
    items = tmp_path / "u.item"
    shutil.copy(fixtures / "movielens/u.item", items)
    assert ingest(items, "catalog").rows(c.ITEM, c.PATH, c.TITLE) == Counter(
        [("1", "Animation", "Toy Story (1995)"), ("267", "unknown", "unknown")]
    )


def test_a_packed_file_is_recognised_too(ingest, fixtures, tmp_path):
    packed = tmp_path / "u.data.gz"
    packed.write_bytes(gzip.compress((fixtures / "movielens/u.data").read_bytes()))
    assert ingest(packed).receipt.accepted == 2
