"""Every format is told from all others, named in the documents, and holds its own against junk."""

import csv
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data import sources
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.events import EVENT_SCHEMA
from penchant.data.sources import FORMATS, find, recognise
from penchant.errors import DataError

EXAMPLES = {
    ("ga4", "events"): "ga4/events_20240501.jsonl",
    ("segment", "events"): "segment/track.jsonl",
    ("snowplow", "events"): "snowplow/part-00000.tsv",
    ("google-retail", "events"): "google_retail/user_events.jsonl",
    ("gorse", "events"): "gorse/feedback.jsonl",
    ("gorse-csv", "events"): "gorse/feedback.csv",
    ("personalize", "events"): "personalize/interactions.csv",
    ("personalize-impressions", "events"): "personalize/impressions.csv",
    ("shopify", "events"): "shopify/orders.jsonl",
    ("shopify-graphql", "events"): "shopify/orders_graphql.jsonl",
    ("shopify-csv", "events"): "shopify/orders_export_1.csv",
    ("retailrocket", "events"): "retailrocket/events.csv",
    ("retailrocket", "catalog"): "retailrocket/item_properties_part1.csv",
    ("rees46", "events"): "rees46/2019-Oct.csv",
    ("rees46", "catalog"): "rees46/2019-Oct.csv",
    ("taobao", "events"): "taobao/UserBehavior.csv",
    ("taobao", "catalog"): "taobao/UserBehavior.csv",
    ("hm", "events"): "hm/transactions_train.csv",
    ("hm", "catalog"): "hm/articles.csv",
    ("hm", "people"): "hm/customers.csv",
    ("instacart", "events"): "instacart/order_products__prior.csv",
    ("instacart", "catalog"): "instacart/products.csv",
    ("online-retail", "events"): "online_retail/data.csv",
    ("online-retail", "catalog"): "online_retail/data.csv",
    ("online-retail-2", "events"): "online_retail/online_retail_II.csv",
    ("online-retail-2", "catalog"): "online_retail/online_retail_II.csv",
    ("amazon-reviews", "events"): "amazon/All_Beauty.jsonl",
    ("amazon-reviews", "catalog"): "amazon/meta_All_Beauty_2023.jsonl",
    ("amazon-reviews-2014", "events"): "amazon/reviews_Beauty_5.json",
    ("amazon-reviews-2014", "catalog"): "amazon/meta_Beauty_2014.json",
    ("amazon-reviews-2018", "catalog"): "amazon/meta_Toys_2018.json",
    ("amazon-ratings", "events"): "amazon/ratings_Beauty.csv",
    ("movielens", "events"): "movielens/ratings.csv",
    ("movielens", "catalog"): "movielens/movies.csv",
    ("movielens-1m", "events"): "movielens/ratings.dat",
    ("movielens-1m", "catalog"): "movielens/movies.dat",
    ("movielens-100k", "events"): "movielens/u.data",
    ("movielens-100k", "catalog"): "movielens/u.item",
}
PLAIN = [
    ("user", "item", "time"),
    ("user", "item", "time", "kind", "value", "quantity", "order", "query", "dwell", "event"),
    ("user_id", "item_id", "timestamp"),
    ("user_id", "item_id", "timestamp", "event_type"),
    ("user_id", "product_id", "price", "event_time", "event_type"),
    ("customer_id", "product_id", "date"),
    ("customer_id", "order_id", "product_id", "quantity", "price", "created_at"),
    ("household_id", "basket_id", "product_id", "quantity", "sales_value"),
    ("reviewerID", "asin", "overall"),
    ("item", "path", "title", "brand", "price", "image"),
    ("product_id", "product_name", "department", "aisle"),
    ("sku", "name", "category", "subcategory", "price"),
    ("asin", "title", "category", "price"),
    ("user", "age", "income"),
    ("customer_id", "age", "postal_code"),
    ("1", "2", "3", "4"),
    ("196", "242", "3", "881250949"),  # what u.data holds, in a file of another name
    ("1", "2", "3", "pv", "2017-11-25"),
    (),
]
JUNK = [
    *(None, "", " ", "NaN", "-inf", "1e999", "-1", "9" * 40, "null", "true", "C", "|", "::"),
    *("{", "[", "{}", "[]", "[null]", "[[]]", "[[1]]", "[1, {}]", '"text"', '[{"product": 3}]'),
    *('{"data": 5}', '{"data": {"data": []}}', '{"edges": [{"node": null}]}', '{"id": [1]}'),
    *('[{"key": "ga_session_id", "value": 7}]', '[{"refund_line_items": {"edges": 1}}]'),
    *('{"products": {"a": 1}}', '{"products": [7]}', '{"data": [{"schema": 4, "data": 5}]}'),
    *("2024-13-45 99:99", "2024-05-01T25:00:00Z", "12/31/2010 8:26", "'; DROP TABLE raw; --"),
    *("🙂 ünïcode", "a\tb\nc", "x" * 20_000),
]


def _named(form):
    return f"{form.name}-{form.table}"


def _header(path):
    """What a reader knows of a file before it knows the format."""
    if ".json" in path.name:
        return list(dict.fromkeys(key for row in _records(path) for key in row))
    with path.open(encoding="utf-8", newline="") as file:
        line = file.readline().rstrip("\r\n")
    mark = max(",;\t|", key=lambda mark: len(next(csv.reader([line], delimiter=mark))))
    return next(csv.reader([line], delimiter=mark))


