"""Looking over a workspace: what is kept, what counts as serious, and the page that tells it."""

import json
import re
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from penchant import checkup
from penchant import columns as c
from penchant.checkup import Checkup
from penchant.dashboard.page import render
from penchant.dashboard.quality import HEADINGS, quality
from penchant.dashboard.workspace import quality_page
from penchant.data.events import EVENT_SCHEMA
from penchant.data.findings import Finding
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import DataError
from penchant.intake import ingest_log
from penchant.settings import ForecastSettings, Settings, TopicSettings
from penchant.workspace import Workspace

SHOP = Shop(users=150, topics=6, steps=40)
NEAR = ForecastSettings(windows=("1-4", "5-8"))


@pytest.fixture(scope="module")
def log():
    return WORLDS["stable"](SHOP).log


def workspace_of(folder, events, catalog=None, settings=None):
    workspace = Workspace(folder, settings or Settings(forecast=NEAR))
    store = workspace.store(create=True)
    store.append(events)
    if catalog is not None:
        store.replace_catalog(catalog)
    return workspace


def codes(workspace):
    return {one.code: one.serious for one in checkup.check(workspace).findings}


class TestCheck:
    @pytest.mark.parametrize("name", ["stable", "seasonal", "cadenced"])
    def test_a_clean_world_is_ready(self, tmp_path, name):
        world = WORLDS[name](SHOP).log
        workspace = Workspace(tmp_path, Settings(forecast=NEAR))
        ingest_log(workspace.store(create=True), world)
        made = checkup.check(workspace)
        assert made.ok
        assert made.findings == ()
        facts = made.facts
        assert facts["tables"]["events"] == len(world.events) == facts["events_with_topic"]
        assert facts["kinds"] == [{c.KIND: "purchase", c.ROWS: len(world.events)}]
        assert sum(week[c.ROWS] for week in facts["weeks"]) == len(world.events)
        assert (facts["topics"], facts["steps"], facts["items"]) == (6, 40, 120)

    def test_it_is_kept_until_the_store_or_the_settings_change(self, tmp_path, log):
        workspace = workspace_of(tmp_path, log.events, log.catalog)
        made = checkup.check(workspace)
        path = checkup.quality_path(workspace)
        kept = path.stat().st_mtime_ns
        assert checkup.last_check(workspace) == made
        assert path.stat().st_mtime_ns == kept
        other = Workspace(tmp_path, Settings(forecast=ForecastSettings(windows=("1-30",))))
        assert {one.code for one in checkup.last_check(other).findings} == {"short_history"}
        late = log.events.slice(0, 1).to_pandas()
        late[c.USER] = "late"
        workspace.store().append(pa.Table.from_pandas(late, EVENT_SCHEMA, preserve_index=False))
        assert checkup.last_check(workspace).facts["customers"] == made.facts["customers"] + 1

    def test_progress_names_what_is_looked_for(self, tmp_path, log):
        told = []
        checkup.check(workspace_of(tmp_path, log.events), tell=told.append)
        assert "Looking for bots" in told

    def test_a_catalog_of_other_items_spoils_a_forecast(self, tmp_path, log):
        few = log.events.to_pandas()
        few.loc[few.index % 10 > 3, c.ITEM] = "new " + few[c.ITEM]
        found = codes(workspace_of(tmp_path, few, log.catalog))
        assert found["no_topic"]
        assert found["unknown_item"]

    def test_searches_without_an_item_need_no_topic(self, tmp_path, log):
        searches = log.events.to_pandas().assign(
            **{c.KIND: "search", c.ITEM: None, c.QUERY: "tea", c.EVENT: None}
        )
        both = pd.concat([log.events.to_pandas(), searches])
        assert "no_topic" not in codes(workspace_of(tmp_path, both, log.catalog))

    def test_one_topic_and_a_half_week(self, tmp_path, log):
        settings = Settings(forecast=NEAR, topics=TopicSettings(floor=1000))
        early = log.events.to_pandas()
        early = early[early[c.TIME] < datetime(2020, 9, 30)]
        found = codes(workspace_of(tmp_path, early, log.catalog, settings))
        assert found == {"incomplete_step": False, "one_topic": False}

    def test_targets_that_never_happen(self, tmp_path, log):
        target = ForecastSettings(windows=("1-4",), target=("purchase", "redeem"))
        workspace = workspace_of(tmp_path, log.events, settings=Settings(forecast=target))
        assert codes(workspace) == {"strange_kind": False}

    @pytest.mark.parametrize(("windows", "serious"), [("1-25", False), ("1-40", True)])
    def test_short_histories(self, tmp_path, log, windows, serious):
        asked = Settings(forecast=ForecastSettings(windows=(windows,)))
        assert codes(workspace_of(tmp_path, log.events, log.catalog, asked)) == {
            "short_history": serious
        }

    def test_an_empty_store(self, tmp_path):
        workspace = Workspace(tmp_path, Settings())
        workspace.store(create=True)
        made = checkup.check(workspace)
        assert [one.code for one in made.findings] == ["empty_store"]
        assert not made.ok
        assert "Empty store" in quality_page(workspace, made).read_text(encoding="utf-8")


