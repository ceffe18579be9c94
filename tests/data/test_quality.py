"""Each rule finds what was planted, and is silent where nothing was."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penchant import columns as c
from penchant.data import quality
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.engine import connect
from penchant.data.events import EVENT_SCHEMA
from penchant.data.evidence import Evidence
from penchant.data.public import PUBLIC
from penchant.data.quarantine import QUARANTINE_SCHEMA
from penchant.data.worlds import WORLDS, Shop
from penchant.errors import DataError

SHOP = Shop(users=200, topics=8, steps=40, purchases=3.0, items_per_topic=10)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def world():
    return WORLDS["stable"](SHOP).log


@pytest.fixture
def log(world):
    """The world's events, to plant a fault in."""
    return world.events.to_pandas()


def evidence_of(frame, catalog=None, quarantine=None):
    connection = connect(threads=1)
    tables = {
        "events": pa.Table.from_pandas(frame, schema=EVENT_SCHEMA, preserve_index=False),
        "catalog": catalog,
        "quarantine": quarantine,
    }
    return Evidence(
        **{
            name: None if table is None else connection.create_table(name, table)
            for name, table in tables.items()
        }
    )


def found(frame, **tables):
    """Findings by code."""
    return {one.code: one for one in quality.examine(evidence_of(frame, **tables))}


def chosen(frame, code):
    """The events a rule would set aside."""
    return quality.suspicious(evidence_of(frame).events, code).to_pyarrow()


def added(frame, rows):
    """The log with more rows; columns left out are empty, ids are new."""
    more = pd.DataFrame(rows)
    more[c.EVENT] = [f"planted {n}" for n in range(len(more))]
    return pd.concat([frame, more.reindex(columns=frame.columns)], ignore_index=True)


@pytest.mark.parametrize("name", ["stable", "seasonal", "cadenced"])
def test_clean_worlds_give_no_finding(name):
    log = WORLDS[name](SHOP).log
    assert found(log.events.to_pandas(), catalog=log.catalog) == {}


def test_a_real_log_of_dates_gives_no_serious_finding():
    log = PUBLIC["cdnow"]()
    findings = found(log.events.to_pandas(), catalog=log.catalog)
    assert set(findings) == {"date_only"}
    assert not any(one.serious for one in findings.values())


def test_findings_are_in_order_and_tell_what_to_do(log):
    rows = log[log[c.TIME].dt.isocalendar().week != 20]
    findings = quality.examine(evidence_of(added(rows, [{
        c.USER: "u001", c.ITEM: "i01", c.TIME: pd.Timestamp("1970-01-01"), c.KIND: "purchase",
        c.VALUE: 1.0, c.QUANTITY: 1.0, c.ORDER: "x",
    }])))  # fmt: skip
    assert [one.code for one in findings[:2]] == ["gap", "stray_date"]
    for one in findings:
        assert one.advice.endswith(".")
        assert len({tuple(example) for example in one.examples}) <= 1
        assert 0 <= one.share <= 1


class TestTime:
    def test_days_on_another_clock(self, log):
        off = log[c.TIME].between("2020-05-04", "2020-06-01")
        log.loc[off, c.TIME] += pd.Timedelta(hours=7)
        one = found(log)["clock_shift"]
        assert not one.serious
        assert one.rows == pytest.approx(off.sum(), rel=0.02)  # the last evening is next Monday
        assert "7 hours later" in one.what
        assert one.examples[0]["from"] == "2020-05-04"
        assert one.examples[0]["to"] == "2020-05-31"

    def test_summer_time_mixed_up(self, log):
        off = log[c.TIME] >= "2020-03-30"
        log.loc[off, c.TIME] -= pd.Timedelta(hours=1)
        one = found(log)["clock_shift"]
        assert one.examples[0]["hours later"] in (1, -1)
        assert one.rows in (off.sum(), (~off).sum())

    def test_dates_among_times(self, log):
        some = log.index % 5 == 0
        log.loc[some, c.TIME] = log.loc[some, c.TIME].dt.normalize()
        one = found(log)["date_only"]
        assert one.rows == some.sum()
        assert one.examples[0]["at midnight"] == some.sum()

    @pytest.mark.parametrize("day", ["1970-01-01", "2031-07-01"])
    def test_days_far_from_all_others(self, log, day):
        log.loc[:20, c.TIME] = pd.Timestamp(day)
        one = found(log)["stray_date"]
        assert one.serious
        assert one.rows == 21
        assert day in one.what
        aside = chosen(log, "stray_date")
        assert len(aside) == 21
        assert set(aside[c.FIELD].to_pylist()) == {"time"}
        assert set(aside[c.REASON].to_pylist()) == {"looks like a stray date"}
        assert aside.column_names == [*EVENT_SCHEMA.names, c.FIELD, c.REASON]

    def test_many_customers_in_one_instant(self, log):
        some = log.index[::100]
        log.loc[some, c.TIME] = pd.Timestamp("2020-05-05 03:00:00")
        one = found(log)["burst"]
        assert one.rows == len(some)
        assert "2020-05-05 03:00:00" in one.what
        assert len(chosen(log, "burst")) == len(some)

    def test_a_default_midnight_in_a_log_of_times(self, log):
        log.loc[log.index[::50], c.TIME] = pd.Timestamp("2020-05-05")
        assert found(log)["burst"].rows == len(log.index[::50])

    def test_a_busy_day_of_dates_is_no_burst(self, log):
        log[c.TIME] = log[c.TIME].dt.normalize()
        some = log.index[::200]
        log.loc[some, c.TIME] = pd.Timestamp("2020-05-05")
        assert "burst" not in found(log)


