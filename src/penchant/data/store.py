"""A store: a folder of Parquet files that holds what a shop has told, and what it couldn't.

    manifest.json      which files count, their rows and hashes
    events/month=…/    one file a month
    catalog/ people/ promotions/ holidays/
    quarantine/…/      rows that couldn't be used, by the table they were meant for

One process writes at a time; any number read, and each reads what the manifest lists.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import available_timezones

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data import manifest as m
from penchant.data.accept import (
    Verdict,
    accept_catalog,
    accept_events,
    accept_holidays,
    accept_people,
    accept_promotions,
)
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.engine import connect, session
from penchant.data.events import EVENT_SCHEMA
from penchant.data.manifest import Manifest
from penchant.data.mapping import (
    CatalogMapping,
    HolidayMapping,
    Mapping,
    PeopleMapping,
    PromotionMapping,
)
from penchant.data.merge import (
    Progress,
    files_table,
    merge_events,
    merge_rows,
    one_row_each,
    write_file,
)
from penchant.data.people import people_table
from penchant.data.quarantine import QUARANTINE_SCHEMA, Receipt
from penchant.data.reading import Reading, Source, read
from penchant.errors import DataError, suggest

LOCK = ".lock"
PEOPLE_SCHEMA = pa.schema([pa.field(c.USER, pa.string(), nullable=False)])


@dataclass(frozen=True)
class Store:
    """An existing store. Raises DataError when `path` isn't one or is of another version.

    Its tables are Ibis tables on `connection`, and can be joined with each other.
    """

    path: Path
    connection: Backend = field(default_factory=connect, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        m.load(self.path)

    @classmethod
    def create(cls, path: str | Path) -> "Store":
        """Make an empty store; DataError when the folder holds something already."""
        folder = Path(path)
        if (folder / m.MANIFEST).is_file():
            raise DataError(f"'{folder}' is a store already; use Store.open.")
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise DataError(f"'{folder}' isn't an empty folder; give a new one for the store.")
        folder.mkdir(parents=True, exist_ok=True)
        m.save(folder, Manifest())
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Open an existing store."""
        return cls(Path(path))

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands now."""
        return m.load(self.path)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        manifest = self.manifest
        return {table: sum(file.rows for file in manifest.of(table)) for table in m.TABLES}

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Times of the first and the last event, or None without events."""
        files = self.manifest.of(m.EVENTS)
        first = [file.first for file in files if file.first]
        last = [file.last for file in files if file.last]
        if not first:
            return None
        return datetime.fromisoformat(min(first)), datetime.fromisoformat(max(last))

    def events(self) -> ir.Table:
        """Events, in the columns of `EVENT_SCHEMA`."""
        return self._table(m.EVENTS, EVENT_SCHEMA)

    def catalog(self) -> ir.Table:
        """The catalog, one row an item."""
        return self._table(m.CATALOG, CATALOG_SCHEMA)

    def people(self) -> ir.Table:
        """Customer attributes, one row a customer; only the column `user` when there are none."""
        held = self.manifest.of(m.PEOPLE)
        schema = None if held else PEOPLE_SCHEMA
        return files_table(self.connection, self.path, held, schema)

    def promotions(self) -> ir.Table:
        """Promotions of items, past and known in advance."""
        return self._table(m.PROMOTIONS, PROMOTION_SCHEMA)

    def holidays(self) -> ir.Table:
        """Holidays, past and to come."""
        return self._table(m.HOLIDAYS, HOLIDAY_SCHEMA)

    def quarantine(self) -> ir.Table:
        """Rows that couldn't be used: source, row, field, reason and content as JSON."""
        return self._table(m.QUARANTINE, QUARANTINE_SCHEMA)

    def verify(self) -> tuple[str, ...]:
        """Recompute every hash; says of each damaged file what is wrong, nothing when all is well.

        Reads every byte of the store.
        """
        return m.damage(self.path, self.manifest)

    def append(
        self,
        source: Source,
        mapping: Mapping | None = None,
        *,
        timezone: str = "UTC",
        progress: Progress | None = None,
    ) -> Receipt:
        """Add events; those the store holds already are counted as duplicates, and not added.

        `timezone` is the shop's: times that carry a zone are put on its wall clock. `progress` is
        called with what is being done, how far, and out of how much. Raises DataError when the
        source can't be read or lacks a column, or when another process is writing.
        """
        if timezone not in available_timezones():
            hint = suggest(timezone, available_timezones()) if timezone else ""
            near = hint if hint.startswith("Did") else "Give one such as 'Europe/Berlin'."
            raise DataError(f"There is no time zone '{timezone}'. {near}")
        with self._writing() as (connection, manifest):
            _tell(progress, "reading", 0)
            reading = read(connection, source)
            _tell(progress, "reading", 1)
            verdict = accept_events(connection, reading, mapping or Mapping(), timezone)
            merged = merge_events(connection, self.path, manifest, verdict.accepted, progress)
            added = _rows(merged, m.EVENTS) - _rows(manifest, m.EVENTS)
            receipt = _receipt(reading, verdict, added)
            if receipt.quarantined:
                folder = f"{m.QUARANTINE}/{m.EVENTS}"
                merged = merge_rows(connection, self.path, merged, folder, verdict.quarantined)
            m.save(self.path, merged)
        return receipt

    def replace_catalog(self, source: Source, mapping: CatalogMapping | None = None) -> Receipt:
        """Put a catalog in the place of the old one; of an item's rows the smallest stays."""
        asked = mapping or CatalogMapping()
        return self._replace(
            m.CATALOG, source, lambda con, reading: accept_catalog(con, reading, asked), [c.ITEM]
        )

    def replace_people(self, source: Source, mapping: PeopleMapping | None = None) -> Receipt:
        """Put customer attributes in the place of the old ones.

        Raises DataError when a customer has rows that differ.
        """
        asked = mapping or PeopleMapping()

        def accept(connection: Backend, reading: Reading) -> Verdict:
            verdict = accept_people(connection, reading, asked)
            people_table(verdict.accepted.distinct().to_pyarrow())
            return verdict

        return self._replace(m.PEOPLE, source, accept)

    def replace_promotions(
        self, source: Source, mapping: PromotionMapping | None = None
    ) -> Receipt:
        """Put promotions in the place of the old ones."""
        asked = mapping or PromotionMapping()
        return self._replace(
            m.PROMOTIONS, source, lambda con, reading: accept_promotions(con, reading, asked)
        )

    def replace_holidays(self, source: Source, mapping: HolidayMapping | None = None) -> Receipt:
        """Put holidays in the place of the old ones."""
        asked = mapping or HolidayMapping()
        return self._replace(
            m.HOLIDAYS, source, lambda con, reading: accept_holidays(con, reading, asked)
        )

    def _replace(
        self,
        table: str,
        source: Source,
        accept: Callable[[Backend, Reading], Verdict],
        keys: Sequence[str] = (),
    ) -> Receipt:
        aside = f"{m.QUARANTINE}/{table}"
        with self._writing() as (connection, manifest):
            reading = read(connection, source)
            verdict = accept(connection, reading)
            rows = verdict.accepted.distinct()
            if keys:
                rows = one_row_each(rows, keys)
            written = [
                write_file(connection, self.path, table, rows),
                write_file(connection, self.path, aside, verdict.quarantined.distinct()),
            ]
            files = [file for file in written if file is not None]
            replaced = manifest.replaced([table, aside], files)
            receipt = _receipt(reading, verdict, _rows(replaced, table))
            m.save(self.path, replaced)
        return receipt

    def _table(self, table: str, schema: pa.Schema) -> ir.Table:
        return files_table(self.connection, self.path, self.manifest.of(table), schema)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Backend, Manifest]]:
        """Hold the store's lock, with a connection for the work and the manifest it starts from."""
        with (self.path / LOCK).open("w") as lock, session() as connection:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(
                    f"Another process is writing to '{self.path}'. Wait until it is done."
                ) from error
            try:
                yield connection, self.manifest
            except duckdb.Error as error:
                raise DataError(
                    f"The work on '{self.path}' stopped: {str(error).splitlines()[0]}. The store "
                    "is as it was before. Store.verify says whether a file is damaged."
                ) from error


def _tell(progress: Progress | None, what: str, done: int) -> None:
    if progress is not None:
        progress(what, done, 1)


def _rows(manifest: Manifest, table: str) -> int:
    return sum(file.rows for file in manifest.of(table))


def _receipt(reading: Reading, verdict: Verdict, added: int) -> Receipt:
    sent = reading.rows.count().execute() + reading.malformed.count().execute()
    counted = verdict.quarantined.group_by(c.REASON).agg(rows=lambda rows: rows.count())
    reasons = {row[c.REASON]: row["rows"] for row in counted.to_pyarrow().to_pylist()}
    clean = verdict.accepted.count().execute()
    return Receipt(
        sent=int(sent),
        accepted=added,
        duplicate=int(clean) - added,
        quarantined=sum(reasons.values()),
        reasons=dict(sorted(reasons.items())),
    )
