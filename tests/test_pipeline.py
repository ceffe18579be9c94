"""The wiring between a store and a history."""

from datetime import date

import pyarrow as pa

from penchant import columns as c
from penchant.data.store import Store
from penchant.interest.queries import match_queries
from penchant.pipeline import store_topics
from penchant.settings import TopicSettings, load_settings


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


def test_words_of_a_backtest_know_nothing_later(tmp_path):
    """What customers turn to after the first cutoff teaches it no words."""
    bought = [(f"u{u}", "beer", None, "purchase", f"2024-01-{1 + u % 28:02d}") for u in range(40)]
    bought += [(f"u{u}", "wine", None, "view", f"2024-01-{1 + u % 28:02d}") for u in range(40)]
    early = [("ann", None, "beer", "search", "2024-01-03T10:00")]
    late = [
        row
        for u in range(40)
        for row in (
            (f"u{u}", None, "plonk", "search", f"2024-03-{1 + u % 28:02d}T10:00"),
            (f"u{u}", "wine", None, "view", f"2024-03-{1 + u % 28:02d}T10:01"),
        )
    ]
    user, item, query, kind, time = zip(*bought, *early, *late, strict=True)
    columns = {c.USER: user, c.ITEM: item, c.QUERY: query, c.KIND: kind, c.TIME: time}
    store = Store.create(tmp_path / "store")
    store.append(pa.table(columns))
    known = store_topics(store, TopicSettings())
    before = store_topics(store, TopicSettings(), date(2024, 2, 1))
    assert match_queries(["plonk"], known.words, len(known))[c.TOPIC].to_pylist() == [1]
    assert before.words[c.WORD].unique().to_pylist() == ["beer", "wine"]


def test_settings_name_identities(tmp_path):
    path = tmp_path / "penchant.toml"
    path.write_text(
        '[sources]\nidentities = "logins.csv"\n[mapping.identities]\nalias = "cookie"\n',
        encoding="utf-8",
    )
    settings = load_settings(path)
    assert settings.sources.identities == "logins.csv"
    assert settings.mapping.identities.alias == "cookie"
