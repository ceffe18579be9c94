"""Sheets: what each verb about decisions last said, kept for the report and the server.

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
from penchant.decisions.churn import CHURN_SCHEMA
from penchant.decisions.contest import CHOICE_SCHEMA, POLICY_SCHEMA
from penchant.decisions.demand import DEMAND_SCHEMA
from penchant.decisions.experiment import EXPERIMENT_SCHEMA
from penchant.decisions.stock import STOCK_SCHEMA
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


SHEETS = (
    Sheet(
        name="churn",
        schema=CHURN_SCHEMA,
        key=c.USER,
        verb="penchant churn",
        about="Tell who may not come back, what is at risk, why, and what to do.",
        example={
            c.USER: "C011",
            c.GONE: 0.42,
            c.HALVED: 0.61,
            c.SPEND: 18.2,
            c.AT_RISK: 13.1,
            c.ALIVE: 31.5,
            c.WORTH: 118.4,
            c.REASONS: ["Tea > Green tea: every 3 weeks until 2026-01-05, quiet since"],
            c.ADVICE: "reminder: Coffee > Espresso",
        },
    ),
    Sheet(
        name="experiments",
        schema=EXPERIMENT_SCHEMA,
        key=c.EXPERIMENT,
        verb="penchant experiment",
        about="Tell what arms of experiments changed.",
        ahead=False,
        example={
            c.EXPERIMENT: "banner",
            c.OUTCOME: "spend",
            c.START: date(2026, 1, 5),
            c.END: date(2026, 3, 2),
            c.ARM: "new",
            "control": "control",
            "units": 5012,
            "control_units": 4988,
            c.MEAN: 31.4,
            "control_mean": 29.9,
            c.VALUE: 1.6,
            c.LOW: 0.9,
            c.HIGH: 2.3,
            c.CHANCE: 0.00002,
            "low_always": 0.5,
            "high_always": 2.7,
            "chance_always": 0.001,
            "relative": 0.053,
            "trusted": True,
            "notes": ["Nothing is known of 12 customers before; they count as 0."],
        },
    ),
    Sheet(
        name="policies",
        schema=POLICY_SCHEMA,
        key=c.POLICY,
        verb="penchant policy",
        about="Tell what policies would have earned of what was logged.",
        ahead=False,
        example={
            c.POLICY: "greedy",
            c.REWARD: 0.052,
            c.LOW: 0.044,
            c.HIGH: 0.061,
            c.GAIN: 0.014,
            c.GAIN_LOW: 0.006,
            c.GAIN_HIGH: 0.023,
            "decisions": 1820.0,
            c.CHOSEN: True,
            "notes": [],
        },
    ),
    Sheet(
        name="choices",
        schema=CHOICE_SCHEMA,
        key=c.USER,
        verb="penchant policy",
        about="Tell which option to show to whom, and with which chance it was drawn.",
        example={
            c.USER: "C011",
            c.OPTION: "free delivery",
            c.PROPENSITY: 0.93,
            c.EXPECTED: 0.061,
        },
    ),
    Sheet(
        name="demand",
        schema=DEMAND_SCHEMA,
        key=c.TOPIC,
        verb="penchant demand",
        about="Tell how much will be wanted of the shop, a department or a topic, step by step.",
        example={
            c.TOPIC: "Tea > Green tea",
            c.TREE_LEVEL: "topic",
            c.START: date(2026, 3, 2),
            c.USERS_SUM: 41.3,
            c.REMAINDER: 2.1,
            c.MEAN: 44.8,
            c.LOW: 35,
            c.HIGH: 55,
        },
    ),
    Sheet(
        name="stock",
        schema=STOCK_SCHEMA,
        key=c.ITEM,
        verb="penchant demand --stock FILE",
        about="Tell what to hold of an item, when it sells out, and what to clear.",
        example={
            c.ITEM: "i68",
            c.TOPIC: "Tea > Green tea",
            c.ON_HAND: 12.0,
            c.UNITS: 96.2,
            c.REORDER: 21,
            c.SAFETY: 6.7,
            c.COVER: 10.5,
            c.SOLD_OUT: 0.31,
            c.ADVICE: "order",
        },
    ),
)


def sheet_named(name: str) -> Sheet:
    """The sheet of a name, which is one there is."""
    return next(sheet for sheet in SHEETS if sheet.name == name)


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


def read_sheets(workspace: Workspace) -> dict[str, Filled]:
    """Sheets as they were last written, by name; those that never were are left out."""
    found = {}
    for sheet in SHEETS:
        if sheet.path(workspace).is_file():
            with _opened(workspace, sheet) as file:
                found[sheet.name] = _filled(sheet, file, file.read())
    return found


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