class TestGaps:
    def test_days_without_events(self, log):
        inside = log[c.TIME].between("2020-05-04", "2020-05-07")
        one = found(log[~inside])["gap"]
        assert not one.serious
        assert one.examples[0]["from"] == "2020-05-04"
        assert one.examples[0]["to"] == "2020-05-06"
        assert one.rows == pytest.approx(inside.sum(), rel=0.2)

    def test_a_fortnight_with_a_tenth_is_serious(self, log):
        inside = log[c.TIME].between("2020-05-04", "2020-05-18") & (log.index % 10 > 0)
        one = found(log[~inside])["gap"]
        assert one.serious
        assert one.what.startswith("Only")
        assert "14 days" in one.what

    def test_a_gap_of_months(self, log):
        inside = log[c.TIME].between("2020-03-30", "2020-07-06")
        assert found(log[~inside])["gap"].examples[0]["from"] == "2020-03-30"

    def test_the_last_days_missing_in_part(self, log):
        late = (log[c.TIME] >= "2020-10-05") & (log.index % 20 > 0)
        one = found(log[~late])["gap"]
        assert one.serious
        assert one.examples[0]["to"] == str(log[c.TIME].max().date())

    def test_one_kind_missing_for_a_while(self, log):
        views = log.assign(**{c.KIND: "view", c.EVENT: "v" + log[c.EVENT]})
        both = pd.concat([log, views[~views[c.TIME].between("2020-05-04", "2020-06-01")]])
        one = found(both)["gap"]
        assert one.examples[0]["kind"] == "view"
        assert not one.serious

    def test_a_closed_weekday_is_none(self, log):
        assert "gap" not in found(log[log[c.TIME].dt.dayofweek != 6])

    def test_a_quiet_shop_has_gaps_of_weeks(self, log):
        few = log[::30]
        assert "gap" not in found(few)
        inside = log[c.TIME].between("2020-05-04", "2020-06-01")
        one = found(log[~inside][::15])["gap"]
        assert one.examples[0]["from"] == "2020-05-04"

    def test_a_kind_that_stops(self, log):
        views = log.assign(**{c.KIND: "view", c.EVENT: "v" + log[c.EVENT]})
        one = found(pd.concat([log, views[views[c.TIME] < "2020-06-01"]]))["kind_span"]
        assert "view stops on 2020-05-31" in one.what
        assert not one.serious
        one = found(pd.concat([log[log[c.TIME] >= "2020-06-01"], views]))["kind_span"]
        assert "purchase starts on 2020-06-01" in one.what
        assert one.serious


