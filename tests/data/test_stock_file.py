"""Reading a stock: other names, bad rows set aside with their place, and files that are none."""

import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.mapping import StockMapping
from penchant.data.stock import NO_COUNT, TWICE, read_stock
from penchant.errors import DataError


def written(folder, text):
    path = folder / "stock.csv"
    path.write_text(text)
    return str(path)


def test_known_names_are_found_and_missing_cells_are_empty(tmp_path):
    held = read_stock(written(tmp_path, "SKU,stock,lead_time\na,3,5\nb,0,\n"))
    assert held.rows.to_pydict()[c.ITEM] == ["a", "b"]
    assert held.rows[c.ON_HAND].to_pylist() == [3.0, 0.0]
    assert held.rows[c.LEAD_DAYS].to_pylist() == [5.0, None]
    assert held.rows[c.REVIEW_DAYS].null_count == 2
    assert held.refused == ()


def test_a_mapping_names_columns_and_constants(tmp_path):
    mapping = StockMapping(item="teil", on_hand="menge", lead_days="=7")
    held = read_stock(written(tmp_path, "teil;menge\na;3\n"), mapping)
    assert held.rows[c.LEAD_DAYS].to_pylist() == [7.0]


def test_bad_rows_are_set_aside_with_place_and_reason(tmp_path):
    text = "item,on_hand,lead_days\na,3,5\n,1,1\nb,x,1\nc,-2,1\na,4,1\nd,,2\ne,1,-1\nf,1,2,9\n"
    held = read_stock(written(tmp_path, text))
    assert held.rows[c.ITEM].to_pylist() == ["a"]
    found = {refused.row: refused.reason for refused in held.refused}
    assert found[5] == TWICE
    assert found[6] == NO_COUNT
    assert set(found) == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("text", ["item,price\na,3\n", "name,on_hand\na,3\n"])
def test_a_file_without_items_or_counts_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="There is no column for"):
        read_stock(written(tmp_path, text))


def test_a_stock_of_nothing_but_bad_rows_is_refused():
    table = pa.table({"item": ["a", "b"], "on_hand": ["none", "some"]})
    with pytest.raises(DataError, match="row 1, unreadable number"):
        read_stock(table)
