"""The catalog, people and the rest take anything as events do: no crash, no loss."""

from collections import Counter

import logs
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import columns as c
from penchant.data.store import Store
from penchant.errors import DataError

COLUMNS = {
    "catalog": ("item", "path", "title", "price", "valid_from"),
    "people": ("user", "age"),
    "identities": ("alias", "user"),
    "promotions": ("item", "start", "end", "strength"),
    "holidays": ("start", "end", "name"),
}
CELLS = st.sampled_from(["a", "b", "", "2024-01-01", "2024-02-01", "1", "-1", "nan", "x > > y"])
ODD = st.sampled_from(
    [None, float("inf"), 1e300, 2**70, b"\xff", "\ud800", "a\0b", ["a", None], pd.Timestamp(0)]
)


@pytest.mark.parametrize("table", COLUMNS)
@logs.tries(2)
@given(data=st.data())
def test_each_row_of_a_table_is_accepted_or_set_aside(tmp_path_factory, table, data):
    folder = tmp_path_factory.mktemp(table)
    names = COLUMNS[table]
    form = data.draw(st.sampled_from(["csv", "json", "pandas"]))
    cells = CELLS | ODD if form == "pandas" else CELLS
    rows = data.draw(st.lists(st.tuples(*[cells] * len(names)), min_size=1, max_size=8))
    frame = source = pd.DataFrame(rows, columns=names)
    if form == "csv":
        source = folder / "table.csv"
        frame.to_csv(source, index=False)
    elif form == "json":
        source = folder / "table.jsonl"
        frame.to_json(source, orient="records", lines=True)
    store = Store.create(folder / "store")
    try:
        receipt = getattr(store, f"replace_{table}")(source)
    except DataError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert table == "people"
        assert "one row a customer" in message
        assert not store.manifest.files
        return
    aside = store.quarantine().to_pyarrow().to_pylist()
    assert receipt.sent == len(rows)
    assert receipt.accepted == store.counts[table]
    assert Counter(row[c.REASON] for row in aside) == receipt.reasons
    assert len({row[c.ROW] for row in aside}) == receipt.quarantined
    assert store.verify() == ()
