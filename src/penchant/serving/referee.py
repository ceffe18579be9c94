"""The referee: batch ingest's own expressions, asked about events that are oddly written.

Its statement is made once; an event costs it as much as a batch would, and a call some
milliseconds.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa

from penchant import columns as c
from penchant.data.accept import IN_THE_FUTURE, accept_events
from penchant.data.engine import connect
from penchant.data.events import EVENT_SCHEMA
from penchant.data.files import PLAIN
from penchant.data.lines import json_path
from penchant.data.mapping import Mapping
from penchant.data.reading import read
from penchant.data.sql import LINE, Relation, identifier
from penchant.serving.commit import Row

ODD = "odd_events"
TEXT = "text"
NEVER = datetime(2101, 12, 31)  # after all that is ever accepted


@dataclass(frozen=True)
class Fault:
    """The first rule that an event breaks."""

    field: str | None
    reason: str


class Referee:
    """Judges events by `accept_events`, on a connection of its own."""

    def __init__(self, timezone: str) -> None:
        self._connection = connect(memory_limit="256MiB", threads=1)
        names = tuple(EVENT_SCHEMA.names)
        values = {name: f"json_extract_string({TEXT}, {json_path(name)})" for name in names}
        relation = Relation(ODD, names, ODD, values, numbered=ODD)
        self._lay([])
        with tempfile.TemporaryDirectory() as scratch:
            reading = read(self._connection, relation, Path(scratch), format=PLAIN)
        judged = accept_events(reading, Mapping(), timezone, NEVER).placed
        self._faults = [Fault(rule.field, rule.reason) for rule in judged.faults]
        reasons = [fault.reason for fault in self._faults]
        self._future = reasons.index(IN_THE_FUTURE)
        rows = judged.rows.select(
            judged.verdict.name(c.VERDICT), judged.rows[c.ROW], **judged.values
        )
        time, row = identifier(c.TIME), identifier(c.ROW)
        counted = f"CASE WHEN isfinite({time}) THEN epoch_us({time}) END AS {time}"
        self._statement = (
            f"SELECT * EXCLUDE ({row}) REPLACE ({counted}) "
            f"FROM ({self._connection.compile(rows)}) ORDER BY {row}"
        )

    def judge(self, events: Sequence[dict[str, object]], end: int) -> list[Row | Fault]:
        """Judge events in their order; what isn't before `end` (microseconds) is ahead of time."""
        self._lay([msgspec.json.encode(event).decode() for event in events])
        told = self._connection.raw_sql(self._statement).fetchall()
        self._lay([])
        return [self._verdict(code, Row(*cells), end) for code, *cells in told]

    def _lay(self, texts: Sequence[str]) -> None:
        lines = pa.table(
            {
                LINE: pa.array(range(1, len(texts) + 1), pa.int64()),
                TEXT: pa.array(texts, pa.string()),
            }
        )
        self._connection.con.register(ODD, lines)

    def _verdict(self, code: int, row: Row, end: int) -> Row | Fault:
        # Rules after the one on the future hold only where that one does, as of now.
        ahead = code >= 0 or -code - 1 > self._future
        if ahead and row.time >= end:
            return self._faults[self._future]
        return row if code >= 0 else self._faults[-code - 1]