class TestRepeats:
    def test_copies_under_new_ids(self, log):
        copies = log[log.index % 8 == 0].assign(**{c.EVENT: lambda rows: "copy" + rows[c.EVENT]})
        one = found(pd.concat([log, copies]))["duplicate"]
        assert one.serious
        assert one.rows >= len(copies)
        aside = chosen(pd.concat([log, copies]), "duplicate").to_pandas()
        assert len(aside) == one.rows
        assert not aside[c.EVENT].duplicated().any()

    def test_orders_sent_again(self, log):
        some = log[c.ORDER].str[-1] == "3"
        again = log[some].assign(**{
            c.EVENT: "again" + log[c.EVENT],
            c.ORDER: "again" + log[c.ORDER],
            c.TIME: log[c.TIME] + pd.Timedelta(seconds=40),
        })  # fmt: skip
        one = found(pd.concat([log, again]))["repeated_order"]
        lines = again.groupby(c.ORDER)[c.ITEM].nunique()
        assert one.rows >= again[c.ORDER].isin(lines.index[lines > 1]).sum()
        aside = chosen(pd.concat([log, again]), "repeated_order").to_pandas()
        assert len(aside) == one.rows
        assert aside[c.ORDER].str.startswith("again").all()


class TestRates:
    def planted(self, log, times, kind="view"):
        rows = [
            {c.USER: "robot", c.ITEM: f"i{n % 80:02d}", c.TIME: at, c.KIND: kind}
            for n, at in enumerate(times)
        ]
        return added(log, rows)

    def test_too_many_a_day(self, log):
        times = pd.date_range("2020-05-04 08:00", periods=900, freq="48s")
        frame = self.planted(log, [at + day * DAY for day in range(3) for at in times])
        one = found(frame)["bot"]
        assert one.customers == 1
        assert one.rows == 2700
        assert one.serious
        assert one.examples[0]["customer"] == "robot"
        assert "900 view events a day" in one.what
        assert set(chosen(frame, "bot")[c.USER].to_pylist()) == {"robot"}

    def test_too_fast(self, log):
        times = [
            pd.Timestamp("2020-05-04 12:00") + pd.Timedelta(minutes=5 * m, seconds=s)
            for m in range(4)
            for s in range(50)
        ]
        assert "within a minute" in found(self.planted(log, times))["bot"].what

    def test_never_asleep(self, log):
        times = pd.date_range("2020-05-04", "2020-05-08", freq="15min")
        one = found(self.planted(log, times))["bot"]
        assert "24 hours of a day" in one.what

    def test_far_beyond_the_others_for_days(self, log):
        times = [
            pd.Timestamp("2020-05-04 12:00") + day * DAY + pd.Timedelta(minutes=5 * m)
            for day in range(4)
            for m in range(100)
        ]
        assert (
            "100 purchase events a day" in found(self.planted(log, times, "purchase"))["bot"].what
        )

    def test_a_bot_among_buyers(self, log):
        times = pd.date_range("2020-05-04 08:00", periods=400, freq="108s")
        assert found(self.planted(log, times, "purchase"))["bot"].rows == 400

    def test_a_large_order_is_none(self, log):
        assert "bot" not in found(self.planted(log, [pd.Timestamp("2020-05-04")] * 100, "purchase"))

    def test_an_id_for_everybody(self, log):
        some = log.index % 10 == 0
        log.loc[some, c.USER] = "Guest"
        one = found(log)["placeholder"]
        assert one.serious
        assert one.rows == some.sum() == len(chosen(log, "placeholder"))

    def test_a_third_of_all_under_one_id(self, log):
        log.loc[log.index % 3 == 0, c.USER] = "till 7"
        assert "till 7" in found(log)["placeholder"].what


