"""From a source to a store: judge every row, count it, and put it where it belongs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data import manifest as m
from penchant.data.accept import Verdict, accept_events
from penchant.data.engine import Progress
from penchant.data.events import EVENT_SCHEMA
from penchant.data.lines import json_path
from penchant.data.manifest import Manifest
from penchant.data.mapping import Mapping as EventMapping
from penchant.data.merge import (
    files_table,
    merge_events,
    merge_rows,
    one_row_each,
    write_file,
)
from penchant.data.quarantine import (
    MALFORMED,
    NOT_UTF8,
    QUARANTINE_SCHEMA,
    SET_ASIDE,
    Receipt,
    aside,
)
from penchant.data.reading import Reading, Source, read, reading_told
from penchant.data.sql import Relation, identifier
from penchant.data.staging import partitioned, stage

SQL_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "timestamp[us]": "TIMESTAMP"}


@dataclass(frozen=True)
class Work:
    """What a writer has in hand: a connection, the store as it began, and a folder for scraps."""

    connection: Backend
    store: Path
    manifest: Manifest
    scratch: Path


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How to read events: the columns, the shop's time zone, the format, and what time it is."""

    mapping: EventMapping
    timezone: str = "UTC"
    format: str | None = None
    now: datetime | None = None


def append_events(
    work: Work, source: Source | Relation, asked: Asked, progress: Progress
) -> tuple[Manifest, Receipt]:
    """Add events; returns the store's new manifest and what became of every row."""
    connection, manifest = work.connection, work.manifest
    progress("reading", 0, 100)
    reading = read(connection, source, work.scratch, table=m.EVENTS, format=asked.format)
    verdict = accept_events(reading, asked.mapping, asked.timezone, asked.now)
    with reading_told(source):
        staged = stage(connection, verdict, work.scratch / "staged", partial(progress, "reading"))
    progress("reading", 100, 100)
    apart = _set_aside(work)
    merged = merge_events(connection, work.store, manifest, staged.files, apart, progress)
    added = merged.rows(m.EVENTS) - manifest.rows(m.EVENTS)
    receipt = _receipt(reading, verdict, staged.counts, added)
    if receipt.quarantined:
        folder = aside(m.EVENTS)
        judged = any(code < 0 for code in staged.counts)
        rows = verdict.quarantined if judged else reading.malformed.lines
        merged = merge_rows(connection, work.store, merged, folder, rows)
    return merged, receipt


def replace_table(
    work: Work,
    table: str,
    source: Source,
    accept: Callable[[Reading], Verdict],
    *,
    keys: Sequence[str] = (),
    format: str | None = None,
) -> tuple[Manifest, Receipt]:
    """Put a source in the place of a table; of rows that share `keys` the smallest stays."""
    connection, manifest = work.connection, work.manifest
    reading = read(connection, source, work.scratch, table=table, format=format)
    verdict = accept(reading)
    with reading_told(source):
        counted = verdict.tally.to_pyarrow().to_pylist()
    counts = {row[c.VERDICT]: row[c.ROWS] for row in counted}
    rows = verdict.accepted.distinct()
    if keys:
        rows = one_row_each(rows, keys)
    written = [
        write_file(connection, work.store, table, rows),
        write_file(connection, work.store, aside(table), verdict.quarantined.distinct()),
    ]
    files = [file for file in written if file is not None]
    replaced = manifest.replaced([table, aside(table)], files)
    return replaced, _receipt(reading, verdict, counts, replaced.rows(table))


def _set_aside(work: Work) -> dict[int, list[Path]]:
    """Events that a rule has put into quarantine, as files by month: they are held there."""
    files = work.manifest.within(aside(m.EVENTS))
    rows = files_table(work.connection, work.store, files, QUARANTINE_SCHEMA)
    rows = rows.filter(rows[c.SOURCE] == SET_ASIDE)
    if not rows.count().execute():
        return {}
    cells = ", ".join(
        f"json_extract_string({c.CONTENT}, {json_path(field.name)})::{SQL_TYPES[str(field.type)]} "
        f"AS {identifier(field.name)}"
        for field in EVENT_SCHEMA
    )
    events = f"SELECT {cells} FROM ({work.connection.compile(rows)})"
    return partitioned(work.connection, events, work.scratch / "set-aside")


def _receipt(reading: Reading, verdict: Verdict, counts: Mapping[int, int], added: int) -> Receipt:
    """Count a batch, of whose accepted rows `added` are new."""
    refused, repaired = verdict.reasons(counts)
    malformed = int(reading.malformed.lines.count().execute())
    if malformed:
        refused = dict(sorted({**refused, MALFORMED: malformed}.items()))
    if reading.mended:
        repaired = dict(sorted({**repaired, NOT_UTF8: reading.mended}.items()))
    accepted = sum(rows for code, rows in counts.items() if code >= 0)
    return Receipt(
        sent=sum(counts.values()) + malformed,
        accepted=added,
        duplicate=accepted - added,
        quarantined=sum(refused.values()),
        reasons=refused,
        repaired=repaired,
        format=", ".join(reading.formats) or None,
    )
