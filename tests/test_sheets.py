"""Sheets: what was written is read back, whole, by pages and by key; what isn't one is refused."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant import columns as c
from penchant import sheet as one_sheet
from penchant.errors import ArtefactError, UnknownError
from penchant.settings import Settings
from penchant.sheet import sheet_page, sheet_rows, write_sheet
from penchant.sheets import SHEETS, read_sheets, sheet_named
from penchant.workspace import Workspace

DAYS = date(2026, 3, 2), date(2026, 4, 27)
CHURN = sheet_named("churn")


def rows(count):
    return [dict(CHURN.example) | {c.USER: f"u{n}"} for n in range(count)]


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(one_sheet, "GROUP_ROWS", 3)  # so that a few rows take several
    made = Workspace(tmp_path, Settings())
    made.folder.mkdir()
    return made


def write(workspace, made):
    table = pa.Table.from_pylist(made, schema=CHURN.schema)
    return write_sheet(workspace, CHURN, table, DAYS, ("no values",))


def test_a_sheet_keeps_its_rows_days_and_notes(workspace):
    assert read_sheets(workspace) == {}
    write(workspace, rows(7))
    filled = read_sheets(workspace)["churn"]
    assert [row[c.USER] for row in filled.rows] == [f"u{n}" for n in range(7)]
    assert (filled.start, filled.end, filled.notes) == (*DAYS, ("no values",))
    assert filled.made.tzinfo is not None


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 20])
def test_pages_put_together_are_the_sheet(workspace, limit):
    write(workspace, rows(8))
    found, start = [], 0
    while True:
        filled, count = sheet_page(workspace, CHURN, start, limit)
        assert count == 8
        assert len(filled.rows) == min(limit, 8 - start)
        found += filled.rows
        start += limit
        if start >= count:
            break
    assert [row[c.USER] for row in found] == [f"u{n}" for n in range(8)]
    beyond, _ = sheet_page(workspace, CHURN, 999, limit)
    assert beyond.rows == []


def test_a_key_has_its_rows_and_no_others(workspace):
    write(workspace, rows(8))
    assert [row[c.USER] for row in sheet_rows(workspace, CHURN, "u7").rows] == ["u7"]
    with pytest.raises(UnknownError, match="penchant churn"):
        sheet_rows(workspace, CHURN, "nobody")


def test_what_was_never_written_or_is_no_sheet_says_what_to_run(workspace):
    with pytest.raises(UnknownError, match="Run `penchant churn`"):
        sheet_page(workspace, CHURN, 0, 5)
    path = CHURN.path(workspace)
    path.write_bytes(b"no Parquet")
    with pytest.raises(ArtefactError, match="Run `penchant churn`"):
        sheet_rows(workspace, CHURN, "u1")
    pq.write_table(pa.table({c.USER: ["u1"]}), path)
    with pytest.raises(ArtefactError, match="another version"):
        sheet_page(workspace, CHURN, 0, 5)


def test_an_interrupted_write_leaves_the_sheet_before(workspace, monkeypatch):
    path = write(workspace, rows(2))
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(one_sheet.pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        write(workspace, rows(3))
    assert path.read_bytes() == before


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_an_example_is_a_row_of_its_sheet(sheet):
    table = pa.Table.from_pylist([dict(sheet.example)], schema=sheet.schema)
    assert set(sheet.example) == set(sheet.schema.names)
    assert sheet.example[sheet.key]
    table.validate(full=True)