class TestAmounts:
    def test_extreme_quantities_and_prices(self, log):
        log.loc[10, c.QUANTITY], log.loc[20, c.VALUE] = 9_999.0, 1e6
        one = found(log)["outlier"]
        assert (one.rows, one.items) == (2, 2)
        assert not one.serious
        assert len(chosen(log, "outlier")) == 2

    @pytest.mark.parametrize("factor", [100.0, 0.01, 1.95, 1.12])
    def test_a_unit_that_changes(self, log, factor):
        log.loc[log[c.TIME] >= "2020-06-17", c.VALUE] *= factor
        one = found(log)["unit_change"]
        assert one.examples[0]["day"] == "2020-06-17"
        assert one.examples[0]["factor"] == pytest.approx(factor, rel=0.05)
        assert one.serious == (factor != 1.12)

    def test_a_change_with_the_month(self, log):
        log.loc[log[c.TIME] >= "2020-07-01", c.VALUE] *= 7.5
        assert found(log)["unit_change"].examples[0]["day"] == "2020-07-01"

    def test_a_week_of_sales_is_none(self, log):
        log.loc[log[c.TIME].between("2020-06-08", "2020-06-15"), c.VALUE] *= 0.7
        assert "unit_change" not in found(log)

    def test_one_item_that_changes_is_none(self, log):
        some = (log[c.ITEM] == "i00") & (log[c.TIME] > "2020-06-17")
        log.loc[some, c.VALUE] *= 3
        assert "unit_change" not in found(log)

    def test_returns_without_purchases(self, log):
        rows = log[log.index % 3 == 0].copy()
        rows[c.KIND], rows[c.USER] = "return", "x" + rows[c.USER]
        rows[c.EVENT] = "r" + rows[c.EVENT]
        findings = found(pd.concat([log, rows]))
        assert findings["orphan_return"].rows == len(rows)
        assert findings["return_share"].rows == len(rows)
        assert len(chosen(pd.concat([log, rows]), "orphan_return")) == len(rows)

    def test_ordinary_returns_are_none(self, log):
        rows = log[log.index % 10 == 0].copy()
        rows[c.KIND], rows[c.TIME] = "return", rows[c.TIME] + 3 * DAY
        rows[c.EVENT] = "r" + rows[c.EVENT]
        assert not {"orphan_return", "return_share"} & set(found(pd.concat([log, rows])))


class TestContents:
    def test_holes_and_constants(self, log):
        log.loc[log.index % 4 == 0, c.VALUE] = np.nan
        one = found(log)["missing"]
        assert one.rows == (log.index % 4 == 0).sum()
        assert "`value`" in one.what
        log[c.VALUE] = 1.0
        assert "value 1:" in found(log)["constant"].what

    def test_items_that_the_catalog_does_not_know(self, log, world):
        log.loc[log.index % 3 == 0, c.ITEM] = "new " + log[c.ITEM]
        one = found(log, catalog=world.catalog)["unknown_item"]
        assert one.rows == (log.index % 3 == 0).sum()
        assert not one.serious
        log[c.ITEM] = "new " + log[c.ITEM]
        assert found(log, catalog=world.catalog)["unknown_item"].serious

    def test_a_catalog_that_says_too_little(self, log, world):
        rows = world.catalog.to_pylist()
        for row in rows[:7]:
            row[c.PATH] = []
        rows[9][c.PRICE] = 0.0
        findings = found(log, catalog=pa.Table.from_pylist(rows, schema=CATALOG_SCHEMA))
        assert findings["no_path"].items == 7
        assert findings["free_item"].items == 1

    @pytest.mark.parametrize("text", ["cafÃ© crÃ¨me", "caf\ufffd", "salt &amp; pepper", "donâ€™t"])
    def test_damaged_texts(self, log, world, text):
        log.loc[:5, c.QUERY] = text
        rows = world.catalog.to_pylist()
        rows[3][c.TITLE] = text
        catalog = pa.Table.from_pylist(rows, schema=CATALOG_SCHEMA)
        damage = [
            one
            for one in quality.examine(evidence_of(log, catalog=catalog))
            if one.code == "damaged_text"
        ]
        assert sorted(one.rows for one in damage) == [1, 6]
        assert all(text in one.what for one in damage)

    @pytest.mark.parametrize("text", ["café crème", "SÃO PAULO", "R&D; AT&T", "Ñandú", "Â"])
    def test_healthy_texts(self, log, text):
        log.loc[:5, c.QUERY] = text
        assert "damaged_text" not in found(log)

    @pytest.mark.parametrize(("rows", "serious"), [(50, False), (20_000, True)])
    def test_the_quarantine_by_reason(self, log, rows, serious):
        reasons = ["no user"] * (rows - 10) + ["malformed line"] * 10
        quarantine = pa.table(
            [["a.csv"] * rows, range(rows), [None] * rows, reasons, ["{}"] * rows],
            schema=QUARANTINE_SCHEMA,
        )
        one = found(log, quarantine=quarantine)["quarantine"]
        assert one.serious == serious
        assert one.rows == rows
        assert "10 lines" in one.what


def test_a_rule_that_finds_nothing_sets_nothing_aside(log):
    assert len(chosen(log, "duplicate")) == 0


def test_only_rules_that_name_events_set_them_aside(log):
    assert "bot" in quality.SELECTABLE
    with pytest.raises(DataError, match="Did you mean 'bot'"):
        chosen(log, "bots")