def _records(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _texts(path, form):
    """The rows of a file, every cell a text, with the columns it may lack."""
    if ".json" in path.name:
        rows = [
            {
                key: value if value is None or isinstance(value, str) else json.dumps(value)
                for key, value in record.items()
            }
            for record in _records(path)
        ]
    elif form is not None and form.dialect is not None:
        lines = path.read_text("utf-8").splitlines()
        names, mark = form.dialect.names, form.dialect.delimiter
        rows = [dict(zip(names, line.split(mark), strict=True)) for line in lines]
    else:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(name for row in rows for name in row))
    there = {name.lower() for name in names}
    names += [name for name in form.optional if name.lower() not in there] if form else []
    return names, [tuple(row.get(name) for name in names) for row in rows]


def _load(connection, table, names, rows):
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    places = pa.array(range(1, len(rows) + 1), pa.int64())
    connection.register(table, pa.table([places, *columns], names=[c.ROW, *names]))


def _selected(form, path, rows_of):
    """Names and rows of a format's select over what `rows_of` makes of its example."""
    with duckdb.connect(config={"threads": 1}) as connection:
        names, rows = _texts(path, form)
        made = rows_of(rows)
        _load(connection, "raw", names, made)
        for pattern in form.beside:
            (beside,) = path.parent.glob(pattern)
            their_names, their_rows = _texts(beside, None)
            _load(connection, beside.stem, their_names, rows_of(their_rows))
        result = connection.sql(form.select)
        return result.columns, result.types, result.fetchall(), len(made)


def _spoilt(rows):
    """A good row with each cell in turn replaced by each kind of junk, and rows of junk alone."""
    good = rows[0]
    spoilt = [(junk,) * len(good) for junk in JUNK]
    for place in range(len(good)):
        spoilt += [(*good[:place], junk, *good[place + 1 :]) for junk in JUNK]
    return spoilt


def test_every_format_has_an_example_and_a_name_of_its_own():
    names = [(form.name, form.table) for form in FORMATS]
    assert len(names) == len(set(names))
    assert set(names) == set(EXAMPLES)


@pytest.mark.parametrize("form", FORMATS, ids=_named)
def test_a_file_is_recognised_by_its_own_format_alone(form, fixtures, monkeypatch):
    path = fixtures / EXAMPLES[form.name, form.table]
    header = _header(path)
    assert recognise(form.table, header, path.name) is form
    for other in FORMATS:
        monkeypatch.setattr(sources, "FORMATS", (other,))
        found = recognise(form.table, header, path.name)
        assert (found is not None) == (other is form)


@pytest.mark.parametrize("table", ["events", "catalog", "people"])
@pytest.mark.parametrize("columns", PLAIN, ids=lambda columns: ",".join(columns)[:40] or "nothing")
def test_a_plain_file_is_left_alone(table, columns):
    assert recognise(table, columns, "log.csv") is None
    assert recognise(table, None, "log.csv") is None


def test_column_names_are_recognised_in_any_case_and_order():
    header = ["Reordered", "ADD_TO_CART_ORDER", "product_id", "order_id", "more"]
    assert recognise("events", header, "x.csv") is find("instacart")


@pytest.mark.parametrize(
    ("cells", "name", "format"),
    [
        (["1::1193::5::978300760"], "ratings.dat", "movielens-1m"),
        (["1::Toy::Animation", "Children's", "Comedy"], "movies.dat", "movielens-1m"),
        (["1", "2", "3", "fav", "1511544070"], "part-7.csv", "taobao"),
        (["B00021DJ32", "A2F5GHSXFQ0W6J", "4.0", "1418860800"], "x.csv", "amazon-ratings"),
    ],
)
def test_a_file_without_a_header_is_told_by_its_first_line(cells, name, format):
    table = "catalog" if name == "movies.dat" else "events"
    assert recognise(table, cells, name) is find(format, table)


def test_an_unknown_format_says_what_may_have_been_meant():
    with pytest.raises(DataError, match=r"no format 'g4' for events. Did you mean 'ga4'"):
        find("g4")
    with pytest.raises(DataError, match=r"no format 'ga4' for people. Known: hm\."):
        find("ga4", "people")


@pytest.mark.parametrize("form", FORMATS, ids=_named)
def test_columns_are_ours_and_texts(form, fixtures):
    path = fixtures / EXAMPLES[form.name, form.table]
    names, types, _, _ = _selected(form, path, lambda rows: rows)
    assert names[0] == c.ROW
    assert {str(kind) for kind in types[1:]} == {"VARCHAR"}
    if form.table == "events":
        assert {c.USER, c.ITEM, c.TIME, c.KIND} <= set(names[1:]) <= set(EVENT_SCHEMA.names)
    elif form.table == "catalog":
        assert {c.ITEM, c.PATH} <= set(names[1:]) <= set(CATALOG_SCHEMA.names)
    else:
        assert c.USER in names


@pytest.mark.parametrize("form", FORMATS, ids=_named)
def test_junk_in_any_cell_neither_raises_nor_loses_a_row(form, fixtures):
    path = fixtures / EXAMPLES[form.name, form.table]
    names, _, rows, sent = _selected(form, path, _spoilt)
    place = names.index(c.ROW)
    came = {row[place] for row in rows}
    # A catalog that is read from events or properties has a row an item, not a row a row.
    if form.table != "catalog":
        assert came == set(range(1, sent + 1))
    assert came <= set(range(1, sent + 1))


def test_the_documents_name_every_format():
    page = (Path(__file__).parents[3] / "docs/sources.md").read_text("utf-8")
    missing = [form.name for form in FORMATS if f"`{form.name}`" not in page]
    assert not missing
