"""The wiring between a store and a history."""

from datetime import date

import pyarrow as pa

from penchant import columns as c
from penchant.data.store import Store
from penchant.pipeline import store_topics
from penchant.settings import TopicSettings


def test_topics_of_a_backtest_know_nothing_later(tmp_path):
    """An item that customers take to after the first cutoff is no topic of its own at it."""
    early = [(f"u{u}", "early", f"2024-01-{1 + u % 28:02d}") for u in range(40)]
    late = [(f"u{u}", "late", f"2024-03-{1 + u % 28:02d}") for u in range(40)]
    user, item, time = zip(*early, *late, strict=True)
    store = Store.create(tmp_path / "store")
    store.append(pa.table({c.USER: user, c.ITEM: item, c.TIME: time}))
    assert store_topics(store, TopicSettings()).names_T.tolist() == ["early", "late"]
    before = store_topics(store, TopicSettings(), date(2024, 2, 1))
    assert before.names_T.tolist() == ["early"]
