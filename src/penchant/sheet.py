"""A sheet: what a verb about decisions last said, kept for the report and the server.

A sheet is a table in Parquet whose metadata say which days ahead it is of, when it was made, and
what it can't tell. It is written whole, under its name only when it is complete.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.errors import ArtefactError, UnknownError
from penchant.interest.history import History
from penchant.workspace import Workspace

MADE, NOTES = "made", "notes"  # beside the days, in the file's metadata
GROUP_ROWS = 65_536  # of the file, read at a time


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A decision's table: its columns, and by which of them one row or some are looked up."""

    name: str  # of the file, and of the route
    schema: pa.Schema
    key: str  # a column of text
    verb: str  # that writes it
    about: str  # a sentence that begins with a verb
    example: Mapping[str, Any]  # a row
    ahead: bool = True  # it is of days ahead of what was known; else of days that were

    def path(self, workspace: Workspace) -> Path:
        """Where a workspace keeps it."""
        return workspace.folder / f"{self.name}.parquet"


@dataclass(frozen=True)
class Filled:
    """A sheet as it was last written, or some of its rows."""

    sheet: Sheet
    table: pa.Table  # of the sheet's schema
    start: date  # first day that it is of
    end: date  # first day after
    made: datetime  # UTC
    notes: tuple[str, ...]  # what can't be told

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows as plain values."""
        return self.table.to_pylist()


def days_ahead(history: History, steps: int) -> tuple[date, date]:
    """The first day that a history doesn't know, and the first one after some steps from there."""
    past = history.interest
    return history.cutoff_date, past.step.start(past.origin + history.cutoff + steps)


def write_sheet(
    workspace: Workspace,
    sheet: Sheet,
    table: pa.Table,
    days: tuple[date, date],
    notes: tuple[str, ...],
) -> Path:
    """Write a sheet in place of the one before.

    `days` are the first one that it is of and the first one after.
    """
    told = {
        c.START: days[0].isoformat(),
        c.END: days[1].isoformat(),
        MADE: datetime.now(UTC).isoformat(timespec="seconds"),
        NOTES: json.dumps(notes),
    }
    path = sheet.path(workspace)
    partial = path.with_suffix(".partial")
    whole = table.select(sheet.schema.names).cast(sheet.schema).replace_schema_metadata(told)
    pq.write_table(whole, partial, compression="zstd", row_group_size=GROUP_ROWS)
    partial.replace(path)
    return path


def read_sheet(workspace: Workspace, sheet: Sheet) -> Filled | None:
    """A sheet as it was last written, if it ever was."""
    if not sheet.path(workspace).is_file():
        return None
    with _opened(workspace, sheet) as file:
        return _filled(sheet, file, file.read())


def sheet_page(workspace: Workspace, sheet: Sheet, start: int, limit: int) -> tuple[Filled, int]:
    """Some rows of a sheet in its order, and how many there are in all.

    Costs reading of the file's parts in which they stand. Raises UnknownError where the sheet was
    never written.
    """
    with _opened(workspace, sheet) as file:
        rows = file.metadata.num_rows
        parts, first = [], 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if end > start and first < start + limit:
                part = file.read_row_group(group)
                parts.append(part.slice(max(0, start - first), start + limit - max(start, first)))
            first = end
        table = pa.concat_tables(parts) if parts else file.schema_arrow.empty_table()
        return _filled(sheet, file, table), rows


def sheet_rows(workspace: Workspace, sheet: Sheet, value: str) -> Filled:
    """The rows of one key. Raises UnknownError where there are none, or no sheet."""
    with _opened(workspace, sheet) as file:
        parts = []
        for group in range(file.num_row_groups):
            keys = file.read_row_group(group, columns=[sheet.key])[sheet.key]
            held = pc.equal(keys, value)
            if pc.any(held).as_py():
                parts.append(file.read_row_group(group).filter(held))
        if not parts:
            raise UnknownError(
                f"Nothing was said of the {sheet.key} '{value}'. `{sheet.verb}` tells of those it "
                "knew when it last ran."
            )
        return _filled(sheet, file, pa.concat_tables(parts))


def _opened(workspace: Workspace, sheet: Sheet) -> pq.ParquetFile:
    path = sheet.path(workspace)
    if not path.is_file():
        raise UnknownError(f"There is no {sheet.name} yet. Run `{sheet.verb}`.")
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise ArtefactError(f"{path} can't be read: {error}. Run `{sheet.verb}`.") from error
    told = file.schema_arrow.metadata or {}
    if not file.schema_arrow.equals(sheet.schema) or MADE.encode() not in told:
        file.close()
        raise ArtefactError(f"{path} is of another version of penchant. Run `{sheet.verb}`.")
    return file


def _filled(sheet: Sheet, file: pq.ParquetFile, table: pa.Table) -> Filled:
    told = {name.decode(): text.decode() for name, text in file.schema_arrow.metadata.items()}
    return Filled(
        sheet,
        table,
        date.fromisoformat(told[c.START]),
        date.fromisoformat(told[c.END]),
        datetime.fromisoformat(told[MADE]),
        tuple(json.loads(told[NOTES])),
    )
