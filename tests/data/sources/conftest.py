"""A file of a known format, ingested as a user would."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from penchant import columns as c
from penchant.data.quarantine import Receipt
from penchant.data.store import Store


@dataclass(frozen=True)
class Ingested:
    """What a store holds after one file, without a word said about its format."""

    store: Store
    receipt: Receipt
    table: str

    def rows(self, *columns):
        """How often each row of these columns is there."""
        found = getattr(self.store, self.table)().select(*columns).to_pyarrow().to_pylist()
        return Counter(tuple(_plain(row[name]) for name in columns) for row in found)

    def refused(self):
        """Row number and reason of what is in quarantine."""
        found = self.store.quarantine().select(c.ROW, c.REASON).to_pyarrow().to_pylist()
        return sorted((row[c.ROW], row[c.REASON]) for row in found)


def _plain(value):
    if isinstance(value, list):
        return " > ".join(value)
    return value.isoformat(sep=" ") if hasattr(value, "isoformat") else value


@pytest.fixture(scope="session")
def fixtures():
    return Path(__file__).parent / "fixtures"


@pytest.fixture
def ingest(fixtures, tmp_path):
    def run(file, table="events", **options):
        store = Store.create(tmp_path / "shop")
        add = {
            "events": store.append,
            "catalog": store.replace_catalog,
            "people": store.replace_people,
        }
        receipt = add[table](fixtures / file, **options)
        assert receipt.accepted + receipt.duplicate + receipt.quarantined == receipt.sent
        return Ingested(store, receipt, table)

    return run