class TestSetAside:
    def test_what_a_rule_finds_leaves_the_store(self, tmp_path, log):
        events = log.events.to_pandas()
        events.loc[:9, c.TIME] = datetime(1970, 1, 1)
        workspace = workspace_of(tmp_path, events, log.catalog)
        assert codes(workspace)["stray_date"]
        assert checkup.set_aside(workspace, ["stray_date"]) == {"stray_date": 10}
        assert codes(workspace) == {}
        store = workspace.store()
        assert store.counts["events"] == len(events) - 10
        aside = store.quarantine().to_pandas()
        assert set(aside[c.REASON]) == {"looks like a stray date"}
        assert set(aside[c.FIELD]) == {"time"}
        assert json.loads(aside[c.CONTENT][0])[c.USER].startswith("u")

    def test_an_unknown_rule_moves_nothing(self, tmp_path, log):
        workspace = workspace_of(tmp_path, log.events)
        with pytest.raises(DataError, match="Did you mean 'burst'"):
            checkup.set_aside(workspace, ["bot", "bursts"])


class TestPage:
    def checked(self, *findings):
        facts = {
            "tables": {"events": 90, "catalog": 3, "quarantine": 2},
            "span": ["2020-01-06", "2020-02-01"],
            "customers": 5,
            "items": 3,
            "weeks": [
                {c.START: "2020-01-06", c.KIND: "purchase", c.ROWS: 50},
                {c.START: "2020-01-20", c.KIND: "purchase", c.ROWS: 40},
            ],
        }
        return Checkup(facts, findings)

    def page(self, *findings):
        return render("The data", [quality(self.checked(*findings))])

    def test_serious_findings_come_with_what_to_do(self):
        examples = ({"from": "2020-01-13", "to": "2020-01-19", "events": 0, "expected": 44.5},)
        page = self.page(
            Finding(code="gap", what="No events.", advice="Run `penchant ingest`.", serious=True,
                    examples=examples),
            Finding(code="bot", what="<b>robot</b>", customers=1),
        )  # fmt: skip
        assert "What would spoil a forecast" in page
        assert "Run <code>penchant ingest</code>." in page
        assert "&lt;b&gt;robot&lt;/b&gt;" in page
        assert "1 to mend first" in page
        assert '"xAxis":"2020-01-20"' in page  # the end of the shaded gap
        assert '["2020-01-13",0]' in page  # a week without events is drawn as none

    def test_without_findings_it_says_so(self):
        page = self.page()
        assert "No rule found anything wrong." in page
        assert "nothing would spoil a forecast" in page

    def test_every_code_has_a_heading(self):
        root = Path(checkup.__file__).parent
        texts = [path.read_text(encoding="utf-8") for path in root.glob("data/*.py")]
        found = set(re.findall(r'\bcode="(\w+)"', "".join(texts)))
        assert len(found) >= 15
        assert found <= set(HEADINGS)
