"""Describing a log: its numbers, and settings that a shop like it could start from."""

import tomllib

import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.mapping import Mapping
from penchant.data.store import Store
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import DataError
from penchant.intake import ingest_log
from penchant.profile import profile, profile_files, profile_store
from penchant.settings import Mappings, Settings, Sources
from penchant.workspace import Workspace


def bought(rows):
    """A table of purchases from (user, item, day)."""
    frame = pd.DataFrame(rows, columns=[c.USER, c.ITEM, c.TIME])
    frame[c.TIME] = pd.to_datetime(frame[c.TIME])
    frame[c.KIND] = "purchase"
    frame[c.EVENT] = frame.index.astype(str)
    frame = frame.reindex(columns=EVENT_SCHEMA.names)
    return pa.Table.from_pandas(frame, schema=EVENT_SCHEMA, preserve_index=False)


def described(folder, events, catalog=None, settings=None):
    store = Store.create(folder / "store")
    store.append(events)
    if catalog is not None:
        store.replace_catalog(catalog)
    return profile_store(store, settings or Settings())


def every(days, count, start="2020-01-06"):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq=f"{days}D")]


class TestNumbers:
    def test_a_small_log_by_hand(self, tmp_path):
        made = described(
            tmp_path,
            bought([
                ("ann", "tea", "2020-01-06"),
                ("ann", "tea", "2020-01-06"),
                ("ann", "tea", "2020-01-08"),
                ("ann", "jam", "2020-01-14"),
                ("bob", "jam", "2020-01-07"),
            ]),
        )  # fmt: skip
        assert (made.events, made.customers, made.items) == (5, 2, 2)
        assert made.span == ("2020-01-06", "2020-01-14")
        assert made.kinds[0][c.ROWS] == 5
        assert made.kinds[0]["filled"][c.ITEM] == 1.0
        assert made.kinds[0]["filled"][c.VALUE] == 0.0
        assert made.events_per_customer["0.5"] == 2.5
        assert made.repeat_items == 0.25  # of four days with a purchase of an item, one repeats
        assert made.gap_quartiles == (3.0, 4.0, 5.0)  # of gaps of two and six days
        assert made.catalog == {"items": 0, "depth": 0}

    def test_a_world(self, tmp_path):
        shop = Shop(users=120, topics=6, steps=40)
        workspace = Workspace(tmp_path, Settings())
        ingest_log(workspace.store(create=True), WORLDS["stable"](shop).log)
        made = profile(workspace)
        assert made.catalog == {"items": 120, "depth": 2}
        assert [(one.level, one.topics, one.coverage) for one in made.levels] == [
            (1, 2, 1.0),
            (2, 6, 1.0),
        ]
        assert made.filled_cells["day"] < made.filled_cells["week"] < made.filled_cells["month"]
        assert made.repeat_topics > made.repeat_items > 0
        assert [(one["cycle"], one["sure"]) for one in made.seasons] == [
            ("week", False),
            ("month", False),
        ]

    def test_a_log_without_purchases(self, tmp_path):
        events = bought([("ann", "tea", day) for day in every(1, 20)])
        views = events.set_column(3, EVENT_SCHEMA.field(3), pa.array(["view"] * 20))
        made = described(tmp_path, views)
        assert made.gap_quartiles is None
        assert made.repeat_items is None
        assert 'step = "week"' in made.toml

    def test_nothing_to_describe(self, tmp_path):
        with pytest.raises(DataError, match="no events to describe"):
            profile_store(Store.create(tmp_path / "store"), Settings())


class TestSuggestions:
    @pytest.mark.parametrize(
        ("days", "count", "step", "windows"),
        [
            (1, 120, "day", ["1-7", "8-14", "15-28"]),
            (8, 60, "week", ["1-4", "5-8", "9-12"]),
            (8, 12, "week", ["1-2", "3-4", "5-6"]),
            (70, 14, "month", ["1-1", "2-3", "4-6"]),
            (70, 5, "week", ["1-4", "5-8", "9-12"]),
        ],
    )
    def test_step_and_windows_fit_the_rhythm_and_the_span(
        self, tmp_path, days, count, step, windows
    ):
        rows = [(f"u{u}", "tea", day) for u in range(3) for day in every(days, count)]
        made = described(tmp_path, bought(rows))
        asked = tomllib.loads(made.toml)["forecast"]
        assert asked == {"step": step, "windows": windows}

    def test_the_level_is_the_one_topics_would_take(self, tmp_path):
        shop = Shop(users=120, topics=6, steps=40)
        log = WORLDS["stable"](shop).log
        made = described(tmp_path, log.events, log.catalog)
        assert tomllib.loads(made.toml)["topics"] == {"level": 2}
        for one in made.suggestions:
            assert len(one.reason.split()) > 3


class TestFiles:
    def test_files_are_read_with_the_settings(self, tmp_path):
        (tmp_path / "log.csv").write_text("who,what,time\nann,tea,2020-01-06\nann,jam,2020-01-07\n")
        (tmp_path / "catalog.csv").write_text("item,department\ntea,drinks\njam,spreads\n")
        settings = Settings(
            sources=Sources(catalog="catalog.csv"),
            mapping=Mappings(events=Mapping(user="who", item="what")),
        )
        made = profile_files([str(tmp_path / "log.csv")], settings, tmp_path)
        assert (made.events, made.customers) == (2, 1)
        assert made.catalog == {"items": 2, "depth": 1}


class TestSeasons:
    def test_the_busy_day_of_the_week_is_named(self, tmp_path):
        rows = [
            (f"u{u}", "tea", day)
            for day in every(1, 140)
            for u in range(9 if pd.Timestamp(day).dayofweek == 5 else 3)
        ]
        week, month = described(tmp_path, bought(rows)).seasons
        assert (week["cycle"], week["sure"], week["peak"]) == ("week", True, "Saturday")
        assert week["strength"] > 0.9
        assert (month["cycle"], month["sure"]) == ("month", False)

    def test_a_log_too_short_to_tell_has_none(self, tmp_path):
        assert (
            described(tmp_path, bought([("ann", "tea", day) for day in every(1, 12)])).seasons == ()
        )
